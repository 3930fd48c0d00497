#include "tests/support/rule_fixture.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "registry.h"

const float rule_rig_x[RULE_RIG_ROWS][RULE_RIG_D] = {{0.25F, -0.5F, -2.5F, 0.25F},  {2.5F, 0, 1.5F, 1.75F},
                                                     {-2.5F, -0.5F, -2.75F, 2.25F}, {-3, 2, -2, 2.75F},
                                                     {2.75F, -1, 0.75F, 1.75F},     {0.5F, 0.25F, -1, 1},
                                                     {-0.25F, 0.75F, 0.5F, -0.5F}};

static void open_rule(struct rule_rig *r, const char *json, int workers, size_t n, int lanes)
{
	struct err e = {0};
	struct choice c = {0};
	cr_assert_eq(choice_parse(&family_aggregators, &c, NULL, json, &r->arena, &e), 0, "%s: %s", json,
	             e.text);
	const struct aggregator *agg = (const struct aggregator *)c.row;
	rule_resolve(agg, c.state, 0);
	r->run = (struct rule_run){.agg = agg,
	                           .state = c.state,
	                           .be = &r->be,
	                           .queues = r->queues,
	                           .lanes = lanes,
	                           .workers = workers,
	                           .n = n,
	                           .seed = 7};
	const struct rule_size size = {.agg = agg, .state = c.state, .workers = (size_t)workers, .n = n};
	size_t floats = rule_memory(&size).floats;
	if (floats)
		r->run.memory = r->be.memory->alloc(floats * sizeof(float), "server memory");
	rule_open(&r->run);
}

void rule_rig_init(struct rule_rig *r, const char *backend, const char *json, int workers, size_t n,
                   int lanes)
{
	struct err e = {0};
	memset(r, 0, sizeof *r);
	const struct backend_row *row = (const struct backend_row *)family_find(&family_backends, backend);
	cr_assert_eq(row->open(&r->be, NULL, &e), 0, "%s", e.text);
	r->pool = pool_open(lanes);
	r->queues = mem_array((size_t)lanes, sizeof *r->queues);
	for (int i = 0; i < lanes; i++)
		r->queues[i] = r->be.memory->queue_open();
	open_rule(r, json, workers, n, lanes);
	r->answer = mem_array(n, sizeof *r->answer);
	for (int m = 0; m < workers; m++) {
		r->push[m] = r->be.memory->alloc(n * sizeof(float), "message");
		r->ids[m] = m;
	}
	r->meeting = (struct meeting){.count = workers,
	                              .ids = r->ids,
	                              .pushes = (const void *const *)r->push,
	                              .n = n,
	                              .end = n,
	                              .pull = r->be.memory->alloc(n * sizeof(float), "answer"),
	                              .pool = r->pool};
}

void rule_rig_clear(struct rule_rig *r)
{
	rule_close(&r->run);
	for (int m = 0; m < r->run.workers; m++)
		r->be.memory->release(r->push[m]);
	r->be.memory->release(r->meeting.pull);
	r->be.memory->release(r->run.memory);
	for (int i = 0; i < r->run.lanes; i++)
		r->be.memory->queue_close(r->queues[i]);
	mem_free(r->queues);
	mem_free(r->answer);
	pool_close(r->pool);
	arena_clear(&r->arena);
}

void rule_rig_say(struct rule_rig *r, int worker, const float *v)
{
	r->be.memory->upload(r->queues[0], r->push[worker], v, r->run.n * sizeof *v);
	r->be.memory->finish(r->queues[0]);
}

void rule_rig_say_rows(struct rule_rig *r, int rows)
{
	for (int i = 0; i < rows; i++)
		rule_rig_say(r, i, rule_rig_x[i]);
}

void rule_rig_remember(struct rule_rig *r, const float *v)
{
	if (!r->run.memory)
		return;
	r->be.memory->upload(r->queues[0], r->run.memory, v, r->run.n * sizeof *v);
	r->be.memory->finish(r->queues[0]);
}

enum meeting_end rule_rig_meet(struct rule_rig *r, uint64_t step)
{
	struct err e = {0};
	r->meeting.step = step;
	enum meeting_end end = rule_meet(&r->run, &r->meeting, &e);
	cr_assert_neq(end, MEETING_FAILED, "%s", e.text);
	r->be.memory->download(r->queues[0], r->answer, r->meeting.pull, r->run.n * sizeof(float));
	return end;
}

void rule_rig_memory(const struct rule_rig *r, float *out)
{
	r->be.memory->download(r->queues[0], out, r->run.memory, r->run.n * sizeof *out);
}
