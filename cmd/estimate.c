/* `signsgd estimate`: what a step of an experiment would take on a network that is not here. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cmd/overrides.h"
#include "cmd/ui/cmd.h"
#include "cmd/estimate.h"
#include "cmd/ui/json_line.h"
#include "cmd/ui/table.h"
#include "base/text.h"
#include "base/units.h"
#include "train/trainer.h"

enum { COUNTS_MOST = 16, MACHINES_MOST = 1000000, MEASURE_N = 25600000, BREAK_EVEN_MOST = 100000 };

static const double MESSAGE_S = 10e-6, STRAGGLE_MOST = 5, TENTH_LESS = 0.9;

/* What the options say. */
struct question {
	struct cost_setting setting; /* machines: of the table at hand */
	double counts[COUNTS_MOST];  /* [n_counts] machines */
	size_t n_counts;
	bool markdown, json;
};

static int rate_option(const struct args *a, const char *option, double *out, struct err *e)
{
	char name[32];
	const char *text = args_value(a, option);

	snprintf(name, sizeof(name), "--%s", option);
	return text ? units_rate(name, text, out, e) : 0;
}

static int time_option(const struct args *a, const char *option, double *out, struct err *e)
{
	char name[32];
	const char *text = args_value(a, option);

	snprintf(name, sizeof(name), "--%s", option);
	return text ? units_time(name, text, out, e) : 0;
}

/* "7,11,15" */
static int machines_option(const struct args *a, struct question *q, struct err *e)
{
	const char *text = args_value(a, "machines"), *at = text;
	char *end, shown[80];

	while (at) {
		errno = 0;
		long count = strtol(at, &end, 10);
		bool digits = *at >= '0' && *at <= '9' && (!*end || *end == ',');
		if (!digits || errno || count < 2 || count > MACHINES_MOST || q->n_counts == COUNTS_MOST)
			return err_user(e,
			                "--machines: found '%s', expected up to %d whole numbers from 2 to "
			                "%d, as in 7,15",
			                text_shown(text, shown, sizeof(shown)), COUNTS_MOST, MACHINES_MOST);
		q->counts[q->n_counts++] = (double)count;
		at = *end ? end + 1 : NULL;
	}
	return 0;
}

static int network_options(const struct args *a, struct cost_setting *s, struct err *e)
{
	if (!args_value(a, "rate"))
		return err_user(e, "estimate needs the network's rate, as in --rate 10gbit");
	if (rate_option(a, "rate", &s->rate, e))
		return -1;
	s->server_rate = s->rate;
	return rate_option(a, "server-rate", &s->server_rate, e) ||
	                       time_option(a, "latency", &s->latency_s, e) ||
	                       time_option(a, "message", &s->message_s, e) ||
	                       args_real(a, "shards", 1, MACHINES_MOST, &s->shards, e)
	               ? -1
	               : 0;
}

/* Speeds that no option names are measured. */
static int speed_options(const struct args *a, struct cost_setting *s, struct err *e)
{
	static const double LOWEST = 1, HIGHEST = 1e15;
	struct cost_speed given = {0};

	if (args_real(a, "pack", LOWEST, HIGHEST, &given.pack, e) ||
	    args_real(a, "tally", LOWEST, HIGHEST, &given.tally, e) ||
	    args_real(a, "add", LOWEST, HIGHEST, &given.add, e))
		return -1;
	given.apply = given.pack;
	if (given.pack <= 0 || given.tally <= 0 || given.add <= 0)
		cost_measure(s->n < MEASURE_N ? (size_t)s->n : MEASURE_N, s->machines, &s->speed);
	if (given.pack > 0) {
		s->speed.pack = given.pack;
		s->speed.apply = given.apply;
	}
	if (given.tally > 0)
		s->speed.tally = given.tally;
	if (given.add > 0)
		s->speed.add = given.add;
	return 0;
}

/* The votes of the first run that sends less than floats; where none does, one bit a coordinate. */
static void vote_bytes(const struct runs *r, struct cost_setting *s)
{
	struct plan plan;

	trainer_plan(&r->at[0], 1, &plan);
	s->n = (double)plan.n_params;
	s->push_bytes = s->pull_bytes = 8 * ceil(s->n / 64);
	for (size_t i = 0; i < r->count; i++) {
		trainer_plan(&r->at[i], 1, &plan);
		if (plan.push_bytes >= sizeof(float) * plan.n_params)
			continue;
		s->push_bytes = (double)plan.push_bytes;
		s->pull_bytes = (double)plan.pull_bytes;
		return;
	}
}

