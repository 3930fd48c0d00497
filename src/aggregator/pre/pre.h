/*
 * Pre-aggregators: what stands before a rule. Each maps n vectors to n' <= n weighted sums of them, and f to
 * f'. The rule, or the next pre-aggregator, then has those for messages; distances are taken anew.
 */
#ifndef SIGNSGD_AGGREGATOR_PRE_PRE_H
#define SIGNSGD_AGGREGATOR_PRE_PRE_H

#include "aggregator/rule.h"

struct pre {
	struct row row;
	struct rule rule; /* check and plan */
};

extern const struct family family_pre;

#endif
