/*
 * Lanes over POSIX threads.
 *
 * One atomic number, `left`, is the whole dispatch: pool_run() writes the job, then sets left = n; who
 * brings left from k down to k - 1 owns item n - k. Idle lanes watch the same number. A lane that wakes
 * late and finds work can only have found work of the present run, because a run does not end before
 * all its items are done; so no lane is waited for that has no item, and a lane that the machine has
 * put aside costs nothing. The caller works along and would finish a run all by itself.
 *
 * Two sleeps, two handshakes of the same form: the sleeper announces itself and then looks once more
 * (`sleepers`, then left; `caller_sleeps`, then pending); the other side changes the number and then
 * looks for sleepers. All four are sequentially consistent, so one of the two sees the other.
 */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

enum { LINE = 64, PAUSES_PER_LOOK = 4, LOOKS_PER_CLOCK = 16, CLOCKS_PER_YIELD = 4 };

static const double SPIN_S = 40e-6;

struct lane_thread {
	struct pool *pool;
	int lane;
	pthread_t thread;
};

struct pool {
	/* the job of the present run: written before `left` is raised, read after an item was taken */
	alignas(LINE) void (*job)(void *ctx, int lane, size_t item);
	void *ctx;
	size_t n_items;

	alignas(LINE) atomic_size_t left;    /* items that nobody has taken */
	alignas(LINE) atomic_size_t pending; /* items that are not done */

	alignas(LINE) atomic_int sleepers;
	atomic_bool caller_sleeps;
	atomic_bool stop;
	pthread_mutex_t lock;
	pthread_cond_t work, done;

	int lanes;
	bool spin;                   /* every lane has a core to spin on */
	struct lane_thread *threads; /* [lanes - 1]; lane 0 is the caller */
};

/* What a waiting core says to its neighbour. Elsewhere it is left out: the clock still ends the wait. */
#if defined(__x86_64__)
#define PAUSE_CORE() __builtin_ia32_pause()
#else
#define PAUSE_CORE() ((void)0)
#endif

/* Watch *number for a short while. True as soon as it is zero (or, until_zero false, as it is not). */
static bool spin_for(struct pool *p, atomic_size_t *number, bool until_zero)
{
	double end = 0;
	for (int looks = 0; p->spin; looks++) {
		if ((atomic_load_explicit(number, memory_order_acquire) == 0) == until_zero)
			return true;
		for (int i = 0; i < PAUSES_PER_LOOK; i++)
			PAUSE_CORE();
		if (looks % LOOKS_PER_CLOCK != LOOKS_PER_CLOCK - 1)
			continue;
		double now = clock_s();
		if (end == 0)
			end = now + SPIN_S;
		if (now > end)
			break;
		if (looks / LOOKS_PER_CLOCK % CLOCKS_PER_YIELD == CLOCKS_PER_YIELD - 1)
			sched_yield(); /* another process may have use for this core */
	}
	return false;
}

/* Take one item of the present run, if one is left. */
static bool take(struct pool *p, size_t *item)
{
	size_t left = atomic_load_explicit(&p->left, memory_order_acquire);
	while (left > 0) {
		if (atomic_compare_exchange_weak_explicit(&p->left, &left, left - 1, memory_order_acquire,
		                                          memory_order_acquire)) {
			*item = p->n_items - left;
			return true;
		}
	}
	return false;
}

/* Do items until none is left. */
static void work(struct pool *p, int lane)
{
	size_t item, count = 0;
	while (take(p, &item)) {
		p->job(p->ctx, lane, item);
		count++;
	}
	if (count == 0 || atomic_fetch_sub(&p->pending, count) != count || !atomic_load(&p->caller_sleeps))
		return;
	pthread_mutex_lock(&p->lock);
	pthread_cond_signal(&p->done);
	pthread_mutex_unlock(&p->lock);
}

static void sleep_until_work(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	atomic_fetch_add(&p->sleepers, 1);
	while (atomic_load(&p->left) == 0 && !atomic_load(&p->stop))
		pthread_cond_wait(&p->work, &p->lock);
	atomic_fetch_sub(&p->sleepers, 1);
	pthread_mutex_unlock(&p->lock);
}

static void sleep_until_done(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	atomic_store(&p->caller_sleeps, true);
	while (atomic_load(&p->pending) != 0)
		pthread_cond_wait(&p->done, &p->lock);
	atomic_store(&p->caller_sleeps, false);
	pthread_mutex_unlock(&p->lock);
}

static void *lane_main(void *arg)
{
	struct lane_thread *self = arg;
	struct pool *p = self->pool;
	while (!atomic_load(&p->stop)) {
		if (!spin_for(p, &p->left, false))
			sleep_until_work(p);
		work(p, self->lane);
	}
	return NULL;
}

/* Signals are for the caller's thread: the lanes are born with all of them blocked. */
static void start_threads(struct pool *p)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (int i = 0; i < p->lanes - 1; i++) {
		struct lane_thread *t = &p->threads[i];
		*t = (struct lane_thread){.pool = p, .lane = i + 1};
		int failed = pthread_create(&t->thread, NULL, lane_main, t);
		if (failed)
			die("threads: the system refused thread %d of %d: %s", i + 2, p->lanes,
			    strerror(failed));
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct pool *pool_open(int lanes)
{
	if (lanes < 1)
		BUG("a pool needs one lane at least");
	struct pool *p = mem_array(1, sizeof(*p));
	p->lanes = lanes;
	p->spin = lanes <= pool_cores();
	p->threads = mem_array((size_t)lanes - 1, sizeof(*p->threads));
	atomic_init(&p->left, 0);
	atomic_init(&p->pending, 0);
	atomic_init(&p->sleepers, 0);
	atomic_init(&p->caller_sleeps, false);
	atomic_init(&p->stop, false);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->done, NULL);
	start_threads(p);
	return p;
}

void pool_close(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	atomic_store(&p->stop, true);
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (int i = 0; i < p->lanes - 1; i++)
		pthread_join(p->threads[i].thread, NULL);
	pthread_cond_destroy(&p->done);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	mem_free(p->threads);
	mem_free(p);
}

int pool_lanes(const struct pool *p)
{
	return p->lanes;
}

void pool_run(struct pool *p, size_t n_items, void (*job)(void *ctx, int lane, size_t item), void *ctx)
{
	if (p->lanes == 1 || n_items <= 1) {
		for (size_t item = 0; item < n_items; item++)
			job(ctx, 0, item);
		return;
	}
	if (atomic_load(&p->pending) != 0)
		BUG("pool_run() from inside a job");
	p->job = job;
	p->ctx = ctx;
	p->n_items = n_items;
	atomic_store(&p->pending, n_items);
	atomic_store(&p->left, n_items);
	if (atomic_load(&p->sleepers) > 0) {
		pthread_mutex_lock(&p->lock);
		pthread_cond_broadcast(&p->work);
		pthread_mutex_unlock(&p->lock);
	}
	work(p, 0);
	if (!spin_for(p, &p->pending, true))
		sleep_until_done(p);
}

int pool_cores(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return CPU_COUNT(&set);
	/* more processors than a cpu_set_t holds */
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	return online > 0 ? (int)online : 1;
}
