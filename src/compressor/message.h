/* What a message says of each coordinate: a worker's message, and the server's answer too. */
#ifndef SIGNSGD_COMPRESSOR_MESSAGE_H
#define SIGNSGD_COMPRESSOR_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include "compressor/code.h"
#include "compressor/layers.h"

enum message_kind {
	MESSAGE_FLOATS, /* float32 [n] */
	MESSAGE_SIGNS,  /* planes of backend/sign.h */
	/*
	 * A vote plane, then `scales` float32 for each range that has its own: 1, what each sign is
	 * multiplied by; or 2, what a coordinate is where its sign is +, and what it is where it is -. In one
	 * piece.
	 */
	MESSAGE_SCALED,
	MESSAGE_CODED /* a code (compressor/code.h), in memory of the host. In one piece */
};

/* Sets of kinds: 1 << kind. */
enum {
	TAKES_FLOATS = 1 << MESSAGE_FLOATS,
	TAKES_SIGNS = 1 << MESSAGE_SIGNS,
	TAKES_SCALED = 1 << MESSAGE_SCALED,
	TAKES_CODED = 1 << MESSAGE_CODED,
	TAKES_VECTORS = TAKES_FLOATS | TAKES_SCALED | TAKES_CODED /* what says any vector, if not exactly */
};

struct message {
	enum message_kind kind;
	bool abstains; /* MESSAGE_SIGNS: an abstain plane follows the vote plane */
	/* MESSAGE_SCALED: */
	int scales; /* of each range: 1 or 2 */
	const struct layers
	        *scope; /* the ranges that have scales of their own; NULL: one, the whole vector */
	/* MESSAGE_CODED: how it is read, with the values of the row's keys, and the layers that it knows. */
	const struct message_code *code;
	const void *state;
	const struct layers *layers;
};

/* Bytes of n coordinates; of a code, the most. */
size_t message_bytes(const struct message *m, size_t n);

/* Has a message another length from step to step? message_bytes() is then the most. */
bool message_varies(const struct message *m);

/* Sign planes (backend/sign.h) that a message begins with. Whole floats follow, if anything does. */
int message_planes(const struct message *m);

/* Floats behind the planes of MESSAGE_SCALED. */
size_t message_scales(const struct message *m);

/* Bits of a coordinate in each plane; the size of a message gives the number of planes. 0: it is one piece.
 */
int message_bits(const struct message *m);

#endif
