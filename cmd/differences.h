/* In what the runs of one file differ: the keys that its sweep and seeds give other values. */
#ifndef SIGNSGD_CMD_DIFFERENCES_H
#define SIGNSGD_CMD_DIFFERENCES_H

#include "base/mem.h"
#include "cmd/ui/table.h"
#include "experiment/experiment.h"

enum { DIFFERENCES_MAX = 24 };

struct differences {
	struct arena arena;
	const struct runs *runs;
	const struct json **given;         /* [runs] what the file gives each, NULL where it is unreadable */
	const char *keys[DIFFERENCES_MAX]; /* [count] dotted */
	char align[DIFFERENCES_MAX + 8];
	size_t count;
};

/* Free with differences_clear(). */
void differences_find(struct differences *d, const struct runs *runs);
void differences_clear(struct differences *d);

/* A table of the runs: its columns' alignment, its head, and the first cells of a row; the caller adds cells
 * for parameters, steps, memory and output. */
const char *differences_align(struct differences *d);
void differences_head(const struct differences *d, struct table *t);
void differences_row(struct differences *d, struct table *t, size_t run);

#endif
