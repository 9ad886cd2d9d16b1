/*
 * The program's own note, from where the kernel mapped it: no file is read, so
 * it is that of the code that runs, whatever lies at its path by now.
 */
#include "lib/build_id.h"

#include "lib/macro.h"

#include <link.h>
#include <string.h>

#define ALIGNED(n) (((n) + 3) & ~(size_t)3)

struct text {
	char *buf;
	size_t size;
};

static void
put_hex(const struct text *t, const unsigned char *id, size_t n)
{
	for (size_t i = 0; i < n && 2 * i + 3 <= t->size; i++)
		snprintf(t->buf + 2 * i, 3, "%02x", id[i]);
}

/* elf(5), "Notes": head, name and contents, each of them padded. */
static int
find_note(const char *p, size_t len, const struct text *t)
{
	ElfW(Nhdr) h;

	while (len >= sizeof(h)) {
		size_t name, all;

		memcpy(&h, p, sizeof(h));
		name = sizeof(h) + ALIGNED(h.n_namesz);
		all = name + ALIGNED(h.n_descsz);
		if (all > len)
			return 0;
		if (h.n_type == NT_GNU_BUILD_ID && h.n_namesz == 4 &&
		    h.n_descsz && !memcmp(p + sizeof(h), "GNU", 4)) {
			put_hex(t, (const unsigned char *)p + name, h.n_descsz);
			return 1;
		}
		p += all;
		len -= all;
	}
	return 0;
}

/* The first object is the program itself, dl_iterate_phdr(3). */
static int
look(struct dl_phdr_info *info, size_t size, void *arg)
{
	int found = 0;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum && !found; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_NOTE)
			found = find_note(
				(const char *)(info->dlpi_addr + ph->p_vaddr),
				ph->p_memsz, arg);
	}
	return found ? 1 : -1;
}

int
build_id(char *buf, size_t size)
{
	struct text t = { buf, size };

	return dl_iterate_phdr(look, &t) > 0 ? 0 : -ENOENT;
}
