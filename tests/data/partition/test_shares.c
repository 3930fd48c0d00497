/* Unequal shares against their definitions, and Dirichlet ones against the distribution's mean and variance.
 */
#include <criterion/criterion.h>

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "data/partition/dirichlet_draw.h"
#include "data/partition/partition.h"
#include "tests/support/partition_open.h"

enum { CLASSES = 10 };

/* A training set of labels only, as many of each class but for the remainder. */
static struct dataset labelled(size_t n)
{
	struct dataset d = {.shape = {.n_train = n, .channels = 1, .n_classes = CLASSES}};
	dataset_alloc(&d);
	for (size_t i = 0; i < n; i++)
		d.train_labels[i] = (uint16_t)(i * 7 % CLASSES);
	return d;
}

static void expect_sizes(size_t n, const char *how, int workers, const size_t *expected)
{
	struct dataset d = labelled(n);
	struct partition p;
	partition_open(&p, &d, how, workers, 1);
	for (int w = 0; w < workers; w++)
		cr_expect_eq(partition_size(&p, w), expected[w], "%s: worker %d has %zu, expected %zu", how,
		             w, partition_size(&p, w), expected[w]);
	partition_clear(&p);
	dataset_clear(&d);
}

/* Samples by worker and class, as workers see them in an epoch; each at most once. Returns how many. */
static size_t look(struct partition *p, const struct dataset *d, size_t (*count)[CLASSES])
{
	bool *seen = mem_array(d->shape.n_train, sizeof *seen);
	size_t all = 0;
	memset(count, 0, (size_t)p->workers * sizeof *count);
	for (int w = 0; w < p->workers; w++)
		for (size_t i = 0; i < partition_size(p, w); i++, all++) {
			uint32_t sample = partition_sample(p, w, i);
			cr_assert(sample < d->shape.n_train && !seen[sample], "sample %u comes twice",
			          sample);
			seen[sample] = true;
			count[w][d->train_labels[sample]]++;
		}
	mem_free(seen);
	return all;
}

Test(shares, every_sample_has_one_worker)
{
	static const char *const kinds[] = {"{\"kind\":\"dirichlet\",\"alpha\":0.1}",
	                                    "{\"kind\":\"dirichlet\",\"alpha\":0.01,\"as\":\"hsu\"}",
	                                    "{\"kind\":\"dirichlet\",\"alpha\":100,\"as\":\"hsu\"}",
	                                    "{\"kind\":\"gamma\",\"g\":0}",
	                                    "{\"kind\":\"gamma\",\"g\":0.33}",
	                                    "{\"kind\":\"gamma\",\"g\":1}",
	                                    "{\"kind\":\"classes\",\"k\":2}",
	                                    "{\"kind\":\"classes\",\"k\":10}",
	                                    "{\"kind\":\"sizes\",\"zipf\":1.5}"};
	enum { N = 1009, WORKERS = 7 };
	struct dataset d = labelled(N);
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		size_t count[WORKERS][CLASSES];
		struct partition p;
		partition_open(&p, &d, kinds[k], WORKERS, 3);
		cr_expect_eq(look(&p, &d, count), N, "%s", kinds[k]);
		partition_clear(&p);
	}
	dataset_clear(&d);
}

Test(shares, a_zipf_law_has_its_sizes)
{
	expect_sizes(1000, "{\"kind\":\"sizes\",\"zipf\":1}", 4, (const size_t[]){480, 240, 160, 120});
	expect_sizes(205, "{\"kind\":\"sizes\",\"zipf\":2}", 4, (const size_t[]){144, 36, 16, 9});
	/* 5.45 2.73 1.82: the two that are left go to the largest remainders */
	expect_sizes(10, "{\"kind\":\"sizes\",\"zipf\":1}", 3, (const size_t[]){5, 3, 2});
	expect_sizes(50, "{\"kind\":\"sizes\",\"zipf\":3}", 1, (const size_t[]){50});
}

Test(shares, a_list_is_taken_at_its_word)
{
	expect_sizes(100, "{\"kind\":\"sizes\",\"list\":[7,50,1]}", 3, (const size_t[]){7, 50, 1});
}

static void expect_same(const struct partition *p, const struct partition *q)
{
	for (int w = 0; w < p->workers; w++)
		cr_assert_eq(partition_size(p, w), partition_size(q, w));
	cr_assert_arr_eq(p->owned, q->owned, p->first[p->workers] * sizeof *p->owned);
}

