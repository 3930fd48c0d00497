/*
 * Weighted votes: the rounds of tests/golden/weighted.json (numpy), a definition written as naively as can be
 * over random rounds, and what all ways to cut the work promise.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "aggregator/weighted.h"
#include "backend/sign.h"
#include "base/mem.h"
#include "base/rng.h"
#include "registry.h"
#include "tests/support/json_help.h"
#include "tests/support/methods.h"
#include "tests/support/weighted_fixture.h"

TestSuite(weighted, .fini = json_help_clear, .timeout = 240);

enum { WORKERS = 5, LAYERS_MOST = 8 };

static const char *const rows[] = {
        "{\"kind\":\"signsgd-fd\"}",
        "{\"kind\":\"signsgd-fd\",\"weights\":\"layer\",\"initial_rounds\":2}",
        "{\"kind\":\"signsgd-fd\",\"weights\":\"coordinate\",\"initial_rounds\":2,\"tie\":\"abstain\"}",
        "{\"kind\":\"signsgd-fd\",\"rho\":0.5,\"w_max\":1,\"e\":0.1,\"tie\":\"positive\"}",
        "{\"kind\":\"signsgd-fv\",\"initial_rounds\":2,\"tie\":\"abstain\"}",
        "{\"kind\":\"signsgd-fv\",\"weights\":\"layer\",\"initial_rounds\":1,\"rho\":0.75}",
        "{\"kind\":\"signsgd-fv\",\"weights\":\"coordinate\",\"initial_rounds\":2,\"rho\":0.5}",
};

enum { ROWS = sizeof rows / sizeof *rows };

/* --- golden ------------------------------------------------------------------------------------------- */

static size_t numbers(const struct json *list, double *out)
{
	size_t count = 0;
	for (const struct json *v = list->child; v; v = v->next)
		out[count++] = v->number;
	return count;
}

static void read_layers(const struct json *list, struct layer_range *at, struct layers *out)
{
	*out = (struct layers){.at = at};
	for (const struct json *l = list->child; l; l = l->next)
		at[out->count++] = (struct layer_range){.begin = (size_t)l->child->number,
		                                        .end = (size_t)l->child->next->number};
}

static void check_round(struct ballot *b, const struct json *r, uint64_t step, const char *name)
{
	double signs[128], weights[WORKERS], answer[128], ids[WORKERS];
	float v[128];
	int place = 0;
	numbers(json_member(r, "answer"), answer);
	numbers(json_member(r, "weights"), weights);
	b->meeting.count = (int)numbers(json_member(r, "ids"), ids);
	for (const struct json *s = json_member(r, "signs")->child; s; s = s->next, place++) {
		numbers(s, signs);
		for (size_t j = 0; j < b->n; j++)
			v[j] = (float)signs[j];
		ballot_say(b, place, v);
		b->ids[place] = (int)ids[place];
	}
	cr_assert_eq(ballot_meet(b, step), MEETING_ANSWERED);
	for (size_t j = 0; j < b->n; j++)
		cr_assert_eq((double)b->answer[j], answer[j], "%s, step %d, coordinate %zu", name, (int)step,
		             j);
	for (int i = 0; i < b->meeting.count; i++)
		cr_assert(fabs(b->run.report.weights[i] - weights[i]) <= 1e-7 * (1 + fabs(weights[i])),
		          "%s, step %d, worker %d: %.9g, expected %.9g", name, (int)step, b->ids[i],
		          b->run.report.weights[i], weights[i]);
}

Test(weighted, golden_cases)
{
	struct err e = {0};
	struct json *all = json_read_file(&json_help_arena, "tests/golden/weighted.json", &e);
	cr_assert(all, "%s", e.text);
	cr_assert_eq(json_member(all, "cases")->count, 9);
	for (const struct json *c = json_member(all, "cases")->child; c; c = c->next) {
		struct layer_range at[LAYERS_MOST];
		struct layers layers;
		struct ballot b;
		uint64_t step = 0;
		const char *name = json_help_written(json_member(c, "aggregator"));
		read_layers(json_member(c, "layers"), at, &layers);
		ballot_init(&b, "ref", name, (int)json_member(c, "workers")->number, at[layers.count - 1].end,
		            &layers, 1);
		for (const struct json *r = json_member(c, "rounds")->child; r; r = r->next)
			check_round(&b, r, step++, name);
		ballot_clear(&b);
	}
}

