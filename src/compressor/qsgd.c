/*
 * Compressor `qsgd`: values rounded at random to a few levels of a norm. Alistarh et al. 2017, equation 1.
 *
 * A message: its length (compressor/code.h), the norm of each range of `scope`, a float32, and the levels of
 * all ranges (compressor/levels.h).
 */
#include <float.h>
#include <math.h>
#include <string.h>
#include "compressor/levels.h"
#include "compressor/scaled.h"

enum qsgd_norm { NORM_L2, NORM_MAX };

struct qsgd {
	struct scaled_keys scaled;
	int64_t levels;
	int norm;   /* enum qsgd_norm */
	int coding; /* enum levels_coding */
};

static struct levels_form form_of(const struct qsgd *s)
{
	return (struct levels_form){.coding = (enum levels_coding)s->coding, .most = (int)s->levels};
}

/* The ranges that have a norm each. */
static const struct layers *ranges_of(const void *state, const struct layers *layers)
{
	return scaled_by_layer(state) ? layers : NULL;
}

static size_t block_of(size_t left)
{
	return left < LEVELS_BLOCK ? left : LEVELS_BLOCK;
}

static size_t qsgd_most(const void *state, const struct layers *layers, size_t n)
{
	const struct levels_form form = form_of(state);
	const struct layers *ranges = ranges_of(state, layers);
	uint64_t bits = 0;
	for (size_t i = 0; i < layers_count(ranges); i++) {
		struct layer_range r = layers_at(ranges, n, i);
		bits += levels_bits_most(&form, r.end - r.begin);
	}
	return CODE_LENGTH_BYTES + layers_count(ranges) * sizeof(float) + (size_t)((bits + 7) / 8);
}

static bool qsgd_varies(const void *state)
{
	return ((const struct qsgd *)state)->coding == LEVELS_ELIAS;
}

/* --- writing -------------------------------------------------------------------------------------------- */

static double length_of(const float *v, size_t d)
{
	double sum = 0;
	for (size_t i = 0; i < d; i++)
		sum += (double)v[i] * v[i];
	return sqrt(sum);
}

static double largest_of(const float *v, size_t d)
{
	double largest = 0;
	for (size_t i = 0; i < d; i++)
		if (fabs((double)v[i]) > largest || isnan(v[i])) /* NaN stays */
			largest = fabs((double)v[i]);
	return largest;
}

/*
 * Not finite only where v is not. No |v_j| is above it: v_j is a float, and rounding keeps order. What is
 * beyond the largest float is that one, of which |v_j| is still a part.
 */
static float norm_of(const struct qsgd *s, const float *v, size_t d)
{
	double norm = s->norm == NORM_L2 ? length_of(v, d) : largest_of(v, d);
	return isfinite(norm) ? (float)fmin(norm, FLT_MAX) : (float)norm;
}

/* Number i of the stream, uniform in [0, 1): word i, over 2^32. */
struct draw {
	struct stream stream;
	uint32_t words[4];
	uint64_t block; /* of words */
};

static struct draw draw_of(const struct step_job *job, uint32_t worker)
{
	return (struct draw){.stream = stream_of(job->seed, RNG_MESSAGE, worker, job->step),
	                     .block = UINT64_MAX};
}

static double draw_at(struct draw *u, size_t i)
{
	if (i / 4 != u->block) {
		u->block = i / 4;
		stream_block(&u->stream, u->block, u->words);
	}
	return u->words[i % 4] * 0x1p-32;
}

/* levels [count] of v [at, at + count). The products are exact, so that |v| = norm is on the level s. */
static void round_levels(struct draw *u, int64_t s, float norm, const float *v, size_t at, size_t count,
                         int16_t *levels)
{
	for (size_t i = 0; i < count; i++) {
		double a = (double)s * fabs((double)v[at + i]) / norm;
		double low = floor(a);
		int level = (int)low + (draw_at(u, at + i) < a - low);
		levels[i] = (int16_t)(v[at + i] < 0 ? -level : level);
	}
}

static void write_range(struct levels_writer *w, struct draw *u, int64_t s, float norm, const float *v,
                        struct layer_range r)
{
	int16_t levels[LEVELS_BLOCK] = {0};
	bool empty = !(norm > 0 && norm <= FLT_MAX);
	for (size_t at = r.begin; at < r.end;) {
		size_t count = block_of(r.end - at);
		if (!empty)
			round_levels(u, s, norm, v, at, count, levels);
		levels_put(w, levels, count, at + count == r.end);
		at += count;
	}
}

static void qsgd_encode(const struct step_job *job, uint32_t worker, const float *v, size_t begin, size_t end,
                        float *memory, void *push)
{
	const struct qsgd *s = job->state;
	const struct levels_form form = form_of(s);
	const struct layers *ranges = ranges_of(s, job->layers);
	unsigned char *norms = (unsigned char *)push + CODE_LENGTH_BYTES;
	struct draw u = draw_of(job, worker);
	struct levels_writer w;
	(void)begin, (void)end, (void)memory; /* one piece: 0..n */
	levels_begin(&w, &form, norms + layers_count(ranges) * sizeof(float));
	for (size_t i = 0; i < layers_count(ranges); i++) {
		struct layer_range r = layers_at(ranges, job->n, i);
		float norm = norm_of(s, v + r.begin, r.end - r.begin);
		memcpy(norms + i * sizeof norm, &norm, sizeof norm);
		write_range(&w, &u, s->levels, norm, v, r);
	}
	code_set_length(push, (size_t)(levels_end(&w) - (unsigned char *)push));
}

