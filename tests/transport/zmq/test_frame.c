/* The hash and the wire's header: what is written is read, and nothing else. */
#include <criterion/criterion.h>

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "transport/zmq/frame.h"

/* --- hash -------------------------------------------------------------------------------------------- */

enum { LONG = 3 * HASH_BLOCK + 4321 };

static unsigned char *noise(size_t count, uint32_t stream)
{
	struct stream s = stream_of(1, RNG_TEST, stream, 0);
	unsigned char *bytes = mem_alloc(count + 8);
	for (size_t i = 0; i < count; i += 8) {
		uint64_t word = stream_bits(&s, i / 8);
		memcpy(bytes + i, &word, 8);
	}
	return bytes;
}

Test(hash, every_single_bit_counts)
{
	for (size_t count = 1; count <= 100; count++) {
		unsigned char *bytes = noise(count, 1);
		uint64_t before = hash_words(5, bytes, count);
		for (size_t bit = 0; bit < 8 * count; bit++) {
			bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
			cr_assert_neq(hash_words(5, bytes, count), before, "bit %zu of %zu bytes", bit,
			              count);
			bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		}
		mem_free(bytes);
	}
}

/* The same over several blocks, and two bits at once that multiplications would carry to the same place. */
Test(hash, distant_bits_count_and_do_not_cancel)
{
	unsigned char *bytes = noise(LONG, 2);
	uint64_t before = hash_words(0, bytes, LONG);
	for (size_t byte = 0; byte + 32 < LONG; byte += 997) {
		bytes[byte] ^= 0x80;
		cr_assert_neq(hash_words(0, bytes, LONG), before, "byte %zu", byte);
		for (int bit = 0; bit < 8 * 8; bit++) {
			size_t at = (byte & ~(size_t)7) + 32 + (size_t)bit / 8;
			if (at >= LONG)
				break;
			bytes[at] ^= (unsigned char)(1 << bit % 8);
			cr_assert_neq(hash_words(0, bytes, LONG), before, "bytes %zu, %zu", byte, at);
			bytes[at] ^= (unsigned char)(1 << bit % 8);
		}
		bytes[byte] ^= 0x80;
	}
	mem_free(bytes);
}

/* Each bit of the hash changes in about half of all cases: 64 bits x 4096 flips, so far within 0.4 .. 0.6. */
Test(hash, a_flip_changes_every_bit_of_the_hash_half_of_the_time)
{
	enum { COUNT = 512 };
	unsigned char *bytes = noise(COUNT, 3);
	uint64_t before = hash_words(0, bytes, COUNT);
	int changed[64] = {0};
	for (size_t bit = 0; bit < 8 * COUNT; bit++) {
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		uint64_t diff = before ^ hash_words(0, bytes, COUNT);
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		for (int i = 0; i < 64; i++)
			changed[i] += diff >> i & 1;
	}
	for (int i = 0; i < 64; i++)
		cr_expect(changed[i] > 0.4 * 8 * COUNT && changed[i] < 0.6 * 8 * COUNT, "bit %d: %d of %d", i,
		          changed[i], 8 * COUNT);
	mem_free(bytes);
}

Test(hash, length_seed_and_order_count)
{
	unsigned char *bytes = mem_alloc(2 * HASH_BLOCK + 64); /* zeros */
	size_t lengths[] = {
	        0, 1, 7, 8, 9, 31, 32, 33, HASH_BLOCK - 1, HASH_BLOCK, HASH_BLOCK + 1, 2 * HASH_BLOCK};
	enum { COUNT = sizeof lengths / sizeof *lengths };
	for (size_t i = 0; i < COUNT; i++)
		for (size_t j = 0; j < i; j++)
			cr_expect_neq(hash_words(0, bytes, lengths[i]), hash_words(0, bytes, lengths[j]),
			              "%zu and %zu zeros", lengths[i], lengths[j]);
	for (size_t i = 0; i < COUNT; i++)
		cr_expect_neq(hash_words(0, bytes, lengths[i]), hash_words(1, bytes, lengths[i]));
	/* Two words of a lane, two lanes and two blocks change places. */
	size_t apart[] = {8, 32, HASH_BLOCK};
	for (size_t i = 0; i < 3; i++) {
		bytes[0] = 1;
		uint64_t before = hash_words(0, bytes, 2 * HASH_BLOCK);
		bytes[0] = 0;
		bytes[apart[i]] = 1;
		cr_expect_neq(hash_words(0, bytes, 2 * HASH_BLOCK), before, "%zu apart", apart[i]);
		bytes[apart[i]] = 0;
	}
	mem_free(bytes);
}

