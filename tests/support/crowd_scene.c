/* Scenes for attacks that see the crowd: see crowd_scene.h. */
#include "tests/support/crowd_scene.h"
#include <criterion/criterion.h>
#include "registry.h"

const float scene_rows[SCENE_ROWS][4] = {{0.25F, -0.5F, -2.5F, 0.25F},
                                         {2.5F, 0, 1.5F, 1.75F},
                                         {-2.5F, -0.5F, -2.75F, 2.25F},
                                         {-3, 2, -2, 2.75F}};

const struct crowd_attack *scene_attack(const struct crowd_scene *s)
{
	return crowd_attack_of((const struct attack *)s->choice.row);
}

void crowd_scene_open(struct crowd_scene *s, const char *json, const float *vectors, size_t n, int h, int f)
{
	struct err e = {0};
	*s = (struct crowd_scene){0};
	const struct backend_row *ref = (const struct backend_row *)family_find(&family_backends, "ref");
	cr_assert_eq(ref->open(&s->be, NULL, &e), 0, "%s", e.text);
	cr_assert_eq(choice_parse(&family_attacks, &s->choice, NULL, json, &s->arena, &e), 0, "%s", e.text);
	const struct crowd_attack *a = scene_attack(s);
	cr_assert_not_null(a, "%s", json);
	for (int k = 0; k < h; k++)
		s->honest[k] = vectors + (size_t)k * n;
	for (int k = 0; k < f; k++)
		s->own[k] = vectors;
	if (a->memory_floats)
		s->memory = mem_array(a->memory_floats(s->choice.state, n), sizeof *s->memory);
	s->view = (struct crowd_view){.be = &s->be,
	                              .n = n,
	                              .workers = h + f,
	                              .byzantine = f,
	                              .h = h,
	                              .f = f,
	                              .honest = s->honest,
	                              .own = s->own,
	                              .memory = s->memory,
	                              .numbers = s->help.numbers,
	                              .ask = crowd_help_ask,
	                              .colluder = -1};
	crowd_help_signs(&s->help, &s->view);
}

void crowd_scene_close(struct crowd_scene *s)
{
	crowd_help_clear(&s->help);
	mem_free(s->memory);
	arena_clear(&s->arena);
}

void scene_plan(struct crowd_scene *s)
{
	crowd_help_plan(&s->help, scene_attack(s), s->choice.state, &s->view);
}

void scene_forge(struct crowd_scene *s, int colluder, size_t begin, size_t end, float *out)
{
	struct crowd_view view = s->view;
	view.colluder = colluder;
	if (colluder >= 0)
		view.stream = stream_of(5, RNG_ATTACK, (uint32_t)colluder, view.step);
	scene_attack(s)->forge(s->choice.state, &view, begin, end, out);
}

void scene_step(struct crowd_scene *s, uint64_t step, float *out)
{
	s->view.step = step;
	s->view.stream = stream_of(5, RNG_COLLUDERS, 0, step);
	crowd_help_step(&s->help, scene_attack(s), s->choice.state, &s->view, s->memory, out);
}

void scene_fill(float *v, size_t count, uint64_t salt)
{
	struct stream random = stream_of(3, RNG_TEST, 0, salt);
	for (size_t i = 0; i < count; i++)
		v[i] = stream_uniform(&random, i) - 0.5F;
}
