/*
 * The IDX reader. A source gives the unpacked bytes of a file, packed or not; the reader compares them with
 * what is expected. zlib's gz* functions ignore bytes behind a gzip stream without a word, so the stream is
 * unpacked here with inflate().
 */
#include "data/image/idx.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/mem.h"

enum { CHUNK = 1 << 16, GZIP_ONLY = 16 + MAX_WBITS };

struct source {
	const char *path;
	FILE *file;
	bool gzip, gzip_ended;
	z_stream z;
	uint64_t given; /* unpacked bytes so far */
	uint32_t crc;   /* of them */
	uint8_t in[CHUNK], skipped[CHUNK];
};

static int source_open(struct source *s, const char *path, struct err *e)
{
	struct stat st;
	s->path = path;
	s->file = fopen(path, "rbe");
	if (!s->file || fstat(fileno(s->file), &st))
		return err_world(e, "%s: cannot be read: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_user(e, "%s: is no regular file, expected an IDX file", path);
	size_t n = fread(s->in, 1, CHUNK, s->file);
	s->gzip = n >= 2 && s->in[0] == 0x1f && s->in[1] == 0x8b;
	s->z.next_in = s->in;
	s->z.avail_in = (uInt)n;
	if (s->gzip && inflateInit2(&s->z, GZIP_ONLY) != Z_OK)
		die("zlib: no memory to unpack %s", path);
	return 0;
}

static void source_close(struct source *s)
{
	if (s->gzip)
		inflateEnd(&s->z);
	if (s->file)
		fclose(s->file);
	mem_free(s);
}

/* Read more packed bytes if none are left, unless the file is at its end. */
static int refill(struct source *s, struct err *e)
{
	if (s->z.avail_in > 0)
		return 0;
	s->z.next_in = s->in;
	s->z.avail_in = (uInt)fread(s->in, 1, CHUNK, s->file);
	if (ferror(s->file))
		return err_world(e, "%s: cannot be read: %s", s->path, strerror(errno));
	return 0;
}

/* Unpack the bytes that were read into z.next_out. */
static int unpack(struct source *s, struct err *e)
{
	if (!s->gzip) {
		uInt n = s->z.avail_in < s->z.avail_out ? s->z.avail_in : s->z.avail_out;
		memcpy(s->z.next_out, s->z.next_in, n);
		s->z.next_in += n;
		s->z.next_out += n;
		s->z.avail_in -= n;
		s->z.avail_out -= n;
		return 0;
	}
	int rc = inflate(&s->z, Z_NO_FLUSH);
	if (rc == Z_MEM_ERROR)
		die("zlib: no memory to unpack %s", s->path);
	s->gzip_ended = rc == Z_STREAM_END;
	if (rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR)
		return 0;
	return err_user(e, "%s: found a damaged gzip stream (%s), expected an IDX file packed with gzip",
	                s->path, s->z.msg ? s->z.msg : zError(rc));
}

/* The next n bytes to `to`; *got is less than n only at the end. */
static int source_read(struct source *s, uint8_t *to, uInt n, uInt *got, struct err *e)
{
	s->z.next_out = to;
	s->z.avail_out = n;
	while (s->z.avail_out > 0 && !s->gzip_ended) {
		if (refill(s, e))
			return -1;
		if (s->z.avail_in == 0)
			break;
		if (unpack(s, e))
			return -1;
	}
	*got = n - s->z.avail_out;
	s->given += *got;
	s->crc = (uint32_t)crc32(s->crc, to, *got);
	return 0;
}

/* Exactly n bytes to `to`; NULL: skip them. `whole`: bytes that the file must have. */
static int source_take(struct source *s, uint8_t *to, uint64_t n, uint64_t whole, struct err *e)
{
	while (n > 0) {
		uInt got, part = n < CHUNK ? (uInt)n : CHUNK;
		if (source_read(s, to ? to : s->skipped, part, &got, e))
			return -1;
		if (got < part) {
			bool cut = s->gzip && !s->gzip_ended;
			return err_user(e, "%s: %s after %llu bytes%s, expected %llu", s->path,
			                cut ? "the gzip stream is cut off" : "ends",
			                (unsigned long long)s->given, s->gzip ? " unpacked" : "",
			                (unsigned long long)whole);
		}
		n -= part;
		to = to ? to + part : NULL;
	}
	return 0;
}

/* Check the end: no unpacked byte may follow, no byte behind the gzip stream, and its checksums must be
 * there. */
static int source_finish(struct source *s, struct err *e)
{
	uInt got;
	uint64_t whole = s->given;
	if (source_read(s, s->skipped, 1, &got, e))
		return -1;
	if (got > 0)
		return err_user(e, "%s: goes on after the last sample, expected its end at byte %llu%s",
		                s->path, (unsigned long long)whole, s->gzip ? " unpacked" : "");
	if (s->gzip && !s->gzip_ended)
		return err_user(e, "%s: the gzip stream is cut off before its checksums", s->path);
	if (refill(s, e))
		return -1;
	if (s->z.avail_in > 0)
		return err_user(e, "%s: found bytes behind the gzip stream, expected the file's end",
		                s->path);
	return 0;
}

static uint32_t word_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int check_header(struct source *s, const struct idx_shape *x, uint64_t whole, struct err *e)
{
	uint8_t bytes[4 * (1 + IDX_RANK_MAX)];
	if (source_take(s, bytes, 4, whole, e))
		return -1;
	uint32_t magic = 0x0800u | (uint32_t)x->rank;
	if (word_at(bytes) != magic)
		return err_user(e, "%s: found magic word 0x%08x, expected 0x%08x (unsigned bytes, rank %d)",
		                s->path, word_at(bytes), magic, x->rank);
	if (source_take(s, bytes + 4, 4 * (uint64_t)x->rank, whole, e))
		return -1;
	for (int i = 0; i < x->rank; i++) {
		uint32_t found = word_at(bytes + 4 * (1 + i));
		if (found == x->dims[i])
			continue;
		if (i == 0)
			return err_user(e, "%s: found %u samples, expected %u", s->path, found, x->dims[0]);
		return err_user(e, "%s: found %u in dimension %d of the samples, expected %u", s->path, found,
		                i, x->dims[i]);
	}
	return 0;
}

int idx_read(const char *path, const struct idx_shape *expected, size_t keep, uint8_t *out, uint32_t *crc,
             struct err *e)
{
	if (expected->rank < 1 || expected->rank > IDX_RANK_MAX || keep > expected->dims[0])
		BUG("an impossible IDX shape was asked for");
	uint64_t sample = 1, header = 4 * (1 + (uint64_t)expected->rank);
	for (int i = 1; i < expected->rank; i++)
		sample *= expected->dims[i];
	uint64_t whole = header + expected->dims[0] * sample;

	struct source *s = mem_alloc(sizeof(*s));
	int rc = source_open(s, path, e);
	if (rc == 0)
		rc = check_header(s, expected, whole, e);
	if (rc == 0)
		rc = source_take(s, out, keep * sample, whole, e);
	if (rc == 0)
		rc = source_take(s, NULL, (expected->dims[0] - keep) * sample, whole, e);
	if (rc == 0)
		rc = source_finish(s, e);
	*crc = s->crc;
	source_close(s);
	return rc;
}

int idx_check_labels(const char *path, const uint8_t *labels, size_t n, int n_classes, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (labels[i] >= n_classes)
			return err_user(e, "%s: found label %d at sample %zu, expected 0 to %d", path,
			                labels[i], i, n_classes - 1);
	return 0;
}