/* Blocks in any order and grouping give the same as all at once, at any address. */
Test(hash, is_the_same_for_any_cut_and_place)
{
	unsigned char *bytes = noise(LONG, 4), *moved = mem_alloc(LONG + 8);
	uint64_t whole = hash_words(9, bytes, LONG);
	for (size_t cut = 0; cut <= LONG / HASH_BLOCK; cut++) {
		size_t at = cut * HASH_BLOCK;
		uint64_t sum = hash_blocks(9, cut, bytes + at, LONG - at) + hash_blocks(9, 0, bytes, at);
		cr_expect_eq(hash_combine(9, sum, LONG), whole, "cut at %zu", at);
	}
	for (size_t by = 1; by < 8; by++) {
		memcpy(moved + by, bytes, LONG);
		cr_expect_eq(hash_words(9, moved + by, LONG), whole, "moved by %zu", by);
	}
	mem_free(moved);
	mem_free(bytes);
}

/* The value is part of the protocol: no machine or compiler may change it. Reckoned apart, in Python. */
Test(hash, has_the_value_of_version_1)
{
	unsigned char bytes[100];
	for (int i = 0; i < 100; i++)
		bytes[i] = (unsigned char)(3 * i + 1);
	cr_expect_eq(hash_words(0, bytes, 0), 0x3A399715EEF2B945);
	cr_expect_eq(hash_words(7, bytes, 100), 0x51258FCAD85FA265);
}

/* --- frame ------------------------------------------------------------------------------------------- */

enum { BODY = 1000 };

static const enum frame_type types[] = {
        FRAME_HELLO,   FRAME_PUSH,   FRAME_FETCH,  FRAME_SNAPSHOT,  FRAME_STATE,   FRAME_BYE,
        FRAME_WELCOME, FRAME_PARAMS, FRAME_ANSWER, FRAME_ASK_STATE, FRAME_REFUSED, FRAME_DONE,
        FRAME_ATTACH,  FRAME_DECIDE, FRAME_READY,  FRAME_HAVE,      FRAME_RANGE,   FRAME_FAULTS};

/* A message of that type with something in every field, in out[FRAME_HEADER_BYTES + BODY]; returns its
 * length. */
static size_t message(enum frame_type type, unsigned flags, size_t body, unsigned char *out)
{
	struct stream s = stream_of(2, RNG_TEST, 0, 0);
	for (size_t i = 0; i < body; i++)
		out[FRAME_HEADER_BYTES + i] = (unsigned char)stream_bits(&s, i);
	struct frame f = {.type = type,
	                  .flags = flags,
	                  .run = 0x0123456789ABCDEF,
	                  .step = 77,
	                  .born = -1,
	                  .x_hash = 0xFEDCBA9876543210,
	                  .index = 2,
	                  .count = 3,
	                  .worker = 4000000000,
	                  .value = -0.1,
	                  .bytes = body,
	                  .body_hash = hash_words(0, out + FRAME_HEADER_BYTES, body)};
	frame_write(&f, out);
	return FRAME_HEADER_BYTES + body;
}

Test(frame, says_again_what_was_written)
{
	unsigned char bytes[FRAME_HEADER_BYTES + BODY];
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		size_t body = i * 50;
		size_t count = message(types[i], 0, body, bytes);
		struct frame f;
		cr_assert_eq(frame_read(&f, bytes, count), FRAME_SOUND);
		cr_expect_eq(f.type, types[i]);
		cr_expect_eq(f.flags, 0);
		cr_expect_eq(f.run, 0x0123456789ABCDEF);
		cr_expect_eq(f.step, 77);
		cr_expect_eq(f.born, -1);
		cr_expect_eq(f.x_hash, 0xFEDCBA9876543210);
		cr_expect(f.index == 2 && f.count == 3);
		cr_expect_eq(f.worker, 4000000000);
		cr_expect(f.value == -0.1);
		cr_expect_eq(f.bytes, body);
		cr_expect_eq(f.body_hash, hash_words(0, bytes + FRAME_HEADER_BYTES, body));
	}
}

/* A worker's gradient may have blown up: its loss crosses as it is. */
Test(frame, carries_any_number)
{
	double numbers[] = {0, -0.0, INFINITY, -INFINITY, NAN, 5e-324};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		unsigned char bytes[FRAME_HEADER_BYTES];
		struct frame f = {.type = FRAME_PUSH, .value = numbers[i], .body_hash = hash_words(0, "", 0)};
		frame_write(&f, bytes);
		cr_assert_eq(frame_read(&f, bytes, sizeof bytes), FRAME_SOUND);
		cr_expect(memcmp(&f.value, &numbers[i], sizeof(double)) == 0);
	}
}

