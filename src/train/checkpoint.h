/*
 * A checkpoint: all state of a run between two steps, in an HDF5 file beside the result file
 * ("runs/x.h5" -> "runs/x.checkpoint.h5"). It is written whole under a temporary name, synced, and renamed.
 *
 * Random numbers are counter-based and the order of samples is a function of the seed, so the state is: the
 * step, x, the optimizer's memory, the running statistics, and of every worker the momentum, the carry and
 * the memories of its compressor and its attack. The file names the run's identity, and a checksum covers
 * every array. A file of another run, a short one or a damaged one is refused with a sentence.
 */
#ifndef SIGNSGD_TRAIN_CHECKPOINT_H
#define SIGNSGD_TRAIN_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* One array of the state: borrowed. Names are unique ("x", "momentum/3", "optimiser"). */
struct checkpoint_array {
	const char *name;
	size_t count;
	float *at;       /* [count] */
	int64_t *number; /* kept beside the array, if not NULL; not changed by a file that has none */
	bool optional;   /* a file that is read may lack it */
	bool missing;    /* written by checkpoint_read(): the file lacks it */
};

/* The checkpoint's path for a result file's path, into out. */
void checkpoint_path(const char *run_path, char *out, size_t size);

int checkpoint_write(const char *path, const char *run_id, int64_t step, size_t count,
                     const struct checkpoint_array *arrays, struct err *e);

/* Whose checkpoint it is, and after which step. -1 and a sentence. */
int checkpoint_peek(const char *path, char run_id[65], int64_t *step, struct err *e);

/* Fills the arrays. Nothing is changed when it fails. */
int checkpoint_read(const char *path, const char *run_id, int64_t *step, size_t count,
                    struct checkpoint_array *arrays, struct err *e);

#endif
