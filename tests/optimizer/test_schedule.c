/* Learning rates at points computed by hand, from the formulas in the rows. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "registry.h"
#include "optimizer/schedule.h"

/* A run of 1000 steps, 20 steps an epoch; f(x0) - f* = 18, |L|_1 = 2. */
static const struct schedule_env usual = {
        .steps = 1000, .steps_per_epoch = {20, 1}, .f0_minus_f_star = 18, .l1_l = 2};

struct chosen {
	struct arena arena;
	struct choice choice;
	const struct schedule *schedule;
};

static void choose(struct chosen *c, const char *json)
{
	struct err e = {0};
	*c = (struct chosen){0};
	const struct json *value = json_read_text(&c->arena, "test", json, strlen(json), &e);
	cr_assert(value, "%s", e.text);
	cr_assert_eq(choice_parse(&family_schedules, &c->choice, value, NULL, &c->arena, &e), 0, "%s",
	             e.text);
	c->schedule = (const struct schedule *)c->choice.row;
}

static double rate_of(const char *json, const struct schedule_env *env, int64_t step)
{
	struct chosen c;
	struct err e = {0};
	choose(&c, json);
	if (c.schedule->check)
		cr_expect_eq(c.schedule->check(c.choice.state, env, true, &e), 0, "%s: %s", json, e.text);
	double rate = schedule_rate(c.schedule, c.choice.state, env, step);
	arena_clear(&c.arena);
	return rate;
}

struct point {
	int64_t step;
	double rate;
};

static void expect_points(const char *json, const struct point *points, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		double rate = rate_of(json, &usual, points[i].step), expected = points[i].rate;
		cr_expect_float_eq(rate, expected, 1e-12 * fabs(expected) + 1e-18,
		                   "%s at %lld: %.17g, expected %.17g", json, (long long)points[i].step, rate,
		                   expected);
	}
}

#define EXPECT(json, ...)                                                                                    \
	expect_points(json, (const struct point[]){__VA_ARGS__},                                             \
	              sizeof(const struct point[]){__VA_ARGS__} / sizeof(struct point))

Test(schedule, constant_stays)
{
	EXPECT("\"constant\"", {0, 1e-4}, {999, 1e-4});
	EXPECT("0.25", {0, 0.25}, {500, 0.25});
	EXPECT("{\"kind\":\"constant\",\"rate\":3}", {0, 3}, {999, 3});
}

Test(schedule, step_drops_at_every_multiple)
{
	EXPECT("{\"kind\":\"step\",\"rate\":2,\"every\":100}", {0, 2}, {99, 2}, {100, 0.2}, {199, 0.2},
	       {200, 0.02}, {999, 2e-9});
	EXPECT("{\"kind\":\"step\",\"rate\":2,\"every\":3,\"factor\":0.5,\"per\":\"epoch\"}", {59, 2},
	       {60, 1}, {119, 1}, {120, 0.5});
}

Test(schedule, multi_step_drops_where_told)
{
	EXPECT("{\"kind\":\"multi-step\",\"rate\":1,\"at\":[10,30],\"factor\":0.5}", {0, 1}, {9, 1},
	       {10, 0.5}, {29, 0.5}, {30, 0.25}, {999, 0.25});
	EXPECT("{\"kind\":\"multi-step\",\"rate\":1,\"at\":[2],\"per\":\"epoch\"}", {39, 1}, {40, 0.1});
	EXPECT("{\"kind\":\"multi-step\",\"rate\":1,\"at\":[]}", {0, 1}, {999, 1});
}