/* The layout is fixed byte by byte. */
Test(frame, lies_as_the_header_says)
{
	static const unsigned char head[64] = {
	        'S',  'G',  'N',  '1',  1,    2,    3,    0,    0xEF, 0xCD, 0xAB, 0x89, 0x67, 0x45, 0x23,
	        0x01, 77,   0,    0,    0,    0,    0,    0,    0,    255,  255,  255,  255,  255,  255,
	        255,  255,  0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE, 2,    0,    3,    0,    0x00,
	        0x28, 0x6B, 0xEE, 0x9A, 0x99, 0x99, 0x99, 0x99, 0x99, 0xB9, 0xBF, 0xE8, 3};
	unsigned char bytes[FRAME_HEADER_BYTES + BODY];
	message(FRAME_PUSH, FRAME_HAS_RUNNING | FRAME_NO_PULL, BODY, bytes);
	for (size_t i = 0; i < sizeof head; i++)
		cr_expect_eq(bytes[i], head[i], "byte %zu is %d, expected %d", i, bytes[i], head[i]);
}

/* One fault at a time is called by its name. */
Test(frame, names_what_is_wrong)
{
	unsigned char bytes[FRAME_HEADER_BYTES + BODY + 1] = {0};
	struct frame f;
	size_t count = message(FRAME_PUSH, 0, BODY, bytes);
	for (size_t cut = 0; cut < FRAME_HEADER_BYTES; cut++)
		cr_expect_eq(frame_read(&f, bytes, cut), FRAME_GARBAGE, "%zu bytes", cut);
	for (size_t cut = FRAME_HEADER_BYTES; cut <= count + 1; cut++)
		cr_expect_eq(frame_read(&f, bytes, cut), cut == count ? FRAME_SOUND : FRAME_WRONG_LENGTH);
	struct {
		size_t at;
		unsigned char value;
		enum frame_fault fault;
	} wrong[] = {{0, 's', FRAME_GARBAGE},
	             {4, 2, FRAME_OTHER_VERSION},
	             {5, 0, FRAME_GARBAGE},
	             {5, 7, FRAME_GARBAGE},
	             {5, 22, FRAME_GARBAGE},
	             {5, 255, FRAME_GARBAGE},
	             {6, FRAME_HAVE_VOTE, FRAME_GARBAGE},
	             {7, 0x80, FRAME_GARBAGE},
	             {40, 3, FRAME_GARBAGE},
	             {42, 0, FRAME_GARBAGE},
	             {56, 1, FRAME_WRONG_LENGTH},
	             {63, 0x80, FRAME_WRONG_LENGTH},
	             {16, 78, FRAME_DAMAGED},
	             {64, 0, FRAME_DAMAGED},
	             {FRAME_HEADER_BYTES, 0, FRAME_DAMAGED}};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		count = message(FRAME_PUSH, 0, BODY, bytes);
		bytes[wrong[i].at] = (unsigned char)(bytes[wrong[i].at] == wrong[i].value ? wrong[i].value + 1
		                                                                          : wrong[i].value);
		enum frame_fault found = frame_read(&f, bytes, count);
		cr_expect_eq(found, wrong[i].fault, "byte %zu: %s, expected %s", wrong[i].at,
		             frame_fault_name(found), frame_fault_name(wrong[i].fault));
	}
}

