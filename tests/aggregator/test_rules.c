/*
 * Rules: the cases of tests/golden/rules.json (X5 and X7, answers of the definitions, many of them compared
 * with ByzFL 0.0.11), what Krum's scores are, and what is refused before training.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "aggregator/pre/pre.h"
#include "registry.h"
#include "tests/support/aggregator_fixture.h"
#include "tests/support/json_help.h"
#include "tests/support/rule_fixture.h"

TestSuite(rules, .fini = json_help_clear);

enum { D = RULE_RIG_D, ROWS_MOST = RULE_RIG_ROWS };

/* --- golden ------------------------------------------------------------------------------------------- */

/* "nnm+krum" with its keys -> {"kind": "krum", "before": ["nnm"], ...}; of what is no rule, false.
 */
static bool case_rule(const struct json *c, struct buf *b)
{
	char name[64], *last = name, *next;
	struct buf before = {0};
	snprintf(name, sizeof name, "%s", json_member(c, "rule")->string);
	name[strcspn(name, ",")] = '\0'; /* ", second step" */
	bool known = true;
	for (; (next = strchr(last, '+')); last = next + 1) {
		*next = '\0';
		buf_format(&before, "%s\"%s\"", before.text ? "," : "", last);
		known = known && family_find(&family_pre, last);
	}
	const struct aggregator *agg = (const struct aggregator *)family_find(&family_aggregators, last);
	buf_format(b, "{\"kind\":\"%s\"", last);
	if (before.text)
		buf_format(b, ",\"before\":[%s]", before.text);
	for (const struct json *k = json_member(c, "keys")->child; k; k = k->next) {
		buf_format(b, ",\"%s\":", k->key);
		json_write(b, k);
	}
	buf_add(b, "}");
	buf_clear(&before);
	return known && agg && agg->rule;
}

static int rows_of(const struct json *c)
{
	return strcmp(json_member(c, "input")->string, "X7") == 0 ? 7 : 5;
}

static void check_values(const char *json, const float *got, const struct json *want, double tolerance)
{
	const struct json *value = want->child;
	for (size_t j = 0; j < D; j++, value = value->next)
		cr_assert(fabs((double)got[j] - value->number) <= tolerance + 1e-7 * fabs(value->number),
		          "%s, coordinate %zu: %.9g, expected %.9g", json, j, (double)got[j], value->number);
}

static void check_case(const struct json *c, const char *json)
{
	struct rule_rig r;
	int steps = strstr(json_member(c, "rule")->string, "second step") ? 2 : 1;
	rule_rig_init(&r, "ref", json, rows_of(c), D, 1);
	rule_rig_say_rows(&r, rows_of(c));
	for (int i = 0; i < steps; i++)
		cr_assert_eq(rule_rig_meet(&r, (uint64_t)i), MEETING_ANSWERED, "%s: %s", json,
		             r.run.report.withheld);
	check_values(json, r.answer, json_member(c, "output"), json_member(c, "abs_tol")->number);
	rule_rig_clear(&r);
}

/* The pre-aggregator of a case, with its keys but f and order, which are no keys of it. */
static struct choice case_pre(const struct json *c)
{
	struct choice pre = {0};
	struct buf json = {0};
	struct err e = {0};
	buf_format(&json, "{\"kind\":\"%s\"", json_member(c, "rule")->string);
	for (const struct json *k = json_member(c, "keys")->child; k; k = k->next) {
		if (!strcmp(k->key, "f") || !strcmp(k->key, "order"))
			continue;
		buf_format(&json, ",\"%s\":", k->key);
		json_write(&json, k);
	}
	buf_add(&json, "}");
	cr_assert_eq(choice_parse(&family_pre, &pre, NULL, json.text, &json_help_arena, &e), 0, "%s", e.text);
	buf_clear(&json);
	return pre;
}

/* Does a plan have the buckets that a case's order makes? A case without an order has none. */
static bool has_buckets(const struct json *keys, const int *bucket)
{
	const struct json *order = json_member(keys, "order");
	int s = order ? (int)json_member(keys, "s")->number : 1, i = 0;
	for (const struct json *k = order ? order->child : NULL; k; k = k->next, i++)
		if (bucket[(int)k->number] != i / s)
			return false;
	return true;
}

