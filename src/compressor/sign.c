/* The sign layout: see compressor/sign.h. */
#include "compressor/sign.h"
#include <string.h>

void sign_message_encode(const struct step_job *job, enum sign_policy zero, uint32_t worker, const float *v,
                         size_t begin, size_t end, void *push)
{
	struct stream coins = stream_of(job->seed, RNG_ZERO, worker, job->step);
	uint64_t *vote = (uint64_t *)push + begin / 64;
	uint64_t *abstain = zero == SIGN_ABSTAIN ? vote + sign_words(job->n) : NULL;
	job->be->sign_pack(job->queue, end - begin, v + begin, zero, &coins, begin, vote, abstain);
}

void sign_message_signs(size_t n, enum sign_policy policy, const void *message, uint64_t *vote,
                        uint64_t *abstain)
{
	const uint64_t *silent = sign_message_abstain(message, n, policy, 0);
	memcpy(vote, sign_message_vote(message, 0), sign_plane_bytes(n));
	if (silent)
		memcpy(abstain, silent, sign_plane_bytes(n));
	else
		memset(abstain, 0, sign_plane_bytes(n));
}
