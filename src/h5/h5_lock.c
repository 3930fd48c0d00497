/* Lock files: see h5_lock.h. */
#include "h5/h5_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "h5/h5_disk.h"

enum { TRIES = 100, NOTE_BYTES = H5_LOCK_HOLDER_BYTES, HOST_BYTES = 256 };

static const char title[] = "signsgd lock: ";

/* What the file says, without its title, into note. false: the file is neither empty nor ours. */
static bool read_note(int fd, char note[NOTE_BYTES])
{
	struct stat st;
	ssize_t n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? pread(fd, note, NOTE_BYTES - 1, 0) : -1;
	note[n > 0 ? n : 0] = '\0';
	if (n <= 0 || strncmp(note, title, strlen(title)) != 0)
		return n == 0;
	memmove(note, note + strlen(title), strlen(note + strlen(title)) + 1);
	note[strcspn(note, "\n")] = '\0';
	return true;
}

/* Best effort: without a note the lock holds all the same. */
static void write_note(int fd)
{
	char host[HOST_BYTES] = "", date[32], note[NOTE_BYTES];
	if (gethostname(host, sizeof host - 1))
		snprintf(host, sizeof host, "unknown");
	clock_date(date);
	int n = snprintf(note, sizeof note, "%sprocess %ld on host %s, since %s\n", title, (long)getpid(),
	                 host, date);
	if (ftruncate(fd, 0) == 0 && pwrite(fd, note, (size_t)n, 0) != n && ftruncate(fd, 0))
		return;
}

/* 1: locked; 0: another process has locked it; -1: no locks on this file system. */
static int try_lock(int fd)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
		return 1;
	return errno == EAGAIN || errno == EACCES ? 0 : -1;
}

/* Is the open file still the one of that name? Its holder removes it before letting go. */
static bool is_current(int fd, const char *path)
{
	struct stat here, there;
	return fstat(fd, &here) == 0 && lstat(path, &there) == 0 && here.st_ino == there.st_ino &&
	       here.st_dev == there.st_dev;
}

static int refuse_held(struct h5_lock *l, const char *path, const char *note, struct err *e)
{
	snprintf(l->holder, sizeof l->holder, "%s", note[0] ? note : "a process that has just begun");
	return err_world(e, "%s: another process writes this file: %s; wait for it, or choose another path",
	                 path, l->holder);
}

/* 1: the lock is ours. 0: try again, the file was removed meanwhile. -1 and a sentence. */
static int take_once(struct h5_lock *l, const char *path, struct err *e)
{
	char note[NOTE_BYTES];
	int fd = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0666);
	if (fd < 0)
		return err_world(e, "%s: cannot be written: %s beside it: %s", path, h5_disk_name(l->path),
		                 strerror(errno));
	int got = try_lock(fd), rc = got == 1 ? is_current(fd, l->path) : -1;
	if (!read_note(fd, note)) {
		rc = err_user(e, "%s: cannot be written: %s is in the way, and is no lock of signsgd", path,
		              l->path);
	} else if (got == 0) {
		rc = refuse_held(l, path, note, e);
	} else if (got < 0) {
		log_warn(
		        "%s: the file system has no locks, so a second process with this path is not noticed",
		        path);
		rc = 1;
	} else if (rc == 1) {
		write_note(fd);
	}
	if (rc == 1)
		l->fd = fd;
	else
		close(fd);
	return rc;
}

int h5_lock_take(struct h5_lock *l, const char *path, struct err *e)
{
	int rc = h5_disk_make_folders(path, e);
	*l = (struct h5_lock){.fd = -1, .path = rc ? NULL : mem_format("%s.lock", path)};
	for (int i = 0; i < TRIES && rc == 0; i++)
		rc = take_once(l, path, e);
	if (rc == 1)
		return 0;
	if (rc == 0)
		err_world(e, "%s: cannot be locked: %s comes and goes", path, l->path);
	mem_free(l->path);
	l->path = NULL;
	return -1;
}

bool h5_lock_held(const char *path)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char *name = mem_format("%s.lock", path);
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	bool held = fd >= 0 && fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
	if (fd >= 0)
		close(fd);
	mem_free(name);
	return held;
}

void h5_lock_release(struct h5_lock *l)
{
	if (!l->path)
		return;
	unlink(l->path);
	close(l->fd);
	mem_free(l->path);
	*l = (struct h5_lock){0};
}
