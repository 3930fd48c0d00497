/*
 * What a file with a rule includes: the interface, and what all such rows of the family have in common.
 * Workers send float32 vectors, the answer is one, and x makes a plain step from it.
 */
#ifndef SIGNSGD_AGGREGATOR_RULE_ROW_H
#define SIGNSGD_AGGREGATOR_RULE_ROW_H

#include "aggregator/aggregator.h"
#include "aggregator/mean.h"
#include "aggregator/pre/pre.h"
#include "aggregator/rule.h"
#include "base/stats.h"
#include "compressor/float32.h"

/* Members of struct aggregator. A rule sees all messages at once, so its row has no combine(). */
#define RULE_ROW(its_rule)                                                                                   \
	.rule = &(its_rule), .push_bits = 32, .pull_bits = 32, .push_bytes = float32_bytes,                  \
	.pull_bytes = float32_bytes, .encode = float32_encode, .apply = mean_apply,                          \
	.push_signs = float32_signs, .pull_signs = float32_signs

#endif
