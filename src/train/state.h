/*
 * The state of a run between two steps. A checkpoint contains it, and the processes of a run send it to each
 * other (`struct train_state` of transport.h is a view of it).
 *
 * Random numbers are functions of seed and step, so no generator is part of the state. Every process holds
 * the number of steps done, x, the optimizer's memory and the running statistics. For each worker there is a
 * block with its momentum, the recurrent state of its sequences (carry), what its compressor remembers to say
 * later (unsaid) and the memory of its attack. A process holds the blocks of its own workers; the root also
 * holds the other blocks while it writes or reads a checkpoint. Where votes meet there is the memory of the
 * aggregator, if it has one; where several processes have shares of the coordinates, each keeps that of its
 * share current, and the root gets all for a checkpoint.
 *
 * All of it but the aggregator's is the machine's memory (backend/memory.h). Checkpoints and transports see
 * mirrors of it, which state_show() makes current; what was written to them becomes the state by
 * state_take(). On the host's own memory the mirrors are the state itself.
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
	struct queue *queue; /* of the thread that owns the state */
	int workers;         /* M */
	size_t n, running_floats, optimizer_floats, carry_floats, unsaid_floats, server_floats;
	size_t server_unsaid_floats; /* the last of server_floats */
	int64_t step;                /* steps done */
	bool withholds;              /* the aggregator may withhold a step */
	int64_t withheld;            /* of them: had no answer, and changed no parameter */
	bool varies;                 /* the steps alone do not say what was sent */
	int64_t sent;                /* bytes of all steps done, in a checkpoint where they vary */
	float *x;                    /* [n] */
	float *optimizer;            /* [optimizer_floats]; NULL: the optimizer keeps no memory */
	float *server;               /* [server_floats] see state_open_server(); NULL: not in this process */
	const struct backend *server_be; /* whose memory that is */
	size_t colluders_floats;
	float *colluders;           /* [colluders_floats] see state_open_colluders(); NULL: there is none */
	float *running;             /* [running_floats] running statistics; NULL: the model has none */
	float *running_before;      /* [running_floats] `running` before the present step */
	struct running_norm *norms; /* [n_norms] how they lie in `running` */
	size_t n_norms;
	int bn_owner; /* the worker whose batches update `running` */
	/* For every worker: */
	bool *hosted;          /* [M] is the worker in this process? */
	int64_t *born;         /* [M]; -1: to be reset before its next step */
	size_t *memory_floats; /* [M] memory of its attack */
	size_t *block_floats;  /* [M] */
	float **blocks;        /* [M] momentum, carry, unsaid, memory; NULL: not a worker of this process */
	/* Mirrors, and blocks of other processes' workers, which are only held here: */
	float *x_seen, *optimizer_seen, *running_seen, *server_seen, *colluders_seen;
	float **blocks_seen; /* [M] NULL: not in this process */
};

/* Create the state at step 0, all zeros. ids [count]: the workers of this process. */
void state_open(struct state *st, const struct settings *s, const struct model_env *env, const int *ids,
                int count);
/*
 * The memory of an aggregator that must see all messages at once: [floats], whole vectors of coordinates, and
 * behind it [unsaid] what a compressed answer has not said. Zeros at first, memory of the backend that
 * combines messages. Only the process where votes meet has it (struct link, meets). Both 0: there is none.
 */
void state_open_server(struct state *st, const struct backend *be, size_t floats, size_t unsaid);
/* What answers have not said; NULL: they have no memory, or it is in another process. */
float *state_server_unsaid(const struct state *st);
/* The memory that an attack which sees the crowd keeps for all colluders (adversary/crowd.h). floats = 0: it
 * keeps none. */
void state_open_colluders(struct state *st, size_t floats);
void state_close(struct state *st);

double state_epoch(const struct state *st, const struct settings *s);

/* The carry, the compressor's memory and the attack's in a block of worker m, or in its mirror; NULL: none.
 * The block begins with the momentum [n]. */
float *state_carry(const struct state *st, float *block);
float *state_unsaid(const struct state *st, float *block);
float *state_memory(const struct state *st, int m, float *block);

/* Make the mirrors current, and take what was written to them; only x, optimizer and running, or all. */
void state_show_shared(struct state *st);
void state_show_running(struct state *st);
void state_show(struct state *st);
void state_take_shared(struct state *st);
void state_take_running(struct state *st);
void state_take(struct state *st);

/* Zero the block of worker m, in a lane's queue, and set born[m] to the present step. */
void state_reset_worker(struct state *st, int m, struct queue *q);

/* Copy the running statistics to running_before, and copy them back. */
void state_keep_running(struct state *st);
void state_undo_running(struct state *st);

/*
 * Can an honest batch have made the running statistics `next` [running_floats] of those of the state? They
 * must be finite, with variances >= 0. next = 0.9 running + 0.1 batch (RUNNING_RATE), so they say what the
 * batch's mean and variance were. Its variance cannot be below 0, and its root mean square is at most
 * RUNNING_REACH times the one that the state has, or times 1 where that is less: between two steps, weights
 * move by a learning rate, and activations by no such factor. It is also at most RUNNING_LARGEST, so that no
 * worker makes them grow from step to step for ever. ctx is the state (running_fits of transport.h).
 */
bool state_running_fits(const void *ctx, const float *next);

/* Allocate zeroed blocks for the workers of other processes, and free them. */
void state_hold_all(struct state *st);
void state_drop_remote(struct state *st);

/* Lend the state to a transport. `given`: the settings alone do not determine these parameters. */
void state_lend(const struct state *st, bool given, struct train_state *out);

/*
 * Write and read a checkpoint. The file contains run_id; a file of another run is refused. A file contains
 * only the blocks that this process holds; when it is read, workers without a block are reset. -1 and a
 * sentence; if reading fails, the state does not change.
 */
int state_save(struct state *st, const char *run_id, const char *path, struct err *e);
int state_restore(struct state *st, const char *run_id, const char *path, struct err *e);

#endif
