/*
 * Feeds every file of the given folders, whole and cut in half, and the empty
 * input to a fuzz target, without libFuzzer: so the corpus is a regression
 * test for any compiler. Built with sanitizers, which end the process at the
 * first fault; a file's name is printed before it is used.
 */
#include "tests/fuzz/fuzz.h"

#include "lib/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#define INPUT_MAX (16u << 20)

/* A copy of exactly the right size, so that one byte too far is seen. */
static bool
replay_one(const char *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		return false;
	memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
	return true;
}

static bool
replay_file(int dir, const char *name)
{
	_cleanup_free_ char *data = NULL;
	ssize_t len = fd_read_file(dir, name, INPUT_MAX, &data);

	if (len < 0) {
		printf("not ok - %s: %s\n", name, strerror((int)-len));
		return false;
	}
	if (!replay_one(data, (size_t)len))
		return false;
	/* half of it: what a broken writer would leave */
	return replay_one(data, (size_t)len / 2);
}

/* Counts into *passed and *failed. */
static void
replay_folder(const char *path, unsigned int *passed, unsigned int *failed)
{
	struct dirent *de;
	DIR *d = opendir(path);

	if (!d) {
		printf("not ok - no corpus: %s\n", path);
		++*failed;
		return;
	}
	while ((de = readdir(d))) {
		if (de->d_name[0] == '.')
			continue;
		printf("# %s\n", de->d_name);
		fflush(stdout);
		if (replay_file(dirfd(d), de->d_name))
			++*passed;
		else
			++*failed;
	}
	closedir(d);
}

int
main(int argc, char **argv)
{
	unsigned int passed = 0, failed = 0;

	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++)
		replay_folder(argv[i], &passed, &failed);
	if (!passed && !failed) {
		puts("not ok - nothing to replay");
		failed = 1;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed ? 1 : 0;
}
