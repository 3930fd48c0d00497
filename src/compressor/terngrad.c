/*
 * Compressor `terngrad`: -1, 0 or 1 times the largest value, drawn so that the mean is the value.
 *
 * A message is its length (compressor/code.h), a float32 scale for each range, and a digit for each
 * coordinate: 0, 1 for +, 2 for -. Digits are packed over all ranges, the first ones lowest: four in a byte,
 * as two bits each, or five, as one number to the base 3. What is behind the last coordinate is 0.
 */
#include <math.h>
#include <string.h>
#include "compressor/scaled.h"

struct terngrad {
	struct scaled_keys keys;
	double clip; /* standard deviations; 0: none */
	int packing; /* enum packing */
};

enum packing { PACK_BITS, PACK_TRITS };

enum { TRITS_IN_A_BYTE = 243 /* numbers of five digits to the base 3 */ };

/* How many digits a byte holds, and what each counts. */
struct digits {
	size_t each;
	unsigned base;
	unsigned char weight[5];
};

static const struct digits packings[] = {
        [PACK_BITS] = {4, 4, {1, 4, 16, 64}}, [PACK_TRITS] = {5, 3, {1, 3, 9, 27, 81}}};

static const struct digits *digits_of(const void *state)
{
	return &packings[((const struct terngrad *)state)->packing];
}

static const struct layers *scope_of(const void *state, const struct layers *layers)
{
	return scaled_by_layer(state) ? layers : NULL;
}

/* Where the digits begin. */
static size_t digits_at(const void *state, const struct layers *layers)
{
	return CODE_LENGTH_BYTES + layers_count(scope_of(state, layers)) * sizeof(float);
}

static size_t digit_bytes(const void *state, size_t n)
{
	size_t each = digits_of(state)->each;
	return n / each + (n % each > 0);
}

static size_t terngrad_most(const void *state, const struct layers *layers, size_t n)
{
	return digits_at(state, layers) + digit_bytes(state, n);
}

static float scale_at(const void *message, size_t range)
{
	float scale;
	memcpy(&scale, (const char *)message + CODE_LENGTH_BYTES + range * sizeof scale, sizeof scale);
	return scale;
}

static unsigned digit_of(const struct digits *d, unsigned char byte, size_t i)
{
	return byte / d->weight[i % d->each] % d->base;
}

/* --- making ------------------------------------------------------------------------------------------- */

/* What values of a range are clipped to: so many of their standard deviations. */
static double limit_of(double clip, const float *v, struct layer_range r)
{
	double n = (double)(r.end - r.begin), sum = 0, squares = 0;
	for (size_t i = r.begin; i < r.end; i++)
		sum += (double)v[i];
	for (size_t i = r.begin; i < r.end; i++)
		squares += ((double)v[i] - sum / n) * ((double)v[i] - sum / n);
	return clip > 0 ? clip * sqrt(squares / n) : INFINITY;
}

/* The largest |v| of a range, clipped; NaN, which no server takes, if any value is not finite. */
static float largest(const float *v, struct layer_range r, double limit)
{
	float most = 0;
	for (size_t i = r.begin; i < r.end; i++) {
		if (!isfinite(v[i]))
			return NAN;
		most = fmaxf(most, fabsf(v[i]));
	}
	return (double)most > limit ? (float)limit : most;
}

static void terngrad_encode(const struct step_job *job, uint32_t worker, const float *v, size_t begin,
                            size_t end, float *memory, void *push)
{
	const struct terngrad *s = job->state;
	const struct digits *d = digits_of(s);
	const struct layers *scope = scope_of(s, job->layers);
	const struct stream drawn = stream_of(job->seed, RNG_MESSAGE, worker, job->step);
	unsigned char *at = (unsigned char *)push + digits_at(s, job->layers);
	(void)begin, (void)end, (void)memory;
	memset(at, 0, digit_bytes(s, job->n));
	code_set_length(push, terngrad_most(s, job->layers, job->n));
	for (size_t range = 0; range < layers_count(scope); range++) {
		struct layer_range r = layers_at(scope, job->n, range);
		float scale = largest(v, r, limit_of(s->clip, v, r));
		memcpy((char *)push + CODE_LENGTH_BYTES + range * sizeof scale, &scale, sizeof scale);
		for (size_t i = r.begin; i < r.end; i++)
			if ((double)stream_uniform(&drawn, i) * (double)scale < fabs((double)v[i]))
				at[i / d->each] =
				        (unsigned char)(at[i / d->each] +
				                        (v[i] < 0 ? 2 : 1) * d->weight[i % d->each]);
	}
}