/* --- reading -------------------------------------------------------------------------------------------- */

static float norm_at(const unsigned char *norms, size_t i)
{
	float norm;
	memcpy(&norm, norms + i * sizeof norm, sizeof norm);
	return norm;
}

/* The levels of one range, times norm / s to out [the vector]; out NULL: they are only looked at. */
static const char *read_range(struct levels_reader *reader, int64_t s, float norm, struct layer_range r,
                              float *out)
{
	int16_t levels[LEVELS_BLOCK];
	for (size_t at = r.begin; at < r.end;) {
		size_t count = block_of(r.end - at);
		const char *wrong = levels_take(reader, levels, count, r.end - at);
		if (wrong)
			return wrong;
		for (size_t i = 0; out && i < count; i++)
			out[at + i] = (float)((double)norm * levels[i] / (double)s);
		at += count;
	}
	return NULL;
}

/* Through a message of `bytes` bytes with all of its norms. NULL, or what is wrong with its levels. */
static const char *read_all(const struct qsgd *s, const struct layers *ranges, size_t n,
                            const unsigned char *message, size_t bytes, float *out)
{
	const struct levels_form form = form_of(s);
	const unsigned char *norms = message + CODE_LENGTH_BYTES;
	size_t head = CODE_LENGTH_BYTES + layers_count(ranges) * sizeof(float);
	struct levels_reader reader;
	levels_open(&reader, &form, message + head, bytes - head);
	for (size_t i = 0; i < layers_count(ranges); i++) {
		const char *wrong =
		        read_range(&reader, s->levels, norm_at(norms, i), layers_at(ranges, n, i), out);
		if (wrong)
			return wrong;
	}
	return levels_close(&reader);
}

static const char *qsgd_refuses(const void *state, const struct layers *layers, size_t n, const void *message,
                                size_t bytes)
{
	const struct layers *ranges = ranges_of(state, layers);
	size_t head = CODE_LENGTH_BYTES + layers_count(ranges) * sizeof(float);
	if (bytes < head)
		return "ends before its norms do";
	if (code_length(message) != bytes)
		return "says another length than it has";
	for (size_t i = 0; i < layers_count(ranges); i++) {
		float norm = norm_at((const unsigned char *)message + CODE_LENGTH_BYTES, i);
		if (!(norm >= 0 && norm <= FLT_MAX))
			return "has a norm that is negative or not finite";
	}
	return read_all(state, ranges, n, message, bytes, NULL);
}

static void qsgd_floats(const void *state, const struct layers *layers, size_t n, const void *message,
                        float *out)
{
	read_all(state, ranges_of(state, layers), n, message, code_length(message), out);
}

static const struct message_code qsgd_code = {
        .most = qsgd_most, .varies = qsgd_varies, .refuses = qsgd_refuses, .floats = qsgd_floats};

static const struct key qsgd_keys[] = {
        {.name = "levels",
         .also = "s, quantum_num, quantization_level, num_levels",
         .kind = KEY_INT,
         .offset = offsetof(struct qsgd, levels),
         .default_json = "4",
         .lowest = 1,
         .highest = LEVELS_MOST,
         .help = "s: into how many steps the norm is cut; one level more is 0"},
        {.name = "norm",
         .also = "scaling, norm_type",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct qsgd, norm),
         .default_json = "\"l2\"",
         .choices = (const char *const[]){"l2", "max", NULL},
         .help = "N: the length of a range, which leaves most of its coordinates 0, or its largest value, "
                 "which has less variance"},
        {.name = "coding",
         .also = "encoding, entropy_coding",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct qsgd, coding),
         .default_json = "\"fixed\"",
         .choices = LEVELS_CODING_NAMES,
         .help = "how levels are written: all with as many bits, log2(2 s + 1) of each, or by Elias' code, "
                 "which is short where most are 0"},
        {SCALED_SCOPE, .offset = offsetof(struct scaled_keys, scope), .default_json = "\"layer\""},
        SCALED_TWO_WAY,
        {0},
};

const struct compressor compressor_qsgd = {
        .row = {.name = "qsgd",
                .also = "quantized_sgd, quantization, stochastic_quantization",
                .about = "values rounded at random to a few levels of a norm, without bias",
                .formula = "a = s |v_m| / N, N the norm of the range of `scope`; the level is floor(a), or, "
                           "with the probability a - floor(a), one above; the value N sign(v_m) level / s. "
                           "Alistarh et al. 2017, equation 1 and section 3.2. Up: 4 bytes and of each range "
                           "4 + floor(d / 512) ceil(64 log2(2 s + 1)) + ceil((d mod 512) log2(2 s + 1) / 8) "
                           "bytes, d its coordinates; with \"elias\": 4 + 4 r + ceil(n (2 + e) / 8) bytes at "
                           "most, r ranges, e the bits of Elias' code of s",
                .keys = qsgd_keys,
                .state_bytes = sizeof(struct qsgd)},
        .aggregator = "mean",
        .says = MESSAGE_CODED,
        .random = true,
        .code = &qsgd_code,
        .two_way = scaled_two_way,
        .encode = qsgd_encode,
};
