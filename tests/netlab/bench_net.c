/*
 * `signsgd bench net`: rounds between hosts that are network namespaces of this machine, beside the
 * arithmetic of bytes and the cost model. Where the machine cannot make such hosts the command says that it
 * is skipped, and that is no error: a test or a script goes on.
 */
#include "tests/netlab/bench_net.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cmd/bench_model.h"
#include "tests/netlab/bench_net_train.h"
#include "cmd/overrides.h"
#include "cmd/estimate.h"
#include "cmd/ui/json_line.h"
#include "cmd/ui/table.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"
#include "base/units.h"
#include "tests/netlab/probe.h"
#include "tests/netlab/topology.h"

enum { N = 1000000, WORKERS = 8, WORKERS_LEAST = 2, WORKERS_MOST = NET_NODES_MOST - 1 };

static const long long N_MOST = 1LL << 32;
static const double RATE = 1e8, SECONDS = 5, PROBE_S = 0.5, LOSS_MOST = 0.5;

/* What is asked for, and what was found. */
struct net_bench {
	struct net_plan plan;
	struct net_rounds rounds;
	struct cost_setting setting;
	const char *only; /* ways whose name contains this, or NULL */
	bool json;
	double ring_s;             /* the ring's median, 0: not measured yet */
	struct net_measure *found; /* [net_way_count] rounds 0: not measured */
	struct runs runs;          /* with --train */
	const struct args *args;
};

static int network_of(const struct args *a, struct net_plan *p, struct err *e)
{
	const char *rate = args_value(a, "rate"), *server = args_value(a, "server-rate");
	const char *latency = args_value(a, "latency");

	p->rate = RATE;
	if (rate && units_rate("--rate", rate, &p->rate, e))
		return -1;
	p->server_rate = p->rate;
	if (server && units_rate("--server-rate", server, &p->server_rate, e))
		return -1;
	return latency ? units_time("--latency", latency, &p->latency_s, e) : 0;
}

static int read_options(const struct args *a, struct net_bench *b, struct err *e)
{
	long long n = N, workers = WORKERS;

	if (a->n_rest != 1)
		return err_user(e, "bench net takes options alone, as in 'signsgd bench net --rate 100mbit'");
	if (args_int(a, "n", 1, N_MOST, &n, e) ||
	    args_int(a, "workers", WORKERS_LEAST, WORKERS_MOST, &workers, e) ||
	    bench_seconds(a, &b->rounds.seconds, e) || network_of(a, &b->plan, e) ||
	    args_real(a, "loss", 0, LOSS_MOST, &b->plan.loss, e))
		return -1;
	b->rounds.n = (size_t)n;
	b->rounds.workers = (int)workers;
	b->plan.count = (int)workers + 1;
	b->only = args_value(a, "way");
	b->json = args_flag(a, "json");
	return 0;
}

/* The model's setting for this network: its rate by the plan, its latency and this machine's speeds as found.
 */
static void set_model(struct net_bench *b, double latency_s)
{
	double bits = 8 * ceil((double)b->rounds.n / 64);

	b->setting = (struct cost_setting){.n = (double)b->rounds.n,
	                                   .push_bytes = bits,
	                                   .pull_bytes = bits,
	                                   .machines = b->rounds.workers,
	                                   .shards = 1,
	                                   .rate = b->plan.rate,
	                                   .server_rate = b->plan.server_rate,
	                                   .latency_s = latency_s,
	                                   .speed = b->setting.speed};
}

static struct cost_setting setting_of(const struct net_bench *b, size_t way)
{
	struct cost_setting s = b->setting;

	s.streamed = !strcmp(net_ways[way].transport, "zmq");
	return s;
}

static bool wanted(const struct net_bench *b, size_t way)
{
	return !b->only || strstr(net_ways[way].name, b->only);
}

static void print_json(const struct net_bench *b, size_t way)
{
	const struct net_measure *m = &b->found[way];
	struct buf line = {0};

	line_text(&line, "way", net_ways[way].name);
	line_real(&line, "rate", b->plan.rate);
	line_real(&line, "server_rate", b->plan.server_rate);
	line_int(&line, "workers", b->rounds.workers);
	line_int(&line, "rounds", m->rounds);
	line_real(&line, "round_s", m->round_s);
	line_real(&line, "round_s_low", m->round_s_low);
	line_real(&line, "round_s_high", m->round_s_high);
	line_real(&line, "measured_bytes_busiest", m->bytes_busiest);
	line_real(&line, "ring_ratio", b->ring_s > 0 ? b->ring_s / m->round_s : NAN);
	line_open(&line, "estimate");
	struct cost_setting s = setting_of(b, way);
	estimate_json(&s, net_ways[way].topology, &line);
	line_close(&line);
	line_print(&line, stdout);
}

