/* What attacks that see the crowd share. */
#include "adversary/crowd.h"
#include <math.h>
#include <string.h>

enum { SUMS = 8 /* sums that run beside each other, for vectors; their order is part of the bits */ };

const struct crowd_attack *crowd_attack_of(const struct attack *a)
{
	return a->sees == ATTACK_CROWD ? (const struct crowd_attack *)a : NULL;
}

/* Where worker k's coordinates can be read; scratch [CROWD_CHUNK]. */
static const float *see(const struct crowd_view *view, int k, size_t begin, size_t count, float *scratch)
{
	return memory_see(view->be->memory, view->queue, view->honest[k] + begin, count * sizeof(float),
	                  scratch);
}

void crowd_read(const struct crowd_view *view, int k, size_t begin, size_t count, double *x)
{
	float scratch[CROWD_CHUNK];
	const float *v = see(view, k, begin, count, scratch);
	for (size_t i = 0; i < count; i++)
		x[i] = v[i];
}

void crowd_mean(const struct crowd_view *view, size_t begin, size_t count, double *mean)
{
	float scratch[CROWD_CHUNK];
	for (size_t i = 0; i < count; i++)
		mean[i] = 0;
	for (int k = 0; k < view->h; k++) {
		const float *v = see(view, k, begin, count, scratch);
		for (size_t i = 0; i < count; i++)
			mean[i] += v[i];
	}
	for (size_t i = 0; view->h > 0 && i < count; i++)
		mean[i] /= view->h;
}

void crowd_deviation(const struct crowd_view *view, size_t begin, size_t count, bool sample,
                     const double *mean, double *deviation)
{
	float scratch[CROWD_CHUNK];
	int over = view->h - sample;
	for (size_t i = 0; i < count; i++)
		deviation[i] = 0;
	for (int k = 0; over > 0 && k < view->h; k++) {
		const float *v = see(view, k, begin, count, scratch);
		for (size_t i = 0; i < count; i++)
			deviation[i] += (v[i] - mean[i]) * (v[i] - mean[i]);
	}
	for (size_t i = 0; over > 0 && i < count; i++)
		deviation[i] = sqrt(deviation[i] / over);
}

/* Worker k's word of 64 coordinates of a plane. */
static void add_word(uint64_t vote, uint64_t abstain, size_t count, int *votes)
{
	for (size_t i = 0; i < count; i++)
		votes[i] += (1 - 2 * (int)(vote >> i & 1)) * (int)(~abstain >> i & 1);
}

void crowd_votes(const struct crowd_view *view, size_t begin, size_t count, int *votes)
{
	uint64_t scratch[2][CROWD_CHUNK / 64];
	size_t bytes = sign_plane_bytes(count);
	memset(votes, 0, count * sizeof *votes);
	for (int k = 0; k < view->h; k++) {
		const uint64_t *vote =
		        memory_see(view->be->memory, view->queue, sign_message_vote(view->signs[k], begin),
		                   bytes, scratch[0]);
		const uint64_t *abstain =
		        view->abstains
		                ? memory_see(view->be->memory, view->queue,
		                             sign_message_abstain(view->signs[k], view->n, true, begin),
		                             bytes, scratch[1])
		                : NULL;
		for (size_t at = 0; at < count; at += 64)
			add_word(vote[at / 64], abstain ? abstain[at / 64] : 0,
			         count - at < 64 ? count - at : 64, votes + at);
	}
}

double crowd_dot(size_t count, const double *a, const double *b)
{
	double sum[SUMS] = {0};
	size_t i = 0;
	for (; i + SUMS <= count; i += SUMS)
		for (size_t k = 0; k < SUMS; k++)
			sum[k] += a[i + k] * b[i + k];
	for (size_t k = 0; i < count; i++, k++)
		sum[k] += a[i] * b[i];
	return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

void crowd_write(const struct crowd_view *view, const double *from, size_t begin, size_t count, float *out)
{
	float forged[CROWD_CHUNK];
	for (size_t i = 0; i < count; i++)
		forged[i] = (float)from[i];
	view->be->memory->upload(view->queue, out + begin, forged, count * sizeof *forged);
}

static void add_deviation(const struct crowd_view *view, const struct crowd_mix *mix, size_t at, size_t count,
                          const double *mean, double *sum)
{
	double deviation[CROWD_CHUNK];
	crowd_deviation(view, at, count, mix->sample, mean, deviation);
	for (size_t i = 0; i < count; i++)
		sum[i] += mix->deviation * deviation[i];
}

void crowd_mix(const struct crowd_view *view, const struct crowd_mix *mix, size_t begin, size_t end,
               float *out)
{
	for (size_t at = begin, count; at < end; at += count) {
		double mean[CROWD_CHUNK], sum[CROWD_CHUNK] = {0};
		count = end - at < CROWD_CHUNK ? end - at : CROWD_CHUNK;
		crowd_mean(view, at, count, mean);
		for (size_t i = 0; mix->mean != 0 && i < count; i++)
			sum[i] = mix->mean * mean[i];
		if (mix->deviation != 0)
			add_deviation(view, mix, at, count, mean, sum);
		for (size_t i = 0; mix->sign != 0 && i < count; i++)
			sum[i] += mix->sign * ((mean[i] > 0) - (mean[i] < 0));
		crowd_write(view, sum, at, count, out);
	}
}
