/* The validation split: see hold_out.h. */
#include "data/hold_out.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

double hold_out_share(const struct choice *data)
{
	const struct data_source *source = (const struct data_source *)data->row;
	return source->load ? ((const struct data_keys *)data->state)->validation : 0;
}

size_t hold_out_count(size_t all, double share)
{
	double count = floor(share * (double)all + 0.5);
	return count < (double)all ? (size_t)count : all;
}

/* What a class gives: at first the whole part of its share, and what that leaves, in parts of a sample. */
struct quota {
	size_t count, rest;
	size_t label;
};

static int by_rest(const void *left, const void *right)
{
	const struct quota *a = left, *b = right;
	if (a->rest != b->rest)
		return a->rest < b->rest ? 1 : -1;
	return (a->label > b->label) - (a->label < b->label);
}

static int by_label(const void *left, const void *right)
{
	const struct quota *a = left, *b = right;
	return (a->label > b->label) - (a->label < b->label);
}

/* Quotas [classes] that add up to count, by largest remainder; size [classes]: samples of each class. */
static struct quota *quotas(const size_t *size, size_t classes, size_t all, size_t count)
{
	struct quota *q = mem_array(classes, sizeof *q);
	size_t given = 0;
	for (size_t c = 0; c < classes; c++) {
		q[c] = (struct quota){size[c] * count / all, size[c] * count % all, c};
		given += q[c].count;
	}
	qsort(q, classes, sizeof *q, by_rest);
	for (size_t i = 0; given < count; i++, given++)
		q[i].count++;
	qsort(q, classes, sizeof *q, by_label);
	return q;
}

/* held [n_train]: 1 for each sample that is taken out. */
static uint8_t *draw(const struct dataset *d, size_t count, uint64_t seed)
{
	size_t all = d->shape.n_train, classes = (size_t)d->shape.n_classes, first = 0;
	size_t *size = mem_array(classes, sizeof *size), *at = mem_array(classes, sizeof *at);
	uint32_t *sorted = mem_array(all, sizeof *sorted);
	uint8_t *held = mem_array(all, sizeof *held);
	for (size_t i = 0; i < all; i++)
		size[d->train_labels[i]]++;
	for (size_t c = 1; c < classes; c++)
		at[c] = at[c - 1] + size[c - 1];
	for (size_t i = 0; i < all; i++)
		sorted[at[d->train_labels[i]]++] = (uint32_t)i;
	struct quota *of = quotas(size, classes, all, count);
	for (size_t c = 0; c < classes; first += size[c++]) {
		struct stream coins = stream_of(seed, RNG_VALIDATION, (uint32_t)c, 0);
		stream_shuffle(&coins, sorted + first, (uint32_t)size[c]);
		for (size_t i = 0; i < of[c].count; i++)
			held[sorted[first + i]] = 1;
	}
	mem_free(of);
	mem_free(sorted);
	mem_free(at);
	mem_free(size);
	return held;
}

/* Where each item goes: those that are held behind those that are not, each in their order. */
static uint32_t *places(size_t all, size_t count, const uint8_t *held)
{
	uint32_t *to = mem_array(all, sizeof *to), kept = 0, taken = (uint32_t)(all - count);
	for (size_t i = 0; i < all; i++)
		to[i] = held[i] ? taken++ : kept++;
	return to;
}

static void swap(unsigned char *a, unsigned char *b, unsigned char *between, size_t bytes)
{
	memcpy(between, a, bytes);
	memcpy(a, b, bytes);
	memcpy(b, between, bytes);
}

/*
 * Bring items of `bytes` bytes to their places, along the cycles of the permutation: a copy of what is held
 * would be memory that no plan of a run counts.
 */
static void part(void *items, size_t bytes, size_t all, size_t count, const uint8_t *held)
{
	unsigned char *at = items, *between = mem_array(1, bytes);
	uint32_t *to = places(all, count, held);
	for (size_t i = 0; i < all; i++) {
		while (to[i] != i) {
			uint32_t next = to[i];
			swap(at + i * bytes, at + next * bytes, between, bytes);
			to[i] = to[next];
			to[next] = next;
		}
	}
	mem_free(to);
	mem_free(between);
}

static void hold_out_images(struct dataset *d, size_t count, uint64_t seed)
{
	size_t all = d->shape.n_train, features = shape_features(&d->shape), kept = all - count;
	uint8_t *held = draw(d, count, seed);
	part(d->train_labels, sizeof *d->train_labels, all, count, held);
	d->validation_labels = d->train_labels + kept;
	if (d->lazy_images) {
		d->hold_out_lazy_images(d->lazy_images, held, count);
	} else {
		part(d->train_pixels, features, all, count, held);
		d->validation_pixels = d->train_pixels + kept * features;
	}
	mem_free(held);
}

void hold_out(struct dataset *d, size_t count, uint64_t seed)
{
	if (count == 0)
		return;
	if (d->shape.window > 0)
		d->validation_tokens = d->train_tokens + (d->shape.n_train - count);
	else
		hold_out_images(d, count, seed);
	d->shape.n_train -= count;
	d->shape.n_validation = count;
}