Test(shares, gamma_1_is_iid_and_gamma_0_are_runs_of_labels)
{
	enum { N = 700, WORKERS = 7 };
	struct dataset d = labelled(N);
	struct partition p, q;
	size_t count[WORKERS][CLASSES], sorted[WORKERS][CLASSES];
	partition_open(&p, &d, "{\"kind\":\"gamma\",\"g\":1}", WORKERS, 4);
	partition_open(&q, &d, "iid", WORKERS, 4);
	expect_same(&p, &q);
	partition_clear(&p);
	partition_clear(&q);
	partition_open(&p, &d, "{\"kind\":\"gamma\",\"g\":0}", WORKERS, 4);
	partition_open(&q, &d, "label-shards", WORKERS, 4);
	look(&p, &d, count);
	look(&q, &d, sorted);
	cr_assert_arr_eq(count, sorted, sizeof count);
	partition_clear(&p);
	partition_clear(&q);
	dataset_clear(&d);
}

/* 0.29 times 100 is below 29 in doubles. */
Test(shares, gamma_deals_as_many_at_random_as_it_says)
{
	enum { N = 100 };
	struct dataset d = labelled(N);
	struct partition p;
	int falls = 0, first = 0;
	partition_open(&p, &d, "{\"kind\":\"gamma\",\"g\":0.29}", 1, 4);
	for (int i = 1; i < N; i++)
		if (d.train_labels[p.owned[i]] < d.train_labels[p.owned[i - 1]]) {
			falls++;
			first = i;
		}
	cr_assert_gt(falls, 5);
	cr_assert_leq(first, 29);
	cr_assert_gt(first, 25);
	partition_clear(&p);
	expect_sizes(103, "{\"kind\":\"gamma\",\"g\":0.5}", 2, (const size_t[]){51, 52});
	dataset_clear(&d);
}

Test(shares, each_worker_has_k_classes_in_turn)
{
	enum { N = 1000, WORKERS = 7, K = 3 };
	struct dataset d = labelled(N);
	size_t count[WORKERS][CLASSES];
	int owners[CLASSES] = {0};
	struct partition p;
	partition_open(&p, &d, "{\"kind\":\"classes\",\"k\":3}", WORKERS, 5);
	look(&p, &d, count);
	for (int w = 0; w < WORKERS; w++)
		for (int i = 0; i < K; i++)
			owners[(w * K + i) % CLASSES]++;
	for (int c = 0; c < CLASSES; c++) {
		size_t share = (size_t)(N / CLASSES / owners[c]);
		for (int w = 0; w < WORKERS; w++) {
			bool owns = (c - w * K % CLASSES + CLASSES) % CLASSES < K;
			cr_expect(owns ? count[w][c] == share || count[w][c] == share + 1 : count[w][c] == 0,
			          "worker %d has %zu of class %d", w, count[w][c], c);
		}
	}
	partition_clear(&p);
	dataset_clear(&d);
}

/* Mean and variance of draws of one share, against Beta(a, b). */
static void expect_beta(const char *what, int n, double sum, double squares, double a, double b)
{
	double mean = sum / n, variance = squares / n - mean * mean;
	double theory = a / (a + b), spread = theory * (1 - theory) / (a + b + 1);
	/* of the squared deviation: its kurtosis (Johnson and Kotz) gives the error of the variance */
	double excess = 6 * ((a - b) * (a - b) * (a + b + 1) - a * b * (a + b + 2)) /
	                (a * b * (a + b + 2) * (a + b + 3));
	cr_expect_float_eq(mean, theory, 5 * sqrt(spread / n), "%s: mean %g, expected %g", what, mean,
	                   theory);
	cr_expect_float_eq(variance, spread, 5 * spread * sqrt((excess + 2) / n),
	                   "%s: variance %g, expected %g", what, variance, spread);
}

Test(shares, dirichlet_draws_have_beta_marginals)
{
	static const double alphas[] = {0.01, 0.3, 1, 2.5, 40}, weight[] = {0.5, 1, 2.5};
	enum { DRAWS = 20000, COUNT = 3 };
	for (size_t i = 0; i < sizeof alphas / sizeof *alphas; i++) {
		struct draw draw = {.stream = stream_of(i, RNG_TEST, 0, 0)};
		double shape[COUNT], sum[COUNT] = {0}, squares[COUNT] = {0}, all = 0;
		for (int c = 0; c < COUNT; c++)
			all += shape[c] = alphas[i] * weight[c];
		for (int k = 0; k < DRAWS; k++) {
			double q[COUNT], one = 0;
			draw_dirichlet(&draw, COUNT, shape, q);
			for (int c = 0; c < COUNT; c++) {
				one += q[c];
				sum[c] += q[c];
				squares[c] += q[c] * q[c];
			}
			cr_assert_float_eq(one, 1, 1e-12);
		}
		for (int c = 0; c < COUNT; c++)
			expect_beta("draws", DRAWS, sum[c], squares[c], shape[c], all - shape[c]);
	}
}

