/* Partition `sizes`: random samples, and as many for each worker as is said. */
#include <math.h>
#include "base/mem.h"
#include "data/partition/partition_row.h"

struct sizes {
	double zipf; /* 0: the list says it */
	struct ints list;
};

/* Give the sharer with the largest part of a sample left the whole one; the first of equals. */
static void give_one(int sharers, double *part, size_t *size)
{
	int most = 0;
	for (int m = 1; m < sharers; m++)
		if (part[m] > part[most])
			most = m;
	part[most] = -1;
	size[most]++;
}

/* N w_m / sum w samples by largest remainders, w_m = 1 / (m + 1)^zipf. */
static void zipf_sizes(double zipf, const struct partition_ask *ask, size_t *size)
{
	double sum = 0, *part = mem_array((size_t)ask->sharers, sizeof *part);
	size_t left = ask->samples;
	for (int m = 0; m < ask->sharers; m++)
		sum += pow(m + 1, -zipf);
	for (int m = 0; m < ask->sharers; m++) {
		double quota = (double)ask->samples * (pow(m + 1, -zipf) / sum);
		size[m] = (size_t)quota < left ? (size_t)quota : left;
		part[m] = quota - floor(quota);
		left -= size[m];
	}
	while (left-- > 0)
		give_one(ask->sharers, part, size);
	mem_free(part);
}

static int list_sizes(const struct ints *list, const struct partition_ask *ask, size_t *size, struct err *e)
{
	size_t sum = 0;
	if (list->count != (size_t)ask->sharers)
		return err_user(e,
		                "list: found %zu sizes, expected one for each of %d workers that have data",
		                list->count, ask->sharers);
	for (int m = 0; m < ask->sharers; m++)
		sum += size[m] = (size_t)list->at[m];
	if (sum > ask->samples)
		return err_user(
		        e, "list: found %zu samples in all, expected at most the %zu of the training set",
		        sum, ask->samples);
	return 0;
}

static int sizes_sizes(const void *state, const struct partition_ask *ask, size_t *size, struct err *e)
{
	const struct sizes *s = state;
	if ((s->zipf > 0) == (s->list.count > 0))
		return err_user(e, "give either `zipf` or `list`%s", s->zipf > 0 ? ", not both" : "");
	if (s->list.count > 0)
		return list_sizes(&s->list, ask, size, e);
	zipf_sizes(s->zipf, ask, size);
	return 0;
}

static int sizes_deal(const void *state, const struct partition_ask *ask, uint32_t *order, size_t *size,
                      struct err *e)
{
	(void)state;
	(void)size;
	(void)e;
	partition_shuffled(ask, order);
	return 0;
}

static const struct key sizes_keys[] = {
        {.name = "zipf",
         .also = "zipf_exponent, power_law, exponent",
         .kind = KEY_REAL,
         .offset = offsetof(struct sizes, zipf),
         .default_json = "null",
         .lowest = 0,
         .highest = 100,
         .above = true,
         .help = "exponent s of sizes that fall as 1 / (m + 1)^s: worker 0 has most"},
        {.name = "list",
         .also = "samples_per_client, samples_per_worker, client_sizes",
         .kind = KEY_INTS,
         .offset = offsetof(struct sizes, list),
         .default_json = "null",
         .lowest = 1,
         .highest = 4294967295.0,
         .unit = "samples",
         .help = "the size of each worker's shard; samples beyond their sum are not in use"},
        {0},
};

static const char *const sizes_one_of[] = {"zipf", "list", NULL};

const struct partition_row partition_by_sizes = {
        .row = {.name = "sizes",
                .also = "quantity_skew, unbalanced, zipf",
                .about = "random samples, in shards of the sizes that a list or a Zipf law gives",
                .formula = "shards of one random permutation; zipf: sizes N w_m / sum w with w_m = 1 / (m + "
                           "1)^s, rounded down, and what is left over to the largest remainders",
                .keys = sizes_keys,
                .state_bytes = sizeof(struct sizes),
                .one_of = sizes_one_of},
        .drawn = true,
        .sizes = sizes_sizes,
        .deal = sizes_deal,
};
