/* `signsgd bench rule`: how long an aggregator takes, beside one plain reading of the vectors. */
#include "cmd/bench_rule.h"
#include <stdio.h>
#include "cmd/combination.h"
#include "cmd/overrides.h"
#include "cmd/rule_file.h"
#include "cmd/ui/bench_options.h"
#include "cmd/ui/json_line.h"
#include "backend/cpu/cpu.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/stats.h"
#include "base/text.h"

enum { TIMES_MOST = 1001, TIMES_LEAST = 5, RANGE = 1 << 16 /* coordinates that a lane reads at a time */ };

static const double SECONDS = 3, QUARTILE = 0.25, MEDIAN = 0.5;

/* The baseline: every coordinate is read once, every coordinate of an answer written. */
struct reading {
	const struct bandwidth_baseline *loops;
	const struct vectors *in;
	float *answer;
	uint64_t sum; /* of what was only read */
};

struct rule_times {
	double s[TIMES_MOST], ratio[TIMES_MOST], reading_s[TIMES_MOST];
	size_t count;
	uint64_t peak; /* bytes of this process, vectors among them */
};

static void read_item(void *ctx, int lane, size_t item)
{
	struct reading *r = ctx;
	size_t begin = item * RANGE, left = r->in->n - begin, count = left < RANGE ? left : RANGE;
	uint64_t sum = 0;
	(void)lane;
	for (size_t i = 0; i < r->in->count; i++) {
		const float *x = r->in->at + i * r->in->n + begin;
		size_t skip = (uintptr_t)x % sizeof(uint64_t) ? 1 : 0; /* words begin at even floats */
		if (count > skip)
			sum += r->loops->read[0]((count - skip) / 2, (const void *)(x + skip));
	}
	r->loops->fill(count, r->answer + begin);
	__atomic_fetch_add(&r->sum, sum, __ATOMIC_RELAXED);
}

static double reading_s(struct reading *r, struct pool *pool)
{
	double start = clock_s();
	pool_run(pool, (r->in->n + RANGE - 1) / RANGE, read_item, r);
	return clock_s() - start;
}

/* The answer and a reading in turn; the first of each only warms up. */
static int take_times(struct combination *c, struct reading *r, double seconds, struct rule_times *out,
                      struct err *e)
{
	double end = 0;
	out->count = 0;
	for (bool warm = false; out->count < TIMES_MOST && (out->count < TIMES_LEAST || clock_s() < end);
	     warm = true) {
		double start = clock_s(), plain;
		if (combination_make(c, e))
			return -1;
		out->s[out->count] = clock_s() - start;
		plain = reading_s(r, c->pool);
		out->reading_s[out->count] = plain;
		out->ratio[out->count] = out->s[out->count] / plain;
		out->count += warm;
		end = warm ? end : clock_s() + seconds;
	}
	out->peak = machine_peak_bytes();
	return 0;
}

static void print_json(const struct combination *c, struct rule_times *t)
{
	struct buf b = {0};
	line_text(&b, "aggregator", c->method.aggregator->row.name);
	line_count(&b, "vectors", c->in->count);
	line_count(&b, "coordinates", c->in->n);
	line_int(&b, "lanes", c->lanes);
	line_count(&b, "times", t->count);
	line_real(&b, "seconds", stats_quantile(t->s, t->count, MEDIAN));
	line_real(&b, "seconds_low", stats_quantile(t->s, t->count, QUARTILE));
	line_real(&b, "seconds_high", stats_quantile(t->s, t->count, 1 - QUARTILE));
	line_real(&b, "reading_s", stats_quantile(t->reading_s, t->count, MEDIAN));
	line_real(&b, "ratio", stats_quantile(t->ratio, t->count, MEDIAN));
	line_real(&b, "ratio_low", stats_quantile(t->ratio, t->count, QUARTILE));
	line_real(&b, "ratio_high", stats_quantile(t->ratio, t->count, 1 - QUARTILE));
	line_count(&b, "input_bytes", c->in->count * c->in->n * sizeof(float));
	line_count(&b, "peak_bytes", t->peak);
	line_print(&b, stdout);
}

static void print_text(const struct combination *c, struct rule_times *t)
{
	char input[32], peak[32];
	log_bytes((double)(c->in->count * c->in->n * sizeof(float)), input);
	log_bytes((double)t->peak, peak);
	printf("%s of %zu vectors of %zu coordinates, %d lanes: %.3f ms (quartiles %.3f and %.3f, %zu "
	       "times)\n",
	       c->method.aggregator->row.name, c->in->count, c->in->n, c->lanes,
	       1e3 * stats_quantile(t->s, t->count, MEDIAN), 1e3 * stats_quantile(t->s, t->count, QUARTILE),
	       1e3 * stats_quantile(t->s, t->count, 1 - QUARTILE), t->count);
	printf("  one plain reading of the vectors takes %.3f ms: ratio %.2f (quartiles %.2f and %.2f)\n",
	       1e3 * stats_quantile(t->reading_s, t->count, MEDIAN),
	       stats_quantile(t->ratio, t->count, MEDIAN), stats_quantile(t->ratio, t->count, QUARTILE),
	       stats_quantile(t->ratio, t->count, 1 - QUARTILE));
	printf("  memory: the vectors %s, the process at its peak %s\n", input, peak);
}

static int measure(const struct args *a, const struct rule_file *rule, const struct vectors *in, int lanes,
                   double seconds, struct err *e)
{
	const struct cpu_level *level = cpu_level_chosen(e);
	struct combination c = {.method = method_of(&rule->compressor, &rule->aggregator, NULL, NULL),
	                        .seed = rule->seed,
	                        .step = rule->step,
	                        .lanes = lanes,
	                        .in = in};
	struct rule_times times;
	char shown[256];
	if (!level)
		return -1;
	rule_resolve(c.method.aggregator, rule->aggregator.state, 0);
	struct reading r = {.loops = &level->baseline, .in = in};
	int rc = combination_open(&c, e);
	r.answer = c.answer;
	rc = rc ? rc : take_times(&c, &r, seconds, &times, e);
	if (rc)
		err_prefix(e, "%s", text_shown(a->rest[2], shown, sizeof shown));
	else
		(args_flag(a, "json") ? print_json : print_text)(&c, &times);
	combination_clear(&c);
	return rc;
}

static int check_options(const struct args *a, struct err *e)
{
	static const char *const taken[] = {"lanes", "seconds", NULL};
	if (a->n_rest != 3)
		return err_user(e, "bench rule takes a rule and vectors, as in 'signsgd bench rule rule.json "
		                   "vectors.h5'");
	return bench_takes(a, taken, e);
}

int bench_rule_command(const struct args *a)
{
	struct arena arena = {0};
	struct rule_file rule;
	struct vectors in = {0};
	struct err e = {0};
	double seconds = SECONDS;
	int lanes = 0;
	if (check_options(a, &e) || bench_seconds(a, &seconds, &e) || lanes_of(a, &lanes, &e) ||
	    rule_file_read(&rule, a->rest[1], &arena, &e) ||
	    vectors_read(&in, a->rest[2], RULE_FILE_VECTORS_MOST, &e) ||
	    measure(a, &rule, &in, lanes, seconds, &e))
		cmd_fail(&e);
	vectors_clear(&in);
	arena_clear(&arena);
	return e.code ? e.code : EXIT_DONE;
}
