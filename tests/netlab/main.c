/*
 * bench_net: rounds, or a training, between nodes that are network namespaces of this machine (`make
 * bench-net`). Where such nodes cannot be made it says that it is skipped and why, and exits with 0, so that
 * tests and scripts go on.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "base/units.h"
#include "cmd/overrides.h"
#include "cmd/ui/bench_options.h"
#include "cmd/ui/cmd.h"
#include "cmd/ui/table.h"
#include "tests/netlab/rounds.h"
#include "tests/netlab/training.h"

enum { WORKERS_LEAST = 2, WORKERS_MOST = NET_NODES_MOST - 1 };

static const long long N_MOST = 1LL << 32;
static const double SECONDS = 5, LOSS_MOST = 0.5;

/* What is asked for. */
struct question {
	struct rounds_options rounds;
	struct runs runs; /* of --train; none: rounds */
	bool overwrite;
};

static const struct option options[] = {
        {"rate", "RATE", "of every link, each way, as in 1gbit (default: 100mbit)"},
        {"server-rate", "RATE", "of the server's link (default: the same)"},
        {"latency", "TIME", "one way, as in 20ms (default: none)"},
        {"loss", "SHARE", "of the packets that each node loses on the way in (default: 0)"},
        {"n", "N", "coordinates (default: 1000000)"},
        {"workers", "M", "a node each, beside the server's (default: 8)"},
        {"seconds", "S", "about how long each topology may take (default: 5)"},
        {"topology", "NAME", "only topologies whose name contains this, as in vote"},
        {"check", NULL, "fail where votes on the standard network are slower than its limits"},
        {"train", "FILE", "train this experiment over the nodes, and hold no rounds"},
        {"out", "PATH", "--train: result file, or folder for several runs"},
        {"data", "DIR", "--train: folder with the data set's files"},
        {"set", "KEY=VALUE", "--train: any key of the experiment"},
        {"overwrite", NULL, "--train: replace results that are there"},
        {"markdown", NULL, "a table for docs/NETWORK.md"},
        {"json", NULL, "one line of JSON a topology or run"},
        {NULL, NULL, NULL},
};

static const struct command bench_net = {.name = "bench_net", .options = options};

static void print_help(void)
{
	struct table t;

	puts("Rounds of votes and of floats, or a training, between nodes that are network namespaces of "
	     "this\n"
	     "machine, each with a link of a given rate to one switch. Root only; needs iproute2 and "
	     "util-linux.\n"
	     "\nusage: make bench-net ARGS=\"[OPTION]...\"\n\noptions:");
	table_init(&t, "lw");
	for (const struct option *o = options; o->name; o++) {
		table_cell(&t, "--%s %s", o->name, o->argument ? o->argument : "");
		table_cell(&t, "%s", o->help);
	}
	table_print(&t, stdout, 2);
	table_clear(&t);
}

static int network_of(const struct args *a, struct net_plan *p, struct err *e)
{
	const char *rate = args_value(a, "rate"), *server = args_value(a, "server-rate");
	const char *latency = args_value(a, "latency");

	p->rate = NET_RATE;
	if (rate && units_rate("--rate", rate, &p->rate, e))
		return -1;
	p->server_rate = p->rate;
	if (server && units_rate("--server-rate", server, &p->server_rate, e))
		return -1;
	if (latency && units_time("--latency", latency, &p->latency_s, e))
		return -1;
	return args_real(a, "loss", 0, LOSS_MOST, &p->loss, e);
}

/* --check has limits for one network only. */
static int check_of(const struct args *a, struct rounds_options *o, struct err *e)
{
	static const char *const changing[] = {"rate", "server-rate", "latency", "loss",
	                                       "n",    "workers",     "train"};

	o->check = args_flag(a, "check");
	for (size_t i = 0; o->check && i < sizeof(changing) / sizeof(*changing); i++)
		if (args_value(a, changing[i]))
			return err_user(e,
			                "--check has limits for the standard network alone; leave out --%s",
			                changing[i]);
	return 0;
}