Test(shares, a_tiny_alpha_gives_all_to_one)
{
	enum { COUNT = 5, DRAWS = 2000 };
	struct draw draw = {.stream = stream_of(1, RNG_TEST, 0, 0)};
	int times[COUNT] = {0};
	for (int k = 0; k < DRAWS; k++) {
		const double shape[COUNT] = {1e-6, 1e-6, 1e-6, 1e-6, 0};
		double q[COUNT];
		draw_dirichlet(&draw, COUNT, shape, q);
		for (int c = 0; c < COUNT; c++) {
			cr_assert(q[c] >= 0 && q[c] <= 1);
			times[c] += q[c] > 0.999;
		}
	}
	cr_expect_eq(times[4], 0);
	cr_expect_geq(times[0] + times[1] + times[2] + times[3], DRAWS - 5);
	for (int c = 0; c < 4; c++)
		cr_expect_float_eq(times[c], DRAWS / 4.0, 5 * sqrt(DRAWS * 3 / 16.0));
}

/* A worker's part of each class is Beta(alpha, (M - 1) alpha); rounding to samples moves it by less than 1 /
 * N_c.
 */
Test(shares, classes_over_workers_have_beta_marginals)
{
	enum { N = 20000, WORKERS = 4, SEEDS = 600 };
	struct dataset d = labelled(N);
	double sum[CLASSES] = {0}, squares[CLASSES] = {0}, per_class = (double)N / CLASSES;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		int64_t count[WORKERS][CLASSES];
		struct partition p;
		partition_open(&p, &d, "{\"kind\":\"dirichlet\",\"alpha\":0.5}", WORKERS, seed);
		partition_count(&p, &d, &count[0][0]);
		for (int c = 0; c < CLASSES; c++) {
			double q = (double)count[seed % WORKERS][c] / per_class;
			sum[c] += q;
			squares[c] += q * q;
		}
		partition_clear(&p);
	}
	for (int c = 0; c < CLASSES; c++)
		expect_beta("byzfl", SEEDS, sum[c], squares[c], 0.5, 0.5 * (WORKERS - 1));
	dataset_clear(&d);
}

/*
 * q ~ Beta(alpha p, alpha (1 - p)) of each worker: the mean holds by symmetry. All samples are dealt, so that
 * towards the end some classes have run out and shares are pulled to p: the variance is below that of q, but
 * of its size.
 */
Test(shares, workers_over_classes_have_the_means_of_the_classes)
{
	enum { N = 5000, WORKERS = 10, SEEDS = 200 };
	static const double alpha = 5, p_c = 1.0 / CLASSES;
	struct dataset d = labelled(N);
	double spread = p_c * (1 - p_c) / (alpha + 1), sum[CLASSES] = {0}, squares = 0;
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		int64_t count[WORKERS][CLASSES];
		struct partition p;
		partition_open(&p, &d, "{\"kind\":\"dirichlet\",\"alpha\":5,\"as\":\"hsu\"}", WORKERS, seed);
		partition_count(&p, &d, &count[0][0]);
		for (int w = 0; w < WORKERS; w++)
			cr_assert_eq(partition_size(&p, w), N / WORKERS);
		for (int c = 0; c < CLASSES; c++) {
			double q = (double)count[seed % WORKERS][c] * WORKERS / N;
			sum[c] += q;
			squares += (q - p_c) * (q - p_c) / (SEEDS * CLASSES);
		}
		partition_clear(&p);
	}
	for (int c = 0; c < CLASSES; c++)
		cr_expect_float_eq(sum[c] / SEEDS, p_c, 5 * sqrt(spread / SEEDS), "class %d: %g", c,
		                   sum[c] / SEEDS);
	cr_expect(squares > 0.5 * spread && squares < 1.1 * spread, "variance %g of %g", squares, spread);
	dataset_clear(&d);
}

Test(shares, a_partition_is_a_function_of_its_seed)
{
	static const char how[] = "{\"kind\":\"dirichlet\",\"alpha\":0.3}";
	struct dataset d = labelled(2000);
	struct partition p, q;
	partition_open(&p, &d, how, 5, 1);
	partition_open(&q, &d, how, 5, 1);
	expect_same(&p, &q);
	partition_clear(&q);
	partition_open(&q, &d, how, 5, 2);
	cr_expect(partition_size(&p, 0) != partition_size(&q, 0) ||
	          partition_size(&p, 1) != partition_size(&q, 1));
	partition_clear(&p);
	partition_clear(&q);
	dataset_clear(&d);
}

