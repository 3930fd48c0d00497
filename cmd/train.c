/*
 * `signsgd train`: the runs of `simulate` with their workers in several processes. Either MPI's launcher has
 * started the processes, this one among them, or this process is the server and starts the others itself
 * (train_processes.c).
 */
#include "cmd/train.h"

#include <stdlib.h>

#include "base/log.h"
#include "registry.h"
#include "train/feed.h"
#include "train/trainer.h"
#include "transport/launch.h"
#include "transport/transport.h"

enum { PROCESSES_MAX = 4096 };

/* The first transport whose processes come so, or NULL. */
static const struct transport *row_with(enum transport_processes processes)
{
	for (size_t i = 0; family_transports.rows[i]; i++) {
		const struct transport *row = (const struct transport *)family_transports.rows[i];
		if (row->processes == processes && !row->backend)
			return row;
	}
	return NULL;
}

/* Tasks of srun that do not know each other would all do the whole training. */
static int check_apart(struct training *t, struct err *e)
{
	int number, tasks = mpi_launched_apart(&number);
	if (tasks == 0 || args_value(t->args, "processes"))
		return 0;
	t->silent = number > 0;
	return err_user(
	        e,
	        "srun started %d of us without telling us of each other, so each would train by "
	        "itself; give srun the plugin of this program's MPI library, --mpi=pmix for Open MPI, "
	        "--mpi=pmi2 for MPICH ('srun --mpi=list' shows which there are), or use mpirun; "
	        "--processes is for tasks that are to train by themselves",
	        tasks);
}

/* The transport, where nobody chose one: the launcher's, if one has started us. */
static int choose(struct training *t, struct err *e)
{
	const struct transport *row = row_with(mpi_launched() > 0 ? TRANSPORT_LAUNCHED : TRANSPORT_SERVED);
	if (!row)
		return err_user(e,
		                "started by MPI's launcher, and this program was built without MPI; install "
		                "an MPI with its compiler (Debian: mpi-default-dev) and build again");
	t->kind = (struct change){"transport", row->row.name, "--transport"};
	if (session_names_transport(t->args, t->kind.value))
		return 0;
	t->session.more = &t->kind;
	t->session.n_more = 1;
	return 0;
}

static int check_row(const struct settings *s, struct err *e)
{
	const struct transport *row = (const struct transport *)s->transport.row;
	bool launched = mpi_launched() > 0, takes_launched = row->processes == TRANSPORT_LAUNCHED;
	if (trainer_check_transport(s, e))
		return -1;
	if (row->no_train && !(launched && takes_launched))
		return err_user(e, "%s: transport \"%s\" %s", s->source, row->row.name, row->no_train);
	if (launched && !takes_launched)
		return err_user(e,
		                "%s: MPI's launcher started %d of us, and transport \"%s\" starts its own "
		                "processes; leave out the launcher or choose %s",
		                s->source, mpi_launched(), row->row.name,
		                row_with(TRANSPORT_LAUNCHED)->row.name);
	return 0;
}

static int check_rows(const struct training *t, struct err *e)
{
	const struct session *s = &t->session;
	const struct row *first = session_run_at(s, 1)->transport.row;
	for (size_t i = 1; i <= s->total; i++) {
		const struct settings *run = session_run_at(s, i);
		if (check_row(run, e))
			return -1;
		if (run->transport.row != first)
			return err_user(e,
			                "%s: one command trains over one transport, found \"%s\" and \"%s\"",
			                run->source, first->name, run->transport.row->name);
	}
	return 0;
}

static int prepare(struct training *t, struct err *e)
{
	long long processes = 0;
	if (check_apart(t, e) || choose(t, e) ||
	    args_int(t->args, "processes", 1, PROCESSES_MAX, &processes, e) ||
	    session_prepare(&t->session, "train", t->args, e) || check_rows(t, e))
		return -1;
	if (processes > 0 && mpi_launched() > 0)
		return err_user(e, "--processes is for processes of our own; MPI's launcher has started %d",
		                mpi_launched());
	t->processes = (int)processes;
	t->row = (const struct transport *)session_run_at(&t->session, 1)->transport.row;
	return 0;
}

/*
 * The root tells the others what its data are; one that has others ends the job, because its workers would
 * train on them without a word.
 */
static int share_data_id(const struct transport *row, const char *data_id, struct err *e)
{
	const int64_t ours = (int64_t)strtoull(data_id, NULL, 16);
	int64_t roots = ours;
	if (row->tell(NULL, &roots, e))
		return -1;
	if (roots == ours)
		return 0;
	return err_user(
	        e,
	        "this process has other data than the first one of the job (found data_id %s, expected "
	        "%0*llx); all must read the same",
	        data_id, DATA_ID_SIZE - 1, (unsigned long long)roots);
}

