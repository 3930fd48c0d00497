/* Starting this program on hosts (tests/netlab/nodes.h), by itself or as the ranks of one MPI job. */
#ifndef SIGNSGD_TESTS_NETLAB_START_H
#define SIGNSGD_TESTS_NETLAB_START_H

#include <stdbool.h>
#include "tests/netlab/nodes.h"

enum { NET_SAID_BYTES = 1 << 16 };

/*
 * Start argv on a host and wait for its end. What it says on standard output goes to `said`, cut at its end,
 * and the last line of what it complains about into the sentence; said = NULL: both go where ours go.
 */
int net_ask(const struct net_nodes *h, int node, const char *const argv[], char said[NET_SAID_BYTES],
            struct err *e);

/* The same of mpirun on host 0, with one rank on each of the hosts from .. to; argv is what they all run. */
int net_mpirun(const struct net_nodes *h, int from, int to, const char *const argv[],
               char said[NET_SAID_BYTES], struct err *e);

#endif