static int read_question(const struct args *a, const struct runs *r, struct question *q, struct err *e)
{
	struct cost_setting *s = &q->setting;

	*s = (struct cost_setting){.message_s = MESSAGE_S,
	                           .shards = 2,
	                           .colocated = args_flag(a, "colocated"),
	                           .streamed = args_flag(a, "streamed")};
	q->json = args_flag(a, "json");
	q->markdown = args_flag(a, "markdown");
	if (network_options(a, s, e) || time_option(a, "compute", &s->compute_s, e) ||
	    args_real(a, "straggle", 0, STRAGGLE_MOST, &s->straggle, e) || machines_option(a, q, e))
		return -1;
	if (!q->n_counts)
		q->counts[q->n_counts++] = (double)(r->at[0].workers < 2 ? 2 : r->at[0].workers);
	vote_bytes(r, s);
	s->machines = q->counts[0];
	return speed_options(a, s, e);
}

void estimate_json(const struct cost_setting *s, enum cost_topology t, struct buf *b)
{
	struct cost c;

	cost_of(s, t, &c);
	line_text(b, "topology", cost_names[t]);
	line_real(b, "machines", s->machines);
	line_real(b, "n", s->n);
	line_real(b, "worker_bytes", c.worker_bytes);
	line_real(b, "busiest_bytes", c.busiest_bytes);
	line_real(b, "wire_s", c.wire_s);
	line_real(b, "latency_s", c.latency_s);
	line_real(b, "work_s", c.work_s);
	line_real(b, "communication_s", c.communication_s);
	line_real(b, "compute_s", c.compute_s);
	line_real(b, "step_s", c.step_s);
}

static void time_cell(struct table *t, double seconds)
{
	char text[32];

	units_time_text(seconds, text);
	table_cell(t, "%s", seconds > 0 ? text : "0");
}

static void bytes_cell(struct table *t, double bytes)
{
	char text[32];

	units_bytes_text(bytes, text);
	table_cell(t, "%s", text);
}

static void add_row(struct table *t, const struct cost_setting *s, enum cost_topology topology,
                    const struct cost *ring)
{
	struct cost c;

	cost_of(s, topology, &c);
	table_cell(t, "%.0f", s->machines);
	if (topology == COST_VOTE_SHARDS)
		table_cell(t, "vote %.0f shards", s->shards);
	else
		table_cell(t, "%s", cost_names[topology]);
	bytes_cell(t, c.worker_bytes);
	bytes_cell(t, c.busiest_bytes);
	time_cell(t, c.communication_s);
	table_cell(t, "%.3g", ring->communication_s / c.communication_s);
	time_cell(t, c.compute_s);
	time_cell(t, c.step_s);
	table_cell(t, "%.3g", c.step_s / ring->step_s);
}

/* Rows of all counts of machines, each compared with the ring of floats. */
static void fill_table(struct table *t, const struct question *q)
{
	static const char *const head[] = {"machines", "topology", "a worker", "busiest", "communication",
	                                   "x ring",   "compute",  "step",     "of ring"};
	struct cost_setting s = q->setting;

	table_init(t, "rlrrrrrrr");
	for (size_t i = 0; i < sizeof(head) / sizeof(*head); i++)
		table_cell(t, "%s", head[i]);
	for (size_t i = 0; i < q->n_counts; i++) {
		struct cost ring;
		s.machines = q->counts[i];
		cost_of(&s, COST_FLOAT_RING, &ring);
		for (int topology = 0; topology < COST_TOPOLOGIES; topology++)
			add_row(t, &s, (enum cost_topology)topology, &ring);
	}
}

static void until_machines_cell(struct table *t, double most)
{
	if (most >= BREAK_EVEN_MOST)
		table_cell(t, "any number");
	else if (most > 0)
		table_cell(t, "%.0f", most);
	else
		table_cell(t, "none");
}

static void rates_cell(struct table *t, const struct cost_setting *s, enum cost_topology topology,
                       double share)
{
	double from, to;
	char low[32], high[32];

	cost_rates(s, topology, COST_FLOAT_RING, share, &from, &to);
	units_rate_text(from, low);
	units_rate_text(to, high);
	if (from > 0 && isinf(to))
		table_cell(t, "from %s", low);
	else if (from > 0)
		table_cell(t, "%s to %s", low, high);
	else if (isinf(to))
		table_cell(t, "any rate");
	else
		table_cell(t, "%s%s", to > 0 ? "to " : "no rate", to > 0 ? high : "");
}

/* Up to how many machines, and at which rates, each topology of votes is faster. */
static void print_break_even(const struct question *q)
{
	static const enum cost_topology rivals[] = {COST_VOTE_SERVER, COST_VOTE_SHARDS, COST_VOTE_SHARDED,
	                                            COST_VOTE_IN_TURNS};
	static const char *const head[] = {"than the ring of floats", "up to machines", "machines",
	                                   "at rates", "by a tenth of a step"};
	struct cost_setting s = q->setting;
	struct table t;

	table_init(&t, "lrrrr");
	for (size_t i = 0; i < sizeof(head) / sizeof(*head); i++)
		table_cell(&t, "%s", head[i]);
	for (size_t i = 0; i < sizeof(rivals) / sizeof(*rivals); i++)
		for (size_t c = 0; c < q->n_counts; c++) {
			s.machines = q->counts[c];
			table_cell(&t, "%s", c ? "" : cost_names[rivals[i]]);
			if (c)
				table_cell(&t, "%s", "");
			else
				until_machines_cell(&t, cost_until_machines(&s, rivals[i], COST_FLOAT_RING,
				                                            BREAK_EVEN_MOST));
			table_cell(&t, "%.0f", s.machines);
			rates_cell(&t, &s, rivals[i], 1);
			rates_cell(&t, &s, rivals[i], TENTH_LESS);
		}
	puts("\nBreak-even: faster");
	table_print(&t, stdout, 0);
	table_clear(&t);
}

