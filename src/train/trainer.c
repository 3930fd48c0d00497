/* The training step. train/trainer_open.c creates what it needs. */
#include <math.h>
#include <string.h>
#include "base/clock.h"
#include "base/exact.h"
#include "base/log.h"
#include "base/stats.h"
#include "train/trainer_internal.h"

enum { APPLY_CHUNK = 1 << 16 }; /* coordinates; 256 KiB of x, a multiple of 64 */

static void prepare(struct trainer *t, struct worker *w, int lane)
{
	w->number = t->round.job.step * (uint64_t)t->workforce.feed.n_reading + (uint64_t)w->place;
	w->owns_bn = (int)w->id == t->state.bn_owner;
	if (t->state.born[w->id] < 0)
		state_reset_worker(&t->state, (int)w->id, t->workforce.lanes[lane].queue);
	t->uplink.reported_born[w->id] = t->state.born[w->id];
}

static void compute_item(void *ctx, int lane, size_t item)
{
	struct trainer *t = ctx;
	const struct group *g = &t->workforce.groups.group[item];
	for (int i = 0; i < g->count; i++)
		prepare(t, g->workers[i], lane);
	group_compute(g, &t->workforce.lanes[lane], &t->round);
}

static void encode_item(void *ctx, int lane, size_t item)
{
	struct trainer *t = ctx;
	worker_encode(&t->workforce.workers[item], &t->workforce.lanes[lane], &t->round);
}

static void apply_item(void *ctx, int lane, size_t item)
{
	struct trainer *t = ctx;
	const struct round *r = &t->round;
	size_t begin = item * APPLY_CHUNK;
	size_t end = begin + APPLY_CHUNK < r->job.n ? begin + APPLY_CHUNK : r->job.n;
	const struct step_job job = round_job(r, &t->workforce.lanes[lane]);
	method_apply(&r->method, &job, t->uplink.pull, begin, end, t->lr, t->settings->weight_decay,
	             t->state.optimizer, t->state.x);
	r->be->memory->finish(job.queue);
}

static size_t apply_items(const struct round *r)
{
	return (r->job.n + APPLY_CHUNK - 1) / APPLY_CHUNK;
}

static void apply(struct trainer *t)
{
	pool_run(t->workforce.pool, apply_items(&t->round), apply_item, t);
	workforce_load(&t->workforce, t->state.x);
}

/* Said once in a run: the number of such steps is part of its progress and of what is said in the end. */
static void withhold(struct trainer *t)
{
	const struct settings *s = t->settings;
	if (t->state.withheld++ == 0 && t->uplink.link.root)
		log_warn("%s-%s: step %lld is withheld: %s; it changes no parameter, nor do further such "
		         "steps, "
		         "which are counted",
		         s->name, s->id, (long long)t->state.step + 1, t->uplink.withheld);
}

/*
 * Published values of a length to which messages are clipped belong to another scale of messages. What has
 * clipped nothing for an epoch is no defence: a rule that clips is then a mean. That is said once, when it
 * first becomes so: near the length of the messages it comes and goes.
 */
static void watch_clipping(struct trainer *t)
{
	const struct settings *s = t->settings;
	const char *idle = t->uplink.run.report.idle;
	int64_t epoch = (int64_t)ceil(ratio_value(s->steps_per_epoch));
	t->idle_steps = idle ? t->idle_steps + 1 : 0;
	if (epoch <= 0 || t->idle_steps < epoch || t->idle_said || !t->uplink.link.root)
		return;
	t->idle_said = true;
	bool rule = strcmp(idle, s->aggregator.row->name) == 0;
	log_warn("%s-%s: step %lld: %s \"%s\" has clipped no message for an epoch, so that %s; expected a "
	         "smaller `%s`",
	         s->name, s->id, (long long)t->state.step + 1, rule ? "aggregator" : "pre-aggregator", idle,
	         rule ? "its answer is the mean" : "it does nothing", rule ? "tau" : "limit");
}

/* The mean loss over the honest workers that were counted; if there was none, the mean of an earlier step. */
static double mean_honest_loss(struct observer *o, const struct uplink *u, int workers)
{
	double sum = 0;
	int honest = 0;
	for (int m = 0; m < workers; m++) {
		if (!u->honest[m] || u->reported_born[m] < 0)
			continue;
		sum += u->loss[m];
		honest++;
	}
	if (honest > 0)
		o->last_loss = sum / honest;
	return o->last_loss;
}

