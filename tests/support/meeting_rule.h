/*
 * A rule for tests that must see all messages at once, float vectors [n]. Its answer is the median of each
 * coordinate, moved by a sum over all coordinates and the numbers of the workers: whatever is wrong with the
 * shares, the gathered sums or the list of workers shows in every coordinate.
 */
#ifndef SIGNSGD_TESTS_SUPPORT_MEETING_RULE_H
#define SIGNSGD_TESTS_SUPPORT_MEETING_RULE_H

#include "transport/meeting.h"

struct meeting_rule {
	int every;     /* every so many steps one is withheld, the first after every - 1 steps; 0: none is */
	float *memory; /* [n] half of the last answer's is added to the answer; NULL: no memory */
	const char *fails; /* the sentence of a meeting that fails; NULL: none does */
};

/* ctx: a struct meeting_rule. Messages that are not finite are removed; without another one the step is
 * withheld. */
enum meeting_end meeting_rule_meet(void *ctx, const struct meeting *m, struct err *e);

/* The same where all is in one place: the messages [count] of workers ids, whole. */
enum meeting_end meeting_rule_alone(struct meeting_rule *r, uint64_t step, int count, const int *ids,
                                    const void *const *pushes, size_t n, void *pull);

#endif
