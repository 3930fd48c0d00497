/*
 * The probe weights: what the answer of a step owes to each worker. One row a step, a column a quantity, as
 * far as the aggregator has them (rule_says()).
 *
 * weight [M]: of the worker's message in the answer, through all that stands before the rule. 0 for a message
 * that was not finite, NaN for a worker that was not counted, and for all in a withheld step. What a server
 * remembers has a weight too, which is no worker's: with it the weights may add up to less than 1, as they do
 * where messages are clipped.
 *
 * chosen [M]: 1 where the rule took the message, 0 where it did not, -1 where weight is NaN.
 *
 * bucket [M]: in which bucket the message was, -1 for none.
 */
#include <math.h>
#include "base/mem.h"
#include "probe/probe_internal.h"

#define WEIGHTS "/probes/weights/"

struct weights {
	const struct settings *s;
	struct h5_column *step, *weight, *chosen, *bucket; /* NULL: the aggregator has none */
	double *weights;                                   /* [M] */
	int32_t *numbers;                                  /* [M] */
};

struct weights *weights_open(const struct settings *s, struct h5 *f)
{
	struct rule_says says = rule_says((const struct aggregator *)s->aggregator.row, s->aggregator.state);
	size_t workers = (size_t)s->workers;
	if (s->record.weights == 0)
		return NULL;
	struct weights *p = mem_alloc(sizeof *p);
	*p = (struct weights){.s = s,
	                      .weights = mem_array(workers, sizeof *p->weights),
	                      .numbers = mem_array(workers, sizeof *p->numbers)};
	p->step = h5_column(f, WEIGHTS "step", H5_I64, 0, NULL, "steps", "steps done");
	if (says.weights)
		p->weight =
		        h5_column(f, WEIGHTS "weight", H5_F64, 1, &workers, "1",
		                  "weight of each worker's message in the answer; NaN: it was not counted, "
		                  "or the step was withheld");
	if (says.chosen)
		p->chosen =
		        h5_column(f, WEIGHTS "chosen", H5_I32, 1, &workers, "",
		                  "1: the rule took the message, 0: it did not; -1: there was none, or the "
		                  "step was withheld");
	if (says.buckets)
		p->bucket = h5_column(f, WEIGHTS "bucket", H5_I32, 1, &workers, "",
		                      "the bucket in which each message was; -1: in none");
	return p;
}

void weights_close(struct weights *p)
{
	if (!p)
		return;
	struct h5_column *columns[] = {p->step, p->weight, p->chosen, p->bucket};
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
		if (columns[i])
			h5_column_close(columns[i]);
	mem_free(p->weights);
	mem_free(p->numbers);
	mem_free(p);
}

static int count_voters(const struct probe_view *v, int64_t workers)
{
	int count = 0;
	for (int64_t m = 0; m < workers; m++)
		count += v->born[m] >= 0;
	return count;
}

/* Messages stand in a report in order of worker, those alone that were counted. */
static void append_weights(struct weights *p, const struct probe_view *v)
{
	int voters = count_voters(v, p->s->workers), at = 0;
	for (int64_t m = 0; m < p->s->workers; m++) {
		bool counted = v->born[m] >= 0;
		p->weights[m] = !counted || !v->pull ? NAN
		                : v->report          ? v->report->weights[at]
		                                     : 1.0 / voters;
		at += counted;
	}
	h5_append(p->weight, 1, p->weights);
}

static int chosen_of(const struct rule_report *r, int at)
{
	return r->chosen[at];
}

static int bucket_of(const struct rule_report *r, int at)
{
	return r->bucket[at];
}

static void append_numbers(struct weights *p, const struct probe_view *v, struct h5_column *column,
                           int (*number_of)(const struct rule_report *r, int at))
{
	for (int m = 0, at = 0; m < p->s->workers; m++) {
		bool counted = v->born[m] >= 0;
		p->numbers[m] = counted && v->pull ? number_of(v->report, at) : -1;
		at += counted;
	}
	h5_append(column, 1, p->numbers);
}

void weights_step(struct weights *p, const struct probe_view *v, int64_t done)
{
	if (!p || !probe_due(p->s->record.weights, done))
		return;
	h5_append(p->step, 1, &done);
	if (p->weight)
		append_weights(p, v);
	if (p->chosen)
		append_numbers(p, v, p->chosen, chosen_of);
	if (p->bucket)
		append_numbers(p, v, p->bucket, bucket_of);
}

double weights_file_bytes(const struct settings *s)
{
	double rows = s->record.weights > 0 ? (double)(s->steps / s->record.weights) : 0;
	return rows * (8 + 16 * (double)s->workers);
}
