/* What `against` and `min-margin` share: which answer the colluders want of a vote, coordinate by coordinate.
 */
#ifndef SIGNSGD_ADVERSARY_CROWD_TARGET_H
#define SIGNSGD_ADVERSARY_CROWD_TARGET_H

#include "adversary/crowd.h"

enum crowd_target { TARGET_VOTE, TARGET_MEAN };

/*
 * votes: V, the sum of the honest signs. right: s, +1 or -1, the answer that the colluders do not want: of
 * TARGET_VOTE the sign of V, and where V = 0 that of mu; of TARGET_MEAN the other way round. Where both are
 * 0, +1. count is at most CROWD_CHUNK, begin a multiple of 64.
 */
void crowd_right(const struct crowd_view *view, enum crowd_target target, size_t begin, size_t count,
                 int *votes, int *right);

/* check() of both. */
int crowd_target_check(const void *state, const struct crowd_terms *terms, struct err *e);

#endif
