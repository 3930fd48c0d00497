/* What keyring.c and keyring_file.c share; for these two only. */
#ifndef SIGNSGD_TRANSPORT_KEYS_KEYRING_INTERNAL_H
#define SIGNSGD_TRANSPORT_KEYS_KEYRING_INTERNAL_H

#include "transport/keys/keyring.h"

/* Make a new pair. */
void curve_pair(struct curve_key *k);

/* Is it a key's text, CURVE_TEXT characters of Z85? */
bool curve_text_holds(const char *text);

/* Does the secret, if there is one, belong to the public key? */
bool curve_pair_holds(const struct curve_key *k);

/* The order of a ring. */
int curve_order(const struct curve_key *a, const struct curve_key *b);

#endif
