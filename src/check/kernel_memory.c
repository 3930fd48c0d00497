/* Allocating the memory of jobs, and filling it with random numbers. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "check/kernel_memory.h"

void kernel_memory_open(struct kernel_memory *r, const struct kernel *k, size_t floats, size_t words,
                        int workers)
{
	bool planes = k->shape == SHAPE_SIGN || k->shape == SHAPE_VOTE;
	*r = (struct kernel_memory){.floats = floats, .words = planes ? words : 0, .workers = workers};
	r->x = mem_array(k->inputs > 0 ? floats : 0, sizeof(*r->x));
	r->y = mem_array(k->inputs > 1 ? floats : 0, sizeof(*r->y));
	for (int i = 0; i < k->outputs; i++)
		r->out[i] = mem_array(floats, sizeof(*r->out[i]));
	r->vote = mem_array(r->words, sizeof(*r->vote));
	r->abstain = mem_array(r->words, sizeof(*r->abstain));
	for (int i = 0; i < 2; i++)
		r->plane[i] = mem_array(r->words, sizeof(*r->plane[i]));
	r->votes = mem_array((size_t)workers, sizeof(*r->votes));
	r->abstains = mem_array((size_t)workers, sizeof(*r->abstains));
	r->votes_lent = mem_array((size_t)workers, sizeof(*r->votes_lent));
	r->abstains_lent = mem_array((size_t)workers, sizeof(*r->abstains_lent));
	for (int m = 0; m < workers; m++) {
		r->votes[m] = mem_array(r->words, sizeof(*r->votes[m]));
		r->abstains[m] = mem_array(r->words, sizeof(*r->abstains[m]));
	}
	bool labels = k->shape == SHAPE_ROWS || k->shape == SHAPE_TABLE;
	r->label = mem_array(labels ? floats : 0, sizeof(*r->label));
	bool images = k->shape == SHAPE_IMAGES;
	r->pixel = mem_array(k->shape == SHAPE_VECTOR || images ? floats : 0, sizeof(*r->pixel));
	r->sample_label = mem_array(images ? floats : 0, sizeof(*r->sample_label));
	r->index = mem_array(images ? floats : 0, sizeof(*r->index));
}

void kernel_memory_close(struct kernel_memory *r)
{
	for (int m = 0; m < r->workers; m++) {
		mem_free(r->votes[m]);
		mem_free(r->abstains[m]);
	}
	for (int i = 0; i < 3; i++)
		mem_free(r->out[i]);
	for (int i = 0; i < 2; i++)
		mem_free(r->plane[i]);
	mem_free(r->x);
	mem_free(r->y);
	mem_free(r->vote);
	mem_free(r->abstain);
	mem_free(r->votes);
	mem_free(r->abstains);
	mem_free(r->votes_lent);
	mem_free(r->abstains_lent);
	mem_free(r->label);
	mem_free(r->pixel);
	mem_free(r->sample_label);
	mem_free(r->index);
}

/* Random words in sequence. */
struct dice {
	struct stream stream;
	uint64_t block;
	uint32_t word[4];
	int left;
};

static uint32_t throw_word(struct dice *d)
{
	if (d->left == 0) {
		stream_block(&d->stream, d->block++, d->word);
		d->left = 4;
	}
	return d->word[--d->left];
}

static uint64_t throw_bits(struct dice *d)
{
	uint64_t high = throw_word(d);
	return high << 32 | throw_word(d);
}

/* With the first half of the list, products and sums stay within the range of float. */
static float special_number(enum kernel_flavour flavour, uint32_t which)
{
	const float list[] = {0,       -0.0f,    NAN,     -NAN,     INFINITY, -INFINITY, 1e-40f, -1e-40f,
	                      FLT_MAX, -FLT_MAX, FLT_MIN, -FLT_MIN, 1,        -1,        87.5f,  -104};
	return list[which % (flavour == FLAVOUR_SPECIAL ? 16 : 8)];
}

