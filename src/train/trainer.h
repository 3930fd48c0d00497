/*
 * The trainer: Algorithm 1 of Bernstein et al. 2019, one step at a time.
 *
 *   shard -> batch -> model.grad -> g -> momentum -> v[w] -> (attack) -> compressor.encode -> push[w]
 *   -> transport.exchange(aggregator.combine) -> pull -> optimizer.apply -> x
 *
 * trainer_step() does what these lines show; everything else is set-up, probes and book-keeping. A trainer
 * consists of parts that do not depend on it (train/trainer_internal.h):
 *
 *   state      what is kept from step to step: x, the optimizer's memory, the workers' blocks (state.h)
 *   workforce  the lanes, the workers of this process, and the feed of samples (workforce.h)
 *   crowd      what colluders who see the crowd are shown and send (crowd.h)
 *   uplink     the messages of a step and the link to the other processes (uplink.h)
 *   observer   probes and evaluations (observer.h)
 */
#ifndef SIGNSGD_TRAIN_TRAINER_H
#define SIGNSGD_TRAIN_TRAINER_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/pool.h"
#include "experiment/experiment.h"
#include "record/record.h"
#include "train/replay.h"

/*
 * The memory that a run needs, in bytes, known before anything is loaded. SIZE_MAX stands for more. gathered,
 * device_data, probes, queues and mirrors are 0 where the backend's memory is the host's.
 */
struct plan {
	size_t n_params;
	size_t push_bytes, pull_bytes; /* for each worker and step */
	size_t lane;                   /* one lane: activations, a gradient, scratch */
	size_t parameters, momentum, messages, lanes, gathered, data, device_data, optimiser, adversaries,
	        probes, queues, mirrors, record, base, total;
	size_t checkpoint; /* in addition to total, while a checkpoint is written */

	/* A backend with memory of its own: what of the total is there, what is free and all that there is.
	 * Else 0. */
	size_t device, device_free, device_all;
	const char *backend; /* its name */
	struct err guessed; /* with a sentence: why it cannot be opened here; this is what `ref` would need */
};

/* Of a process with all workers. */
void trainer_plan(const struct settings *s, int lanes, struct plan *out);
/* What of a run a process has, as its link says (transport.h). */
struct plan_share {
	int hosted;               /* workers; 0: it is a server with none of its own */
	bool root;                /* it records */
	bool meets;               /* messages meet in it, or some coordinates of them */
	bool mirrors;             /* its transport does not read the machine's memory */
	const struct backend *be; /* the machine, open; NULL: the plan opens that of the settings */
	const struct link *link;  /* NULL: its transport is not open */
};
void trainer_plan_share(const struct settings *s, int lanes, const struct plan_share *share,
                        struct plan *out);
/* What the settings ask of a process that only hosts `hosted` of the workers and records nothing: without
 * what the program and its libraries take for themselves, once and for each lane. */
void trainer_plan_hosted(const struct settings *s, int lanes, int hosted, struct plan *out);

/* What memory goes to: the members of struct plan, in its order. Ends with a part without a name. */
struct plan_part {
	const char *name, *about;
	size_t offset;
	bool device; /* it lies where the backend's memory is */
};

extern const struct plan_part plan_parts[];
size_t plan_part_bytes(const struct plan *p, const struct plan_part *part);

/*
 * Refuse a plan of more than `limit` bytes, with a sentence that begins with `source` and says what they go
 * to, and which --memory would allow it. Always 0 for less.
 */
int plan_check(const struct plan *p, double limit, const char *source, struct err *e);

/* Is there room for the plan: on the host, and where the backend's memory is? -1 and a sentence. */
int plan_room(const struct plan *p, struct err *e);

/* Bytes of the result file of a finished run with n parameters, and how many evaluations are in it. */
size_t trainer_file_bytes(const struct settings *s, size_t n);
size_t trainer_evaluations(const struct settings *s);

/* Would the run begin? Reads the file that its parameters come from, if any, and keeps nothing of it. -1 and
 * a sentence. */
int trainer_check_start(const struct settings *s, size_t n_params, struct err *e);

/* Does the transport of the settings suit their aggregator and their attack? -1 and a sentence. */
int trainer_check_transport(const struct settings *s, struct err *e);

struct trainer;
struct link;

/*
 * Load the data, allocate memory and initialise x. NULL and a sentence. Pool, settings and link are borrowed.
 * link = NULL: all workers are in this process.
 */
struct trainer *trainer_open(const struct settings *s, struct pool *pool, const struct link *link,
                             struct err *e);
