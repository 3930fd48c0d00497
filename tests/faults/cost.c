/*
 * What somebody costs the honest: a run with and without him, in turns of a few seconds, so that whatever
 * else the machine does is in both.
 *
 * Flood: over fast links, one peer sends 1,000 messages a second more. Ask: over links that the rounds fill,
 * one peer asks for old answers, parameters and greetings, 100 times a second. In the other turns somebody
 * burns as much processor as it took, and asks for nothing. Nobody is banned, so that what is measured is
 * what each key can always cost.
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"
#include "tests/faults/day.h"
#include "record/record.h"

enum { PAIRS_MOST = 64 };

static const double TURN_S = 2, EDGE_S = 0.3; /* of a turn's ends nothing is said: clocks are read apart */
static const double ASK_MOST = 1.1;           /* of a round without requests */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof *values, by_value);
	return count > 0 ? values[count / 2] : NAN;
}

/* The mean of the rounds that lie within a turn; wall [n]: when each was over. */
static double round_s(const double *wall, size_t n, double from, double to, size_t *rounds)
{
	double all = 0;
	size_t count = 0;
	for (size_t i = 1; i < n; i++) {
		if (wall[i - 1] < from + EDGE_S || wall[i] > to - EDGE_S)
			continue;
		all += wall[i] - wall[i - 1];
		count++;
	}
	*rounds += count;
	return all / (double)count;
}

/* begun [2 pairs + 1]: when each turn began, on the run's own clock; he is there in the first of each pair.
 */
static void report(struct day *d, const double *begun, int pairs)
{
	char path[2 * DAY_PATH];
	double *wall = NULL, ratios[PAIRS_MOST];
	size_t n = 0, rounds = 0;
	struct err e = {0};
	snprintf(path, sizeof path, "%s/run.h5", d->folder);
	if (record_column(path, "/steps/wall_s", &wall, &n, &e) || n == 0) {
		day_fail(d, "%s", e.text);
		return;
	}
	double offset = begun[2 * pairs] - wall[n - 1];
	for (int i = 0; i < pairs; i++) {
		const double *t = &begun[2 * i];
		double with = round_s(wall, n, t[0] - offset, t[1] - offset, &rounds);
		double without = round_s(wall, n, t[1] - offset, t[2] - offset, &rounds);
		ratios[i] = with / without;
		printf("%8.3f ms a round, with him %8.3f ms: %.3f\n", 1e3 * without, 1e3 * with, ratios[i]);
	}
	double middle = median(ratios, (size_t)pairs);
	printf("median of %d pairs, %zu rounds: with / without = %.3f\n", pairs, rounds, middle);
	if (d->cost == COST_ASK && !(middle <= ASK_MOST))
		day_fail(d, "requests cost the honest %.3f of a round, expected at most %.2f", middle,
		         ASK_MOST);
	mem_free(wall);
}

/* One turn with this foe, if any; the share of a processor that he took. */
static double turn(struct day *d, struct event *foe)
{
	if (foe)
		foe->foe = foe_start(d, foe);
	usleep((useconds_t)(1e6 * TURN_S));
	double took = foe ? cast_kill(&foe->foe) / TURN_S : 0;
	cast_watch(d);
	return took;
}

void cost_measure(struct day *d)
{
	double begun[2 * PAIRS_MOST + 1];
	int pairs = (int)fmin(d->seconds / (2 * TURN_S), PAIRS_MOST);
	bool asks = d->cost == COST_ASK;
	struct event foe = {.kind = asks ? ASK : FLOOD, .worker = COST_WORKER},
	             control = {.kind = BURN, .worker = COST_WORKER};
	for (int i = 0; i < pairs; i++) {
		begun[2 * i] = clock_s();
		control.burn = fmin(turn(d, &foe), 1);
		begun[2 * i + 1] = clock_s();
		turn(d, asks ? &control : NULL);
	}
	begun[2 * pairs] = clock_s();
	kill(d->server, SIGINT);
	cast_wait(d->server);
	d->server = 0;
	for (int m = 0; m < DAY_WORKERS; m++)
		cast_kill(&d->workers[m]);
	report(d, begun, pairs);
}
