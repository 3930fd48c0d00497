/* What the parts of the engine share: rule_open.c is before any step, rule_facts.c what is known then,
 * rule_run.c decides, rule_chunk.c works on coordinates, rule_machine.c has a machine do that. */
#ifndef SIGNSGD_AGGREGATOR_RULE_INTERNAL_H
#define SIGNSGD_AGGREGATOR_RULE_INTERNAL_H

#include "aggregator/rule_run.h"

enum {
	RULE_CHUNK = RULES_CHUNK,     /* coordinates of all rows that stay in a near cache */
	RULE_STRIDE = RULE_CHUNK + 8, /* of rows: no power of two, which would share lines of the cache */
	RULE_RANGE = 32 * RULE_CHUNK, /* coordinates that a lane combines at a time */
	RULE_WITHHELD_MOST = 1024,
};

/* A pre-aggregator, or the rule itself, which is the last stage. */
struct rule_stage {
	const char *name;
	const struct rule *rule;
	const void *state;
};

/* Scratch of a lane: chunks of rows. */
struct rule_lane {
	float *seen;     /* [workers + 1][RULE_STRIDE] for what cannot be read where it is */
	const float **x; /* [workers + 1] messages by place in the meeting; the memory */
	/* [workers + RULE_EXTRA_ROWS + 1][RULE_STRIDE] rows of the present stage; behind them the trusted one
	 */
	double *y;
	double *sorted;      /* [workers][RULE_STRIDE] */
	float *exchanged;    /* [workers][RULE_STRIDE] messages being sorted */
	double *column;      /* [2][workers] */
	const double **row;  /* [workers + RULE_EXTRA_ROWS] the rows of the present stage */
	double *weight;      /* [workers + 1] those of a mixture that are not 0 */
	const float **mixed; /* [workers + 1] what has them */
};

struct rule_engine {
	int stages;
	struct rule_stage *stage;     /* [stages] */
	struct rule_lane *lane;       /* [lanes] */
	struct rule_machine *machine; /* rule_machine.c; NULL: the host does it all */
	double *zeros;                /* [RULE_CHUNK] the origin */
	/* The messages that count, by place; behind stages: n sums of them, of which f may be Byzantine. */
	int n_alive, n, f;
	int *alive;         /* [workers] */
	bool identity;      /* no stage has mixed yet: row i is message alive[i] */
	double *mix, *next; /* [workers][columns] weights of messages, by place, and of the memory */
	int columns;        /* count + 1 */
	/* Of the present scan: */
	bool pairs;                             /* all distances; else those of the messages from `other` */
	int others, other[RULE_EXTRA_ROWS + 1]; /* rows: see RULE_FROM_OTHERS */
	bool products;                          /* and the inner products of the messages */
	struct rule_view view;                  /* n, rows, extra, d, p */
	size_t each;                            /* sums of a block */
	double *sums;                           /* [blocks][each] */
	double *d;                              /* [rows][rows] */
	double *p;                              /* [workers][workers] */
	double *w, *scratch, *squares;          /* of plans */
	uint32_t *order;                        /* [workers] */
	int *bucket;
	double *scores; /* [workers] of the stage's rows */
	bool *chosen;
	bool *keep;                        /* [rows] is it finite? */
	double *scores_by_place, *weights; /* [workers] */
	bool *chosen_by_place, *removed;
	int *bucket_by_place;
	char withheld[RULE_WITHHELD_MOST];
};

/* One step of one run. */
struct rule_step {
	struct rule_run *run;
	struct rule_engine *engine;
	const struct meeting *meeting;
};

/* The rule itself, behind all that stands before it. */
static inline const struct rule_stage *rule_last(const struct rule_engine *g)
{
	return &g->stage[g->stages - 1];
}

/* The row from which the products are seen: see struct rule. */
static inline int rule_centre(const struct rule_view *v)
{
	return v->extra[v->extra[RULE_MEMORY] >= 0 ? RULE_MEMORY : RULE_MEDIAN];
}

static inline size_t rule_pairs(size_t rows)
{
	return rows * (rows - 1) / 2;
}

/* How many stages the chain has, and stage i; the last one is the rule itself. */
int rule_stages(const void *state);
struct rule_stage rule_stage_of(const struct aggregator *agg, const void *state, int i);
/* A stage's precondition on n vectors. Where it has fewer than the messages, the sentence says so. */
int rule_check_stage(const struct rule_stage *st, int messages, int n, int f, struct err *e);
/* How many vectors a stage before the rule makes of n. */
int rule_left(const struct rule_stage *st, int n);
/* Fill in engine->sums of the blocks of this process. */
void rule_scan(struct rule_step *s);
/* Write the coordinates of this process: the answer's by the last stage, then the memory's. */
void rule_combine(struct rule_step *s);
/* The same by kernels, where engine->machine says so. It stays NULL where the machine cannot. */
void rule_machine_open(const struct rule_run *r, struct rule_engine *g);
void rule_machine_close(const struct rule_run *r, struct rule_engine *g);
void rule_machine_scan(const struct rule_step *s);
void rule_machine_combine(const struct rule_step *s);

#endif
