/* Several points at once: see jobs.h. */
#include "cmd/jobs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/progress.h"
#include "cmd/jobs_size.h"
#include "cmd/jobs_state.h"
#include "cmd/jobs_talk.h"
#include "h5/h5_lock.h"
#include "train/run_place.h"
#include "transport/launch.h"

enum {
	LOOK_MS = 100,     /* between looks at signals and the progress line */
	OTHERS_US = 500000 /* between looks at what other processes do */
};

/* --- a point from beginning to end -------------------------------------------------------------------- */

/* Options that a point's process has not, or otherwise. */
static bool is_ours(const char *name)
{
	static const char *const ours[] = {"jobs", "part", "run", "lanes", "json"};
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (strcmp(name, ours[i]) == 0)
			return true;
	return false;
}

/*
 * Lanes of a point that begins now: its share of the cores among those that will be busy with it, so that the
 * last points of a grid leave none idle. Bits do not depend on it.
 */
static int lanes_now(const struct jobs *j)
{
	size_t busy = 1 + jobs_in(j, JOB_WAITS);
	for (int k = 0; k < j->count; k++) {
		const struct run_progress *p = &j->slots[k].point.progress;
		busy += j->slots[k].used && p->done <= p->steps / 2;
	}
	return jobs_lanes(j->session->args, j->session->lanes,
	                  busy < (size_t)j->count ? (int)busy : j->count);
}

/* A command line that does this point alone. What the settings are the child is told otherwise. */
static const char **arguments_of(const struct jobs *j, size_t index, struct arena *arena)
{
	const struct args *a = j->session->args;
	const char **at = arena_alloc(arena, (a->n_rest + a->n_given + 5) * sizeof(*at)); /* ends with NULL */
	size_t n = 0;
	at[n++] = "signsgd";
	at[n++] = j->session->command;
	for (size_t i = 0; i < a->n_given; i++) {
		const struct option *o = a->given[i].option;
		if (!is_ours(o->name))
			at[n++] = arena_format(arena, "--%s%s%s", o->name, o->argument ? "=" : "",
			                       o->argument ? a->given[i].value : "");
	}
	at[n++] = arena_format(arena, "--lanes=%d", lanes_now(j));
	at[n++] = arena_format(arena, "--run=%zu", j->session->points[index].number);
	for (size_t i = 0; i < a->n_rest; i++)
		at[n++] = a->rest[i];
	return at;
}

static void fail(struct jobs *j, size_t index, const struct err *why)
{
	j->at[index].state = JOB_FAILED;
	j->at[index].why = *why;
	j->session->over[index] = true;
	jobs_say_failed(j, index);
}

/* Was it there, finished, before this job began? Else another of its processes has just done it. */
static bool was_there(const struct jobs *j, size_t index)
{
	return j->ranks == 1 || j->at[index].there;
}

/* Its result says what came of it. */
static void finish(struct jobs *j, size_t index, enum run_outcome outcome)
{
	char path[SESSION_PATH];
	struct err e = {0};
	session_path(j->session, index, path);
	j->session->over[index] = true;
	const bool theirs = outcome == RUN_SKIPPED && !was_there(j, index);
	if (session_report(j->session, index, theirs ? RUN_DID : outcome, path, &e)) {
		fail(j, index, &e);
		return;
	}
	j->at[index].state = outcome == RUN_STOPPED ? JOB_STOPPED : JOB_DONE;
	j->trained |= outcome == RUN_DID || outcome == RUN_BLEW_UP;
}

static void start(struct jobs *j, struct slot *slot, size_t index)
{
	struct session *s = j->session;
	struct arena arena = {0};
	struct err e = {0};
	char path[SESSION_PATH];
	const struct run_options o = {.path = path,
	                              .overwrite = args_flag(s->args, "overwrite"),
	                              .pass_silently = j->rank > 0 || !was_there(j, index)};

	session_path(s, index, path);
	j->at[index].state = JOB_RUNS;
	if (run_place_skip(s->points[index].run, &o)) {
		finish(j, index, RUN_SKIPPED);
		return;
	}
	if (j->ranks > 1 && h5_lock_held(path)) {
		j->at[index].state = JOB_LEFT;
		return;
	}
	const struct point_order order = {.arguments = arguments_of(j, index, &arena),
	                                  .run = s->points[index].run,
	                                  .path = path,
	                                  .place = mpi_launched_rank_here() * j->count +
	                                           (int)(slot - j->slots)};
	slot->index = index;
	slot->used = point_start(&slot->point, &order, &e) == 0;
	if (!slot->used)
		fail(j, index, &e);
	arena_clear(&arena);
}

