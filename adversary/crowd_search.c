/* The search for a factor: see crowd_search.h. */
#include "adversary/crowd_search.h"
#include <math.h>

struct searching {
	const struct crowd_view *view;
	double *numbers;
	double t, best; /* so far */
};

/* Is the answer to the factor better than all before? Then it is kept. */
static bool try_factor(struct searching *s, double t)
{
	struct crowd_answer answer;
	s->numbers[0] = t;
	s->view->ask(s->view->asked, s->numbers, &answer);
	if (!(answer.distance > s->best))
		return false;
	s->best = answer.distance;
	s->t = t;
	return true;
}

void crowd_search(const struct crowd_search *s, const struct crowd_view *view, double *numbers)
{
	struct searching at = {view, numbers, s->start, -INFINITY};
	double delta = s->delta;
	bool expands = true;
	try_factor(&at, s->start);
	for (int64_t left = s->evals - 1; left > 0; left--) {
		bool better = try_factor(&at, at.t + delta);
		expands = expands && better;
		delta *= expands ? 2 : s->ratio;
	}
	numbers[0] = at.t;
}

bool crowd_search_asks(const void *state)
{
	(void)state;
	return true;
}
