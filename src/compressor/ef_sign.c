/*
 * Compressor `ef-sign`: signs with one scale, and error feedback. A worker remembers what its messages have
 * not said, and says it later.
 */
#include "compressor/compressor.h"

struct ef_sign {
	int scope; /* of a scale: the whole vector */
};

static size_t ef_sign_bytes(const void *state, size_t n)
{
	(void)state;
	return message_bytes(&(struct message){.kind = MESSAGE_SCALED}, n);
}

static size_t ef_sign_memory_floats(const void *state, size_t n)
{
	(void)state;
	return n;
}

/* The scale of p [n], |p|_1 / n, to its place in the message. */
static float write_scale(const struct step_job *job, const float *p, void *push)
{
	double *sum = push; /* until the vote plane is written there */
	job->be->sum_abs(job->queue, job->n, p, sum);
	float scale = (float)(memory_number(job->be->memory, job->queue, sum) / (double)job->n);
	message_set_scale(job, push, scale);
	return scale;
}

/* The memory e becomes p = e + lr v, a step of the rate -lr, and then p - D, a step of the signs. */
static void ef_sign_encode(const struct step_job *job, uint32_t worker, const float *v, size_t begin,
                           size_t end, float *memory, void *push)
{
	(void)worker, (void)begin, (void)end; /* one piece: 0..n */
	job->be->descend(job->queue, job->n, v, (float)-job->lr, 0, memory);
	float scale = write_scale(job, memory, push);
	job->be->sign_pack(job->queue, job->n, memory, SIGN_POSITIVE, NULL, 0, push, NULL);
	job->be->sign_apply(job->queue, job->n, push, NULL, scale, 0, memory);
}

static const struct key ef_sign_keys[] = {
        {.name = "scope",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct ef_sign, scope),
         .default_json = "\"vector\"",
         .choices = (const char *const[]){"vector", NULL},
         .help = "what has a scale of its own: the whole vector"},
        {0},
};

const struct compressor compressor_ef_sign = {
        .row = {.name = "ef-sign",
                .also = "ef_signsgd, error_feedback, ef_sgd, scaled_sign",
                .about = "signs with one scale; what they do not say is remembered and said later",
                .formula = "p = lr v_m + e_m; D_m = (|p|_1 / n) sign(p), sign(0) = +1; e_m <- p - D_m, e_m = "
                           "0 at first. The rate is inside: x <- x - (answer + lr decay x). Karimireddy et "
                           "al. 2019, Algorithm 1. One bit a coordinate and 32 more up. n floats of memory "
                           "a worker",
                .keys = ef_sign_keys,
                .state_bytes = sizeof(struct ef_sign)},
        .says = MESSAGE_SCALED,
        .lr_inside = true,
        .bytes = ef_sign_bytes,
        .memory_floats = ef_sign_memory_floats,
        .encode = ef_sign_encode,
};