static void check_pre_case(const struct json *c)
{
	enum { DRAWS = 5000 /* of 5! orders */ };
	const struct choice chosen_pre = case_pre(c);
	const struct pre *pre = (const struct pre *)chosen_pre.row;
	const struct json *keys = json_member(c, "keys"), *f = json_member(keys, "f");
	int n = rows_of(c), rows = n + 1, left = json_member(c, "output")->count;
	double d[64] = {0}, w[64], scratch[64];
	bool chosen[8];
	int bucket[8];
	uint32_t order[8];
	for (int i = 0; i < rows; i++)
		for (int k = 0; k < rows; k++)
			for (int j = 0; j < D; j++)
				d[i * rows + k] += pow((i < n ? (double)rule_rig_x[i][j] : 0) -
				                               (k < n ? (double)rule_rig_x[k][j] : 0),
				                       2);
	struct rule_view v = {.state = chosen_pre.state,
	                      .n = n,
	                      .f = f ? (int)f->number : 0,
	                      .rows = rows,
	                      .extra = {n, -1, -1},
	                      .d = d};
	struct rule_plan p = {.n = left,
	                      .f = v.f,
	                      .w = w,
	                      .chosen = chosen,
	                      .scratch = scratch,
	                      .order = order,
	                      .bucket = bucket};
	cr_assert_eq(pre->rule.left ? pre->rule.left(v.state, n) : n, left);
	do {
		cr_assert(v.step++ < DRAWS, "an order that is never drawn");
		memset(w, 0, sizeof w);
		for (int i = 0; i < n; i++)
			order[i] = (uint32_t)i;
		pre->rule.plan(&v, &p);
	} while (!has_buckets(keys, bucket));
	cr_assert(p.n == left && p.f == v.f);
	const struct json *want = json_member(c, "output")->child;
	for (int i = 0; i < left; i++, want = want->next) {
		float y[D];
		for (int j = 0; j < D; j++) {
			double sum = 0;
			for (int k = 0; k < n; k++)
				sum += w[i * rows + k] * (double)rule_rig_x[k][j];
			y[j] = (float)sum;
		}
		check_values(pre->row.name, y, want, json_member(c, "abs_tol")->number);
	}
}

/* The mean is no rule of a meeting. */
static void check_mean_case(const struct json *c)
{
	struct rig r;
	rig_init(&r, rig_ref(), "\"mean\"", rows_of(c), D);
	for (int i = 0; i < rows_of(c); i++)
		rig_encode(&r, (uint32_t)i, rule_rig_x[i]);
	rig_combine(&r, 0, D);
	check_values("mean", r.pull, json_member(c, "output"), json_member(c, "abs_tol")->number);
	rig_clear(&r);
}

/* All of them: those of attacks are in tests/adversary/test_crowd.c. */
Test(rules, golden_cases)
{
	struct err e = {0};
	int rules = 0, pre = 0, means = 0, attacks = 0;
	struct json *all = json_read_file(&json_help_arena, "tests/golden/rules.json", &e);
	cr_assert(all, "%s", e.text);
	for (const struct json *c = json_member(all, "cases")->child; c; c = c->next) {
		struct buf json = {0};
		if (case_rule(c, &json))
			rules++, check_case(c, json.text);
		else if (family_find(&family_pre, json_member(c, "rule")->string))
			pre++, check_pre_case(c);
		else if (!strcmp(json_member(c, "rule")->string, "mean"))
			means++, check_mean_case(c);
		else
			attacks += !strncmp(json_member(c, "rule")->string, "attack ", 7);
		buf_clear(&json);
	}
	cr_assert(rules == 74 && pre == 9 && means == 2 && attacks == 11, "%d, %d, %d, %d", rules, pre, means,
	          attacks);
	cr_assert_eq(rules + pre + means + attacks, json_member(all, "cases")->count);
}

/* --- scores and choices ------------------------------------------------------------------------------- */

struct scored {
	const char *json;
	int rows;
	double scores[ROWS_MOST]; /* first one 0: not looked at */
	const char *chosen;       /* "24": workers 2 and 4 */
	double answer[D];
};

static void check_scored(const struct scored *s)
{
	struct rule_rig r;
	double sum = 0;
	int chosen = (int)strlen(s->chosen);
	rule_rig_init(&r, "ref", s->json, s->rows, D, 1);
	rule_rig_say_rows(&r, s->rows);
	cr_assert_eq(rule_rig_meet(&r, 0), MEETING_ANSWERED, "%s", r.run.report.withheld);
	const struct rule_report *p = &r.run.report;
	cr_assert(p->has_scores && p->has_chosen && p->has_weights, "%s", s->json);
	for (int i = 0; i < s->rows; i++) {
		bool is = strchr(s->chosen, '0' + i) != NULL;
		cr_assert_eq(p->chosen[i], is, "%s: worker %d", s->json, i);
		cr_assert_float_eq(p->weights[i], is ? 1.0 / chosen : 0, 1e-15, "%s", s->json);
		sum += p->weights[i];
		if (s->scores[0] > 0)
			cr_assert_float_eq(p->scores[i], s->scores[i], 1e-6, "%s: worker %d has %.9g",
			                   s->json, i, p->scores[i]);
	}
	cr_assert_float_eq(sum, 1, 1e-15);
	for (int j = 0; j < D; j++)
		cr_assert_float_eq(r.answer[j], s->answer[j], 1e-6, "%s: %g", s->json, (double)r.answer[j]);
	rule_rig_clear(&r);
}

