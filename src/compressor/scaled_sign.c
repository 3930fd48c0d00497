/* Compressor `scaled-sign`: signs with the mean of |v|, without a memory. */
#include "compressor/scaled.h"

struct scaled_sign {
	struct scaled_keys keys;
	int zero; /* enum sign_policy: without SIGN_ABSTAIN, which needs a second plane */
};

static void scaled_sign_encode(const struct step_job *job, uint32_t worker, const float *v, size_t begin,
                               size_t end, float *memory, void *push)
{
	const struct scaled_sign *s = job->state;
	const struct stream coins = stream_of(job->seed, RNG_ZERO, worker, job->step);
	(void)memory, (void)begin, (void)end; /* one piece: 0..n */
	scaled_write_means(job, v, push);
	job->be->sign_pack(job->queue, job->n, v, (enum sign_policy)s->zero, &coins, 0, push, NULL);
}

static const struct key scaled_sign_keys[] = {
        {SCALED_SCOPE, .offset = offsetof(struct scaled_keys, scope), .default_json = "\"layer\""},
        SCALED_TWO_WAY,
        {.name = "zero",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct scaled_sign, zero),
         .default_json = "\"random\"",
         .choices = (const char *const[]){"random", "positive", NULL},
         .help = "the sign of a coordinate that is exactly 0, or NaN: a fair coin, or +1"},
        {0},
};

const struct compressor compressor_scaled_sign = {
        .row = {.name = "scaled-sign",
                .also = "scaled_signsgd, byteps_onebit, l1_sign",
                .about = "signs with the mean of what they are the signs of, and nothing remembered",
                .formula =
                        "(|v_m|_1 / d) sign(v_m), of each range of `scope`, which has d coordinates: "
                        "\"ef-sign\" without its memory, as BytePS has it (onebit). Up: 8 ceil(n / 64) + 4 r "
                        "bytes, r ranges",
                .keys = scaled_sign_keys,
                .state_bytes = sizeof(struct scaled_sign)},
        .aggregator = "mean",
        .says = MESSAGE_SCALED,
        .scales = 1,
        .by_layer = scaled_by_layer,
        .two_way = scaled_two_way,
        .encode = scaled_sign_encode,
};
