/* The sizes and settings that each shape of kernel is checked with. */
#include "check/check_walk.h"

enum { SMALL = 200, VARIANTS = 24 }; /* every size up to SMALL */

/* Beyond vectors, chunks and tiles of every kernel, with and without a remainder. */
static const size_t beyond[] = {255, 256, 512, 513, 1023, 1111, 2048, 4160, 32768, 33333, 66000};
enum { N_BEYOND = sizeof(beyond) / sizeof(beyond[0]) };

/* Settings by number. A setting that a kernel ignores changes only its random input. */
static void walk_variant(struct walk *w, struct kernel_job j, unsigned number)
{
	const float rates[] = {0.01f, -1.5f, 0}, betas[] = {0, 0.9f, 1};
	bool product = w->kernel->shape == SHAPE_PRODUCT, special = number / 3 % 2;
	j.policy = (enum sign_policy)(number % 3);
	j.rate = rates[number % 3];
	j.beta = betas[number / 3 % 3]; /* every pair of a policy and a beta */
	j.flag = number / 6 % 2;
	j.other = number / 12 % 2;
	j.decay = j.other ? 0.1f : 0;
	j.first = 64 * (w->cases % 5 * 1023);
	j.gather.pad = 2 * (int)(number % 3);
	j.gather.flip = number / 3 % 2;
	j.random = stream_of(w->cases, RNG_TEST, 1, 7);
	enum kernel_flavour odd = product ? FLAVOUR_FEW_SPECIAL : FLAVOUR_SPECIAL;
	walk_case(w, j, special ? odd : FLAVOUR_ORDINARY, special);
}

static void walk_variants(struct walk *w, struct kernel_job j)
{
	for (unsigned v = 0; v < VARIANTS; v++)
		walk_variant(w, j, v);
}

static void walk_vectors(struct walk *w)
{
	for (size_t n = 0; n <= SMALL; n++)
		walk_variants(w, (struct kernel_job){.n = n, .rows = 1});
	for (size_t i = 0; i < N_BEYOND; i++)
		walk_variants(w, (struct kernel_job){.n = beyond[i], .rows = 1});
}

static void walk_vote(struct walk *w, size_t n, int workers)
{
	/* the second dozen of variants would differ only in settings that votes ignore */
	for (unsigned v = 0; v < VARIANTS / 2; v++)
		walk_variant(w, (struct kernel_job){.n = n, .rows = 1, .votes = {.count = workers}}, v);
}

static void walk_votes(struct walk *w)
{
	const int many[] = {64, 101, 255, 256, WALK_WORKERS}, tiled[] = {1, 2, 8, 16, 17, 33};
	const size_t few[] = {0, 1, 63, 64, 65, 200, 512, 577, 1111};
	for (int workers = 1; workers <= 33; workers++) {
		for (size_t n = 0; n <= SMALL; n++)
			walk_vote(w, n, workers);
		for (size_t i = 0; beyond[i] < 2048; i++)
			walk_vote(w, beyond[i], workers);
	}
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
		for (size_t n = 0; n < sizeof(few) / sizeof(few[0]); n++)
			walk_vote(w, few[n], many[i]);
	for (size_t i = 0; i < sizeof(tiled) / sizeof(tiled[0]); i++)
		walk_vote(w, 33333, tiled[i]);
}

static void walk_rows(struct walk *w)
{
	const size_t rows[] = {0, 1, 2, 3, 32, 65, 129};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t n = 1; n <= SMALL; n += n < 40 ? 1 : 23)
			walk_variants(w, (struct kernel_job){.n = n, .rows = rows[i]});
	walk_variants(w, (struct kernel_job){.n = 33000, .rows = 2});
}

/* Shifts go beyond the smallest of them. */
static void walk_images(struct walk *w)
{
	const int heights[] = {1, 2, 7, 32}, widths[] = {1, 3, 8, 33};
	const size_t rows[] = {0, 1, 5};
	for (int i = 0; i < 3 * 4 * 4 * 3; i++) {
		struct gather g = {
		        .channels = 1 + i % 3, .height = heights[i / 3 % 4], .width = widths[i / 12 % 4]};
		walk_variants(w, (struct kernel_job){.rows = rows[i / 48],
		                                     .n = (size_t)(g.channels * g.height * g.width),
		                                     .gather = g});
	}
}

static void walk_products(struct walk *w)
{
	const size_t side[] = {0, 1, 2, 3, 7, 8, 16, 17, 33, 70};
	enum { SIDES = sizeof(side) / sizeof(side[0]) };
	for (size_t i = 0; i < SIDES * SIDES * SIDES; i++)
		walk_variants(w, (struct kernel_job){.rows = side[i % SIDES],
		                                     .n = side[i / SIDES % SIDES],
		                                     .inner = side[i / SIDES / SIDES]});
	walk_variants(w, (struct kernel_job){.rows = 32, .n = 100, .inner = 784});
}

void walk_cases(struct walk *w)
{
	switch (w->kernel->shape) {
	case SHAPE_VECTOR:
	case SHAPE_SIGN:
		walk_vectors(w);
		break;
	case SHAPE_VOTE:
		walk_votes(w);
		break;
	case SHAPE_ROWS:
	case SHAPE_TABLE:
		walk_rows(w);
		break;
	case SHAPE_IMAGES:
		walk_images(w);
		break;
	case SHAPE_PRODUCT:
		walk_products(w);
		break;
	}
}
