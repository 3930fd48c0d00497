/*
 * A day of faults. A server and seven workers, one of them Byzantine, train on nodes out of network
 * namespaces, over links that make the run last about as long as the day. Processes are killed, stopped and
 * started again, links go down and up, and foes flood the server, send it nonsense and hold its connections,
 * on a schedule drawn from a seed. At the end the run must be complete, as accurate as without faults, and
 * equal to its replay from the recorded voters; every fault must be counted; no process and no file may be
 * left behind.
 *
 * usage: fault_day [SECONDS [SEED]]      (0: a seed from the clock)
 *        fault_day [SECONDS] flood       what a flood costs a round (cost.c)
 *        fault_day [SECONDS] ask         what requests without end cost a round; fails beyond 10 %
 *
 * Without root or namespaces everything is on the loopback interface, and no link goes down.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "tests/faults/day.h"
#include "record/record.h"

enum {
	STEPS_A_SECOND =
	        20,       /* more than the server's link lets through (17): the run outlasts the schedule */
	STEPS_ALONE = 60, /* without links, on a fast machine */
	LOOK_US = 20000,
	BOUND_S = 280, /* of everything; `make test-faults` gives 300 s */
	AFTER_S = 60,  /* of that for the end's checks */
	SHARED_SIZE = 4096,
	DAY_PORT = 5555,
	PORTS_FROM = 20000, /* on a machine with others */
	PORTS = 10000,
};

static const double RATE = 100e6, SERVER_RATE = 10e6; /* bits a second */
static const double FAST = 10e9, MANY_STEPS = 1e6;
static const double MEETING_S = 90, PARTING_S = 20, SAY_S = 15;

static double started;

double day_s(const struct day *d)
{
	return clock_s() - d->began;
}

