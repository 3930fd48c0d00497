/* What folders and packs share: the memory of a split, and reading a file's bytes. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/image/image_set_internal.h"
#include "h5/h5_seal.h"

enum { FILE_BYTES_MAX = 1 << 30 };

void image_set_alloc(struct image_set *p, int split, size_t n)
{
	p->at[split] = mem_array(n, sizeof **p->at);
	p->n[split] = n;
}

static int read_at(int fd, const char *name, uint64_t begin, uint64_t bytes, struct file_bytes *out,
                   struct err *e)
{
	if (bytes > FILE_BYTES_MAX)
		return err_user(e, "%s: has %llu bytes, expected at most 1 GiB", name,
		                (unsigned long long)bytes);
	if (bytes > out->size) {
		mem_free(out->at);
		out->size = bytes;
		out->at = mem_alloc(bytes);
	}
	out->n = 0;
	while (out->n < bytes) {
		ssize_t got = pread(fd, out->at + out->n, bytes - out->n, (off_t)(begin + out->n));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_world(e, "%s: cannot be read: %s", name, strerror(errno));
		if (got == 0)
			return err_user(e, "%s: shrank while it was read", name);
		out->n += (size_t)got;
	}
	return 0;
}

static int read_from_pack(const struct image_set *p, const struct image_file *f, struct file_bytes *out,
                          struct err *e)
{
	if (read_at(p->pack, p->path, f->begin, f->bytes, out, e))
		return -1;
	if (!p->sealed || h5_crc32(0, out->at, out->n) == f->crc)
		return 0;
	return err_user(e, "%s: the pack is damaged: the checksum of %s does not fit its %zu bytes", p->path,
	                f->name, out->n);
}

int image_set_read(const struct image_set *p, const struct image_file *f, struct file_bytes *out,
                   struct err *e)
{
	if (p->pack >= 0)
		return read_from_pack(p, f, out, e);
	struct stat st;
	char *path = mem_format("%s/%s", p->path, f->name);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK),
	    rc; /* O_NONBLOCK: do not wait for the other end of a pipe */
	if (fd < 0 || fstat(fd, &st))
		rc = err_user(e, "%s: cannot be read: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		rc = err_user(e, "%s: is no regular file, expected an image", path);
	else
		rc = read_at(fd, path, 0, (uint64_t)st.st_size, out, e);
	if (fd >= 0)
		close(fd);
	mem_free(path);
	return rc;
}
