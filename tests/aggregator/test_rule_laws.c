/*
 * Laws of every rule: ties, messages that are not finite, the n of a step, the memory; other orders of
 * workers, other places and scales of the vectors, equal vectors, any number of coordinates.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"
#include "tests/support/naive_rules.h"
#include "tests/support/rule_fixture.h"

TestSuite(rule_laws, .timeout = 240);

enum { D = RULE_RIG_D };

#define KRUM(keys)  "{\"kind\":\"krum\"," keys "}"
#define MULTI(keys) "{\"kind\":\"multi-krum\"," keys "}"

/* Equal scores and equal distances go to the lower worker. */
Test(rule_laws, ties_go_to_the_lower_worker)
{
	static const float same[D] = {1, 2, 3, 4};
	struct rule_rig r;
	rule_rig_init(&r, "ref", MULTI("\"f\":1,\"m\":2"), 6, D, 1);
	for (int i = 0; i < 6; i++)
		rule_rig_say(&r, i, same);
	cr_assert_eq(rule_rig_meet(&r, 0), MEETING_ANSWERED);
	for (int i = 0; i < 6; i++)
		cr_assert_eq(r.run.report.chosen[i], i < 2);
	rule_rig_clear(&r);

	/* On a line: 0 and 2 are as far from 1; f = 1 of 3 leaves two, so nnm makes (x_0 + x_1) / 2 of x_1.
	 */
	static const float line[3][1] = {{0}, {1}, {2}};
	rule_rig_init(&r, "ref", "{\"kind\":\"median\",\"f\":1,\"before\":[\"nnm\"]}", 3, 1, 1);
	for (int i = 0; i < 3; i++)
		rule_rig_say(&r, i, line[i]);
	cr_assert_eq(rule_rig_meet(&r, 0), MEETING_ANSWERED);
	cr_assert_float_eq(r.answer[0], 0.5, 1e-7, "the median of 0.5, 0.5, 1.5");
	rule_rig_clear(&r);

	/* Lower worker, not lower value: 2 and 0 are as far from the median, and the one that was there first
	 * is taken; of sets that are as good, the first. */
	static const char *const rules[] = {"{\"kind\":\"meamed\",\"f\":1}", "{\"kind\":\"mda\",\"f\":1}",
	                                    "{\"kind\":\"smea\",\"f\":1}",
	                                    "{\"kind\":\"monna\",\"pivot\":1,\"f\":1}"};
	for (size_t k = 0; k < 2 * sizeof rules / sizeof *rules; k++) {
		rule_rig_init(&r, "ref", rules[k / 2], 3, 1, 1);
		for (int i = 0; i < 3; i++)
			rule_rig_say(&r, i, line[k % 2 ? 2 - i : i]);
		cr_assert_eq(rule_rig_meet(&r, 0), MEETING_ANSWERED);
		cr_assert_float_eq(r.answer[0], k % 2 ? 1.5 : 0.5, 1e-7, "%s", rules[k / 2]);
		rule_rig_clear(&r);
	}
}

/* --- messages that are not finite ----------------------------------------------------------------------- */

/* Rules behind pre-aggregators; each rule by itself is in naive_rules. */
static const struct naive_rule chains[] = {
        {.members = "\"kind\":\"trimmed-mean\",\"before\":[\"nnm\"]"},
        {.members = "\"kind\":\"geometric-median\",\"before\":[\"nnm\"]"},
        {.members = "\"kind\":\"median\",\"before\":[{\"kind\":\"clipping\",\"limit\":2},\"nnm\"]"},
        {.members = "\"kind\":\"krum\",\"before\":[\"arc\",\"nnm\"]"},
        {.members = "\"kind\":\"trimmed-mean\",\"before\":[\"arc\"]"},
        {.members = "\"kind\":\"bulyan\",\"before\":[\"nnm\"]"},
        {.members = "\"kind\":\"monna\",\"before\":[\"arc\"]", .pivot = true},
};

/* The rules and the chains, NULL behind the last. */
static const struct naive_rule *rule_at(size_t i)
{
	size_t rules = 0;
	while (naive_rules[rules].members)
		rules++;
	return i < rules                                    ? &naive_rules[i]
	       : i - rules < sizeof chains / sizeof *chains ? &chains[i - rules]
	                                                    : NULL;
}

/* The answer to X7, with f, is that of nine or less with those that are bad ("b") in between, and as much
 * more f.
 */
