/* What attacks that see the crowd share. */
#include "adversary/crowd.h"

const struct crowd_attack *crowd_attack_of(const struct attack *a)
{
	return a->sees == ATTACK_CROWD ? (const struct crowd_attack *)a : NULL;
}

void crowd_mean(const struct crowd_view *view, size_t begin, size_t count, double *mean)
{
	float scratch[CROWD_CHUNK];
	for (size_t i = 0; i < count; i++)
		mean[i] = 0;
	for (int k = 0; k < view->h; k++) {
		const float *v = memory_see(view->be->memory, view->queue, view->honest[k] + begin,
		                            count * sizeof *v, scratch);
		for (size_t i = 0; i < count; i++)
			mean[i] += v[i];
	}
	for (size_t i = 0; view->h > 0 && i < count; i++)
		mean[i] /= view->h;
}
