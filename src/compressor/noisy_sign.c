/* Compressor `noisy-sign`: signs after noise of a given size, which carries into the vote how large values
 * are. */
#include <math.h>
#include "compressor/noisy.h"

struct noisy_sign {
	double b;
	int noise; /* enum noise_kind */
};

static void noisy_sign_encode(const struct step_job *job, uint32_t worker, const float *v, size_t begin,
                              size_t end, float *memory, void *push)
{
	const struct noisy_sign *s = job->state;
	(void)memory;
	noisy_encode(job, worker, (enum noise_kind)s->noise, 1, s->b, v, begin, end, push);
}

static const struct key noisy_sign_keys[] = {
        {.name = "b",
         .also = "noise_scale, noise_std, noise_size",
         .kind = KEY_REAL,
         .offset = offsetof(struct noisy_sign, b),
         .lowest = 0,
         .highest = INFINITY,
         .above = true,
         .help = "what the noise is multiplied by: as large as what the signs of single values shall not "
                 "decide alone"},
        {.name = "noise",
         .also = "distribution, noise_type",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct noisy_sign, noise),
         .default_json = "\"normal\"",
         .choices = SIGN_NOISE_NAMES,
         .help = "z: standard normal, uniform in (-1, 1), or Laplace's with density e^-|z| / 2"},
        {0},
};

const struct compressor compressor_noisy_sign = {
        .row = {.name = "noisy-sign",
                .also = "noisy_signsgd, z_sign, z_signsgd, z_signfedavg, median_noise",
                .about = "signs after noise of a given size",
                .formula = "sign(v_m + b z), z drawn anew for each coordinate, worker and step; what is then "
                           "exactly 0, or NaN, is a fair coin. Chen et al. 2020; Tang et al. 2023. Up: 8 "
                           "ceil(n / 64) bytes",
                .keys = noisy_sign_keys,
                .state_bytes = sizeof(struct noisy_sign)},
        .says = MESSAGE_SIGNS,
        .bits = 1,
        .random = true,
        .encode = noisy_sign_encode,
};
