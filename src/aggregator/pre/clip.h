/* What pre-aggregators that shorten messages have in common. */
#ifndef SIGNSGD_AGGREGATOR_PRE_CLIP_H
#define SIGNSGD_AGGREGATOR_PRE_CLIP_H

#include "aggregator/rule.h"

/* The length of message i, for a plan that asks for `norms`. */
double clip_norm(const struct rule_view *v, int i);

/* y_i = x_i min(1, limit / |x_i|); a message of length 0 stays. */
void clip_plan(const struct rule_view *v, double limit, struct rule_plan *p);

#endif