static void check_removed(const struct naive_rule *rule, int f, float what, const char *pattern)
{
	struct rule_rig clean, odd;
	char json[NAIVE_JSON];
	float bad[D] = {1, 2, what, 4};
	int rows = RULE_RIG_ROWS, all = (int)strlen(pattern);
	naive_json(rule, f, rows - 1, json);
	rule_rig_init(&clean, "ref", json, rows, D, 1);
	rule_rig_say_rows(&clean, rows);
	naive_json(rule, f + all - rows, (int)(strrchr(pattern, '.') - pattern), json);
	rule_rig_init(&odd, "ref", json, all, D, 1);
	for (int i = 0, row = 0; i < all; i++)
		rule_rig_say(&odd, i, pattern[i] == 'b' ? bad : rule_rig_x[row++]);
	cr_assert_eq(rule_rig_meet(&clean, 0), MEETING_ANSWERED, "%s", clean.run.report.withheld);
	cr_assert_eq(rule_rig_meet(&odd, 0), MEETING_ANSWERED, "%s: %s", json, odd.run.report.withheld);
	cr_assert_arr_eq(clean.answer, odd.answer, D * sizeof(float), "%s", json);
	cr_assert(odd.run.report.n == rows && odd.run.report.f == f, "%s", json);
	for (int i = 0, row = 0; i < all; i++) {
		bool is = pattern[i] == 'b';
		cr_assert_eq(odd.run.report.removed[i], is);
		if (odd.run.report.has_weights)
			cr_assert_eq(odd.run.report.weights[i], is ? 0 : clean.run.report.weights[row]);
		row += !is;
	}
	rule_rig_clear(&clean);
	rule_rig_clear(&odd);
}

/* One of several, and all f of them. */
Test(rule_laws, what_is_not_finite_is_removed_with_one_f)
{
	static const float odd[] = {NAN, INFINITY, -INFINITY};
	static const char *const one[] = {"b.......", "..b.....", ".....b..", ".......b"};
	const struct naive_rule *rule;
	for (size_t i = 0; (rule = rule_at(i)); i++)
		for (int k = 0; k < 12; k++) {
			check_removed(rule, 1, odd[k % 3], one[k / 3]);
			check_removed(rule, 0, odd[k % 3], k % 2 ? "b.....b.." : one[k / 3]);
		}
}

static void check_withheld(const char *json, int rows, int odd, const char *why)
{
	static const float bad[D] = {1, NAN, 0, 0}, before[D] = {5, 6, 7, 8};
	struct rule_rig r;
	float memory[D];
	rule_rig_init(&r, "ref", json, rows, D, 1);
	rule_rig_say_rows(&r, rows);
	for (int i = 0; i < odd; i++)
		rule_rig_say(&r, i, bad);
	r.be.memory->upload(NULL, r.meeting.pull, before, sizeof before);
	cr_assert_eq(rule_rig_meet(&r, 0), MEETING_WITHHELD, "%s, %d rows", json, rows);
	cr_assert(strstr(r.run.report.withheld, why), "%s: %s", json, r.run.report.withheld);
	cr_assert_arr_eq(r.answer, before, sizeof before, "%s: the answer was written", json);
	if (r.run.memory) {
		rule_rig_memory(&r, memory);
		for (int j = 0; j < D; j++)
			cr_assert_eq(memory[j], 0);
	}
	rule_rig_clear(&r);
}

Test(rule_laws, steps_are_withheld)
{
	const struct naive_rule *rule;
	for (size_t i = 0; (rule = rule_at(i)); i++) {
		char json[NAIVE_JSON];
		naive_json(rule, 1, 6, json);
		check_withheld(json, 7, 2, "2 messages are not finite, and f = 1");
		naive_json(rule, 0, 6, json);
		check_withheld(json, 7, 1, "1 message is not finite, and f = 0");
	}
	check_withheld(KRUM("\"f\":1"), 4, 0, "krum: found n = 4 messages and f = 1, expected 2 f + 2 < n");
	check_withheld(KRUM("\"f\":1,\"as\":\"byzfl\""), 2, 0,
	               "found n = 2 messages and f = 1, expected 2 f < n");
	check_withheld(MULTI("\"f\":1,\"m\":5"), 5, 0,
	               "found m = 5, n = 5 messages and f = 1, expected m <= n - f");
	check_withheld("{\"kind\":\"median\",\"f\":2}", 4, 0,
	               "median: found n = 4 messages and f = 2, expected 2 f < n");
	check_withheld("{\"kind\":\"krum\",\"as\":\"byzfl\",\"f\":3,\"before\":[\"nnm\"]}", 6, 0,
	               "nnm: found n = 6");
	check_withheld("{\"kind\":\"centered-clipping\",\"tau\":1,\"f\":5}", 5, 0, "f < n");
	check_withheld("{\"kind\":\"median\",\"f\":3}", 3, 3, "n = 0 messages");
	check_withheld("{\"kind\":\"bulyan\",\"f\":1}", 6, 0,
	               "bulyan: found n = 6 messages and f = 1, expected 4 f + 3 <= n");
	check_withheld("{\"kind\":\"mda\",\"f\":2}", 4, 0,
	               "mda: found n = 4 messages and f = 2, expected 2 f < n");
	check_withheld("{\"kind\":\"monna\",\"pivot\":0,\"f\":1}", 5, 1,
	               "monna: the message of worker 0, whom `pivot` trusts, is not finite");
	check_withheld("{\"kind\":\"monna\",\"pivot\":5,\"f\":1}", 5, 0,
	               "monna: the message of worker 5, whom `pivot` trusts, has not come");
}