void trainer_close(struct trainer *t);

/* Send the root's state to the other processes. Every process calls this once, before its first step. */
int trainer_sync(struct trainer *t, struct err *e);

/* Repeat a recorded run (replay.h). NULL: do not repeat one. Call it before the first step. */
void trainer_replay(struct trainer *t, const struct replay *r);

enum trainer_end {
	TRAINER_FAILED = -1,
	TRAINER_DID = 0,
	TRAINER_LEFT = 1 /* no step was done: see EXCHANGE_LEFT */
};

/*
 * Do one step. Fills *row, except wall_s, if the step was done. *flags (enum exchange_flag): before the call,
 * what this process asks for; after it, what was agreed for all processes. flags = NULL: this process asks
 * for nothing. -1 and a sentence when the transport fails or a sample cannot be read. Allocates nothing
 * itself, but libraries that decode images may. A process that is not the root may replace its parameters
 * with the root's instead of doing a step.
 */
enum trainer_end trainer_step(struct trainer *t, struct step_row *row, int *flags, struct err *e);

/* [M] for the last step, as in struct replay: when the state of a counted worker began; -1: not counted. */
const int64_t *trainer_voters(const struct trainer *t);

/* Losses and accuracies at the present x. -1 and a sentence when a sample cannot be read. */
int trainer_eval(struct trainer *t, struct eval_row *row, struct err *e);

/*
 * Whether a run has diverged. Where all workers are trusted, the loss of a step says so, and that of an
 * evaluation. A server of workers that nobody vouches for (untrusted) goes by what is its own: x, and its own
 * evaluation. Where a model has running statistics, these are a single worker's word, and evaluations read
 * them; so none decides, and only x does.
 */
bool trainer_untrusted(const struct trainer *t);
bool trainer_x_finite(const struct trainer *t);
/*
 * Did more than half of all workers send a loss in the last step that cannot be believed? Of all, not of
 * those that were counted: whoever makes others late gets no greater say. False where workers are trusted.
 */
bool trainer_losses_dropped(const struct trainer *t);
/* Does an evaluation whose loss is not finite mean that the run has diverged? */
bool trainer_eval_decides(const struct trainer *t);

int64_t trainer_steps_done(const struct trainer *t);
/* How many of them were withheld: they had no answer, and changed no parameter. */
int64_t trainer_withheld(const struct trainer *t);
/* The parameters [n], where this thread can read them, until the next call of a function of the trainer. */
const float *trainer_x(struct trainer *t, size_t *n);

/* Create the columns below /probes for the keys of settings.record; trainer_step() then appends to them. */
void trainer_probe(struct trainer *t, struct record *r);
/*
 * Append the values of probes that need only the parameters. Call it once before step 0; trainer_step() does
 * it after each step.
 */
void trainer_run_probes(struct trainer *t);

/* Write what each worker got to /partition. */
void trainer_partition(const struct trainer *t, struct record *r);

void trainer_meta(const struct trainer *t, struct record_meta *m);
/* Write the named tensors to /final. */
void trainer_final(struct trainer *t, struct record *r);
/* With settings.profile: write the time spent in every layer so far, summed over all lanes, to /profile. */
void trainer_profile(const struct trainer *t, struct record *r);
/* Write the transport's fault counts so far to /faults. */
void trainer_faults(const struct trainer *t, struct record *r);
/* Of images that are read on the way: write how many files were left out, and how many were odd, if any. */
void trainer_skipped(const struct trainer *t, struct record *r);

/* All processes of a run save at the same time. Only the root writes; the others' path is ignored. */
int trainer_save(struct trainer *t, const char *path, struct err *e);
/* Take part in the same, and write nothing: the others do not end before their states are taken. */
int trainer_collect(struct trainer *t, struct err *e);
/*
 * Save without the other processes. The file lacks the states of their workers, which will start again. -1
 * and a sentence also where other processes have shares of the aggregator's memory.
 */
int trainer_save_alone(struct trainer *t, const char *path, struct err *e);
int trainer_restore(struct trainer *t, const char *path, struct err *e);
/* The same of a run that had another id before its length was changed (train/extend.h). */
int trainer_restore_as(struct trainer *t, const char *run_id, const char *path, struct err *e);
/*
 * After trainer_restore(), at a server: workers that kept their states to themselves will say when these
 * began, and only this is believed: born [M] of the last step done, as in struct replay.
 */
void trainer_expect_born(struct trainer *t, const int32_t *born);

#endif
