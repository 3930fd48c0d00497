/*
 * What a transport between processes is told about its place: where the other side is, who may connect, and
 * what is run. Everything is borrowed, and must stay for as long as the transport is open.
 */
#ifndef SIGNSGD_TRANSPORT_ZMQ_ENDPOINT_H
#define SIGNSGD_TRANSPORT_ZMQ_ENDPOINT_H

#include <signal.h>
#include <stdbool.h>
#include "transport/keys/keyring.h"

/* How the two sides authenticate each other. */
enum endpoint_trust {
	/* CURVE: traffic is encrypted, and each side proves that it holds its secret key. For everything that
	 * crosses machines. */
	ENDPOINT_KEYS,
	/*
	 * For processes of one run on one machine, over ipc. A worker's token is a secret that was made for
	 * this run and handed to it through a pipe. Nothing is encrypted, because nothing leaves the kernel's
	 * memory, and CURVE would triple the time of a round of 3.2 MB messages (docs/ARCHITECTURE.md).
	 */
	ENDPOINT_TOKENS,
	/*
	 * No authentication and no encryption. A peer becomes the worker whose number it asks for, first
	 * come, first served. For a loopback interface that nobody else can reach.
	 */
	ENDPOINT_OPEN,
};

struct endpoint {
	enum endpoint_trust trust;
	/*
	 * In ZeroMQ's notation: "tcp://0.0.0.0:5555", "tcp://127.0.0.1:*" (any free port),
	 * "ipc:///some/path", "ipc://@name" (an abstract name, not in the file system). A server listens
	 * here, a client connects to it.
	 */
	const char *address;
	/* Server: the public keys of all workers, and its own pair. Client: the server's public key.
	 * ENDPOINT_OPEN: NULL. */
	const struct keyring *ring;

	/* Server only. */
	const char *settings;      /* JSON text that every worker gets; its SHA-256 identifies the run */
	const char *const *shards; /* [n_shards] addresses of the other shards (shard.h), for workers too */
	int n_shards;
	bool collect; /* clients save and stop with the server (`train`) instead of outliving it */

	/* Client only. */
	int count;                           /* workers of this client */
	const struct curve_key *const *keys; /* [count] each with its secret. ENDPOINT_OPEN: NULL */
	double patience_s;                   /* how long to go on without a connection to the server */
	const volatile sig_atomic_t *stop;   /* not 0: give up joining. Or NULL */
};

#endif
