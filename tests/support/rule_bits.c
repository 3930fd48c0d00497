#include "tests/support/rule_bits.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"

const char *const rule_bits_rules[RULE_BITS_RULES] = {
        "{\"kind\":\"median\",\"f\":2}",
        "{\"kind\":\"trimmed-mean\",\"f\":2}",
        "{\"kind\":\"krum\",\"f\":2}",
        "{\"kind\":\"multi-krum\",\"f\":2}",
        "{\"kind\":\"geometric-median\",\"f\":2}",
        "{\"kind\":\"centered-clipping\",\"f\":2,\"tau\":20}",
        "{\"kind\":\"meamed\",\"f\":2}",
        "{\"kind\":\"bulyan\",\"f\":1}",
        "{\"kind\":\"mda\",\"f\":2}",
        "{\"kind\":\"monna\",\"f\":2,\"pivot\":6}",
        "{\"kind\":\"smea\",\"f\":2}",
        "{\"kind\":\"caf\",\"f\":2}",
        "{\"kind\":\"trimmed-mean\",\"f\":2,\"before\":[\"nnm\"]}",
        "{\"kind\":\"bulyan\",\"f\":1,\"before\":[\"nnm\"]}",
        "{\"kind\":\"geometric-median\",\"f\":2,\"before\":[\"nnm\"]}",
        "{\"kind\":\"centered-clipping\",\"f\":2,\"tau\":20,\"before\":[\"nnm\"]}",
        "{\"kind\":\"median\",\"f\":1,\"before\":\"bucketing\"}",
        "{\"kind\":\"krum\",\"f\":1,\"as\":\"byzfl\",\"before\":[\"arc\",\"bucketing\"]}",
        "{\"kind\":\"trimmed-mean\",\"f\":2,\"before\":[{\"kind\":\"clipping\",\"limit\":100},\"nnm\"]}",
};

void rule_bits_say(struct rule_rig *r, uint64_t step)
{
	float *v = mem_array(r->run.n, sizeof *v);
	for (int m = 0; m < r->run.workers; m++) {
		struct stream s = stream_of(3, RNG_TEST, (uint32_t)m, step);
		for (size_t i = 0; i < r->run.n; i++)
			v[i] = (stream_uniform(&s, i) - 0.5F) * (float)(m + 1);
		if (m == 3 && step == 1 && r->run.n > MEETING_BLOCK)
			v[MEETING_BLOCK + 5] = NAN;
		rule_rig_say(r, m, v);
	}
	mem_free(v);
}

void rule_left_keep(const struct rule_rig *r, struct rule_left *out)
{
	*out = (struct rule_left){.answer = NULL};
	out->answer = mem_array(r->run.n, sizeof *out->answer);
	out->memory = mem_array(r->run.n, sizeof *out->memory);
	memcpy(out->answer, r->answer, r->run.n * sizeof *out->answer);
	memcpy(out->weights, r->run.report.weights, (size_t)r->run.workers * sizeof *out->weights);
	memcpy(out->scores, r->run.report.scores, (size_t)r->run.workers * sizeof *out->scores);
	if (r->run.memory)
		rule_rig_memory(r, out->memory);
}

void rule_left_free(struct rule_left *l)
{
	mem_free(l->answer);
	mem_free(l->memory);
}

struct rule_left rule_left_by(const char *json, const char *backend, int workers, int lanes, size_t n)
{
	struct rule_rig r;
	struct rule_left out;
	rule_rig_init(&r, backend, json, workers, n, lanes);
	for (uint64_t step = 0; step < RULE_BITS_STEPS; step++) {
		rule_bits_say(&r, step);
		cr_assert_eq(rule_rig_meet(&r, step), MEETING_ANSWERED, "%s: %s", json,
		             r.run.report.withheld);
	}
	rule_left_keep(&r, &out);
	rule_rig_clear(&r);
	return out;
}

void rule_left_same(const struct rule_left *a, const struct rule_left *b, size_t n, const char *json,
                    const char *what, int count)
{
	cr_assert_eq(memcmp(a->answer, b->answer, n * sizeof *a->answer), 0, "%s: answer, %d %s", json, count,
	             what);
	cr_assert_eq(memcmp(a->memory, b->memory, n * sizeof *a->memory), 0, "%s: memory, %d %s", json, count,
	             what);
	cr_assert_eq(memcmp(a->weights, b->weights, sizeof a->weights), 0, "%s: weights, %d %s", json, count,
	             what);
	cr_assert_eq(memcmp(a->scores, b->scores, sizeof a->scores), 0, "%s: scores, %d %s", json, count,
	             what);
}