/*
 * The same where nobody vouches for the workers: the median of the losses that can be believed, so that no
 * single worker decides what it is. NAN: there are no such.
 */
static double median_honest_loss(struct observer *o, struct uplink *u, int workers)
{
	size_t honest = 0, sound = 0;
	for (int m = 0; m < workers; m++) {
		if (!u->honest[m] || u->reported_born[m] < 0)
			continue;
		honest++;
		if (!isnan(u->loss[m]))
			u->sorted[sound++] = u->loss[m];
	}
	stats_sort(u->sorted, sound);
	o->losses_dropped = 2 * (honest - sound) > (size_t)workers;
	if (sound > 0)
		o->last_loss = stats_median(u->sorted, sound);
	else if (honest > 0)
		o->last_loss = NAN;
	return o->last_loss;
}

/* beta at this step: the initial value from the settings, or the value that last replaced it. */
static double momentum(const struct settings *s, int64_t step)
{
	double beta = s->momentum;
	for (size_t i = 0; i < s->momentum_at.count && step >= s->momentum_at.at[i]; i++)
		beta = s->momentum_then.at[i];
	return beta;
}

static void begin_step(struct trainer *t)
{
	int64_t step = t->state.step;
	t->round.job.step = (uint64_t)step;
	t->round.beta = (float)momentum(t->settings, step);
	t->round.wants = probe_wants(&t->observer.probed, step);
	t->lr = schedule_rate(t->schedule, t->settings->lr.state, &t->schedule_env, step) *
	        feed_text_step(&t->workforce.feed, step);
	t->round.job.lr = t->lr;
	state_keep_running(&t->state);
}

/*
 * Workers that were not counted start again. If bn_owner, the owner of the running statistics in the step
 * that is over, was not counted, its update of them is undone.
 */
static void settle(struct trainer *t, const struct exchange_reply *reply, int bn_owner)
{
	struct state *st = &t->state;
	struct uplink *u = &t->uplink;
	for (int m = 0; m < st->workers; m++)
		if (u->link.root || st->hosted[m])
			st->born[m] = u->reported_born[m];
	if (u->reported_born[bn_owner] < 0 && st->hosted[bn_owner])
		state_undo_running(st);
	if (u->link.root)
		state_drop_remote(st);
	st->bn_owner = reply->bn_owner;
	u->must_resync = reply->must_resync;
	t->observer.bytes += reply->bytes_up + reply->bytes_down;
}

/* The transport has replaced our parameters with the root's. */
static void take_over(struct trainer *t, const struct exchange_reply *reply)
{
	t->state.step = (int64_t)reply->step;
	t->state.bn_owner = reply->bn_owner;
	t->uplink.must_resync = reply->must_resync;
	for (int i = 0; i < t->workforce.count; i++)
		t->state.born[t->workforce.workers[i].id] = -1;
	state_take_shared(&t->state);
	workforce_load(&t->workforce, t->state.x);
}

static enum trainer_end ended(enum exchange_end end)
{
	return end == EXCHANGE_FAILED ? TRAINER_FAILED : end == EXCHANGE_LEFT ? TRAINER_LEFT : TRAINER_DID;
}

/* When gradients and messages were made, and the seconds that messages took while gradients were. */
struct made {
	double computed, encoded, encode_s;
};

static void make_messages(struct trainer *t, struct exchange_request *request, struct made *made)
{
	struct workforce *workforce = &t->workforce;
	uplink_post_begin(&t->uplink, request);
	feed_steps(&workforce->feed, t->state.step);
	pool_run(workforce->pool, (size_t)workforce->groups.count, compute_item, t);
	made->computed = clock_s();
	made->encode_s = workforce_encode_s(workforce);
	crowd_forge(&t->crowd, t->replay, &t->state);
	if (workforce_owes(workforce))
		pool_run(workforce->pool, (size_t)workforce->count, encode_item, t);
	uplink_post(&t->uplink);
	made->encoded = clock_s();
}

enum trainer_end trainer_step(struct trainer *t, struct step_row *row, int *flags, struct err *e)
{
	struct workforce *workforce = &t->workforce;
	struct uplink *up = &t->uplink;
	struct state *st = &t->state;
	begin_step(t);
	if (replay_begin_step(t->replay, st, e))
		return TRAINER_FAILED;