static void add_row(struct table *t, const struct net_bench *b, size_t way)
{
	const struct net_measure *m = &b->found[way];
	struct cost c;

	struct cost_setting s = setting_of(b, way);
	cost_of(&s, net_ways[way].topology, &c);
	table_cell(t, "%s", net_ways[way].name);
	table_cell(t, "%.4g", m->bytes_busiest / 1e6);
	table_cell(t, "%.4g", c.busiest_bytes / 1e6);
	table_cell(t, "%.4g", 1e3 * m->round_s);
	table_cell(t, "%.4g-%.4g", 1e3 * m->round_s_low, 1e3 * m->round_s_high);
	table_cell(t, "%.4g", 1e3 * c.communication_s);
	table_cell(t, "%.2f", m->round_s / c.communication_s);
	table_cell(t, b->ring_s > 0 ? "%.1f" : "-", b->ring_s / m->round_s);
}

static void print_table(const struct net_bench *b)
{
	static const char *const head[] = {"way",       "MB busiest", "arithmetic", "ms a round",
	                                   "quartiles", "estimate",   "ratio",      "x ring"};
	struct table t;

	table_init(&t, "lrrrrrrr");
	for (size_t i = 0; i < sizeof(head) / sizeof(*head); i++)
		table_cell(&t, "%s", head[i]);
	for (size_t way = 0; way < net_way_count; way++)
		if (b->found[way].rounds)
			add_row(&t, b, way);
	table_print(&t, stdout, 0);
	table_clear(&t);
}

static void say_network(const struct net_bench *b, const struct net_probe *p)
{
	char rate[32], server[32], latency[32];

	units_rate_text(b->plan.rate, rate);
	units_rate_text(b->plan.server_rate, server);
	units_time_text(p->latency_s, latency);
	printf("%d workers and a server, n = %zu; links of %s, the server's %s; found: %.3f MB/s, %s one "
	       "way\n\n",
	       b->rounds.workers, b->rounds.n, rate, server, p->bytes_per_s / 1e6, latency);
	fflush(stdout);
}

/* One after the other. */
static int measure_all(struct net_bench *b, const struct net_nodes *h, struct err *e)
{
	for (size_t way = 0; way < net_way_count; way++) {
		if (!wanted(b, way))
			continue;
		if (!net_way_built(&net_ways[way])) {
			log_warn("%s: skipped, this program has no transport %s", net_ways[way].name,
			         net_ways[way].transport);
			continue;
		}
		progress_show(true, "%s ...", net_ways[way].name);
		if (net_way_measure(&net_ways[way], h, &b->rounds, &b->found[way], e))
			return -1;
		if (net_ways[way].topology == COST_FLOAT_RING)
			b->ring_s = b->found[way].round_s;
	}
	progress_end();
	return 0;
}

/* Within the hosts' namespaces. */
static int inside(const struct net_nodes *h, void *ctx)
{
	struct net_bench *b = ctx;
	struct net_probe probe;
	struct err e = {0};

	if (net_probe(h, 1, 2, PROBE_S, &probe, &e))
		return cmd_fail(&e);
	set_model(b, probe.latency_s);
	if (!b->json)
		say_network(b, &probe);
	if (b->runs.count)
		return bench_net_train(&(struct net_training){h, b->rounds.program, &b->runs, b->args});
	if (measure_all(b, h, &e))
		return cmd_fail(&e);
	for (size_t way = 0; b->json && way < net_way_count; way++)
		if (b->found[way].rounds)
			print_json(b, way);
	if (!b->json)
		print_table(b);
	return EXIT_DONE;
}

static int check_ways(const struct net_bench *b, struct err *e)
{
	char shown[80];

	for (size_t way = 0; way < net_way_count; way++)
		if (wanted(b, way))
			return 0;
	return err_user(e, "--way: no way's name contains '%s'; there are 'float server, MPI' and others",
	                text_shown(b->only, shown, sizeof(shown)));
}

/* The runs of --train; their workers are the hosts. */
static int read_training(const struct args *a, struct overrides *c, struct net_bench *b, struct err *e)
{
	const char *file = args_value(a, "train");

	if (!file)
		return 0;
	if (overrides_init(c, a, NULL, 0, e) || experiment_read(&b->runs, file, c->at, c->count, e) ||
	    bench_net_train_check(&b->runs, e))
		return -1;
	b->rounds.workers = (int)b->runs.at[0].workers;
	b->plan.count = b->rounds.workers + 1;
	return 0;
}

static int run(struct net_bench *b)
{
	struct err e = {0};

	b->found = mem_array(net_way_count, sizeof(*b->found));
	if (!b->runs.count)
		cost_measure(b->rounds.n, b->rounds.workers, &b->setting.speed);
	int code = net_nodes_run(&b->plan, inside, b, &e);
	mem_free(b->found);
	if (code >= 0)
		return code;
	printf("skipped: no hosts can be made here: %s\n", e.text);
	return EXIT_DONE;
}

int bench_net_command(const struct args *a)
{
	struct net_bench b = {.rounds.seconds = SECONDS, .args = a};
	struct overrides changes = {0};
	struct err e = {0};
	char self[PATH_MAX];

	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[length > 0 ? length : 0] = '\0';
	b.rounds.program = self;
	int wrong = read_options(a, &b, &e) || check_ways(&b, &e) || read_training(a, &changes, &b, &e);
	int code = wrong ? cmd_fail(&e) : run(&b);
	runs_clear(&b.runs);
	overrides_clear(&changes);
	return code;
}
