/*
 * A lock that says: this process writes PATH, until it ends. It is taken before anything is written and held
 * for a run's whole life, so that of two processes with one path the second gets a sentence that names the
 * first.
 *
 * Why a file of its own, PATH.lock: PATH is replaced by a rename at every flush, so a lock on the file that
 * stood there would be a lock on a file that is gone. The lock file keeps its name while it is held.
 *
 * Why an open file description lock of fcntl(): the kernel drops it when the process dies, however it dies.
 * On NFS it is held at the server, so that it counts between machines, and is dropped with the client's
 * lease. Unlike a record lock of the process, it survives that something in this process opens and closes the
 * file; flock() would not reach other machines on older NFS. A child that is started keeps no descriptor
 * (O_CLOEXEC).
 *
 * The file says who holds it. What a killed process leaves is not locked, and is taken over.
 */
#ifndef SIGNSGD_H5_H5_LOCK_H
#define SIGNSGD_H5_H5_LOCK_H

#include <stdbool.h>
#include "base/err.h"

enum { H5_LOCK_HOLDER_BYTES = 512 };

struct h5_lock {
	int fd;
	char *path;                        /* of the lock file; NULL: not held */
	char holder[H5_LOCK_HOLDER_BYTES]; /* the other process that holds it, for sentences; "": none does */
};

/*
 * Make the folders above `path`, and lock it. -1 and a sentence: another process holds it (which, and on
 * which machine; l->holder), or the disk refuses. Where the file system has no locks, there is a warning and
 * no lock.
 */
int h5_lock_take(struct h5_lock *l, const char *path, struct err *e);

/* Does another process, or another lock of this one, hold the lock of `path`? Takes nothing. */
bool h5_lock_held(const char *path);

/* Remove the lock file and let go. Does nothing when the lock is not held (all zero). */
void h5_lock_release(struct h5_lock *l);

#endif
