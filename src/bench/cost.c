/* The model of a step's time. */
#include "bench/cost.h"

#include <math.h>
#include <string.h>
#include "base/err.h"
#include "bench/bench_kernel.h"
#include "registry.h"

const char *const cost_names[COST_TOPOLOGIES] = {
        [COST_FLOAT_SERVER] = "float server",   [COST_FLOAT_RING] = "float ring",
        [COST_FLOAT_HALVING] = "float halving", [COST_VOTE_SERVER] = "vote server",
        [COST_VOTE_SHARDS] = "vote shards",     [COST_VOTE_SHARDED] = "vote sharded",
        [COST_VOTE_IN_TURNS] = "vote in turns",
};

enum { SEGMENT_BYTES = 1448, SEGMENT_HEAD_BYTES = 66, INTEGRAL_POINTS = 4000 };

static const double FLOAT_BYTES = 4, INTEGRAL_FROM = -9, INTEGRAL_TO = 9, RATE_STEP = 1.01, MEASURE_S = 0.02;

/* Seconds that a message of so many bytes needs on a link. */
static double wire_s(double bytes, double rate)
{
	return 8 * (bytes + SEGMENT_HEAD_BYTES * ceil(bytes / SEGMENT_BYTES)) / rate;
}

/* The distribution of the largest of M standard normal numbers, to z. */
static double largest_below(double z, double machines)
{
	return exp(machines * log1p(-0.5 * erfc(z / sqrt(2))));
}

/*
 * The mean of exp(sigma Z), Z the largest of M normal numbers, as a sum over thin slices of Z's distribution.
 * Z - sigma is where the mass of the integrand lies, so the slices reach from -9 to 9 + sigma.
 */
double cost_slowest(double machines, double sigma)
{
	double sum = 0, to = INTEGRAL_TO + sigma, width = (to - INTEGRAL_FROM) / INTEGRAL_POINTS;
	double below = largest_below(INTEGRAL_FROM, machines);

	for (int i = 0; i < INTEGRAL_POINTS; i++) {
		double z = INTEGRAL_FROM + width * (i + 1);
		double next = largest_below(z, machines);
		sum += (next - below) * exp(sigma * (z - width / 2));
		below = next;
	}
	return sum;
}

/* A short message from all to all, in log2(processes) turns: each turn doubles how many a process has heard.
 */
static double head_s(const struct cost_setting *s, double processes)
{
	return ceil(log2(processes)) * (s->latency_s + 2 * s->message_s);
}

/* All messages go through `servers` machines, each for an equal share of the coordinates. */
static void star(const struct cost_setting *s, double push, double pull, double servers, struct cost *c)
{
	double remote = s->colocated ? s->machines - 1 : s->machines;
	double up = push / servers, down = pull / servers;

	c->worker_bytes = push + pull;
	c->busiest_bytes = fmax(remote * (up + down), push + pull);
	double in = fmax(remote * wire_s(up, s->server_rate), servers * wire_s(up, s->rate));
	double out = fmax(remote * wire_s(down, s->server_rate), servers * wire_s(down, s->rate));
	c->wire_s = in + out;
	c->latency_s = 2 * s->latency_s + 2 * fmax(remote, servers) * s->message_s;
	if (s->streamed)
		c->wire_s -= (1 - 1 / remote) * fmin(in, out) / 2;
	else
		c->latency_s += head_s(s, s->colocated ? s->machines : s->machines + servers);
}

/* `turns` turns, one message to one partner in each, `bytes` in all turns together. */
static void turns(const struct cost_setting *s, double count, double bytes, struct cost *c)
{
	c->worker_bytes = c->busiest_bytes = 2 * bytes;
	c->wire_s = count > 0 ? count * wire_s(bytes / count, s->rate) : 0;
	c->latency_s = count * (s->latency_s + 2 * s->message_s);
}

static void float_work(const struct cost_setting *s, double vectors, struct cost *c)
{
	c->work_s = s->n * (vectors + 1) / s->speed.add; /* the sum, and the step */
}

static void vote_work(const struct cost_setting *s, double share, struct cost *c)
{
	c->work_s = s->n * (1 / s->speed.pack + share * s->machines / s->speed.tally + 1 / s->speed.apply);
}

/* Every machine sends each other one its shard, and later the answer for its own shard. */
static void sharded(const struct cost_setting *s, bool in_turns, struct cost *c)
{
	double others = s->machines - 1, share = others / s->machines;
	struct cost back;

	turns(s, others, share * s->push_bytes, c);
	turns(s, others, share * s->pull_bytes, &back);
	c->worker_bytes += back.worker_bytes;
	c->busiest_bytes = c->worker_bytes;
	c->wire_s += back.wire_s;
	c->latency_s += back.latency_s;
	if (!in_turns)
		c->latency_s -= 2 * fmax(others - 1, 0) * s->latency_s; /* one latency a phase remains */
	c->latency_s += head_s(s, s->machines);
	vote_work(s, 1 / s->machines, c);
}

