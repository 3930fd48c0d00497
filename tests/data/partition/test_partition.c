/* Shards and orders against their definition, and their randomness against chi-square. */
#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "data/partition/partition.h"
#include "tests/support/partition_open.h"

enum { CLASSES = 10 };

/* A training set of labels only: no pixel is looked at. */
static struct dataset labelled(size_t n, uint64_t seed)
{
	struct dataset d = {.shape = {.n_train = n, .channels = 1, .n_classes = CLASSES}};
	struct stream s = stream_of(seed, RNG_TEST, 0, 0);
	dataset_alloc(&d);
	for (size_t i = 0; i < n; i++)
		d.train_labels[i] = (uint16_t)stream_below(&s, i, CLASSES);
	return d;
}

/* How often each sample [n] comes up in one epoch of one worker. */
static void count_epoch(struct partition *p, int worker, uint64_t epoch, int *times)
{
	size_t size = partition_size(p, worker);
	for (size_t i = 0; i < size; i++)
		times[partition_sample(p, worker, epoch * size + i)]++;
}

Test(partition, an_epoch_is_a_permutation_and_shards_are_disjoint)
{
	enum { N = 103 };
	static const char *const kinds[] = {"iid", "shards", "label-shards"};
	struct dataset d = labelled(N, 1);
	for (int kind = 0; kind < 3; kind++) {
		for (int workers = 1; workers <= N; workers += 6) {
			struct partition p;
			int first[N] = {0}, second[N] = {0}, used = 0;
			partition_open(&p, &d, kinds[kind], workers, 5);
			for (int w = 0; w < workers; w++) {
				cr_assert_eq(partition_size(&p, w), (size_t)(N / workers));
				count_epoch(&p, w, 0, first);
				count_epoch(&p, w, 3, second);
			}
			for (int i = 0; i < N; i++) {
				cr_assert_leq(first[i], 1, "sample %d came up %d times", i, first[i]);
				cr_assert_eq(first[i], second[i], "another epoch, another shard");
				used += first[i];
			}
			cr_assert_eq(used, N / workers * workers);
			partition_clear(&p);
		}
	}
	dataset_clear(&d);
}

Test(partition, shards_are_ranges_in_stored_order)
{
	struct dataset d = labelled(50, 1);
	struct partition p;
	partition_open(&p, &d, "shards", 7, 1);
	for (int w = 0; w < 7; w++)
		for (uint64_t i = 0; i < 7; i++) {
			uint32_t sample = partition_sample(&p, w, i);
			cr_assert(sample >= (uint32_t)w * 7 && sample < (uint32_t)(w + 1) * 7);
		}
	partition_clear(&p);
	dataset_clear(&d);
}

Test(partition, label_shards_follow_a_stable_sort_by_label)
{
	enum { N = 1000, WORKERS = 8, SHARD = N / WORKERS };
	struct dataset d = labelled(N, 2);
	struct partition p;
	uint32_t sorted[N];
	size_t n = 0;
	for (int c = 0; c < CLASSES; c++)
		for (uint32_t i = 0; i < N; i++)
			if (d.train_labels[i] == c)
				sorted[n++] = i;
	partition_open(&p, &d, "label-shards", WORKERS, 1);
	for (int w = 0; w < WORKERS; w++) {
		int times[N] = {0};
		count_epoch(&p, w, 0, times);
		for (int i = 0; i < SHARD; i++)
			cr_assert_eq(times[sorted[w * SHARD + i]], 1);
	}
	partition_clear(&p);
	dataset_clear(&d);
}

/* Asked for in any order, a position gives the same sample: there is no state to save. */
Test(partition, a_sample_is_a_function_of_its_position)
{
	enum { N = 60, WORKERS = 3, LONG = 10 * N / WORKERS };
	struct dataset d = labelled(N, 3);
	struct partition p, q;
	uint32_t in_order[LONG];
	struct stream s = stream_of(1, RNG_TEST, 0, 0);
	partition_open(&p, &d, "iid", WORKERS, 9);
	partition_open(&q, &d, "iid", WORKERS, 9);
	for (uint64_t i = 0; i < LONG; i++)
		in_order[i] = partition_sample(&p, 1, i);
	for (uint64_t i = 0; i < 500; i++) {
		uint32_t position = stream_below(&s, i, LONG);
		partition_sample(&q, 2, position);
		cr_assert_eq(partition_sample(&q, 1, position), in_order[position]);
	}
	partition_clear(&p);
	partition_clear(&q);
	dataset_clear(&d);
}

