/* The sign layout: see compressor/sign.h. */
#include "compressor/sign.h"

void sign_message_encode(const struct step_job *job, enum sign_policy zero, uint32_t worker, const float *v,
                         size_t begin, size_t end, void *push)
{
	struct stream coins = stream_of(job->seed, RNG_ZERO, worker, job->step);
	uint64_t *vote = (uint64_t *)push + begin / 64;
	uint64_t *abstain = zero == SIGN_ABSTAIN ? vote + sign_words(job->n) : NULL;
	job->be->sign_pack(job->queue, end - begin, v + begin, zero, &coins, begin, vote, abstain);
}

void sign_message_signs(const struct step_job *job, enum sign_policy policy, const void *message,
                        uint64_t *vote, uint64_t *abstain)
{
	const struct memory *m = job->be->memory;
	const uint64_t *silent = sign_message_abstain(message, job->n, policy, 0);
	size_t bytes = sign_plane_bytes(job->n);
	m->copy(job->queue, vote, sign_message_vote(message, 0), bytes);
	if (silent)
		m->copy(job->queue, abstain, silent, bytes);
	else
		m->fill(job->queue, abstain, 0, bytes);
}
