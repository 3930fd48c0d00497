/*
 * The search of `opt-ipm` and `opt-alie` for a factor t, as ByzFL 0.0.11 has it: y(t) is the distance from mu
 * of the answer that the server would give. From `start`, t + delta is taken while that is better, and delta
 * doubled; when it is not, delta shrinks by `ratio`. Then, until `evals` answers have been asked for, t +
 * delta is tried, taken if it is better, and delta shrinks. A t below `start` is never tried.
 */
#ifndef SIGNSGD_ADVERSARY_CROWD_SEARCH_H
#define SIGNSGD_ADVERSARY_CROWD_SEARCH_H

#include "adversary/crowd.h"

struct crowd_search {
	int64_t evals;
	double start, delta, ratio;
};

/* numbers[0] becomes t. A withheld step is the worst answer. */
void crowd_search(const struct crowd_search *s, const struct crowd_view *view, double *numbers);

/* asks() of attacks that search. */
bool crowd_search_asks(const void *state);

/* The keys of a struct crowd_search, which is at the offset `at` of the state. */
#define CROWD_SEARCH_KEYS(at)                                                                                \
	{.name = "evals",                                                                                    \
	 .kind = KEY_INT,                                                                                    \
	 .offset = (at) + offsetof(struct crowd_search, evals),                                              \
	 .default_json = "20",                                                                               \
	 .lowest = 1,                                                                                        \
	 .highest = 10000,                                                                                   \
	 .help = "how many answers of the server are tried in a step"},                                      \
	        {.name = "start",                                                                            \
	         .kind = KEY_REAL,                                                                           \
	         .offset = (at) + offsetof(struct crowd_search, start),                                      \
	         .default_json = "0",                                                                        \
	         .lowest = 0,                                                                                \
	         .highest = 1e30,                                                                            \
	         .help = "the factor from which the search begins"},                                         \
	        {.name = "delta",                                                                            \
	         .kind = KEY_REAL,                                                                           \
	         .offset = (at) + offsetof(struct crowd_search, delta),                                      \
	         .default_json = "10",                                                                       \
	         .lowest = 0,                                                                                \
	         .highest = 1e30,                                                                            \
	         .above = true,                                                                              \
	         .help = "its first stride"},                                                                \
	{                                                                                                    \
		.name = "ratio", .kind = KEY_REAL, .offset = (at) + offsetof(struct crowd_search, ratio),    \
		.default_json = "0.8", .lowest = 0, .highest = 1, .above = true, .below = true,              \
		.help = "what the stride is multiplied by when no better factor was found"                   \
	}

#endif