/* --- the definition ----------------------------------------------------------------------------------- */

/* A sign of a worker: near what all say, or its opposite, or none. */
static float said(uint64_t step, int worker, size_t j)
{
	uint64_t common = (step + 1) * 1000003 + j, own = common * 64 + (uint64_t)worker + 1;
	float true_sign = common * UINT64_C(0x9E3779B97F4A7C15) >> 63 ? 1 : -1,
	      x = (float)(own * UINT64_C(0xD1342543DE82EF95) >> 40) / (float)(1 << 24);
	if (x < 0.1F)
		return 0;
	return x < (worker == 1 ? 0.2F : worker == 3 ? 0.55F : 0.9F) ? true_sign : -true_sign;
}

/* Worker 2 is not there in every fourth round, worker 0 not in the first. */
static void attend(struct ballot *b, uint64_t step)
{
	float *v = mem_array(b->n, sizeof *v);
	b->meeting.count = 0;
	for (int m = 0; m < b->run.workers; m++) {
		int place = b->meeting.count;
		if ((m == 2 && step % 4 == 3) || (m == 0 && step == 0))
			continue;
		for (size_t j = 0; j < b->n; j++)
			v[j] = said(step, m, j);
		ballot_say(b, place, v);
		b->ids[place] = m;
		b->meeting.count++;
	}
	mem_free(v);
}

/* The server's memory as published: a of every coordinate. */
struct naive {
	double *a; /* [workers][n] */
	double c[WORKERS];
};

static bool initial(const struct ballot *b, uint64_t step)
{
	const struct weighted_keys *k = b->method.aggregator_state;
	return step < (uint64_t)k->initial_rounds;
}

/* The coordinates that share the weight of coordinate j. */
static struct layer_range sharing(const struct ballot *b, size_t j, uint64_t step)
{
	const struct weighted_keys *k = b->method.aggregator_state;
	if (initial(b, step) || k->weights == WEIGHTED_WORKER)
		return (struct layer_range){.begin = 0, .end = b->n};
	if (k->weights == WEIGHTED_COORDINATE)
		return (struct layer_range){.begin = j, .end = j + 1};
	size_t l = 0;
	while (b->run.layers->at[l].end <= j)
		l++;
	return b->run.layers->at[l];
}

static double naive_weight(const struct ballot *b, const struct naive *v, int worker, size_t j, uint64_t step)
{
	const struct weighted_keys *k = b->method.aggregator_state;
	const struct layer_range over = sharing(b, j, step);
	double sum = 0;
	if (v->c[worker] == 0 || (initial(b, step) && !b->run.agg->weighing->at_once))
		return 1;
	for (size_t i = over.begin; i < over.end; i++)
		sum += v->a[(size_t)worker * b->n + i];
	double p = sum / (double)(over.end - over.begin) / v->c[worker];
	double w = log((p + k->e) / (1 - p + k->e));
	return w > k->w_max ? k->w_max : w < -k->w_max ? -k->w_max : w;
}

/* -1, 0 or 1; 2: so near a tie that rounding decides. */
static int naive_answer(const struct ballot *b, const struct naive *v, size_t j, uint64_t step)
{
	const struct weighted_keys *k = b->method.aggregator_state;
	const struct stream coins = stream_of(BALLOT_SEED, RNG_TIE, 0, step);
	double sum = 0, size = 0;
	for (int i = 0; i < b->meeting.count; i++) {
		double w = naive_weight(b, v, b->ids[i], j, step);
		sum += w * (double)said(step, b->ids[i], j);
		size += fabs(w);
	}
	if (fabs(sum) > 1e-12 * size)
		return fabs(sum) < 1e-9 * size ? 2 : sum < 0 ? -1 : 1;
	return k->tie == SIGN_ABSTAIN                                  ? 0
	       : k->tie == SIGN_POSITIVE                               ? 1
	       : stream_bits(&coins, j / 64) >> (j % 64) & UINT64_C(1) ? -1
	                                                               : 1;
}

