/* `signsgd bench`: what each kernel makes of the machine's own bandwidth. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cmd/bench_model.h"
#include "tests/netlab/bench_net.h"
#include "cmd/bench_round.h"
#include "cmd/overrides.h"
#include "cmd/ui/cmd.h"
#include "cmd/ui/json_line.h"
#include "base/text.h"
#include "bench/bench_kernel.h"

static const long long N_MOST = 1LL << 32;
static const double SECONDS = 1, SECONDS_LEAST = 0.01, SECONDS_MOST = 3600;

static void tell_line(void *ctx, const struct bench_row *r)
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

static void tell_row(void *ctx, const struct bench_row *r)
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

int bench_seconds(const struct args *a, double *out, struct err *e)
{
	const char *text = args_value(a, "seconds");
	char *end, shown[80];

	if (!text)
		return 0;
	*out = strtod(text, &end);
	if (end == text || *end || !(*out >= SECONDS_LEAST && *out <= SECONDS_MOST))
		return err_user(e, "--seconds: found '%s', expected a number from %g to %g",
		                text_shown(text, shown, sizeof(shown)), SECONDS_LEAST, SECONDS_MOST);
	return 0;
}

static int bench_kernels(const struct args *a)
{
	struct bench_options o = {.kernel = args_value(a, "kernel"), .seconds = SECONDS};
	struct err e = {0};
	long long n = 0;
	int rows = 0;

	if (a->n_rest)
		err_user(&e, "bench takes no file; --kernel NAME chooses a kernel, `bench model NAME` times "
		             "a model, `bench round` a transport");
	if (e.code || args_int(a, "n", 1, N_MOST, &n, &e) || bench_seconds(a, &o.seconds, &e))
		return cmd_fail(&e);
	o.n = (size_t)n;
	bench_run(&o, args_flag(a, "json") ? tell_line : tell_row, &rows);
	if (!rows) {
		char shown[80];
		err_user(&e, "--kernel: no kernel's name contains '%s'; 'signsgd check' shows them",
		         text_shown(o.kernel ? o.kernel : "", shown, sizeof(shown)));
		return cmd_fail(&e);
	}
	return EXIT_DONE;
}

/* `bench model NAME`, `bench round` and `bench net` have files of their own. */
static int bench(const struct args *a)
{
	if (a->n_rest && !strcmp(a->rest[0], "model"))
		return bench_model_command(a);
	if (a->n_rest && !strcmp(a->rest[0], "round"))
		return bench_round_command(a);
	if (a->n_rest && !strcmp(a->rest[0], "net"))
		return bench_net_command(a);
	return bench_kernels(a);
}

static const struct option options[] = {
        {"kernel", "NAME", "only kernels whose name contains this"},
        {"n", "N", "coordinates, instead of the two standard sizes"},
        {"seconds", "S", "about how long each row may take (default: 1)"},
        {"batch", "B", "model: samples a lane and step (default: 128)"},
        {"input", "CxHxW", "model: size of a sample (default: what the model was made for)"},
        {"classes", "N", "model: how many classes; text: size of the vocabulary"},
        {"backend", "NAME", "model: the machine (default: cpu)"},
        {"transport", "NAME", "round: default mpi under mpirun or srun, else local"},
        {"tcp", NULL, "round: zmq over TCP with CURVE on the loopback interface, instead of ipc"},
        {"topology", "NAME", "round: of transport mpi ('signsgd list transports mpi')"},
        {"buckets", "K", "round: of the transport: pieces of a vote (default: 1)"},
        {"aggregator", "RULE", "round: a name, or JSON as in an experiment (default: vote)"},
        {"workers", "M", "round: workers that vote (default: processes); net: (default: 8)"},
        {"rounds", "R", "round: how many to time, instead of --seconds"},
        {"rate", "RATE", "net: of every link, each way, as in 1gbit (default: 100mbit)"},
        {"server-rate", "RATE", "net: of the server's link (default: the same)"},
        {"latency", "TIME", "net: one way, as in 20ms (default: none)"},
        {"loss", "SHARE", "net: of the packets that each host loses (default: 0)"},
        {"way", "NAME", "net: only ways whose name contains this"},
        {"train", "FILE", "net: train this experiment over the hosts, and hold no rounds"},
        {"out", "PATH", "net --train: result file, or folder for several runs"},
        {"set", "KEY=VALUE", "net --train: any key of the experiment"},
        {"overwrite", NULL, "net --train: begin anew over results that are there"},
        {"check", NULL, "round: compare every answer with a plain combine"},
        LANES_OPTION,
        {"json", NULL, "one line of JSON a row"},
        {NULL, NULL, NULL},
};

const struct command cmd_bench = {
        .name = "bench",
        .about = "time every kernel, a model, or a round of votes between processes",
        .usage = "bench [OPTION]...\nbench model NAME [OPTION]...\nbench round [OPTION]...\nbench net "
                 "[OPTION]...",
        .details = "GB/s counts the bytes that must move; the limit is what plain loops over the same "
                   "bytes reach in the same run; the ratio is the median of the paired ratios. Keep the "
                   "machine idle meanwhile.\n"
                   "bench model: every lane is a worker with a batch of its own; a round is forward and "
                   "backward on each, the mean of the gradients and a step of SGD.\n"
                   "bench round: every worker's vote to where they are counted and the answer back, over "
                   "one transport; under mpirun, between its processes.\n"
                   "bench net: rounds between hosts that are network namespaces of this machine, with links "
                   "of a given rate, over every topology, beside the arithmetic of bytes and the model of "
                   "'signsgd estimate'. Root only; says 'skipped' elsewhere.",
        .example = "signsgd bench --kernel majority --json\n"
                   "signsgd bench model resnet20 --batch 128\n"
                   "mpirun -n 4 signsgd bench round --topology sharded -n 1000000\n"
                   "signsgd bench net --rate 100mbit --workers 8 -n 1000000",
        .options = options,
        .run = bench,
};
