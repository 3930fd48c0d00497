/*
 * Colluders who try what the server would answer: it is the answer that naive rules give to the same
 * messages, whatever the run's method; trying changes nothing; and what the server draws by lot stays its
 * own.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "adversary/crowd.h"
#include "base/mem.h"
#include "base/stats.h"
#include "registry.h"
#include "tests/support/train.h"

enum { N = 300, WORKERS = 7, COLLUDERS = 2, STEPS = 6 };

#define RUN                                                                                                  \
	"\"seed\":5,\"steps\":6,\"batch\":2,\"momentum\":0.5,\"lr\":0.01,\"model\":{\"kind\":\"quadratic\"," \
	"\"dimensions\":300,\"noise\":1}"

#define BUCKETS_OF(rule) "\"aggregator\":{\"kind\":\"" rule "\",\"f\":1,\"before\":[\"bucketing\"]}"

enum naive { MEAN, MEDIAN, VOTE, MEAN_OF_SIGNS };

/* What the spies of a run have seen. */
static struct seen {
	enum naive rule;
	int asked, wrong;
	int alike;                /* answers that are those of the server's own draws */
	double factor;            /* that the attack chose in the end */
	double foretold, mean[N]; /* what it was told of that, and mu */
} seen;

/* --- naive answers ------------------------------------------------------------------------------------ */

static double mean_of(const struct crowd_view *v, size_t j)
{
	double sum = 0;
	for (int k = 0; k < v->h; k++)
		sum += v->honest[k][j];
	return sum / v->h;
}

/* The messages' values of one coordinate, if the colluders send -t mu. */
static void values_of(const struct crowd_view *v, size_t j, double t, double *x)
{
	bool signs = seen.rule == VOTE || seen.rule == MEAN_OF_SIGNS;
	for (int k = 0; k < v->h; k++)
		x[k] = v->honest[k][j];
	for (int k = 0; k < v->f; k++)
		x[v->h + k] = (float)(-t * mean_of(v, j));
	for (int k = 0; k < v->h + v->f && signs; k++)
		x[k] = x[k] < 0 ? -1 : 1;
}

static double answer_of(const struct crowd_view *v, size_t j, double t)
{
	int n = v->h + v->f;
	double x[WORKERS], sum = 0;
	values_of(v, j, t, x);
	for (int k = 0; k < n; k++)
		sum += x[k];
	stats_sort(x, (size_t)n);
	switch (seen.rule) {
	case MEDIAN:
		return stats_median(x, (size_t)n);
	case VOTE:
		return sum < 0 ? -1 : 1;
	case MEAN:
	case MEAN_OF_SIGNS:
		break;
	}
	return sum / n;
}

static double naive_distance(const struct crowd_view *v, double t)
{
	double sum = 0;
	for (size_t j = 0; j < v->n; j++) {
		double d = answer_of(v, j, t) - mean_of(v, j);
		sum += d * d;
	}
	return sqrt(sum);
}

/* ByzFL's search over the naive answers, with its defaults. */
static double naive_search(const struct crowd_view *v)
{
	double t = 0, delta = 10, best = naive_distance(v, 0);
	bool expands = true;
	for (int left = 19; left > 0; left--) {
		double d = naive_distance(v, t + delta);
		bool better = d > best * (1 + 1e-9);
		if (better) {
			best = d;
			t += delta;
		}
		expands = expands && better;
		delta *= expands ? 2 : 0.8;
	}
	return t;
}

/* --- spies -------------------------------------------------------------------------------------------- */

static double ask(const struct crowd_view *v, double t, double *numbers)
{
	struct crowd_answer a;
	numbers[0] = t;
	v->ask(v->asked, numbers, &a);
	seen.asked++;
	return a.distance;
}

static const struct crowd_attack *row(const char *name)
{
	return crowd_attack_of((const struct attack *)family_find(&family_attacks, name));
}

