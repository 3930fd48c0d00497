/* Attacks that see the crowd, each against its formula. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "adversary/crowd.h"
#include "registry.h"
#include "tests/support/crowd_scene.h"
#include "tests/support/json_help.h"

enum { H = SCENE_ROWS, LONG = 2 * CROWD_CHUNK + 130 };

static void expect_near(const char *json, const float want[4], double tolerance)
{
	struct crowd_scene s;
	float out[4];
	crowd_scene_open(&s, json, scene_rows[0], 4, H, 1);
	scene_plan(&s);
	scene_forge(&s, -1, 0, 4, out);
	for (size_t i = 0; i < 4; i++)
		cr_expect_leq(fabs((double)out[i] - want[i]), tolerance, "%s, coordinate %zu: %.9g, not %.9g",
		              json, i, (double)out[i], (double)want[i]);
	crowd_scene_close(&s);
}

Test(crowd, ipm_is_minus_tau_times_the_honest_mean)
{
	expect_near("{\"kind\":\"ipm\",\"tau\":2}", (const float[]){1.375F, -0.5F, 2.875F, -3.5F}, 0);
	expect_near("{\"kind\":\"ipm\",\"tau\":1}", (const float[]){0.6875F, -0.25F, 1.4375F, -1.75F}, 0);
	expect_near("\"ipm\"",
	            (const float[]){(float)(0.1 * 0.6875), (float)(0.1 * -0.25), (float)(0.1 * 1.4375),
	                            (float)(0.1 * -1.75)},
	            0);
}

/* {"kind": "ipm", ...} of a golden case of "attack ipm"; gamma is a result. */
static bool case_attack(const struct json *c, struct buf *b)
{
	static const char prefix[] = "attack ";
	const char *rule = json_member(c, "rule")->string, *name = rule + sizeof prefix - 1;
	if (strncmp(rule, prefix, sizeof prefix - 1) != 0)
		return false;
	cr_assert_str_eq(json_member(c, "input")->string, "X5 rows 0-3");
	buf_format(b, "{\"kind\":\"%s\"", name);
	for (const struct json *k = json_member(c, "keys")->child; k; k = k->next) {
		if (strcmp(k->key, "gamma") == 0)
			continue;
		buf_format(b, ",\"%s\":", k->key);
		json_write(b, k);
	}
	buf_add(b, "}");
	return true;
}

/* The cases of tests/golden/rules.json; those of ipm and of alie as byzfl were compared with ByzFL 0.0.11. */
Test(crowd, golden_cases, .fini = json_help_clear)
{
	struct err e = {0};
	struct json *all = json_read_file(&json_help_arena, "tests/golden/rules.json", &e);
	cr_assert_not_null(all, "%s", e.text);
	int ran = 0;
	for (const struct json *c = json_member(all, "cases")->child; c; c = c->next) {
		struct buf b = {0};
		if (case_attack(c, &b)) {
			float want[4];
			const struct json *value = json_member(c, "output")->child;
			for (size_t i = 0; i < 4; i++, value = value->next)
				want[i] = (float)value->number;
			expect_near(b.text, want, json_member(c, "abs_tol")->number);
			ran++;
		}
		buf_clear(&b);
	}
	cr_expect_eq(ran, 11, "%d cases", ran);
}

/* What opt-ipm and opt-alie send with the factor that they would choose if harm grew with it. */
Test(crowd, searched_attacks_send_what_the_others_do)
{
	expect_near("{\"kind\":\"opt-ipm\",\"evals\":1,\"start\":2}",
	            (const float[]){1.375F, -0.5F, 2.875F, -3.5F}, 0);
	expect_near("{\"kind\":\"opt-alie\",\"evals\":1,\"start\":1.5}",
	            (const float[]){-4.0139741F, -1.2961646F, -4.0134934F, 0.3468785F}, 1e-6);
	expect_near("{\"kind\":\"opt-alie\",\"evals\":1,\"start\":1.5,\"as\":\"byzfl\"}",
	            (const float[]){3.1535814F, 2.0353571F, 1.537001F, 3.3701852F}, 1e-6);
}

