/* links: lib sandbox */
/*
 * The set file parser and the compiler behind it. Input: one set file. What is
 * understood must become a program that seccomp_check() accepts, or one that is
 * too long; what is not must be told with the file and the line.
 */
#include "sandbox/sysset.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy of exactly this length, so that a read behind it is seen */
	char *text = malloc(size + !size);
	struct sysset_files files = { .n = 1 };
	struct seccomp_spec spec = { .n_sets = 1 };
	struct seccomp_prog p = { NULL, 0 };
	struct err e = ERR_INIT;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	memcpy(files.v[0].name, "fuzz", 5);
	files.v[0].text = text;
	files.v[0].len = size;
	if (sysset_build(&files, &spec, AUDIT_ARCH_X86_64, &p, &e) == 0) {
		if (seccomp_check(p.insns, p.n) < 0)
			abort();
		seccomp_prog_done(&p);
	} else if (!e.text[0] || p.insns ||
		   (e.code == -EINVAL && !strstr(e.text, "fuzz.set:"))) {
		abort();
	}
	sysset_files_done(&files);
	return 0;
}
