/*
 * A run that is trained on beyond its planned end, or to another end: the same experiment with another number
 * of steps. Its file becomes the other run's, with that one's id, and the result has the bits of a run that
 * was planned so from the start. That holds because nothing but a schedule knows how long a run is, and a
 * schedule that gives other rates to the steps already done is refused.
 *
 * The file changes hands after the first step beyond. Until then it stays as it was; from then on it is the
 * other run's, and the checkpoint beside it may still carry an earlier id, which /meta/extended lists.
 */
#ifndef SIGNSGD_TRAIN_EXTEND_H
#define SIGNSGD_TRAIN_EXTEND_H

#include "train/run_place.h"

/*
 * The place holds another run than *s (p->other), which --resume names. If *s is that run with another
 * length, fill p->was, p->checkpoint and p->checkpoint_id. *s may also have another `lr`, which gives the
 * same rates to the steps done. -1 and a sentence: it is another experiment, nothing to go on from was kept,
 * as many steps are done, or they would have had other rates.
 */
int extend_place(struct run_place *p, const struct settings *s, const struct run_options *o, struct err *e);

/*
 * Fill p->checkpoint_id for a run that is resumed: its own id, or one of before its length was changed. -1
 * and a sentence: the checkpoint is another run's, or cannot be read.
 */
int extend_checkpoint(struct run_place *p, struct err *e);

/*
 * A run looks for its result at a path that is made from its id (run_path()). If the place is such a path, of
 * an earlier id, make a link to it where *s looks, unless something is there.
 */
void extend_link(const struct run_place *p, const struct settings *s);

#endif
