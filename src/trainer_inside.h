/* What a trainer is made of: for trainer*.c only. */
#ifndef SIGNSGD_TRAINER_INSIDE_H
#define SIGNSGD_TRAINER_INSIDE_H

#include "checkpoint.h"
#include "probe.h"
#include "schedule.h"
#include "trainer.h"
#include "transport/transport.h"
#include "worker.h"

enum { TRAINER_STREAMS = 4 }; /* of an evaluation of text */

/* What the reader is reading, where samples are not in memory (trainer_feed.c). */
struct feed {
	bool training;         /* the workers' batches; otherwise a pass: */
	const uint32_t *order; /* [samples] sample numbers; NULL: as they are stored */
	size_t samples;
};

struct trainer {
	const struct settings *settings;
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
	int first, count;
	const void **pushes; /* [count] */
	void *pull;          /* [pull_bytes] */
	float *x;            /* [n] */
	float *running;      /* [running_floats] beside x; NULL: the model has none */
	size_t running_floats, carry_floats;
	float *optimiser; /* [optimiser_floats] the aggregator's memory */
	size_t optimiser_floats, push_bytes, pull_bytes;
	const struct schedule *schedule;
	struct schedule_env schedule_env;
	const struct transport *transport;
	void *transport_self;
	struct probe *probe;           /* NULL: nothing asked for */
	uint32_t *order;               /* [n_train] of a full pass; NULL where no probe asks for any */
	struct checkpoint_part *parts; /* [n_parts] all state but the step */
	size_t n_parts;
	struct sums {
		double loss;
		size_t hits;
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

/* x has changed: let the model make anew what it keeps of it. */
void trainer_load(struct trainer *t);
/* Text (trainer_text.c): where it begins; this step's place and rate; losses and accuracies. */
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
 * model with data whose settings ask for passes (probe_passes()).
 */
void trainer_each_gradient(void *ctx, void (*take)(void *self, const float *g), void *self);

#endif
