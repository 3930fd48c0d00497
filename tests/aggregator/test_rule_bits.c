/*
 * A rule's answer has the same bits for any number of lanes, for any cut of the coordinates into shares of
 * several processes, on every backend, `guarded` among them, and whatever memory the caller has had before.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"
#include "tests/support/rule_fixture.h"

TestSuite(rule_bits, .timeout = 240);

enum { WORKERS = 7, N = 2 * MEETING_BLOCK + 777, SHARES_MOST = 5, STEPS = 2 };

static const char *const every_rule[] = {
        "{\"kind\":\"median\",\"f\":2}",
        "{\"kind\":\"trimmed-mean\",\"f\":2}",
        "{\"kind\":\"krum\",\"f\":2}",
        "{\"kind\":\"multi-krum\",\"f\":2}",
        "{\"kind\":\"geometric-median\",\"f\":2}",
        "{\"kind\":\"centered-clipping\",\"f\":2,\"tau\":20}",
        "{\"kind\":\"meamed\",\"f\":2}",
        "{\"kind\":\"bulyan\",\"f\":1}",
        "{\"kind\":\"mda\",\"f\":2}",
        "{\"kind\":\"monna\",\"f\":2,\"pivot\":6}",
        "{\"kind\":\"smea\",\"f\":2}",
        "{\"kind\":\"caf\",\"f\":2}",
        "{\"kind\":\"trimmed-mean\",\"f\":2,\"before\":[\"nnm\"]}",
        "{\"kind\":\"bulyan\",\"f\":1,\"before\":[\"nnm\"]}",
        "{\"kind\":\"geometric-median\",\"f\":2,\"before\":[\"nnm\"]}",
        "{\"kind\":\"centered-clipping\",\"f\":2,\"tau\":20,\"before\":[\"nnm\"]}",
        "{\"kind\":\"median\",\"f\":1,\"before\":\"bucketing\"}",
        "{\"kind\":\"krum\",\"f\":1,\"as\":\"byzfl\",\"before\":[\"arc\",\"bucketing\"]}",
        "{\"kind\":\"trimmed-mean\",\"f\":2,\"before\":[{\"kind\":\"clipping\",\"limit\":100},\"nnm\"]}",
};
enum { RULES = sizeof every_rule / sizeof *every_rule };

/* Message 3 has a NaN in the second block, in the second step alone. */
static void say(struct rule_rig *r, uint64_t step)
{
	float *v = mem_array(r->run.n, sizeof *v);
	for (int m = 0; m < WORKERS; m++) {
		struct stream s = stream_of(3, RNG_TEST, (uint32_t)m, step);
		for (size_t i = 0; i < r->run.n; i++)
			v[i] = (stream_uniform(&s, i) - 0.5F) * (float)(m + 1);
		if (m == 3 && step == 1 && r->run.n > MEETING_BLOCK)
			v[MEETING_BLOCK + 5] = NAN;
		rule_rig_say(r, m, v);
	}
	mem_free(v);
}

/* What two steps leave: answer, memory, weights. */
struct left {
	float *answer, *memory;
	double weights[WORKERS], scores[WORKERS];
};

static void keep(const struct rule_rig *r, struct left *out)
{
	out->answer = mem_array(r->run.n, sizeof *out->answer);
	out->memory = mem_array(r->run.n, sizeof *out->memory);
	memcpy(out->answer, r->answer, r->run.n * sizeof *out->answer);
	memcpy(out->weights, r->run.report.weights, sizeof out->weights);
	memcpy(out->scores, r->run.report.scores, sizeof out->scores);
	if (r->run.memory)
		rule_rig_memory(r, out->memory);
}

static void forget(struct left *l)
{
	mem_free(l->answer);
	mem_free(l->memory);
}

static struct left alone(const char *json, const char *backend, int lanes, size_t n)
{
	struct rule_rig r;
	struct left out;
	rule_rig_init(&r, backend, json, WORKERS, n, lanes);
	for (uint64_t step = 0; step < STEPS; step++) {
		say(&r, step);
		cr_assert_eq(rule_rig_meet(&r, step), MEETING_ANSWERED, "%s: %s", json,
		             r.run.report.withheld);
	}
	keep(&r, &out);
	rule_rig_clear(&r);
	return out;
}

