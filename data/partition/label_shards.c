/* Partition `label-shards`: contiguous ranges after a stable sort by label. */
#include "data/partition/partition_row.h"

static int label_shards_deal(const void *state, const struct partition_ask *ask, uint32_t *order,
                             size_t *size, struct err *e)
{
	(void)state;
	(void)size;
	(void)e;
	partition_stored(ask, order);
	partition_sort(ask, order, ask->samples);
	return 0;
}

const struct partition_row partition_label_shards = {
        .row = {.name = "label-shards",
                .about = "equal contiguous ranges after a sort by label: few labels for each worker",
                .formula = "shard m is places m n .. (m + 1) n - 1 of the samples in order of label, n = "
                           "floor(N "
                           "/ M); equal labels stay in stored order"},
        .sizes = partition_equal_sizes,
        .deal = label_shards_deal,
};
