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
