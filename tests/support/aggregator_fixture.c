#include "tests/support/aggregator_fixture.h"
#include <criterion/criterion.h>
#include <string.h>
#include "aggregator/rule_run.h"
#include "base/mem.h"
#include "registry.h"

const char *const rig_policy_names[3] = {"random", "positive", "abstain"};

void *rig_buffer(size_t bytes)
{
	unsigned char *at = mem_array(bytes + GUARD_BYTES, 1);
	memset(at + bytes, 0xa5, GUARD_BYTES);
	return at;
}

bool rig_guard_holds(const void *buffer, size_t bytes)
{
	const unsigned char *at = buffer;
	for (size_t i = 0; i < GUARD_BYTES; i++) {
		if (at[bytes + i] != 0xa5)
			return false;
	}
	return true;
}

void rig_init(struct rig *r, const struct row *backend, const char *json, int workers, size_t n)
{
	rig_init_layers(r, backend, json, workers, n, NULL);
}

/* What was read without layers. */
static void add_layers(struct method *m, const struct layers *layers)
{
	const struct choice compressor = {&m->compressor->row, (void *)(uintptr_t)m->compressor_state},
	                    aggregator = {&m->aggregator->row, (void *)(uintptr_t)m->aggregator_state},
	                    optimizer = {&m->optimizer->row, (void *)(uintptr_t)m->optimizer_state};
	*m = method_of(&compressor, &aggregator, &optimizer, layers);
}

void rig_init_layers(struct rig *r, const struct row *backend, const char *json, int workers, size_t n,
                     const struct layers *layers)
{
	struct err e = {0};
	memset(r, 0, sizeof *r);
	cr_assert_eq(((const struct backend_row *)backend)->open(&r->be, NULL, &e), 0, "%s", e.text);
	r->method = methods_read(&r->arena, json);
	add_layers(&r->method, layers);
	r->name = json;
	r->job = method_job(&r->method, &r->be, SEED, n);
	r->workers = workers;
	r->job.scratch = r->scratch = rig_buffer(MESSAGE_SCRATCH * sizeof(float));
	r->job.seen = r->seen = rig_buffer(method_seen_floats(&r->method, n, true) * sizeof(float));
	judge_open(&r->judge, &r->method, workers, n);
	r->pool = pool_open(1);
	r->push_bytes = method_push_bytes(&r->method, n);
	r->pull_bytes = method_pull_bytes(&r->method, n);
	r->memory_bytes = method_memory_floats(&r->method, n) * sizeof(float);
	r->worker_bytes = method_worker_floats(&r->method, n) * sizeof(float);
	for (int m = 0; m < workers; m++) {
		r->push[m] = rig_buffer(r->push_bytes);
		r->own[m] = rig_buffer(r->worker_bytes);
	}
	r->pull = rig_buffer(r->pull_bytes);
	r->memory = rig_buffer(r->memory_bytes);
	r->x = rig_buffer(n * sizeof(float));
}

void rig_clear(struct rig *r)
{
	for (int m = 0; m < r->workers; m++) {
		mem_free(r->push[m]);
		mem_free(r->own[m]);
	}
	mem_free(r->pull);
	mem_free(r->memory);
	mem_free(r->x);
	mem_free(r->scratch);
	mem_free(r->seen);
	judge_close(&r->judge);
	pool_close(r->pool);
	arena_clear(&r->arena);
}

const struct row *rig_ref(void)
{
	return family_find(&family_backends, "ref");
}

void rig_encode(struct rig *r, uint32_t worker, const float *v)
{
	method_encode(&r->method, &r->job, worker, v, 0, r->job.n, r->worker_bytes ? r->own[worker] : NULL,
	              r->push[worker]);
}

/* All messages at once, in a run of one step. */
static void combine_by_rule(struct rig *r)
{
	struct err e = {0};
	struct rule_run run = {.agg = r->method.aggregator,
	                       .state = r->method.aggregator_state,
	                       .be = &r->be,
	                       .lanes = 1,
	                       .workers = r->workers,
	                       .n = r->job.n,
	                       .seed = SEED,
	                       .push = r->judge.rows ? (struct message){.kind = MESSAGE_FLOATS}
	                                             : r->method.push};
	struct meeting m = {.step = r->job.step,
	                    .count = r->workers,
	                    .pushes = r->judge.rows ? r->judge.rows : (const void *const *)r->push,
	                    .n = r->job.n,
	                    .end = r->job.n,
	                    .pull = r->pull};
	const struct rule_size size = {
	        .agg = run.agg, .state = run.state, .workers = (size_t)r->workers, .n = r->job.n};
	run.memory = mem_array(rule_memory(&size).floats, sizeof(float));
	rule_open(&run);
	cr_assert_eq(rule_meet(&run, &m, &e), MEETING_ANSWERED, "%s%s", e.text, run.report.withheld);
	rule_close(&run);
	mem_free(run.memory);
}

void rig_combine(struct rig *r, size_t begin, size_t end)
{
	struct step_job job = r->job;
	bool judged = judge_has(&r->method);
	if (judged)
		judge_messages(&r->judge, &r->job, r->pool, r->workers, (const void *const *)r->push);
	if (aggregator_meets(r->method.aggregator)) {
		combine_by_rule(r);
		return;
	}
	if (judged && r->judge.count == 0)
		return; /* a step without an answer */
	job.scales = r->judge.scales;
	if (r->judge.rows)
		job.push.kind = MESSAGE_FLOATS;
	method_combine(&r->method, &job, judged ? r->judge.count : r->workers,
	               judged ? r->judge.pushes : (const void *const *)r->push, begin, end, r->pull);
}

void rig_apply(struct rig *r, size_t begin, size_t end, double lr, double decay)
{
	method_apply(&r->method, &r->job, r->pull, begin, end, lr, decay, r->memory_bytes ? r->memory : NULL,
	             r->x);
}

void rig_step(struct rig *r, const float *v, double lr, double decay)
{
	r->job.lr = lr;
	for (int m = 0; m < r->workers; m++)
		rig_encode(r, (uint32_t)m, v);
	rig_combine(r, 0, r->job.n);
	rig_apply(r, 0, r->job.n, lr, decay);
}

int rig_says(double v, int policy, enum purpose purpose, uint32_t worker, uint64_t step, size_t i)
{
	if (v < 0 || v > 0)
		return v < 0 ? -1 : 1;
	if (policy == SIGN_ABSTAIN)
		return 0;
	if (policy == SIGN_POSITIVE)
		return 1;
	struct stream coins = stream_of(SEED, purpose, worker, step);
	return stream_bits(&coins, i / 64) >> i % 64 & 1 ? -1 : 1;
}