/* Ask for some factors, then let the attack itself search. */
static void compare(const void *state, const struct crowd_view *v, int round, const double *sums,
                    double *numbers)
{
	static const double factors[] = {0, 0.3, 1, 2.5, 10, 100};
	for (size_t i = 0; i < sizeof factors / sizeof *factors; i++) {
		double want = naive_distance(v, factors[i]), found = ask(v, factors[i], numbers);
		seen.wrong += !(fabs(found - want) <= 1e-5 * want);
	}
	row("opt-ipm")->plan(state, v, round, sums, numbers);
	double want = naive_search(v);
	seen.factor = numbers[0];
	seen.wrong += !(fabs(numbers[0] - want) <= 1e-9 * want);
}

/* Ask for this and that, and send -1.5 mu. */
static void ask_in_vain(const void *state, const struct crowd_view *v, int round, const double *sums,
                        double *numbers)
{
	(void)state, (void)round, (void)sums;
	for (int i = 0; i < 5; i++)
		ask(v, i * i, numbers);
	numbers[0] = 1.5;
}

/* Ask for this and that, then for what is sent. */
static void foretell(const void *state, const struct crowd_view *v, int round, const double *sums,
                     double *numbers)
{
	ask_in_vain(state, v, round, sums, numbers);
	seen.foretold = ask(v, 1.5, numbers);
	for (size_t j = 0; j < v->n; j++)
		seen.mean[j] = mean_of(v, j);
}

/* Twice the same question has the same answer; one with the server's own coins would be another. */
static void toss(const void *state, const struct crowd_view *v, int round, const double *sums,
                 double *numbers)
{
	struct stream coins = stream_of(5, RNG_TIE, 0, v->step);
	double server = 0, first = ask(v, 1, numbers);
	(void)state, (void)round, (void)sums;
	for (size_t j = 0; j < v->n; j++) {
		int votes = 0;
		for (int k = 0; k < v->h; k++)
			votes += v->honest[k][j] < 0 ? -1 : 1;
		votes += mean_of(v, j) < 0 ? v->f : -v->f;
		int coin = stream_bits(&coins, j / 64) >> j % 64 & 1 ? -1 : 1;
		server += pow((votes ? votes / abs(votes) : coin) - mean_of(v, j), 2);
	}
	seen.wrong += ask(v, 1, numbers) != first || fabs(first - sqrt(server)) < 1e-9;
}

/* How far the answer of a median of buckets of two is from mu, if the order is drawn from `seed`. */
static double bucketed_distance(const struct crowd_view *v, uint64_t seed, double t)
{
	enum { BUCKETS = (WORKERS + 1) / 2 };
	uint32_t order[WORKERS];
	struct stream draw = stream_of(seed, RNG_BUCKETS, 0, v->step);
	double sum = 0;
	for (uint32_t i = 0; i < WORKERS; i++)
		order[i] = i;
	stream_shuffle(&draw, order, WORKERS);
	for (size_t j = 0; j < v->n; j++) {
		double mean[BUCKETS] = {0}, mu = mean_of(v, j);
		for (uint32_t i = 0; i < WORKERS; i++) {
			/* the colluders are the first of the workers */
			double x =
			        order[i] < COLLUDERS ? (float)(-t * mu) : v->honest[order[i] - COLLUDERS][j];
			mean[i / 2] += x / (i + 1 == WORKERS && WORKERS % 2 ? 1 : 2);
		}
		stats_sort(mean, BUCKETS);
		sum += pow(stats_median(mean, BUCKETS) - mu, 2);
	}
	return sqrt(sum);
}

/* The buckets that colluders try are of an order from their own stream, and not the server's. */
static void draw_buckets(const void *state, const struct crowd_view *v, int round, const double *sums,
                         double *numbers)
{
	struct stream own = stream_of(5, RNG_COLLUDERS, 1, 0);
	double asked = ask(v, 1, numbers), mine = bucketed_distance(v, stream_bits(&own, 0), 1);
	(void)state, (void)round, (void)sums;
	seen.wrong += !(fabs(asked - mine) <= 1e-5 * mine) || ask(v, 1, numbers) != asked;
	seen.alike += fabs(asked - bucketed_distance(v, 5, 1)) <= 1e-5 * mine;
}

