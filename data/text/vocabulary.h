/*
 * A vocabulary: texts of bytes, each once, numbered in the order in which they first appeared.
 */
#ifndef SIGNSGD_DATA_TEXT_VOCABULARY_H
#define SIGNSGD_DATA_TEXT_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>

enum { VOCABULARY_MAX = 1 << 24 };

struct vocabulary {
	int32_t count;
	char *bytes; /* of all, one behind the other */
	size_t n_bytes, bytes_capacity;
	size_t *begin;      /* [count + 1] where each begins in `bytes` */
	uint32_t *slot;     /* [slots] number + 1; 0: free */
	size_t slots, size; /* slots: a power of two; room: of begin */
};

/* `v` begins as zeros. */
void vocabulary_clear(struct vocabulary *v);

/* The number of this text, a new one if it was not there; -1 when there are VOCABULARY_MAX already. */
int32_t vocabulary_number(struct vocabulary *v, const void *text, size_t length);

/* The same without adding it: -1 when it is not there. */
int32_t vocabulary_find(const struct vocabulary *v, const void *text, size_t length);

#endif
