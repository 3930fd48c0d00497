/*
 * A trainer's dealings with text: where a step stands in it, and evaluations.
 *
 * An evaluation cuts its text into a few streams of `batch` columns each, and goes through every stream from
 * its beginning with a carry of its own, bptt positions at a time. The streams are dealt to the lanes; their
 * number is fixed, so that lanes never show.
 */
#include <math.h>
#include <string.h>
#include "train/trainer_internal.h"

/* Streams that so many tokens are cut into; 0: not one. */
static size_t streams_of(size_t tokens, size_t batch)
{
	size_t most = text_positions(tokens, batch);
	return most < TRAINER_STREAMS ? most : TRAINER_STREAMS;
}

size_t trainer_text_floats(size_t carry_floats)
{
	return TRAINER_STREAMS * carry_floats;
}

void trainer_text_open(struct trainer *t)
{
	size_t columns = (size_t)t->settings->workers * (size_t)t->settings->batch;
	text_walk_init(&t->walk, &t->data.shape, columns, t->settings->seed);
	t->round.text = &t->walk;
	t->round.carry_floats = t->carry_floats;
	t->streams = t->be.alloc(trainer_text_floats(t->carry_floats) * sizeof *t->streams);
}

void trainer_text_step(struct trainer *t)
{
	text_walk_to(&t->walk, (uint64_t)t->steps_done);
	t->lr *= (double)t->walk.length / t->walk.bptt;
}

struct text_pass {
	struct trainer *t;
	const int32_t *tokens;
	size_t positions; /* of a column */
};

/* Stream `item` from its beginning to its end. */
static void eval_stream(void *ctx, int lane, size_t item)
{
	const struct text_pass *p = ctx;
	struct trainer *t = p->t;
	struct lane *l = &t->lanes[lane];
	size_t batch = (size_t)t->env.batch;
	struct sums *out = &t->sums[item];
	struct batch b = {.count = (int)batch,
	                  .token = l->token,
	                  .label = l->label,
	                  .carry = t->streams + item * t->carry_floats};
	memset(b.carry, 0, t->carry_floats * sizeof *b.carry);
	*out = (struct sums){0};
	for (size_t at = 0; at < p->positions; at += (size_t)b.length) {
		size_t left = p->positions - at, usual = (size_t)t->walk.bptt, correct;
		double loss;
		b.length = (int)(left < usual ? left : usual);
		text_gather(p->tokens, p->positions, item * batch, batch, at, b.length, l->token, l->label);
		t->round.model->eval(l->model, t->x, &b, &loss, &correct);
		out->loss += loss;
		out->correct += correct;
	}
}

static void eval_tokens(struct trainer *t, const int32_t *tokens, size_t count, double *loss,
                        double *accuracy)
{
	size_t batch = (size_t)t->env.batch, streams = streams_of(count, batch), correct = 0;
	struct text_pass p = {t, tokens, streams ? text_positions(count, streams * batch) : 0};
	double sum = 0, all = (double)(p.positions * streams * batch);
	*loss = *accuracy = NAN;
	if (streams == 0)
		return;
	pool_run(t->pool, streams, eval_stream, &p);
	for (size_t i = 0; i < streams; i++) {
		sum += t->sums[i].loss;
		correct += t->sums[i].correct;
	}
	*loss = sum / all;
	*accuracy = (double)correct / all;
}

void trainer_text_eval(struct trainer *t, struct eval_row *row)
{
	eval_tokens(t, t->data.train_tokens, trainer_eval_samples(t->settings), &row->train_loss,
	            &row->train_accuracy);
	eval_tokens(t, t->data.test_tokens, t->data.shape.n_test, &row->test_loss, &row->test_accuracy);
	row->train_perplexity = exp(row->train_loss);
	row->test_perplexity = exp(row->test_loss);
	row->test_bits = row->test_loss / log(2);
}
