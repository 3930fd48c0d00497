/* What `serve` and `work` share: keys, and when it may be without. */
#ifndef SIGNSGD_CMD_CREDENTIALS_H
#define SIGNSGD_CMD_CREDENTIALS_H

#include "cmd/ui/cmd.h"
#include "transport/keys/keyring.h"
#include "transport/zmq/endpoint.h"

/* clang-format off */
/* For the top of an option table. */
#define SITE_OPTIONS                                                                                  \
	{"keys", "DIR", "folder with keys ('signsgd help keys'); -: on standard input"},              \
	{"insecure", "[=yes-i-know]", "no keys, nothing encrypted; on loopback unless =yes-i-know"}
/* clang-format on */

/* Keys, and where they came from, for sentences. */
struct site_ring {
	struct keyring keys;
	const char *place;
};

/* How the two sides are to know each other at this address. -1 and a sentence where that is not safe. */
int site_trust(const struct args *a, const char *address, enum site_trust *out, struct err *e);

/* The keys of --keys. -1 and a sentence. Free with site_ring_close(), also after -1. */
int site_ring_open(struct site_ring *r, const struct args *a, struct err *e);
void site_ring_close(struct site_ring *r);

#endif