static void expect_same(const struct left *a, const struct left *b, size_t n, const char *json,
                        const char *what, int count)
{
	cr_assert_eq(memcmp(a->answer, b->answer, n * sizeof *a->answer), 0, "%s: answer, %d %s", json, count,
	             what);
	cr_assert_eq(memcmp(a->memory, b->memory, n * sizeof *a->memory), 0, "%s: memory, %d %s", json, count,
	             what);
	cr_assert_eq(memcmp(a->weights, b->weights, sizeof a->weights), 0, "%s: weights, %d %s", json, count,
	             what);
	cr_assert_eq(memcmp(a->scores, b->scores, sizeof a->scores), 0, "%s: scores, %d %s", json, count,
	             what);
}

Test(rule_bits, any_number_of_lanes)
{
	for (size_t k = 0; k < RULES; k++) {
		struct left one = alone(every_rule[k], "ref", 1, N);
		for (int lanes = 2; lanes <= 4; lanes++) {
			struct left more = alone(every_rule[k], "ref", lanes, N);
			expect_same(&one, &more, N, every_rule[k], "lanes", lanes);
			forget(&more);
		}
		forget(&one);
	}
}

Test(rule_bits, every_backend)
{
	static const size_t sizes[] = {1, 7, 255, 257, 9001};
	for (size_t k = 0; k < RULES; k++)
		for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
			struct left ref = alone(every_rule[k], "ref", 1, sizes[s]);
			struct left guarded = alone(every_rule[k], "guarded", 2, sizes[s]);
			expect_same(&ref, &guarded, sizes[s], every_rule[k], "lanes, guarded", 2);
			forget(&ref);
			forget(&guarded);
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
	for (uint64_t step = 0; step < STEPS; step++) {
		say(&p->rig, step);
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
static struct left in_shares(const char *json, int shares)
{
	struct job job = {.sums = mem_array(4 * 66, sizeof(double))};
	struct process p[SHARES_MOST];
	struct left out = {0};
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
	keep(&p[0].rig, &out);
	for (int i = 0; i < shares; i++) {
		struct left own;
		size_t begin = p[i].rig.meeting.begin, count = p[i].rig.meeting.end - begin;
		keep(&p[i].rig, &own);
		memcpy(out.answer + begin, own.answer + begin, count * sizeof *own.answer);
		memcpy(out.memory + begin, own.memory + begin, count * sizeof *own.memory);
		cr_assert_eq(memcmp(own.weights, out.weights, sizeof out.weights), 0);
		forget(&own);
		rule_rig_clear(&p[i].rig);
	}
	pthread_barrier_destroy(&job.meet);
	mem_free(job.sums);
	return out;
}

Test(rule_bits, any_number_of_shares)
{
	for (size_t k = 0; k < RULES; k++) {
		struct left one = alone(every_rule[k], "ref", 1, N);
		for (int shares = 1; shares <= SHARES_MOST; shares++) {
			struct left more = in_shares(every_rule[k], shares);
			expect_same(&one, &more, N, every_rule[k], "shares", shares);
			forget(&more);
		}
		forget(&one);
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
	for (size_t k = 0; k < RULES; k++) {
		struct rule_rig r;
		float *v = mem_array(SHORT, sizeof *v);
		rule_rig_init(&r, "ref", every_rule[k], WORKERS, SHORT, 1);
		r.run.decode = count_reads;
		say(&r, 0);
		r.be.memory->download(NULL, v, r.push[0], SHORT * sizeof *v);
		v[0] = 1234;
		rule_rig_say(&r, 0, v);
		reads = 0;
		cr_assert_eq(rule_rig_meet(&r, 0), MEETING_ANSWERED);
		size_t plans = ((const struct rule_keys *)r.run.state)->before.count +
		               (r.run.agg->rule->plan != NULL),
		       want = plans > 1 ? plans + 1 : 2;
		cr_assert_eq(reads, SHORT * (int)want, "%s: %d readings", every_rule[k], reads / SHORT);
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
	rule_rig_init(&r, "ref", every_rule[2], WORKERS, 100, 1);
	r.meeting.gather = fails;
	cr_assert_eq(rule_meet(&r.run, &r.meeting, &e), MEETING_FAILED);
	cr_assert_str_eq(e.text, "the others are gone");
	rule_rig_clear(&r);
}
