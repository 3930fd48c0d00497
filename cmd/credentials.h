/* What `serve` and `work` share: keys, and when it may be without. */
#ifndef SIGNSGD_CMD_CREDENTIALS_H
#define SIGNSGD_CMD_CREDENTIALS_H

#include "cmd/ui/cmd.h"
#include "transport/keys/keyring.h"
#include "transport/zmq/endpoint.h"

/* clang-format off */
/* For the top of an option table. */
#define ENDPOINT_OPTIONS                                                                                  \
	{"keys", "DIR", "folder with keys ('signsgd help keys'); -: on standard input"},              \
	{"insecure", "[=yes-i-know]", "no keys, nothing encrypted; on loopback unless =yes-i-know"}
/* clang-format on */

/* Keys, and where they came from, for sentences. */
struct endpoint_ring {
	struct keyring keys;
	const char *place;
};

/* How the two sides are to know each other at this address. -1 and a sentence where that is not safe. */
int endpoint_trust(const struct args *a, const char *address, enum endpoint_trust *out, struct err *e);

/* The keys of --keys. -1 and a sentence. Free with endpoint_ring_close(), also after -1. */
int endpoint_ring_open(struct endpoint_ring *r, const struct args *a, struct err *e);
void endpoint_ring_close(struct endpoint_ring *r);

#endif