	int bn_owner = st->bn_owner;
	struct exchange_request request = uplink_request(up, t->round.job.step, st, flags ? *flags : 0);
	struct exchange_reply reply;
	uplink_show(up, st);
	request.x_hash = uplink_hash(up, st, workforce->pool);
	double start = clock_s();
	struct made made = {.computed = start, .encoded = start};
	if (!up->must_resync)
		make_messages(t, &request, &made);
	uplink_gather(up, workforce, t->replay, st, &request);
	uplink_show_running(up, st);
	enum exchange_end end = up->link.row->exchange(up->link.self, &request, &reply, e);
	if (flags)
		*flags = reply.flags & (EXCHANGE_SAVE | EXCHANGE_STOP);
	if (end == EXCHANGE_REPLACED)
		take_over(t, &reply);
	if (end != EXCHANGE_DONE)
		return ended(end);
	bool withheld = reply.flags & EXCHANGE_WITHHELD;
	uplink_take(up, st, withheld);
	double exchanged = clock_s();
	settle(t, &reply, bn_owner);
	observer_step(&t->observer, &t->round, workforce, up, withheld ? NULL : up->pull);
	if (workforce->feed.reader && reader_failed(workforce->feed.reader, e))
		return TRAINER_FAILED;
	double probed = clock_s();
	if (withheld)
		withhold(t);
	else
		apply(t);
	watch_clipping(t);
	double applied = clock_s();
	st->step++;
	observer_applied(&t->observer, st);
	*row = (struct step_row){.step = st->step,
	                         .epoch = state_epoch(st, t->settings),
	                         .loss = up->link.untrusted
	                                         ? median_honest_loss(&t->observer, up, st->workers)
	                                         : mean_honest_loss(&t->observer, up, st->workers),
	                         .lr = t->lr,
	                         .bytes_up = reply.bytes_up,
	                         .bytes_down = reply.bytes_down,
	                         .bytes_busiest = reply.bytes_busiest,
	                         .n_voters = reply.n_voters,
	                         .compute_s = made.computed - start - made.encode_s,
	                         .data_s = workforce_data_s(workforce),
	                         .encode_s = made.encoded - made.computed + made.encode_s,
	                         .wait_s = reply.wait_s,
	                         .exchange_s = exchanged - made.encoded,
	                         .apply_s = applied - probed,
	                         .withheld = st->withheld,
	                         .privacy = method_privacy(&t->round.method, st->step)};
	if (t->settings->parts)
		row->gradients = coded_gradients(t->settings->parts, up->reported_born, st->workers);
	return TRAINER_DID;
}

int trainer_eval(struct trainer *t, struct eval_row *row, struct err *e)
{
	*row = (struct eval_row){.step = t->state.step,
	                         .epoch = state_epoch(&t->state, t->settings),
	                         .bytes = t->observer.bytes};
	return evaluate_all(&t->observer.evaluation, row, e);
}

bool trainer_untrusted(const struct trainer *t)
{
	return t->uplink.link.untrusted;
}

bool trainer_losses_dropped(const struct trainer *t)
{
	return t->observer.losses_dropped;
}

bool trainer_x_finite(const struct trainer *t)
{
	t->be.sum_abs(t->queue, t->state.n, t->state.x,
	              t->number); /* in double, which no sum of floats exceeds */
	return isfinite(memory_number(t->be.memory, t->queue, t->number));
}

bool trainer_eval_decides(const struct trainer *t)
{
	return !t->uplink.link.untrusted || !t->state.running || t->state.step == 0;
}

void trainer_run_probes(struct trainer *t)
{
	observer_applied(&t->observer, &t->state);
}

void trainer_replay(struct trainer *t, const struct replay *r)
{
	t->replay = r;
}

int64_t trainer_withheld(const struct trainer *t)
{
	return t->state.withheld;
}

int64_t trainer_steps_done(const struct trainer *t)
{
	return t->state.step;
}

const int64_t *trainer_voters(const struct trainer *t)
{
	return t->uplink.reported_born;
}

const float *trainer_x(struct trainer *t, size_t *n)
{
	*n = t->state.n;
	state_show_shared(&t->state);
	return t->state.x_seen;
}