Test(schedule, cosine_goes_down_half_a_turn)
{
	EXPECT("{\"kind\":\"cosine\",\"rate\":1}", {0, 1}, {250, (1 + sqrt(0.5)) / 2}, {500, 0.5},
	       {750, (1 - sqrt(0.5)) / 2});
	EXPECT("{\"kind\":\"cosine\",\"rate\":3,\"lowest\":1,\"length\":60}", {0, 3}, {20, 2.5}, {30, 2},
	       {40, 1.5}, {60, 1}, {999, 1});
	EXPECT("{\"kind\":\"cosine\",\"rate\":3,\"lowest\":1,\"length\":3,\"per\":\"epoch\"}", {20, 2.5},
	       {60, 1});
	EXPECT("{\"kind\":\"cosine\",\"rate\":1,\"per\":\"epoch\"}", {500, 0.5});
}

Test(schedule, linear_goes_down_a_line)
{
	EXPECT("{\"kind\":\"linear\",\"rate\":1}", {0, 1}, {250, 0.75}, {999, 0.001});
	EXPECT("{\"kind\":\"linear\",\"rate\":3,\"lowest\":1,\"length\":2,\"per\":\"epoch\"}", {10, 2.5},
	       {20, 2}, {40, 1}, {41, 1});
}

Test(schedule, inverse_sqrt_falls_with_the_root)
{
	EXPECT("{\"kind\":\"inverse-sqrt\",\"rate\":6}", {0, 6}, {3, 3}, {8, 2});
	EXPECT("{\"kind\":\"inverse-sqrt\",\"rate\":6,\"offset\":10}", {0, 6}, {30, 3}, {80, 2});
	EXPECT("{\"kind\":\"inverse-sqrt\",\"rate\":6,\"offset\":0.5,\"per\":\"epoch\"}", {30, 3}, {80, 2});
}

/* sqrt(18 / (2 * 1000)) */
Test(schedule, theory_is_the_paper_s_rate)
{
	double eta = sqrt(0.009);
	EXPECT("\"theory\"", {0, eta}, {999, eta});
	EXPECT("{\"kind\":\"theory\",\"scale\":0.5}", {7, eta / 2});
}

Test(schedule, warm_up_climbs_to_the_rate_of_the_schedule)
{
	EXPECT("{\"kind\":\"constant\",\"rate\":1,\"warmup\":4}", {0, 0.25}, {1, 0.5}, {2, 0.75}, {3, 1},
	       {4, 1});
	EXPECT("{\"kind\":\"constant\",\"rate\":1,\"warmup\":1}", {0, 1}, {1, 1});
	EXPECT("{\"kind\":\"constant\",\"rate\":1,\"warmup\":4,\"warmup_from\":0.2}", {0, 0.4}, {1, 0.6},
	       {3, 1});
	EXPECT("{\"kind\":\"constant\",\"rate\":1,\"warmup\":2,\"per\":\"epoch\"}", {0, 0.025}, {19, 0.5},
	       {39, 1}, {40, 1});
	EXPECT("{\"kind\":\"linear\",\"rate\":1,\"length\":10,\"warmup\":5}", {0, 0.2}, {2, 0.8 * 0.6},
	       {5, 0.5});
	EXPECT("{\"kind\":\"step\",\"rate\":1,\"every\":2,\"factor\":0.5,\"warmup\":4}", {0, 0.25},
	       {2, 0.375}, {3, 0.5}, {4, 0.25});
	EXPECT("{\"kind\":\"theory\",\"warmup\":10}", {4, sqrt(0.009) / 2});
}

/* Steps an epoch need not be whole: two epochs of 7.5 steps end at step 15. */
Test(schedule, epochs_of_a_fraction_of_steps_count)
{
	struct schedule_env env = usual;
	env.steps_per_epoch = (struct ratio){15, 2};
	const char *const json =
	        "{\"kind\":\"step\",\"rate\":1,\"every\":1,\"factor\":0.5,\"per\":\"epoch\"}";
	const struct point points[] = {{7, 1}, {8, 0.5}, {14, 0.5}, {15, 0.25}};
	for (size_t i = 0; i < 4; i++)
		cr_expect_eq(rate_of(json, &env, points[i].step), points[i].rate, "step %lld",
		             (long long)points[i].step);
}

