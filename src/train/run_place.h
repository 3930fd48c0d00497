/*
 * Where a run is written: what is there already, what may be replaced (h5/h5_replace.h), and that no other
 * process writes there (h5/h5_lock.h).
 */
#ifndef SIGNSGD_TRAIN_RUN_PLACE_H
#define SIGNSGD_TRAIN_RUN_PLACE_H

#include <stdint.h>
#include "base/err.h"
#include "h5/h5_lock.h"
#include "record/record.h"
#include "train/run.h"

/* What the path holds of the run that is to be written there. */
enum run_present { RUN_PRESENT_NOTHING, RUN_PRESENT_UNFINISHED, RUN_PRESENT_FINISHED };

struct run_place {
	char *path;       /* of the result, links followed */
	char *checkpoint; /* of its checkpoint, links followed; NULL when the run is finished */
	enum run_present present;
	bool other;             /* a result of another run, or of other data, is there */
	bool other_data;        /* its data are others */
	char id[65];            /* of the result that is there, if it is not to be replaced */
	char checkpoint_id[65]; /* of the checkpoint to go on from, once that is looked at */
	/* The run that is there, if it is to get another length (train/extend.h); id "": it is not. */
	struct record_extended was;
	int64_t kept;        /* steps that the file on disk holds: it is not replaced before there are more */
	struct h5_lock lock; /* held until run_place_clear(), unless the run is finished or another's */
};

/* What a run is known by. */
struct run_key {
	const char *id;      /* of its settings */
	const char *data_id; /* of its data; "": they are not here, and not compared */
};

/*
 * Look what is at options.path, for a run that is known by `key`, and lock it. -1 and a sentence: something
 * that may not be replaced is there, or beside it in the place of its checkpoint, or another process writes
 * there. Without options.overwrite, a checkpoint of another run may not be replaced. A result of the same
 * settings and other data is another run; one that does not say its data is taken at its word. Free with
 * run_place_clear(), also after -1.
 */
int run_place_open(struct run_place *p, const struct run_key *key, const struct run_options *o,
                   struct err *e);

/*
 * Look again, right before the first write: much time may have gone by, and a file system without locks, or
 * another program, may have let somebody else write there. -1 and a sentence: it is no longer as it was.
 */
int run_place_check(const struct run_place *p, const struct run_key *key, const struct run_options *o,
                    struct err *e);

/* Fill p->checkpoint. -1 and a sentence when something else is in its place. */
int run_place_beside(struct run_place *p, struct err *e);

/*
 * Whose checkpoint is at p->checkpoint (to p->checkpoint_id), and after which step? It must be that of `id`,
 * or of a run which the result at p->path was before its length was changed. -1 and a sentence: it is another
 * run's (the sentence ends with `advice`), or cannot be read.
 */
int run_place_peek(struct run_place *p, const char *id, const char *advice, int64_t *step, struct err *e);

/*
 * Pass over a finished run. That is said, unless options.pass_silently; of one that diverged, and would
 * again, also where only warnings are wanted. What it would have removed, had it not been killed right after
 * its last words, is removed.
 */
void run_place_pass(const struct run_place *p, const struct run_options *o);

/*
 * Would run_one() skip it, because it is finished? Then that is said. Takes no lock; what cannot be looked at
 * is left for run_one() to complain of.
 */
bool run_place_skip(const struct settings *s, const struct run_options *o);

void run_place_clear(struct run_place *p);

#endif
