/*
 * Aggregator `mean`: of floats, distributed SGD; of signs, a control for the vote's own sign.
 *
 * Sums run over the workers in their order, coordinate by coordinate, so that any cut into ranges gives the
 * same bits.
 */
#include <math.h>
#include "aggregator/aggregator.h"

struct mean {
	double clip_scale; /* 0: none */
};

static double mean_clip_scale(const void *state)
{
	return ((const struct mean *)state)->clip_scale;
}

/* Coordinates that a combine works on at a time: what stays in the nearest cache. */
enum { MEAN_BLOCK = 2048 };

/* Floats are added many at a time, and written once. */
static void mean_of_floats(const struct step_job *job, int count, const void *const *pushes, size_t begin,
                           size_t end, float *pull)
{
	const float *x[VOTES_MOST];
	if (count > VOTES_MOST)
		BUG("more messages than a run has workers");
	for (int m = 0; m < count; m++)
		x[m] = (const float *)pushes[m] + begin;
	job->be->sum_scaled(job->queue, end - begin, count, x, (float)(1.0 / count), pull + begin);
}

static void mean_combine(const struct step_job *job, int count, const void *const *pushes, size_t begin,
                         size_t end, void *pull)
{
	float share = (float)(1.0 / count);
	if (job->push.kind == MESSAGE_FLOATS) {
		mean_of_floats(job, count, pushes, begin, end, pull);
		return;
	}
	for (size_t at = begin; at < end; at += MEAN_BLOCK) {
		size_t n = end - at < MEAN_BLOCK ? end - at : MEAN_BLOCK;
		float *sum = (float *)pull + at;
		message_sum(job, count, pushes, at, n, sum);
		job->be->scale(job->queue, n, share, sum, sum);
	}
}

static const struct key mean_keys[] = {
        {.name = "clip_scale",
         .also = "scale_clip, clip_scales, max_scale",
         .kind = KEY_REAL,
         .offset = offsetof(struct mean, clip_scale),
         .default_json = "null",
         .lowest = 0,
         .highest = INFINITY,
         .above = true,
         .help = "of messages that are signs and scales: the server clips each scale to so many times the "
                 "median of the scales that count, range by range; without it one worker may send any scale"},
        {0},
};

const struct aggregator aggregator_mean = {
        .row = {.name = "mean",
                .also = "average, avg, averaging, sgd, fedavg, fedsgd",
                .about = "mean of the workers' vectors: distributed SGD, with momentum at the workers",
                .formula =
                        "x <- x - lr ((1/M) sum over workers m of v_m + decay x): the mean, not the sum. The "
                        "momentum v = (1 - beta) g + beta v carries the factor (1 - beta), so that a "
                        "published rate r of heavy-ball momentum (u = g + beta u, x <- x - r u) is lr = r / "
                        "(1 - beta) here. Not robust: a NaN or an infinity of one worker reaches x. The "
                        "baseline of Bernstein et al. 2019, Figure 5. 32 bits a coordinate up and 32 down. "
                        "With compressor \"sign\" the mean of the signs, without the vote's last sign: what "
                        "the code published with Bernstein et al. 2019 does as Signum without compression",
                .keys = mean_keys,
                .state_bytes = sizeof(struct mean)},
        .compressor = "none",
        .takes = TAKES_VECTORS | TAKES_SIGNS,
        .answers = MESSAGE_FLOATS,
        .separable = true,
        .float_mean = true,
        .clip_scale = mean_clip_scale,
        .combine = mean_combine,
};
