/* Starting programs on nodes (tests/netlab/nodes.h), one alone or as the ranks of one MPI job. */
#ifndef SIGNSGD_TESTS_NETLAB_START_H
#define SIGNSGD_TESTS_NETLAB_START_H

#include <stdbool.h>
#include "tests/netlab/nodes.h"

enum { NET_SAID_BYTES = 1 << 16 };

/*
 * Start argv on a node and wait for its end. Its standard output goes to `said`, cut at NET_SAID_BYTES - 1;
 * the last line of its standard error goes into the sentence where it fails. said = NULL: both go where ours
 * go.
 */
int net_ask(const struct net_nodes *h, int node, const char *const argv[], char said[NET_SAID_BYTES],
            struct err *e);

/* The same of mpirun on node 0, with one rank on each of the nodes from .. to; argv is what they all run. */
int net_mpirun(const struct net_nodes *h, int from, int to, const char *const argv[],
               char said[NET_SAID_BYTES], struct err *e);

#endif
