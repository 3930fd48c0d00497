/* Signs to bits and back, 64 coordinates a word. */

/* Words that are done together: as many as random_coins() makes, or one less to begin with a whole block. */
INLINE size_t chunk_at(uint64_t word, size_t left)
{
	size_t size = ROW_WORDS - word % 2;
	return left < size ? left : size;
}

/*
 * Apply the policy where values have no sign: `open` has those bits, in `count` words from word `word` of the
 * vector on; vote is 0 there. abstain may be NULL unless the policy is abstain.
 */
static void settle(enum sign_policy policy, const struct stream *coins, uint64_t word, size_t count,
                   const uint64_t *open, uint64_t *vote, uint64_t *abstain)
{
	if (policy == SIGN_ABSTAIN)
		memcpy(abstain, open, count * sizeof(*abstain));
	if (policy != SIGN_RANDOM)
		return;
	uint64_t tossed[ROW_WORDS];
	random_coins(coins, word - word % 2, tossed);
	for (size_t i = 0; i < count; i++)
		vote[i] |= open[i] & tossed[word % 2 + i];
}

/*
 * The end of one chunk, whose quick scan has left its signs in vote: nearly always every value has one, and
 * the scan is enough.
 */
static void finish_chunk(vword doubt, size_t count, const float *v, enum sign_policy zero,
                         const struct stream *coins, uint64_t word, uint64_t *vote, uint64_t *abstain)
{
	if (!doubtful(doubt)) {
		if (zero == SIGN_ABSTAIN)
			memset(abstain, 0, count * sizeof(*abstain));
		return;
	}
	uint64_t neither[ROW_WORDS];
	for (size_t i = 0; i < count; i++) {
		struct verdict r = weigh_word(v + 64 * i);
		vote[i] = r.minus;
		neither[i] = r.neither;
	}
	settle(zero, coins, word, count, neither, vote, abstain);
}

static void pack_chunk(size_t count, const float *v, enum sign_policy zero, const struct stream *coins,
                       uint64_t word, uint64_t *vote, uint64_t *abstain)
{
	vword doubt = {0};
	for (size_t i = 0; i < count; i++)
		vote[i] = scan_word(v + 64 * i, &doubt);
	finish_chunk(doubt, count, v, zero, coins, word, vote, abstain);
}

/*
 * Floats: so far ahead momenta and gradients are asked for. All workers' momenta are more than the second
 * cache holds, and a processor by itself looks ahead to the end of a page.
 */
enum { AHEAD = 512 };

/* plain_momentum() of 64 values, whose signs are taken at once. */
INLINE void momentum_word(float beta, const float *g, float *v)
{
	float fresh = 1 - beta;
	for (size_t i = 0; i < 64; i += LANES_32) {
		__builtin_prefetch(v + i + AHEAD, 1);
		__builtin_prefetch(g + i + AHEAD);
		store_floats(v + i, fresh * load_floats(g + i) + beta * load_floats(v + i));
	}
}

static void momentum_chunk(size_t count, float beta, const float *g, float *v, enum sign_policy zero,
                           const struct stream *coins, uint64_t word, uint64_t *vote, uint64_t *abstain)
{
	vword doubt = {0};
	for (size_t i = 0; i < count; i++) {
		momentum_word(beta, g + 64 * i, v + 64 * i);
		vote[i] = scan_word(v + 64 * i, &doubt);
	}
	finish_chunk(doubt, count, v, zero, coins, word, vote, abstain);
}

static void cpu_sign_pack(HOST_QUEUE, size_t n, const float *v, enum sign_policy zero,
                          const struct stream *coins, size_t first, uint64_t *vote, uint64_t *abstain)
{
	uint64_t word = first / 64;
	size_t whole = n / 64, rest = n % 64;
	for (size_t w = 0, count; w < whole; w += count) {
		count = chunk_at(word + w, whole - w);
		pack_chunk(count, v + 64 * w, zero, coins, word + w, vote + w, abstain ? abstain + w : NULL);
	}
	if (rest == 0)
		return;
	float last[64]; /* padded with +1, whose bits are 0 in both planes */
	for (size_t i = 0; i < 64; i++)
		last[i] = i < rest ? v[64 * whole + i] : 1;
	pack_chunk(1, last, zero, coins, word + whole, vote + whole, abstain ? abstain + whole : NULL);
}

/* Chunk by chunk: signs are taken of values that are still in registers, or in the nearest cache. */
static void cpu_momentum_pack(HOST_QUEUE, size_t n, float beta, const float *g, float *v,
                              enum sign_policy zero, const struct stream *coins, size_t first, uint64_t *vote,
                              uint64_t *abstain)
{
	uint64_t word = first / 64;
	for (size_t w = 0, count; 64 * w < n; w += count) {
		count = chunk_at(word + w, sign_words(n) - w);
		size_t at = 64 * w, size = n - at < 64 * count ? n - at : 64 * count;
		uint64_t *silent = abstain ? abstain + w : NULL;
		if (beta != 0 && size == 64 * count) {
			momentum_chunk(count, beta, g + at, v + at, zero, coins, word + w, vote + w, silent);
			continue;
		}
		plain_momentum(queue, size, beta, g + at, v + at);
		cpu_sign_pack(queue, size, v + at, zero, coins, first + at, vote + w, silent);
	}
}

