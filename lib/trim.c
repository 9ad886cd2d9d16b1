/*
 * What a start touched once (parsers, loaders, libc's own start) stays mapped
 * and counts as memory of the process. Only read-only segments are let go: what
 * is writable, relocations included, exists nowhere else.
 */
#include "lib/trim.h"

#include "lib/macro.h"

#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096ul /* the smallest there is; madvise rounds the rest */
#define PHDRS_MAX 32
#define PIECE (8ul * 1024)
#define STACK_MAX (256ul * 1024)

/*
 * The kernel maps what lies around each page that is used, 64 KiB at a time,
 * and most of that is used by nobody; but never beyond a border of advice. So
 * every other piece gets one that changes nothing: code is in no core dump
 * anyway.
 */
static void
divide(uintptr_t from, uintptr_t to)
{
	for (; from + PIECE < to; from += 2 * PIECE)
		(void)madvise((void *)from, PIECE, MADV_DONTDUMP);
}

static int
trim_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	ElfW(Phdr) phdr[PHDRS_MAX];
	int n = MIN(info->dlpi_phnum, PHDRS_MAX);

	(void)size;
	(void)arg;
	/* A copy: the headers lie in what is let go. */
	memcpy(phdr, info->dlpi_phdr, (size_t)n * sizeof(phdr[0]));
	for (int i = 0; i < n; i++) {
		const ElfW(Phdr) *p = &phdr[i];
		uintptr_t from = info->dlpi_addr + p->p_vaddr;
		uintptr_t to = from + p->p_memsz;

		if (p->p_type != PT_LOAD || p->p_flags & PF_W)
			continue;
		from &= ~(PAGE - 1);
		to &= ~(PAGE - 1);
		/* A hint: nothing depends on it. */
		if (to > from + 4 * PIECE)
			divide(from, to);
		if (to > from)
			(void)madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

void
trim_code(void)
{
	dl_iterate_phdr(trim_object, NULL);
}

__attribute__((noinline)) void
trim_stack(void)
{
	uintptr_t to = (uintptr_t)__builtin_frame_address(0) & ~(PAGE - 1);

	/* A page is left for the call itself. Page by page, as the stack may
	 * not reach so far; what is below it is a gap of 128 MiB and more
	 * (mmap_base() in mm/util.c). */
	to -= PAGE;
	for (uintptr_t at = to - STACK_MAX; at < to; at += PAGE)
		(void)madvise((void *)at, PAGE, MADV_DONTNEED);
}
