/*
 * Weighted votes: the answer is the sign of the sum of the voters' signs, each times a weight that the server
 * learns from how often the voter has agreed with the answers so far. Messages and answers are signs; weights
 * never travel. The server remembers, of every worker m and of all, one layer or one coordinate,
 *
 *   c  <- rho c + 1     after each round in which the worker was counted
 *   a  <- rho a + (1 + s answer) / 2, the mean over the coordinates that share a weight
 *
 * so that p = a / c is its share of agreement: 1 where sign and answer are the same, 0 where not, and 1/2
 * where one of them abstains, which says nothing for or against it. The weight of the next round is
 *
 *   w = ln((p + e) / (1 - p + e)), at most w_max in size; 1 while c = 0
 *
 * Without a sum, |sum| <= 1e-12 sum over m of |w|, the policy `tie` decides, with the coins that `vote` has.
 * The answer counts as it was sent, coins too. Sums over workers run in their order, in double; agreement is
 * counted in integers. So bits depend neither on lanes nor on how processes share the coordinates. A worker
 * that is not counted in a round keeps its a and c.
 *
 * Source: Park, Lee, "SignSGD with Federated Defense", ICML 2024 (arXiv 2402.01340), and Park, Poor, Lee 2024
 * (arXiv 2403.16372).
 */
#ifndef SIGNSGD_AGGREGATOR_WEIGHTED_H
#define SIGNSGD_AGGREGATOR_WEIGHTED_H

#include "aggregator/rule_run.h"

/* What shares a weight of a worker; order of WEIGHTED_LEVEL_NAMES. */
enum weighted_level { WEIGHTED_WORKER, WEIGHTED_LAYER, WEIGHTED_COORDINATE };

#define WEIGHTED_LEVEL_NAMES ((const char *const[]){"worker", "layer", "coordinate", NULL})

/* The state of every row with a weighing. */
struct weighted_keys {
	int weights; /* enum weighted_level */
	int tie;     /* enum sign_policy */
	double rho, e, w_max;
	int64_t initial_rounds;
};

/* How a row weighs in the initial rounds. */
struct weighing {
	bool at_once; /* one weight a worker from its second round on; false: all are 1, as in `vote` */
};

/* Has the answer an abstain plane? struct aggregator. */
bool weighted_abstains(const void *state);

/* As in rule_run.h, for rows with a weighing. */
struct rule_memory weighted_memory(const struct rule_size *size);
size_t weighted_bytes(const struct rule_size *size);
void weighted_open(struct rule_run *r);
void weighted_close(struct rule_run *r);
enum meeting_end weighted_meet(struct rule_run *r, const struct meeting *m, struct err *e);

#endif
