/*
 * A rule's answer has the same bits for any number of lanes, for any cut of the coordinates into shares of
 * several processes, on every backend, `guarded` among them, and whatever memory the caller has had before.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include "base/mem.h"
#include "tests/support/rule_bits.h"

TestSuite(rule_bits, .timeout = 240);

enum { WORKERS = RULE_BITS_WORKERS, N = 2 * MEETING_BLOCK + 777, SHARES_MOST = 5 };

static struct rule_left alone(const char *json, const char *backend, int lanes, size_t n)
{
	return rule_left_by(json, backend, WORKERS, lanes, n);
}

Test(rule_bits, any_number_of_lanes)
{
	for (size_t k = 0; k < RULE_BITS_RULES; k++) {
		struct rule_left one = alone(rule_bits_rules[k], "ref", 1, N);
		for (int lanes = 2; lanes <= 4; lanes++) {
			struct rule_left more = alone(rule_bits_rules[k], "ref", lanes, N);
			rule_left_same(&one, &more, N, rule_bits_rules[k], "lanes", lanes);
			rule_left_free(&more);
		}
		rule_left_free(&one);
	}
}

Test(rule_bits, every_backend)
{
	static const size_t sizes[] = {1, 7, 255, 257, 9001};
	for (size_t k = 0; k < RULE_BITS_RULES; k++)
		for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
			struct rule_left ref = alone(rule_bits_rules[k], "ref", 1, sizes[s]);
			struct rule_left guarded = alone(rule_bits_rules[k], "guarded", 2, sizes[s]);
			rule_left_same(&ref, &guarded, sizes[s], rule_bits_rules[k], "lanes, guarded", 2);
			rule_left_free(&ref);
			rule_left_free(&guarded);
		}
}

/* --- shares of several processes: threads, each with a rule of its own -----------------------------------
 */

struct job {
	pthread_barrier_t meet;
	double *sums; /* [blocks][each] of all processes */
	int gathered[SHARES_MOST];
};

struct process {
	struct job *job;
	const char *json;
	int number, shares;
	struct rule_rig rig;
	pthread_t thread;
};

static int gather(void *self, double *sums, size_t each, struct err *e)
{
	(void)e;
	struct process *p = self;
	size_t begin = p->rig.meeting.begin / MEETING_BLOCK * each, blocks = meeting_blocks(N),
	       end = meeting_blocks(p->rig.meeting.end) * each;
	if (p->rig.meeting.begin < p->rig.meeting.end)
		memcpy(p->job->sums + begin, sums + begin, (end - begin) * sizeof *sums);
	pthread_barrier_wait(&p->job->meet);
	memcpy(sums, p->job->sums, blocks * each * sizeof *sums);
	pthread_barrier_wait(&p->job->meet);
	p->job->gathered[p->number]++;
	return 0;
}

static void *process_main(void *at)
{
	struct process *p = at;
	for (uint64_t step = 0; step < RULE_BITS_STEPS; step++) {
		rule_bits_say(&p->rig, step);
		if (rule_rig_meet(&p->rig, step) != MEETING_ANSWERED)
			return at;
	}
	return NULL;
}

/* Whole blocks of a process; with more processes than blocks, the first ones have none. */
static void set_share(struct process *p)
{
	size_t blocks = meeting_blocks(N), shares = (size_t)p->shares;
	size_t begin = blocks * (size_t)p->number / shares, end = blocks * (size_t)(p->number + 1) / shares;
	p->rig.meeting.begin = begin * MEETING_BLOCK;
	p->rig.meeting.end = end == blocks ? N : end * MEETING_BLOCK;
	p->rig.meeting.gather = gather;
	p->rig.meeting.self = p;
}