static int read_rounds(const struct args *a, struct rounds_options *o, struct err *e)
{
	long long n = NET_N, workers = NET_WORKERS;

	if (a->n_rest)
		return err_user(
		        e, "bench_net takes options alone, as in make bench-net ARGS=\"--rate 100mbit\"");
	if (args_int(a, "n", 1, N_MOST, &n, e) ||
	    args_int(a, "workers", WORKERS_LEAST, WORKERS_MOST, &workers, e) ||
	    bench_seconds(a, &o->rounds.seconds, e) || network_of(a, &o->plan, e) || check_of(a, o, e))
		return -1;
	o->rounds.n = (size_t)n;
	o->rounds.workers = (int)workers;
	o->plan.count = (int)workers + 1;
	o->only = args_value(a, "topology");
	o->format = args_flag(a, "json") ? NET_JSON : args_flag(a, "markdown") ? NET_MARKDOWN : NET_TABLE;
	return rounds_check_options(o, e);
}

/* The runs of --train; each of their workers gets a node. */
static int read_training(const struct args *a, struct overrides *c, struct question *q, struct err *e)
{
	const char *file = args_value(a, "train");

	if (!file)
		return 0;
	if (overrides_init(c, a, NULL, 0, e) || experiment_read(&q->runs, file, c->at, c->count, e) ||
	    training_check(&q->runs, e))
		return -1;
	q->overwrite = args_flag(a, "overwrite");
	q->rounds.plan.count = (int)q->runs.at[0].workers + 1;
	return 0;
}

/* Within the nodes' namespaces. */
static int inside(const struct net_nodes *h, void *ctx)
{
	const struct question *q = ctx;
	const struct rounds_options *o = &q->rounds;
	const struct training t = {o->rounds.program, &q->runs, q->overwrite, o->format};

	return q->runs.count ? training_run(&t, h) : rounds_run(o, h);
}

static int run(struct question *q)
{
	struct rounds_options *o = &q->rounds;
	struct err e = {0};

	if (!q->runs.count && !geteuid())
		cost_measure(o->rounds.n, o->rounds.workers, &o->speed);
	int code = net_nodes_run(&o->plan, inside, q, &e);
	if (code >= 0)
		return code;
	printf("skipped: no nodes can be made here: %s\n", e.text);
	return EXIT_DONE;
}

static int answer(const struct args *a, const char *program)
{
	struct question q = {.rounds.rounds = {.program = program, .seconds = SECONDS}};
	struct overrides changes = {0};
	struct err e = {0};
	int wrong = read_rounds(a, &q.rounds, &e) || read_training(a, &changes, &q, &e);
	int code = wrong ? cmd_fail(&e) : run(&q);

	runs_clear(&q.runs);
	overrides_clear(&changes);
	return code;
}

/* The signsgd that was built with this program: build/VARIANT/tests/netlab/bench_net stands two folders
 * lower. */
static int find_program(char out[PATH_MAX], struct err *e)
{
	static const char from_here[] = "/../../signsgd";
	ssize_t length = readlink("/proc/self/exe", out, PATH_MAX - sizeof(from_here));
	char *name;

	out[length > 0 ? length : 0] = '\0';
	name = strrchr(out, '/');
	if (name)
		memcpy(name, from_here, sizeof(from_here));
	return name && !access(out, X_OK) ? 0
	                                  : err_world(e, "%s is not there: make bench-net builds it", out);
}

int main(int argc, char **argv)
{
	char program[PATH_MAX];
	struct args a;
	struct err e = {0};
	int code = EXIT_DONE;

	if (find_program(program, &e) || args_parse(&a, &bench_net, argc - 1, argv + 1, &e))
		return cmd_fail(&e);
	if (a.help)
		print_help();
	else
		code = answer(&a, program);
	args_clear(&a);
	return cmd_finish(code);
}
