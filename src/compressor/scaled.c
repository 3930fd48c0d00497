/* Signs and scales: see compressor/scaled.h. */
#include "compressor/scaled.h"

bool scaled_by_layer(const void *state)
{
	return ((const struct scaled_keys *)state)->scope == SCOPE_LAYER;
}

bool scaled_two_way(const void *state)
{
	return ((const struct scaled_keys *)state)->two_way;
}

size_t scaled_memory_floats(const void *state, size_t n)
{
	(void)state;
	return n;
}

void scaled_write_means(const struct step_job *job, const float *v, void *push)
{
	const struct message *m = &job->push;
	double *sum = push; /* until the vote plane is written there */
	for (size_t i = 0; i < layers_count(m->scope); i++) {
		struct layer_range r = layers_at(m->scope, job->n, i);
		job->be->sum_abs(job->queue, r.end - r.begin, v + r.begin, sum);
		double all = memory_number(job->be->memory, job->queue, sum);
		message_set_scale(job, m, push, i, (float)(all / (double)(r.end - r.begin)));
	}
}

void scaled_subtract(const struct step_job *job, const void *push, float *v)
{
	message_add_scaled(job, &job->push, push, NULL, -1, 0, job->n, v);
}
