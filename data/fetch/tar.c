/* Blocks of 512 bytes: a header, then the member's bytes, filled up to a whole block. */
#include "data/fetch/tar.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "data/fetch/place.h"

enum {
	BLOCK = 512,
	COPY_BYTES = 1 << 16,
	NAME_BYTES = 100,
	SIZE_AT = 124,
	SIZE_BYTES = 12,
	SUM_AT = 148,
	TYPE_AT = 156
};

/* Far above every archive that the program knows. */
#define UNPACKED_BYTES_MAX ((uint64_t)4 << 30)

struct tar {
	const char *path;
	gzFile file;
	uint64_t taken; /* unpacked bytes so far */
	uint8_t bytes[COPY_BYTES];
};

/* The next n <= COPY_BYTES bytes. */
static int take(struct tar *t, size_t n, struct err *e)
{
	int code = Z_OK;
	if (t->taken + n > UNPACKED_BYTES_MAX)
		return err_user(e, "%s: unpacks to more than 4 GiB", t->path);
	int got = gzread(t->file, t->bytes, (unsigned)n);
	if (got == (int)n) {
		t->taken += n;
		return 0;
	}
	const char *why = gzerror(t->file, &code);
	if (code == Z_OK || code == Z_BUF_ERROR)
		return err_user(e, "%s: ends in the middle, after %llu bytes unpacked", t->path,
		                (unsigned long long)t->taken + (got > 0 ? (unsigned)got : 0));
	return err_user(e, "%s: found a damaged gzip stream: %s", t->path,
	                code == Z_ERRNO ? strerror(errno) : why);
}

/* A number in octal digits; UINT64_MAX if it is not one. */
static uint64_t octal(const uint8_t *p, size_t n)
{
	uint64_t value = 0;
	size_t i = 0;
	while (i < n && p[i] == ' ')
		i++;
	for (; i < n && p[i] && p[i] != ' '; i++) {
		if (p[i] < '0' || p[i] > '7')
			return UINT64_MAX;
		value = value * 8 + (uint64_t)(p[i] - '0');
	}
	return value;
}

/* Is the header's checksum right? It is the sum of its bytes, with spaces in place of the checksum. */
static int sums_up(const uint8_t *header)
{
	uint64_t sum = 0;
	for (int i = 0; i < BLOCK; i++)
		sum += i >= SUM_AT && i < SUM_AT + 8 ? ' ' : header[i];
	return sum == octal(header + SUM_AT, 8);
}

/* The wanted file of this header, or NULL. */
static const struct data_file *wanted(const uint8_t *header, const struct data_file *files)
{
	char name[NAME_BYTES + 1] = "";
	memcpy(name, header, NAME_BYTES);
	const char *last = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	if (header[TYPE_AT] != '0' && header[TYPE_AT] != '\0')
		return NULL;
	for (const struct data_file *f = files; f->name; f++)
		if (strcmp(f->name, last) == 0)
			return f;
	return NULL;
}

/* Copy the member's bytes to `out`, or skip them if it is NULL; then skip the filling. */
static int copy(struct tar *t, uint64_t size, FILE *out, const char *to, struct err *e)
{
	for (uint64_t left = size; left > 0;) {
		size_t n = left < COPY_BYTES ? (size_t)left : COPY_BYTES;
		size_t block = (n + BLOCK - 1) / BLOCK * BLOCK;
		if (take(t, block, e))
			return -1;
		if (out && fwrite(t->bytes, 1, n, out) != n)
			return err_world(e, "%s: cannot be written: %s", to, strerror(errno));
		left -= n;
	}
	return 0;
}

static int check(const char *part, const struct data_file *f, struct err *e)
{
	char found[65];
	if (sha256_file(part, found, e))
		return -1;
	if (strcmp(found, f->sha256))
		return err_user(e, "%s: found SHA-256 %s, expected %s", f->name, found, f->sha256);
	return 0;
}

static int unpack_file(struct tar *t, uint64_t size, const struct data_file *f, const char *dir,
                       struct err *e)
{
	if (size != f->bytes)
		return err_user(e, "%s: found %s of %llu bytes in it, expected %zu", t->path, f->name,
		                (unsigned long long)size, f->bytes);
	char *path = mem_format("%s/%s", dir, f->name),
	     *part = mem_format("%s.%ld.part", path, (long)getpid());
	FILE *out = place_begin(part, e);
	int rc = out ? copy(t, size, out, part, e) : -1;
	if (out && fclose(out) && !rc)
		rc = err_world(e, "%s: cannot be written: %s", part, strerror(errno));
	if (!rc)
		rc = check(part, f, e);
	if (!rc)
		rc = place_end(part, path, f, e);
	if (rc && out)
		unlink(part);
	mem_free(path);
	mem_free(part);
	return rc;
}

/* Unpack one member. *ended is set at the block of zeros that ends an archive. */
static int unpack_member(struct tar *t, const struct data_file *files, const char *dir, uint64_t *done,
                         int *ended, struct err *e)
{
	uint8_t header[BLOCK];
	if (take(t, BLOCK, e))
		return -1;
	memcpy(header, t->bytes, BLOCK);
	*ended = header[0] == '\0';
	if (*ended)
		return 0;
	if (!sums_up(header))
		return err_user(e, "%s: found a damaged header before byte %llu, expected a tar archive",
		                t->path, (unsigned long long)t->taken);
	uint64_t size = octal(header + SIZE_AT, SIZE_BYTES);
	const struct data_file *f = wanted(header, files);
	if (!f)
		return copy(t, size, NULL, NULL, e);
	*done |= (uint64_t)1 << (f - files);
	return unpack_file(t, size, f, dir, e);
}

int tar_unpack(const char *archive, const struct data_file *files, const char *dir, struct err *e)
{
	struct tar *t = mem_alloc(sizeof *t);
	uint64_t done = 0;
	int rc = 0, ended = 0;
	t->path = archive;
	t->file = gzopen(archive, "rbe");
	if (!t->file)
		rc = err_world(e, "%s: cannot be read: %s", archive, strerror(errno));
	while (!rc && !ended)
		rc = unpack_member(t, files, dir, &done, &ended, e);
	for (const struct data_file *f = files; f->name && !rc; f++)
		if (!(done >> (f - files) & 1))
			rc = err_user(e, "%s: holds no %s", archive, f->name);
	if (t->file)
		gzclose(t->file);
	mem_free(t);
	return rc;
}