static double z_of(int n, int f)
{
	struct crowd_scene s;
	crowd_scene_open(&s, "\"alie\"", scene_rows[0], 4, H, 1);
	s.view.workers = n;
	s.view.byzantine = f;
	scene_plan(&s);
	double z = s.view.numbers[0];
	crowd_scene_close(&s);
	return z;
}

static bool alie_takes(const char *json, int n, int f, char *said, size_t size)
{
	struct crowd_scene s;
	struct err e = {0};
	const struct crowd_terms terms = {.workers = n, .byzantine = f};
	crowd_scene_open(&s, json, scene_rows[0], 4, H, 1);
	int rc = scene_attack(&s)->check(s.choice.state, &terms, &e);
	snprintf(said, size, "%s", e.text);
	crowd_scene_close(&s);
	return rc == 0;
}

/* The table of tests/golden/rules.json, and whether a run with it is refused. */
Test(crowd, alie_has_the_papers_z, .fini = json_help_clear)
{
	struct err e = {0};
	char said[1024];
	struct json *all = json_read_file(&json_help_arena, "tests/golden/rules.json", &e);
	cr_assert_not_null(all, "%s", e.text);
	for (const struct json *c = json_member(all, "alie_z")->child; c; c = c->next) {
		int n = (int)json_member(c, "n")->number, f = (int)json_member(c, "f")->number;
		double z = json_member(c, "z")->number;
		cr_expect_float_eq(z_of(n, f), z, 1e-12, "n = %d, f = %d: %.15g", n, f, z_of(n, f));
		cr_expect_eq(alie_takes("\"alie\"", n, f, said, sizeof said), z > 0, "n = %d, f = %d", n, f);
		cr_expect(alie_takes("{\"kind\":\"alie\",\"z\":0.3}", n, f, said, sizeof said));
	}
	alie_takes("\"alie\"", 10, 1, said, sizeof said);
	cr_expect(strstr(said, "is -0.1397103 with 1 of 10 workers Byzantine"), "%s", said);
	cr_expect(strstr(said, "expected adversaries.count of at least 3, or a number for `z`"), "%s", said);
	alie_takes("\"alie\"", 7, 1, said, sizeof said);
	cr_expect(strstr(said, "of at least 2"), "%s", said);
	alie_takes("\"alie\"", 7, 5, said, sizeof said);
	cr_expect(strstr(said, "expected at most 3 of them"), "%s", said);
	alie_takes("\"alie\"", 4, 1, said, sizeof said);
	cr_expect(strstr(said, "positive for no minority of 4 workers"), "%s", said);
}

/* The least count that is named is the least that works. */
Test(crowd, alie_names_the_smallest_count_that_works)
{
	char said[1024];
	for (int n = 2; n <= 60; n++) {
		int least = 0;
		for (int f = n - 1; f > 0; f--)
			least = alie_takes("\"alie\"", n, f, said, sizeof said) ? f : least;
		if (alie_takes("\"alie\"", n, 1, said, sizeof said))
			continue;
		const char *at = strstr(said, "of at least ");
		cr_expect_eq(at ? atoi(at + strlen("of at least ")) : 0, least, "n = %d: %s", n, said);
	}
}

/* In floats the ones would be lost beside the large number. */
Test(crowd, ipm_sums_in_double)
{
	static const float v[H] = {1e9F, 1, 1, -1e9F};
	struct crowd_scene s;
	float out;
	crowd_scene_open(&s, "{\"kind\":\"ipm\",\"tau\":2}", v, 1, H, 1);
	scene_forge(&s, -1, 0, 1, &out);
	cr_expect_eq(out, -1);
	crowd_scene_close(&s);
}

