/* Partition `iid`: the shards of one random permutation. */
#include "data/partition/partition_row.h"

static int iid_deal(const void *state, const struct partition_ask *ask, uint32_t *order, size_t *size,
                    struct err *e)
{
	(void)state;
	(void)size;
	(void)e;
	partition_shuffled(ask, order);
	return 0;
}

const struct partition_row partition_iid = {
        .row = {.name = "iid",
                .also = "uniform, random, homogeneous",
                .about = "equal shards of all samples in a random order",
                .formula =
                        "shard m is places m n .. (m + 1) n - 1 of one random permutation, n = floor(N / M)"},
        .drawn = true,
        .sizes = partition_equal_sizes,
        .deal = iid_deal,
};
