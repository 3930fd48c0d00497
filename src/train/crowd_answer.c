/* The server's answer as colluders try it: see crowd_answer.h. */
#include "train/crowd_answer.h"
#include <math.h>
#include "base/mem.h"

/* Copies begin at multiples of 64 bytes. */
size_t crowd_unsaid_floats(const struct settings *s, size_t n)
{
	const struct method m = settings_method(s);
	return (method_worker_floats(&m, n) + 15) / 16 * 16;
}

static size_t end_of(size_t begin, size_t n)
{
	return begin + CROWD_BLOCK < n ? begin + CROWD_BLOCK : n;
}

static void open_rule(struct crowd_chain *c, const struct settings *s)
{
	const struct round *r = c->round;
	int lanes = pool_lanes(c->workforce->pool);
	if (!r->method.aggregator->rule)
		return;
	c->queues = mem_array((size_t)lanes, sizeof(struct queue *));
	for (int i = 0; i < lanes; i++)
		c->queues[i] = c->workforce->lanes[i].queue;
	if (c->st->server)
		c->memory = r->be->memory->alloc(c->st->server_floats * sizeof *c->memory,
		                                 "memory of the aggregator, as colluders try it");
	c->run = (struct rule_run){.agg = r->method.aggregator,
	                           .state = s->aggregator.state,
	                           .be = r->be,
	                           .queues = c->queues,
	                           .lanes = lanes,
	                           .workers = (int)s->workers,
	                           .n = r->job.n,
	                           .seed = c->seed,
	                           .push = r->method.push,
	                           .memory = c->memory};
	rule_open(&c->run);
}

void crowd_chain_open(struct crowd_chain *c, const struct settings *s, const struct workforce *w,
                      const struct round *r, const struct state *st)
{
	size_t workers = (size_t)w->count;
	struct stream own = stream_of(s->seed, RNG_COLLUDERS, 1, 0);
	*c = (struct crowd_chain){.round = r, .workforce = w, .st = st, .seed = stream_bits(&own, 0)};
	c->pushes = mem_array(workers, sizeof *c->pushes);
	c->ids = mem_array(workers, sizeof *c->ids);
	c->colluder = mem_array(workers, sizeof *c->colluder);
	c->sums = mem_array(crowd_blocks(r->job.n), sizeof *c->sums);
	c->pull = r->be->memory->alloc(method_pull_bytes(&r->method, r->job.n), "answer that colluders try");
	c->unsaid_floats = crowd_unsaid_floats(s, r->job.n);
	if (c->unsaid_floats > 0)
		c->unsaid = r->be->memory->alloc((size_t)s->adversaries.count * c->unsaid_floats *
		                                         sizeof *c->unsaid,
		                                 "what colluders leave unsaid, as they try it");
	open_rule(c, s);
	judge_open(&c->judge, &r->method, (int)s->workers, r->job.n);
}

void crowd_chain_close(struct crowd_chain *c)
{
	if (!c->round)
		return;
	rule_close(&c->run);
	judge_close(&c->judge);
	c->round->be->memory->release(c->pull);
	c->round->be->memory->release(c->memory);
	c->round->be->memory->release(c->unsaid);
	mem_free(c->queues);
	mem_free(c->pushes);
	mem_free(c->ids);
	mem_free(c->colluder);
	mem_free(c->sums);
}

void crowd_chain_begin(struct crowd_chain *c)
{
	c->count = c->colluders = 0;
}

void crowd_chain_add(struct crowd_chain *c, struct worker *w)
{
	if (w->attack)
		c->colluder[c->colluders++] = w;
	c->ids[c->count] = (int)w->id;
	c->pushes[c->count++] = w->push;
}

/* Into how many pieces a message is cut while it is made: one where the compressor remembers, or cannot. */
static size_t cut_of(const struct crowd_chain *c)
{
	return method_in_ranges(&c->round->method) ? crowd_blocks(c->round->job.n) : 1;
}

/* A copy of what the compressor of colluder i has left unsaid; NULL: it says all. */
static float *copy_unsaid(const struct crowd_chain *c, size_t i, struct queue *q)
{
	float *copy = c->unsaid_floats > 0 ? c->unsaid + i * c->unsaid_floats : NULL;
	size_t floats = method_worker_floats(&c->round->method, c->round->job.n);
	if (copy)
		c->round->be->memory->copy(q, copy, c->colluder[i]->unsaid, floats * sizeof *copy);
	return copy;
}

