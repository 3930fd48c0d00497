/* What the process of a point writes to its parent's pipe: cmd/point.h. */
#ifndef SIGNSGD_CMD_POINT_REPORT_H
#define SIGNSGD_CMD_POINT_REPORT_H

#include <assert.h>
#include <limits.h>
#include "base/err.h"
#include "train/run.h"

#define POINT_VARIABLE "SIGNSGD_POINT" /* = the number of the pipe's descriptor */

enum point_report_kind { POINT_PROGRESS, POINT_LAST, POINT_ENDED, POINT_FAILED };

struct point_report {
	enum point_report_kind kind;
	enum run_outcome outcome;     /* POINT_ENDED */
	struct run_progress progress; /* POINT_PROGRESS, POINT_LAST */
	struct err why;               /* POINT_FAILED */
};

static_assert(sizeof(struct point_report) <= PIPE_BUF, "a report is written and read in one piece");

#endif
