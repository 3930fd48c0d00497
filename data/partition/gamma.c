/* Partition `gamma`: a share of the samples dealt at random, the rest by label. */
#include <string.h>
#include "base/exact.h"
#include "base/mem.h"
#include "data/partition/partition_row.h"

struct gamma {
	double g;
};

/* Samples that are dealt at random: the first ones of the shuffled set. */
static size_t random_part(const struct gamma *s, const struct partition_ask *ask)
{
	return (size_t)ratio_floor(s->g, (struct ratio){(int64_t)ask->samples, 1});
}

static int gamma_sizes(const void *state, const struct partition_ask *ask, size_t *size, struct err *e)
{
	size_t dealt = random_part(state, ask), sorted = ask->samples - dealt;
	int all = ask->sharers;
	(void)e;
	for (int m = 0; m < all; m++)
		size[m] = partition_cut(dealt, m + 1, all) - partition_cut(dealt, m, all) +
		          partition_cut(sorted, m + 1, all) - partition_cut(sorted, m, all);
	return 0;
}

static uint32_t *append(uint32_t *to, const uint32_t *from, size_t begin, size_t end)
{
	memcpy(to, from + begin, (end - begin) * sizeof *to);
	return to + (end - begin);
}

static int gamma_deal(const void *state, const struct partition_ask *ask, uint32_t *order, size_t *size,
                      struct err *e)
{
	size_t dealt = random_part(state, ask), sorted = ask->samples - dealt;
	uint32_t *from = mem_array(ask->samples, sizeof *from);
	int all = ask->sharers;
	(void)size;
	(void)e;
	partition_shuffled(ask, from);
	partition_sort(ask, from + dealt, sorted);
	for (int m = 0; m < all; m++) {
		order = append(order, from, partition_cut(dealt, m, all), partition_cut(dealt, m + 1, all));
		order = append(order, from + dealt, partition_cut(sorted, m, all),
		               partition_cut(sorted, m + 1, all));
	}
	mem_free(from);
	return 0;
}

static const struct key gamma_keys[] = {
        {.name = "g",
         .also = "similarity",
         .kind = KEY_REAL,
         .offset = offsetof(struct gamma, g),
         .lowest = 0,
         .highest = 1,
         .help = "share of the samples that is dealt at random: 1 is as \"iid\", 0 the extreme case, runs of "
                 "labels"},
        {0},
};

const struct partition_row partition_gamma = {
        .row = {.name = "gamma",
                .also = "gamma_similarity_niid, gamma_niid",
                .about = "a share of the samples at random, the rest in runs of labels; all samples are in "
                         "use",
                .formula =
                        "of the samples in random order the first floor(g N) are cut into M equal runs, the "
                        "rest is sorted by label and cut into M equal runs; worker m gets run m of both",
                .keys = gamma_keys,
                .state_bytes = sizeof(struct gamma)},
        .drawn = true,
        .sizes = gamma_sizes,
        .deal = gamma_deal,
};