static void print_setting(const struct question *q, const char *file)
{
	const struct cost_setting *s = &q->setting;
	char up[32], rate[32], latency[32], shown[160];

	units_bytes_text(s->push_bytes, up);
	units_rate_text(s->rate, rate);
	units_time_text(s->latency_s, latency);
	printf("%s: %.0f parameters, a vote is %s; %s each way, latency %s\n",
	       text_shown(file, shown, sizeof(shown)), s->n, up, rate, s->latency_s > 0 ? latency : "0");
	printf("processor: packs %.3g, applies %.3g, tallies %.3g, adds %.3g coordinates a second\n\n",
	       s->speed.pack, s->speed.apply, s->speed.tally, s->speed.add);
}

static void print_json(const struct question *q)
{
	struct cost_setting s = q->setting;

	for (size_t i = 0; i < q->n_counts; i++) {
		s.machines = q->counts[i];
		for (int t = 0; t < COST_TOPOLOGIES; t++) {
			struct buf b = {0};
			estimate_json(&s, (enum cost_topology)t, &b);
			line_print(&b, stdout);
		}
	}
}

static void say(const struct question *q, const char *file)
{
	struct table t;

	if (q->json) {
		print_json(q);
		return;
	}
	fill_table(&t, q);
	if (q->markdown) {
		table_print_markdown(&t, stdout);
	} else {
		print_setting(q, file);
		table_print(&t, stdout, 0);
		print_break_even(q);
	}
	table_clear(&t);
}

static int estimate(const struct args *a)
{
	struct overrides changes = {0};
	struct question q = {0};
	struct runs runs = {0};
	struct err e = {0};
	int code = EXIT_DONE;

	if (a->n_rest != 1)
		err_user(&e, "estimate takes one experiment file, as in 'signsgd estimate "
		             "experiments/demo.json --rate 1gbit'");
	if (e.code || overrides_init(&changes, a, NULL, 0, &e) ||
	    experiment_read(&runs, a->rest[0], changes.at, changes.count, &e) ||
	    read_question(a, &runs, &q, &e))
		code = cmd_fail(&e);
	else
		say(&q, a->rest[0]);
	runs_clear(&runs);
	overrides_clear(&changes);
	return code;
}

static const struct option options[] = {
        {"rate", "RATE", "of every link, each way, as in 10gbit or 100mbit"},
        {"server-rate", "RATE", "of the servers' links, where they are faster"},
        {"latency", "TIME", "of a message one way, as in 50us (default: 0)"},
        {"machines", "M,...", "machines, each a worker (default: the file's workers)"},
        {"compute", "TIME", "forward and backward, the median machine (default: 0)"},
        {"straggle", "SIGMA", "deviation of the logarithm of that time (default: 0)"},
        {"shards", "S", "servers of the row 'vote S shards' (default: 2)"},
        {"colocated", NULL, "the servers are among the machines"},
        {"streamed", NULL, "servers: a worker that has its answer goes on at once (zmq)"},
        {"message", "TIME", "a processor's time for each message (default: 10us)"},
        {"pack", "SPEED", "coordinates a second, floats to signs or back"},
        {"tally", "SPEED", "coordinates a second and voter"},
        {"add", "SPEED", "coordinates a second, floats"},
        {"set", "KEY=VALUE", "any key of the experiment, dotted; may be repeated"},
        {"markdown", NULL, "the table alone, for a document"},
        {"json", NULL, "one line of JSON a topology"},
        {NULL, NULL, NULL},
};

const struct command cmd_estimate = {
        .name = "estimate",
        .about = "say what a step would take on a network, by topology",
        .usage = "estimate FILE.json --rate RATE [OPTION]...",
        .details =
                "A model, not a measurement: bytes through the busiest link, latencies, packing, tallying, "
                "the slowest of M machines; nothing overlaps. Bytes are sent plus received. x ring: how many "
                "times "
                "faster than the ring of floats; of ring: the step's share of the ring's step. Speeds that "
                "no "
                "option names are measured here. docs/NETWORK.md compares the model with measurements.\n"
                "float server, float ring, float halving: full precision. vote server: the paper. vote S "
                "shards: S servers. vote sharded: every machine tallies its share, all messages of a phase "
                "at once; in turns: with one partner at a time.",
        .example = "signsgd estimate experiments/fig5-imagenet-resnet50.json --rate 10gbit \\\n"
                   "    --latency 50us --machines 7,15 --compute 0.36s",
        .options = options,
        .run = estimate,
};