/* A word's coordinates, which are a row's numbers; padded with +1, whose bits are 0. */
static void noise_word(size_t count, const float *v, const struct sign_noise *noise, size_t first,
                       float y[64])
{
	float z[ROW_NUMBERS];
	if (noise->kind == SIGN_NORMAL)
		normal_row(&noise->stream, first / 4, z);
	else
		noise_row(noise->kind, &noise->stream, first / 4, z);
	for (size_t i = 0; i < count; i++)
		y[i] = noise->scale * v[i] + noise->size * z[i];
	for (size_t i = count; i < 64; i++)
		y[i] = 1;
}

static void cpu_noise_pack(HOST_QUEUE, size_t n, const float *v, const struct sign_noise *noise,
                           const struct stream *coins, size_t first, uint64_t *vote)
{
	for (size_t at = 0; at < n; at += 64) {
		float y[64];
		noise_word(n - at < 64 ? n - at : 64, v + at, noise, first + at, y);
		pack_chunk(1, y, SIGN_RANDOM, coins, (first + at) / 64, vote + at / 64, NULL);
	}
}

/* Change the signs of 64 values where bits of the word are 1. */
INLINE void negate_word(uint64_t word, const float *x, float *out)
{
	for (size_t q = 0; q < 64 / LANES_32; q++) {
		vfloat sign = float_signed(word, q, 0), value = load_floats(x + LANES_32 * q);
		store_floats(out + LANES_32 * q, (vfloat)((vhalf)value ^ (vhalf)sign));
	}
}

static void cpu_random_sign(HOST_QUEUE, size_t n, const struct stream *s, size_t first, const float *x,
                            float *out)
{
	uint64_t word = first / 64, coins[ROW_WORDS];
	size_t whole = n / 64, rest = n % 64;
	for (size_t w = 0, count; 64 * w < n; w += count) {
		count = chunk_at(word + w, sign_words(n) - w);
		random_coins(s, word + w - (word + w) % 2, coins);
		const uint64_t *tossed = coins + (word + w) % 2;
		for (size_t i = 0; i < count && w + i < whole; i++)
			negate_word(tossed[i], x + 64 * (w + i), out + 64 * (w + i));
		if (w + count <= whole)
			continue;
		float last[64] = {0};
		memcpy(last, x + 64 * whole, rest * sizeof(*x));
		negate_word(tossed[count - 1], last, last);
		memcpy(out + 64 * whole, last, rest * sizeof(*x));
	}
}

INLINE void unpack_words(size_t words, const uint64_t *vote, const uint64_t *abstain, float *v)
{
	for (size_t w = 0; w < words; w++) {
		for (size_t q = 0; q < 64 / LANES_32; q++) {
			vfloat sign = float_signed(vote[w], q, 1);
			if (abstain)
				sign = float_without(abstain[w], q, sign);
			store_floats(v + 64 * w + LANES_32 * q, sign);
		}
	}
}

static void cpu_sign_unpack(HOST_QUEUE, size_t n, const uint64_t *vote, const uint64_t *abstain, float *v)
{
	size_t whole = n / 64, rest = n % 64;
	if (abstain)
		unpack_words(whole, vote, abstain, v);
	else
		unpack_words(whole, vote, NULL, v);
	if (rest == 0)
		return;
	float last[64];
	unpack_words(1, vote + whole, abstain ? abstain + whole : NULL, last);
	memcpy(v + 64 * whole, last, rest * sizeof(*v));
}

INLINE void apply_words(size_t words, const uint64_t *vote, const uint64_t *abstain, float lr, bool decays,
                        float shrink, float *x)
{
	for (size_t w = 0; w < words; w++) {
		for (size_t q = 0; q < 64 / LANES_32; q++) {
			float *at = x + 64 * w + LANES_32 * q;
			vfloat start = load_floats(at), step = float_signed(vote[w], q, lr);
			if (abstain)
				step = float_without(abstain[w], q, step);
			vfloat moved = start - step;
			if (decays)
				moved = moved - shrink * start;
			store_floats(at, moved);
		}
	}
}

/* The same four times, so that loops need no branches. */
static void apply_any(size_t words, const uint64_t *vote, const uint64_t *abstain, float lr, float decay,
                      float *x)
{
	float shrink = lr * decay;
	if (abstain && decay != 0)
		apply_words(words, vote, abstain, lr, true, shrink, x);
	else if (abstain)
		apply_words(words, vote, abstain, lr, false, 0, x);
	else if (decay != 0)
		apply_words(words, vote, NULL, lr, true, shrink, x);
	else
		apply_words(words, vote, NULL, lr, false, 0, x);
}

static void cpu_sign_apply(HOST_QUEUE, size_t n, const uint64_t *vote, const uint64_t *abstain, float lr,
                           float decay, float *x)
{
	size_t whole = n / 64, rest = n % 64;
	apply_any(whole, vote, abstain, lr, decay, x);
	if (rest == 0)
		return;
	float last[64] = {0};
	memcpy(last, x + 64 * whole, rest * sizeof(*x));
	apply_any(1, vote + whole, abstain ? abstain + whole : NULL, lr, decay, last);
	memcpy(x + 64 * whole, last, rest * sizeof(*x));
}
