/* How far colluders get from the honest mean: see crowd_reach.h. */
#include "adversary/crowd_reach.h"
#include <math.h>

enum direction { REACH_UNIT, REACH_STD, REACH_SIGN }; /* order of direction_names */

static const char *const direction_names[] = {"unit", "std", "sign", NULL};

size_t crowd_reach_sums(int h, bool pairs)
{
	size_t n = (size_t)h;
	return 1 + 2 * n + (pairs && n > 0 ? n * (n - 1) / 2 : 0);
}

struct crowd_reached crowd_reached(const double *sums, int h)
{
	return (struct crowd_reached){sums[0], sums + 1, sums + 1 + h, sums + 1 + 2 * h};
}

/* A chunk of q; mu is given. */
static void opposite(const struct crowd_reach *s, const struct crowd_view *view, size_t at, size_t count,
                     const double *mean, double *q)
{
	if (s->direction == REACH_STD)
		crowd_deviation(view, at, count, false, mean, q);
	for (size_t i = 0; s->direction != REACH_STD && i < count; i++)
		q[i] = s->direction == REACH_UNIT ? mean[i] : (mean[i] > 0) - (mean[i] < 0);
}

/* a = b - a */
static void subtract_from(size_t count, const double *b, double *a)
{
	for (size_t i = 0; i < count; i++)
		a[i] = b[i] - a[i];
}

static void measure_pairs(const struct crowd_view *view, size_t at, size_t count, double *sums)
{
	double x[CROWD_CHUNK], y[CROWD_CHUNK];
	for (int i = 0; i < view->h; i++) {
		crowd_read(view, i, at, count, x);
		for (int k = i + 1; k < view->h; k++) {
			crowd_read(view, k, at, count, y);
			subtract_from(count, x, y);
			*sums++ += crowd_dot(count, y, y);
		}
	}
}

static void measure_chunk(const struct crowd_reach *s, const struct crowd_view *view, size_t at, size_t count,
                          double *sums)
{
	double mean[CROWD_CHUNK], q[CROWD_CHUNK], x[CROWD_CHUNK];
	crowd_mean(view, at, count, mean);
	opposite(s, view, at, count, mean, q);
	sums[0] += crowd_dot(count, q, q);
	for (int i = 0; i < view->h; i++) {
		crowd_read(view, i, at, count, x);
		subtract_from(count, mean, x);
		sums[1 + i] += crowd_dot(count, x, x);
		sums[1 + view->h + i] += crowd_dot(count, q, x);
	}
}

void crowd_reach_measure(const struct crowd_reach *s, const struct crowd_view *view, size_t begin, size_t end,
                         bool pairs, double *sums)
{
	for (size_t at = begin, count; at < end; at += count) {
		count = end - at < CROWD_CHUNK ? end - at : CROWD_CHUNK;
		measure_chunk(s, view, at, count, sums);
		if (pairs)
			measure_pairs(view, at, count, sums + 1 + 2 * view->h);
	}
}

void crowd_reach_plan(double gamma, double *numbers)
{
	numbers[0] = isfinite(gamma) ? gamma : 0;
}

void crowd_reach_forge(const struct crowd_reach *s, const struct crowd_view *view, size_t begin, size_t end,
                       float *out)
{
	double gamma = view->numbers[0];
	struct crowd_mix mix = {.mean = s->direction == REACH_UNIT ? 1 - gamma : 1,
	                        .deviation = s->direction == REACH_STD ? -gamma : 0,
	                        .sign = s->direction == REACH_SIGN ? -gamma : 0};
	crowd_mix(view, &mix, begin, end, out);
}

const struct key crowd_reach_keys[] = {
        {.name = "direction",
         .also = "dev_type, deviation, perturbation",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct crowd_reach, direction),
         .default_json = "\"unit\"",
         .choices = direction_names,
         .help = "p: unit, the reversed mean at length 1; std, the reversed standard deviation; sign, the "
                 "reversed signs of the mean"},
        {0},
};
