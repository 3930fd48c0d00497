/* An attack that sees the crowd, by its JSON, and vectors for it to see. */
#ifndef SIGNSGD_TESTS_SUPPORT_CROWD_SCENE_H
#define SIGNSGD_TESTS_SUPPORT_CROWD_SCENE_H

#include "config/key.h"
#include "tests/support/crowd_help.h"

/* The rows of RULES: rows 0 to 3 of X5 in tests/golden/rules.json. */
enum { SCENE_ROWS = 4 };
extern const float scene_rows[SCENE_ROWS][4];

struct crowd_scene {
	struct arena arena;
	struct backend be;
	struct choice choice;
	struct crowd_view view;
	struct crowd_help help;
	const float *honest[CROWD_HELP_MOST], *own[CROWD_HELP_MOST];
	float *memory;
};

/*
 * vectors [h][n], f colluders, who own copies of the first vector. Messages are the signs of the vectors,
 * zeros positive. `json`: an attack as in an experiment.
 */
void crowd_scene_open(struct crowd_scene *s, const char *json, const float *vectors, size_t n, int h, int f);
void crowd_scene_close(struct crowd_scene *s);
const struct crowd_attack *scene_attack(const struct crowd_scene *s);

/* Measure and plan; coordinates [begin, end) of colluder i, -1 for all; a whole step, memory included. */
void scene_plan(struct crowd_scene *s);
void scene_forge(struct crowd_scene *s, int colluder, size_t begin, size_t end, float *out);
void scene_step(struct crowd_scene *s, uint64_t step, float *out);

/* Uniform in [-0.5, 0.5), another for each salt. */
void scene_fill(float *v, size_t count, uint64_t salt);

#endif