void day_fail(struct day *d, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	printf("FAILED: ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	d->failures++;
}

static double steps_of(const struct day *d)
{
	if (d->cost)
		return MANY_STEPS;
	return (d->nodes ? STEPS_A_SECOND : STEPS_ALONE) * d->seconds;
}

/* Batches are larger where no link makes the run last. */
static int write_experiment(const struct day *d)
{
	char path[2 * DAY_PATH];
	snprintf(path, sizeof path, "%s/e.json", d->folder);
	FILE *f = fopen(path, "w");
	if (!f)
		return -1;
	fprintf(f,
	        "{\"name\":\"day\",\"workers\":%d,\"steps\":%.0f,\"batch\":%d,"
	        "\"model\":{\"kind\":\"mlp\",\"hidden\":[100]},"
	        "\"data\":{\"kind\":\"glyphs\",\"train\":7000,\"test\":1000},\"momentum\":0.9,"
	        "\"lr\":{\"kind\":\"cosine\",\"rate\":0.0005,\"lowest\":0.00001},\"adversaries\":{\"count\":"
	        "1},"
	        "\"checkpoint\":{\"every\":20},\"eval\":{\"every\":100,\"train\":500},"
	        "\"transport\":{\"kind\":\"zmq\",%s}}\n",
	        DAY_WORKERS, steps_of(d), d->nodes ? 16 : 128,
	        d->cost == COST_ASK
	                ? "\"deadline_s\":0.3,\"patience_s\":60,\"max_missed\":1,\"ban_after\":1000000000"
	                : "\"deadline_s\":0.6,\"patience_s\":60");
	return fclose(f);
}

static bool prepare(struct day *d)
{
	struct run_info info;
	struct err e = {0};
	char path[2 * DAY_PATH];
	snprintf(path, sizeof path, "%s/keys", d->folder);
	if (write_experiment(d) ||
	    cast_run(d, "keys.log", "keys new server w0 w1 w2 w3 w4 w5 w6 -o %s", path) ||
	    keyring_read(&d->ring, path, &e)) {
		day_fail(d, "no keys, or no experiment: %s", e.text);
		return false;
	}
	if (d->cost)
		return true;
	if (cast_run(d, "simulate.log", "simulate %s/e.json --out %s/simulate.h5 --quiet", d->folder,
	             d->folder)) {
		day_fail(d, "the run without faults fails: see simulate.log");
		return false;
	}
	snprintf(path, sizeof path, "%s/simulate.h5", d->folder);
	if (record_info(path, &info, &e)) {
		day_fail(d, "%s", e.text);
		return false;
	}
	d->push_bytes = info.push_bytes;
	return true;
}

/* -1: there is no file yet. */
static long long steps_done(const struct day *d)
{
	struct run_info info;
	struct err e = {0};
	char path[2 * DAY_PATH];
	snprintf(path, sizeof path, "%s/run.h5", d->folder);
	return access(path, R_OK) || record_info(path, &info, &e) ? -1 : (long long)info.steps_done;
}

static bool meet(struct day *d)
{
	cast_serve(d);
	for (int m = 0; m < DAY_WORKERS; m++)
		if (d->cost != COST_ASK || m != COST_WORKER)
			cast_work(d, m);
	for (d->began = clock_s(); day_s(d) < MEETING_S && !d->over; usleep(LOOK_US)) {
		cast_watch(d);
		if (steps_done(d) > 0)
			return true;
	}
	day_fail(d, "no step in %g s: see serve.log", MEETING_S);
	return false;
}

static void begin(struct day *d, struct event *ev)
{
	char what[128];
	plan_say(ev, what, sizeof what);
	ev->begun = true;
	if (!d->nodes && (ev->kind == CUT_WORKER || ev->kind == CUT_SERVER)) {
		ev->ended = true;
		return;
	}
	printf("%6.1f s  %s\n", day_s(d), what);
	if (ev->kind == KILL_WORKER || ev->kind == REPLAY || ev->kind == OFFEND)
		cast_kill(&d->workers[ev->worker]);
	else if (ev->kind == STOP_WORKER)
		kill(d->workers[ev->worker], SIGSTOP);
	else if (ev->kind == KILL_SERVER)
		cast_kill(&d->server);
	else if (ev->kind == CUT_WORKER || ev->kind == CUT_SERVER)
		cast_link(d, ev->worker + 1, false);
	if (kind_is_foe(ev->kind))
		ev->foe = foe_start(d, ev);
}

/* The worker of OFFEND is shut out, and does not come again. */
static void end(struct day *d, struct event *ev)
{
	ev->ended = true;
	cast_kill(&ev->foe);
	if ((ev->kind == KILL_WORKER || ev->kind == REPLAY) && !d->over)
		cast_work(d, ev->worker);
	else if (ev->kind == STOP_WORKER)
		kill(d->workers[ev->worker], SIGCONT);
	else if (ev->kind == KILL_SERVER)
		cast_serve(d);
	else if (ev->kind == CUT_WORKER || ev->kind == CUT_SERVER)
		cast_link(d, ev->worker + 1, true);
}

/* The schedule, until it or the run is over; whatever is still away then comes back. */
static void hold(struct day *d, struct event *plan, size_t events)
{
	size_t left = 0;
	d->began = clock_s();
	for (size_t ended = 0; ended < events && !d->over; usleep(LOOK_US)) {
		cast_watch(d);
		for (size_t i = ended = 0; i < events && !d->over; i++) {
			if (!plan[i].begun && day_s(d) >= plan[i].from)
				begin(d, &plan[i]);
			if (plan[i].begun && !plan[i].ended && day_s(d) >= plan[i].to)
				end(d, &plan[i]);
			ended += plan[i].ended;
		}
	}
	for (size_t i = 0; i < events; i++) {
		left += !plan[i].begun;
		if (plan[i].begun && !plan[i].ended)
			end(d, &plan[i]);
	}
	if (left > 0)
		printf("skipped: %zu of %zu events, because the run was over before them\n", left, events);
}

static bool all_gone(const struct day *d)
{
	for (int m = 0; m < DAY_WORKERS; m++)
		if (d->workers[m] > 0)
			return false;
	return d->over;
}

/* The run goes on to its end, and everybody with it. */
static void part(struct day *d)
{
	double said = 0, over = 0;
	for (; !all_gone(d); usleep(LOOK_US)) {
		cast_watch(d);
		double now = clock_s();
		if (d->over && over == 0)
			over = now;
		if (now - started > BOUND_S - AFTER_S || (over > 0 && now - over > PARTING_S))
			break;
		if (now - said < SAY_S || d->over)
			continue;
		said = now;
		printf("%6.1f s  step %lld of %.0f\n", day_s(d), steps_done(d), steps_of(d));
	}
	if (!d->over)
		day_fail(d, "the run is not over: see serve.log");
	else if (d->server_code)
		day_fail(d, "the server ended with code %d: see serve.log", d->server_code);
	cast_kill(&d->server);
	for (int m = 0; m < DAY_WORKERS; m++) {
		if (d->workers[m] > 0)
			day_fail(d, "worker %d does not end: see w%d.log", m, m);
		cast_kill(&d->workers[m]);
	}
}

static int inside(const struct net_nodes *nodes, void *ctx)
{
	static struct event plan[DAY_EVENTS];
	struct day *d = ctx;
	char shared[SHARED_SIZE];
	d->nodes = nodes;
	d->port = nodes ? DAY_PORT : PORTS_FROM + getpid() % PORTS;
	snprintf(d->address, sizeof d->address, "tcp://%s:%d", nodes ? nodes->at[0].address : "127.0.0.1",
	         d->port);
	size_t events = plan_draw(d->seed, d->seconds, plan);
	after_shared(d, shared, sizeof shared);
	if (prepare(d) && meet(d) && d->cost) {
		cost_measure(d);
	} else if (!d->failures) {
		hold(d, plan, events);
		part(d);
		after_check(d, plan, events, shared);
	}
	keyring_clear(&d->ring);
	return d->failures < 100 ? d->failures : 100;
}

static void too_long(int signal)
{
	static const char why[] = "FAILED: the day does not end\n";
	(void)signal;
	_exit(write(1, why, sizeof why - 1) < 0 ? 2 : 1); /* children die with us */
}

int main(int argc, char **argv)
{
	struct day d = {.seconds = argc > 1 ? atof(argv[1]) : 45,
	                .seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 0,
	                .cost = argc > 2 && strcmp(argv[2], "flood") == 0 ? COST_FLOOD
	                        : argc > 2 && strcmp(argv[2], "ask") == 0 ? COST_ASK
	                                                                  : COST_NOTHING,
	                .program = getenv("SIGNSGD_BIN"),
	                .folder = "/tmp/signsgd-day-XXXXXX"};
	struct net_plan plan = {.count = DAY_WORKERS + 1, .rate = RATE, .server_rate = SERVER_RATE};
	struct err e = {0};
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (d.seed == 0)
		d.seed = (uint64_t)time(NULL);
	if (d.cost == COST_FLOOD)
		plan.rate = plan.server_rate = FAST;
	if (!d.cost)
		printf("a day of %g s, seed %llu; to repeat it: make test-faults FAULT_S=%g "
		       "FAULT_SEED=%llu\n",
		       d.seconds, (unsigned long long)d.seed, d.seconds, (unsigned long long)d.seed);
	if (!(d.seconds >= 20 && d.seconds <= BOUND_S) || !d.program || !mkdtemp(d.folder)) {
		printf("usage: SIGNSGD_BIN=signsgd fault_day [SECONDS [SEED]], 20 to %d seconds\n", BOUND_S);
		return 2;
	}
	signal(SIGALRM, too_long);
	alarm(BOUND_S);
	started = clock_s();
	int code = net_nodes_run(&plan, inside, &d, &e);
	if (code < 0 && d.cost == COST_ASK) {
		printf("skipped: what requests cost on links: %s\n", e.text);
		code = 0;
	} else if (code < 0) {
		printf("skipped: links that go down, and nodes of their own: %s\n", e.text);
		code = inside(NULL, &d);
	}
	if (code == 0 && !d.cost)
		printf("the day went well\n");
	if (code != 0)
		printf("%d failures; the files are in %s\n", code, d.folder);
	char line[2 * DAY_PATH];
	snprintf(line, sizeof line, "rm -rf %s", d.folder);
	return code || system(line) ? 1 : 0;
}
