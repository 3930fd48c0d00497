/* The bandwidth baselines: plain loops that move bytes and do almost nothing else. */

typedef uint64_t vword_short __attribute__((vector_size(VECTOR_BYTES / 2)));

/* Reads by whole vectors and by halves: from memory, halves are faster on some processors. */
#define DEFINE_READ(name, vector)                                                                            \
	static uint64_t name(size_t words, const uint64_t *x)                                                \
	{                                                                                                    \
		const size_t lanes = sizeof(vector) / sizeof(*x);                                            \
		vector sum[4] = {{0}}, v;                                                                    \
		size_t i = 0;                                                                                \
		for (; i + 4 * lanes <= words; i += 4 * lanes) {                                             \
			for (size_t s = 0; s < 4; s++) {                                                     \
				memcpy(&v, x + i + s * lanes, sizeof(v));                                    \
				sum[s] += v;                                                                 \
			}                                                                                    \
		}                                                                                            \
		vector all = (sum[0] + sum[1]) + (sum[2] + sum[3]);                                          \
		uint64_t total = 0;                                                                          \
		for (size_t lane = 0; lane < lanes; lane++)                                                  \
			total += all[lane];                                                                  \
		for (; i < words; i++)                                                                       \
			total += x[i];                                                                       \
		return total;                                                                                \
	}

DEFINE_READ(baseline_read, vword)
DEFINE_READ(baseline_read_halves, vword_short)

static void baseline_copy(size_t n, const float *x, float *out)
{
	memcpy(out, x, n * sizeof(*out));
}

static void baseline_update(size_t n, float *x)
{
	for (size_t i = 0; i < n; i++)
		x[i] = -x[i];
}

/* Applied twice, it gives y back: the numbers neither grow nor vanish. */
static void baseline_triad(size_t n, const float *x, const float *y, float *out)
{
	INDEPENDENT
	for (size_t i = 0; i < n; i++)
		out[i] = x[i] - y[i];
}

static void baseline_fill(size_t n, float *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = 1;
}

static void baseline_fold(size_t words, int count, const uint64_t *const *x, uint64_t *out)
{
	size_t w = 0;
	for (; w + LANES_64 <= words; w += LANES_64) {
		vword folded = load_words(x[0] + w);
		for (int m = 1; m < count; m++)
			folded ^= load_words(x[m] + w);
		store_words(out + w, folded);
	}
	for (; w < words; w++) {
		out[w] = x[0][w];
		for (int m = 1; m < count; m++)
			out[w] ^= x[m][w];
	}
}
