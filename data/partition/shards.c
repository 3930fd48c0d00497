/* Partition `shards`: contiguous ranges of the stored order. */
#include "data/partition/partition_row.h"

static int shards_deal(const void *state, const struct partition_ask *ask, uint32_t *order, size_t *size,
                       struct err *e)
{
	(void)state;
	(void)size;
	(void)e;
	partition_stored(ask, order);
	return 0;
}

const struct partition_row partition_shards = {
        .row = {.name = "shards",
                .also = "sequential, contiguous",
                .about = "equal contiguous ranges of the stored order; of a text always this",
                .formula = "shard m is samples m n .. (m + 1) n - 1, n = floor(N / M)"},
        .sizes = partition_equal_sizes,
        .deal = shards_deal,
};
