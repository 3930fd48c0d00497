/*
 * tanh, sigmoid and softmax. e^x is 2^k e^r with k the nearest integer to x / ln 2, and
 * e^r - 1 = r + r^2 Q(r), Q minimax of degree 4 for |r| <= ln 2 / 2 (relative error 1.4e-8).
 * No branches and no tables, so that the loops become vectors.
 */

/*
 * All ones where x is beyond the bound, on the bound's side of 0, infinity included; 0 elsewhere and for NaN.
 * Computed with integers: a comparison of floats may trap, so the compiler would not use vectors for it.
 */
INLINE uint32_t beyond(float x, float bound)
{
	uint32_t first = rng_bits_of(bound) + 1, infinity = (first & UINT32_C(0x80000000)) + 0x7F800000;
	return rng_bits_of(x) - first <= infinity - first ? UINT32_MAX : 0;
}

/* One of two, by a mask of beyond(). */
INLINE float chosen(uint32_t mask, float one, float other)
{
	return rng_float_of((rng_bits_of(one) & mask) | (rng_bits_of(other) & ~mask));
}

struct exponent {
	float power; /* 2^k */
	float rest;  /* e^r - 1 */
};

/* e^x = power * (1 + rest), -87 < x < 88. */
INLINE struct exponent exponent_of(float x)
{
	const float round = 0x1.8p23f; /* adding it leaves the nearest integer in the lowest bits */
	float shifted = x * 1.442695041f + round;
	float k = shifted - round;
	/* ln 2 in two parts; k times the first is exact */
	float r = x - k * 0.693359375f + k * 2.12194440e-4f;
	float q = 1.388248522e-03f;
	q = q * r + 8.366713300e-03f;
	q = q * r + 4.166720435e-02f;
	q = q * r + 1.666654199e-01f;
	q = q * r + 4.999999702e-01f;
	struct exponent e = {rng_float_of((rng_bits_of(shifted) << 23) + rng_bits_of(1.0f)), r + r * r * q};
	return e;
}

/* tanh |y| = e / (e + 2) with e = e^(2 |y|) - 1, which loses no digits near 0; from 10 on it is 1. */
static void cpu_tanh(HOST_QUEUE, size_t n, float *y)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t bits = rng_bits_of(y[i]), sign = bits & UINT32_C(0x80000000);
		float twice = 2 * rng_float_of(bits ^ sign);
		struct exponent x = exponent_of(chosen(beyond(twice, 20), 20, twice));
		float e = x.power * x.rest + (x.power - 1);
		y[i] = rng_float_of(rng_bits_of(e / (e + 2)) | sign);
	}
}

/* e^z for z <= 0. Where the result is not a normal number, it is computed from e^(z + 64). */
INLINE float falling_power(float z)
{
	uint32_t low = beyond(z, -80), none = beyond(z, -104);
	struct exponent e = exponent_of(chosen(low, z + 64, z));
	float there = (e.power + e.power * e.rest) * chosen(low, 0x1.969d47p-93f, 1);
	return chosen(none, 0, there);
}

/* With e = e^-|y|: 1 / (1 + e) for positive y, e / (1 + e) for negative y, which loses no digits. */
static void cpu_sigmoid(HOST_QUEUE, size_t n, float *y)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t bits = rng_bits_of(y[i]), sign = UINT32_C(0x80000000), negative = 0 - (bits >> 31);
		float e = falling_power(rng_float_of(bits | sign));
		y[i] = chosen(negative, e, 1) / (1 + e);
	}
}

/* First of the largest. A NaN is never larger. */
INLINE size_t largest_of(size_t n, const float *z)
{
	size_t best = 0;
	for (size_t j = 1; j < n; j++)
		best = z[j] > z[best] ? j : best;
	return best;
}

INLINE void exponentials(size_t n, float *z)
{
	for (size_t j = 0; j < n; j++)
		z[j] = falling_power(z[j]);
}

/* Rows that are computed together, so that short rows fill vectors. */
enum { SOFTMAX_ROWS = 64 };

static double softmax_rows(size_t rows, size_t n, float *z, const int32_t *label, bool back, float weight,
                           uint64_t *correct)
{
	size_t best[SOFTMAX_ROWS];
	double loss = 0;
	for (size_t r = 0; r < rows; r++) {
		best[r] = largest_of(n, z + r * n);
		float most = z[r * n + best[r]];
		loss += (double)most - z[r * n + (size_t)label[r]];
		for (size_t j = 0; j < n; j++)
			z[r * n + j] -= most;
	}
	exponentials(rows * n, z);
	for (size_t r = 0; r < rows; r++, z += n) {
		size_t right = (size_t)label[r];
		float own = z[right];
		z[right] = 0;
		double others = sum_of(n, z), sum = others + own;
		loss += log(sum);
		*correct += best[r] == right && !isnan(sum);
		if (!back)
			continue;
		plain_scale(NULL, n, (float)(weight / sum), z, z);
		z[right] = (float)(-others / sum * weight);
	}
	return loss;
}

static void cpu_softmax_loss(HOST_QUEUE, size_t rows, size_t n, float *z, const int32_t *label, bool back,
                             float weight, struct loss *out)
{
	double loss = 0;
	for (size_t r = 0; r < rows; r += SOFTMAX_ROWS) {
		size_t count = rows - r < SOFTMAX_ROWS ? rows - r : SOFTMAX_ROWS;
		loss += softmax_rows(count, n, z + r * n, label + r, back, weight, &out->correct);
	}
	out->sum += loss;
}