struct teller {
	struct jobs *jobs;
	size_t index;
};

static void tell(void *ctx, const char *line)
{
	const struct teller *t = ctx;
	jobs_tell(t->jobs, t->index, line);
}

static void end(struct jobs *j, struct slot *slot)
{
	struct teller teller = {j, slot->index};
	struct point *p = &slot->point;

	point_end(p, run_signal() != 0, tell, &teller);
	j->steps += p->progress.done - p->progress.began;
	slot->used = false;
	if (p->last)
		jobs_show_last(j, slot);
	if (p->why.code)
		fail(j, slot->index, &p->why);
	else if (!p->ended)
		j->at[slot->index].state = JOB_STOPPED;
	else if (p->outcome == RUN_LEFT)
		j->at[slot->index].state = JOB_LEFT;
	else
		finish(j, slot->index, p->outcome);
}

/* --- all of them -------------------------------------------------------------------------------------- */

/* Its process stops at once or after its step, and saves. SIGTERM may come again; a second SIGINT would kill.
 */
static void stop_all(struct jobs *j)
{
	if (j->stopping || !run_signal())
		return;
	j->stopping = true;
	for (int k = 0; k < j->count; k++)
		if (j->slots[k].used)
			kill(j->slots[k].point.pid, SIGTERM);
}

static struct slot *free_slot(struct jobs *j)
{
	for (int k = 0; k < j->count; k++)
		if (!j->slots[k].used)
			return &j->slots[k];
	return NULL;
}

/* The next that waits, from *next of the order on. */
static bool next_waiting(const struct jobs *j, size_t *next, size_t *index)
{
	for (; *next < j->session->total; ++*next)
		if (j->at[j->order[*next]].state == JOB_WAITS) {
			*index = j->order[*next];
			return true;
		}
	return false;
}

/* Until a process says or reports something, or it is time to look at other things. */
static void wait_for_news(struct jobs *j, struct pollfd *at)
{
	for (int k = 0; k < j->count; k++) {
		const struct slot *slot = &j->slots[k];
		at[2 * k] = (struct pollfd){slot->used ? slot->point.reports : -1, POLLIN, 0};
		at[2 * k + 1] = (struct pollfd){slot->used ? slot->point.said : -1, POLLIN, 0};
	}
	poll(at, 2 * (nfds_t)j->count, LOOK_MS);
	for (int k = 0; k < j->count; k++) {
		struct slot *slot = &j->slots[k];
		struct teller teller = {j, slot->index};
		if (slot->used && slot->point.said >= 0)
			point_hear(&slot->point, tell, &teller);
		if (slot->used && !point_listen(&slot->point))
			end(j, slot);
	}
}

/* All that waits, until no process runs. */
static void do_waiting(struct jobs *j)
{
	struct pollfd *at = mem_array(2 * (size_t)j->count, sizeof(*at));
	size_t next = 0, index;
	for (;;) {
		struct slot *slot;
		while (!run_signal() && (slot = free_slot(j)) && next_waiting(j, &next, &index))
			start(j, slot, index);
		stop_all(j);
		if (jobs_in(j, JOB_RUNS) == 0)
			break;
		wait_for_news(j, at);
		jobs_show(j);
	}
	mem_free(at);
}

/* What others had may be done by now, or free; it is tried again. How many there are. */
static size_t again(struct jobs *j, bool free_alone)
{
	size_t count = 0;
	for (size_t i = 0; i < j->session->total; i++) {
		char path[SESSION_PATH];
		session_path(j->session, i, path);
		if (j->at[i].state != JOB_LEFT || (free_alone && h5_lock_held(path)))
			continue;
		j->at[i].state = JOB_WAITS;
		count++;
	}
	return count;
}

/* The first process of a job waits for the others, which may die. */
static bool others_left(struct jobs *j)
{
	if (j->ranks == 1 || j->rank > 0)
		return false;
	while (!run_signal() && jobs_in(j, JOB_LEFT) > 0 && again(j, true) == 0) {
		jobs_show(j);
		usleep(OTHERS_US);
	}
	return jobs_in(j, JOB_WAITS) > 0;
}

