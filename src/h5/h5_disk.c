/* Whole files to memory and back: temporary name, seal, rename. */
#include "h5/h5_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "h5/h5_seal.h"

enum { LOCK_TRIES = 100 };

/*
 * How a file begins while it is written. HDF5's own first bytes take its place last, so that what a killed
 * writer leaves is told from an HDF5 file that somebody else made.
 */
static const unsigned char unfinished[32] = "signsgd: not written to its end";

/* All `bytes` of fd to `at`. 0, or the error's number; -1 when the file ends early. */
static int read_all(int fd, unsigned char *at, size_t bytes)
{
	while (bytes > 0) {
		ssize_t got = read(fd, at, bytes);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? errno : -1;
		at += got;
		bytes -= (size_t)got;
	}
	return 0;
}

static int read_open(int fd, const char *path, unsigned char **image, size_t *bytes, struct err *e)
{
	struct stat st;
	if (fstat(fd, &st))
		return err_world(e, "%s: cannot be read: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_user(e, "%s: is %s, expected a file", path,
		                S_ISDIR(st.st_mode) ? "a folder" : "a device or pipe");
	*bytes = (size_t)st.st_size;
	*image = mem_alloc(*bytes);
	int failed = read_all(fd, *image, *bytes);
	if (failed < 0)
		return err_world(e, "%s: became shorter while it was read", path);
	if (failed)
		return err_world(e, "%s: cannot be read: %s", path, strerror(failed));
	return 0;
}

int h5_disk_load(const char *path, bool sealed, unsigned char **image, size_t *bytes, struct err *e)
{
	*image = NULL;
	if (!path[0])
		return err_user(e, "found an empty path, expected an HDF5 file");
	int fd = open(path, O_RDONLY | O_CLOEXEC |
	                            O_NONBLOCK); /* O_NONBLOCK: a pipe without a writer must not block */
	if (fd < 0)
		return err_user(e, "%s: cannot be opened: %s", path, strerror(errno));
	int rc = read_open(fd, path, image, bytes, e);
	close(fd);
	if (!rc)
		rc = h5_seal_check_image(path, sealed, *image, bytes, e);
	if (rc) {
		mem_free(*image);
		*image = NULL;
	}
	return rc;
}

/* 0, or the error's number. */
static int write_all(int fd, const unsigned char *at, size_t bytes)
{
	while (bytes > 0) {
		ssize_t put = write(fd, at, bytes);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return errno;
		at += put;
		bytes -= (size_t)put;
	}
	return 0;
}

const char *h5_disk_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

int h5_disk_make_folders(const char *path, struct err *e)
{
	char *prefix = mem_string(path);
	int rc = 0;
	for (char *slash = strchr(prefix + 1, '/'); slash && !rc; slash = strchr(slash + 1, '/')) {
		struct stat st;
		*slash = '\0';
		if (stat(prefix, &st) == 0 && !S_ISDIR(st.st_mode))
			rc = err_user(e, "%s: cannot be written: found a file at %s, expected a folder", path,
			              prefix);
		else if (mkdir(prefix, 0777) && errno != EEXIST)
			rc = err_world(e, "%s: cannot be written: the folder %s cannot be made: %s", path,
			               prefix, strerror(errno));
		*slash = '/';
	}
	mem_free(prefix);
	return rc;
}

/*
 * Lock the file until it is closed; false: another process has locked it. Not by flock(): HDF5 in readers
 * uses flock(), and would refuse the file in the moment between its renaming and its closing. On a file
 * system without locks a second writer is not noticed; the file stays whole all the same.
 */
static bool lock(int fd)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	return fcntl(fd, F_OFD_SETLK, &whole) == 0 || (errno != EAGAIN && errno != EACCES);
}

