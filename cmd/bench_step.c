/* `signsgd bench step`: what a step of the vote takes besides its gradients. */
#include "cmd/bench_step.h"
#include <stdio.h>
#include "cmd/overrides.h"
#include "cmd/ui/bench_options.h"
#include "cmd/ui/json_line.h"
#include "base/log.h"
#include "bench/bench_step.h"

enum { N = 1000000, WORKERS = 7 };

static const double SECONDS = 3;

static int read_options(const struct args *a, struct bench_step_options *o, struct err *e)
{
	static const char *const taken[] = {"n", "workers", "lanes", "seconds", NULL};
	long long n = N, workers = WORKERS;
	if (a->n_rest != 1)
		return err_user(e, "bench step takes options alone, as in 'signsgd bench step -n 1000000'");
	if (bench_takes(a, taken, e))
		return -1;
	*o = (struct bench_step_options){.seconds = SECONDS};
	if (args_int(a, "n", 1, BENCH_STEP_N_MOST, &n, e) ||
	    args_int(a, "workers", 1, BENCH_STEP_WORKERS_MOST, &workers, e) ||
	    bench_seconds(a, &o->seconds, e) || lanes_of(a, &o->lanes, e))
		return -1;
	o->n = (size_t)n;
	o->workers = (int)workers;
	return 0;
}

static void print_json(const struct bench_step_options *o, const struct bench_step_result *r)
{
	struct buf b = {0};
	line_count(&b, "n", o->n);
	line_int(&b, "workers", o->workers);
	line_int(&b, "lanes", o->lanes);
	line_count(&b, "steps", r->steps);
	line_real(&b, "encode_s", r->encode_s);
	line_real(&b, "exchange_s", r->exchange_s);
	line_real(&b, "apply_s", r->apply_s);
	line_real(&b, "bytes", r->bytes);
	line_real(&b, "baseline_s", r->baseline_s);
	line_real(&b, "ratio", r->ratio);
	line_real(&b, "ratio_low", r->ratio_low);
	line_real(&b, "ratio_high", r->ratio_high);
	line_print(&b, stdout);
}

static void print_text(const struct bench_step_options *o, const struct bench_step_result *r)
{
	char bytes[32];
	log_bytes(r->bytes, bytes);
	printf("vote, %d workers, n = %zu, %d lanes: %.3f ms momentum and messages, %.3f ms count, %.3f ms "
	       "answer (medians of %zu steps)\n",
	       o->workers, o->n, o->lanes, 1e3 * r->encode_s, 1e3 * r->exchange_s, 1e3 * r->apply_s,
	       r->steps);
	printf("  %s must move, which plain loops take %.3f ms for: ratio %.2f (quartiles %.2f and %.2f)\n",
	       bytes, 1e3 * r->baseline_s, r->ratio, r->ratio_low, r->ratio_high);
}

int bench_step_command(const struct args *a)
{
	struct bench_step_options o;
	struct bench_step_result r;
	struct err e = {0};
	if (read_options(a, &o, &e) || bench_step(&o, &r, &e))
		return cmd_fail(&e);
	if (args_flag(a, "json"))
		print_json(&o, &r);
	else
		print_text(&o, &r);
	return EXIT_DONE;
}
