/*
 * The runs that a command line asks for, as `simulate` and `train` share them: every point of every file's
 * sweep, one after the other, and what came of them.
 */
#ifndef SIGNSGD_CMD_SESSION_H
#define SIGNSGD_CMD_SESSION_H

#include "cmd/overrides.h"
#include "cmd/ui/cmd.h"
#include "cmd/summary.h"
#include "base/pool.h"
#include "experiment/experiment.h"
#include "train/run.h"

struct session {
	const char *command; /* its name, for sentences */
	const struct args *args;
	struct overrides overrides;
	const struct change *more; /* [n_more] the command's own changes, before those of the command line */
	size_t n_more;
	struct runs *files; /* [n_files] */
	size_t n_files;
	const char *resume;   /* --resume, or NULL */
	const char *repeated; /* set before: a result file that carries the experiment; or NULL */
	bool json;
	int lanes;
	const struct run_job *job;
	const struct replay *replay;
	struct summary *done; /* [n_done], of [total] */
	bool *over;           /* [total] this process is done with it */
	size_t n_done, total;
	bool chosen; /* one run of more, by --run */
	bool failed; /* a run could not go on to its end */
};

/*
 * Read options and files into a session that is zero, but for `more` and `repeated`, which may be set.
 * Everything that the user can get wrong is found here, before the first run begins. -1 and a sentence. Free
 * with session_clear(), also after -1.
 */
int session_prepare(struct session *s, const char *command, const struct args *a, struct err *e);

/* Do one run of the session: run_one(), or another process's part of it. -1 and a sentence. */
typedef int session_one(void *ctx, const struct settings *run, size_t number, enum run_outcome *outcome,
                        struct err *e);

/*
 * Do all runs in order. Those that another process was writing (RUN_LEFT) are tried again afterwards, as long
 * as anything was trained meanwhile: they are finished by then, or free. *end: RUN_STOPPED, or RUN_LEFT if
 * some are another process's in the end, else RUN_DID. All processes of a job do the same here. -1 and a
 * sentence.
 */
int session_walk(struct session *s, session_one *one, void *ctx, enum run_outcome *end, struct err *e);

/* Run `number`, from 1. */
const struct settings *session_run_at(const struct session *s, size_t number);

/* Run all of them, also after one that diverged. Says what is wrong, and returns the exit code. */
int session_run(struct session *s, struct pool *pool);

/*
 * Is the transport chosen already: by a file, by an option, or because --resume continues a run over this
 * kind of transport, whose keys are then kept?
 */
bool session_names_transport(const struct args *a, const char *kind);

/* The exit code of a command whose run was stopped (RUN_STOPPED). */
int session_stopped(void);

/* What came of them, on standard output, unless --json or --quiet. */
void session_summary(const struct session *s);
void session_clear(struct session *s);

/* clang-format off */
/* Options of every command that runs a session. */
#define SESSION_OPTIONS                                                                         \
	OVERRIDE_OPTIONS,                                                                       \
	LANES_OPTION,                                                                           \
	GRID_OPTION,                                                                            \
	{"resume", "RUN.h5", "continue this run, as it says itself; with --steps N to another end"}, \
	{"run", "N", "one run of a sweep alone, from 1, in the order of 'validate --json'"},    \
	{"overwrite", NULL, "start again, over results that are there; other files stay"},      \
	{"profile", NULL, "measure every layer too; the times go to /profile of the result"},   \
	{"quiet", NULL, "say only warnings and errors"},                                        \
	{"json", NULL, "one line of JSON a run on standard output"}
/* clang-format on */

#endif
