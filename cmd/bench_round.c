/* `signsgd bench round`: seconds and bytes of one round of votes over a transport. */
#include "cmd/bench_round.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cmd/overrides.h"
#include "cmd/ui/bench_options.h"
#include "cmd/ui/json_line.h"
#include "config/key.h"
#include "base/log.h"
#include "base/text.h"
#include "registry.h"
#include "bench/bench_round.h"
#include "bench/bench_round_zmq.h"
#include "transport/launch.h"
#include "transport/transport.h"

enum { N = 1000000, WORKERS = 7, WORKERS_MOST = 4096, ROUNDS_MOST = 1 << 20, BUCKETS_MOST = 1 << 16 };

static const long long N_MOST = 1LL << 32;
static const double SECONDS = 3;

/* What was asked for, by names. */
struct asked {
	const char *transport, *topology; /* topology NULL: the row's default */
	bool served;                      /* by processes that this one starts and is the server of */
	const char *aggregator;
	long long buckets; /* 0: the row's default */
	char *transport_json, *aggregator_json;
};

static int read_transport(const struct args *a, struct asked *asked, struct err *e)
{
	asked->transport = args_value(a, "transport");
	asked->topology = args_value(a, "topology");
	if (!asked->transport)
		asked->transport = mpi_launched() > 0 ? "mpi" : "local";
	const struct transport *row =
	        (const struct transport *)family_find(&family_transports, asked->transport);
	if (!row && mpi_launched() > 0)
		return err_user(e, "this signsgd was built without MPI: build it where there is an mpicc");
	asked->served = row && row->processes == TRANSPORT_SERVED;
	if (!asked->served && args_flag(a, "tcp"))
		return err_user(e, "--tcp is for --transport zmq");
	struct buf b = {0};
	line_text(&b, "kind", asked->transport);
	if (asked->topology)
		line_text(&b, "topology", asked->topology);
	if (asked->buckets > 0)
		line_int(&b, "buckets", asked->buckets);
	buf_add(&b, "}");
	asked->transport_json = b.text;
	return 0;
}

static void read_aggregator(const struct args *a, struct asked *asked)
{
	const char *rule = args_value(a, "aggregator");
	struct buf b = {0};
	asked->aggregator = rule ? rule : "vote";
	if (asked->aggregator[0] == '{') {
		asked->aggregator_json = mem_string(asked->aggregator);
		return;
	}
	line_text(&b, "kind", asked->aggregator);
	buf_add(&b, "}");
	asked->aggregator_json = b.text;
}

static int read_options(const struct args *a, struct asked *asked, struct bench_round_options *o,
                        struct err *e)
{
	long long n = N, workers = mpi_launched() > 0 ? mpi_launched() : WORKERS, rounds = 0;
	if (a->n_rest != 1)
		return err_user(e, "bench round takes options alone, as in 'signsgd bench round -n 1000000'");
	if (args_value(a, "kernel") || args_value(a, "batch") || args_value(a, "input") ||
	    args_value(a, "classes") || args_value(a, "backend"))
		return err_user(e, "--kernel, --batch, --input, --classes and --backend are for kernels and "
		                   "models; `bench round` times a transport");
	*o = (struct bench_round_options){.seconds = SECONDS, .check = args_flag(a, "check")};
	if (args_int(a, "n", 1, N_MOST, &n, e) || args_int(a, "workers", 1, WORKERS_MOST, &workers, e) ||
	    args_int(a, "rounds", 1, ROUNDS_MOST, &rounds, e) ||
	    args_int(a, "buckets", 1, BUCKETS_MOST, &asked->buckets, e) || bench_seconds(a, &o->seconds, e) ||
	    lanes_of(a, &o->lanes, e) || read_transport(a, asked, e))
		return -1;
	read_aggregator(a, asked);
	o->n = (size_t)n;
	o->workers = (int)workers;
	o->rounds = rounds;
	o->transport = asked->transport_json;
	o->aggregator = asked->aggregator_json;
	o->sums = asked->topology && !strcmp(asked->topology, "allreduce");
	return 0;
}