/* The shares' answers and memories, each in its place. */
static struct rule_left in_shares(const char *json, int shares)
{
	struct job job = {.sums = mem_array(4 * 66, sizeof(double))};
	struct process p[SHARES_MOST];
	struct rule_left out = {0};
	pthread_barrier_init(&job.meet, NULL, (unsigned)shares);
	for (int i = 0; i < shares; i++) {
		p[i] = (struct process){.job = &job, .json = json, .number = i, .shares = shares};
		rule_rig_init(&p[i].rig, "ref", json, WORKERS, N, 1);
		set_share(&p[i]);
		pthread_create(&p[i].thread, NULL, process_main, &p[i]);
	}
	for (int i = 0; i < shares; i++) {
		void *bad;
		pthread_join(p[i].thread, &bad);
		cr_assert(!bad, "%s, share %d of %d", json, i, shares);
		cr_assert_eq(job.gathered[i], job.gathered[0], "every process gathers equally often");
	}
	rule_left_keep(&p[0].rig, &out);
	for (int i = 0; i < shares; i++) {
		struct rule_left own;
		size_t begin = p[i].rig.meeting.begin, count = p[i].rig.meeting.end - begin;
		rule_left_keep(&p[i].rig, &own);
		memcpy(out.answer + begin, own.answer + begin, count * sizeof *own.answer);
		memcpy(out.memory + begin, own.memory + begin, count * sizeof *own.memory);
		cr_assert_eq(memcmp(own.weights, out.weights, sizeof out.weights), 0);
		rule_left_free(&own);
		rule_rig_clear(&p[i].rig);
	}
	pthread_barrier_destroy(&job.meet);
	mem_free(job.sums);
	return out;
}

Test(rule_bits, any_number_of_shares)
{
	for (size_t k = 0; k < RULE_BITS_RULES; k++) {
		struct rule_left one = alone(rule_bits_rules[k], "ref", 1, N);
		for (int shares = 1; shares <= SHARES_MOST; shares++) {
			struct rule_left more = in_shares(rule_bits_rules[k], shares);
			rule_left_same(&one, &more, N, rule_bits_rules[k], "shares", shares);
			rule_left_free(&more);
		}
		rule_left_free(&one);
	}
}

/* --- readings ------------------------------------------------------------------------------------------- */

static int reads; /* coordinates of message 0 that were read */

static const float *count_reads(const struct step_job *job, const void *push, size_t begin, size_t end,
                                float *scratch)
{
	(void)job, (void)scratch;
	if (((const float *)push)[0] == 1234)
		reads += (int)(end - begin);
	return (const float *)push + begin;
}

/* A rule reads the messages twice, and once more for each further plan of its chain. */
Test(rule_bits, how_often_messages_are_read)
{
	enum { SHORT = MEETING_BLOCK + 100 };
	for (size_t k = 0; k < RULE_BITS_RULES; k++) {
		struct rule_rig r;
		float *v = mem_array(SHORT, sizeof *v);
		rule_rig_init(&r, "ref", rule_bits_rules[k], WORKERS, SHORT, 1);
		r.run.decode = count_reads;
		rule_bits_say(&r, 0);
		r.be.memory->download(NULL, v, r.push[0], SHORT * sizeof *v);
		v[0] = 1234;
		rule_rig_say(&r, 0, v);
		reads = 0;
		cr_assert_eq(rule_rig_meet(&r, 0), MEETING_ANSWERED);
		size_t plans = ((const struct rule_keys *)r.run.state)->before.count +
		               (r.run.agg->rule->plan != NULL),
		       want = plans > 1 ? plans + 1 : 2;
		cr_assert_eq(reads, SHORT * (int)want, "%s: %d readings", rule_bits_rules[k], reads / SHORT);
		rule_rig_clear(&r);
		mem_free(v);
	}
}

static int fails(void *self, double *sums, size_t each, struct err *e)
{
	(void)self, (void)sums, (void)each;
	return err_world(e, "the others are gone");
}

Test(rule_bits, a_gather_that_fails)
{
	struct rule_rig r;
	struct err e = {0};
	rule_rig_init(&r, "ref", rule_bits_rules[2], WORKERS, 100, 1);
	r.meeting.gather = fails;
	cr_assert_eq(rule_meet(&r.run, &r.meeting, &e), MEETING_FAILED);
	cr_assert_str_eq(e.text, "the others are gone");
	rule_rig_clear(&r);
}