static int equal_places(struct partition *p, int w, uint64_t from, struct partition *q, int v, uint64_t to)
{
	int equal = 0;
	for (uint64_t i = 0; i < partition_size(p, 0); i++)
		equal += partition_sample(p, w, from + i) == partition_sample(q, v, to + i);
	return equal;
}

/* Two random permutations of the same 500 samples agree in 1 place on average, in 10 hardly ever (1e-7). */
Test(partition, epochs_and_seeds_have_orders_of_their_own)
{
	enum { N = 500 };
	struct dataset d = labelled(N, 3);
	struct partition p, q;
	partition_open(&p, &d, "shards", 1, 1);
	partition_open(&q, &d, "shards", 1, 2);
	cr_assert_lt(equal_places(&p, 0, 0, &q, 0, 0), 10);
	for (uint64_t epoch = 1; epoch < 20; epoch++)
		cr_assert_lt(equal_places(&p, 0, 0, &q, 0, epoch * N), 10);
	partition_clear(&q);
	partition_open(&q, &d, "shards", 1, 1);
	cr_assert_eq(equal_places(&p, 0, 0, &q, 0, 0), N);
	partition_clear(&p);
	partition_clear(&q);
	dataset_clear(&d);
}

/* Chi-square of the table worker x label against independence, for one seed. */
static double label_chi2(const struct dataset *d, const char *kind, int workers, uint64_t seed)
{
	struct partition p;
	double total[CLASSES] = {0}, chi2 = 0;
	for (size_t i = 0; i < d->shape.n_train; i++)
		total[d->train_labels[i]] += 1;
	partition_open(&p, d, kind, workers, seed);
	for (int w = 0; w < workers; w++) {
		double found[CLASSES] = {0};
		for (uint64_t i = 0; i < partition_size(&p, w); i++)
			found[d->train_labels[partition_sample(&p, w, i)]] += 1;
		for (int c = 0; c < CLASSES; c++) {
			double expected = total[c] / workers;
			chi2 += (found[c] - expected) * (found[c] - expected) / expected;
		}
	}
	partition_clear(&p);
	return chi2;
}

/*
 * Drawn without replacement from fixed totals, the statistic has mean (M - 1)(C - 1) n / (n - 1) and about
 * the variance of chi-square with (M - 1)(C - 1) degrees of freedom; the mean over seeds stays within 5
 * sigma.
 */
Test(partition, iid_shards_have_labels_as_chance_deals_them)
{
	enum { N = 7000, WORKERS = 7, SEEDS = 60, FREEDOM = (WORKERS - 1) * (CLASSES - 1) };
	struct dataset d = labelled(N, 4);
	double mean = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++)
		mean += label_chi2(&d, "iid", WORKERS, seed) / SEEDS;
	cr_assert_float_eq(mean, FREEDOM, 5 * sqrt(2.0 * FREEDOM / SEEDS), "mean chi-square %g", mean);
	cr_assert_gt(label_chi2(&d, "label-shards", WORKERS, 1), 100.0 * FREEDOM);
	dataset_clear(&d);
}

/* The first sample of an epoch is any of the shard with the same chance: 5 sigma of chi-square. */
Test(partition, every_sample_comes_first_equally_often)
{
	enum { N = 40, EPOCHS = 8000 };
	struct dataset d = labelled(N, 5);
	struct partition p;
	double times[N] = {0}, chi2 = 0, expected = (double)EPOCHS / N;
	partition_open(&p, &d, "shards", 1, 6);
	for (uint64_t epoch = 0; epoch < EPOCHS; epoch++)
		times[partition_sample(&p, 0, epoch * N)] += 1;
	for (int i = 0; i < N; i++)
		chi2 += (times[i] - expected) * (times[i] - expected) / expected;
	cr_assert_float_eq(chi2, N - 1, 5 * sqrt(2.0 * (N - 1)), "chi-square %g", chi2);
	partition_clear(&p);
	dataset_clear(&d);
}