/* Attacks of all rows, in all their ways. */
static const char *const ways[] = {"\"ipm\"",
                                   "{\"kind\":\"alie\",\"z\":1}",
                                   "{\"kind\":\"alie\",\"z\":1,\"as\":\"byzfl\"}",
                                   "\"opt-ipm\"",
                                   "\"opt-alie\"",
                                   "\"mimic\"",
                                   "{\"kind\":\"mimic\",\"target\":\"auto\",\"warmup\":2}",
                                   "\"min-max\"",
                                   "{\"kind\":\"min-max\",\"direction\":\"std\"}",
                                   "{\"kind\":\"min-max\",\"direction\":\"sign\"}",
                                   "\"min-sum\"",
                                   "{\"kind\":\"min-sum\",\"direction\":\"std\"}",
                                   "{\"kind\":\"min-sum\",\"direction\":\"sign\"}",
                                   "\"fang\"",
                                   "{\"kind\":\"fang\",\"rule\":\"krum\"}",
                                   "\"against\"",
                                   "\"min-margin\"",
                                   "{\"kind\":\"min-margin\",\"target\":\"mean\"}"};

enum { WAYS = sizeof ways / sizeof *ways };

Test(crowd, all_rows_are_among_the_ways)
{
	for (const struct row *const *r = family_attacks.rows; *r; r++) {
		char name[64];
		bool found = !crowd_attack_of((const struct attack *)*r);
		snprintf(name, sizeof name, "\"%s\"", (*r)->name);
		for (size_t i = 0; i < WAYS; i++)
			found = found || strstr(ways[i], name);
		cr_expect(found, "%s", (*r)->name);
	}
}

/* Nobody honest is counted: nobody to learn from, and no harm. */
Test(crowd, an_empty_crowd_ends_nothing)
{
	for (size_t w = 0; w < WAYS; w++) {
		struct crowd_scene s;
		float out[4];
		crowd_scene_open(&s, ways[w], scene_rows[0], 4, H, 1);
		s.view.h = 0;
		for (uint64_t step = 0; step < 3; step++) {
			memset(out, 0xff, sizeof out);
			scene_step(&s, step, out);
			for (size_t i = 0; i < 4; i++)
				cr_expect(isfinite(out[i]), "%s", ways[w]);
			cr_expect(out[0] == 0 || scene_attack(&s)->check, "%s", ways[w]);
		}
		crowd_scene_close(&s);
	}
}

/* Nor do honest vectors that are no numbers; the memory of `auto` stays sound. */
Test(crowd, vectors_that_are_not_finite_end_nothing)
{
	static const float bad[] = {NAN, INFINITY, -INFINITY};
	for (size_t w = 0; w < WAYS; w++)
		for (size_t b = 0; b < 3; b++) {
			struct crowd_scene s;
			float v[H][4], out[4];
			memcpy(v, scene_rows, sizeof v);
			v[1][2] = bad[b];
			crowd_scene_open(&s, ways[w], v[0], 4, H, 2);
			scene_step(&s, 0, out);
			v[1][2] = 1;
			scene_step(&s, 1, out);
			for (size_t i = 0; i < 4; i++)
				cr_expect(isfinite(out[i]), "%s", ways[w]);
			for (size_t i = 0; s.memory && i < 9; i++)
				cr_expect(isfinite(s.memory[i]), "%s", ways[w]);
			crowd_scene_close(&s);
		}
}

/* How lanes share the coordinates does not show, and a range leaves the rest as it is. */
Test(crowd, ranges_do_not_show)
{
	static const size_t sizes[] = {64, 1024, CROWD_CHUNK, LONG};
	static float v[H * LONG], whole[LONG], parts[LONG];
	scene_fill(v, H * LONG, 0);
	for (size_t w = 0; w < WAYS; w++) {
		struct crowd_scene s;
		crowd_scene_open(&s, ways[w], v, LONG, H, 1);
		int who = scene_attack(&s)->each ? 0 : -1;
		scene_plan(&s);
		scene_forge(&s, who, 0, LONG, whole);
		for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
			memset(parts, 0xff, sizeof parts);
			for (size_t end = LONG, begin; end > 0; end = begin) {
				begin = (end - 1) / sizes[k] * sizes[k];
				scene_forge(&s, who, begin, end, parts);
				cr_expect(begin == 0 || isnan(parts[begin - 1]), "%s", ways[w]);
			}
			cr_expect_eq(memcmp(whole, parts, sizeof whole), 0, "%s by %zu", ways[w], sizes[k]);
		}
		crowd_scene_close(&s);
	}
}