/* --- reading ------------------------------------------------------------------------------------------ */

/* Are there but digits below 3, and nothing behind the last? */
static bool digits_hold(const struct digits *d, size_t n, const unsigned char *at)
{
	size_t bytes = n / d->each + (n % d->each > 0);
	for (size_t b = 0; b < bytes; b++)
		if (d->base == 3 ? at[b] >= TRITS_IN_A_BYTE : (at[b] & at[b] >> 1 & 0x55) != 0)
			return false;
	for (size_t i = n; i < bytes * d->each; i++)
		if (digit_of(d, at[i / d->each], i) > 0)
			return false;
	return true;
}

static const char *terngrad_refuses(const void *state, const struct layers *layers, size_t n,
                                    const void *message, size_t bytes)
{
	if (bytes != terngrad_most(state, layers, n) || code_length(message) != bytes)
		return "has another length";
	for (size_t i = 0; i < layers_count(scope_of(state, layers)); i++)
		if (!isfinite(scale_at(message, i)) || signbit(scale_at(message, i)))
			return "has a scale that is negative or not finite";
	if (!digits_hold(digits_of(state), n, (const unsigned char *)message + digits_at(state, layers)))
		return "has a digit that is none of 0, 1 and 2, or one behind the last coordinate";
	return NULL;
}

static void terngrad_floats(const void *state, const struct layers *layers, size_t n, const void *message,
                            float *out)
{
	const struct digits *d = digits_of(state);
	const struct layers *scope = scope_of(state, layers);
	const unsigned char *at = (const unsigned char *)message + digits_at(state, layers);
	for (size_t range = 0; range < layers_count(scope); range++) {
		struct layer_range r = layers_at(scope, n, range);
		const float scale = scale_at(message, range), values[] = {0, scale, -scale};
		for (size_t i = r.begin; i < r.end; i++)
			out[i] = values[digit_of(d, at[i / d->each], i)];
	}
}

static const struct message_code terngrad_code = {
        .most = terngrad_most, .refuses = terngrad_refuses, .floats = terngrad_floats};

static const struct key terngrad_keys[] = {
        {SCALED_SCOPE, .offset = offsetof(struct scaled_keys, scope), .default_json = "\"layer\""},
        {.name = "clip",
         .also = "clip_factor, c_std, clip_std",
         .kind = KEY_REAL,
         .offset = offsetof(struct terngrad, clip),
         .default_json = "2.5",
         .lowest = 0,
         .highest = INFINITY,
         .above = true,
         .word = "none",
         .help = "values beyond so many standard deviations of their range become that, and the message is "
                 "no longer without bias"},
        {.name = "packing",
         .also = "encoding, bits",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct terngrad, packing),
         .default_json = "\"bits\"",
         .choices = (const char *const[]){"bits", "trits", NULL},
         .help = "bits: two a coordinate; trits: five coordinates in a byte, a fifth less"},
        SCALED_TWO_WAY,
        {0},
};

const struct compressor compressor_terngrad = {
        .row = {.name = "terngrad",
                .also = "tern_grad, ternary, ternary_gradients",
                .about = "-1, 0 or 1 times the largest value, drawn so that the mean is the value",
                .formula =
                        "of each range of `scope`: c = v_m, clipped to `clip` standard deviations of the "
                        "range; s = max |c|; s sign(v) with the probability |c| / s, else 0. Wen et al. "
                        "2017. Up: 4 + 4 r + ceil(n / 4) bytes, r ranges; with \"trits\": 4 + 4 r + ceil(n "
                        "/ 5) bytes",
                .keys = terngrad_keys,
                .state_bytes = sizeof(struct terngrad)},
        .aggregator = "mean",
        .says = MESSAGE_CODED,
        .random = true,
        .code = &terngrad_code,
        .two_way = scaled_two_way,
        .encode = terngrad_encode,
};