/* One piece of one colluder's message. */
static void encode_item(void *ctx, int lane, size_t item)
{
	const struct crowd_chain *c = ctx;
	const struct round *r = c->round;
	const struct step_job job = round_job(r, &c->workforce->lanes[lane]);
	size_t cut = cut_of(c), i = item / cut;
	const struct worker *w = c->colluder[i];
	size_t begin = item % cut * CROWD_BLOCK, end = cut > 1 ? end_of(begin, job.n) : job.n;
	method_encode(&r->method, &job, w->id, c->forged, begin, end, copy_unsaid(c, i, job.queue), w->push);
	job.be->memory->finish(job.queue);
}

static void encode(struct crowd_chain *c)
{
	pool_run(c->workforce->pool, cut_of(c) * (size_t)c->colluders, encode_item, c);
}

static void combine_item(void *ctx, int lane, size_t item)
{
	const struct crowd_chain *c = ctx;
	struct step_job job = round_job(c->round, &c->workforce->lanes[lane]);
	size_t begin = item * CROWD_BLOCK;
	bool judged = judge_has(&c->round->method);
	job.seed = c->seed;
	job.scales = c->judge.scales;
	method_combine(&c->round->method, &job, judged ? c->judge.count : c->count,
	               judged ? c->judge.pushes : c->pushes, begin, end_of(begin, job.n), c->pull);
	job.be->memory->finish(job.queue);
}

/* The mean of messages, of which those that no compressor can have made are left out. */
static bool combine(struct crowd_chain *c)
{
	struct pool *pool = c->workforce->pool;
	const struct step_job job = round_job(c->round, &c->workforce->lanes[0]);
	if (judge_has(&c->round->method)) {
		judge_messages(&c->judge, &job, pool, c->count, c->pushes);
		if (c->judge.count == 0)
			return false;
	}
	pool_run(pool, crowd_blocks(c->round->job.n), combine_item, c);
	return true;
}

/* Is there an answer? And of a rule that chooses: has it chosen a colluder's message? */
static bool meet(struct crowd_chain *c, bool *chosen)
{
	const struct round *r = c->round;
	const struct meeting m = {.step = r->job.step,
	                          .count = c->count,
	                          .ids = c->ids,
	                          .pushes = c->pushes,
	                          .n = r->job.n,
	                          .end = r->job.n,
	                          .pull = c->pull,
	                          .pool = c->workforce->pool};
	struct queue *q = c->workforce->lanes[0].queue;
	struct err e = {0};
	if (c->memory)
		r->be->memory->copy(q, c->memory, c->st->server, c->st->server_floats * sizeof *c->memory);
	r->be->memory->finish(q);
	if (rule_meet(&c->run, &m, &e) != MEETING_ANSWERED)
		return false;
	for (int i = 0, k = 0; i < c->count && k < c->colluders; i++) {
		if (c->ids[i] != (int)c->colluder[k]->id)
			continue;
		*chosen = *chosen || (c->run.report.has_chosen && c->run.report.chosen[i]);
		k++;
	}
	return true;
}

static void distance_item(void *ctx, int lane, size_t item)
{
	const struct crowd_chain *c = ctx;
	struct crowd_view view = *c->view;
	const struct step_job job = round_job(c->round, &c->workforce->lanes[lane]);
	size_t begin = item * CROWD_BLOCK, end = end_of(begin, job.n);
	view.queue = job.queue;
	c->sums[item] = 0;
	for (size_t at = begin, count; at < end; at += count) {
		float answer[CROWD_CHUNK];
		double mean[CROWD_CHUNK];
		count = end - at < CROWD_CHUNK ? end - at : CROWD_CHUNK;
		message_floats(&job, &c->round->method.pull, c->pull, at, at + count, answer);
		crowd_mean(&view, at, count, mean);
		for (size_t i = 0; i < count; i++)
			mean[i] = c->scale * answer[i] - mean[i];
		c->sums[item] += crowd_dot(count, mean, mean);
	}
}

void crowd_chain_answer(struct crowd_chain *c, const struct crowd_view *view, const float *forged,
                        struct crowd_answer *answer)
{
	struct pool *pool = c->workforce->pool;
	size_t blocks = crowd_blocks(c->round->job.n);
	double sum = 0;
	*answer = (struct crowd_answer){.distance = NAN};
	c->view = view;
	c->forged = forged;
	c->scale = c->round->method.compressor->lr_inside ? 1 / c->round->job.lr : 1;
	encode(c);
	bool rule = c->round->method.aggregator->rule;
	if (rule ? !meet(c, &answer->chosen) : !combine(c))
		return;
	pool_run(pool, blocks, distance_item, c);
	for (size_t i = 0; i < blocks; i++)
		sum += c->sums[i];
	answer->distance = sqrt(sum);
}
