/* Attacks that see the crowd, each against its formula. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "adversary/crowd.h"
#include "registry.h"
#include "tests/support/json_help.h"

enum { H = 4, LONG = 2 * CROWD_CHUNK + 130 };

/* Small vectors by hand, as in the tests of rules. */
static const float rows[H][4] = {{0.25F, -0.5F, -2.5F, 0.25F},
                                 {2.5F, 0, 1.5F, 1.75F},
                                 {-2.5F, -0.5F, -2.75F, 2.25F},
                                 {-3, 2, -2, 2.75F}};

struct crowd_scene {
	struct arena arena;
	struct backend be;
	struct choice choice;
	struct crowd_view view;
	const float *honest[H], *own[1];
};

static void scene_open(struct crowd_scene *s, const char *json, const float *vectors, size_t n)
{
	struct err e = {0};
	*s = (struct crowd_scene){0};
	const struct backend_row *ref = (const struct backend_row *)family_find(&family_backends, "ref");
	cr_assert_eq(ref->open(&s->be, &e), 0, "%s", e.text);
	cr_assert_eq(choice_parse(&family_attacks, &s->choice, NULL, json, &s->arena, &e), 0, "%s", e.text);
	for (size_t k = 0; k < H; k++)
		s->honest[k] = vectors + k * n;
	s->own[0] = vectors;
	s->view =
	        (struct crowd_view){.be = &s->be, .n = n, .h = H, .f = 1, .honest = s->honest, .own = s->own};
}

static void scene_forge(struct crowd_scene *s, size_t begin, size_t end, float *out)
{
	const struct crowd_attack *a = crowd_attack_of((const struct attack *)s->choice.row);
	cr_assert_not_null(a);
	a->forge(s->choice.state, &s->view, begin, end, out);
}

static void expect(const char *json, const float want[4])
{
	struct crowd_scene s;
	float out[4];
	scene_open(&s, json, rows[0], 4);
	scene_forge(&s, 0, 4, out);
	for (size_t i = 0; i < 4; i++)
		cr_expect_eq(out[i], want[i], "%s, coordinate %zu: %.9g, not %.9g", json, i, (double)out[i],
		             (double)want[i]);
	arena_clear(&s.arena);
}

Test(crowd, ipm_is_minus_tau_times_the_honest_mean)
{
	expect("{\"kind\":\"ipm\",\"tau\":2}", (const float[]){1.375F, -0.5F, 2.875F, -3.5F});
	expect("{\"kind\":\"ipm\",\"tau\":1}", (const float[]){0.6875F, -0.25F, 1.4375F, -1.75F});
	expect("\"ipm\"", (const float[]){(float)(0.1 * 0.6875), (float)(0.1 * -0.25), (float)(0.1 * 1.4375),
	                                  (float)(0.1 * -1.75)});
}

/* {"kind": "ipm", ...} of a golden case of "attack ipm"; false: it is no case of an attack that is there. */
static bool case_attack(const struct json *c, struct buf *b)
{
	static const char prefix[] = "attack ";
	const char *rule = json_member(c, "rule")->string, *name = rule + sizeof prefix - 1;
	if (strncmp(rule, prefix, sizeof prefix - 1) != 0 || !family_find(&family_attacks, name))
		return false;
	cr_assert_str_eq(json_member(c, "input")->string, "X5 rows 0-3");
	buf_format(b, "{\"kind\":\"%s\"", name);
	for (const struct json *k = json_member(c, "keys")->child; k; k = k->next) {
		buf_format(b, ",\"%s\":", k->key);
		json_write(b, k);
	}
	buf_add(b, "}");
	return true;
}

/* The cases of tests/golden/rules.json; those of ipm were compared with ByzFL 0.0.11. */
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
			expect(b.text, want);
			ran++;
		}
		buf_clear(&b);
	}
	cr_expect_eq(ran, 3, "%d cases", ran);
}

/* In floats the ones would be lost beside the large number. */
Test(crowd, ipm_sums_in_double)
{
	static const float v[H] = {1e9F, 1, 1, -1e9F};
	struct crowd_scene s;
	float out;
	scene_open(&s, "{\"kind\":\"ipm\",\"tau\":2}", v, 1);
	scene_forge(&s, 0, 1, &out);
	cr_expect_eq(out, -1);
	arena_clear(&s.arena);
}

/* Nobody honest is counted: there is nothing to reverse. */
Test(crowd, ipm_of_an_empty_crowd_is_zero)
{
	struct crowd_scene s;
	float out[4] = {7, 7, 7, 7};
	scene_open(&s, "\"ipm\"", rows[0], 4);
	s.view.h = 0;
	scene_forge(&s, 0, 4, out);
	for (size_t i = 0; i < 4; i++)
		cr_expect_eq(out[i], 0);
	arena_clear(&s.arena);
}

/* How lanes share the coordinates does not show, and a range leaves the rest as it is. */
Test(crowd, ranges_do_not_show)
{
	static const size_t sizes[] = {64, 1024, CROWD_CHUNK, LONG};
	static float v[H * LONG], whole[LONG], parts[LONG];
	struct stream random = stream_of(3, RNG_TEST, 0, 0);
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		v[i] = stream_uniform(&random, i) - 0.5F;
	for (const struct row *const *r = family_attacks.rows; *r; r++) {
		struct crowd_scene s;
		char json[64];
		if (!crowd_attack_of((const struct attack *)*r))
			continue;
		snprintf(json, sizeof json, "\"%s\"", (*r)->name);
		scene_open(&s, json, v, LONG);
		scene_forge(&s, 0, LONG, whole);
		for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
			memset(parts, 0xff, sizeof parts);
			for (size_t end = LONG, begin; end > 0; end = begin) {
				begin = (end - 1) / sizes[k] * sizes[k];
				scene_forge(&s, begin, end, parts);
				cr_expect(begin == 0 || isnan(parts[begin - 1]), "%s", json);
			}
			cr_expect_eq(memcmp(whole, parts, sizeof whole), 0, "%s by %zu", json, sizes[k]);
		}
		arena_clear(&s.arena);
	}
}

Test(crowd, settings_out_of_bounds_are_refused)
{
	static const char *const wrong[] = {"{\"kind\":\"ipm\",\"tau\":0}", "{\"kind\":\"ipm\",\"tau\":-1}",
	                                    "{\"kind\":\"ipm\",\"tau\":1e31}",
	                                    "{\"kind\":\"ipm\",\"epsilon\":1}"};
	json_help_family_refuses(&family_attacks, wrong, sizeof wrong / sizeof *wrong);
}
