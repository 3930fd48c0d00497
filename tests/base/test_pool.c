/* Lanes: every item once, on a lane there is, and done when pool_run() returns. */
#include <criterion/criterion.h>

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/pool.h"

enum { ITEMS_MAX = 2000 };

struct tally {
	int lanes;
	atomic_int times[ITEMS_MAX]; /* how often an item ran */
	size_t square[ITEMS_MAX];    /* what it computed */
	atomic_int strays;           /* items on lanes that there are not */
};

static void count_item(void *ctx, int lane, size_t item)
{
	struct tally *t = ctx;
	if (lane < 0 || lane >= t->lanes)
		atomic_fetch_add(&t->strays, 1);
	atomic_fetch_add(&t->times[item], 1);
	t->square[item] = item * item;
}

static void assert_each_once(const struct tally *t, size_t n)
{
	cr_assert_eq(atomic_load(&t->strays), 0);
	for (size_t i = 0; i < ITEMS_MAX; i++)
		cr_assert_eq(atomic_load(&t->times[i]), i < n, "%d lanes, %zu items: item %zu ran %d times",
		             t->lanes, n, i, atomic_load(&t->times[i]));
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(t->square[i], i * i);
}

Test(pool, every_item_runs_once, .timeout = 60)
{
	static const size_t counts[] = {0, 1, 2, 3, 7, 8, 9, 100, ITEMS_MAX};
	static struct tally t;
	for (int lanes = 1; lanes <= 8; lanes++) {
		struct pool *p = pool_open(lanes);
		cr_assert_eq(pool_lanes(p), lanes);
		for (size_t k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
			memset(&t, 0, sizeof(t));
			t.lanes = lanes;
			pool_run(p, counts[k], count_item, &t);
			assert_each_once(&t, counts[k]);
		}
		pool_close(p);
	}
}

Test(pool, lanes_that_sleep_are_no_loss, .timeout = 60)
{
	static struct tally t;
	struct pool *p = pool_open(3);
	for (int run = 0; run < 50; run++) {
		memset(&t, 0, sizeof(t));
		t.lanes = 3;
		usleep(1000); /* longer than any lane spins */
		pool_run(p, 5, count_item, &t);
		assert_each_once(&t, 5);
	}
	pool_close(p);
}

struct gathering {
	int lanes;
	atomic_int here;
	atomic_int lane_items[8];
	bool interruptible[8]; /* a lane's thread takes SIGINT */
	bool finished[8];      /* the lane's item came to its end */
};

/* Holds its lane until all lanes hold an item; all but the caller's then take their time. */
static void gather(void *ctx, int lane, size_t item)
{
	struct gathering *g = ctx;
	(void)item;
	sigset_t blocked;
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	g->interruptible[lane] = !sigismember(&blocked, SIGINT);
	atomic_fetch_add(&g->lane_items[lane], 1);
	atomic_fetch_add(&g->here, 1);
	while (atomic_load(&g->here) < g->lanes)
		sched_yield();
	if (lane > 0)
		usleep(2000);
	g->finished[lane] = true;
}

Test(pool, all_lanes_work_at_the_same_time, .timeout = 60)
{
	for (int lanes = 2; lanes <= 8; lanes++) {
		struct gathering g = {.lanes = lanes};
		struct pool *p = pool_open(lanes);
		pool_run(p, (size_t)lanes, gather, &g); /* never returns where a lane is missing */
		for (int lane = 0; lane < lanes; lane++) {
			cr_assert_eq(atomic_load(&g.lane_items[lane]), 1);
			cr_assert(g.finished[lane], "pool_run() came back before lane %d was done", lane);
			cr_assert_eq(g.interruptible[lane], lane == 0, "signals are for lane 0");
		}
		pool_close(p);
	}
}

static void note_thread(void *ctx, int lane, size_t item)
{
	pthread_t *thread = ctx;
	thread[item] = lane == 0 ? pthread_self() : 0;
}

Test(pool, one_lane_or_one_item_stays_with_the_caller)
{
	pthread_t threads[10] = {0};
	struct pool *one = pool_open(1), *four = pool_open(4);
	pool_run(one, 10, note_thread, threads);
	for (int i = 0; i < 10; i++)
		cr_assert(pthread_equal(threads[i], pthread_self()));
	threads[0] = 0;
	pool_run(four, 1, note_thread, threads);
	cr_assert(pthread_equal(threads[0], pthread_self()));
	pool_close(four);
	pool_close(one);
}

static void run_inside(void *ctx, int lane, size_t item)
{
	static struct tally t;
	(void)lane;
	(void)item;
	pool_run(ctx, 2, count_item, &t);
}

Test(pool, a_run_inside_a_job_is_a_bug, .signal = SIGABRT, .timeout = 60)
{
	struct pool *p = pool_open(2);
	pool_run(p, 2, run_inside, p);
}

Test(pool, no_lanes_are_a_bug, .signal = SIGABRT)
{
	pool_open(0);
}

Test(pool, runs_keep_no_memory, .timeout = 60)
{
	static struct tally t = {.lanes = 2};
	struct pool *p = pool_open(2);
	pool_run(p, 10, count_item, &t);
	size_t before = mallinfo2().uordblks;
	for (int run = 0; run < 1000; run++)
		pool_run(p, 10, count_item, &t);
	cr_assert_eq(mallinfo2().uordblks, before);
	pool_close(p);
}

Test(pool, cores_are_those_the_process_may_use)
{
	cpu_set_t all, one;
	cr_assert_eq(sched_getaffinity(0, sizeof(all), &all), 0);
	cr_assert_eq(pool_cores(), CPU_COUNT(&all));
	int core = 0;
	while (!CPU_ISSET(core, &all))
		core++;
	CPU_ZERO(&one);
	CPU_SET(core, &one);
	cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	cr_assert_eq(pool_cores(), 1);
}
