/* Seals: made, checked in memory and on disk. */
#include "h5/h5_seal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"

enum { SUPERBLOCK_BYTES = 64, CHUNK_BYTES = 1 << 20 };

static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};
static const unsigned char seal_mark[12] = "signsgd seal", span_mark[12] = "signsgd span"; /* no final 0 */

/* CRC-32 of any bytes followed by their own CRC-32, lowest byte first. */
static const uint32_t crc_closed = 0x2144DF1C;

static uint64_t get_le(const unsigned char *p, int bytes)
{
	uint64_t value = 0;
	for (int i = bytes - 1; i >= 0; i--)
		value = value << 8 | p[i];
	return value;
}

static void put_le(unsigned char *p, int bytes, uint64_t value)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (unsigned char)(value >> 8 * i);
}

uint32_t h5_crc32(uint32_t before, const void *bytes, size_t count)
{
	return (uint32_t)crc32_z(before, bytes, count);
}

/* crc: of the `bytes` bytes before the seal. */
static void make_seal(unsigned char seal[H5_SEAL_BYTES], uint64_t bytes, uint32_t crc)
{
	memcpy(seal, seal_mark, sizeof seal_mark);
	put_le(seal + 12, 8, bytes);
	put_le(seal + 20, 4, h5_crc32(crc, seal, 20));
}

void h5_seal_make(unsigned char seal[H5_SEAL_BYTES], const unsigned char *image, size_t bytes)
{
	make_seal(seal, bytes, h5_crc32(0, image, bytes));
}

/* --- what a file ends in, and where its data end ------------------------------------------------------- */

struct ending {
	bool sealed;
	struct h5_span span; /* bytes 0: none */
	uint64_t data;       /* bytes before span and seal */
	uint64_t length;     /* what the seal says: bytes before it */
};

/* tail [n]: the last bytes of a file of `bytes`, as many as span and seal have, or all. */
static struct ending read_ending(const unsigned char *tail, size_t n, uint64_t bytes)
{
	struct ending end = {.data = bytes};
	if (n < H5_SEAL_BYTES || memcmp(tail + n - H5_SEAL_BYTES, seal_mark, sizeof seal_mark) != 0)
		return end;
	end.sealed = true;
	end.length = get_le(tail + n - 12, 8);
	end.data -= H5_SEAL_BYTES;
	const unsigned char *span = tail + n - H5_SEAL_BYTES - H5_SPAN_BYTES;
	if (n < H5_SEAL_BYTES + H5_SPAN_BYTES || memcmp(span, span_mark, sizeof span_mark) != 0)
		return end;
	end.data -= H5_SPAN_BYTES;
	end.span =
	        (struct h5_span){get_le(span + 12, 8), get_le(span + 20, 8), (uint32_t)get_le(span + 28, 4)};
	return end;
}

/* Where an HDF5 file's data end, by its superblock (all published versions); 0: no superblock we know. */
static uint64_t end_address(const unsigned char *image)
{
	int version = image[8];
	const unsigned char *base = image + (version == 0 ? 24 : version == 1 ? 28 : 12);
	if (version > 3 || image[version < 2 ? 13 : 9] != 8 || get_le(base, 8) != 0)
		return 0;
	return get_le(base + 16, 8);
}

/*
 * See that HDF5's data end where span and seal begin. head [n]: how the file begins. A file that another
 * program wrote ends where its data end, without a seal; anything else behind the data was a seal, and is
 * damaged. crc: of the whole file, if it is sealed.
 */
static int check(const char *path, bool sealed, const unsigned char *head, size_t n, uint64_t bytes,
                 const struct ending *found, uint32_t crc, struct err *e)
{
	if (n < sizeof signature || memcmp(head, signature, sizeof signature) != 0)
		return err_user(e, "%s: is no HDF5 file (it does not begin as one)", path);
	/* Compared with a constant, so that the right sum appears nowhere but in a whole file. */
	if (found->sealed && (crc != crc_closed || found->length != bytes - H5_SEAL_BYTES))
		return err_user(e, "%s: the file is damaged: its checksum does not fit its %llu bytes", path,
		                (unsigned long long)bytes);
	uint64_t end = n < SUPERBLOCK_BYTES ? SUPERBLOCK_BYTES : end_address(head);
	if (end == 0)
		return err_user(e, "%s: is an HDF5 file of a kind that is not ours (superblock version %d)",
		                path, head[8]);
	if (end > found->data)
		return err_user(e, "%s: the file was cut short: found %llu bytes, expected %llu", path,
		                (unsigned long long)found->data, (unsigned long long)end);
	if (end < found->data)
		return err_user(e, "%s: the file is damaged: its data end after %llu of %llu bytes", path,
		                (unsigned long long)end, (unsigned long long)found->data);
	if (sealed && !found->sealed)
		return err_user(e, "%s: has no seal: the file was cut short or changed by another program",
		                path);
	return 0;
}

int h5_seal_check_image(const char *path, bool sealed, const unsigned char *image, size_t *bytes,
                        struct err *e)
{
	const size_t all = *bytes, most = H5_SEAL_BYTES + H5_SPAN_BYTES, n = all < most ? all : most;
	struct ending end = read_ending(image + all - n, n, all);
	*bytes = (size_t)end.data;
	return check(path, sealed, image, (size_t)end.data, all, &end,
	             end.sealed ? h5_crc32(0, image, all) : 0, e);
}

/* --- on disk ------------------------------------------------------------------------------------------- */

