/* `signsgd bench net --train FILE.json`: an experiment over hosts, each of its runs the best way for its
 * rule. */
#ifndef SIGNSGD_TESTS_NETLAB_BENCH_NET_TRAIN_H
#define SIGNSGD_TESTS_NETLAB_BENCH_NET_TRAIN_H

#include "cmd/ui/cmd.h"
#include "experiment/experiment.h"
#include "tests/netlab/nodes.h"

struct net_training {
	const struct net_nodes *nodes;
	const char *program;
	const struct runs *runs;
	const struct args *args; /* --out, --overwrite, --json */
};

/* Can these runs be trained on one set of hosts? -1 and a sentence. */
int bench_net_train_check(const struct runs *r, struct err *e);

/* Within the hosts: one run after the other. The exit code. */
int bench_net_train(const struct net_training *t);

#endif
