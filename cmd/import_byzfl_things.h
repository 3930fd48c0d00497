/* Parts of import_byzfl(), for import_byzfl*.c only. Each returns -1 and a sentence in m->e. */
#ifndef SIGNSGD_CMD_IMPORT_BYZFL_THINGS_H
#define SIGNSGD_CMD_IMPORT_BYZFL_THINGS_H

#include <stdbool.h>
#include "cmd/import_give.h"

/* A parameter of theirs. */
struct byzfl_param {
	const char *theirs, *ours; /* ours NULL: it is said that there is none */
	const char *usual;         /* what it is there where it is not given, as JSON */
};

/* A name of theirs with its parameters. */
struct byzfl_name {
	const char *theirs, *ours;            /* ours NULL: there is none */
	const char *fixed;                    /* members that it always has here, as JSON; or NULL */
	const struct byzfl_param *parameters; /* ends with one without a name; NULL: none */
	const char *says;                     /* what is otherwise here; or NULL */
	bool plain;                           /* of aggregators: takes no f and nothing before it */
	bool trusts;                          /* of aggregators: one worker, by number */
	bool own;                             /* of attacks: Byzantine workers need data of their own */
};

/* Each ends with one without a name. */
extern const struct byzfl_name byzfl_aggregators[], byzfl_pre_aggregators[], byzfl_attacks[],
        byzfl_partitions[], byzfl_models[], byzfl_data[];

/* The row of that name. NULL and a sentence at `value` where there is none, or none of ours. `what` it is,
 * for the sentence. */
const struct byzfl_name *byzfl_find(const struct byzfl_name *names, const struct json *value,
                                    const char *what, struct err *e);

/* Our key from a name of theirs, or several, each with every one of the tails, which are members behind a
 * comma (NULL ends them). */
int byzfl_give_names(struct import *m, const char *key, const struct byzfl_name *names,
                     const struct json *given, const char *what, const char *const *tails);

int byzfl_give_partition(struct import *m, struct json *config);

/* The aggregators and what comes before them. tolerated: the numbers that they are told; NULL: as many as
 * there are. The workers are given. */
int byzfl_give_rules(struct import *m, const struct json *tolerated);

int byzfl_give_attacks(struct import *m);

#endif
