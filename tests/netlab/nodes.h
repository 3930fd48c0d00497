/*
 * Nodes: network namespaces of this machine that play machines, each with a link of a given rate to one
 * switch. For measuring a transport where bytes cost what they cost between machines.
 *
 * The layout: one namespace is the switch (a bridge); each node has a namespace of its own and a veth pair to
 * the switch, with a token bucket (tc tbf) at both ends, so that both directions have the rate. Node i has
 * the address 10.77.0.(i+1) and the name hI; different names are what makes MPI use TCP between them.
 *
 * All of it, and every process that runs on a node, lives in namespaces of a child of this program (process
 * ids, network, mounts). When that child ends, for whatever reason, the kernel removes everything. The
 * system's own interfaces are never touched. Needs root and `ip`, `tc` (iproute2), `nsenter` (util-linux),
 * for losses `nft` (nftables), for a latency /dev/net/tun.
 */
#ifndef SIGNSGD_TESTS_NETLAB_NODES_H
#define SIGNSGD_TESTS_NETLAB_NODES_H

#include <sys/types.h>
#include "base/err.h"

enum { NET_NODES_MOST = 200, NET_ADDRESS_BYTES = 24 };

struct net_plan {
	int count;          /* nodes */
	double rate;        /* bits a second, each direction */
	double server_rate; /* of node 0 */
	double latency_s;   /* one way; above 0 the switch is a process (tests/netlab/switch.h) instead of a
	                       bridge */
	double loss;        /* share of the packets that each node loses on the way in, 0 to 1 */
};

struct net_nodes {
	int count;
	struct net_node {
		pid_t holder;                    /* keeps the namespaces */
		char address[NET_ADDRESS_BYTES]; /* "10.77.0.1" */
	} at[NET_NODES_MOST];
};

/* A folder of the nodes' own, in memory; the same on all of them, and gone with them. */
#define NET_FOLDER "/dev/shm"

#define NET_SUBNET "10.77.0.0/24"

/* The name that node 0 has on itself. */
#define NET_SERVER_NAME "h0"

/* A program for mpirun's plm_rsh_agent: runs a command on the node with that address. */
#define NET_AGENT NET_FOLDER "/agent"

/*
 * Make the nodes in a child, call inside() there, take everything down. Returns what inside() returned, from
 * 0 to 255. -1 and a sentence: the nodes cannot be had here; inside() was not called.
 */
int net_nodes_run(const struct net_plan *plan, int (*inside)(const struct net_nodes *h, void *ctx), void *ctx,
                  struct err *e);

/* Within inside(): let this process (a fresh child) move to a node. -1 and a sentence. */
int net_nodes_enter(const struct net_nodes *h, int node, struct err *e);

/*
 * Within inside(): start argv on a node. Its standard output goes to out_fd where that is not -1, and its
 * standard error to err_fd. Returns its process; when argv cannot be started that ends with 127.
 */
pid_t net_nodes_start(const struct net_nodes *h, int node, const char *const argv[], int out_fd, int err_fd);

#endif