static int start(void *ctx, const struct settings *s, const char *data_id, struct pool *pool,
                 struct link *out, struct err *e)
{
	const struct transport *row = ctx;
	if (row->tell && share_data_id(row, data_id, e))
		return -1;
	struct transport_env env = {.workers = (int)s->workers, .pool = pool, .stop = run_stop_flag()};
	return row->open(s->transport.state, &env, out, e);
}

static void finish(void *ctx, struct link *link)
{
	(void)ctx;
	link->row->close(link->self);
}

/* What a process that only hosts workers needs for a run. */
struct following {
	const struct transport *row;
	struct pool *pool;
};

/* session_one() in such a process: the root records the run. */
static int follow_one(void *ctx, const struct settings *s, size_t number, enum run_outcome *outcome,
                      struct err *e)
{
	const struct following *f = ctx;
	struct link link;
	int64_t command;
	char data_id[DATA_ID_SIZE];
	(void)number;
	if (f->row->tell(NULL, &command, e))
		return -1;
	*outcome = command == RUN_COMMAND_LEAVE ? RUN_LEFT : RUN_SKIPPED;
	if (command != RUN_COMMAND_GO)
		return 0;
	if (feed_fingerprint(s, data_id, e) ||
	    start((void *)(uintptr_t)f->row, s, data_id, f->pool, &link, e))
		return -1;
	int rc = run_follow(s, f->pool, &link, outcome, e);
	finish(NULL, &link);
	return rc;
}

/* All runs of the session, in a process that is not the root. The exit code. */
static int follow(struct training *t, struct pool *pool)
{
	struct following f = {t->row, pool};
	enum run_outcome end = RUN_DID;
	struct err e = {0};
	run_catch_signals();
	if (session_walk(&t->session, follow_one, &f, &end, &e)) {
		t->session.failed = true;
		return cmd_fail(&e);
	}
	return end == RUN_STOPPED ? session_stopped() : EXIT_DONE;
}

/* Processes beyond the workers of a run take part in it, but compute no gradient. */
static void say_idle(const struct session *s)
{
	int processes = mpi_launched();
	for (size_t i = 1; i <= s->total; i++) {
		const struct settings *run = session_run_at(s, i);
		if (run->workers >= processes)
			continue;
		log_warn("%s: %lld of the %d processes have no worker: the experiment has %lld (`workers`)",
		         run->source, (long long)(processes - run->workers), processes,
		         (long long)run->workers);
		return;
	}
}

static int train_launched(struct training *t, struct pool *pool)
{
	struct run_job job = {
	        .row = t->row, .start = start, .finish = finish, .ctx = (void *)(uintptr_t)t->row};
	int code;
	if (mpi_launched_rank() == 0) {
		t->session.job = &job;
		say_idle(&t->session);
		code = session_run(&t->session, pool);
		session_summary(&t->session);
	} else {
		code = follow(t, pool);
	}
	if (t->session.failed && t->row->fail)
		t->row->fail(NULL, code);
	return code;
}

static int train(const struct args *a)
{
	struct training t = {.args = a};
	struct err e = {0};
	int code;

	if (prepare(&t, &e)) {
		t.silent |= mpi_launched_rank() > 0; /* process 0 speaks for all */
		code = t.silent ? e.code : cmd_fail(&e);
	} else {
		struct pool *pool = pool_open(t.session.lanes);
		code = t.row->processes == TRANSPORT_LAUNCHED ? train_launched(&t, pool)
		                                              : train_processes(&t, pool);
		pool_close(pool);
	}
	session_clear(&t.session);
	return code;
}

static const struct option options[] = {
        {"processes", "P", "start P processes that share the workers; else one a core"},
        {"transport", "KIND", "how votes meet ('signsgd list transports')"},
        MACHINE_OPTION,
        SESSION_OPTIONS,
        {NULL, NULL, NULL},
};

const struct command cmd_train = {
        .name = "train",
        .about = "run experiments with their workers in several processes",
        .usage = "train FILE.json... [OPTION]...\ntrain --resume RUN.h5 [OPTION]...",
        .details = "The experiments, options and results of `simulate`, and the same bits. By itself it "
                   "starts P processes that compute a share of the workers each, is their server, and "
                   "takes them down at the end; nothing else has to be set up. One that dies is started "
                   "anew, once: "
                   "its workers miss rounds and begin without momentum, which --replay repeats. Under mpirun "
                   "or srun it is one "
                   "of MPI's processes; a process that dies then ends the whole job, which --resume "
                   "continues from its last checkpoint (`checkpoint` in the experiment), also with "
                   "another number of processes. For machines that do not trust each other see `serve` "
                   "and `work`.\n"
                   "The key `transport` of the experiment has the details, as in --set "
                   "transport.topology=star; it changes no result.\n"
                   "Exit code: as `simulate`.",
        .example = "signsgd train experiments/demo.json --processes 2\n"
                   "mpirun -n 2 signsgd train experiments/demo.json --out mpi/",
        .options = options,
        .run = train,
};
