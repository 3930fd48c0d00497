/* A result file in a line: the same JSON and the same table for `simulate`, `train` and `show`. */
#ifndef SIGNSGD_CMD_SUMMARY_H
#define SIGNSGD_CMD_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include "base/mem.h"
#include "record/record.h"

struct summary {
	struct run_info info;
	const char *path; /* borrowed */
	char seed[24];
	bool skipped; /* simulate found it finished */
};

/* Read the summary from the file, also of a run that has just ended. -1 and a sentence. */
int summary_read(struct summary *r, const char *path, struct err *e);

/* The members that all of them print; more may follow before line_print(). */
void summary_line(struct buf *b, const struct summary *r);

/* A member "privacy": what messages spend. */
void summary_privacy(struct buf *b, const struct privacy *p);

/* A member "varies": messages differ in length, and `push_bytes` is the most. Nothing where they do not. */
void summary_varies(struct buf *b, bool varies);

/* What stands before a number of bytes, the most of what varies in length. */
const char *summary_at_most(bool varies);

/* A head, a row a file, and what must be said of the data. */
void summary_table(const struct summary *rows, size_t count);

#endif