static void naive_remember(const struct ballot *b, struct naive *v, uint64_t step)
{
	const struct weighted_keys *k = b->method.aggregator_state;
	for (int i = 0; i < b->meeting.count; i++) {
		double *a = v->a + (size_t)b->ids[i] * b->n;
		v->c[b->ids[i]] = k->rho * v->c[b->ids[i]] + 1;
		for (size_t j = 0; j < b->n; j++) {
			a[j] = k->rho * a[j] +
			       (1 + (double)said(step, b->ids[i], j) * (double)b->answer[j]) / 2;
		}
	}
}

/* Coordinates in pieces of which some are shorter than a word, with borders inside words. */
static struct layers layers_of(size_t n, struct layer_range at[4])
{
	size_t cut[] = {0, n / 3, n / 3 + 1, n - n / 4, n};
	struct layers out = {.at = at};
	for (size_t i = 0; i < 4; i++)
		if (cut[i] < cut[i + 1])
			at[out.count++] = (struct layer_range){.begin = cut[i], .end = cut[i + 1]};
	return out;
}

static void check_definition(const char *json, size_t n)
{
	struct layer_range at[4];
	const struct layers layers = layers_of(n, at);
	struct ballot b;
	struct naive v = {.a = mem_array(WORKERS * n, sizeof(double))};
	size_t near = 0, steps = 7;
	ballot_init(&b, "ref", json, WORKERS, n, &layers, 1);
	for (uint64_t step = 0; step < steps; step++) {
		attend(&b, step);
		cr_assert_eq(ballot_meet(&b, step), MEETING_ANSWERED);
		for (size_t j = 0; j < n; j++) {
			int want = naive_answer(&b, &v, j, step);
			near += want == 2;
			cr_assert(want == 2 || (float)want == b.answer[j],
			          "%s, n = %zu, step %d, coordinate %zu: %g, expected %d", json, n, (int)step,
			          j, (double)b.answer[j], want);
		}
		for (int i = 0; i < b.meeting.count; i++) {
			double mean = 0;
			for (size_t j = 0; j < n; j++)
				mean += naive_weight(&b, &v, b.ids[i], j, step) / (double)n;
			cr_assert(fabs(mean - b.run.report.weights[i]) <= 1e-9 * (1 + fabs(mean)),
			          "%s, step %d, worker %d", json, (int)step, b.ids[i]);
		}
		naive_remember(&b, &v, step);
	}
	cr_assert(near * 50 < steps * n, "%s, n = %zu: %zu answers are not looked at", json, n, near);
	mem_free(v.a);
	ballot_clear(&b);
}

Test(weighted, is_what_its_definition_says)
{
	static const size_t sizes[] = {1, 63, 64, 200, 1025};
	for (size_t k = 0; k < ROWS; k++)
		for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
			check_definition(rows[k], sizes[s]);
}

/* As long as all weights are 1 the answer has the bits of `vote`, coins too. */
Test(weighted, the_initial_rounds_of_fv_and_the_first_of_fd_are_plain_votes)
{
	static const char *const plain[] = {"{\"kind\":\"signsgd-fd\"}",
	                                    "{\"kind\":\"signsgd-fv\",\"weights\":\"coordinate\"}",
	                                    "{\"kind\":\"signsgd-fv\",\"tie\":\"abstain\"}"};
	static const char *const votes[] = {"\"vote\"", "\"vote\"",
	                                    "{\"kind\":\"vote\",\"tie\":\"abstain\"}"};
	enum { N = 1500 };
	for (int k = 0; k < 3; k++) {
		struct ballot b;
		char text[256];
		ballot_init(&b, "ref", plain[k], WORKERS, N, NULL, 1);
		snprintf(text, sizeof text,
		         "{\"compressor\":{\"kind\":\"sign\",\"zero\":\"abstain\"},\"aggregator\":%s}",
		         votes[k]);
		const struct method vote = methods_read(&b.arena, text);
		struct step_job job = method_job(&vote, &b.be, BALLOT_SEED, N);
		size_t bytes = method_pull_bytes(&vote, N);
		void *want = mem_array(bytes, 1);
		for (uint64_t step = 0; step < (k ? 5 : 1); step++) {
			attend(&b, step);
			ballot_meet(&b, step);
			job.step = step;
			method_combine(&vote, &job, b.meeting.count, b.meeting.pushes, 0, N, want);
			cr_assert_eq(memcmp(want, b.meeting.pull, bytes), 0, "%s, step %d", plain[k],
			             (int)step);
		}
		mem_free(want);
		ballot_clear(&b);
	}
}