Test(frame, no_single_bit_can_change_unseen)
{
	unsigned char bytes[FRAME_HEADER_BYTES + BODY];
	size_t count = message(FRAME_ANSWER, FRAME_COUNTED | FRAME_SAVE, BODY, bytes);
	struct frame f;
	for (size_t bit = 0; bit < 8 * count; bit++) {
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
		cr_expect_neq(frame_read(&f, bytes, count), FRAME_SOUND, "bit %zu", bit);
		bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	cr_expect_eq(frame_read(&f, bytes, count), FRAME_SOUND);
}

/* Which types and flags are there, by reading all: what is accepted has a name and can be written again. */
Test(frame, knows_its_types_and_flags)
{
	int known = 0;
	for (int type = -1; type < 300; type++) {
		bool expected = false;
		for (size_t i = 0; i < sizeof types / sizeof *types; i++)
			expected |= type == (int)types[i];
		cr_expect_eq(frame_type_name((enum frame_type)type) != NULL, expected, "type %d", type);
		known += expected;
		if (expected)
			cr_expect_eq(frame_from_worker((enum frame_type)type), type <= FRAME_BYE);
		cr_expect_eq(frame_to_shard((enum frame_type)type),
		             type == FRAME_ATTACH || type == FRAME_DECIDE || type == FRAME_DONE);
	}
	cr_expect_eq(known, 18);
	for (int fault = FRAME_SOUND; fault <= FRAME_DAMAGED; fault++)
		for (int other = FRAME_SOUND; other < fault; other++)
			cr_expect_str_neq(frame_fault_name(fault), frame_fault_name(other));
}

/* --- any bytes --------------------------------------------------------------------------------------- */

enum { ROUNDS = 40000 };

/* Where a round of the test below takes its numbers from. */
struct dice {
	struct stream s;
	uint64_t next;
};

static uint32_t draw(struct dice *d, size_t bound)
{
	return stream_below(&d->s, d->next++, (uint32_t)bound);
}

/* Up to three changes: bits, bytes, a field of zeros or ones, a part moved, the end. Returns the new length.
 */
static size_t mutate(struct dice *d, unsigned char *bytes, size_t count)
{
	for (uint32_t i = 0, times = 1 + draw(d, 3); i < times && count >= 16; i++) {
		size_t at = draw(d, draw(d, 2) || count < FRAME_HEADER_BYTES ? count : FRAME_HEADER_BYTES);
		size_t part = 1 + draw(d, 8), to = draw(d, count - part);
		part = part < count - at ? part : count - at;
		switch (draw(d, 5)) {
		case 0:
			bytes[at] ^= (unsigned char)(1 << draw(d, 8));
			break;
		case 1:
			bytes[at] = (unsigned char)draw(d, 256);
			break;
		case 2:
			memset(bytes + at, draw(d, 2) ? 0 : 0xff, part);
			break;
		case 3:
			memmove(bytes + to, bytes + at, part);
			break;
		default:
			count = draw(d, 2) ? at : count + part;
		}
	}
	return count;
}

/*
 * A changed message is a fault with a name, or was not changed at all. Memory of exactly the message's size
 * lets the address sanitizer watch its end. tests/fuzz/fuzz_frame.c goes on where this ends.
 */
Test(frame, random_changes_are_found)
{
	enum { MOST = FRAME_HEADER_BYTES + BODY + 3 * 8 };
	unsigned char whole[MOST], bytes[MOST];
	int seen[FRAME_DAMAGED + 1] = {0};
	for (uint64_t round = 0; round < ROUNDS; round++) {
		struct dice d = {stream_of(4, RNG_TEST, 0, round), 0};
		memset(whole, 0, sizeof whole);
		size_t count =
		        message(types[draw(&d, sizeof types / sizeof *types)], 0, draw(&d, 200), whole);
		memcpy(bytes, whole, sizeof bytes);
		size_t length = mutate(&d, bytes, count);
		unsigned char *exact = mem_alloc(length);
		struct frame f;
		memcpy(exact, bytes, length);
		enum frame_fault fault = frame_read(&f, exact, length);
		bool same = length == count && memcmp(exact, whole, count) == 0;
		cr_assert_eq(fault == FRAME_SOUND, same, "round %llu: %s", (unsigned long long)round,
		             frame_fault_name(fault));
		seen[fault]++;
		mem_free(exact);
	}
	for (int fault = FRAME_SOUND; fault <= FRAME_DAMAGED; fault++)
		cr_expect_gt(seen[fault], ROUNDS / 1000, "%s was seen %d times", frame_fault_name(fault),
		             seen[fault]);
}

/* What is not a message at all never passes, however long. */
Test(frame, noise_is_garbage)
{
	for (uint32_t i = 0; i < 2000; i++) {
		unsigned char *bytes = noise(i, 5 + i);
		struct frame f;
		cr_assert_eq(frame_read(&f, bytes, i), FRAME_GARBAGE);
		mem_free(bytes);
	}
}

/* A header that is right in all but its meaning: every value of each of the small fields. */
Test(frame, sealed_nonsense_is_garbage)
{
	unsigned char bytes[FRAME_HEADER_BYTES];
	uint64_t body = hash_words(0, "", 0);
	struct frame f;
	int sound = 0;
	for (unsigned type = 0; type < 256; type++)
		for (unsigned bit = 0; bit <= 16; bit++)
			for (unsigned index = 0; index < 3; index++) {
				message(FRAME_PUSH, 0, 0, bytes);
				unsigned flags = bit == 16 ? 0 : 1u << bit;
				bytes[5] = (unsigned char)type;
				bytes[6] = (unsigned char)flags;
				bytes[7] = (unsigned char)(flags >> 8);
				bytes[40] = (unsigned char)index;
				bytes[42] = 2;
				uint64_t seal = hash_words(body, bytes, 64);
				for (int i = 0; i < 8; i++)
					bytes[64 + i] = (unsigned char)(seal >> 8 * i);
				enum frame_fault fault = frame_read(&f, bytes, sizeof bytes);
				sound += fault == FRAME_SOUND;
				cr_assert(fault == FRAME_SOUND || fault == FRAME_GARBAGE);
				cr_assert(fault == FRAME_GARBAGE || (index < 2 && frame_type_name(type)));
			}
	/* 18 types without a flag and 18 pairs of a type and a flag of its own, each with two indices. */
	cr_expect_eq(sound, 2 * (18 + 18), "%d were sound", sound);
}
