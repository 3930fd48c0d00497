/* How many samples each worker of a run gets, for who asks before it begins. */
#ifndef SIGNSGD_TRAIN_SHARES_H
#define SIGNSGD_TRAIN_SHARES_H

#include <stddef.h>
#include "base/err.h"
#include "base/pool.h"
#include "experiment/experiment.h"

enum shares_known {
	SHARES_REFUSED = -1, /* and a sentence */
	SHARES_KNOWN = 0,
	SHARES_NONE = 1,  /* there are no data */
	SHARES_LABELS = 2 /* they follow from labels that are not here; e says why */
};

/* Into size [M]; of a text tokens. Reads the data set where shards follow from its labels. */
enum shares_known shares_find(const struct settings *s, struct pool *pool, size_t *size, struct err *e);

#endif