static int processes_of(const struct asked *asked, const struct bench_round_options *o)
{
	if (asked->served)
		return o->workers + 1;
	return mpi_launched() > 0 ? mpi_launched() : 1;
}

static void print_json(const struct asked *asked, const struct bench_round_options *o,
                       const struct bench_round_result *r)
{
	struct buf b = {0};
	line_text(&b, "transport", asked->transport);
	line_text(&b, "topology", asked->topology);
	line_int(&b, "buckets", asked->buckets > 0 ? asked->buckets : 1);
	line_text(&b, "aggregator", asked->aggregator);
	line_count(&b, "n", o->n);
	line_int(&b, "workers", o->workers);
	line_int(&b, "processes", processes_of(asked, o));
	line_int(&b, "lanes", o->lanes);
	line_int(&b, "rounds", r->rounds);
	line_real(&b, "round_s", r->round_s);
	line_real(&b, "round_s_low", r->round_s_low);
	line_real(&b, "round_s_high", r->round_s_high);
	line_real(&b, "wait_s", r->wait_s);
	line_count(&b, "bytes_up", r->bytes_up);
	line_count(&b, "bytes_down", r->bytes_down);
	line_count(&b, "bytes_busiest", r->bytes_busiest);
	line_bool(&b, "checked", o->check);
	line_print(&b, stdout);
}

static void print_text(const struct asked *asked, const struct bench_round_options *o,
                       const struct bench_round_result *r)
{
	char up[32], down[32], busiest[32];
	log_bytes((double)r->bytes_up, up);
	log_bytes((double)r->bytes_down, down);
	log_bytes((double)r->bytes_busiest, busiest);
	printf("%s%s%s, %s, %d workers, n = %zu: %.3f ms a round (quartiles %.3f and %.3f, %lld rounds)\n",
	       asked->transport, asked->topology ? " " : "", asked->topology ? asked->topology : "",
	       asked->aggregator, o->workers, o->n, 1e3 * r->round_s, 1e3 * r->round_s_low,
	       1e3 * r->round_s_high, (long long)r->rounds);
	printf("  of it %.3f ms until the last vote was there; a round carries %s up and %s down,\n  the "
	       "busiest process sends and receives %s\n",
	       1e3 * r->wait_s, up, down, busiest);
	if (o->check && r->wrong == 0)
		puts("  every answer is that of a plain combine");
}

/* The answers of this process. */
static int judge(const struct bench_round_result *r, struct err *e)
{
	if (r->wrong > 0)
		return err_world(e, "process %d: %lld answers differ from a plain combine of all pushes",
		                 mpi_launched_rank(), (long long)r->wrong);
	return 0;
}

/* Under MPI the launcher has started the processes; for ZeroMQ this program starts them. */
static int hold_rounds(const struct args *a, const struct asked *asked, struct bench_round_options *o,
                       struct bench_round_result *r, struct err *e)
{
	char own[64];
	snprintf(own, sizeof own, "ipc://@signsgd-bench-%ld", (long)getpid());
	struct bench_round_place here = {.address = args_flag(a, "tcp") ? "tcp://127.0.0.1:*" : own};
	if (asked->served)
		return bench_round_zmq(o, &here, r, e);
	return bench_round(o, r, e);
}

int bench_round_command(const struct args *a)
{
	struct asked asked = {0};
	struct bench_round_options o;
	struct bench_round_result r;
	struct err e = {0};
	int rc = read_options(a, &asked, &o, &e) || hold_rounds(a, &asked, &o, &r, &e);
	if (!rc && r.root && args_flag(a, "json"))
		print_json(&asked, &o, &r);
	else if (!rc && r.root)
		print_text(&asked, &o, &r);
	rc = rc || judge(&r, &e);
	mem_free(asked.transport_json);
	mem_free(asked.aggregator_json);
	return rc ? cmd_fail(&e) : EXIT_DONE;
}
