/*
 * The trainer: Algorithm 1 of Bernstein et al. 2019, one step at a time.
 *
 *   shard -> batch -> model.grad -> g -> momentum -> v[w] -> (attack) -> agg.encode -> push[w]
 *   -> transport.exchange(agg.combine) -> pull -> agg.apply -> x
 *
 * trainer_step() is that line; everything around it is set-up, probes and book-keeping.
 */
#ifndef SIGNSGD_TRAIN_TRAINER_H
#define SIGNSGD_TRAIN_TRAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backend/backend.h"
#include "base/err.h"
#include "base/pool.h"
#include "experiment/experiment.h"
#include "record/record.h"
#include "train/replay.h"

/* What a run takes, known before anything is loaded. Bytes. */
struct plan {
	size_t n_params;
	size_t push_bytes, pull_bytes; /* a worker and step */
	size_t lane;                   /* one lane: activations, a gradient, scratch */
	size_t parameters, momentum, messages, lanes, data, optimiser, adversaries, record, base, total;
	size_t checkpoint; /* more than total, for the moment in which a checkpoint is written */
};

void trainer_plan(const struct settings *s, int lanes, struct plan *out);

struct trainer;
struct link;

/*
 * Load data, allocate, initialise x. NULL and a sentence. The pool and settings are borrowed, and so is the
 * link; link = NULL: all workers live here.
 */
struct trainer *trainer_open(const struct settings *s, struct pool *pool, const struct link *link,
                             struct err *e);
void trainer_close(struct trainer *t);

/* Bring the root's state to the processes that host workers; before the first step of each process. */
int trainer_sync(struct trainer *t, struct err *e);

/* Repeat what is recorded: only who was counted then is counted. To be called before the first step. */
void trainer_replay(struct trainer *t, const struct replay *r);

/*
 * One step. Fills *row (all but wall_s) where it is made. Before it, *flags is what this process wants
 * (enum exchange_flag), behind it what holds for all; NULL: nothing is wanted. -1 and a sentence when the
 * transport fails or a sample cannot be read. Allocates nothing, but for libraries that decode images. A
 * host's step may instead take over the root's parameters.
 */
enum trainer_end {
	TRAINER_FAILED = -1,
	TRAINER_DID = 0,
	TRAINER_LEFT = 1 /* no step was made: see EXCHANGE_LEFT */
};
enum trainer_end trainer_step(struct trainer *t, struct step_row *row, int *flags, struct err *e);

/* [M] of the last step: as in struct replay. */
const int64_t *trainer_voters(const struct trainer *t);

/* Losses and accuracies at the present x. -1 and a sentence when a sample cannot be read. */
int trainer_eval(struct trainer *t, struct eval_row *row, struct err *e);

/* Write how many files that could not be read others have replaced, if any. */
void trainer_skipped(const struct trainer *t, struct record *r);

/* Columns below /probes for what settings.record asks; then trainer_step() appends to them. */
void trainer_probe(struct trainer *t, struct record *r);
/* Rows of what probes see in the parameters alone, at the present step. trainer_step() does it after each
 * step; to be called once before the first. */
void trainer_run_probes(struct trainer *t);

int64_t trainer_steps_done(const struct trainer *t);
const float *trainer_x(const struct trainer *t, size_t *n);
void trainer_meta(const struct trainer *t, struct record_meta *m);
/* Write the named tensors to /final. */
void trainer_final(const struct trainer *t, struct record *r);

/* With settings.profile: the time of every layer so far, all lanes together, to /profile. */
void trainer_profile(const struct trainer *t, struct record *r);

/* All processes of a run at the same time; only the root writes, and the others' path is not looked at. */
int trainer_save(struct trainer *t, const char *path, struct err *e);
/* Without the others: their workers' states are not in the file, and those workers will begin anew. */
int trainer_save_alone(struct trainer *t, const char *path, struct err *e);
/* What went wrong so far, to /faults. */
void trainer_faults(const struct trainer *t, struct record *r);
int trainer_restore(struct trainer *t, const char *path, struct err *e);

#endif
