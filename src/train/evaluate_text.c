/*
 * Evaluations of text. The text is cut into a few streams of `batch` columns each. A stream is read from its
 * beginning to its end, bptt positions at a time, with a carry of its own. The streams are dealt to the
 * lanes; their number is fixed, so the bits do not depend on the number of lanes.
 */
#include <math.h>
#include "train/evaluate.h"

/* The number of streams for this many tokens; 0: they do not fill one. */
static size_t streams_of(size_t tokens, size_t batch)
{
	size_t most = text_positions(tokens, batch);
	return most < EVALUATE_STREAMS ? most : EVALUATE_STREAMS;
}

size_t evaluate_text_floats(size_t carry_floats)
{
	return EVALUATE_STREAMS * carry_floats;
}

struct text_pass {
	struct evaluation *ev;
	const int32_t *tokens;
	size_t positions; /* of a column */
};

/* Evaluate stream `item` from its beginning to its end. */
static void eval_stream(void *ctx, int lane, size_t item)
{
	const struct text_pass *p = ctx;
	struct evaluation *ev = p->ev;
	const struct feed *f = &ev->workforce->feed;
	struct lane *l = &ev->workforce->lanes[lane];
	size_t batch = (size_t)f->batch, carried = ev->state->carry_floats;
	struct eval_sums *out = &ev->sums[item];
	struct batch b = {.count = (int)batch, .carry = ev->streams + item * carried};
	l->be->memory->fill(l->queue, b.carry, 0, carried * sizeof *b.carry);
	*out = (struct eval_sums){0};
	for (size_t at = 0; at < p->positions; at += (size_t)b.length) {
		size_t left = p->positions - at, usual = (size_t)f->walk.bptt, correct;
		double loss;
		b.length = (int)(left < usual ? left : usual);
		lane_tokens(l, p->tokens, p->positions, item * batch, at, b.length, &b);
		ev->model->eval(l->model, ev->state->x, &b, &loss, &correct);
		out->loss += loss;
		out->correct += correct;
	}
}

static void eval_tokens(struct evaluation *ev, const int32_t *tokens, size_t count, double *loss,
                        double *accuracy)
{
	size_t batch = (size_t)ev->workforce->feed.batch, streams = streams_of(count, batch), correct = 0;
	struct text_pass p = {ev, tokens, streams ? text_positions(count, streams * batch) : 0};
	double sum = 0, all = (double)(p.positions * streams * batch);
	*loss = *accuracy = NAN;
	if (streams == 0)
		return;
	pool_run(ev->workforce->pool, streams, eval_stream, &p);
	for (size_t i = 0; i < streams; i++) {
		sum += ev->sums[i].loss;
		correct += ev->sums[i].correct;
	}
	*loss = sum / all;
	*accuracy = (double)correct / all;
}

void evaluate_text(struct evaluation *ev, size_t train, struct eval_row *row)
{
	const struct dataset *d = &ev->workforce->feed.data;
	eval_tokens(ev, d->train_tokens, train, &row->train_loss, &row->train_accuracy);
	eval_tokens(ev, d->test_tokens, d->shape.n_test, &row->test_loss, &row->test_accuracy);
	eval_tokens(ev, d->validation_tokens, d->shape.n_validation, &row->validation_loss,
	            &row->validation_accuracy);
	row->validation_bits = row->validation_loss / log(2);
	row->train_perplexity = exp(row->train_loss);
	row->test_perplexity = exp(row->test_loss);
	row->test_bits = row->test_loss / log(2);
}
