#include "tests/support/weighted_fixture.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "registry.h"
#include "tests/support/methods.h"

static void open_run(struct ballot *b, int workers, const struct layers *layers, int lanes)
{
	const struct rule_size size = {.agg = b->method.aggregator,
	                               .state = b->method.aggregator_state,
	                               .layers = layers,
	                               .workers = (size_t)workers,
	                               .n = b->n,
	                               .lanes = (size_t)lanes};
	b->memory_floats = rule_memory(&size).floats;
	b->run = (struct rule_run){
	        .agg = size.agg,
	        .state = size.state,
	        .be = &b->be,
	        .queues = b->queues,
	        .lanes = lanes,
	        .workers = workers,
	        .n = b->n,
	        .seed = BALLOT_SEED,
	        .push = b->method.push,
	        .layers = layers,
	        .memory = b->be.memory->alloc(b->memory_floats * sizeof(float), "server memory")};
	rule_open(&b->run);
}

void ballot_init(struct ballot *b, const char *backend, const char *json, int workers, size_t n,
                 const struct layers *layers, int lanes)
{
	struct err e = {0};
	char text[512];
	memset(b, 0, sizeof *b);
	const struct backend_row *row = (const struct backend_row *)family_find(&family_backends, backend);
	cr_assert_eq(row->open(&b->be, NULL, &e), 0, "%s", e.text);
	snprintf(text, sizeof text,
	         "{\"compressor\":{\"kind\":\"sign\",\"zero\":\"abstain\"},\"aggregator\":%s}", json);
	b->method = methods_read(&b->arena, text);
	b->n = n;
	b->pool = pool_open(lanes);
	b->queues = mem_array((size_t)lanes, sizeof *b->queues);
	for (int i = 0; i < lanes; i++)
		b->queues[i] = b->be.memory->queue_open();
	open_run(b, workers, layers, lanes);
	b->answer = mem_array(n, sizeof *b->answer);
	for (int m = 0; m < workers; m++) {
		b->push[m] = b->be.memory->alloc(method_push_bytes(&b->method, n), "message");
		b->ids[m] = m;
	}
	b->meeting = (struct meeting){.count = workers,
	                              .ids = b->ids,
	                              .pushes = (const void *const *)b->push,
	                              .n = n,
	                              .end = n,
	                              .pull = b->be.memory->alloc(method_pull_bytes(&b->method, n), "answer"),
	                              .pool = b->pool};
}

void ballot_clear(struct ballot *b)
{
	const struct memory *m = b->be.memory;
	rule_close(&b->run);
	m->release(b->run.memory);
	m->release(b->meeting.pull);
	for (int i = 0; i < BALLOT_WORKERS_MOST; i++)
		m->release(b->push[i]);
	for (int i = 0; i < pool_lanes(b->pool); i++)
		m->queue_close(b->queues[i]);
	pool_close(b->pool);
	mem_free(b->queues);
	mem_free(b->answer);
	arena_clear(&b->arena);
}

static struct step_job job_of(const struct ballot *b)
{
	struct step_job job = method_job(&b->method, &b->be, BALLOT_SEED, b->n);
	job.queue = b->queues[0];
	return job;
}

void ballot_say(struct ballot *b, int place, const float *v)
{
	const struct step_job job = job_of(b);
	const struct memory *m = b->be.memory;
	float *at = m->alloc(b->n * sizeof *at, "vector");
	m->upload(job.queue, at, v, b->n * sizeof *at);
	method_encode(&b->method, &job, (uint32_t)place, at, 0, b->n, NULL, b->push[place]);
	m->finish(job.queue);
	m->release(at);
}

enum meeting_end ballot_meet(struct ballot *b, uint64_t step)
{
	struct err e = {0};
	const struct step_job job = job_of(b);
	b->meeting.step = step;
	enum meeting_end end = rule_meet(&b->run, &b->meeting, &e);
	message_floats(&job, &b->method.pull, b->meeting.pull, 0, b->n, b->answer);
	return end;
}

void ballot_memory(const struct ballot *b, float *out)
{
	b->be.memory->download(b->queues[0], out, b->run.memory, b->memory_floats * sizeof *out);
}
