/* What is said about a result file: the same line of JSON and the same table in simulate and in show. */
#ifndef SIGNSGD_CMD_SUMMARY_H
#define SIGNSGD_CMD_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include "base/mem.h"
#include "record/record.h"

struct report {
	struct run_info info;
	const char *path; /* borrowed */
	char seed[24];
	bool skipped; /* simulate found it finished */
};

/* Read it back from the file: what is said is what the file says. -1 and a sentence. */
int report_read(struct report *r, const char *path, struct err *e);

/* The members that both commands print; more may follow before line_print(). */
void report_line(struct buf *b, const struct report *r);

/* One row a file, with a head. */
void report_table(const struct report *rows, size_t count);

#endif
