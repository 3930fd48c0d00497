/* `signsgd bench`: what each kernel makes of the machine's own bandwidth. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "cmd/bench_model.h"
#include "cmd/bench_round.h"
#include "cmd/bench_rule.h"
#include "cmd/bench_step.h"
#include "cmd/overrides.h"
#include "cmd/ui/bench_options.h"
#include "cmd/ui/cmd.h"
#include "cmd/ui/json_line.h"
#include "base/text.h"
#include "bench/bench_kernel.h"

static const long long N_MOST = 1LL << 32;
static const double SECONDS = 1;

static void tell_line(void *ctx, const struct bench_kernel_row *r)
{
	struct buf b = {0};

	(*(int *)ctx)++;
	line_text(&b, "kernel", r->kernel);
	line_text(&b, "backend", r->backend);
	line_int(&b, "lanes", r->lanes);
	line_count(&b, "n", r->n);
	line_int(&b, "workers", r->workers);
	line_real(&b, "ms", r->ms);
	line_real(&b, "ms_low", r->ms_low);
	line_real(&b, "ms_high", r->ms_high);
	line_real(&b, "gbps", r->gbps);
	line_real(&b, "limit_gbps", r->limit_gbps);
	line_real(&b, "ratio", r->ratio);
	line_print(&b, stdout);
}

static void print_number(int width, int digits, double value)
{
	if (isfinite(value))
		printf(" %*.*f", width, digits, value);
	else
		printf(" %*s", width, "-");
}

static void tell_row(void *ctx, const struct bench_kernel_row *r)
{
	int *rows = ctx;

	if (!(*rows)++)
		printf("%-14s %-7s %5s %10s %7s %10s %17s %8s %8s %6s\n", "kernel", "backend", "lanes", "n",
		       "workers", "ms", "quartiles", "GB/s", "limit", "ratio");
	printf("%-14s %-7s %5d %10zu ", r->kernel, r->backend, r->lanes, r->n);
	if (r->workers)
		printf("%7d", r->workers);
	else
		printf("%7s", "-");
	print_number(10, 4, r->ms);
	print_number(8, 4, r->ms_low);
	print_number(8, 4, r->ms_high);
	print_number(8, 2, r->gbps);
	print_number(8, 2, r->limit_gbps);
	print_number(6, 2, r->ratio);
	putchar('\n');
	fflush(stdout);
}

static int first(const char *word, struct err *e)
{
	char shown[80];
	if (!strcmp(word, "model") || !strcmp(word, "round") || !strcmp(word, "rule") ||
	    !strcmp(word, "step"))
		return 0;
	return err_user(e,
	                "bench takes no file, and has no '%s'; --kernel NAME chooses a kernel, `bench model "
	                "NAME` times a model, `bench round` a transport, `bench rule` an aggregator, `bench "
	                "step` a vote; `make "
	                "bench-net`, in the source folder, measures networks",
	                text_shown(word, shown, sizeof(shown)));
}

static int bench_kernels(const struct args *a)
{
	struct bench_kernel_options o = {.kernel = args_value(a, "kernel"), .seconds = SECONDS};
	struct arena arena = {0};
	struct err e = {0};
	long long n = 0;
	int rows = 0, failed;

	if (a->n_rest)
		first(a->rest[0], &e);
	if (e.code || args_int(a, "n", 1, N_MOST, &n, &e) || bench_seconds(a, &o.seconds, &e))
		return cmd_fail(&e);
	o.n = (size_t)n;
	failed = machine_of(a, &arena, &o.only, &e) ||
	         bench_kernel(&o, args_flag(a, "json") ? tell_line : tell_row, &rows, &e);
	arena_clear(&arena);
	if (failed)
		return cmd_fail(&e);
	if (!rows) {
		char shown[80];
		err_user(&e, "--kernel: no kernel's name contains '%s'; 'signsgd check' shows them",
		         text_shown(o.kernel ? o.kernel : "", shown, sizeof(shown)));
		return cmd_fail(&e);
	}
	return EXIT_DONE;
}

/* The words behind `bench` have files of their own. */
static int bench(const struct args *a)
{
	if (a->n_rest && !strcmp(a->rest[0], "model"))
		return bench_model_command(a);
	if (a->n_rest && !strcmp(a->rest[0], "round"))
		return bench_round_command(a);
	if (a->n_rest && !strcmp(a->rest[0], "rule"))
		return bench_rule_command(a);
	if (a->n_rest && !strcmp(a->rest[0], "step"))
		return bench_step_command(a);
	return bench_kernels(a);
}

static const struct option options[] = {
        {"kernel", "NAME", "only kernels whose name contains this"},
        {"n", "N", "coordinates, instead of the two standard sizes"},
        {"seconds", "S", "about how long each row may take (default: 1)"},
        {"batch", "B", "model: samples a lane and step (default: 128)"},
        {"input", "CxHxW", "model: size of a sample (default: what the model was made for)"},
        {"classes", "N", "model: how many classes; text: size of the vocabulary"},
        {"backend", "NAME",
         "kernels of this one alone; model: the machine (default: cpu); or JSON, with keys"},
        {"transport", "NAME", "round: default mpi under mpirun or srun, else local"},
        {"tcp", NULL, "round: zmq over TCP with CURVE on the loopback interface, instead of ipc"},
        {"topology", "NAME", "round: of transports mpi and nccl ('signsgd list transports mpi')"},
        {"buckets", "K", "round: of the transport: buckets of a vote (default: 1)"},
        {"aggregator", "RULE", "round: a name, or JSON as in an experiment (default: vote)"},
        {"workers", "M", "round, step: workers that vote (default: processes, or 7)"},
        {"rounds", "R", "round: how many to time, instead of --seconds"},
        {"check", NULL, "round: compare every answer with a plain combine"},
        LANES_OPTION,
        {"json", NULL, "one line of JSON a row"},
        {NULL, NULL, NULL},
};

const struct command cmd_bench = {
        .name = "bench",
        .about = "time every kernel, a model, or a round of votes between processes",
        .usage = "bench [OPTION]...\nbench model NAME [OPTION]...\nbench round [OPTION]...\nbench rule "
                 "RULE.json VECTORS.h5 [OPTION]...\nbench step [OPTION]...",
        .details = "GB/s counts the bytes that must move; the limit is what plain loops over the same "
                   "bytes reach in the same run; the ratio is the median of the paired ratios. Keep the "
                   "machine idle meanwhile.\n"
                   "bench model: every lane is a worker with a batch of its own; a round is forward and "
                   "backward on each, the mean of the gradients and a step of SGD.\n"
                   "bench round: every worker's vote to where they are counted and the answer back, over "
                   "one transport; under mpirun, between its processes.\n"
                   "bench rule: the answer that `signsgd combine` gives, again and again, beside one plain "
                   "reading of the vectors in turn.\n"
                   "bench step: momentum, messages, count and answer of whole steps of a vote, and plain "
                   "loops over the bytes that must move, in turn. Networks are measured by 'make "
                   "bench-net', in the program's source folder.",
        .example = "signsgd bench --kernel majority --json\n"
                   "signsgd bench model resnet20 --batch 128\n"
                   "mpirun -n 4 signsgd bench round --topology sharded -n 1000000",
        .options = options,
        .first = first,
        .run = bench,
};