/* Who is not there is not judged. */
Test(weighted, an_absent_worker_keeps_its_weight)
{
	struct ballot b;
	ballot_init(&b, "ref", rows[0], WORKERS, 500, NULL, 1);
	for (uint64_t step = 0; step < 3; step++) {
		attend(&b, step);
		ballot_meet(&b, step);
	}
	double before = b.run.report.weights[2];
	attend(&b, 3); /* in which worker 2 is not there, */
	ballot_meet(&b, 3);
	float *memory = mem_array(b.memory_floats, sizeof *memory);
	ballot_memory(&b, memory);
	cr_expect_eq((double)memory[2 * 2], 3, "c of worker 2");
	cr_expect_eq((double)memory[2 * 0], 3, "worker 0 came a round later, and was there in this one");
	cr_expect_eq((double)memory[2 * 1], 4);
	attend(&b, 4);
	ballot_meet(&b, 4);
	cr_expect(fabs(before - b.run.report.weights[2]) < 0.5);
	mem_free(memory);
	ballot_clear(&b);
}

/* --- bits --------------------------------------------------------------------------------------------- */

enum { N = 2 * MEETING_BLOCK + 999, STEPS = 4, SHARES_MOST = 4 };

/* What is left of some rounds. */
struct left {
	float *answer, *memory;
	size_t floats;
	double weights[WORKERS];
};

static void keep(const struct ballot *b, struct left *out)
{
	out->floats = b->memory_floats;
	out->answer = mem_array(b->n, sizeof(float));
	out->memory = mem_array(b->memory_floats, sizeof(float));
	memcpy(out->answer, b->answer, b->n * sizeof(float));
	ballot_memory(b, out->memory);
	memcpy(out->weights, b->run.report.weights, (size_t)b->meeting.count * sizeof(double));
}

static void forget(const struct left *l)
{
	mem_free(l->answer);
	mem_free(l->memory);
}

static struct left alone(const char *json, const char *backend, int lanes, size_t n)
{
	struct layer_range at[4];
	const struct layers layers = layers_of(n, at);
	struct left out = {0};
	struct ballot b;
	ballot_init(&b, backend, json, WORKERS, n, &layers, lanes);
	for (uint64_t step = 0; step < STEPS; step++) {
		attend(&b, step);
		cr_assert_eq(ballot_meet(&b, step), MEETING_ANSWERED);
	}
	keep(&b, &out);
	ballot_clear(&b);
	return out;
}

static void expect_same(const struct left *a, const struct left *b, size_t n, const char *json,
                        const char *what)
{
	cr_assert_eq(memcmp(a->answer, b->answer, n * sizeof(float)), 0, "%s, %s: answer", json, what);
	cr_assert_eq(memcmp(a->memory, b->memory, a->floats * sizeof(float)), 0, "%s, %s: memory", json,
	             what);
	cr_assert_eq(memcmp(a->weights, b->weights, sizeof a->weights), 0, "%s, %s: weights", json, what);
}

Test(weighted, any_lanes_and_every_backend_have_the_same_bits)
{
	static const size_t sizes[] = {65, 2000, N};
	for (size_t k = 0; k < ROWS; k++)
		for (size_t s = 0; s < 3; s++) {
			struct left one = alone(rows[k], "ref", 1, sizes[s]),
			            more = alone(rows[k], "cpu", 3, sizes[s]),
			            guarded = alone(rows[k], "guarded", 2, sizes[s]);
			expect_same(&one, &more, sizes[s], rows[k], "three lanes");
			expect_same(&one, &guarded, sizes[s], rows[k], "guarded");
			forget(&one);
			forget(&more);
			forget(&guarded);
		}
}

/* Shares of several processes: threads, each with a vote of its own. */
struct job {
	pthread_barrier_t meet;
	double *sums; /* of all processes */
};