/* n is that of the step: the same rule with fewer messages, and with none. */
Test(rule_laws, n_is_that_of_the_step)
{
	struct rule_rig r;
	rule_rig_init(&r, "ref", KRUM("\"f\":1"), 7, D, 1);
	rule_rig_say_rows(&r, 7);
	for (int count = 7; count >= 0; count--) {
		r.meeting.count = count;
		cr_assert_eq(rule_rig_meet(&r, 0), count > 4 ? MEETING_ANSWERED : MEETING_WITHHELD, "%d",
		             count);
		cr_assert_eq(r.run.report.n, count);
	}
	r.meeting.count = 5;
	cr_assert_eq(rule_rig_meet(&r, 0), MEETING_ANSWERED);
	cr_assert_arr_eq(r.answer, rule_rig_x[2], sizeof rule_rig_x[2]);
	rule_rig_clear(&r);
}

/* Centered clipping begins where the last step ended. */
Test(rule_laws, the_memory_is_the_last_answer)
{
	struct rule_rig r;
	float memory[D];
	rule_rig_init(&r, "ref", "{\"kind\":\"centered-clipping\",\"tau\":2}", 5, D, 1);
	rule_rig_say_rows(&r, 5);
	for (uint64_t step = 0; step < 3; step++) {
		cr_assert_eq(rule_rig_meet(&r, step), MEETING_ANSWERED);
		rule_rig_memory(&r, memory);
		cr_assert_arr_eq(memory, r.answer, sizeof memory);
	}
	rule_rig_clear(&r);
}

/* A pivot is a worker's number, whoever else has come. */
Test(rule_laws, a_pivot_is_found_by_its_worker)
{
	static const int ids[] = {1, 4, 6, 8, 9};
	struct rule_rig r;
	rule_rig_init(&r, "ref", "{\"kind\":\"monna\",\"pivot\":8,\"f\":1}", 5, D, 1);
	rule_rig_say_rows(&r, 5);
	r.meeting.ids = ids;
	cr_assert_eq(rule_rig_meet(&r, 0), MEETING_ANSWERED, "%s", r.run.report.withheld);
	cr_assert_float_eq(r.answer[0], -0.6875, 1e-6, "the mean of rows 3, 2, 0, 1");
	for (int i = 0; i < 5; i++)
		cr_assert_eq(r.run.report.chosen[i], i < 4);
	r.meeting.count = 3;
	cr_assert_eq(rule_rig_meet(&r, 1), MEETING_WITHHELD);
	cr_assert(strstr(r.run.report.withheld, "worker 8"), "%s", r.run.report.withheld);
	rule_rig_clear(&r);
}

/* --- the same messages otherwise ---------------------------------------------------------------------- */

/* A prime, for orders; and with f < 3 bulyan ends with each of the nearest two nearest to the other: a tie.
 */
enum { MESSAGES = 17, BYZANTINE = 3, COORDINATES = 6, TRIES = 40 };

struct problem {
	int d;
	float x[MESSAGES][NAIVE_D], memory[NAIVE_D];
};

/* grid: multiples of 1/64, so that every difference is exact. Every second time the first f are far away. */
static struct problem make_problem(uint64_t number, bool grid)
{
	struct problem p = {.d = COORDINATES};
	struct stream s = stream_of(9, RNG_TEST, grid, number);
	for (int i = 0; i <= MESSAGES; i++)
		for (int j = 0; j < p.d; j++) {
			float u = stream_uniform(&s, (uint64_t)(i * p.d + j)) - 0.5F;
			float v = (grid ? floorf(256 * u) / 64 : 4 * u) *
			          (number % 2 && i < BYZANTINE ? 32 : 1);
			if (i < MESSAGES)
				p.x[i][j] = v;
			else
				p.memory[j] = v;
		}
	return p;
}

