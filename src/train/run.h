/*
 * One run from beginning to end: the result file, evaluations, checkpoints, progress, interruption. The
 * commands call run_one() for each run of an experiment.
 */
#ifndef SIGNSGD_TRAIN_RUN_H
#define SIGNSGD_TRAIN_RUN_H

#include <signal.h>
#include <stdbool.h>
#include "base/err.h"
#include "base/pool.h"
#include "experiment/experiment.h"
#include "record/record.h"
#include "train/run_progress.h"

struct link;
struct replay;
struct transport;

enum run_outcome { RUN_DID, RUN_SKIPPED, RUN_STOPPED, RUN_BLEW_UP, RUN_LEFT };

/* The job that a run belongs to: how it reaches its other processes. */
struct run_job {
	const struct transport *row;
	/* Called once it is known that the run is not skipped: gives the link. data_id: of the data that are
	 * here. -1 and a sentence. */
	int (*start)(void *ctx, const struct settings *s, const char *data_id, struct pool *pool,
	             struct link *out, struct err *e);
	/* Called when it is over, after the link's leave(), instead of its close(). */
	void (*finish)(void *ctx, struct link *link);
	void *ctx;
};

struct run_options {
	const char *path;            /* result file */
	bool overwrite;              /* replace a result that is there, of whichever run */
	bool resume;                 /* there must be something to resume */
	bool leave_held;             /* what another process is writing is its, and no error: RUN_LEFT */
	bool pass_silently;          /* a finished run is skipped without a word */
	const char *label;           /* "3 of 12", or NULL: for the progress line */
	const struct run_job *job;   /* NULL: all in this process */
	const struct replay *replay; /* repeat a recorded run; NULL: do not */
	/* Called after each step instead of drawing the progress line; last: the run is over. NULL: drawn. */
	void (*progress)(void *ctx, const struct run_progress *p, bool last);
	void *progress_ctx;
};

/*
 * If `path` holds a result of the same identity, a finished or diverged one is skipped, and an unfinished one
 * is resumed from its checkpoint, or started again where it has none. A result of another identity, or of
 * other data, is refused unless `overwrite`; what is no result is refused in any case (train/run_place.h).
 * RUN_STOPPED: a signal came and the state is saved; run_signal() says which signal. -1 and a sentence when
 * the run failed.
 */
int run_one(const struct settings *s, struct pool *pool, const struct run_options *o,
            enum run_outcome *outcome, struct err *e);

/*
 * Run a process that has workers but is not the root: it does the root's steps until the run ends, and
 * records nothing. The link is borrowed. -1 and a sentence.
 */
int run_follow(const struct settings *s, struct pool *pool, const struct link *link,
               enum run_outcome *outcome, struct err *e);

/* What the root of a job commands before each run (transport.h, tell). */
enum run_command { RUN_COMMAND_GO, RUN_COMMAND_SKIP, RUN_COMMAND_LEAVE };

/*
 * Let SIGINT, SIGTERM, SIGUSR1 (the one that mpirun hands on to its processes) and, unless it is ignored as
 * under nohup, SIGHUP ask the run to stop after its present step. Only a second SIGINT kills.
 */
void run_catch_signals(void);
/* The signal that came, or 0; SIGCHLD: run_halt() was called. */
int run_signal(void);
/* The exit code for it: 128 + signal, as shells have it; after run_halt() EXIT_WORLD. */
int run_signal_code(void);
/* What stops the run, for sentences; only while there is a signal. */
const char *run_signal_name(void);
/*
 * From here on nothing is lost when the process ends, until run_must_save(): the run has not begun, or is
 * another machine's. A signal then ends the process half a second later if it is still there, whatever it is
 * doing (drawing a data set, decoding, a long step), with a sentence and 128 + signal. `remove`: a file that
 * is removed then, or NULL; it must stay as it is. Without run_catch_signals() nothing changes.
 */
void run_may_end(const char *remove);
void run_must_save(void);
/* Ask the run to stop, as a signal would: the other processes are gone. Safe in a signal handler. */
void run_halt(void);
/* What a transport checks while it waits (transport_env.stop). */
const volatile sig_atomic_t *run_stop_flag(void);

/* The default result path of a run: "runs/NAME-ID.h5" into out; `many`: out_option is a folder. */
void run_path(const struct settings *s, const char *out_option, bool many, char *out, size_t size);

#endif
