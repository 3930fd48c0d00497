/* Rounds over topologies, measured and printed. */
#include "tests/netlab/rounds.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/text.h"
#include "base/units.h"
#include "cmd/estimate.h"
#include "cmd/ui/cmd.h"
#include "cmd/ui/json_line.h"
#include "cmd/ui/table.h"
#include "tests/netlab/probe.h"

static const double PROBE_S = 0.5;

/* What is asked for, and what was found. */
struct results {
	const struct rounds_options *o;
	struct net_probe network;
	struct net_measure *found; /* [net_topology_count] rounds 0: not measured */
	double ring_s;             /* a round of the ring of floats; 0: not measured */
};

static bool wanted(const struct rounds_options *o, size_t topology)
{
	return !o->only || strstr(net_topologies[topology].name, o->only);
}

int rounds_check_options(const struct rounds_options *o, struct err *e)
{
	char shown[80];

	for (size_t i = 0; i < net_topology_count; i++)
		if (wanted(o, i))
			return 0;
	return err_user(e, "--topology: no topology's name contains '%s'; there are '%s' and others",
	                text_shown(o->only, shown, sizeof(shown)), net_topologies[0].name);
}

/* The model's setting for this network: the rates as planned, the latency as measured. */
static struct cost_setting setting_of(const struct results *r, size_t topology)
{
	const struct rounds_options *o = r->o;
	double vote_bytes = 8 * ceil((double)o->rounds.n / 64);

	return (struct cost_setting){.n = (double)o->rounds.n,
	                             .push_bytes = vote_bytes,
	                             .pull_bytes = vote_bytes,
	                             .machines = o->rounds.workers,
	                             .shards = 1,
	                             .rate = o->plan.rate,
	                             .server_rate = o->plan.server_rate,
	                             .latency_s = r->network.latency_s,
	                             .streamed = !strcmp(net_topologies[topology].transport, "zmq"),
	                             .speed = o->speed};
}

/* How many times faster than the ring of floats. */
static double ring_ratio(const struct results *r, size_t topology)
{
	return r->ring_s > 0 ? r->ring_s / r->found[topology].round_s : NAN;
}

static void print_json(const struct results *r, size_t topology)
{
	const struct net_measure *m = &r->found[topology];
	struct cost_setting s = setting_of(r, topology);
	struct buf line = {0};

	line_text(&line, "topology", net_topologies[topology].name);
	line_real(&line, "rate", r->o->plan.rate);
	line_real(&line, "server_rate", r->o->plan.server_rate);
	line_int(&line, "workers", r->o->rounds.workers);
	line_int(&line, "rounds", m->rounds);
	line_real(&line, "round_s", m->round_s);
	line_real(&line, "round_s_low", m->round_s_low);
	line_real(&line, "round_s_high", m->round_s_high);
	line_real(&line, "measured_bytes_busiest", m->bytes_busiest);
	line_real(&line, "ring_ratio", ring_ratio(r, topology));
	line_open(&line, "estimate");
	estimate_json(&s, net_topologies[topology].cost, &line);
	line_close(&line);
	line_print(&line, stdout);
}

static void add_row(struct table *t, const struct results *r, size_t topology)
{
	const struct net_measure *m = &r->found[topology];
	struct cost_setting s = setting_of(r, topology);
	struct cost c;

	cost_of(&s, net_topologies[topology].cost, &c);
	table_cell(t, "%s", net_topologies[topology].name);
	table_cell(t, "%.4g", m->bytes_busiest / 1e6);
	table_cell(t, "%.4g", c.busiest_bytes / 1e6);
	table_cell(t, "%.4g", 1e3 * m->round_s);
	table_cell(t, "%.4g-%.4g", 1e3 * m->round_s_low, 1e3 * m->round_s_high);
	table_cell(t, "%.4g", 1e3 * c.communication_s);
	table_cell(t, "%.2f", m->round_s / c.communication_s);
	table_real(t, 2, ring_ratio(r, topology), "");
}

static void print_table(const struct results *r)
{
	static const char *const head[] = {"topology",  "MB busiest", "arithmetic", "ms a round",
	                                   "quartiles", "estimate",   "ratio",      "x ring"};
	struct table t;

	table_init(&t, "lrrrrrrr");
	for (size_t i = 0; i < sizeof(head) / sizeof(*head); i++)
		table_cell(&t, "%s", head[i]);
	for (size_t i = 0; i < net_topology_count; i++)
		if (r->found[i].rounds)
			add_row(&t, r, i);
	if (r->o->format == NET_MARKDOWN)
		table_print_markdown(&t, stdout);
	else
		table_print(&t, stdout, 0);
	table_clear(&t);
}

static void print_network(const struct results *r)
{
	const struct rounds_options *o = r->o;
	char rate[32], server[32], latency[32];

	units_rate_text(o->plan.rate, rate);
	units_rate_text(o->plan.server_rate, server);
	units_time_text(r->network.latency_s, latency);
	printf("%d workers and a server, n = %zu; links of %s, the server's %s; found: %.3f MB/s, %s one "
	       "way\n\n",
	       o->rounds.workers, o->rounds.n, rate, server, r->network.bytes_per_s / 1e6, latency);
	fflush(stdout);
}

static int measure_all(struct results *r, const struct net_nodes *h, struct err *e)
{
	for (size_t i = 0; i < net_topology_count; i++) {
		const struct net_topology *t = &net_topologies[i];
		if (!wanted(r->o, i))
			continue;
		if (!net_topology_built(t)) {
			log_warn("%s: skipped, this program has no transport %s", t->name, t->transport);
			continue;
		}
		progress_show(true, "%s ...", t->name);
		if (net_topology_measure(t, h, &r->o->rounds, &r->found[i], e))
			return -1;
		if (t->cost == COST_FLOAT_RING)
			r->ring_s = r->found[i].round_s;
	}
	progress_end();
	return 0;
}

/* A sentence for every topology that is slower than --check demands. The exit code. */
static int check_limits(const struct results *r)
{
	int code = EXIT_DONE;

	for (size_t i = 0; i < net_topology_count; i++) {
		const struct net_topology *t = &net_topologies[i];
		double took = r->found[i].round_s, ratio = ring_ratio(r, i);
		if (t->longest_s <= 0 || !r->found[i].rounds)
			continue;
		if (took <= t->longest_s && !(ratio < t->least_ratio))
			continue;
		log_error("%s: %.4f s a round, %.1f times the ring; at most %.4f s and at least %g times "
		          "are demanded",
		          t->name, took, ratio, t->longest_s, t->least_ratio);
		code = EXIT_WORLD;
	}
	return code;
}

static int report(const struct results *r)
{
	for (size_t i = 0; r->o->format == NET_JSON && i < net_topology_count; i++)
		if (r->found[i].rounds)
			print_json(r, i);
	if (r->o->format != NET_JSON)
		print_table(r);
	return r->o->check ? check_limits(r) : EXIT_DONE;
}

int rounds_run(const struct rounds_options *o, const struct net_nodes *h)
{
	struct results r = {.o = o, .found = mem_array(net_topology_count, sizeof(*r.found))};
	struct err e = {0};
	int code;

	if (net_probe(h, 1, 2, PROBE_S, &r.network, &e)) {
		code = cmd_fail(&e);
	} else {
		if (o->format != NET_JSON)
			print_network(&r);
		code = measure_all(&r, h, &e) ? cmd_fail(&e) : report(&r);
	}
	mem_free(r.found);
	return code;
}
