/* What rules leave behind, to the last bit, for the tests that compare ways of running them. */
#ifndef SIGNSGD_TESTS_SUPPORT_RULE_BITS_H
#define SIGNSGD_TESTS_SUPPORT_RULE_BITS_H

#include "tests/support/rule_fixture.h"

enum { RULE_BITS_RULES = 19, RULE_BITS_WORKERS = 7, RULE_BITS_STEPS = 2 };

/* All rules, alone and behind what can stand before them, for at least RULE_BITS_WORKERS messages. */
extern const char *const rule_bits_rules[RULE_BITS_RULES];

/* What two steps leave: answer [n], memory [n], and of the last one weights and scores. */
struct rule_left {
	float *answer, *memory;
	double weights[RULE_WORKERS_MOST], scores[RULE_WORKERS_MOST];
};

/* The messages of a step. Message 3 has a NaN in the second block, in the second step alone. */
void rule_bits_say(struct rule_rig *r, uint64_t step);

/* Free with rule_left_free(). */
void rule_left_keep(const struct rule_rig *r, struct rule_left *out);
struct rule_left rule_left_by(const char *json, const char *backend, int workers, int lanes, size_t n);
void rule_left_free(struct rule_left *l);

/* Ends the test unless they are the same; "... 3 lanes" says what b is. */
void rule_left_same(const struct rule_left *a, const struct rule_left *b, size_t n, const char *json,
                    const char *what, int count);

#endif