/* `bytes` bytes of the file at `at`. 0, or the error's number; -1 when the file ends early. */
static int read_all(int fd, unsigned char *to, size_t bytes, uint64_t at)
{
	while (bytes > 0) {
		ssize_t got = pread(fd, to, bytes, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? errno : -1;
		to += got;
		at += (uint64_t)got;
		bytes -= (size_t)got;
	}
	return 0;
}

static int sum_range(int fd, uint64_t begin, uint64_t end, uint32_t *crc)
{
	unsigned char *chunk = mem_alloc(CHUNK_BYTES);
	int failed = 0;
	while (begin < end && !failed) {
		size_t n = end - begin < CHUNK_BYTES ? (size_t)(end - begin) : CHUNK_BYTES;
		failed = read_all(fd, chunk, n, begin);
		*crc = failed ? *crc : h5_crc32(*crc, chunk, n);
		begin += n;
	}
	mem_free(chunk);
	return failed;
}

/* CRC-32 of the file's first `bytes` bytes; the span's is taken as it is written down. */
static int sum_around(int fd, uint64_t bytes, const struct h5_span *span, uint32_t *crc)
{
	const uint64_t behind = span->begin + span->bytes;
	*crc = 0;
	if (span->bytes == 0)
		return sum_range(fd, 0, bytes, crc);
	int failed = sum_range(fd, 0, span->begin, crc);
	*crc = (uint32_t)crc32_combine(*crc, span->crc, (z_off_t)span->bytes);
	return failed ? failed : sum_range(fd, behind, bytes, crc);
}

static int say_failed(const char *path, int failed, struct err *e)
{
	if (failed < 0)
		return err_world(e, "%s: became shorter while it was read", path);
	return err_world(e, "%s: cannot be read: %s", path, strerror(failed));
}

/* How a file begins, and how it ends. */
struct ends {
	uint64_t bytes;
	unsigned char head[SUPERBLOCK_BYTES], tail[H5_SEAL_BYTES + H5_SPAN_BYTES];
	size_t n_head, n_tail;
};

static int read_ends(int fd, const char *path, struct ends *out, struct err *e)
{
	struct stat st;
	if (fstat(fd, &st))
		return say_failed(path, errno, e);
	if (!S_ISREG(st.st_mode))
		return err_user(e, "%s: is %s, expected a file", path,
		                S_ISDIR(st.st_mode) ? "a folder" : "a device or pipe");
	out->bytes = (uint64_t)st.st_size;
	out->n_head = out->bytes < sizeof out->head ? (size_t)out->bytes : sizeof out->head;
	out->n_tail = out->bytes < sizeof out->tail ? (size_t)out->bytes : sizeof out->tail;
	int failed = read_all(fd, out->head, out->n_head, 0);
	if (!failed)
		failed = read_all(fd, out->tail, out->n_tail, out->bytes - out->n_tail);
	return failed ? say_failed(path, failed, e) : 0;
}

static int check_open(int fd, const char *path, struct ending *end, struct err *e)
{
	struct ends f;
	uint32_t crc = 0;
	if (read_ends(fd, path, &f, e))
		return -1;
	*end = read_ending(f.tail, f.n_tail, f.bytes);
	const struct h5_span *s = &end->span;
	if (s->bytes > end->data || s->begin > end->data - s->bytes)
		return err_user(e, "%s: the file is damaged: what its seal says lies outside of it", path);
	int failed = end->sealed ? sum_around(fd, f.bytes, s, &crc) : 0;
	if (failed)
		return say_failed(path, failed, e);
	size_t n = end->data < f.n_head ? (size_t)end->data : f.n_head;
	return check(path, false, f.head, n, f.bytes, end, crc, e);
}

int h5_seal_check_file(const char *path, bool *sealed, struct h5_span *span, struct err *e)
{
	struct ending end = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer must not block */
	if (fd < 0)
		return err_user(e, "%s: cannot be opened: %s", path, strerror(errno));
	int rc = check_open(fd, path, &end, e);
	close(fd);
	*sealed = end.sealed;
	*span = end.span;
	return rc;
}

bool h5_seal_is_there(const char *path, bool *spans)
{
	struct ends f;
	struct ending end = {0};
	struct err ignored = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && !read_ends(fd, path, &f, &ignored))
		end = read_ending(f.tail, f.n_tail, f.bytes);
	if (fd >= 0)
		close(fd);
	*spans = end.span.bytes > 0;
	return end.sealed;
}

int h5_seal_append(const char *path, const struct h5_span *span, struct err *e)
{
	unsigned char end[H5_SPAN_BYTES + H5_SEAL_BYTES];
	uint32_t crc = 0;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	int failed = size < 0 ? errno : sum_around(fd, (uint64_t)size, span, &crc);
	memcpy(end, span_mark, sizeof span_mark);
	put_le(end + 12, 8, span->begin);
	put_le(end + 20, 8, span->bytes);
	put_le(end + 28, 4, span->crc);
	make_seal(end + H5_SPAN_BYTES, (uint64_t)size + H5_SPAN_BYTES, h5_crc32(crc, end, H5_SPAN_BYTES));
	if (!failed && pwrite(fd, end, sizeof end, size) != (ssize_t)sizeof end)
		failed = errno ? errno : ENOSPC;
	if (fd >= 0 && close(fd) && !failed)
		failed = errno;
	return failed ? err_world(e, "%s: cannot be sealed: %s", path,
	                          failed < 0 ? "it became shorter" : strerror(failed))
	              : 0;
}