static void answer_of(const char *json, const struct problem *p, float *out)
{
	struct rule_rig r;
	rule_rig_init(&r, "ref", json, MESSAGES, (size_t)p->d, 1);
	for (int i = 0; i < MESSAGES; i++)
		rule_rig_say(&r, i, p->x[i]);
	rule_rig_remember(&r, p->memory);
	cr_assert_eq(rule_rig_meet(&r, 0), MEETING_ANSWERED, "%s: %s", json, r.run.report.withheld);
	memcpy(out, r.answer, (size_t)p->d * sizeof *out);
	rule_rig_clear(&r);
}

static void expect_near(const char *json, uint64_t number, const float *got, const float *want, double add)
{
	for (int j = 0; j < COORDINATES; j++)
		cr_assert_float_eq(got[j], (double)want[j] + add, 1e-5,
		                   "%s, input %llu, coordinate %d: %.9g, "
		                   "expected %.9g",
		                   json, (unsigned long long)number, j, (double)got[j],
		                   (double)want[j] + add);
}

/* Rules and chains. The workers in another order; the trusted one keeps its message. Several sets often have
 * the least diameter, unless those that are far away leave one. */
Test(rule_laws, any_order_of_workers)
{
	const struct naive_rule *rule;
	for (size_t k = 0; (rule = rule_at(k)); k++)
		for (uint64_t t = 0; t < TRIES; t++) {
			if (strstr(rule->members, "mda") && t % 2 == 0)
				continue;
			struct problem p = make_problem(t, false), q = p;
			char json[NAIVE_JSON];
			float want[NAIVE_D], got[NAIVE_D];
			int step = 1 + (int)(t % (MESSAGES - 1)), pivot = 0;
			for (int i = 0; i < MESSAGES; i++) {
				memcpy(q.x[i], p.x[i * step % MESSAGES], sizeof q.x[i]);
				pivot = i * step % MESSAGES == MESSAGES - 1 ? i : pivot;
			}
			naive_json(rule, BYZANTINE, MESSAGES - 1, json);
			answer_of(json, &p, want);
			naive_json(rule, BYZANTINE, pivot, json);
			answer_of(json, &q, got);
			expect_near(json, t, got, want, 0);
		}
}

/* Iterations that begin at the origin are not the same from elsewhere, nor are lengths. */
static bool from_the_origin(const struct naive_rule *rule)
{
	return strstr(rule->members, "zero") || strstr(rule->members, "arc") ||
	       strstr(rule->members, "limit");
}

/* All vectors, and the memory, elsewhere. */
Test(rule_laws, any_place)
{
	const struct naive_rule *rule;
	for (size_t k = 0; (rule = rule_at(k)); k++)
		for (uint64_t t = 0; t < TRIES && !from_the_origin(rule); t++) {
			struct problem p = make_problem(t, true), q = p;
			char json[NAIVE_JSON];
			float want[NAIVE_D], got[NAIVE_D], by = 0.25F * (float)(t + 1);
			for (int j = 0; j < COORDINATES; j++) {
				for (int i = 0; i < MESSAGES; i++)
					q.x[i][j] += by;
				q.memory[j] += by;
			}
			naive_json(rule, BYZANTINE, MESSAGES - 1, json);
			answer_of(json, &p, want);
			answer_of(json, &q, got);
			expect_near(json, t, got, want, (double)by);
		}
}

/* A limit, or the least distance that divides: equal vectors, as nnm makes them, are nearer than that. */
static bool has_a_length(const struct naive_rule *rule)
{
	return strstr(rule->members, "limit") ||
	       (strstr(rule->members, "geometric") && strstr(rule->members, "nnm"));
}

