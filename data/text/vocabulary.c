/* A hash table with open addressing; the texts stand one behind the other. */
#include "data/text/vocabulary.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

enum { SLOTS_FIRST = 1 << 10, CAPACITY_FIRST = 1 << 8, BYTES_FIRST = 1 << 12 };

void vocabulary_clear(struct vocabulary *v)
{
	mem_free(v->bytes);
	mem_free(v->begin);
	mem_free(v->slot);
	*v = (struct vocabulary){0};
}

/* FNV-1a (Fowler, Noll and Vo), its upper half folded into the lower one. */
static uint64_t hash_of(const unsigned char *text, size_t length)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ text[i]) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 32;
}

static bool is(const struct vocabulary *v, uint32_t number, const void *text, size_t length)
{
	size_t begin = v->begin[number];
	return v->begin[number + 1] - begin == length && memcmp(v->bytes + begin, text, length) == 0;
}

/* The slot of this text, or the free slot for it. */
static size_t slot_of(const struct vocabulary *v, const void *text, size_t length)
{
	size_t at = hash_of(text, length) & (v->slots - 1);
	while (v->slot[at] && !is(v, v->slot[at] - 1, text, length))
		at = (at + 1) & (v->slots - 1);
	return at;
}

/* Double the slots, and insert all texts again. */
static void widen(struct vocabulary *v)
{
	mem_free(v->slot);
	v->slots = v->slots ? 2 * v->slots : SLOTS_FIRST;
	v->slot = mem_array(v->slots, sizeof *v->slot);
	for (uint32_t i = 0; i < (uint32_t)v->count; i++) {
		const char *text = v->bytes + v->begin[i];
		v->slot[slot_of(v, text, v->begin[i + 1] - v->begin[i])] = i + 1;
	}
}

static void append(struct vocabulary *v, const void *text, size_t length)
{
	if ((size_t)v->count + 2 > v->size) {
		v->size = v->size ? 2 * v->size : CAPACITY_FIRST;
		v->begin = mem_resize(v->begin, v->size * sizeof *v->begin);
		v->begin[0] = 0;
	}
	while (v->n_bytes + length > v->bytes_capacity) {
		v->bytes_capacity = v->bytes_capacity ? 2 * v->bytes_capacity : BYTES_FIRST;
		v->bytes = mem_resize(v->bytes, v->bytes_capacity);
	}
	memcpy(v->bytes + v->n_bytes, text, length);
	v->n_bytes += length;
	v->begin[++v->count] = v->n_bytes;
}

int32_t vocabulary_find(const struct vocabulary *v, const void *text, size_t length)
{
	return v->slots ? (int32_t)v->slot[slot_of(v, text, length)] - 1 : -1;
}

int32_t vocabulary_number(struct vocabulary *v, const void *text, size_t length)
{
	int32_t there = vocabulary_find(v, text, length);
	if (there >= 0)
		return there;
	if (v->count == VOCABULARY_MAX)
		return -1;
	if (2 * (size_t)v->count >= v->slots)
		widen(v);
	v->slot[slot_of(v, text, length)] = (uint32_t)v->count + 1;
	append(v, text, length);
	return v->count - 1;
}
