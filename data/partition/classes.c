/* Partition `classes`: each worker has some classes and no others. */
#include "base/mem.h"
#include "data/partition/partition_row.h"

struct classes {
	int64_t k;
};

/* Does sharer m own class c? The k classes in turn begin at m k. */
static bool owns(const struct classes *s, const struct partition_ask *ask, int m, int c)
{
	int64_t first = m * s->k % ask->classes;
	return (c - first + ask->classes) % ask->classes < s->k;
}

static int classes_sizes(const void *state, const struct partition_ask *ask, size_t *size, struct err *e)
{
	const struct classes *s = state;
	(void)size;
	if (s->k > ask->classes)
		return err_user(
		        e, "k: found %lld classes for each worker, expected at most %d, all of the data set",
		        (long long)s->k, ask->classes);
	if (s->k * ask->sharers < ask->classes)
		return err_user(e,
		                "k: %d workers with %lld classes each leave classes without a worker, of %d; "
		                "expected "
		                "k at least %d",
		                ask->sharers, (long long)s->k, ask->classes,
		                (ask->classes + ask->sharers - 1) / ask->sharers);
	return 1;
}

static int classes_deal(const void *state, const struct partition_ask *ask, uint32_t *order, size_t *size,
                        struct err *e)
{
	size_t classes = (size_t)ask->classes, *count = mem_array(classes, sizeof *count);
	size_t *take = mem_array((size_t)ask->sharers, classes * sizeof *take);
	(void)e;
	partition_classes(ask, count);
	for (int c = 0; c < ask->classes; c++) {
		int owners = 0, at = 0;
		for (int m = 0; m < ask->sharers; m++)
			owners += owns(state, ask, m, c);
		for (int m = 0; m < ask->sharers; m++) {
			if (!owns(state, ask, m, c))
				continue;
			take[(size_t)m * classes + (size_t)c] =
			        partition_cut(count[c], at + 1, owners) - partition_cut(count[c], at, owners);
			at++;
		}
	}
	partition_by_class(ask, take, order, size);
	mem_free(take);
	mem_free(count);
	return 0;
}

static const struct key classes_keys[] = {
        {.name = "k",
         .also = "classes_per_client, classes_per_worker, n_classes, labels_per_client",
         .kind = KEY_INT,
         .offset = offsetof(struct classes, k),
         .lowest = 1,
         .highest = 65535,
         .unit = "classes",
         .help = "classes of each worker"},
        {0},
};

const struct partition_row partition_by_classes = {
        .row = {.name = "classes",
                .also = "class_per_client, quantity_label_skew, n_class",
                .about = "each worker has k classes, in turn; a class is shared evenly by its workers",
                .formula =
                        "worker m has classes m k .. m k + k - 1, counted modulo their number; the i-th of w "
                        "workers with class c gets places floor(i N_c / w) .. floor((i + 1) N_c / w) - 1 of "
                        "its samples in random order",
                .keys = classes_keys,
                .state_bytes = sizeof(struct classes)},
        .drawn = true,
        .sizes = classes_sizes,
        .deal = classes_deal,
};