#define KRUM(keys)  "{\"kind\":\"krum\"," keys "}"
#define MULTI(keys) "{\"kind\":\"multi-krum\"," keys "}"

Test(rules, krum_in_three_definitions)
{
	static const struct scored cases[] = {
	        {KRUM("\"f\":1"),
	         5,
	         {30.9375, 25.1875, 18.9375, 30.625, 20.9375},
	         "2",
	         {-2.5, -0.5, -2.75, 2.25}},
	        {KRUM("\"f\":1,\"as\":\"byzfl\""),
	         5,
	         {54.25, 68.75, 59.25, 78.125, 61.25},
	         "0",
	         {0.25, -0.5, -2.5, 0.25}},
	        {KRUM("\"f\":1,\"as\":\"bernstein\""),
	         5,
	         {7.8041444, 6.1288768, 6.1137089, 7.5324654, 5.6693538},
	         "4",
	         {2.75, -1, 0.75, 1.75}},
	        {KRUM("\"f\":2"),
	         7,
	         {26.4375, 26.6875, 33.125, 50, 29.0625, 19, 30.875},
	         "5",
	         {0.5, 0.25, -1, 1}},
	        {MULTI("\"f\":1,\"m\":2"), 5, {0}, "24", {0.125, -0.75, -1, 2}},
	        {MULTI("\"f\":1"), 5, {0}, "24", {0.125, -0.75, -1, 2}},
	        {MULTI("\"f\":1,\"m\":2,\"as\":\"byzfl\""), 5, {0}, "02", {-1.125, -0.5, -2.625, 1.25}},
	        {MULTI("\"f\":1,\"m\":2,\"as\":\"bernstein\""), 5, {0}, "42", {0.125, -0.75, -1, 2}},
	        {MULTI("\"f\":1,\"m\":4"), 5, {0}, "2413", {-0.0625, 0.125, -0.625, 2.125}},
	        {MULTI("\"f\":1,\"m\":4,\"as\":\"byzfl\""), 5, {0}, "0241", {0.75, -0.5, -0.75, 1.5}},
	        {MULTI("\"f\":1,\"as\":\"byzfl\""), 5, {0}, "0241", {0.75, -0.5, -0.75, 1.5}},
	        {MULTI("\"f\":2,\"m\":3"), 7, {0}, "501", {1.0833333333, -0.0833333333, -0.6666666667, 1}},
	        {MULTI("\"f\":2"), 7, {0}, "501", {1.0833333333, -0.0833333333, -0.6666666667, 1}},
	        {MULTI("\"f\":2,\"m\":5"), 7, {0}, "50146", {1.15, -0.1, -0.15, 0.85}},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check_scored(&cases[i]);
}

/* What RULES has for both inputs, worker rows 0 to 3 (an even number), and the documented defaults. */
Test(rules, numbers_of_the_definitions)
{
	static const struct {
		const char *json;
		int rows;
		double answer[D];
	} cases[] = {
	        {"\"median\"", 5, {0.25, -0.5, -2, 1.75}},
	        {"\"median\"", 4, {-1.125, -0.25, -2.25, 2}},
	        {"{\"kind\":\"trimmed-mean\",\"f\":1}", 5, {0.0833333, -0.3333333, -1.25, 1.9166667}},
	        {"{\"kind\":\"trimmed-mean\",\"f\":2}", 5, {0.25, -0.5, -2, 1.75}},
	        {"{\"kind\":\"trimmed-mean\",\"f\":2}", 7, {0.1666667, -0.0833333, -0.8333333, 1.5}},
	        {"\"trimmed-mean\"", 5, {0, 0, -1, 1.75}},
	        {"{\"kind\":\"geometric-median\",\"iterations\":3,\"nu\":0.1}",
	         5,
	         {-0.0353507, -0.1309873, -1.3402895, 1.492071}},
	        {"{\"kind\":\"centered-clipping\",\"tau\":2}",
	         5,
	         {0.1772351, -0.0765956, -0.539079, 0.8729726}},
	        {"{\"kind\":\"trimmed-mean\",\"f\":1,\"before\":[\"nnm\"]}",
	         5,
	         {-0.1666667, -0.1666667, -1.2708333, 1.6666667}},
	        {KRUM("\"f\":1,\"before\":[\"nnm\"]"), 5, {-0.625, 0, -1.625, 1.75}},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rule_rig r;
		rule_rig_init(&r, "ref", cases[i].json, cases[i].rows, D, 1);
		rule_rig_say_rows(&r, cases[i].rows);
		cr_assert_eq(rule_rig_meet(&r, 0), MEETING_ANSWERED, "%s", r.run.report.withheld);
		for (int j = 0; j < D; j++)
			cr_assert_float_eq(r.answer[j], cases[i].answer[j], 1e-6, "%s: %.9g", cases[i].json,
			                   (double)r.answer[j]);
		rule_rig_clear(&r);
	}
}

/* The weights are of the messages themselves, through what stands before the rule. */
Test(rules, weights_reach_through_nnm)
{
	struct rule_rig r;
	rule_rig_init(&r, "ref", KRUM("\"f\":1,\"before\":[\"nnm\"]"), 5, D, 1);
	rule_rig_say_rows(&r, 5);
	cr_assert_eq(rule_rig_meet(&r, 0), MEETING_ANSWERED);
	cr_assert(r.run.report.has_weights);
	for (int j = 0; j < D; j++) {
		double sum = 0;
		for (int i = 0; i < 5; i++)
			sum += r.run.report.weights[i] * (double)rule_rig_x[i][j];
		cr_assert_float_eq(r.answer[j], sum, 1e-6);
	}
	rule_rig_clear(&r);
}

/* --- what is refused -------------------------------------------------------------------------------------
 */

Test(rules, checks_before_training)
{
	static const struct {
		const char *json;
		int n, f;
		const char *why; /* NULL: good */
	} cases[] = {
	        {"\"krum\"", 7, 2, NULL},
	        {"\"krum\"", 7, 3, "krum: found n = 7 messages and f = 3, expected 2 f + 2 < n"},
	        {KRUM("\"f\":2"), 7, 3, NULL},
	        {KRUM("\"as\":\"byzfl\""), 7, 3, NULL},
	        {MULTI("\"m\":6"), 7, 2, "found m = 6"},
	        {"\"median\"", 6, 3, "median: found n = 6 messages and f = 3, expected 2 f < n"},
	        {"\"trimmed-mean\"", 7, 3, NULL},
	        {"\"bulyan\"", 7, 1, NULL},
	        {"\"bulyan\"", 10, 2, "bulyan: found n = 10 messages and f = 2, expected 4 f + 3 <= n"},
	        {"\"caf\"", 6, 3, "caf: found n = 6 messages and f = 3, expected 2 f < n"},
	        {"\"mda\"", 64, 31, NULL},
	        {"\"mda\"", 65, 1, "mda: found n = 65 messages, expected at most 64"},
	        {"\"mda\"", 64, 32, "mda: found n = 64 messages and f = 32, expected 2 f < n"},
	        {"\"smea\"", 23, 9, NULL},
	        {"\"smea\"", 23, 10,
	         "smea: found n = 23 messages and f = 10: 1144066 subsets of n - f, expected at most "
	         "1000000"},
	        {"\"smea\"", 1000000, 1, NULL},
	        {"\"smea\"", 64, 31, "more than 1000000000000000 subsets"},
	        {"\"smea\"", 6, 3, "smea: found n = 6 messages and f = 3, expected 2 f < n"},
	        {"{\"kind\":\"monna\",\"pivot\":4}", 5, 2, NULL},
	        {"{\"kind\":\"monna\",\"pivot\":4}", 5, 3, "monna: found n = 5 messages and f = 3"},
	        {"{\"kind\":\"monna\",\"pivot\":5}", 5, 1,
	         "monna: found pivot = 5, expected one of the workers 0 to 4"},
	        {"{\"kind\":\"monna\",\"pivot\":0,\"before\":[\"nnm\",\"arc\"]}", 5, 1, NULL},
	        {"{\"kind\":\"monna\",\"pivot\":0,\"before\":[\"nnm\",{\"kind\":\"bucketing\",\"s\":1}]}", 5,
	         1, "monna: `pivot` is a worker, and \"bucketing\" makes one vector of several"},
	        {"\"meamed\"", 6, 3, "meamed: found n = 6 messages and f = 3, expected 2 f < n"},
	        {"\"geometric-median\"", 4, 2, "expected 2 f < n"},
	        {"{\"kind\":\"centered-clipping\",\"tau\":1}", 4, 3, NULL},
	        {"{\"kind\":\"centered-clipping\",\"tau\":1,\"before\":[\"nnm\"]}", 4, 3, "nnm: found n = 4"},
	        {"{\"kind\":\"centered-clipping\",\"tau\":1,\"before\":\"nnm\"}", 4, 3, "nnm: found n = 4"},
	        {"{\"kind\":\"centered-clipping\",\"tau\":1,\"before\":\"arc\"}", 4, 2,
	         "arc: found n = 4 messages and f = 2, expected 2 f < n"},
	        {KRUM("\"before\":\"bucketing\""), 9, 1, NULL},
	        {KRUM("\"before\":\"bucketing\""), 8, 1,
	         "krum, behind what makes 4 of 8 messages: found n = 4 messages and f = 1, expected 2 f + 2 "
	         "< n"},
	        {KRUM("\"before\":[\"bucketing\",\"bucketing\"]"), 17, 1, NULL},
	        {KRUM("\"before\":[\"bucketing\",\"bucketing\"]"), 16, 1,
	         "behind what makes 4 of 16 messages"},
	        {KRUM("\"before\":[\"bucketing\",\"nnm\"]"), 4, 1,
	         "nnm, behind what makes 2 of 4 messages: found n = 2"},
	        {KRUM("\"before\":[\"nnm\",{\"kind\":\"bucketing\",\"s\":1}]"), 5, 1, NULL},
	        {"{\"kind\":\"centered-clipping\",\"tau\":1,\"before\":{\"kind\":\"bucketing\",\"s\":100}}",
	         4, 1,
	         "centered-clipping, behind what makes 1 of 4 messages: found n = 1 messages and f = 1, "
	         "expected "
	         "f < n"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct err e = {0};
		struct choice c = {0};
		cr_assert_eq(choice_parse(&family_aggregators, &c, NULL, cases[i].json, &json_help_arena, &e),
		             0, "%s", e.text);
		int rc = rule_check((const struct aggregator *)c.row, c.state, cases[i].n, cases[i].f, &e);
		cr_assert_eq(rc, cases[i].why ? -1 : 0, "%s: %s", cases[i].json, e.text);
		cr_assert(!cases[i].why || strstr(e.text, cases[i].why), "%s", e.text);
	}
}

Test(rules, refused_keys)
{
	static const char *const bad[] = {
	        "\"centered-clipping\"",
	        "{\"kind\":\"centered-clipping\",\"tau\":0}",
	        "{\"kind\":\"krum\",\"f\":-2}",
	        "{\"kind\":\"krum\",\"as\":\"paper\"}",
	        "{\"kind\":\"krum\",\"before\":[\"krum\"]}",
	        "{\"kind\":\"krum\",\"before\":3}",
	        "{\"kind\":\"krum\",\"before\":\"clipping\"}",
	        "{\"kind\":\"krum\",\"before\":[{\"kind\":\"clipping\",\"limit\":0}]}",
	        "{\"kind\":\"krum\",\"before\":[{\"kind\":\"bucketing\",\"s\":0}]}",
	        "{\"kind\":\"multi-krum\",\"m\":0}",
	        "\"monna\"",
	        "{\"kind\":\"monna\",\"pivot\":-1}",
	        "{\"kind\":\"geometric-median\",\"nu\":0}",
	        "{\"kind\":\"geometric-median\",\"start\":\"origin\"}"};
	json_help_family_refuses(&family_aggregators, bad, sizeof bad / sizeof *bad);
}

/* What others call a rule is named where it is refused. */
Test(rules, names_of_others)
{
	static const char *const names[][2] = {{"rfa", "geometric-median"},
	                                       {"trmean", "trimmed-mean"},
	                                       {"cm", "median"},
	                                       {"cwmed", "median"},
	                                       {"geometric_median", "geometric-median"},
	                                       {"cclip", "centered-clipping"},
	                                       {"mean_around_median", "meamed"},
	                                       {"multikrum", "multi-krum"},
	                                       {"minimum_diameter_averaging", "mda"},
	                                       {"MoNNA", "monna"},
	                                       {"covariance_bound_agnostic_filter", "caf"},
	                                       {"nnm", "before"}};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char meant[FAMILY_MEANT];
		family_meant(&family_aggregators, names[i][0], meant);
		cr_assert(strstr(meant, names[i][1]), "%s: %s", names[i][0], meant);
	}
}
