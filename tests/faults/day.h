/*
 * A day of faults: a served run whose machines, links and peers fail on a schedule drawn from a seed, and
 * what must be true at its end. See day.c.
 */
#ifndef SIGNSGD_TESTS_FAULTS_DAY_H
#define SIGNSGD_TESTS_FAULTS_DAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "tests/netlab/nodes.h"
#include "transport/keys/keyring.h"

enum { DAY_WORKERS = 7, DAY_QUORUM = 4, DAY_EVENTS = 256, DAY_PATH = 256 };

enum { COST_WORKER = 3 /* whose key is used */ };

/* What happens to a machine or a link; what somebody does who means harm. */
enum kind {
	KILL_WORKER,
	STOP_WORKER,
	CUT_WORKER, /* its link is down */
	KILL_SERVER,
	CUT_SERVER,
	FLOOD,    /* a second connection with a worker's key, 1,000 messages a second */
	REPLAY,   /* old votes in the place of a worker that is killed for it */
	OVERSIZE, /* messages longer than any may be */
	GARBAGE,  /* random bytes instead of the protocol */
	HALF_OPEN,
	STRANGER, /* an unknown key */
	OFFEND,   /* nonsense with a worker's key, until that is shut out: to the end of the day */
	ASK,      /* requests without end, with the key of a worker that is not there */
	BURN,     /* the processor alone */
	KINDS
};

struct event {
	enum kind kind;
	int worker;      /* whose machine it is, or key; -1: the server's */
	double from, to; /* seconds of the day */
	bool begun, ended;
	pid_t foe;   /* its process */
	double burn; /* BURN: of a processor */
};

/* The day's events in order of their beginning; how many. No more than two workers are away at once. */
size_t plan_draw(uint64_t seed, double seconds, struct event plan[DAY_EVENTS]);
/* "worker 3 is killed", ... */
void plan_say(const struct event *ev, char *out, size_t size);
bool kind_is_foe(enum kind kind);

/* What to measure instead of holding a day. */
enum cost {
	COST_NOTHING,
	COST_FLOOD, /* of messages that are dropped, over fast links */
	COST_ASK,   /* of requests, over the day's links */
};

struct day {
	uint64_t seed;
	double seconds;
	enum cost cost;
	const char *program;
	char folder[DAY_PATH];         /* of all files */
	const struct net_nodes *nodes; /* NULL: all on the loopback interface */
	char address[64];              /* where workers connect */
	int port;
	struct keyring ring;
	size_t push_bytes;
	pid_t server, workers[DAY_WORKERS]; /* 0: not there */
	int lives;                          /* of the server */
	bool over;                          /* the server has ended */
	int server_code;
	int failures;
	double began;
};

/* Seconds since the run began. */
double day_s(const struct day *d);
/* What must not be. The day goes on, and fails. */
__attribute__((format(printf, 2, 3))) void day_fail(struct day *d, const char *fmt, ...);

/* --- cast.c: processes -----------------------------------------------------------------------------------
 */

/* A child on a node (0: the server's) that dies with us: 0 in the child, its process here. */
pid_t cast_fork(const struct day *d, int client);
/* `signsgd ARGS` on a node, its outputs behind the others of folder/LOG. */
__attribute__((format(printf, 4, 5))) pid_t cast_start(const struct day *d, int client, const char *log,
                                                       const char *fmt, ...);
/* Its exit code, or 256 + signal. */
int cast_wait(pid_t pid);
/* The same of a run to its end on this machine. */
__attribute__((format(printf, 3, 4))) int cast_run(const struct day *d, const char *log, const char *fmt,
                                                   ...);
void cast_serve(struct day *d);
void cast_work(struct day *d, int worker);
/* Kill it; returns the seconds of processor that it took. */
double cast_kill(pid_t *pid);
void cast_link(const struct day *d, int client, bool up);
/* Notice who has ended by itself; nobody should, before the server has. */
void cast_watch(struct day *d);

/* --- foe.c -----------------------------------------------------------------------------------------------
 */

/* A process on the worker's node that does this until it is killed. */
pid_t foe_start(const struct day *d, const struct event *ev);

/* --- cost.c ----------------------------------------------------------------------------------------------
 */

/* Say what somebody costs a run that is going on, and end it. */
void cost_measure(struct day *d);

/* --- after.c ---------------------------------------------------------------------------------------------
 */

/* What /dev/shm holds. */
size_t after_shared(const struct day *d, char *out, size_t size);
/* Everything that must be true once all is over; `shared`: what /dev/shm held before. */
void after_check(struct day *d, const struct event *plan, size_t events, const char *shared);

#endif
