/*
 * What a flood costs the honest: a run over fast links, with and without one peer that sends 1,000 messages
 * a second more, in turns of a few seconds, so that whatever else the machine does is in both.
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

enum { PAIRS_MOST = 64, FLOODER = 3 };

static const double TURN_S = 2, EDGE_S = 0.3; /* of a turn's ends nothing is said: clocks are read apart */

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

/* The median of the rounds that lie within a turn; wall [n]: when each was over. */
static double round_s(const double *wall, size_t n, double from, double to, size_t *rounds)
{
	double *times = mem_array(n, sizeof *times);
	size_t count = 0;
	for (size_t i = 1; i < n; i++)
		if (wall[i - 1] >= from + EDGE_S && wall[i] <= to - EDGE_S)
			times[count++] = wall[i] - wall[i - 1];
	double middle = median(times, count);
	*rounds += count;
	mem_free(times);
	return middle;
}

/* begun [2 pairs + 1]: when each turn began, on the run's own clock; every other one is the flood's. */
static void report(struct day *d, const double *begun, int pairs)
{
	char path[2 * DAY_PATH];
	double *wall = NULL, plain[PAIRS_MOST], flooded[PAIRS_MOST], ratios[PAIRS_MOST];
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
		plain[i] = round_s(wall, n, t[0] - offset, t[1] - offset, &rounds);
		flooded[i] = round_s(wall, n, t[1] - offset, t[2] - offset, &rounds);
		ratios[i] = flooded[i] / plain[i];
		printf("%8.3f ms a round, flooded %8.3f ms: %.3f\n", 1e3 * plain[i], 1e3 * flooded[i],
		       ratios[i]);
	}
	printf("median of %d pairs, %zu rounds: flooded / not = %.3f\n", pairs, rounds,
	       median(ratios, (size_t)pairs));
	mem_free(wall);
}

void flood_measure(struct day *d)
{
	double begun[2 * PAIRS_MOST + 1];
	int pairs = (int)fmin(d->seconds / (2 * TURN_S), PAIRS_MOST);
	struct event flood = {.kind = FLOOD, .worker = FLOODER};
	for (int i = 0; i < 2 * pairs; i++) {
		begun[i] = clock_s();
		if (i % 2)
			flood.foe = foe_start(d, &flood);
		usleep((useconds_t)(1e6 * TURN_S));
		cast_kill(&flood.foe);
		cast_watch(d);
	}
	begun[2 * pairs] = clock_s();
	kill(d->server, SIGINT);
	cast_wait(d->server);
	d->server = 0;
	for (int m = 0; m < DAY_WORKERS; m++)
		cast_kill(&d->workers[m]);
	report(d, begun, pairs);
}
