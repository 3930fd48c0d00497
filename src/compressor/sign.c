/* Compressor `sign`: the signs of the vector, one bit a coordinate, two if workers may abstain. */
#include "compressor/compressor.h"

struct sign {
	int zero; /* enum sign_policy */
};

static enum sign_policy zero_of(const void *state)
{
	return (enum sign_policy)((const struct sign *)state)->zero;
}

static bool sign_abstains(const void *state)
{
	return zero_of(state) == SIGN_ABSTAIN;
}

/* Where a message's planes begin at a coordinate, and the coins of its zeros. */
struct place {
	struct stream coins;
	uint64_t *vote, *abstain; /* abstain: NULL where the message has none */
};

static struct place place_of(const struct step_job *job, uint32_t worker, size_t begin, void *push)
{
	uint64_t *vote = (uint64_t *)push + begin / 64;
	return (struct place){.coins = stream_of(job->seed, RNG_ZERO, worker, job->step),
	                      .vote = vote,
	                      .abstain = sign_abstains(job->state) ? vote + sign_words(job->n) : NULL};
}

static void sign_encode(const struct step_job *job, uint32_t worker, const float *v, size_t begin, size_t end,
                        float *memory, void *push)
{
	(void)memory;
	struct place at = place_of(job, worker, begin, push);
	job->be->sign_pack(job->queue, end - begin, v + begin, zero_of(job->state), &at.coins, begin, at.vote,
	                   at.abstain);
}

static void sign_encode_momentum(const struct step_job *job, uint32_t worker, float beta, const float *g,
                                 float *v, size_t begin, size_t end, void *push)
{
	struct place at = place_of(job, worker, begin, push);
	job->be->momentum_pack(job->queue, end - begin, beta, g + begin, v + begin, zero_of(job->state),
	                       &at.coins, begin, at.vote, at.abstain);
}

static const struct key sign_keys[] = {
        {.name = "zero",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct sign, zero),
         .default_json = "\"random\"",
         .choices = SIGN_POLICY_NAMES,
         .help = "a worker's sign of a coordinate that is exactly 0, or NaN: a fair coin, +1 (as the "
                 "published code) or nothing, which costs a second bit a coordinate up"},
        {0},
};

const struct compressor compressor_sign = {
        .row = {.name = "sign",
                .also = "signs, signsgd, onebit, 1bit",
                .about = "the signs of the vector, one bit a coordinate",
                .formula = "sign(v_m). Bernstein et al. 2019, Algorithm 1. Up: 8 ceil(n / 64) bytes; where "
                           "zero is \"abstain\": 16 ceil(n / 64) bytes",
                .keys = sign_keys,
                .state_bytes = sizeof(struct sign)},
        .says = MESSAGE_SIGNS,
        .bits = 1,
        .abstains = sign_abstains,
        .encode = sign_encode,
        .encode_momentum = sign_encode_momentum,
};
