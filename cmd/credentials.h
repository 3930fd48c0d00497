/* The keys of `serve`, `shard` and `work`, and when a command may go without. */
#ifndef SIGNSGD_CMD_CREDENTIALS_H
#define SIGNSGD_CMD_CREDENTIALS_H

#include "cmd/ui/cmd.h"
#include "transport/keys/keyring.h"
#include "transport/zmq/endpoint.h"

/* clang-format off */
/* For the top of an option table. */
#define CREDENTIALS_OPTIONS                                                                     \
	{"keys", "DIR", "folder with keys ('signsgd help keys'); -: on standard input"},        \
	{"insecure", "[=yes-i-know]", "no keys, nothing encrypted; on loopback unless =yes-i-know"}
/* clang-format on */

/* Keys, and the place where they were found, for sentences. */
struct credentials {
	struct keyring keys;
	const char *place; /* borrowed */
};

/* Is it an address, "tcp://HOST:PORT" or "ipc://PATH"? -1 and a sentence that says what is missing. */
int credentials_address(const char *address, struct err *e);

/*
 * How the two sides know each other at this address, by the options --keys and --insecure. -1 and a sentence
 * where that would not be safe.
 */
int credentials_trust(const struct args *a, const char *address, enum endpoint_trust *out, struct err *e);

/* The keys of --keys. -1 and a sentence. Free with credentials_close(), also after -1. */
int credentials_open(struct credentials *r, const struct args *a, struct err *e);
void credentials_close(struct credentials *r);

#endif
