/* What an aggregator makes of vectors: see combination.h. */
#include "cmd/combination.h"
#include "base/mem.h"
#include "registry.h"

static struct step_job job_of(const struct combination *c)
{
	struct step_job job = method_job(&c->method, &c->be, c->seed, c->in->n);
	job.step = (uint64_t)c->step;
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

static int by_rule(struct combination *c, struct err *e)
{
	const void **pushes = mem_array(c->in->count, sizeof *pushes);
	struct pool *pool = pool_open(c->lanes);
	struct meeting m = {.step = (uint64_t)c->step,
	                    .count = (int)c->in->count,
	                    .pushes = pushes,
	                    .n = c->in->n,
	                    .end = c->in->n,
	                    .pull = c->answer,
	                    .pool = pool};
	for (size_t i = 0; i < c->in->count; i++)
		pushes[i] = c->in->at + i * c->in->n;
	c->run = (struct rule_run){.agg = c->method.aggregator,
	                           .state = c->method.aggregator_state,
	                           .be = &c->be,
	                           .lanes = c->lanes,
	                           .workers = (int)c->in->count,
	                           .n = c->in->n,
	                           .seed = c->seed};
	c->run.memory = mem_array(rule_memory_floats(c->run.agg, c->in->n), sizeof(float));
	rule_open(&c->run);
	enum meeting_end end = rule_meet(&c->run, &m, e);
	if (end == MEETING_WITHHELD)
		err_user(e, "%s", c->run.report.withheld);
	take_report(c);
	mem_free(c->run.memory);
	pool_close(pool);
	mem_free(pushes);
	return end == MEETING_ANSWERED ? 0 : -1;
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

/* An aggregator that works coordinate by coordinate: messages are made, combined and read. */
static void by_combine(struct combination *c)
{
	const struct method *m = &c->method;
	struct step_job job = job_of(c);
	bool plain = m->push.kind == MESSAGE_FLOATS; /* such a message is v itself */
	size_t n = c->in->n, bytes = method_push_bytes(m, n);
	void **pushes = mem_array(c->in->count, sizeof *pushes);
	void *pull =
	        m->pull.kind == MESSAGE_FLOATS ? (void *)c->answer : mem_array(method_pull_bytes(m, n), 1);
	for (size_t i = 0; i < c->in->count; i++) {
		float *v = c->in->at + i * n;
		pushes[i] = plain ? (void *)v : mem_array(bytes, 1);
		if (!plain)
			method_encode(m, &job, (uint32_t)i, v, 0, n, NULL, pushes[i]);
	}
	method_combine(m, &job, (int)c->in->count, (const void *const *)pushes, 0, n, pull);
	if (pull != c->answer) {
		unpack(c, &job, pull);
		mem_free(pull);
	}
	for (size_t i = 0; i < c->in->count && !plain; i++)
		mem_free(pushes[i]);
	mem_free(pushes);
}

static void mean_weights(struct combination *c)
{
	c->weights = c->own_weights = mem_array(c->in->count, sizeof *c->own_weights);
	for (size_t i = 0; i < c->in->count; i++)
		c->own_weights[i] = 1.0 / (double)c->in->count;
}

int combination_make(struct combination *c, struct err *e)
{
	const struct backend_row *row = (const struct backend_row *)family_find(&family_backends, "cpu");
	if (check(c, e) || row->open(&c->be, e))
		return -1;
	c->answer = mem_array(c->in->n, sizeof *c->answer);
	if (c->method.aggregator->rule)
		return by_rule(c, e);
	by_combine(c);
	if (method_is_float_mean(&c->method))
		mean_weights(c);
	return 0;
}

void combination_clear(struct combination *c)
{
	rule_close(&c->run);
	mem_free(c->own_weights);
	mem_free(c->answer);
}
