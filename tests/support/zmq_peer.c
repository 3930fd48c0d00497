#include "tests/support/zmq_peer.h"
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"
#include "registry.h"
#include "tests/support/meeting_rule.h"

void toy_open(struct toy *t, int workers, int steps, size_t n, const char *agg)
{
	static const bool all[TOY_WORKERS_MOST] = {true, true, true, true, true, true, true, true,
	                                           true, true, true, true, true, true, true, true};
	struct err e = {0};
	char quoted[128];
	*t = (struct toy){.workers = workers, .steps = steps, .n = n, .honest = all, .zeros = -1};
	snprintf(quoted, sizeof quoted, agg[0] == '{' ? "%s" : "\"%s\"", agg);
	if (((const struct backend_row *)family_find(&family_backends, "cpu"))->open(&t->be, NULL, &e))
		die("%s", e.text);
	t->method = methods_read(&t->arena, quoted);
	t->shape = method_shape(&t->method, n);
	t->job = method_job(&t->method, &t->be, 5, n);
}

void toy_close(struct toy *t)
{
	arena_clear(&t->arena);
}

void toy_worker_open(const struct toy *t, struct toy_worker *w, int id)
{
	w->id = id;
	w->v = mem_array(t->n, sizeof *w->v);
	w->push = mem_array(t->shape.push_bytes, 1);
}

void toy_say(const struct toy *t, struct toy_worker *w, uint64_t step, const float *x)
{
	struct stream s = stream_of(77, RNG_TEST, (uint32_t)w->id, step);
	struct step_job job = t->job;
	job.step = step;
	for (size_t i = 0; i < t->n; i++)
		w->v[i] = 0.5F * w->v[i] + (stream_uniform(&s, i) - 0.5F) + 0.125F * x[i];
	method_encode(&t->method, &job, (uint32_t)w->id, w->v, 0, t->n, NULL, w->push);
}

void toy_apply(const struct toy *t, uint64_t step, const void *pull, float *x)
{
	struct step_job job = t->job;
	job.step = step;
	method_apply(&t->method, &job, pull, 0, t->n, 0.25, 0, NULL, x);
}

void toy_combine(void *ctx, int lane, int count, const void *const *pushes, size_t begin, size_t end,
                 void *pull)
{
	const struct toy_round *r = ctx;
	struct step_job job = r->toy->job;
	(void)lane;
	job.step = r->step;
	method_combine(&r->toy->method, &job, count, pushes, begin, end, pull);
}

static struct meeting_rule toy_rule = {.every = 3};

static enum meeting_end toy_meet(void *ctx, const struct meeting *m, struct err *e)
{
	(void)ctx;
	return meeting_rule_meet(&toy_rule, m, e);
}

bool toy_answer(struct toy_round *r, int count, const int *ids, const void *const *pushes, void *pull)
{
	const struct toy *t = r->toy;
	if (t->meets)
		return meeting_rule_alone(&toy_rule, r->step, count, ids, pushes, t->n, pull) ==
		       MEETING_ANSWERED;
	toy_combine(r, 0, count, pushes, 0, t->n, pull);
	return true;
}

struct exchange_request toy_request(const struct toy *t, struct toy_round *r)
{
	struct exchange_rule rule = method_rule(&t->method, toy_combine, NULL, r);
	rule.float_mean = false;
	rule.separable = rule.separable && !t->meets;
	rule.meet = t->meets ? toy_meet : NULL;
	return (struct exchange_request){
	        .step = r->step, .shape = t->shape, .rule = rule, .honest = t->honest};
}

void toy_replay(const struct toy *t, int steps, const int64_t (*born)[TOY_WORKERS_MOST], float *x)
{
	struct toy_worker w[TOY_WORKERS_MOST];
	const void *pushes[TOY_WORKERS_MOST];
	int ids[TOY_WORKERS_MOST];
	void *pull = mem_array(t->shape.pull_bytes, 1);
	memset(x, 0, t->n * sizeof *x);
	for (int m = 0; m < t->workers; m++)
		toy_worker_open(t, &w[m], m);
	for (int k = 0; k < steps; k++) {
		struct toy_round r = {t, (uint64_t)k};
		int count = 0;
		for (int m = 0; m < t->workers; m++) {
			if (born[k][m] < 0)
				continue;
			if (born[k][m] == k)
				memset(w[m].v, 0, t->n * sizeof(float));
			if (m != t->zeros)
				toy_say(t, &w[m], (uint64_t)k, x);
			ids[count] = m;
			pushes[count++] = w[m].push;
		}
		if (toy_answer(&r, count, ids, pushes, pull))
			toy_apply(t, (uint64_t)k, pull, x);
	}
	for (int m = 0; m < t->workers; m++) {
		mem_free(w[m].v);
		mem_free(w[m].push);
	}
	mem_free(pull);
}

void toy_state_open(const struct toy *t, struct toy_state *s)
{
	*s = (struct toy_state){0};
	s->x = mem_array(t->n, sizeof *s->x);
	s->running = mem_array(t->running, sizeof *s->running);
	for (int m = 0; m < t->workers; m++)
		s->floats[m] = t->n;
	s->st = (struct train_state){.x = {t->n, s->x},
	                             .running = {t->running, s->running},
	                             .worker_floats = s->floats,
	                             .workers = s->blocks,
	                             .born = s->born};
}
