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

/* Codes are floats where they meet. */
static struct message met_message(const struct crowd_chain *c)
{
	const struct message *push = &c->round->method.push;
	return push->kind == MESSAGE_CODED ? (struct message){.kind = MESSAGE_FLOATS} : *push;
}

static void open_rule(struct crowd_chain *c, const struct settings *s)
{
	const struct round *r = c->round;
	int lanes = pool_lanes(c->workforce->pool);
	if (!aggregator_meets(r->method.aggregator))
		return;
	if (!c->on_host)
		c->queues = mem_array((size_t)lanes, sizeof(struct queue *));
	for (int i = 0; i < lanes && c->queues; i++)
		c->queues[i] = c->workforce->lanes[i].queue;
	c->run = (struct rule_run){.agg = r->method.aggregator,
	                           .state = s->aggregator.state,
	                           .be = c->be,
	                           .queues = c->queues,
	                           .lanes = lanes,
	                           .workers = (int)s->workers,
	                           .n = r->job.n,
	                           .seed = c->seed,
	                           .push = met_message(c),
	                           .layers = r->method.layers,
	                           .memory = c->memory};
	rule_open(&c->run);
}

/* What the server has beside its rule. */
static void open_server(struct crowd_chain *c)
{
	const struct memory *m = c->be->memory;
	const struct method *method = &c->round->method;
	size_t n = c->round->job.n, lanes = (size_t)pool_lanes(c->workforce->pool);
	c->pull = m->alloc(method_pull_bytes(method, n), "answer that colluders try");
	if (method->two_way)
		c->sent = m->alloc(method_answer_bytes(method, n), "compressed answer that colluders try");
	if (c->st->server)
		c->memory = m->alloc(c->st->server_floats * sizeof *c->memory,
		                     "memory of the server, as colluders try it");
	if (c->on_host)
		c->scratch = mem_array(lanes * MESSAGE_SCRATCH, sizeof *c->scratch);
}

void crowd_chain_open(struct crowd_chain *c, const struct settings *s, const struct workforce *w,
                      const struct round *r, const struct state *st, const struct backend *combines)
{
	size_t workers = (size_t)w->count;
	struct stream own = stream_of(s->seed, RNG_COLLUDERS, 1, 0);
	*c = (struct crowd_chain){.round = r,
	                          .workforce = w,
	                          .st = st,
	                          .be = combines,
	                          .on_host = combines != r->be,
	                          .seed = stream_bits(&own, 0)};
	c->pushes = mem_array(workers, sizeof *c->pushes);
	c->ids = mem_array(workers, sizeof *c->ids);
	c->colluder = mem_array(workers, sizeof *c->colluder);
	c->sums = mem_array(crowd_blocks(r->job.n), sizeof *c->sums);
	c->unsaid_floats = crowd_unsaid_floats(s, r->job.n);
	if (c->unsaid_floats > 0)
		c->unsaid = r->be->memory->alloc((size_t)s->adversaries.count * c->unsaid_floats *
		                                         sizeof *c->unsaid,
		                                 "what colluders leave unsaid, as they try it");
	open_server(c);
	open_rule(c, s);
	judge_open(&c->judge, &r->method, (int)s->workers, r->job.n);
}

void crowd_chain_close(struct crowd_chain *c)
{
	if (!c->round)
		return;
	rule_close(&c->run);
	judge_close(&c->judge);
	c->be->memory->release(c->pull);
	c->be->memory->release(c->sent);
	c->be->memory->release(c->memory);
	c->round->be->memory->release(c->unsaid);
	mem_free(c->scratch);
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
	c->pushes[c->count++] = w->push_seen;
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
	if (c->on_host)
		worker_show(w, &c->workforce->lanes[lane], r);
	job.be->memory->finish(job.queue);
}

static void encode(struct crowd_chain *c)
{
	pool_run(c->workforce->pool, cut_of(c) * (size_t)c->colluders, encode_item, c);
}

/* As the server has it, with the colluders' lots. */
static struct step_job server_job(const struct crowd_chain *c, int lane)
{
	struct step_job job = round_job(c->round, &c->workforce->lanes[lane]);
	job.seed = c->seed;
	if (!c->on_host)
		return job;
	job.be = c->be;
	job.queue = NULL;
	job.scratch = c->scratch + (size_t)lane * MESSAGE_SCRATCH;
	return job;
}

static void combine_item(void *ctx, int lane, size_t item)
{
	const struct crowd_chain *c = ctx;
	struct step_job job = server_job(c, lane);
	size_t begin = item * CROWD_BLOCK;
	bool judged = judge_has(&c->round->method);
	job.scales = c->judge.scales;
	job.push = met_message(c);
	method_combine(&c->round->method, &job, judged ? c->judge.count : c->count,
	               judged ? c->judge.pushes : c->pushes, begin, end_of(begin, job.n), c->pull);
	job.be->memory->finish(job.queue);
}

/* Range by range; false: no message is one that its compressor can have made. */
static bool combine(struct crowd_chain *c)
{
	if (judge_has(&c->round->method) && c->judge.count == 0)
		return false;
	pool_run(c->workforce->pool, crowd_blocks(c->round->job.n), combine_item, c);
	return true;
}

/* Is there an answer? And of a rule that chooses: has it chosen a colluder's message? */
static bool meet(struct crowd_chain *c, bool *chosen)
{
	const struct round *r = c->round;
	const struct meeting m = {.step = r->job.step,
	                          .count = c->count,
	                          .ids = c->ids,
	                          .pushes = c->judge.rows ? c->judge.rows : c->pushes,
	                          .n = r->job.n,
	                          .end = r->job.n,
	                          .pull = c->pull,
	                          .pool = c->workforce->pool};
	struct err e = {0};
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

/* What the workers would read of a compressed answer. False: it cannot be said. */
static bool compress(struct crowd_chain *c)
{
	const struct step_job job = server_job(c, 0);
	const struct method *m = &c->round->method;
	size_t unsaid = method_answer_floats(m, job.n);
	float *memory = unsaid > 0 ? c->memory + c->st->server_floats - unsaid : NULL;
	if (!method_can_say(m, job.n, c->pull, memory))
		return false;
	method_encode_answer(m, &job, c->pull, memory, c->sent);
	method_read_answer(m, &job, c->sent, c->pull);
	return true;
}

/* Is there an answer, and what reaches the workers? */
static bool serve(struct crowd_chain *c, bool *chosen)
{
	const struct step_job job = server_job(c, 0);
	const struct method *m = &c->round->method;
	if (c->memory)
		c->be->memory->copy(job.queue, c->memory, c->st->server,
		                    c->st->server_floats * sizeof *c->memory);
	c->be->memory->finish(job.queue);
	bool rule = aggregator_meets(m->aggregator);
	if (judge_has(m) && (!rule || c->judge.rows))
		judge_messages(&c->judge, &job, c->workforce->pool, c->count, c->pushes);
	if (rule ? !meet(c, chosen) : !combine(c))
		return false;
	return !c->sent || compress(c);
}

static void distance_item(void *ctx, int lane, size_t item)
{
	const struct crowd_chain *c = ctx;
	struct crowd_view view = *c->view;
	const struct step_job job = server_job(c, lane);
	size_t begin = item * CROWD_BLOCK, end = end_of(begin, job.n);
	view.queue = c->workforce->lanes[lane].queue;
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
	if (!serve(c, &answer->chosen))
		return;
	pool_run(pool, blocks, distance_item, c);
	for (size_t i = 0; i < blocks; i++)
		sum += c->sums[i];
	answer->distance = sqrt(sum);
}