struct process {
	struct job *job;
	const char *json;
	int number, shares;
	struct layer_range at[4];
	struct layers layers;
	struct ballot b;
	pthread_t thread;
};

static int gather(void *self, double *sums, size_t each, struct err *e)
{
	(void)e;
	struct process *p = self;
	size_t from = meeting_blocks(p->b.meeting.begin) * each, to = meeting_blocks(p->b.meeting.end) * each;
	if (p->b.meeting.begin < p->b.meeting.end)
		memcpy(p->job->sums + from, sums + from, (to - from) * sizeof *sums);
	pthread_barrier_wait(&p->job->meet);
	memcpy(sums, p->job->sums, meeting_blocks(N) * each * sizeof *sums);
	pthread_barrier_wait(&p->job->meet);
	return 0;
}

static void *process_main(void *at)
{
	struct process *p = at;
	for (uint64_t step = 0; step < STEPS; step++) {
		attend(&p->b, step);
		if (ballot_meet(&p->b, step) != MEETING_ANSWERED)
			return at;
	}
	return NULL;
}

/* With more processes than blocks, some have none. */
static void open_share(struct process *p)
{
	size_t blocks = meeting_blocks(N), shares = (size_t)p->shares;
	size_t end = blocks * (size_t)(p->number + 1) / shares;
	p->layers = layers_of(N, p->at);
	ballot_init(&p->b, "ref", p->json, WORKERS, N, &p->layers, 1);
	p->b.meeting.begin = blocks * (size_t)p->number / shares * MEETING_BLOCK;
	p->b.meeting.end = end == blocks ? N : end * MEETING_BLOCK;
	p->b.meeting.gather = gather;
	p->b.meeting.self = p;
}

/* Put a share's coordinates of answer and memory into *all. */
static void put_share(const struct process *p, struct left *all, size_t vectors)
{
	struct left own = {0};
	size_t begin = p->b.meeting.begin, bytes = (p->b.meeting.end - begin) * sizeof(float);
	keep(&p->b, &own);
	memcpy(all->answer + begin, own.answer + begin, bytes);
	for (size_t v = 0; v < vectors; v++)
		memcpy(all->memory + v * N + begin, own.memory + v * N + begin, bytes);
	cr_assert_eq(memcmp(all->memory + vectors * N, own.memory + vectors * N,
	                    (own.floats - vectors * N) * sizeof(float)),
	             0, "%s: what all processes have differs", p->json);
	forget(&own);
}

static struct left in_shares(const char *json, int shares)
{
	struct job job = {.sums = mem_array(3 * 2 * WORKERS * 4, sizeof(double))};
	struct process p[SHARES_MOST];
	struct left out = {0};
	pthread_barrier_init(&job.meet, NULL, (unsigned)shares);
	for (int i = 0; i < shares; i++) {
		p[i] = (struct process){.job = &job, .json = json, .number = i, .shares = shares};
		open_share(&p[i]);
	}
	for (int i = 0; i < shares; i++)
		pthread_create(&p[i].thread, NULL, process_main, &p[i]);
	for (int i = 0; i < shares; i++) {
		void *bad;
		pthread_join(p[i].thread, &bad);
		cr_assert(!bad, "%s, share %d of %d", json, i, shares);
	}
	keep(&p[0].b, &out);
	for (int i = 0; i < shares; i++)
		put_share(&p[i], &out,
		          WORKERS * (!strstr(json, "coordinate") ? 0
		                     : strstr(json, "rho")       ? 2
		                                                 : 1));
	for (int i = 0; i < shares; i++)
		ballot_clear(&p[i].b);
	pthread_barrier_destroy(&job.meet);
	mem_free(job.sums);
	return out;
}

Test(weighted, any_number_of_shares_has_the_same_bits)
{
	for (size_t k = 0; k < ROWS; k++) {
		struct left one = alone(rows[k], "ref", 1, N);
		for (int shares = 2; shares <= SHARES_MOST; shares++) {
			struct left more = in_shares(rows[k], shares);
			expect_same(&one, &more, N, rows[k], "shares");
			forget(&more);
		}
		forget(&one);
	}
}