/* Was the temporary file just made, or left by a killed writer, perhaps right before its renaming? */
static bool is_leftover(int fd, const char *temporary)
{
	unsigned char head[sizeof unfinished];
	bool spans;
	struct stat st;
	ssize_t n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? pread(fd, head, sizeof head, 0) : -1;
	if (n >= 0 && memcmp(head, unfinished, (size_t)n) == 0)
		return true;
	return n > 0 && h5_seal_is_there(temporary, &spans) && !spans;
}

/*
 * Open and lock the temporary file. If another writer renamed it between our open and our lock, it is a
 * finished result by now: let go of it, and open a new one.
 */
static int open_temporary(const char *path, const char *temporary, struct err *e)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		struct stat here, there;
		int fd = open(temporary, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0666);
		if (fd < 0)
			return err_world(e, "%s: cannot be written: %s beside it: %s", path,
			                 h5_disk_name(temporary), strerror(errno));
		bool free = lock(fd);
		if (free && fstat(fd, &here) == 0 && lstat(temporary, &there) == 0 &&
		    here.st_ino == there.st_ino && here.st_dev == there.st_dev)
			return fd;
		close(fd);
		if (!free)
			break;
	}
	return err_world(e, "%s: another process is writing this file (it holds %s)", path, temporary);
}

/* fsync of the folder, so that the rename itself is on the disk. Nothing is done for a folder that cannot be
 * opened. */
static void sync_folder(const char *path)
{
	char *copy = mem_string(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	mem_free(copy);
}

/* All of the file, its beginning last. 0, or the error's number. */
static int fill(int fd, const unsigned char *image, size_t bytes)
{
	unsigned char seal[H5_SEAL_BYTES];
	size_t begin = bytes < sizeof unfinished ? bytes : sizeof unfinished;
	h5_seal_make(seal, image, bytes);
	if (ftruncate(fd, 0))
		return errno;
	int failed = write_all(fd, unfinished, begin);
	if (!failed)
		failed = write_all(fd, image + begin, bytes - begin);
	if (!failed)
		failed = write_all(fd, seal, sizeof seal);
	if (failed)
		return failed;
	return lseek(fd, 0, SEEK_SET) ? errno : write_all(fd, image, begin);
}

/* Content, then the name. 0, or the error's number. */
static int fill_and_rename(int fd, const char *path, const char *temporary, const unsigned char *image,
                           size_t bytes, bool sync)
{
	int failed = fill(fd, image, bytes);
	if (failed)
		return failed;
	if (sync && fsync(fd))
		return errno;
	/* Network file systems tell of a full disk at close; a second descriptor keeps the lock. */
	int second = dup(fd);
	if (second < 0 || close(second) || rename(temporary, path))
		return errno;
	return 0;
}

int h5_disk_save(const char *path, const unsigned char *image, size_t bytes, bool sync, struct err *e)
{
	if (h5_disk_make_folders(path, e))
		return -1;
	char *temporary = mem_format("%s.tmp", path);
	int fd = open_temporary(path, temporary, e);
	int rc = fd < 0 ? -1 : 0;
	if (!rc && !is_leftover(fd, temporary)) {
		rc = err_user(e,
		              "%s: cannot be written: %s is in the way, and is no file that signsgd left "
		              "there; it stays (rm %s, if nobody needs it)",
		              path, temporary, temporary);
		close(fd);
	} else if (!rc) {
		int failed = fill_and_rename(fd, path, temporary, image, bytes, sync);
		if (failed) {
			unlink(temporary);
			rc = err_world(e, "%s: cannot be written (%zu bytes): %s", path, bytes,
			               strerror(failed));
		}
		close(fd);
	}
	if (!rc && sync)
		sync_folder(path);
	mem_free(temporary);
	return rc;
}

void h5_disk_remove(const char *path)
{
	char *temporary = mem_format("%s.tmp", path);
	int fd = open(temporary, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd >= 0 && lock(fd) && is_leftover(fd, temporary))
		unlink(temporary);
	if (fd >= 0)
		close(fd);
	unlink(path);
	mem_free(temporary);
}
