/* Allocating the memory of jobs, and filling it with random numbers. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "check/kernel_memory.h"

/* Some bytes more than none, so that every array has an address. */
static void *array(const struct kernel_memory *r, size_t count, size_t size)
{
	return r->machine->alloc((count + 1) * size, "a kernel's numbers");
}

static void open_votes(struct kernel_memory *r)
{
	size_t workers = (size_t)r->workers;
	r->votes = mem_array(workers, sizeof(*r->votes));
	r->abstains = mem_array(workers, sizeof(*r->abstains));
	r->votes_lent = mem_array(workers, sizeof(*r->votes_lent));
	r->abstains_lent = mem_array(workers, sizeof(*r->abstains_lent));
	for (size_t m = 0; m < workers; m++) {
		r->votes[m] = array(r, r->words, sizeof(*r->votes[m]));
		r->abstains[m] = array(r, r->words, sizeof(*r->abstains[m]));
	}
}

void kernel_memory_open(struct kernel_memory *r, const struct kernel *k, size_t floats, size_t words,
                        int workers, const struct memory *machine)
{
	bool planes = k->shape == SHAPE_SIGN || k->shape == SHAPE_VOTE, images = k->shape == SHAPE_IMAGES,
	     labels = k->shape == SHAPE_ROWS || k->shape == SHAPE_TABLE;
	*r = (struct kernel_memory){
	        .machine = machine, .floats = floats, .words = planes ? words : 0, .workers = workers};
	r->x = array(r, k->inputs > 0 ? floats : 0, sizeof(*r->x));
	r->y = array(r, k->inputs > 1 ? floats : 0, sizeof(*r->y));
	for (int i = 0; i < k->outputs; i++)
		r->out[i] = array(r, floats, sizeof(*r->out[i]));
	r->vote = array(r, r->words, sizeof(*r->vote));
	r->abstain = array(r, r->words, sizeof(*r->abstain));
	for (int i = 0; i < 2; i++)
		r->plane[i] = array(r, r->words, sizeof(*r->plane[i]));
	open_votes(r);
	r->label = array(r, labels ? floats : 0, sizeof(*r->label));
	r->pixel = array(r, k->shape == SHAPE_VECTOR || images ? floats : 0, sizeof(*r->pixel));
	r->sample_label = array(r, images ? floats : 0, sizeof(*r->sample_label));
	r->index = array(r, images ? floats : 0, sizeof(*r->index));
	r->loss = array(r, 1, sizeof(*r->loss));
}

void kernel_memory_close(struct kernel_memory *r)
{
	void *const arrays[] = {r->x,       r->y,        r->out[0],   r->out[1], r->out[2], r->vote,
	                        r->abstain, r->plane[0], r->plane[1], r->label,  r->pixel,  r->sample_label,
	                        r->index,   r->loss};
	for (int m = 0; m < r->workers; m++) {
		r->machine->release(r->votes[m]);
		r->machine->release(r->abstains[m]);
	}
	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
		r->machine->release(arrays[i]);
	mem_free(r->votes);
	mem_free(r->abstains);
	mem_free(r->votes_lent);
	mem_free(r->abstains_lent);
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

static void bring_votes(const struct kernel_memory *to, struct queue *q, const struct kernel_job *sizes,
                        size_t bytes, const struct kernel_memory *from)
{
	const struct memory *m = to->machine;
	size_t abstains = sizes->flag ? bytes : 0; /* many small uploads: those that are read */
	m->upload(q, to->vote, from->vote, bytes);
	m->upload(q, to->abstain, from->abstain, abstains);
	for (int w = 0; w < sizes->votes.count; w++) {
		m->upload(q, to->votes[w], from->votes[w], bytes);
		m->upload(q, to->abstains[w], from->abstains[w], abstains);
	}
}

static void bring_inputs(const struct kernel_memory *to, struct queue *q, const struct kernel *k,
                         const struct kernel_job *sizes, const struct kernel_memory *from)
{
	const struct memory *m = to->machine;
	bool images = k->shape == SHAPE_IMAGES, rows = k->shape == SHAPE_ROWS || k->shape == SHAPE_TABLE;
	size_t samples = images ? sizes->rows + 2 : 0, labels = rows ? sizes->rows + 1 : 0,
	       pixels = images                     ? (sizes->rows + 1) * sizes->n + 1
	                : k->shape == SHAPE_VECTOR ? sizes->n + 1
	                                           : 0;
	if (k->inputs > 0)
		m->upload(q, to->x, from->x, (kernel_input_size(k, sizes, 0) + 1) * sizeof(*to->x));
	if (k->inputs > 1)
		m->upload(q, to->y, from->y, (kernel_input_size(k, sizes, 1) + 1) * sizeof(*to->y));
	m->upload(q, to->label, from->label, labels * sizeof(*to->label));
	m->upload(q, to->pixel, from->pixel, pixels);
	m->upload(q, to->sample_label, from->sample_label, samples * sizeof(*to->sample_label));
	m->upload(q, to->index, from->index, samples * sizeof(*to->index));
	if (to->words > 0)
		bring_votes(to, q, sizes, (sign_words(sizes->n) + 1) * sizeof(*to->vote), from);
}

/* Bytes of an output of floats, and of a plane. */
static size_t out_bytes(const struct kernel_job *sizes, size_t more)
{
	return (sizes->rows * sizes->n + more) * sizeof(float);
}

static size_t plane_bytes(const struct kernel_memory *r, const struct kernel_job *sizes, size_t more)
{
	return r->words > 0 ? (sign_words(sizes->n) + more) * sizeof(uint64_t) : 0;
}

void kernel_memory_bring(const struct kernel_memory *to, struct queue *q, const struct kernel *k,
                         const struct kernel_job *sizes, size_t more, const struct kernel_memory *inputs,
                         const struct kernel_memory *outputs)
{
	const struct memory *m = to->machine;
	bring_inputs(to, q, k, sizes, inputs);
	for (int i = 0; i < k->outputs; i++)
		m->upload(q, to->out[i], outputs->out[i], out_bytes(sizes, more));
	for (int i = 0; i < 2; i++)
		m->upload(q, to->plane[i], outputs->plane[i], plane_bytes(to, sizes, more));
	m->upload(q, to->loss, outputs->loss, sizeof(*to->loss));
}

void kernel_memory_fetch(const struct kernel_memory *from, struct queue *q, const struct kernel *k,
                         const struct kernel_job *sizes, size_t more, const struct kernel_memory *outputs)
{
	const struct memory *m = from->machine;
	for (int i = 0; i < k->outputs; i++)
		m->download(q, outputs->out[i], from->out[i], out_bytes(sizes, more));
	for (int i = 0; i < 2; i++)
		m->download(q, outputs->plane[i], from->plane[i], plane_bytes(from, sizes, more));
	m->download(q, outputs->loss, from->loss, sizeof(*from->loss));
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
	j->loss = r->loss;
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