/* Ordinary: +-2^-8 to +-8, both signs alike, never 0. */
static float throw_float(struct dice *d, enum kernel_flavour flavour)
{
	uint32_t word = throw_word(d), rarity = flavour == FLAVOUR_SPECIAL ? 4 : 30;
	if (flavour != FLAVOUR_ORDINARY && word % rarity == 0)
		return special_number(flavour, word >> 8);
	uint32_t bits = (word >> 9) | (127 - 8 + word % 11) << 23 | (word & 0x100) << 23;
	float value;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

static void fill_floats(struct dice *d, enum kernel_flavour flavour, float *v, size_t count)
{
	for (size_t i = 0; i < count; i++)
		v[i] = throw_float(d, flavour);
}

static void fill_words(struct dice *d, uint64_t *v, size_t count)
{
	for (size_t i = 0; i < count; i++)
		v[i] = throw_bits(d);
}

/* One bit in four is 1. */
static void fill_rare(struct dice *d, uint64_t *v, size_t count)
{
	for (size_t i = 0; i < count; i++)
		v[i] = throw_bits(d) & throw_bits(d);
}

/* Close races: every second worker contradicts the one before, nearly everywhere. */
static void fill_votes(struct dice *d, struct kernel_memory *r, int workers, size_t words,
                       enum kernel_flavour flavour)
{
	for (int m = 0; m < workers; m++) {
		if (flavour == FLAVOUR_SPECIAL && m % 2 == 1)
			for (size_t w = 0; w < words; w++)
				r->votes[m][w] =
				        ~r->votes[m - 1][w] ^ (throw_bits(d) & throw_bits(d) & throw_bits(d));
		else
			fill_words(d, r->votes[m], words);
		fill_rare(d, r->abstains[m], words);
	}
}

/* A data set of one sample more than the batch has. Read as floats, its pixels are no NaNs. */
static void fill_images(struct dice *d, struct kernel_memory *r, const struct kernel_job *sizes)
{
	size_t samples = sizes->rows + 1;
	for (size_t i = 0; i < samples * sizes->n + 1; i++)
		r->pixel[i] = (uint8_t)(throw_word(d) % 100);
	for (size_t i = 0; i < samples + 1; i++) {
		r->sample_label[i] = (uint16_t)throw_word(d);
		r->index[i] = throw_word(d) % (uint32_t)samples;
	}
}

void kernel_memory_fill(struct kernel_memory *r, const struct kernel *k, const struct kernel_job *sizes,
                        enum kernel_flavour flavour, uint64_t seed)
{
	struct dice d = {.stream = stream_of(seed, RNG_TEST, 0, 0)};
	size_t outer = sizes->rows * sizes->n + 1, words = r->words ? sign_words(sizes->n) + 1 : 0;
	if (k->inputs > 0)
		fill_floats(&d, flavour, r->x, kernel_input_size(k, sizes, 0) + 1);
	if (k->inputs > 1)
		fill_floats(&d, flavour, r->y, kernel_input_size(k, sizes, 1) + 1);
	for (int i = 0; i < k->outputs; i++)
		fill_floats(&d, flavour, r->out[i], outer);
	fill_words(&d, r->vote, words);
	fill_rare(&d, r->abstain, words);
	fill_votes(&d, r, sizes->votes.count, words, flavour);
	for (size_t i = 0; k->shape == SHAPE_ROWS && i < sizes->rows + 1; i++)
		r->label[i] = (int32_t)(throw_word(&d) % (uint32_t)sizes->n);
	for (size_t i = 0; k->shape == SHAPE_TABLE && i < sizes->rows + 1; i++)
		r->label[i] = (int32_t)(throw_word(&d) % (uint32_t)(sizes->rows > 0 ? sizes->rows : 1));
	for (size_t i = 0; k->shape == SHAPE_VECTOR && i < sizes->n + 1; i++)
		r->pixel[i] = (uint8_t)throw_word(&d);
	if (k->shape == SHAPE_IMAGES)
		fill_images(&d, r, sizes);
}

void kernel_memory_lend(const struct kernel_memory *r, size_t shift, struct kernel_job *j)
{
	j->x = r->x + shift;
	j->y = r->y + shift;
	j->vote = r->vote + shift;
	j->abstain = r->abstain + shift;
	j->label = r->label + shift;
	j->pixel = r->pixel + shift;
	j->sample_label = r->sample_label + shift;
	j->index = r->index + shift;
	for (int i = 0; i < 3; i++)
		j->out[i] = r->out[i] ? r->out[i] + shift : NULL;
	for (int i = 0; i < 2; i++)
		j->plane[i] = r->plane[i] + shift;
	for (int m = 0; m < j->votes.count; m++) {
		r->votes_lent[m] = r->votes[m] + shift;
		r->abstains_lent[m] = r->abstains[m] + shift;
	}
	j->votes.vote = r->votes_lent;
	j->votes.abstain = r->abstains_lent;
}
