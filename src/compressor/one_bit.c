/*
 * Compressor `one-bit`: the mean of what is not negative, the mean of what is, and a bit for each coordinate;
 * with error feedback.
 */
#include "compressor/scaled.h"

/* Sums in double, in order of the coordinates, on the host: the same on every machine. */
static void write_means(const struct step_job *job, const float *t, void *push)
{
	const struct layers *scope = job->push.scope;
	for (size_t i = 0; i < layers_count(scope); i++) {
		struct layer_range r = layers_at(scope, job->n, i);
		double sum[2] = {0, 0};
		size_t count[2] = {0, 0};
		for (size_t k = r.begin; k < r.end; k++) {
			sum[t[k] < 0] += (double)t[k];
			count[t[k] < 0]++;
		}
		for (size_t k = 0; k < 2; k++)
			message_set_scale(job, &job->push, push, 2 * i + k,
			                  count[k] > 0 ? (float)(sum[k] / (double)count[k]) : 0);
	}
}

/* The memory e becomes t = e + v, a step of the rate -1, and then t less what the message says. */
static void one_bit_encode(const struct step_job *job, uint32_t worker, const float *v, size_t begin,
                           size_t end, float *memory, void *push)
{
	(void)worker, (void)begin, (void)end; /* one piece: 0..n */
	job->be->descend(job->queue, job->n, v, -1, 0, memory);
	write_means(job, memory_see(job->be->memory, job->queue, memory, job->n * sizeof *memory, job->seen),
	            push);
	job->be->sign_pack(job->queue, job->n, memory, SIGN_POSITIVE, NULL, 0, push, NULL);
	scaled_subtract(job, push, memory);
}

static const struct key one_bit_keys[] = {
        {SCALED_SCOPE, .offset = offsetof(struct scaled_keys, scope), .default_json = "\"layer\""},
        SCALED_TWO_WAY,
        {0},
};

const struct compressor compressor_one_bit = {
        .row = {.name = "one-bit",
                .also = "one_bit_sgd, 1bit_sgd, onebit_sgd, cntk_1bit",
                .about = "a bit a coordinate for two means, of what is negative and of the rest; what they "
                         "do not say is remembered",
                .formula = "t = v_m + e_m; D_m = the mean of all t >= 0 where t >= 0, the mean of all t < 0 "
                           "elsewhere, of each range of `scope`; e_m <- t - D_m, e_m = 0 at first. Seide et "
                           "al. 2014. Up: 8 ceil(n / 64) + 8 r bytes, r ranges. n floats of memory a worker. "
                           "The rate is not inside: after a step of the schedule what is remembered is said "
                           "at the new one",
                .keys = one_bit_keys,
                .state_bytes = sizeof(struct scaled_keys)},
        .aggregator = "mean",
        .says = MESSAGE_SCALED,
        .scales = 2,
        .seen = 1,
        .by_layer = scaled_by_layer,
        .two_way = scaled_two_way,
        .memory_floats = scaled_memory_floats,
        .encode = one_bit_encode,
};
