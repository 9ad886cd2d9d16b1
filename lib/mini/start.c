/*
 * How agentbox-stage and agentbox-guard start: a C library that is as small as
 * they are. The usual one asks the processor for its features dozens of times
 * at each start (each asking leaves a virtual machine for its host: 0.6 ms of a
 * launch), and its pages would stay in every box.
 *
 * The rest of lib/mini has the names of libc, so their sources do not know the
 * difference; where the Makefile does not use it (sanitizers, dynamic linking,
 * other processors), the same sources link with libc.
 */
#include "lib/raw.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
#define R_RELATIVE R_X86_64_RELATIVE
/* The stack starts with argc, argv (x86-64 psABI 3.4.1). */
__asm__(".globl _start\n"
	".type _start, @function\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call mini_start\n");
#elif defined(__aarch64__)
#define R_RELATIVE R_AARCH64_RELATIVE
__asm__(".globl _start\n"
	".type _start, %function\n"
	"_start:\n"
	"	mov x29, #0\n"
	"	mov x30, #0\n"
	"	mov x0, sp\n"
	"	bl mini_start\n");
#endif

/* What -fstack-protector compares with: a global, as there is no thread
 * pointer. The Makefile says -mstack-protector-guard=global. */
uintptr_t __stack_chk_guard;

static struct dl_phdr_info self;

extern ElfW(Dyn) _DYNAMIC[] __attribute__((visibility("hidden")));
int main(int argc, char **argv);
_Noreturn void mini_start(const uintptr_t *stack);
_Noreturn void __stack_chk_fail(void);
_Noreturn void mini_die(const char *text, size_t len);

_Noreturn void
mini_die(const char *text, size_t len)
{
	raw_call(SYS_write, 2, (long)(uintptr_t)text, (long)len, 0, 0, 0);
	for (;;)
		raw_call(SYS_exit_group, 127, 0, 0, 0, 0, 0);
}

_Noreturn void
__stack_chk_fail(void)
{
	static const char text[] = "agentbox: stack smashed\n";

	mini_die(text, sizeof(text) - 1);
}

/* The linker leaves addresses as offsets from where the program lies. Nothing
 * here may use such an address itself. */
static inline void
relocate(uintptr_t base)
{
	const ElfW(Rela) *r = NULL;
	size_t size = 0;

	for (const ElfW(Dyn) *d = _DYNAMIC; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_RELA)
			r = (const void *)(base + d->d_un.d_ptr);
		else if (d->d_tag == DT_RELASZ)
			size = d->d_un.d_val;
	}
	for (; r && size >= sizeof(*r); size -= sizeof(*r), r++) {
		if (ELF64_R_TYPE(r->r_info) != R_RELATIVE)
			__builtin_trap();
		*(uintptr_t *)(base + r->r_offset) =
			base + (uintptr_t)r->r_addend;
	}
}

/* What only relocation writes to is read-only from here on. */
static inline void
protect(const ElfW(Phdr) * p, size_t n, uintptr_t base)
{
	for (size_t i = 0; i < n; i++) {
		uintptr_t from = base + p[i].p_vaddr;
		uintptr_t to = from + p[i].p_memsz;

		if (p[i].p_type != PT_GNU_RELRO)
			continue;
		from &= -(uintptr_t)4096;
		to &= -(uintptr_t)4096;
		if (raw_call(SYS_mprotect, (long)from, (long)(to - from),
			     PROT_READ, 0, 0, 0) < 0)
			__builtin_trap();
	}
}

static inline uintptr_t
base_of(const ElfW(Phdr) * p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i].p_type == PT_DYNAMIC)
			return (uintptr_t)_DYNAMIC - p[i].p_vaddr;
	__builtin_trap();
}

/* It does not return, so that the stack protector, which it sets up, has
 * nothing to check in it. */
__attribute__((used)) _Noreturn void
mini_start(const uintptr_t *stack)
{
	const uintptr_t *aux = stack + 1 + stack[0] + 1;
	const ElfW(Phdr) *phdr = NULL;
	const uintptr_t *seed = NULL;
	size_t n = 0;
	uintptr_t base;

	while (*aux) /* the environment, which nothing here looks at */
		aux++;
	for (aux++; aux[0] != AT_NULL; aux += 2) {
		if (aux[0] == AT_PHDR)
			phdr = (const void *)aux[1];
		else if (aux[0] == AT_PHNUM)
			n = aux[1];
		else if (aux[0] == AT_RANDOM)
			seed = (const void *)aux[1];
	}
	base = base_of(phdr, n);
	relocate(base);
	protect(phdr, n, base);
	/* A zero byte first, which no string runs over. */
	__stack_chk_guard = seed ? *seed & ~(uintptr_t)0xff : 0x5bd1e99500;
	self = (struct dl_phdr_info){ .dlpi_addr = base,
				      .dlpi_name = "",
				      .dlpi_phdr = phdr,
				      .dlpi_phnum = (ElfW(Half))n };
	_exit(main((int)stack[0], (char **)(uintptr_t)(stack + 1)));
}

int
dl_iterate_phdr(int (*fn)(struct dl_phdr_info *, size_t, void *), void *arg)
{
	return fn(&self, sizeof(self), arg);
}
