/* A step of an attack that sees the crowd: see crowd_help.h. */
#include "tests/support/crowd_help.h"
#include <string.h>
#include "base/mem.h"

static void add_blocks(const struct crowd_attack *a, const void *state, const struct crowd_view *view,
                       int round, size_t count, double *totals)
{
	double *sums = mem_array(count, sizeof *sums);
	for (size_t begin = 0; begin < view->n; begin += CROWD_BLOCK) {
		size_t end = begin + CROWD_BLOCK < view->n ? begin + CROWD_BLOCK : view->n;
		memset(sums, 0, count * sizeof *sums);
		a->measure(state, view, round, begin, end, sums);
		for (size_t i = 0; i < count; i++)
			totals[i] += sums[i];
	}
	mem_free(sums);
}

void crowd_help_plan(struct crowd_help *c, const struct crowd_attack *a, const void *state,
                     struct crowd_view *view)
{
	memset(c->numbers, 0, sizeof c->numbers);
	view->numbers = c->numbers;
	for (int round = 0; round < a->rounds; round++) {
		size_t count = a->sums ? a->sums(state, round, view->h) : 0;
		double *totals = mem_array(count, sizeof *totals);
		if (count > 0)
			add_blocks(a, state, view, round, count, totals);
		a->plan(state, view, round, totals, c->numbers);
		mem_free(totals);
	}
}

void crowd_help_signs(struct crowd_help *c, struct crowd_view *view)
{
	for (int k = 0; k < view->h; k++) {
		uint64_t *plane = mem_array(sign_words(view->n), sizeof *plane);
		view->be->sign_pack(NULL, view->n, view->honest[k], SIGN_POSITIVE, NULL, 0, plane, NULL);
		c->signs[k] = plane;
	}
	view->signs = c->signs;
}

void crowd_help_clear(struct crowd_help *c)
{
	for (int k = 0; k < CROWD_HELP_MOST; k++)
		mem_free((void *)(uintptr_t)c->signs[k]);
	*c = (struct crowd_help){0};
}

void crowd_help_step(struct crowd_help *c, const struct crowd_attack *a, const void *state,
                     struct crowd_view *view, float *memory, float *out)
{
	crowd_help_plan(c, a, state, view);
	view->colluder = a->each ? 0 : -1;
	a->forge(state, view, 0, view->n, out);
	if (a->remember)
		a->remember(state, view, 0, view->n, memory);
}

void crowd_help_ask(void *asked, const double *numbers, struct crowd_answer *answer)
{
	(void)asked;
	*answer = (struct crowd_answer){.distance = numbers[0], .chosen = numbers[0] < 0.1};
}

void crowd_help_alone(const struct backend *be, const struct crowd_attack *a, const void *state,
                      const float *v, size_t n, uint64_t step, float *memory, float *out)
{
	const float *const vectors[] = {v};
	struct crowd_help help = {0};
	struct crowd_view view = {.be = be,
	                          .n = n,
	                          .step = step,
	                          .workers = 5,
	                          .byzantine = 2,
	                          .h = 1,
	                          .f = 1,
	                          .honest = vectors,
	                          .own = vectors,
	                          .memory = memory,
	                          .ask = crowd_help_ask,
	                          .stream = stream_of(4711, RNG_COLLUDERS, 0, step)};
	crowd_help_signs(&help, &view);
	crowd_help_step(&help, a, state, &view, memory, out);
	crowd_help_clear(&help);
}
