/* What a trainer is made of: for trainer*.c only. */
#ifndef SIGNSGD_TRAIN_TRAINER_INTERNAL_H
#define SIGNSGD_TRAIN_TRAINER_INTERNAL_H

#include "train/checkpoint.h"
#include "probe/probe.h"
#include "optimizer/schedule.h"
#include "train/trainer.h"
#include "transport/transport.h"
#include "train/worker.h"

enum { TRAINER_STREAMS = 4 }; /* of an evaluation of text */

/* What the reader is reading, where samples are not in memory (train/trainer_feed.c). */
struct feed {
	bool training;         /* the workers' batches; otherwise a pass: */
	const uint32_t *order; /* [samples] sample numbers; NULL: as they are stored */
	size_t samples;
};

struct trainer {
	const struct settings *settings;
	struct settings probed; /* the same, without what cannot be recorded here */
	struct pool *pool;
	struct backend be;
	struct model_env env;
	struct dataset data;
	struct partition partition;
	struct text_walk walk; /* text: where the present step stands */
	float *streams;        /* text: [trainer_text_floats] carries of an evaluation */
	struct round round;
	struct feed feed;
	struct lane *lanes;     /* [pool_lanes] */
	struct worker *workers; /* [count], those hosted here */
	int count;              /* of them; may be 0 where others host all */
	const void **pushes;    /* [count] of those that speak */
	void *pull;             /* [pull_bytes] */
	float *x;               /* [n] */
	float *running;         /* [running_floats] beside x; NULL: the model has none */
	size_t running_floats, carry_floats;
	float *optimiser; /* [optimiser_floats] the aggregator's memory */
	size_t optimiser_floats, push_bytes, pull_bytes;
	const struct schedule *schedule;
	struct schedule_env schedule_env;
	struct link link;
	bool borrowed; /* the link is the caller's */
	struct train_state state;
	bool *honest; /* [M] */
	double *loss; /* [M] of the present step, of whom we know it */
	int64_t *born,
	        *reported_born; /* [M] step at which a worker's state began; the same as the exchange says */
	size_t *block_floats;   /* [M] */
	float **blocks;         /* [M] momentum, carry, memory of a worker; NULL: lives elsewhere */
	int bn_owner;           /* whose batches bring `running` up to date */
	int64_t saved_bn_owner; /* the same, while a checkpoint is written or read */
	uint64_t hash_sum;      /* trainer_hash() gathers in it */
	float *running_before;  /* [running_floats] at the beginning of the step */
	double last_loss;       /* mean over honest workers, of the last step in which one was counted */
	bool must_resync;       /* the root is further: fetch, compute nothing */
	int flags;              /* enum exchange_flag, wanted for and then agreed in the present step */
	const struct replay *replay;
	/* Where messages are sent in pieces (round.bucket > 0): */
	const struct exchange_request *present; /* of the present step */
	size_t *posted;      /* [count] coordinates from here on are with the transport already */
	struct probe *probe; /* NULL: nothing asked for */
	uint32_t *order;     /* [n_train] of a full pass; NULL where no probe asks for any */
	struct sums {
		double loss;
		size_t correct;
	} * sums; /* [batches of the longer evaluation] */
	int64_t steps_done;
	uint64_t bytes; /* so far, up and down */
	double lr;      /* this step's */
};

/* Training samples that an evaluation looks at. */
size_t trainer_eval_samples(const struct settings *s);
double trainer_epoch(const struct trainer *t);
/* The reader, if the data set needs one; closed by reader_close(). */
void trainer_feed_open(struct trainer *t);
/* Let the reader read the workers' batches from the present step on, unless it does. */
void trainer_feed_steps(struct trainer *t);
/* Let it read a pass over the first `samples` of a set, cut into batches, each to be taken. */
void trainer_feed_pass(struct trainer *t, bool test, const uint32_t *order, size_t samples);
/* Memory that it takes, for the plan. */
size_t trainer_feed_bytes(const struct settings *s, int lanes);

/* Of train/trainer_state.c: what belongs to workers, hosted here or not. */
void trainer_state_open(struct trainer *t);
void trainer_state_close(struct trainer *t);
/* A new block for worker id, zeroed; where its parts lie: momentum [n] is returned. */
float *trainer_block(struct trainer *t, int id, float **carry, float **memory, size_t *memory_floats);
/* The state of worker id is what it was before the first step. */
void trainer_anew(struct trainer *t, int id);
bool trainer_hosts(const struct trainer *t, int id);
/* Free the blocks of workers that live elsewhere. */
void trainer_return_blocks(struct trainer *t);

/* Of train/trainer_exchange.c: what a step hands to its transport, its pushes not yet among it. */
struct exchange_request trainer_request(struct trainer *t, int flags);
/* Pieces: whether there are any; before a step; whatever is made and not with the transport yet. */
void trainer_post_open(struct trainer *t);
void trainer_post_begin(struct trainer *t, struct exchange_request *x);
void trainer_post(struct trainer *t);
/* Of the parameters, by all lanes (base/hash.h); 0 where nobody else has any. */
uint64_t trainer_hash(struct trainer *t);
/* Is the worker counted in this step, as far as a recorded run says? */
bool trainer_counts(const struct trainer *t, int id);
/* Prepare for the step's recorded voters. -1 and a sentence when they cannot be repeated. */
int trainer_replay_fits(struct trainer *t, struct err *e);

/* x has changed: let the model make anew what it keeps of it. */
void trainer_load(struct trainer *t);
/* Text (train/trainer_text.c): where it begins; this step's place and rate; losses and accuracies. */
void trainer_text_open(struct trainer *t);
void trainer_text_step(struct trainer *t);
void trainer_text_eval(struct trainer *t, struct eval_row *row);
/* Floats of the carries that evaluations work with. */
size_t trainer_text_floats(size_t carry_floats);
/* The full-data gradient at x into g [n]; ctx is the trainer. Uses the lanes' scratch. */
void trainer_full_gradient(void *ctx, float *g);
/*
 * The gradient at x of every mini-batch of a full pass, in the order of the batches, to take(self, g [n]);
 * the samples are in an order drawn for this step, what is left of them over whole batches is left out. Same
 * bits for any number of lanes; running statistics and carries stay as they are. ctx is the trainer, of a
 * model with data whose settings ask for passes (settings_has_passes()).
 */
void trainer_each_gradient(void *ctx, void (*take)(void *self, const float *g), void *self);

#endif
