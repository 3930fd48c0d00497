/* What a message says of each coordinate: a worker's message, and the server's answer too. */
#ifndef SIGNSGD_COMPRESSOR_MESSAGE_H
#define SIGNSGD_COMPRESSOR_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

enum message_kind {
	MESSAGE_FLOATS, /* float32 [n] */
	MESSAGE_SIGNS,  /* planes of backend/sign.h */
	MESSAGE_SCALED  /* a vote plane, then a float32: what each sign is multiplied by. In one piece */
};

/* Sets of kinds: 1 << kind. */
enum {
	TAKES_FLOATS = 1 << MESSAGE_FLOATS,
	TAKES_SIGNS = 1 << MESSAGE_SIGNS,
	TAKES_SCALED = 1 << MESSAGE_SCALED,
	TAKES_VECTORS = TAKES_FLOATS | TAKES_SCALED /* what says any vector, if not exactly */
};

struct message {
	enum message_kind kind;
	bool abstains; /* MESSAGE_SIGNS: an abstain plane follows the vote plane */
};

/* Bytes of n coordinates. */
size_t message_bytes(const struct message *m, size_t n);

/* Sign planes (backend/sign.h) that a message begins with. Whole floats follow, if anything does. */
int message_planes(const struct message *m);

/* Bits of a coordinate in each plane; the size of a message gives the number of planes. 0: it is one piece.
 */
int message_bits(const struct message *m);

#endif
