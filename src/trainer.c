/* The step, on one screen; what it needs is made in trainer_open.c. */
#include <math.h>
#include "base/clock.h"
#include "trainer_inside.h"

enum { APPLY_CHUNK = 1 << 16 }; /* coordinates; 256 KiB of x, a multiple of 64 */

static void compute_item(void *ctx, int lane, size_t item)
{
	struct trainer *t = ctx;
	t->workers[item].ticket = t->round.job.step * (uint64_t)t->count + item;
	worker_compute(&t->workers[item], &t->lanes[lane], &t->round);
}

static void encode_item(void *ctx, int lane, size_t item)
{
	struct trainer *t = ctx;
	worker_encode(&t->workers[item], &t->lanes[lane], &t->round);
}

static void combine(void *ctx, int count, const void *const *pushes, size_t begin, size_t end, void *pull)
{
	const struct round *r = ctx;
	r->agg->combine(&r->job, count, pushes, begin, end, pull);
}

static void apply_item(void *ctx, int lane, size_t item)
{
	struct trainer *t = ctx;
	const struct round *r = &t->round;
	size_t begin = r->agg->separable ? item * APPLY_CHUNK : 0;
	size_t end = r->agg->separable && begin + APPLY_CHUNK < r->job.n ? begin + APPLY_CHUNK : r->job.n;
	(void)lane;
	r->agg->apply(&r->job, t->pull, begin, end, t->lr, t->settings->weight_decay, t->optimiser, t->x);
}

static size_t apply_items(const struct round *r)
{
	return r->agg->separable ? (r->job.n + APPLY_CHUNK - 1) / APPLY_CHUNK : 1;
}

static double mean_honest_loss(const struct trainer *t)
{
	double sum = 0;
	int honest = 0;
	for (int m = 0; m < t->count; m++) {
		if (t->workers[m].attack)
			continue;
		sum += t->workers[m].loss;
		honest++;
	}
	return sum / honest;
}

/* Seconds that a lane spent on getting its batches, on the average. */
static double mean_data_s(const struct trainer *t)
{
	double sum = 0;
	int lanes = pool_lanes(t->pool);
	for (int m = 0; m < t->count; m++)
		sum += t->workers[m].data_s;
	return sum / (lanes < t->count ? lanes : t->count);
}

static void look(struct trainer *t)
{
	struct probe_view view = {.round = &t->round,
	                          .workers = t->workers,
	                          .count = t->count,
	                          .pull = t->pull,
	                          .full_gradient = trainer_full_gradient,
	                          .ctx = t};
	if (t->probe)
		probe_step(t->probe, &view);
}

void trainer_look(struct trainer *t)
{
	struct probe_pass pass = {.run = trainer_each_gradient, .ctx = t};
	if (t->probe)
		probe_applied(t->probe, t->x, t->steps_done, &pass);
}

/* beta at this step: the settings', or what has replaced it since. */
static double momentum(const struct trainer *t)
{
	const struct settings *s = t->settings;
	double beta = s->momentum;
	for (size_t i = 0; i < s->momentum_at.count && t->steps_done >= s->momentum_at.at[i]; i++)
		beta = s->momentum_then.at[i];
	return beta;
}

/* What this step is made with. */
static void begin_step(struct trainer *t)
{
	t->round.job.step = (uint64_t)t->steps_done;
	t->round.beta = (float)momentum(t);
	t->lr = schedule_rate(t->schedule, t->settings->lr.state, &t->schedule_env, t->steps_done);
	if (t->round.text)
		trainer_text_step(t);
	probe_needs(t->settings, t->steps_done, &t->round);
}

int trainer_step(struct trainer *t, struct step_row *row, struct err *e)
{
	struct exchange x = {.n = t->round.job.n,
	                     .push_bytes = t->push_bytes,
	                     .pull_bytes = t->pull_bytes,
	                     .pushes = t->pushes,
	                     .pull = t->pull,
	                     .separable = t->round.agg->separable,
	                     .combine = combine,
	                     .ctx = &t->round};
	begin_step(t);

	trainer_feed_steps(t);

	double start = clock_s();
	pool_run(t->pool, (size_t)t->count, compute_item, t);
	double computed = clock_s();
	pool_run(t->pool, (size_t)t->count, encode_item, t);
	double encoded = clock_s();
	if (t->transport->exchange(t->transport_self, &x, e))
		return -1;
	double exchanged = clock_s();
	look(t);
	if (t->round.reader && reader_failed(t->round.reader, e))
		return -1;
	double looked = clock_s();
	pool_run(t->pool, apply_items(&t->round), apply_item, t);
	trainer_load(t);
	double applied = clock_s();
	t->steps_done++;
	trainer_look(t);
	t->bytes += x.bytes_up + x.bytes_down;
	*row = (struct step_row){.step = t->steps_done,
	                         .epoch = trainer_epoch(t),
	                         .loss = mean_honest_loss(t),
	                         .lr = t->lr,
	                         .bytes_up = x.bytes_up,
	                         .bytes_down = x.bytes_down,
	                         .n_voters = x.n_voters,
	                         .compute_s = computed - start,
	                         .data_s = mean_data_s(t),
	                         .encode_s = encoded - computed,
	                         .exchange_s = exchanged - encoded,
	                         .apply_s = applied - looked};
	return 0;
}

void trainer_load(struct trainer *t)
{
	if (t->round.model->load)
		t->round.model->load(t->lanes[0].model, t->x);
}

double trainer_epoch(const struct trainer *t)
{
	double per_epoch = t->settings->steps_per_epoch;
	return per_epoch > 0 ? (double)t->steps_done / per_epoch : 0;
}

int64_t trainer_steps_done(const struct trainer *t)
{
	return t->steps_done;
}

const float *trainer_x(const struct trainer *t, size_t *n)
{
	*n = t->round.job.n;
	return t->x;
}