/* Floats from everybody to everybody in so many turns. */
static void all_reduce(const struct cost_setting *s, double count, struct cost *c)
{
	double share = (s->machines - 1) / s->machines;

	turns(s, count, 2 * share * FLOAT_BYTES * s->n, c);
	c->latency_s += head_s(s, s->machines);
	float_work(s, share, c);
}

static void communicate(const struct cost_setting *s, enum cost_topology t, struct cost *out)
{
	double floats = FLOAT_BYTES * s->n;

	*out = (struct cost){0};
	switch (t) {
	case COST_FLOAT_SERVER:
		star(s, floats, floats, 1, out);
		float_work(s, s->machines, out);
		break;
	case COST_FLOAT_RING:
		all_reduce(s, 2 * (s->machines - 1), out);
		break;
	case COST_FLOAT_HALVING:
		all_reduce(s, 2 * ceil(log2(s->machines)), out);
		break;
	case COST_VOTE_SERVER:
		star(s, s->push_bytes, s->pull_bytes, 1, out);
		vote_work(s, 1, out);
		break;
	case COST_VOTE_SHARDS:
		star(s, s->push_bytes, s->pull_bytes, s->shards, out);
		vote_work(s, 1 / s->shards, out);
		break;
	case COST_VOTE_SHARDED:
	case COST_VOTE_IN_TURNS:
	default:
		sharded(s, t == COST_VOTE_IN_TURNS, out);
	}
	out->communication_s = out->wire_s + out->latency_s + out->work_s;
}

void cost_of(const struct cost_setting *s, enum cost_topology t, struct cost *out)
{
	communicate(s, t, out);
	out->compute_s = s->compute_s * cost_slowest(s->machines, s->straggle);
	out->step_s = out->communication_s + out->compute_s;
}

double cost_until_machines(const struct cost_setting *s, enum cost_topology t, enum cost_topology than,
                           double most)
{
	struct cost_setting at = *s;
	struct cost mine, its;
	double last = 0;

	for (at.machines = 2; at.machines <= most; at.machines++) {
		communicate(&at, t, &mine);
		communicate(&at, than, &its);
		if (mine.communication_s >= its.communication_s)
			break;
		last = at.machines;
	}
	return last;
}

void cost_rates(const struct cost_setting *s, enum cost_topology t, enum cost_topology than, double share,
                double *from, double *to)
{
	double compute_s = s->compute_s * cost_slowest(s->machines, s->straggle);
	struct cost_setting at = *s;
	struct cost mine, its;

	*from = *to = 0;
	for (double rate = COST_RATE_LOWEST; rate <= COST_RATE_HIGHEST; rate *= RATE_STEP) {
		at.server_rate = s->server_rate * rate / s->rate;
		at.rate = rate;
		communicate(&at, t, &mine);
		communicate(&at, than, &its);
		if (compute_s + mine.communication_s >= share * (compute_s + its.communication_s))
			continue;
		*from = *from > 0 ? *from : rate;
		*to = rate;
	}
	*from = *from <= COST_RATE_LOWEST && *to > 0 ? 0 : *from;
	*to = *to * RATE_STEP > COST_RATE_HIGHEST ? INFINITY : *to;
}

/* One kernel's speed, of the rows whose number of workers is nearest to the wanted one. */
struct speed_search {
	const char *kernel;
	double workers, distance, speed;
};

static void take_speed(void *ctx, const struct bench_kernel_row *r)
{
	struct speed_search *s = ctx;
	double workers = r->workers ? r->workers : 1;
	double distance = fabs(log(workers / s->workers)), speed = 1e3 * (double)r->n * workers / r->ms;

	if (strcmp(r->kernel, s->kernel))
		return;
	if (!s->speed || distance < s->distance || (distance <= s->distance && speed > s->speed)) {
		s->distance = distance;
		s->speed = speed;
	}
}

static double speed_of(const char *kernel, size_t n, double workers)
{
	struct speed_search search = {.kernel = kernel, .workers = workers};
	const struct bench_kernel_options o = {.kernel = kernel,
	                                       .n = n,
	                                       .seconds = MEASURE_S,
	                                       .only = {.row = family_find(&family_backends, "cpu")}};
	struct err e = {0};

	if (bench_kernel(&o, take_speed, &search, &e))
		die("%s", e.text);
	return search.speed;
}

void cost_measure(size_t n, double workers, struct cost_speed *out)
{
	*out = (struct cost_speed){.pack = speed_of("sign_pack", n, 1),
	                           .apply = speed_of("sign_apply", n, 1),
	                           .tally = speed_of("majority", n, workers),
	                           .add = speed_of("add", n, 1)};
}
