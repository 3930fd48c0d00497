/* The step, on one screen; what it needs is made in train/trainer_open.c. */
#include <math.h>
#include <string.h>
#include "base/clock.h"
#include "train/trainer_internal.h"

enum { APPLY_CHUNK = 1 << 16 }; /* coordinates; 256 KiB of x, a multiple of 64 */

static void compute_item(void *ctx, int lane, size_t item)
{
	struct trainer *t = ctx;
	struct worker *w = &t->workers[item];
	w->ticket = t->round.job.step * (uint64_t)t->count + item;
	w->owns_bn = (int)w->id == t->bn_owner;
	if (t->born[w->id] < 0)
		trainer_anew(t, (int)w->id);
	t->reported_born[w->id] = t->born[w->id];
	worker_compute(w, &t->lanes[lane], &t->round);
}

static void encode_item(void *ctx, int lane, size_t item)
{
	struct trainer *t = ctx;
	worker_encode(&t->workers[item], &t->lanes[lane], &t->round);
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

/* Of those that were counted; when none of them is honest, what it was before. */
static double mean_honest_loss(struct trainer *t)
{
	double sum = 0;
	int honest = 0;
	for (int m = 0; m < (int)t->settings->workers; m++) {
		if (!t->honest[m] || t->reported_born[m] < 0)
			continue;
		sum += t->loss[m];
		honest++;
	}
	if (honest > 0)
		t->last_loss = sum / honest;
	return t->last_loss;
}

/* Seconds that a lane spent on getting its batches, on the average. */
static double mean_data_s(const struct trainer *t)
{
	double sum = 0;
	int lanes = pool_lanes(t->pool);
	for (int m = 0; m < t->count; m++)
		sum += t->workers[m].data_s;
	return t->count > 0 ? sum / (lanes < t->count ? lanes : t->count) : 0;
}

static void run_probes(struct trainer *t)
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

void trainer_run_probes(struct trainer *t)
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
	probe_needs(&t->probed, t->steps_done, &t->round);
	if (t->running)
		memcpy(t->running_before, t->running, t->running_floats * sizeof *t->running);
}

/* Who speaks, and what it says beside its message. */
static void gather_pushes(struct trainer *t, struct exchange_request *x)
{
	x->hosted = 0;
	for (int i = 0; i < t->count; i++) {
		const struct worker *w = &t->workers[i];
		t->loss[w->id] = w->loss;
		t->reported_born[w->id] = trainer_counts(t, (int)w->id) ? t->born[w->id] : -1;
		if (t->reported_born[w->id] >= 0)
			t->pushes[x->hosted++] = w->push;
	}
}

/* Who was not counted begins anew, and what its batch did to the running statistics is undone. */
static void settle(struct trainer *t, const struct exchange_reply *x, int bn_owner)
{
	for (int m = 0; m < (int)t->settings->workers; m++)
		if (t->link.root || trainer_hosts(t, m))
			t->born[m] = t->reported_born[m];
	if (t->running && t->reported_born[bn_owner] < 0 && trainer_hosts(t, bn_owner))
		memcpy(t->running, t->running_before, t->running_floats * sizeof *t->running);
	if (t->link.root)
		trainer_return_blocks(t);
	t->bn_owner = x->bn_owner;
	t->must_resync = x->must_resync;
	t->bytes += x->bytes_up + x->bytes_down;
}

/* The root's parameters are here in place of ours. */
static void take_over(struct trainer *t, const struct exchange_reply *x)
{
	t->steps_done = (int64_t)x->step;
	t->bn_owner = x->bn_owner;
	t->must_resync = x->must_resync;
	for (int i = 0; i < t->count; i++)
		t->born[t->workers[i].id] = -1;
	trainer_load(t);
}

enum trainer_end trainer_step(struct trainer *t, struct step_row *row, int *flags, struct err *e)
{
	struct exchange_request x = trainer_request(t, flags ? *flags : 0);
	struct exchange_reply reply;
	int bn_owner = t->bn_owner;
	begin_step(t);
	if (trainer_replay_fits(t, e))
		return TRAINER_FAILED;

	x.step = t->round.job.step;
	x.x_hash = trainer_hash(t);
	double start = clock_s(), computed = start, encoded = start;
	if (!t->must_resync) {
		trainer_post_begin(t, &x);
		trainer_feed_steps(t);
		pool_run(t->pool, (size_t)t->count, compute_item, t);
		computed = clock_s();
		pool_run(t->pool, (size_t)t->count, encode_item, t);
		trainer_post(t);
		encoded = clock_s();
	}
	gather_pushes(t, &x);
	enum exchange_end end = t->link.row->exchange(t->link.self, &x, &reply, e);
	if (flags)
		*flags = reply.flags;
	if (end == EXCHANGE_REPLACED)
		take_over(t, &reply);
	if (end != EXCHANGE_DONE)
		return end == EXCHANGE_FAILED ? TRAINER_FAILED
		       : end == EXCHANGE_LEFT ? TRAINER_LEFT
		                              : TRAINER_DID;
	double exchanged = clock_s();
	settle(t, &reply, bn_owner);
	run_probes(t);
	if (t->round.reader && reader_failed(t->round.reader, e))
		return TRAINER_FAILED;
	double looked = clock_s();
	pool_run(t->pool, apply_items(&t->round), apply_item, t);
	trainer_load(t);
	double applied = clock_s();
	t->steps_done++;
	trainer_run_probes(t);
	*row = (struct step_row){.step = t->steps_done,
	                         .epoch = trainer_epoch(t),
	                         .loss = mean_honest_loss(t),
	                         .lr = t->lr,
	                         .bytes_up = reply.bytes_up,
	                         .bytes_down = reply.bytes_down,
	                         .bytes_busiest = reply.bytes_busiest,
	                         .n_voters = reply.n_voters,
	                         .compute_s = computed - start,
	                         .data_s = mean_data_s(t),
	                         .encode_s = encoded - computed,
	                         .wait_s = reply.wait_s,
	                         .exchange_s = exchanged - encoded,
	                         .apply_s = applied - looked};
	return TRAINER_DID;
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
