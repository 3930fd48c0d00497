/*
 * Messages of kind MESSAGE_CODED: bytes of a row's own, in memory of the host. A message begins with its
 * whole length in bytes, as a uint32, little endian, so that it can have another length in every step.
 *
 * What a peer sent is first checked by refuses(); floats() is called only for what has passed. Both see the
 * same state and layers as encode(), and neither allocates. `layers` is NULL where none are known.
 */
#ifndef SIGNSGD_COMPRESSOR_CODE_H
#define SIGNSGD_COMPRESSOR_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "compressor/layers.h"

enum { CODE_LENGTH_BYTES = sizeof(uint32_t) /* what every coded message begins with */ };

struct message_code {
	/* The most bytes that a message of n coordinates has, with its length. SIZE_MAX stands for more. */
	size_t (*most)(const void *state, const struct layers *layers, size_t n);
	/*
	 * message [bytes] of a peer: NULL if encode() can have written it, else what is wrong with it, as the
	 * end of a sentence that begins with "its message". Any bytes may be there, and any number of them.
	 */
	const char *(*refuses)(const void *state, const struct layers *layers, size_t n, const void *message,
	                       size_t bytes);
	/* Are messages of one kind of different lengths? NULL: never, all have the most. */
	bool (*varies)(const void *state);
	/* What a message that was checked says: out [n], memory of the host. */
	void (*floats)(const void *state, const struct layers *layers, size_t n, const void *message,
	               float *out);
};

/* The length that a message says it has; at least CODE_LENGTH_BYTES of it are there. */
static inline uint32_t code_length(const void *message)
{
	const unsigned char *at = (const unsigned char *)message;
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline void code_set_length(void *message, size_t bytes)
{
	unsigned char *at = (unsigned char *)message;
	for (int i = 0; i < CODE_LENGTH_BYTES; i++)
		at[i] = (unsigned char)(bytes >> 8 * i);
}

#endif