/*
 * 19 epochs of 21/19 steps are 21 steps. In double they are 21.000000000000004.
 */
Test(schedule, epochs_that_are_whole_steps_end_there)
{
	struct schedule_env env = usual;
	env.steps_per_epoch = (struct ratio){21, 19};
	static const char *const json[] = {
	        "{\"kind\":\"multi-step\",\"rate\":1,\"at\":[19],\"factor\":0.5,\"per\":\"epoch\"}",
	        "{\"kind\":\"step\",\"rate\":1,\"every\":19,\"factor\":0.5,\"per\":\"epoch\"}",
	};
	for (size_t i = 0; i < 2; i++) {
		cr_expect_eq(rate_of(json[i], &env, 20), 1, "%s", json[i]);
		cr_expect_eq(rate_of(json[i], &env, 21), 0.5, "%s", json[i]);
	}
	cr_expect_eq(rate_of("{\"kind\":\"linear\",\"rate\":1,\"length\":19,\"per\":\"epoch\"}", &env, 21),
	             0);
	cr_expect_eq(rate_of("{\"kind\":\"constant\",\"rate\":1,\"warmup\":19,\"per\":\"epoch\"}", &env, 20),
	             1);
}

static void expect_refused(const char *json, const struct schedule_env *env, bool knows_theory,
                           const char *expected)
{
	struct chosen c;
	struct err e = {0};
	choose(&c, json);
	cr_assert(c.schedule->check, "%s checks nothing", json);
	cr_expect_eq(c.schedule->check(c.choice.state, env, knows_theory, &e), -1, "%s was accepted", json);
	cr_expect_eq(e.code, EXIT_USER);
	cr_expect(strstr(e.text, expected), "%s: found \"%s\", expected \"%s\" in it", json, e.text,
	          expected);
	arena_clear(&c.arena);
}

Test(schedule, impossible_settings_are_refused)
{
	expect_refused("\"theory\"", &usual, false, "quadratic");
	expect_refused("{\"kind\":\"multi-step\",\"at\":[10,10]}", &usual, true, "at: found 10 behind 10");
	expect_refused("{\"kind\":\"cosine\",\"rate\":0.1,\"lowest\":0.2}", &usual, true,
	               "lowest: found 0.2");
	expect_refused("{\"kind\":\"linear\",\"rate\":0.1,\"lowest\":0.2}", &usual, true,
	               "lowest: found 0.2");
}

/* Every row, so that a new one cannot forget it. */
Test(schedule, epochs_without_data_are_refused)
{
	struct schedule_env env = usual;
	env.steps_per_epoch = (struct ratio){0, 1};
	for (const struct row *const *row = family_schedules.rows; *row; row++) {
		char json[128];
		const char *must = strcmp((*row)->name, "step") == 0         ? "\"every\":1,"
		                   : strcmp((*row)->name, "multi-step") == 0 ? "\"at\":[1],"
		                                                             : "";
		snprintf(json, sizeof json, "{\"kind\":\"%s\",%s\"per\":\"epoch\"}", (*row)->name, must);
		expect_refused(json, &env, true, "per: found \"epoch\"");
	}
}

/* Rates are finite and never negative, anywhere in a run, for every row. */
Test(schedule, rates_are_finite_and_not_negative)
{
	for (const struct row *const *row = family_schedules.rows; *row; row++) {
		char json[128];
		const char *must = strcmp((*row)->name, "step") == 0         ? ",\"every\":1"
		                   : strcmp((*row)->name, "multi-step") == 0 ? ",\"at\":[1]"
		                                                             : "";
		snprintf(json, sizeof json, "{\"kind\":\"%s\"%s,\"warmup\":3}", (*row)->name, must);
		for (int64_t step = 0; step < usual.steps; step += 37) {
			double rate = rate_of(json, &usual, step);
			cr_expect(isfinite(rate) && rate >= 0, "%s at %lld: %g", json, (long long)step, rate);
		}
	}
}