/* Krum has taken what was found, and not what was twice as far. */
static void expect_krum(const void *state, const struct crowd_view *v, int round, const double *sums,
                        double *numbers)
{
	struct crowd_answer a, further;
	row("fang")->plan(state, v, round, sums, numbers);
	double lambda = numbers[0];
	v->ask(v->asked, numbers, &a);
	numbers[0] = 2 * lambda;
	v->ask(v->asked, numbers, &further);
	numbers[0] = lambda;
	seen.asked++;
	seen.factor = lambda;
	seen.wrong += !(a.chosen || lambda < 2e-5) || (lambda < 1 && further.chosen);
}

typedef void plan_fn(const void *state, const struct crowd_view *v, int round, const double *sums,
                     double *numbers);

/* The step from x to y, of the rate 0.01, was by an answer as far from mu as was foretold. */
static void compare_step(const float *x, const float *y)
{
	double sum = 0;
	for (size_t j = 0; j < N; j++) {
		double d = ((double)x[j] - y[j]) / 0.01 - seen.mean[j];
		sum += d * d;
	}
	seen.wrong += !(fabs(sqrt(sum) - seen.foretold) <= 1e-4 * seen.foretold);
}

/* The parameters of a run with that attack, whose plan() is a spy's; NULL: its own. */
static float *spied(const char *attack, plan_fn *plan, const char *method, int workers)
{
	static struct crowd_attack spy;
	char text[1024];
	struct runs runs;
	size_t n;
	snprintf(text, sizeof text,
	         "{" RUN ",\"workers\":%d,%s,\"adversaries\":{\"count\":%d,\"attack\":%s}}", workers, method,
	         COLLUDERS, attack);
	train_settings(&runs, text);
	struct settings *s = &runs.at[0];
	spy = *crowd_attack_of((const struct attack *)s->adversaries.attack.row);
	spy.plan = plan ? plan : spy.plan;
	s->adversaries.attack.row = &spy.attack.row;
	struct pool *pool = pool_open(2);
	struct trainer *t = train_open(s, pool);
	float *out = mem_array(N, sizeof *out);
	for (int64_t step = 0; step < s->steps; step++) {
		memcpy(out, trainer_x(t, &n), N * sizeof *out);
		train_steps(t, 1);
		if (plan == foretell)
			compare_step(out, trainer_x(t, &n));
	}
	memcpy(out, trainer_x(t, &n), N * sizeof *out);
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
	return out;
}

static void expect_naive(const char *method, enum naive rule)
{
	seen = (struct seen){.rule = rule};
	mem_free(spied("\"opt-ipm\"", compare, method, WORKERS));
	cr_expect_eq(seen.asked, 6 * STEPS, "%s: %d", method, seen.asked);
	cr_expect_eq(seen.wrong, 0, "%s: %d wrong", method, seen.wrong);
}

Test(colluder_answers, are_those_of_naive_rules)
{
	expect_naive("\"aggregator\":\"mean\"", MEAN);
	cr_expect_gt(seen.factor, 1e5, "a mean can be driven as far as one likes: %g", seen.factor);
	expect_naive("\"aggregator\":\"median\"", MEDIAN);
	expect_naive(
	        "\"aggregator\":{\"kind\":\"vote\",\"tie\":\"positive\"},\"compressor\":{\"kind\":\"sign\","
	        "\"zero\":\"positive\"}",
	        VOTE);
	expect_naive("\"aggregator\":\"mean\",\"compressor\":{\"kind\":\"sign\",\"zero\":\"positive\"}",
	             MEAN_OF_SIGNS);
}

/* Neither the server's memory nor a worker's nor the answer of the step is touched. */
Test(colluder_answers, change_nothing)
{
	static const char *const methods[] = {
	        "\"aggregator\":\"mean\"",
	        "\"aggregator\":\"krum\"",
	        "\"aggregator\":\"mean\",\"compressor\":\"ef-sign\"",
	        "\"aggregator\":\"mean\",\"compressor\":{\"kind\":\"ef-sign\",\"two_way\":true}",
	        "\"aggregator\":\"mean\",\"compressor\":{\"kind\":\"qsgd\",\"two_way\":true}",
	        "\"aggregator\":\"krum\",\"compressor\":{\"kind\":\"top-k\",\"two_way\":true}",
	        "\"aggregator\":{\"kind\":\"centered-clipping\",\"tau\":1,\"before\":[\"nnm\"]}",
	        BUCKETS_OF("median"),
	        BUCKETS_OF("geometric-median"),
	        "\"aggregator\":\"vote\"",
	        "\"aggregator\":{\"kind\":\"vote\",\"tie\":\"abstain\"},\"compressor\":{\"kind\":\"sign\","
	        "\"zero\":"
	        "\"abstain\"}"};
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		float *asked = spied("\"opt-ipm\"", ask_in_vain, methods[i], WORKERS);
		float *plain = spied("{\"kind\":\"ipm\",\"tau\":1.5}", NULL, methods[i], WORKERS);
		cr_expect_eq(memcmp(asked, plain, N * sizeof *asked), 0, "%s", methods[i]);
		mem_free(asked);
		mem_free(plain);
	}
}

