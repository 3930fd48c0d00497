/*
 * Lanes under the thread sanitizer: items are counted without atomics, so that an item given to two
 * lanes, two items at once on one lane, or a result that is not there when pool_run() returns is a race
 * to the sanitizer as well as a wrong count. Pauses of many lengths between the runs meet the lanes
 * while they spin, go to sleep, and sleep; two pools run at the same time.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/pool.h"

enum { LANES_MAX = 8, ITEMS_MAX = 500, RUNS = 800, POOLS = 2 };

struct hammer {
	int lanes;
	unsigned times[ITEMS_MAX];    /* how often each item ran */
	size_t lane_items[LANES_MAX]; /* items of each lane */
	double item_s;                /* how long an item keeps its lane */
	long checks, failures;
};

static void wait_s(double seconds)
{
	for (double end = clock_s() + seconds; clock_s() < end;)
		;
}

static void strike(void *ctx, int lane, size_t item)
{
	struct hammer *h = ctx;
	h->times[item]++;
	h->lane_items[lane]++;
	if (h->item_s > 0)
		wait_s(h->item_s);
}

static void expect(struct hammer *h, int right, const char *what, size_t items)
{
	h->checks++;
	if (right)
		return;
	h->failures++;
	fprintf(stderr, "plain_pool: %d lanes, %zu items: %s\n", h->lanes, items, what);
}

static void check_run(struct hammer *h, struct pool *p, size_t items)
{
	memset(h->times, 0, sizeof(h->times));
	memset(h->lane_items, 0, sizeof(h->lane_items));
	pool_run(p, items, strike, h);
	size_t once = 0, others = 0, of_lanes = 0;
	for (size_t i = 0; i < ITEMS_MAX; i++) {
		once += i < items && h->times[i] == 1;
		others += i >= items && h->times[i] != 0;
	}
	for (int lane = 0; lane < h->lanes; lane++)
		of_lanes += h->lane_items[lane];
	expect(h, once == items, "not every item ran exactly once", items);
	expect(h, others == 0, "items ran that there are not", items);
	expect(h, of_lanes == items, "the lanes' counts do not add up", items);
}

/* Between two runs: nothing, a wait within the lanes' spinning, around its end, and a real sleep. */
static void pause_before(int run)
{
	static const double waits_s[] = {0, 0, 0, 0, 5e-6, 30e-6, 38e-6, 40e-6, 42e-6, 45e-6, 60e-6, 100e-6};
	const int kinds = (int)(sizeof(waits_s) / sizeof(waits_s[0])) + 1;
	int kind = run % kinds;
	if (kind + 1 < kinds)
		wait_s(waits_s[kind]);
	else
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

static void *hammer_pools(void *arg)
{
	static const size_t counts[] = {2, 3, 1, 8, 0, 64, 5, ITEMS_MAX};
	struct hammer *h = arg;
	for (h->lanes = 1; h->lanes <= LANES_MAX; h->lanes++) {
		struct pool *p = pool_open(h->lanes);
		for (int run = 0; run < RUNS; run++) {
			h->item_s = run % 20 == 19 ? 60e-6 : 0; /* so long that the caller sleeps, too */
			size_t items = counts[run % (int)(sizeof(counts) / sizeof(counts[0]))];
			pause_before(run);
			check_run(h, p, h->item_s > 0 && items > 8 ? 8 : items);
		}
		pool_close(p);
	}
	return NULL;
}

/* Pools that are closed before their lanes have begun, and while they spin. */
static void open_and_close(struct hammer *h)
{
	for (h->lanes = 1; h->lanes <= LANES_MAX; h->lanes++)
		for (int run = 0; run < 20; run++) {
			struct pool *p = pool_open(h->lanes);
			if (run % 2)
				check_run(h, p, 4);
			pool_close(p);
		}
}

int main(void)
{
	static struct hammer hammers[POOLS];
	pthread_t threads[POOLS];
	for (int i = 0; i < POOLS; i++)
		if (pthread_create(&threads[i], NULL, hammer_pools, &hammers[i]))
			return 1;
	for (int i = 0; i < POOLS; i++)
		pthread_join(threads[i], NULL);
	open_and_close(&hammers[0]);
	long checks = 0, failures = 0;
	for (int i = 0; i < POOLS; i++) {
		checks += hammers[i].checks;
		failures += hammers[i].failures;
	}
	if (failures == 0)
		printf("plain_pool: %ld checks passed\n", checks);
	return failures != 0;
}
