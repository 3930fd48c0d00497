/* For tests of files: a folder of their own, raw bytes, damage, and the readers that users have. */
#ifndef SIGNSGD_TESTS_SUPPORT_H5_FILES_H
#define SIGNSGD_TESTS_SUPPORT_H5_FILES_H

#include <criterion/criterion.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include "base/mem.h"
#include "tests/support/process.h"

enum { FILES_PATH = 512, FILES_COMMAND = 8192, CHILD_SECONDS = 60 };

/* Made before and removed after each test of a suite that names these two. */
static char files_folder[FILES_PATH / 2];

static inline void files_begin(void)
{
	const char *parent = getenv("TMPDIR");
	snprintf(files_folder, sizeof files_folder, "%s/signsgd-h5-XXXXXX", parent ? parent : "/tmp");
	cr_assert_not_null(mkdtemp(files_folder));
}

static inline void files_end(void)
{
	folder_remove(files_folder);
}

/* A path in the folder. The text stays good for eight more calls. */
static inline const char *in_folder(const char *name)
{
	static char paths[8][FILES_PATH];
	static int next;
	char *path = paths[next++ % 8];
	snprintf(path, FILES_PATH, "%s/%s", files_folder, name);
	return path;
}

/* Run a shell's line. Did it end well? */
__attribute__((format(printf, 1, 2))) static inline bool shell(const char *fmt, ...)
{
	char line[FILES_COMMAND];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	return system(line) == 0;
}

static inline bool have_h5dump(void)
{
	return shell("command -v h5dump >/dev/null");
}

/* A Python that has h5py, or NULL. */
static inline const char *h5py(void)
{
	const char *python = getenv("SIGNSGD_PYTHON");
	if (!python || !python[0])
		python = "/usr/bin/python3";
	return shell("'%s' -c 'import h5py' >/dev/null 2>&1", python) ? python : NULL;
}

static inline unsigned char *file_bytes(const char *path, size_t *count)
{
	FILE *f = fopen(path, "rb");
	cr_assert_not_null(f, "%s: %s", path, strerror(errno));
	fseek(f, 0, SEEK_END);
	*count = (size_t)ftell(f);
	rewind(f);
	unsigned char *bytes = mem_alloc(*count);
	cr_assert_eq(fread(bytes, 1, *count, f), *count);
	fclose(f);
	return bytes;
}

static inline void file_put(const char *path, const void *bytes, size_t count)
{
	FILE *f = fopen(path, "wb");
	cr_assert_not_null(f, "%s: %s", path, strerror(errno));
	cr_assert_eq(fwrite(bytes, 1, count, f), count);
	fclose(f);
}

static inline bool file_there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* A sequence of numbers that is the same in every run of the tests. */
static inline uint64_t next_number(uint64_t *state)
{
	*state += 0x9E3779B97F4A7C15u;
	uint64_t z = *state;
	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return z ^ z >> 31;
}

/* What disks and copies do to files: flipped bits, lost blocks, a lost end, a foreign end. New length. */
static inline size_t damage(unsigned char *bytes, size_t count, uint64_t *state)
{
	size_t at = next_number(state) % count, length = 1 + next_number(state) % 512;
	if (length > count - at)
		length = count - at;
	switch (next_number(state) % 5) {
	case 0:
		return at;
	case 1:
		memset(bytes + at, 0, length);
		return count;
	case 2:
		for (size_t i = 0; i < length; i++)
			bytes[at + i] = (unsigned char)next_number(state);
		return count;
	default:
		for (uint64_t flips = 1 + next_number(state) % 8; flips > 0; flips--)
			bytes[next_number(state) % count] ^= (unsigned char)(1u << next_number(state) % 8);
		return count;
	}
}

/* Do `work` in a process of its own, so that a crash is seen and not shared: 0 when it ended well. */
static inline int in_child(int (*work)(void *ctx), void *ctx)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(CHILD_SECONDS); /* a hang is a crash too */
		_exit(work(ctx));
	}
	return program_wait(pid);
}

static inline void sleep_us(uint64_t us)
{
	struct timespec t = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
	nanosleep(&t, NULL);
}

#endif
