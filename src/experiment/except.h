/*
 * `sweep.except`: combinations that a grid leaves out.
 *
 *   "except": [{"aggregator": "krum", "adversaries.count": [5, 6]}, ...]
 *
 * A point is left out where all members of one entry hold for it. A member names a swept key, `seed` of
 * `seeds`, or a key below a swept one ("aggregator.kind"), and gives a value or a list of them. A value is
 * compared as settings are, with whatever has a default written out ("0x1" is 1, "lr": 0.1 is
 * {"kind": "constant", "rate": 0.1}). A bare name is every object of that kind, and an object every one that
 * has its members.
 *
 * A value that no point has would leave nothing out, and nobody would notice: it is refused, as are entries
 * that no point fits and entries that leave no point.
 */
#ifndef SIGNSGD_EXPERIMENT_EXCEPT_H
#define SIGNSGD_EXPERIMENT_EXCEPT_H

#include "base/err.h"
#include "base/mem.h"
#include "config/json.h"
#include "experiment/sweep.h"

/* Take what the sweep's `except` says out of its runs. -1 and a sentence. */
int except_apply(struct arena *a, struct sweep *s, struct err *e);

/*
 * `key`, which was swept, has one value now, which stands in root: entries that ask for another one are gone,
 * and the others ask for it no longer. -1 and a sentence, about `option`, where an entry asks for nothing
 * else.
 */
int except_settle(struct arena *a, struct json *root, const char *key, const char *option, struct err *e);

#endif
