/*
 * The state of a run between two steps: what a checkpoint holds, and what the processes of a run hand to each
 * other (`struct train_state` of transport.h is a view of it).
 *
 * Random numbers are functions of seed and step, so the state is: the number of steps done; x, the
 * optimizer's memory and the running statistics, which every process holds; and a block for each worker, with
 * its momentum, the carry of its sequences and the memory of its attack. A process holds the blocks of its
 * own workers; the root holds the others' for a moment, while it writes or reads a checkpoint.
 *
 * A worker that is not counted in a step starts again in the next one: its block is zeroed. born[m] is the
 * number of steps that were done when the block of worker m was last zeroed.
 */
#ifndef SIGNSGD_TRAIN_STATE_H
#define SIGNSGD_TRAIN_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "experiment/experiment.h"
#include "models/model.h"
#include "transport/transport.h"

/* The running statistics of one normalisation: where they begin in `running`. */
struct running_norm {
	size_t mean, variance, channels;
};

struct state {
	const struct backend *be;
	int workers; /* M */
	size_t n, running_floats, optimizer_floats, carry_floats;
	int64_t step;               /* steps done */
	float *x;                   /* [n] */
	float *optimizer;           /* [optimizer_floats]; NULL: it keeps no memory */
	float *running;             /* [running_floats] running statistics; NULL: the model has none */
	float *running_before;      /* [running_floats] the same before the present step */
	struct running_norm *norms; /* [n_norms] how they lie in `running` */
	size_t n_norms;
	int bn_owner; /* the worker whose batches update `running` */
	/* Of every worker: */
	bool *hosted;          /* [M] does it live in this process? */
	int64_t *born;         /* [M]; -1: to be reset before its next step */
	size_t *memory_floats; /* [M] memory of its attack */
	size_t *block_floats;  /* [M] */
	float **blocks;        /* [M] momentum, carry, memory; NULL: not held here */
};

/* All zero, at step 0. ids [count]: the workers of this process. */
void state_open(struct state *st, const struct settings *s, const struct model_env *env, const int *ids,
                int count);
void state_close(struct state *st);

double state_epoch(const struct state *st, const struct settings *s);

/* Where the parts of a held block lie. The momentum [n] is its beginning; NULL: it has no such part. */
float *state_carry(const struct state *st, int m);
float *state_memory(const struct state *st, int m);

/* Zero the block of worker m; from now on it is born at the present step. */
void state_reset_worker(struct state *st, int m);

/* Keep the running statistics as they are, and bring back what was kept. */
void state_keep_running(struct state *st);
void state_undo_running(struct state *st);

/*
 * Can an honest batch have made the running statistics `next` [running_floats] of those of the state? They
 * must be finite, with variances >= 0. next = 0.9 running + 0.1 batch (RUNNING_RATE), so they say what the
 * batch's mean and variance were. Its variance cannot be below 0, and its root mean square is at most
 * RUNNING_REACH times the one that the state has, or times 1 where that is less: between two steps, weights
 * move by a learning rate, and activations by no such factor. ctx is the state (running_fits of transport.h).
 */
bool state_running_fits(const void *ctx, const float *next);

/* Zeroed memory for the blocks that are not held here; free the blocks of workers that live elsewhere. */
void state_hold_all(struct state *st);
void state_drop_remote(struct state *st);

/* Lend the state to a transport. `given`: the settings alone do not make these parameters. */
void state_lend(const struct state *st, bool given, struct train_state *out);

/*
 * Write and read a checkpoint. The file names run_id; one of another run is refused. Blocks that are not held
 * are left out of the file; workers whose blocks a file lacks are reset. -1 and a sentence; after a failure
 * to read, the state is what it was.
 */
int state_save(const struct state *st, const char *run_id, const char *path, struct err *e);
int state_restore(struct state *st, const char *run_id, const char *path, struct err *e);

#endif
