/* The schedule of a day. */
#include <stdio.h>
#include <stdlib.h>
#include "base/rng.h"
#include "tests/faults/day.h"

enum { AWAY_MOST = 2, PLAN_STREAM = 1 };

static const double FIRST_S = 2, LAST_S = 2, GAP_LEAST_S = 0.5, GAP_S = 2, TRY_S = 0.5;
static const double OFFEND_AT = 0.7; /* of the day */
/* For a worker to be back in step before the next thing happens to it. */
static const double APART_S = 1.5;
/* Between two faults of the server, and from a foe's deed to one: by then it is counted on the disk. */
static const double SERVER_S = 6;

static const struct {
	const char *what;
	double least_s, most_s;
	bool server, away, foe; /* of the server; takes its worker away; somebody means harm */
} kinds[KINDS] = {
        [KILL_WORKER] = {"killed", 0.5, 5, .away = true},
        [STOP_WORKER] = {"stopped", 1.5, 8, .away = true},
        [CUT_WORKER] = {"its link is down", 1.5, 8, .away = true},
        [KILL_SERVER] = {"killed", 0.5, 2, .server = true},
        [CUT_SERVER] = {"its link is down", 1, 3, .server = true},
        [FLOOD] = {"1,000 messages a second more with its key", 3, 6, .foe = true},
        [REPLAY] = {"killed, and old votes in its place", 2, 4, .away = true, .foe = true},
        [OVERSIZE] = {"messages that are too long, with its key", 2, 4, .foe = true},
        [GARBAGE] = {"random bytes from its machine", 2, 5, .foe = true},
        [HALF_OPEN] = {"500 half-open connections from its machine", 3, 6, .foe = true},
        [STRANGER] = {"an unknown key on its machine", 2, 4, .foe = true},
        [OFFEND] = {"killed, and nonsense in its place", 0, 0, .away = true, .foe = true},
        [ASK] = {"requests without end", 0, 0, .foe = true},
        [BURN] = {"the processor alone", 0, 0, .foe = true},
};

bool kind_is_foe(enum kind kind)
{
	return kinds[kind].foe;
}

void plan_say(const struct event *ev, char *out, size_t size)
{
	char who[24] = "server";
	if (ev->worker >= 0)
		snprintf(who, sizeof who, "worker %d", ev->worker);
	snprintf(out, size, "%s: %s, for %.1f s", who, kinds[ev->kind].what, ev->to - ev->from);
}

struct draft {
	struct stream random;
	uint64_t drawn;
	double seconds;
	struct event *plan;
	size_t count;
};

static double draw(struct draft *d, double least, double most)
{
	return least + (most - least) * (double)stream_uniform(&d->random, d->drawn++);
}

static bool meet(const struct event *a, const struct event *b, double apart)
{
	return a->from < b->to + apart && b->from < a->to + apart;
}

/* Nothing else happens to that worker, and enough others are there. */
static bool fits_worker(const struct draft *d, const struct event *ev)
{
	int away = 0;
	for (size_t i = 0; i < d->count; i++) {
		const struct event *other = &d->plan[i];
		if (!meet(ev, other, APART_S))
			continue;
		if (other->worker == ev->worker)
			return false;
		away += kinds[other->kind].away;
	}
	return !kinds[ev->kind].away || away < AWAY_MOST;
}

static bool fits_server(const struct draft *d, const struct event *ev)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct event *a = &d->plan[i], *b = ev;
		if (kinds[a->kind].server == kinds[b->kind].server) {
			if (kinds[a->kind].server && meet(a, b, SERVER_S))
				return false;
			continue;
		}
		const struct event *foe = kinds[a->kind].server ? b : a, *server = foe == a ? b : a;
		if (kinds[foe->kind].foe && foe->kind != OFFEND && meet(foe, server, 0))
			return false;
		if (kinds[foe->kind].foe && foe->from < server->to && server->from < foe->from + SERVER_S)
			return false;
	}
	return true;
}

/* Who it happens to and when, from `from` on. False: the day is too short. */
static bool place(struct draft *d, struct event *ev, double from)
{
	double length = draw(d, kinds[ev->kind].least_s, kinds[ev->kind].most_s);
	int first = (int)(draw(d, 0, 1) * DAY_WORKERS) % DAY_WORKERS;
	for (; from + length < d->seconds - LAST_S; from += TRY_S) {
		ev->from = from;
		ev->to = from + length;
		for (int i = 0; i < DAY_WORKERS; i++) {
			ev->worker = kinds[ev->kind].server ? -1 : (first + i) % DAY_WORKERS;
			if (fits_server(d, ev) && (ev->worker < 0 || fits_worker(d, ev)))
				return true;
		}
	}
	return false;
}

static int by_beginning(const void *a, const void *b)
{
	const struct event *x = a, *y = b;
	return (x->from > y->from) - (x->from < y->from);
}

/* Every kind once in an order of chance, then again. */
size_t plan_draw(uint64_t seed, double seconds, struct event plan[DAY_EVENTS])
{
	struct draft d = {
	        .random = stream_of(seed, RNG_TEST, PLAN_STREAM, 0), .seconds = seconds, .plan = plan};
	double from = FIRST_S;
	plan[d.count++] = (struct event){.kind = OFFEND,
	                                 .worker = (int)(draw(&d, 0, 1) * DAY_WORKERS) % DAY_WORKERS,
	                                 .from = OFFEND_AT * seconds,
	                                 .to = seconds};
	for (uint64_t round = 1; d.count + OFFEND <= DAY_EVENTS; round++) {
		struct stream shuffle = stream_of(seed, RNG_TEST, PLAN_STREAM, round);
		uint32_t order[OFFEND];
		size_t before = d.count;
		for (uint32_t i = 0; i < OFFEND; i++)
			order[i] = i;
		stream_shuffle(&shuffle, order, OFFEND);
		for (int i = 0; i < OFFEND; i++) {
			plan[d.count] = (struct event){.kind = (enum kind)order[i]};
			if (!place(&d, &plan[d.count], from))
				continue;
			from = plan[d.count++].from + draw(&d, GAP_LEAST_S, GAP_S);
		}
		if (d.count == before)
			break;
	}
	qsort(plan, d.count, sizeof *plan, by_beginning);
	return d.count;
}