static void do_all(struct jobs *j)
{
	do {
		j->trained = false;
		do_waiting(j);
	} while (!run_signal() && ((j->trained && again(j, false) > 0) || others_left(j)));
	progress_end();
}

/* --- the session -------------------------------------------------------------------------------------- */

/* This process's place in a job: MPI's, or of tasks that srun started without its plugin. */
static void find_ranks(int *ranks, int *rank)
{
	*ranks = mpi_launched();
	*rank = mpi_launched_rank();
	if (*ranks == 0)
		*ranks = mpi_launched_apart(rank);
	if (*ranks < 2)
		*ranks = 1, *rank = 0;
}

/* Each process of a job begins with every ranks-th point; then come the others'. */
static void put_in_order(struct jobs *j)
{
	size_t total = j->session->total, ranks = (size_t)j->ranks, n = 0;
	for (size_t k = 0; k < ranks; k++)
		for (size_t i = ((size_t)j->rank + k) % ranks; i < total; i += ranks)
			j->order[n++] = i;
}

/* Which results another process of the job has not just written. */
static void look_what_is_there(struct jobs *j)
{
	char path[SESSION_PATH];
	for (size_t i = 0; i < j->session->total; i++) {
		session_path(j->session, i, path);
		j->at[i].there = access(path, F_OK) == 0;
	}
}

static int exit_code(const struct jobs *j)
{
	int code = EXIT_DONE;
	if (run_signal())
		return session_stopped();
	if (j->rank > 0)
		return EXIT_DONE;
	for (size_t i = 0; i < j->session->total; i++) {
		const struct job *job = &j->at[i];
		if (job->state == JOB_FAILED && code != EXIT_WORLD)
			code = job->why.code;
		if (job->state == JOB_STOPPED || (job->state == JOB_DONE && session_diverged(j->session, i)))
			code = EXIT_WORLD;
	}
	return code;
}

/* How many at once; says where memory decides. */
static int find_size(const struct session *s, int *count, struct err *e)
{
	const struct settings **runs = mem_array(s->total + 1, sizeof(*runs)); /* [total] */
	const struct jobs_grid grid = {s->args, runs, s->total, s->lanes};
	struct jobs_size size;
	for (size_t i = 0; i < s->total; i++)
		runs[i] = s->points[i].run;
	int rc = jobs_size(&grid, &size, e) || machine_descriptors(2 * (uint64_t)size.jobs, e) ? -1 : 0;
	if (!rc) {
		jobs_size_say(&size);
		*count = size.jobs;
	}
	mem_free(runs);
	return rc;
}

bool jobs_wanted(const struct session *s)
{
	int ranks, rank;
	find_ranks(&ranks, &rank);
	return !s->resume && !s->repeated && (ranks > 1 || (s->all > 1 && !args_value(s->args, "run")));
}

bool jobs_others(const struct session *s)
{
	int ranks, rank;
	find_ranks(&ranks, &rank);
	return rank > 0 && (s->resume || s->repeated);
}

int jobs_run(struct session *s)
{
	struct jobs j = {.session = s};
	struct err e = {0};

	find_ranks(&j.ranks, &j.rank);
	if (j.ranks > 1 && args_flag(s->args, "overwrite"))
		err_user(
		        &e,
		        "--overwrite starts runs again, and each of the %d processes of this job would do so "
		        "with those that another has just finished; remove the results, or leave it out",
		        j.ranks);
	if (e.code || find_size(s, &j.count, &e))
		return j.rank > 0 ? e.code : cmd_fail(&e);
	if (s->total == 0)
		log_say("--part %s: the experiments given make %zu runs, and none is in this part",
		        args_value(s->args, "part"), s->all);
	s->silent = j.rank > 0;
	j.began = clock_s();
	j.at = mem_array(s->total + 1, sizeof(*j.at));       /* [total] */
	j.order = mem_array(s->total + 1, sizeof(*j.order)); /* [total] */
	j.slots = mem_array((size_t)j.count, sizeof(*j.slots));
	put_in_order(&j);
	look_what_is_there(&j);
	run_catch_signals();
	do_all(&j);
	if (j.rank == 0)
		session_end(s);
	session_summary(s);
	jobs_say_failures(&j);
	int code = exit_code(&j);
	jobs_forget(&j);
	mem_free(j.at);
	mem_free(j.order);
	mem_free(j.slots);
	return code;
}
