/*
 * What a file with a rule includes: the interface, and what all such rows of the family have in common.
 * Workers send vectors, the answer is one, and x makes a plain step from it.
 */
#ifndef SIGNSGD_AGGREGATOR_RULE_ROW_H
#define SIGNSGD_AGGREGATOR_RULE_ROW_H

#include "aggregator/aggregator.h"
#include "aggregator/pre/pre.h"
#include "aggregator/rule.h"
#include "base/stats.h"

/* Members of struct aggregator. A rule sees all messages at once, so its row has no combine(). */
#define RULE_ROW(its_rule)                                                                                   \
	.rule = &(its_rule), .compressor = "none", .takes = TAKES_VECTORS, .answers = MESSAGE_FLOATS

#endif
