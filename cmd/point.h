/*
 * A point of a grid in a process of its own. The parent writes down what is to be run, so that the child
 * needs no file that may have changed meanwhile, or can be read only once; the child reports in records of
 * one size through a pipe, and what it says to people comes through another.
 */
#ifndef SIGNSGD_CMD_POINT_H
#define SIGNSGD_CMD_POINT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/err.h"
#include "cmd/ui/cmd.h"
#include "experiment/experiment.h"
#include "train/run.h"

enum { POINT_LINE = 4096 };

/* What is to be run. */
struct point_order {
	const char *const *arguments; /* of the program: what users see in `ps`, --lanes and flags */
	const struct settings *run;
	const char *path; /* of the result */
	int place;        /* among the processes of this machine: its SIGNSGD_LOCAL_RANK */
};

/* The child, as its parent sees it. */
struct point {
	pid_t pid;
	int reports, said;                           /* the pipes; -1: at their end */
	struct run_progress progress;                /* steps 0: it has not begun yet */
	bool last;                                   /* that was the last of it */
	bool ended;                                  /* it said how it ended: */
	enum run_outcome outcome;                    /* of run_one() */
	struct err why;                              /* or why it failed */
	char words[sizeof(((struct err *)0)->text)]; /* the line that it said last */
	char line[POINT_LINE];                       /* the beginning of a line that it has not ended yet */
	size_t length;
};

/* -1 and a sentence: there is no such process. */
int point_start(struct point *p, const struct point_order *order, struct err *e);

/* Take the reports that are there. False: there will be no more, and point_end() is due. */
bool point_listen(struct point *p);

/* Take what it has said, whole lines of it, each handed to `tell`. */
void point_hear(struct point *p, void (*tell)(void *ctx, const char *line), void *ctx);

/*
 * Take the rest of what it said, and wait for its end. p->outcome holds then if p->why is empty. A process
 * that ended without a word has failed, and p->why says by what; where it was asked to stop (stopping), it
 * has stopped before there was anything to save.
 */
void point_end(struct point *p, bool stopping, void (*tell)(void *ctx, const char *line), void *ctx);

/* Is this process such a child? */
bool point_is(void);
/* Do what the parent has written down. The exit code. */
int point_run(const struct args *a);

#endif
