/* The sign layout: see compressor/sign.h. */
#include "compressor/sign.h"

/* Where a message's planes begin at a coordinate, and the coins of its zeros. */
struct place {
	struct stream coins;
	uint64_t *vote, *abstain; /* abstain: NULL where the message has none */
};

static struct place place_of(const struct step_job *job, enum sign_policy zero, uint32_t worker, size_t begin,
                             void *push)
{
	uint64_t *vote = (uint64_t *)push + begin / 64;
	return (struct place){.coins = stream_of(job->seed, RNG_ZERO, worker, job->step),
	                      .vote = vote,
	                      .abstain = zero == SIGN_ABSTAIN ? vote + sign_words(job->n) : NULL};
}

void sign_message_encode(const struct step_job *job, enum sign_policy zero, uint32_t worker, const float *v,
                         size_t begin, size_t end, void *push)
{
	struct place at = place_of(job, zero, worker, begin, push);
	job->be->sign_pack(job->queue, end - begin, v + begin, zero, &at.coins, begin, at.vote, at.abstain);
}

void sign_message_encode_momentum(const struct step_job *job, enum sign_policy zero, uint32_t worker,
                                  float beta, const float *g, float *v, size_t begin, size_t end, void *push)
{
	struct place at = place_of(job, zero, worker, begin, push);
	job->be->momentum_pack(job->queue, end - begin, beta, g + begin, v + begin, zero, &at.coins, begin,
	                       at.vote, at.abstain);
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
