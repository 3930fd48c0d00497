/*
 * What the author of a rule writes. A rule makes one vector of the n messages of a step, at most f of which
 * are Byzantine. It has up to three parts, each optional:
 *
 *   plan    from the squared distances between rows to weights: the answer is a weighted sum of rows, or
 *           `column` makes it of several weighted sums
 *   column  from the n' values of one coordinate to the answer's (without it: their mean)
 *
 * and the answer may be what the server remembers.
 *
 * Rows are the n messages and, if the rule asks for them, the origin, the server's memory and the coordinate
 * median. The engine (aggregator/rule_run.h) holds all laws: which messages count, when a step is withheld,
 * the order of sums, lanes, memory of the machine. So a rule's answer has the same bits however the work is
 * cut.
 *
 * A pre-aggregator ("before", aggregator/pre/pre.h) is a rule with a plan alone.
 */
#ifndef SIGNSGD_AGGREGATOR_RULE_H
#define SIGNSGD_AGGREGATOR_RULE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backend/rules.h"
#include "base/err.h"
#include "base/stats.h"
#include "config/key.h"

/* The first member of the state of every rule: keys that all of them have. */
struct rule_keys {
	int64_t f;             /* how many messages may be Byzantine; RULE_F_OPEN: not said */
	struct choices before; /* pre-aggregators (aggregator/pre/), in the order in which they work */
};

enum { RULE_F_OPEN = -1 };

/* Numbers of rows. The median's row may have no weight. */
enum rule_row { RULE_ORIGIN, RULE_MEMORY, RULE_MEDIAN, RULE_EXTRA_ROWS };

/* What a plan sees. */
struct rule_view {
	const void *state;
	int n, f;                   /* messages that count in this step; how many of them may be Byzantine */
	int rows;                   /* rows 0 to n - 1 are the messages, in order of worker */
	int extra[RULE_EXTRA_ROWS]; /* the numbers of the other rows; -1: the rule did not ask for it */
	int trusted;                /* the row of the worker that the rule trusts; -1: it trusts none */
	const double *d;            /* [rows][rows] squared distances */
	const double *p; /* [n][n] inner products of the messages, seen from a centre; NULL: not asked for */
	uint64_t seed, step;
};

/* What it makes. */
struct rule_plan {
	int n, f;  /* n' <= n and f'; before the plan, a pre-aggregator: `left` of n and f; a rule: 1 and f */
	double *w; /* [n'][rows] weights, zero before the plan */
	double *scores;  /* [n] of the messages; NaN before the plan */
	bool *chosen;    /* [n] false before the plan */
	double *scratch; /* [4][rows] for the plan itself */
	double *squares; /* [squares][n][n] for the plan itself, as many as the rule asks for */
	uint32_t *order; /* [n] 0 to n - 1, for a plan that puts them into another order */
	int *bucket; /* [n] where each of the n' is the mean of a bucket: whose a message is in; -1 before */
	bool idle; /* false before; what clips to a length that was given: it clipped nothing in this step */
};

/* One coordinate. */
struct rule_column {
	const void *state;
	int n, f;
	const double *values; /* [n] in order of worker */
	const double *sorted; /* [n] ascending */
};

enum rule_distances {
	RULE_ALL_PAIRS,
	RULE_FROM_OTHERS, /* of each message from the rows that are no messages, and from the trusted one */
};

struct rule {
	bool memory;       /* a server memory, float [n], zero at first: the row RULE_MEMORY */
	bool keeps_answer; /* it becomes the answer of each step */
	bool median;       /* the plan wants the row RULE_MEDIAN */
	bool norms;        /* and the row RULE_ORIGIN: the distance from it is a squared norm */
	/* Does the plan want inner products: <x_i - c, x_k - c>, c the row RULE_MEMORY if it has one, else
	 * the row RULE_MEDIAN? NULL: no. */
	bool (*products)(const void *state);
	enum rule_distances distances; /* those that the plan wants; others are 0 */
	/* A pre-aggregator's n'. NULL: n, as many as before. */
	int (*left)(const void *state, int n);
	int squares; /* matrices [n][n] of scratch that the plan asks for */
	/* The worker that key `pivot` names: its message must be there. NULL: the rule trusts none. */
	int (*trusted)(const void *state);
	/* The precondition. -1 and a sentence. NULL: f < n, which holds for every rule. */
	int (*check)(const void *state, int n, int f, struct err *e);
	void (*plan)(const struct rule_view *v, struct rule_plan *p);
	double (*column)(const struct rule_column *c);
	/* The same, in words that a machine's kernels know. NULL: the host has to do it. */
	struct rules_order (*order)(int n, int f);
	bool chooses; /* the plan marks which messages it takes */
	/*
	 * How robust it is: the kappa of Allouah et al. 2023, Definition 2, for n and f that it takes, with
	 * ||F - mean_S||^2 <= kappa (1 / |S|) sum over S of ||x_i - mean_S||^2 for every S of n - f messages.
	 * A pre-aggregator's is that of the chain from it on; behind: that of what follows. NAN: none is
	 * known. NULL: none is known.
	 */
	double (*kappa)(const void *state, int n, int f, double behind);
};

