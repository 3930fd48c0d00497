/* What jobs.c and jobs_talk.c share: where the work on a grid stands. */
#ifndef SIGNSGD_CMD_JOBS_STATE_H
#define SIGNSGD_CMD_JOBS_STATE_H

#include "cmd/point.h"
#include "cmd/session.h"

enum job_state { JOB_WAITS, JOB_RUNS, JOB_DONE, JOB_STOPPED, JOB_FAILED, JOB_LEFT };

struct job {
	enum job_state state;
	bool there;     /* a result was, when this process began */
	struct err why; /* JOB_FAILED */
};

/* A place for a running point. */
struct slot {
	bool used;
	size_t index; /* of the point */
	struct point point;
};

/* Something that a point's process said. */
struct heard {
	char *text;
	size_t index;
};

struct jobs {
	struct session *session;
	struct job *at;     /* [total], as session.points */
	size_t *order;      /* [total] in which they are begun */
	struct slot *slots; /* [count] */
	int count;
	int ranks, rank;     /* of the job that this process is one of; 1 and 0: of none */
	bool trained;        /* something was, since the last look at what others had */
	bool stopping;       /* the children know of the signal */
	double began;        /* clock_s() */
	int64_t steps;       /* done by processes that have ended */
	struct heard *heard; /* [n_heard] */
	size_t n_heard;
};

static inline size_t jobs_in(const struct jobs *j, enum job_state state)
{
	size_t count = 0;
	for (size_t i = 0; i < j->session->total; i++)
		count += j->at[i].state == state;
	return count;
}

#endif
