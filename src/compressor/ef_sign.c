/*
 * Compressor `ef-sign`: signs with scales, and error feedback. A worker remembers what its messages have not
 * said, and says it later.
 */
#include "compressor/scaled.h"

/* The memory e becomes p = e + lr v, a step of the rate -lr, and then p - D. */
static void ef_sign_encode(const struct step_job *job, uint32_t worker, const float *v, size_t begin,
                           size_t end, float *memory, void *push)
{
	(void)worker, (void)begin, (void)end; /* one piece: 0..n */
	job->be->descend(job->queue, job->n, v, (float)-job->lr, 0, memory);
	scaled_write_means(job, memory, push);
	job->be->sign_pack(job->queue, job->n, memory, SIGN_POSITIVE, NULL, 0, push, NULL);
	scaled_subtract(job, push, memory);
}

/* Its scale was one of the whole vector before layers could have their own. */
static const struct key ef_sign_keys[] = {
        {SCALED_SCOPE, .offset = offsetof(struct scaled_keys, scope), .default_json = "\"whole\"",
         .choices_were = (const char *const[]){"vector", "layer", NULL}},
        SCALED_TWO_WAY,
        {0},
};

const struct compressor compressor_ef_sign = {
        .row = {.name = "ef-sign",
                .also = "ef_signsgd, error_feedback, ef_sgd",
                .about = "signs with scales; what they do not say is remembered and said later",
                .formula =
                        "p = lr v_m + e_m; D_m = (|p|_1 / d) sign(p), sign(0) = +1, of each range of "
                        "`scope`, which has d coordinates; e_m <- p - D_m, e_m = 0 at first. The rate is "
                        "inside: x <- x - (answer + lr decay x). Karimireddy et al. 2019, Algorithm 1; "
                        "two-way Zheng et al. 2019, whose server remembers e likewise and sends D of "
                        "answer + e. Up: 8 ceil(n / 64) + 4 r bytes, r ranges. n floats of memory a worker",
                .keys = ef_sign_keys,
                .state_bytes = sizeof(struct scaled_keys)},
        .aggregator = "mean",
        .says = MESSAGE_SCALED,
        .lr_inside = true,
        .scales = 1,
        .by_layer = scaled_by_layer,
        .two_way = scaled_two_way,
        .memory_floats = scaled_memory_floats,
        .encode = ef_sign_encode,
};