/* What was foretold is what the server then answers, whatever it and the compressors remember. */
Test(colluder_answers, come_true)
{
	static const char *const methods[] = {
	        "\"aggregator\":\"mean\"",
	        "\"aggregator\":\"multi-krum\"",
	        "\"aggregator\":\"geometric-median\"",
	        "\"aggregator\":{\"kind\":\"centered-clipping\",\"tau\":1,\"before\":[\"nnm\"]}",
	        "\"aggregator\":\"mean\",\"compressor\":\"ef-sign\"",
	        "\"aggregator\":\"median\",\"compressor\":\"ef-sign\"",
	        "\"aggregator\":\"mean\",\"compressor\":{\"kind\":\"ef-sign\",\"two_way\":true}",
	        "\"aggregator\":\"mean\",\"compressor\":\"qsgd\"",
	        "\"aggregator\":\"mean\",\"compressor\":{\"kind\":\"qsgd\",\"coding\":\"elias\"}",
	        "\"aggregator\":\"median\",\"compressor\":\"terngrad\"",
	        "\"aggregator\":\"mean\",\"compressor\":{\"kind\":\"top-k\",\"two_way\":true}",
	        "\"aggregator\":\"multi-krum\",\"compressor\":{\"kind\":\"one-bit\",\"two_way\":true}",
	        "\"aggregator\":\"mean\",\"compressor\":\"sign\"",
	        "\"aggregator\":{\"kind\":\"vote\",\"tie\":\"abstain\"}"};
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		seen = (struct seen){0};
		mem_free(spied("\"opt-ipm\"", foretell, methods[i], WORKERS));
		cr_expect_eq(seen.asked, 6 * STEPS);
		cr_expect_eq(seen.wrong, 0, "%s: %d", methods[i], seen.wrong);
	}
}

Test(colluder_answers, do_not_tell_the_servers_coins)
{
	seen = (struct seen){0};
	mem_free(spied("\"opt-ipm\"", toss, "\"aggregator\":\"vote\"", 2 * COLLUDERS));
	cr_expect_eq(seen.asked, 2 * STEPS);
	cr_expect_eq(seen.wrong, 0);
}

/*
 * Nor its order of the buckets: in some step two orders put the same messages together, but not in all. What
 * the server draws stays the same whether or not somebody asks: `change_nothing` has buckets too.
 */
Test(colluder_answers, do_not_tell_the_servers_buckets)
{
	seen = (struct seen){0};
	mem_free(spied("\"opt-ipm\"", draw_buckets, BUCKETS_OF("median"), WORKERS));
	cr_expect_eq(seen.asked, 2 * STEPS);
	cr_expect_eq(seen.wrong, 0, "%d", seen.wrong);
	cr_expect_lt(seen.alike, STEPS, "%d", seen.alike);
}

Test(colluder_answers, say_whom_krum_chooses)
{
	static const char *const methods[] = {"\"aggregator\":\"krum\"", "\"aggregator\":\"multi-krum\"",
	                                      "\"aggregator\":{\"kind\":\"krum\",\"before\":[\"nnm\"]}"};
	for (size_t i = 0; i < 3; i++) {
		seen = (struct seen){0};
		mem_free(spied("{\"kind\":\"fang\",\"rule\":\"krum\"}", expect_krum, methods[i], WORKERS));
		cr_expect_eq(seen.asked, STEPS);
		cr_expect_eq(seen.wrong, 0, "%s: %d", methods[i], seen.wrong);
		cr_expect_gt(seen.factor, 0);
	}
}
