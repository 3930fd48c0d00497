/* Processes that a run has started: see children.h. */
#include "cmd/children.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd/program.h"
#include "train/run.h"

enum { PATIENCE_S = 3, NAP_US = 2000, NAME_BYTES = 64 };

/* Only the watch changes it once it is started; children_end() reads what is atomic. */
struct child {
	const struct child_role *role;
	_Atomic pid_t pid;
	_Atomic bool gone;
	bool again; /* it was started anew */
};

struct children {
	const struct keyring *ring;
	struct child *at; /* [count] */
	int count;
	pthread_t watch;
	_Atomic bool ending;
};

/* --- starting ----------------------------------------------------------------------------------------- */

static int send_keys(const struct keyring *ring, const struct child_role *role, int fd, struct err *e)
{
	if (role->count == 0)
		return keyring_send_all(ring, fd, e);
	int *workers = mem_array((size_t)role->count, sizeof(*workers)); /* [count] */
	for (int k = 0; k < role->count; k++)
		workers[k] = role->first + k;
	int rc = keyring_send(ring, (size_t)role->count, workers, fd, e);
	mem_free(workers);
	return rc;
}

/* Start the child, and send it its keys. */
static int spawn(const struct children *c, struct child *child, struct err *e)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC))
		return err_world(e, "no pipe to a worker process: %s", strerror(errno));
	char number[NAME_BYTES];
	snprintf(number, sizeof(number), "SIGNSGD_LOCAL_RANK=%d", child->role->number);
	const struct program program = {.arguments = child->role->arguments,
	                                .variables = {number},
	                                .in = ends[0],
	                                .out = -1,
	                                .kept = -1,
	                                .deaf = true};
	/* the thread that starts it lives as long as it has children */
	pid_t pid = program_start(&program);
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		return err_world(e, "cannot start a worker process: %s", strerror(errno));
	}
	atomic_store(&child->pid, pid);
	atomic_store(&child->gone, false);
	int rc = send_keys(c->ring, child->role, ends[1], e);
	close(ends[1]);
	return rc;
}

/* --- watching ----------------------------------------------------------------------------------------- */

static const char *name_of(const struct child *child, char out[NAME_BYTES])
{
	const struct child_role *r = child->role;
	if (r->count == 0)
		snprintf(out, NAME_BYTES, "a shard");
	else if (r->count == 1)
		snprintf(out, NAME_BYTES, "worker %d", r->first);
	else
		snprintf(out, NAME_BYTES, "workers %d to %d", r->first, r->first + r->count - 1);
	return out;
}

/* The child has failed. Start it anew, unless it was so already or the run ends; true: it is there again. */
static bool revive(struct children *c, struct child *child, int status)
{
	char name[NAME_BYTES], end[PROGRAM_END];
	struct err e = {0};
	name_of(child, name);
	program_end(status, end);
	if (run_signal())
		return false;
	if (child->again) {
		log_warn("%s: the process ended again, by %s; it will not be started again", name, end);
		return false;
	}
	child->again = true;
	log_warn("%s: the process ended by %s and is started anew, this once%s", name, end,
	         child->role->count > 0 ? "; until it votes it abstains, and its momentum begins at 0" : "");
	if (!spawn(c, child, &e))
		return true;
	log_warn("%s: %s", name, e.text);
	return false;
}

static void ended(struct children *c, struct child *child, int status)
{
	bool failed = !WIFEXITED(status) || WEXITSTATUS(status) != EXIT_DONE;
	bool refused = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_USER;
	int left = 0;
	bool ending = atomic_load(&c->ending);
	if (failed && !refused && !ending && revive(c, child, status))
		return;
	atomic_store(&child->gone, true);
	for (int i = 0; i < c->count; i++)
		left += !atomic_load(&c->at[i].gone) && c->at[i].role->count > 0;
	if (!ending && (refused || (failed && (child->role->count == 0 || left == 0))))
		run_halt();
}

/* Until there are no children. They are reaped only here, so that a process id that is not gone is ours. */
static void *watch(void *ctx)
{
	struct children *c = ctx;
	pid_t pid;
	int status;
	while ((pid = waitpid(-1, &status, 0)) > 0 || errno == EINTR)
		for (int i = 0; i < c->count && pid > 0; i++)
			if (!atomic_load(&c->at[i].gone) && atomic_load(&c->at[i].pid) == pid) {
				ended(c, &c->at[i], status);
				break;
			}
	return NULL;
}

/* Signals are for the thread that runs the run, which they wake. */
static void start_watch(struct children *c)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	int failed = pthread_create(&c->watch, NULL, watch, c);
	if (failed)
		die("no thread to watch the worker processes: %s", strerror(failed));
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* --- from beginning to end ---------------------------------------------------------------------------- */

static bool all_gone(const struct children *c)
{
	for (int i = 0; i < c->count; i++)
		if (!atomic_load(&c->at[i].gone))
			return false;
	return true;
}

static void kill_those(struct children *c, bool all)
{
	for (int i = 0; i < c->count; i++)
		if (!atomic_load(&c->at[i].gone) && (all || c->at[i].role->count == 0))
			kill(atomic_load(&c->at[i].pid), SIGKILL);
}

struct children *children_start(const struct child_role *roles, int count, const struct keyring *ring,
                                struct err *e)
{
	struct children *c = mem_alloc(sizeof(*c));
	int rc = 0;
	c->ring = ring;
	c->count = count;
	c->at = mem_array((size_t)count, sizeof(*c->at));
	for (int i = 0; i < count; i++) {
		c->at[i].role = &roles[i];
		atomic_store(&c->at[i].gone, true);
	}
	for (int i = 0; i < count && !rc; i++)
		rc = spawn(c, &c->at[i], e);
	start_watch(c);
	if (!rc)
		return c;
	children_end(c);
	return NULL;
}

void children_let_go(struct children *c)
{
	atomic_store(&c->ending, true);
}

void children_end(struct children *c)
{
	double until = clock_s() + PATIENCE_S;
	children_let_go(c);
	kill_those(c, false);
	while (!all_gone(c) && clock_s() < until)
		usleep(NAP_US);
	while (!all_gone(c)) {
		kill_those(c, true);
		usleep(NAP_US);
	}
	pthread_join(c->watch, NULL);
	mem_free(c->at);
	mem_free(c);
}
