/*
 * Rules as their definitions say them: on the vectors themselves, every subset enumerated, every distance
 * taken where it is needed. Slow, and apart from the engine in everything.
 */
#ifndef SIGNSGD_TESTS_SUPPORT_NAIVE_RULES_H
#define SIGNSGD_TESTS_SUPPORT_NAIVE_RULES_H

#include <stdbool.h>

enum { NAIVE_N = 12, NAIVE_D = 8, NAIVE_JSON = 160 };

struct naive_input {
	int n, f, d;
	double x[NAIVE_N][NAIVE_D];
	double memory[NAIVE_D]; /* the last answer */
};

struct naive_rule {
	const char *members; /* of its JSON, but for f and the pivot */
	void (*answer)(const struct naive_input *in, double *out);
	int needs[2]; /* it takes n >= needs[0] f + needs[1] */
	bool pivot;   /* the last worker is trusted */
	bool memory;
	/* Its answer jumps between equals that its definition leaves open: the greatest of equal eigenvalues.
	 */
	bool open;
};

extern const struct naive_rule naive_rules[]; /* ends with members NULL */

/* A rule's JSON, in `out` [NAIVE_JSON]. pivot: of one that trusts a worker. */
void naive_json(const struct naive_rule *r, int f, int pivot, char *out);

#endif
