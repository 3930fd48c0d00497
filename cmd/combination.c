/* What an aggregator makes of vectors: see combination.h. */
#include "cmd/combination.h"
#include "base/mem.h"
#include "registry.h"

enum { RANGE = 1 << 16 }; /* coordinates that a lane combines at a time, a multiple of 64 */

static bool is_coded(const struct combination *c)
{
	return c->method.push.kind == MESSAGE_CODED;
}

static struct step_job job_of(const struct combination *c)
{
	struct step_job job = method_job(&c->method, &c->be, c->seed, c->in->n);
	job.step = (uint64_t)c->step;
	if (is_coded(c))
		job.push = (struct message){.kind = MESSAGE_FLOATS}; /* decoded when it is combined */
	return job;
}

static int check(const struct combination *c, struct err *e)
{
	const struct aggregator *agg = c->method.aggregator;
	return agg->rule ? rule_check(agg, c->method.aggregator_state, (int)c->in->count, 0, e) : 0;
}

static void take_report(struct combination *c)
{
	const struct rule_report *r = &c->run.report;
	c->weights = r->has_weights ? r->weights : NULL;
	c->scores = r->has_scores ? r->scores : NULL;
	c->chosen = r->has_chosen ? r->chosen : NULL;
	c->removed = r->removed;
}

static void open_rule(struct combination *c)
{
	const struct rule_size size = {.agg = c->method.aggregator,
	                               .state = c->method.aggregator_state,
	                               .workers = c->in->count,
	                               .n = c->in->n};
	c->run = (struct rule_run){.agg = c->method.aggregator,
	                           .state = c->method.aggregator_state,
	                           .be = &c->be,
	                           .lanes = c->lanes,
	                           .workers = (int)c->in->count,
	                           .n = c->in->n,
	                           .seed = c->seed,
	                           .push = job_of(c).push};
	c->run.memory = mem_array(rule_memory(&size).floats, sizeof(float));
	rule_open(&c->run);
}

/* The signs of an answer as numbers. */
static void unpack(const struct combination *c, const struct step_job *job, const void *pull)
{
	size_t words = sign_words(c->in->n);
	uint64_t *vote = mem_array(words, sizeof *vote), *abstain = mem_array(words, sizeof *abstain);
	method_pull_signs(&c->method, job, pull, vote, abstain);
	c->be.sign_unpack(NULL, c->in->n, vote, abstain, c->answer);
	mem_free(vote);
	mem_free(abstain);
}

/* A message of floats is the vector itself. */
static bool is_plain(const struct combination *c)
{
	return c->method.push.kind == MESSAGE_FLOATS;
}

static bool answers_floats(const struct combination *c)
{
	return c->method.pull.kind == MESSAGE_FLOATS;
}

/* An aggregator that must see all messages at once. */
static int by_meeting(struct combination *c, struct err *e)
{
	const struct step_job job = job_of(c);
	struct meeting m = {.step = (uint64_t)c->step,
	                    .count = (int)c->in->count,
	                    .pushes = (const void *const *)c->pushes,
	                    .n = c->in->n,
	                    .end = c->in->n,
	                    .pull = c->pull,
	                    .pool = c->pool};
	enum meeting_end end = rule_meet(&c->run, &m, e);
	if (end == MEETING_WITHHELD)
		err_user(e, "%s", c->run.report.withheld);
	take_report(c);
	if (end == MEETING_ANSWERED && !answers_floats(c))
		unpack(c, &job, c->pull);
	return end == MEETING_ANSWERED ? 0 : -1;
}

static void open_messages(struct combination *c)
{
	const struct method *m = &c->method;
	size_t n = c->in->n, bytes = method_push_bytes(m, n);
	c->answer = mem_array(n, sizeof *c->answer);
	c->pull = answers_floats(c) ? (void *)c->answer : mem_array(method_pull_bytes(m, n), 1);
	c->pushes = mem_array(c->in->count, sizeof *c->pushes);
	if (is_coded(c)) {
		c->code = mem_array(bytes, 1);
		bytes = n * sizeof(float);
	}
	for (size_t i = 0; i < c->in->count; i++)
		c->pushes[i] = is_plain(c) ? (void *)(c->in->at + i * n) : mem_array(bytes, 1);
	c->scratch = mem_array((size_t)c->lanes * MESSAGE_SCRATCH, sizeof *c->scratch);
}

static void combine_item(void *ctx, int lane, size_t item)
{
	const struct combination *c = ctx;
	struct step_job job = job_of(c);
	size_t n = c->in->n, begin = item * RANGE, end = n - begin < RANGE ? n : begin + RANGE;
	job.scratch = c->scratch + (size_t)lane * MESSAGE_SCRATCH;
	method_combine(&c->method, &job, (int)c->in->count, (const void *const *)c->pushes,
	               c->method.separable ? begin : 0, c->method.separable ? end : n, c->pull);
}

/* Of the vectors; codes are decoded at once. */
static void make_messages(struct combination *c)
{
	const struct message *push = &c->method.push;
	struct step_job job = method_job(&c->method, &c->be, c->seed, c->in->n);
	size_t n = c->in->n;
	job.step = (uint64_t)c->step;
	job.scratch = c->scratch;
	for (size_t i = 0; i < c->in->count && !is_plain(c); i++) {
		void *made = is_coded(c) ? c->code : c->pushes[i];
		method_encode(&c->method, &job, (uint32_t)i, c->in->at + i * n, 0, n, NULL, made);
		if (is_coded(c))
			push->code->floats(push->state, push->layers, n, made, c->pushes[i]);
	}
}

/* An aggregator that works coordinate by coordinate: messages are combined and read. */
static void by_combine(struct combination *c)
{
	struct step_job job = job_of(c);
	size_t n = c->in->n;
	pool_run(c->pool, c->method.separable ? (n + RANGE - 1) / RANGE : 1, combine_item, c);
	if (!answers_floats(c))
		unpack(c, &job, c->pull);
}

static void mean_weights(struct combination *c)
{
	c->weights = c->own_weights = mem_array(c->in->count, sizeof *c->own_weights);
	for (size_t i = 0; i < c->in->count; i++)
		c->own_weights[i] = 1.0 / (double)c->in->count;
}

int combination_open(struct combination *c, struct err *e)
{
	const struct backend_row *row = (const struct backend_row *)family_find(&family_backends, "cpu");
	if (check(c, e) || method_check_size(&c->method, c->in->n, e) || row->open(&c->be, NULL, e))
		return -1;
	c->pool = pool_open(c->lanes);
	open_messages(c);
	if (aggregator_meets(c->method.aggregator))
		open_rule(c);
	else if (method_is_float_mean(&c->method))
		mean_weights(c);
	return 0;
}

int combination_make(struct combination *c, struct err *e)
{
	make_messages(c);
	if (aggregator_meets(c->method.aggregator))
		return by_meeting(c, e);
	by_combine(c);
	return 0;
}

void combination_clear(struct combination *c)
{
	rule_close(&c->run);
	mem_free(c->run.memory);
	for (size_t i = 0; c->pushes && i < c->in->count && !is_plain(c); i++)
		mem_free(c->pushes[i]);
	mem_free(c->pushes);
	mem_free(c->code);
	mem_free(c->scratch);
	if (c->pull != c->answer)
		mem_free(c->pull);
	if (c->pool)
		pool_close(c->pool);
	mem_free(c->own_weights);
	mem_free(c->answer);
}
