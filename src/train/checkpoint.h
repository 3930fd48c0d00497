/*
 * A checkpoint: all state of a run between two steps, in an HDF5 file beside the result file
 * ("runs/x.h5" -> "runs/x.checkpoint.h5"), written whole under a temporary name, synced, renamed.
 *
 * Random numbers are counter-based and the order of samples is a function of the seed, so the state is:
 * the step, x, every worker's momentum, every liar's memory, the optimiser's memory. The file names the
 * run's identity; a checkpoint of another run, a short one or a damaged one (a checksum covers every
 * array) is refused with a sentence.
 */
#ifndef SIGNSGD_TRAIN_CHECKPOINT_H
#define SIGNSGD_TRAIN_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* One array of the state: borrowed. Names are unique ("x", "momentum/3", "optimiser"). */
struct checkpoint_part {
	const char *name;
	size_t count;
	float *at;       /* [count] */
	int64_t *number; /* kept beside the array, if not NULL; stays where the file has none */
	bool optional;   /* may be missing in a file that is read */
	bool missing;    /* written by checkpoint_read(): it was */
};

/* The checkpoint's path for a result file's path, into out. */
void checkpoint_path(const char *run_path, char *out, size_t size);

int checkpoint_write(const char *path, const char *run_id, int64_t step, size_t count,
                     const struct checkpoint_part *parts, struct err *e);

/* Fills the parts' arrays. Nothing is changed when it fails. */
int checkpoint_read(const char *path, const char *run_id, int64_t *step, size_t count,
                    struct checkpoint_part *parts, struct err *e);

#endif