/* Only draws in which every worker has a batch count. */
Test(shares, poor_draws_are_drawn_anew)
{
	static const char how[] = "{\"kind\":\"dirichlet\",\"alpha\":0.3}";
	static const int64_t batch[] = {150, 150, 150, 150};
	struct dataset d = labelled(1000);
	int fewer = 0;
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct err e = {0};
		struct partition p;
		cr_assert_eq(partition_try(&p, &d, how, 4, batch, seed, &e), 0, "%s", e.text);
		for (int w = 0; w < 4; w++)
			cr_expect_geq(partition_size(&p, w), 150);
		partition_clear(&p);
		partition_open(&p, &d, how, 4, seed);
		for (int w = 0; w < 4; w++)
			fewer += partition_size(&p, w) < 150;
		partition_clear(&p);
	}
	cr_expect_gt(fewer, 5);
	dataset_clear(&d);
}

static void expect_refused(size_t n, const char *how, int workers, const int64_t *batch, const char *expected)
{
	struct dataset d = labelled(n);
	struct partition p;
	struct err e = {0};
	cr_assert_eq(partition_try(&p, &d, how, workers, batch, 1, &e), -1, "%s", how);
	cr_expect(strstr(e.text, expected), "%s: found '%s', expected '%s'", how, e.text, expected);
	partition_clear(&p);
	dataset_clear(&d);
}

Test(shares, what_cannot_be_met_is_refused_with_the_numbers)
{
	static const int64_t batch[] = {1, 1, 30};
	expect_refused(100, "{\"kind\":\"dirichlet\",\"alpha\":0.01}", 3, (const int64_t[]){33, 33, 33},
	               "with alpha 0.01 left some worker with less than its batch in each of 100 draws (100 "
	               "samples over 3 workers); in the last one worker ");
	expect_refused(
	        100, "{\"kind\":\"classes\",\"k\":3}", 3, batch,
	        "k: 3 workers with 3 classes each leave classes without a worker, of 10; expected k at "
	        "least 4");
	expect_refused(100, "{\"kind\":\"classes\",\"k\":11}", 3, batch,
	               "k: found 11 classes for each worker, expected at most 10");
	expect_refused(100, "{\"kind\":\"sizes\",\"list\":[1,2]}", 3, batch,
	               "list: found 2 sizes, expected one for each of 3 workers");
	expect_refused(100, "{\"kind\":\"sizes\",\"list\":[1,2,98]}", 3, batch,
	               "list: found 101 samples in all, expected at most the 100 of the training set");
	expect_refused(100, "{\"kind\":\"sizes\",\"list\":[40,40,20]}", 3, batch,
	               "partition \"sizes\": worker 2 gets 20 samples, less than its batch of 30");
	expect_refused(100, "sizes", 3, batch, "give either `zipf` or `list`");
	expect_refused(100, "{\"kind\":\"sizes\",\"zipf\":1,\"list\":[1,2,3]}", 3, batch,
	               "give either `zipf` or `list`, not both");
}

/* A worker without a batch has no shard, and the others share everything. */
Test(shares, workers_without_a_batch_have_no_data)
{
	enum { N = 100, WORKERS = 5 };
	static const int64_t batch[] = {0, 1, 0, 1, 1};
	static const char *const kinds[] = {
	        "iid", "{\"kind\":\"gamma\",\"g\":0.5}", "{\"kind\":\"sizes\",\"list\":[30,30,40]}",
	        "{\"kind\":\"classes\",\"k\":4}", "{\"kind\":\"dirichlet\",\"alpha\":1}"};
	struct dataset d = labelled(N);
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		struct partition p, q;
		struct err e = {0};
		cr_assert_eq(partition_try(&p, &d, kinds[k], WORKERS, batch, 1, &e), 0, "%s", e.text);
		partition_open(&q, &d, kinds[k], 3, 1);
		cr_expect(partition_size(&p, 0) == 0 && partition_size(&p, 2) == 0);
		for (int w = 0; w < 3; w++)
			cr_expect_eq(partition_size(&p, w == 0 ? 1 : w + 2), partition_size(&q, w), "%s",
			             kinds[k]);
		partition_clear(&p);
		partition_clear(&q);
	}
	dataset_clear(&d);
}
