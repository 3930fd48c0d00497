/*
 * What a transport between processes must be told of its place: where the other side is, who may speak, and
 * what is run. Everything is borrowed, and must stay for as long as the transport is open.
 */
#ifndef SIGNSGD_TRANSPORT_ZMQ_ENDPOINT_H
#define SIGNSGD_TRANSPORT_ZMQ_ENDPOINT_H

#include <signal.h>
#include <stdbool.h>
#include "transport/keys/keyring.h"

/* How the two sides know each other. */
enum endpoint_trust {
	/* CURVE: encrypted, each side proves that it holds its secret. For everything that crosses machines.
	 */
	ENDPOINT_KEYS,
	/*
	 * Between processes of one start on one machine, over ipc: the throw-away secret of a worker, which
	 * it was handed through a pipe, is its token. Nothing leaves the kernel's memory, so nothing is
	 * encrypted: CURVE would triple the time of a round of 3.2 MB messages (docs/ARCHITECTURE.md).
	 */
	ENDPOINT_TOKENS,
	/*
	 * Nobody proves anything and nothing is encrypted; whoever connects gets the worker's number it asks
	 * for, first come, first served. For a loopback interface that only oneself can reach.
	 */
	ENDPOINT_OPEN,
};

struct endpoint {
	enum endpoint_trust trust;
	/*
	 * ZeroMQ's notation: "tcp://0.0.0.0:5555", "tcp://127.0.0.1:*" (any free port), "ipc:///some/path",
	 * "ipc://@name" (on no disk). A server listens here, a host connects to it.
	 */
	const char *address;
	/* Server: the keys of all workers, and its own pair. Host: the server's public key. ENDPOINT_OPEN:
	 * NULL.
	 */
	const struct keyring *ring;

	/* Server only. */
	const char *settings;      /* JSON text that every worker gets; its SHA-256 names the run */
	const char *const *shards; /* [n_shards] where the servers of the other parts of the coordinates are
	                              (shard.h); workers connect there too */
	int n_shards;
	bool collect; /* hosts save and stop with the server (`train`), instead of outliving it */

	/* Host only. */
	int count;                           /* workers to host */
	const struct curve_key *const *keys; /* [count] each with its secret. ENDPOINT_OPEN: NULL */
	double patience_s;                   /* without a connection to the server before giving up */
	const volatile sig_atomic_t *stop;   /* not 0: give up joining. Or NULL */
};

#endif