/* Two steps of all colluders, with their own vectors or without. */
static void two_steps(const char *json, const float *v, size_t n, bool poisoned, float *out)
{
	struct crowd_scene s;
	float *poison = mem_array(n, sizeof *poison);
	memset(poison, 0xff, n * sizeof *poison);
	crowd_scene_open(&s, json, v, n, H, 2);
	for (int i = 0; i < 2 && poisoned; i++)
		s.own[i] = poison;
	scene_step(&s, 0, out);
	scene_step(&s, 1, out);
	crowd_scene_close(&s);
	mem_free(poison);
}

/* None needs to know what the colluders would have sent: they need no data of their own. */
Test(crowd, nothing_is_made_of_the_colluders_own_vectors)
{
	static float v[H * LONG], sound[LONG], poisoned[LONG];
	scene_fill(v, H * LONG, 1);
	for (size_t w = 0; w < WAYS; w++) {
		two_steps(ways[w], v, LONG, false, sound);
		two_steps(ways[w], v, LONG, true, poisoned);
		cr_expect_eq(memcmp(sound, poisoned, sizeof sound), 0, "%s", ways[w]);
	}
}

/* Blind rows have no crowd: forge() of theirs is of another type, which has one vector. */
Test(crowd, the_blind_have_no_crowd)
{
	for (const struct row *const *r = family_attacks.rows; *r; r++) {
		const struct attack *a = (const struct attack *)*r;
		cr_expect_eq(crowd_attack_of(a) != NULL, a->sees == ATTACK_CROWD, "%s", (*r)->name);
		cr_expect(!a->forge || a->sees == ATTACK_OWN, "%s", (*r)->name);
		const struct crowd_attack *crowd = crowd_attack_of(a);
		cr_expect(!crowd || !crowd->memory_floats == !crowd->remember, "%s", (*r)->name);
		cr_expect(!crowd || !crowd->each || !crowd->remember, "%s: none is forged before it",
		          (*r)->name);
	}
}

Test(crowd, settings_out_of_bounds_are_refused)
{
	static const char *const wrong[] = {"{\"kind\":\"ipm\",\"tau\":0}",
	                                    "{\"kind\":\"ipm\",\"tau\":-1}",
	                                    "{\"kind\":\"ipm\",\"tau\":1e31}",
	                                    "{\"kind\":\"ipm\",\"epsilon\":1}",
	                                    "{\"kind\":\"alie\",\"z\":0}",
	                                    "{\"kind\":\"alie\",\"z\":\"none\"}",
	                                    "{\"kind\":\"alie\",\"as\":\"plus\"}",
	                                    "{\"kind\":\"opt-ipm\",\"evals\":0}",
	                                    "{\"kind\":\"opt-ipm\",\"start\":-1}",
	                                    "{\"kind\":\"opt-ipm\",\"delta\":0}",
	                                    "{\"kind\":\"opt-alie\",\"ratio\":1}",
	                                    "{\"kind\":\"mimic\",\"target\":-1}",
	                                    "{\"kind\":\"mimic\",\"warmup\":0}",
	                                    "{\"kind\":\"min-max\",\"direction\":\"mean\"}",
	                                    "{\"kind\":\"fang\",\"b\":1}",
	                                    "{\"kind\":\"fang\",\"rule\":\"median\"}",
	                                    "{\"kind\":\"min-margin\",\"target\":\"sign\"}"};
	json_help_family_refuses(&family_attacks, wrong, sizeof wrong / sizeof *wrong);
}
