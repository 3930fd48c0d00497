/*
 * Aggregator `mean`: of floats, distributed SGD; of signs, a control for the vote's own sign.
 *
 * Sums run over the workers in their order, coordinate by coordinate, so that any cut into ranges gives the
 * same bits.
 */
#include "aggregator/aggregator.h"

/* Coordinates that a combine works on at a time: what stays in the nearest cache. */
enum { MEAN_BLOCK = 2048 };

/* The sum of the messages' coordinates [at, at + n). */
static void add_floats(const struct step_job *job, int count, const void *const *pushes, size_t at, size_t n,
                       float *sum)
{
	const struct backend *be = job->be;
	be->memory->copy(job->queue, sum, (const float *)pushes[0] + at, n * sizeof *sum);
	for (int m = 1; m < count; m++)
		be->add(job->queue, n, (const float *)pushes[m] + at, sum);
}

static void add_signs(const struct step_job *job, int count, const void *const *pushes, size_t at, size_t n,
                      float *sum)
{
	const struct backend *be = job->be;
	bool abstains = job->push.abstains;
	be->sign_unpack(job->queue, n, sign_message_vote(pushes[0], at),
	                sign_message_abstain(pushes[0], job->n, abstains, at), sum);
	for (int m = 1; m < count; m++) /* a step of rate -1 adds the signs */
		be->sign_apply(job->queue, n, sign_message_vote(pushes[m], at),
		               sign_message_abstain(pushes[m], job->n, abstains, at), -1, 0, sum);
}

/* A step of the rate -scale along the signs adds what a message says. */
static void add_scaled(const struct step_job *job, int count, const void *const *pushes, size_t at, size_t n,
                       float *sum)
{
	const struct backend *be = job->be;
	be->memory->fill(job->queue, sum, 0, n * sizeof *sum);
	for (int m = 0; m < count; m++)
		be->sign_apply(job->queue, n, sign_message_vote(pushes[m], at), NULL,
		               -message_scale(job, pushes[m]), 0, sum);
}

typedef void add_fn(const struct step_job *job, int count, const void *const *pushes, size_t at, size_t n,
                    float *sum);

static add_fn *const adds[] = {
        [MESSAGE_FLOATS] = add_floats, [MESSAGE_SIGNS] = add_signs, [MESSAGE_SCALED] = add_scaled};

static void mean_combine(const struct step_job *job, int count, const void *const *pushes, size_t begin,
                         size_t end, void *pull)
{
	float share = (float)(1.0 / count);
	for (size_t at = begin; at < end; at += MEAN_BLOCK) {
		size_t n = end - at < MEAN_BLOCK ? end - at : MEAN_BLOCK;
		float *sum = (float *)pull + at;
		adds[job->push.kind](job, count, pushes, at, n, sum);
		job->be->scale(job->queue, n, share, sum, sum);
	}
}

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
                        "the code published with Bernstein et al. 2019 does as Signum without compression"},
        .compressor = "none",
        .takes = TAKES_VECTORS | TAKES_SIGNS,
        .answers = MESSAGE_FLOATS,
        .separable = true,
        .float_mean = true,
        .combine = mean_combine,
};
