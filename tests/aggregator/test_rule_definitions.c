/*
 * Every rule against its definition (tests/support/naive_rules.h), on inputs of every size up to nine
 * messages: random ones, some far away, copies of each other, and small whole numbers, which are full of
 * ties. What the precondition refuses is refused, and withheld in a step.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/rng.h"
#include "tests/support/naive_rules.h"
#include "tests/support/rule_fixture.h"

TestSuite(rule_definitions, .timeout = 240);

enum { MESSAGES = 9, SHAPES = 4, TRIES = 25 };
enum shape { RANDOM, FAR, COPIES, WHOLE };

static void make_input(struct naive_input *in, uint32_t shape, uint64_t number)
{
	struct stream s = stream_of(5, RNG_TEST, shape, number);
	for (int j = 0; j < in->d; j++)
		in->memory[j] = (double)(stream_uniform(&s, (uint64_t)(1000 + j)) - 0.5F);
	for (int i = 0; i < in->n; i++) {
		int like = shape == COPIES ? (int)(3 * stream_uniform(&s, (uint64_t)(2000 + i))) : i;
		for (int j = 0; j < in->d; j++) {
			float u = stream_uniform(&s, (uint64_t)(like * NAIVE_D + j)) - 0.5F;
			float far = shape == FAR && i < in->f ? 1000 : 1;
			in->x[i][j] = (double)(shape == WHOLE ? floorf(5 * u) : 4 * far * u);
		}
	}
}

static void say_all(struct rule_rig *r, const struct naive_input *in)
{
	float memory[NAIVE_D];
	for (int i = 0; i < in->n; i++) {
		float v[NAIVE_D];
		for (int j = 0; j < in->d; j++)
			v[j] = (float)in->x[i][j];
		rule_rig_say(r, i, v);
	}
	for (int j = 0; j < in->d; j++)
		memory[j] = (float)in->memory[j];
	rule_rig_remember(r, memory);
}

static void compare(const struct naive_rule *rule, struct rule_rig *r, struct naive_input *in,
                    uint64_t number)
{
	double want[NAIVE_D], size = 1;
	uint32_t shape = (uint32_t)(number % SHAPES);
	if (rule->open && (shape == WHOLE || shape == COPIES))
		return;
	make_input(in, shape, number);
	say_all(r, in);
	cr_assert_eq(rule_rig_meet(r, number), MEETING_ANSWERED, "%s: %s", rule->members,
	             r->run.report.withheld);
	rule->answer(in, want);
	for (int j = 0; j < in->d; j++)
		size = fmax(size, fabs(want[j]));
	for (int j = 0; j < in->d; j++)
		cr_assert_float_eq(r->answer[j], want[j], 1e-6 * size,
		                   "%s, n = %d, f = %d, d = %d, shape %u, input %llu, coordinate %d: %.9g, "
		                   "expected %.9g",
		                   rule->members, in->n, in->f, in->d, shape, (unsigned long long)number, j,
		                   (double)r->answer[j], want[j]);
}

static void check_refused(struct rule_rig *r, const char *json)
{
	struct err e = {0};
	int n = r->run.workers, f = (int)((const struct rule_keys *)r->run.state)->f;
	cr_assert_eq(rule_check(r->run.agg, r->run.state, n, f, &e), -1, "%s, n = %d", json, n);
	cr_assert_eq(rule_rig_meet(r, 0), MEETING_WITHHELD, "%s, n = %d", json, n);
	cr_assert_str_eq(r->run.report.withheld, e.text);
}

static void check_size(const struct naive_rule *rule, int n, int f)
{
	char json[NAIVE_JSON];
	struct err e = {0};
	struct naive_input in = {.n = n, .f = f, .d = 1 + (3 * n + 5 * f) % 6};
	struct rule_rig r;
	naive_json(rule, f, n - 1, json);
	rule_rig_init(&r, "ref", json, n, (size_t)in.d, 1);
	if (n < rule->needs[0] * f + rule->needs[1]) {
		check_refused(&r, json);
	} else {
		cr_assert_eq(rule_check(r.run.agg, r.run.state, n, f, &e), 0, "%s: %s", json, e.text);
		for (uint64_t t = 0; t < TRIES * SHAPES; t++)
			compare(rule, &r, &in, t);
	}
	rule_rig_clear(&r);
}

Test(rule_definitions, every_rule_is_what_its_definition_says)
{
	for (const struct naive_rule *rule = naive_rules; rule->members; rule++)
		for (int n = 1; n <= MESSAGES; n++)
			for (int f = 0; f <= n; f++)
				check_size(rule, n, f);
}