static inline double rule_distance(const struct rule_view *v, int i, int k)
{
	return v->d[(size_t)i * (size_t)v->rows + (size_t)k];
}

static inline double rule_product(const struct rule_view *v, int i, int k)
{
	return v->p[(size_t)i * (size_t)v->n + (size_t)k];
}

/*
 * marked[i]: is message i one of the `count` nearest to message `at`? `at` itself is the first of them; of
 * equally near ones the lower worker. distance [n] is scratch.
 */
static inline void rule_mark_nearest(const struct rule_view *v, int at, int count, double *distance,
                                     bool *marked)
{
	for (int k = 0; k < v->n; k++)
		distance[k] = k == at ? -1 : rule_distance(v, at, k);
	stats_mark_least(distance, (size_t)v->n, (size_t)count, marked);
}

/* The answer is the mean of the `count` messages that are chosen. */
static inline void rule_mean_of_chosen(const struct rule_view *v, int count, struct rule_plan *p)
{
	for (int i = 0; i < v->n; i++)
		p->w[i] = p->chosen[i] ? 1.0 / count : 0;
}

/* r of the bounds: f / (n - 2 f). */
static inline double rule_ratio(int n, int f)
{
	return (double)f / (n - 2 * f);
}

/* The kappa of both medians: Allouah et al. 2023, Table 1. */
static inline double rule_median_kappa(const void *state, int n, int f, double behind)
{
	(void)state, (void)behind;
	return 4 * (1 + rule_ratio(n, f)) * (1 + rule_ratio(n, f));
}

/* A check's sentence, behind the row's name: does the inequality, written as in "2 f < n", hold? */
static inline int rule_expect(bool holds, const char *inequality, int n, int f, struct err *e)
{
	if (holds)
		return 0;
	err_user(e, "found n = %d messages and f = %d, expected %s", n, f, inequality);
	e->kind = ERR_IMPOSSIBLE;
	return -1;
}

/* The check of every rule that stands a Byzantine minority. */
static inline int rule_minority(const void *state, int n, int f, struct err *e)
{
	(void)state;
	return rule_expect(2 * f < n, "2 f < n", n, f, e);
}

/* The keys of struct rule_keys; they stand first in the table of every rule. */
#define RULE_KEYS                                                                                            \
	{.name = "f",                                                                                        \
	 .also = "nb_byz, n_byzantine, byzantine, num_byzantine, tolerance",                                 \
	 .kind = KEY_INT,                                                                                    \
	 .offset = offsetof(struct rule_keys, f),                                                            \
	 .default_json = "-1",                                                                               \
	 .lowest = RULE_F_OPEN,                                                                              \
	 .highest = 1000000,                                                                                 \
	 .help = "how many messages the rule takes to be Byzantine; -1: as many as adversaries.count"},      \
	{                                                                                                    \
		.name = "before", .also = "pre_aggregators, pre_aggregator, pre_agg, pre", .kind = KEY_LIST, \
		.offset = offsetof(struct rule_keys, before), .default_json = "[]", .family = &family_pre,   \
		.help = "what is done to the messages first, in this order"                                  \
	}

/* Keys of a rule, one a line. required: the default is NULL. */
#define RULE_CHOICE(its_name, at, the_default, names, text)                                                  \
	{                                                                                                    \
		.name = (its_name), .kind = KEY_CHOICE, .offset = (at), .default_json = (the_default),       \
		.choices = (names), .help = (text)                                                           \
	}
#define RULE_COUNT(its_name, at, the_default, text)                                                          \
	{                                                                                                    \
		.name = (its_name), .kind = KEY_INT, .offset = (at), .default_json = (the_default),          \
		.lowest = 1, .highest = 1000000, .help = (text)                                              \
	}
#define RULE_POSITIVE(its_name, at, the_default, text)                                                       \
	{                                                                                                    \
		.name = (its_name), .kind = KEY_REAL, .offset = (at), .default_json = (the_default),         \
		.lowest = 0, .highest = INFINITY, .above = true, .help = (text)                              \
	}

#endif
