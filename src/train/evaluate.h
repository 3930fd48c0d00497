/*
 * Passes over data that are no steps: evaluations, the gradient over all data, the gradients that make it up.
 *
 * Batches are dealt to the lanes, and what they give is added in the order of the batches, so the bits do not
 * depend on the number of lanes. The parameters are those of the state at the moment.
 */
#ifndef SIGNSGD_TRAIN_EVALUATE_H
#define SIGNSGD_TRAIN_EVALUATE_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "experiment/experiment.h"
#include "record/record.h"
#include "train/state.h"
#include "train/workforce.h"

/* Losses and right answers of one batch, or of one stream of text. */
struct eval_sums {
	double loss;
	size_t correct;
};

struct evaluation {
	const struct settings *settings;
	const struct model *model;
	const struct state *state;
	struct workforce *workforce;
	struct eval_sums *sums; /* [batches of the longest evaluation] */
	uint32_t *order;        /* [n_train] of a full pass; NULL: no probe asks for any */
	float *streams;         /* text: [evaluate_text_floats] carries */
};

/* Memory; what it borrows is open. */
void evaluate_open(struct evaluation *ev, const struct settings *s, const struct model *model,
                   const struct state *st, struct workforce *workforce);
void evaluate_close(struct evaluation *ev);

/* Losses and accuracies into *row; nothing else of it. -1 and a sentence when a sample cannot be read. */
int evaluate_all(struct evaluation *ev, struct eval_row *row, struct err *e);

/* The gradient over the whole training set into g [n]. ctx is the evaluation. Uses the lanes' scratch. */
void evaluate_full_gradient(void *ctx, float *g);

/*
 * The gradient of every mini-batch of a full pass, in the order of the batches, to take(self, g [n]). The
 * samples are in an order that is drawn for this step; those that fill no whole batch are left out. Running
 * statistics and carries stay as they are. ctx is the evaluation of a model with data, whose settings ask for
 * passes (settings_has_passes()).
 */
void evaluate_each_gradient(void *ctx, void (*take)(void *self, const float *g), void *self);

/* Text: the same as evaluate_all() over the first `train` training tokens and all others. */
void evaluate_text(struct evaluation *ev, size_t train, struct eval_row *row);
/* Floats of the carries that it works with: each stream's own. */
size_t evaluate_text_floats(size_t carry_floats);

/* Streams that an evaluation of text is cut into. */
enum { EVALUATE_STREAMS = 4 };

#endif
