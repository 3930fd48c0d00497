/*
 * `bench_net --train FILE.json`: an experiment over nodes, one worker a node. Every run takes the topology
 * that suits its rule best.
 */
#ifndef SIGNSGD_TESTS_NETLAB_TRAINING_H
#define SIGNSGD_TESTS_NETLAB_TRAINING_H

#include "cmd/ui/cmd.h"
#include "experiment/experiment.h"
#include "tests/netlab/format.h"
#include "tests/netlab/nodes.h"

struct training {
	const char *program; /* signsgd's file */
	const struct runs *runs;
	bool overwrite;
	enum net_format format;
};

/* Can these runs be trained on one set of nodes? -1 and a sentence. */
int training_check(const struct runs *r, struct err *e);

/*
 * Within the nodes: one run after the other. Then a table: when each first reached the accuracy that all
 * reached, and what a step took; as JSON the lines of `signsgd train` instead. The exit code.
 */
int training_run(const struct training *t, const struct net_nodes *h);

#endif