/* A power of 2 changes no digit. A rule that clips needs its length to grow along. */
Test(rule_laws, any_scale)
{
	const struct naive_rule *rule;
	for (size_t k = 0; (rule = rule_at(k)); k++)
		for (uint64_t t = 0; t < TRIES && !has_a_length(rule); t++) {
			struct problem p = make_problem(t, false), q = p;
			char json[NAIVE_JSON], scaled[NAIVE_JSON + 32];
			float want[NAIVE_D], got[NAIVE_D], by = t % 3 ? 8 : 1048576;
			for (int j = 0; j < COORDINATES; j++) {
				for (int i = 0; i < MESSAGES; i++)
					q.x[i][j] *= by;
				q.memory[j] *= by;
			}
			naive_json(rule, BYZANTINE, MESSAGES - 1, json);
			const char *tau = strstr(json, "\"tau\":2");
			snprintf(scaled, sizeof scaled, "%s", json);
			if (tau)
				snprintf(scaled, sizeof scaled, "%.*s\"tau\":%.0f%s", (int)(tau - json), json,
				         2 * (double)by, tau + strlen("\"tau\":2"));
			answer_of(json, &p, want);
			answer_of(scaled, &q, got);
			for (int j = 0; j < COORDINATES; j++)
				cr_assert_eq(got[j], by * want[j], "%s, input %llu: %.9g, expected %.9g",
				             scaled, (unsigned long long)t, (double)got[j],
				             (double)(by * want[j]));
		}
}

Test(rule_laws, equal_vectors_are_the_answer)
{
	for (const struct naive_rule *rule = naive_rules; rule->members; rule++)
		for (uint64_t t = 0; t < TRIES; t++) {
			struct problem p = make_problem(t, false);
			char json[NAIVE_JSON];
			float got[NAIVE_D];
			for (int i = 0; i < MESSAGES; i++)
				memcpy(p.x[i], p.memory, sizeof p.memory);
			naive_json(rule, BYZANTINE, MESSAGES - 1, json);
			answer_of(json, &p, got);
			cr_assert_arr_eq(got, p.memory, COORDINATES * sizeof *got, "%s", json);
		}
}

/* Nor does a least distance that no sum of 1 / nu holds make the answer something else. */
Test(rule_laws, any_least_distance)
{
	static const char *const nus[] = {"1e-320", "1e-308", "1e-100"};
	for (size_t i = 0; i < sizeof nus / sizeof *nus; i++) {
		struct problem p = make_problem(1, false);
		char json[NAIVE_JSON];
		float got[NAIVE_D];
		for (int m = 0; m < MESSAGES - BYZANTINE; m++)
			memcpy(p.x[m], p.memory, sizeof p.memory);
		snprintf(json, sizeof json, "{\"kind\":\"geometric-median\",\"nu\":%s}", nus[i]);
		answer_of(json, &p, got);
		cr_assert_arr_eq(got, p.memory, COORDINATES * sizeof *got, "nu = %s", nus[i]);
	}
}

/* A few coordinates that are not 0, the first and the last among them: no other count of them makes a
 * difference.
 */
static void check_length(const struct naive_rule *rule, size_t n)
{
	struct problem p = make_problem(n, true);
	struct rule_rig r;
	char json[NAIVE_JSON];
	float want[NAIVE_D], *v = mem_array(n, sizeof *v);
	const size_t at[COORDINATES] = {0, 1, 30, n / 2, n - 2, n - 1};
	naive_json(rule, BYZANTINE, MESSAGES - 1, json);
	answer_of(json, &p, want);
	rule_rig_init(&r, "ref", json, MESSAGES, n, 1);
	for (int i = 0; i <= MESSAGES; i++) {
		for (int j = 0; j < COORDINATES; j++)
			v[at[j]] = i < MESSAGES ? p.x[i][j] : p.memory[j];
		if (i < MESSAGES)
			rule_rig_say(&r, i, v);
		else
			rule_rig_remember(&r, v);
	}
	cr_assert_eq(rule_rig_meet(&r, 0), MEETING_ANSWERED, "%s", r.run.report.withheld);
	for (int j = 0; j < COORDINATES; j++) {
		cr_assert_eq(r.answer[at[j]], want[j], "%s, %zu coordinates: %.9g, expected %.9g", json, n,
		             (double)r.answer[at[j]], (double)want[j]);
		r.answer[at[j]] = 0;
	}
	for (size_t j = 0; j < n; j++)
		cr_assert_eq(r.answer[j], 0, "%s, %zu coordinates", json, n);
	rule_rig_clear(&r);
	mem_free(v);
}

/* Of one to six coordinates: tests/aggregator/test_rule_definitions.c. None: tests/cmd/test_combine.c. */
Test(rule_laws, any_number_of_coordinates)
{
	static const size_t lengths[] = {63, 64, 65, MEETING_BLOCK - 1, MEETING_BLOCK, MEETING_BLOCK + 1};
	for (const struct naive_rule *rule = naive_rules; rule->members; rule++)
		for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
			check_length(rule, lengths[i]);
}
