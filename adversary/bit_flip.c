/*
 * Attack `bit-flip`: a broken link. Bits of the packed message flip on their way, whatever they mean: signs,
 * abstentions, digits and exponents of floats. Bits that say nothing stay as they are: those behind the last
 * coordinate of a plane, and the vote of a coordinate that, as it arrives, abstains, which is 0
 * (backend/sign.h).
 */
#include <string.h>
#include "adversary/attack.h"

enum { CHUNK_WORDS = 512, DIGITS = 32 };

struct bit_flip {
	double probability;
};

/* A message as words of 64 bits, of which the last may be a float alone. */
struct packed {
	const struct packed_view *view;
	uint64_t limit; /* a bit flips with the probability limit / 2^32 */
	char *bytes;    /* of the machine */
};

/* Two words of 64 bits of the stream, as stream_bits() has them. */
static void draw(const struct packed *p, uint64_t block, uint64_t drawn[2])
{
	uint32_t word[4];
	stream_block(&p->view->stream, block, word);
	drawn[0] = (uint64_t)word[1] << 32 | word[0];
	drawn[1] = (uint64_t)word[3] << 32 | word[2];
}

/*
 * 64 bits, each 1 with the probability limit / 2^32: where a uniform number is below it. The number's binary
 * digits are drawn, the highest first, until all 64 comparisons are decided: after eight words or so. Each
 * word of a message has 32 words of the stream, used or not, so that no bit depends on another.
 */
static uint64_t flips_of(const struct packed *p, size_t word)
{
	uint64_t flips = 0, open = ~UINT64_C(0), drawn[2];
	if (p->limit >> DIGITS) /* probability 1 */
		return open;
	for (unsigned digit = 0; digit < DIGITS && open; digit++) {
		uint64_t below = p->limit << digit & 0xffffffff; /* the digits that are left */
		if (below == 0)
			break;
		if (digit % 2 == 0)
			draw(p, ((uint64_t)word * DIGITS + digit) / 2, drawn);
		if (below >> (DIGITS - 1)) {
			flips |= open & ~drawn[digit % 2];
			open &= drawn[digit % 2];
		} else {
			open &= ~drawn[digit % 2];
		}
	}
	return flips;
}

/* Bring words [at, at + count) of the message here, and take them back. */
static void fetch(const struct packed *p, size_t at, size_t bytes, uint64_t *words)
{
	const struct packed_view *v = p->view;
	v->be->memory->download(v->queue, words, p->bytes + at * sizeof *words, bytes);
}

static void put(const struct packed *p, size_t at, size_t bytes, const uint64_t *words)
{
	const struct packed_view *v = p->view;
	v->be->memory->upload(v->queue, p->bytes + at * sizeof *words, words, bytes);
}

static size_t chunk_of(size_t at, size_t end)
{
	return end - at < CHUNK_WORDS ? end - at : CHUNK_WORDS;
}

static void flip_planes(const struct packed *p)
{
	size_t plane = sign_words(p->view->n), count;
	bool abstains = p->view->planes > 1;
	for (size_t at = 0; at < plane; at += count) {
		uint64_t vote[CHUNK_WORDS], silent[CHUNK_WORDS] = {0};
		count = chunk_of(at, plane);
		size_t bytes = count * sizeof *vote;
		fetch(p, at, bytes, vote);
		if (abstains)
			fetch(p, plane + at, bytes, silent);
		for (size_t i = 0; i < count; i++) {
			uint64_t mask = sign_mask(p->view->n, at + i);
			if (abstains)
				silent[i] ^= flips_of(p, plane + at + i) & mask;
			vote[i] = (vote[i] ^ (flips_of(p, at + i) & mask)) & ~silent[i];
		}
		put(p, at, bytes, vote);
		if (abstains)
			put(p, plane + at, bytes, silent);
	}
}

static void flip_floats(const struct packed *p)
{
	size_t begin = (size_t)p->view->planes * sign_words(p->view->n), last = p->view->bytes / 8, count;
	size_t end = (p->view->bytes + 7) / 8;
	for (size_t at = begin; at < end; at += count) {
		uint64_t words[CHUNK_WORDS];
		count = chunk_of(at, end);
		size_t bytes = at + count > last ? p->view->bytes - 8 * at : 8 * count;
		words[count - 1] = 0;
		fetch(p, at, bytes, words);
		for (size_t i = 0; i < count; i++)
			words[i] ^= flips_of(p, at + i);
		put(p, at, bytes, words);
	}
}

static void bit_flip_corrupt(const void *state, const struct packed_view *view, void *message)
{
	const struct bit_flip *s = state;
	const struct packed p = {
	        .view = view, .limit = (uint64_t)(s->probability * 4294967296.0), .bytes = message};
	if (p.limit == 0)
		return;
	if (view->planes > 0)
		flip_planes(&p);
	flip_floats(&p);
}

static const struct key bit_flip_keys[] = {
        {.name = "probability",
         .also = "p, rate, ber, bit_error_rate, error_rate",
         .kind = KEY_REAL,
         .offset = offsetof(struct bit_flip, probability),
         .default_json = "0.01",
         .lowest = 0,
         .highest = 1,
         .help = "p, with which each bit flips; 0 is honest. Of a float's 32 bits one flips with about 32 p"},
        {0},
};

const struct attack attack_bit_flip = {
        .row = {.name = "bit-flip",
                .also = "bit_flips, flip_bits, bit_error, bit_errors",
                .about = "flips each bit of its packed message with a probability, like a broken link",
                .formula = "each bit b -> 1 - b with probability p, bits and steps independent, in the "
                           "message that the compressor has made; its momentum and what its compressor "
                           "remembers do not know. Of signs it is \"flip\"; an abstention may become a "
                           "vote of +1, and the reverse. Of floats it may make infinities and NaN: rules "
                           "leave out such a message, \"mean\" does not. Refused with codes (qsgd, terngrad, "
                           "top-k): hardly a bit of them flips without making a message that no "
                           "compressor can have made, which is dropped whole. Papers that call the "
                           "reversal of a whole gradient bit flipping mean \"invert\"",
                .keys = bit_flip_keys,
                .state_bytes = sizeof(struct bit_flip)},
        .sees = ATTACK_OWN,
        .acts_on = ATTACK_PACKED,
        .multiplicative = MULTIPLIES_SIGNS,
        .corrupt = bit_flip_corrupt,
};
