/*
 * The checkpoint reader: any bytes are refused with a sentence and change nothing, or are the state they say.
 * HDF5 1.10 does crash on bytes made for it; the seal (h5/h5_disk.h) keeps all but whole files from it, and
 * here is seen that nothing gets past. Seeds: a whole checkpoint of these arrays, the same without its seal,
 * its first half, and an HDF5 file that is none.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "train/checkpoint.h"

enum { N = 3, FILE_BYTES_MAX = 1 << 20, PATH_SIZE = 64 };

static void check(int good, const char *what, const struct err *e)
{
	if (good)
		return;
	fprintf(stderr, "%s: '%s'\n", what, e->text);
	abort();
}

/* The path of a file in memory that holds these bytes. */
static const char *put(const uint8_t *data, size_t size)
{
	static char path[PATH_SIZE];
	static int fd = -1;
	if (fd < 0) {
		fd = memfd_create("checkpoint", 0);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	float x[N] = {1, 2, 3}, momentum[N] = {4, 5, 6};
	const float before[2][N] = {{1, 2, 3}, {4, 5, 6}};
	struct checkpoint_array arrays[] = {{.name = "x", .count = N, .at = x},
	                                    {.name = "momentum/0", .count = N, .at = momentum}};
	struct err e = {0};
	int64_t step = 77;
	if (size > FILE_BYTES_MAX)
		return 0;
	const char *path = put(data, size);
	if (checkpoint_read(path, "0123456789ab", &step, 2, arrays, &e) == 0) {
		check(e.text[0] == '\0' && step >= 0, "accepted with a complaint", &e);
		return 0;
	}
	check(e.code != 0 && strstr(e.text, path) != NULL, "refused without the file's name", &e);
	check(memcmp(x, before[0], sizeof x) == 0 && memcmp(momentum, before[1], sizeof momentum) == 0 &&
	              step == 77,
	      "refused, and changed", &e);
	return 0;
}
