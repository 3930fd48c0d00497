/* A vocabulary: different texts (bytes), numbered in the order of their first appearance. */
#ifndef SIGNSGD_DATA_TEXT_VOCABULARY_H
#define SIGNSGD_DATA_TEXT_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>

enum { VOCABULARY_MAX = 1 << 24 };

struct vocabulary {
	int32_t count;
	char *bytes; /* of all texts, one behind the other */
	size_t n_bytes, bytes_capacity;
	size_t *begin;      /* [count + 1] where each begins in `bytes` */
	uint32_t *slot;     /* [slots] number + 1; 0: free */
	size_t slots, size; /* slots: a power of two; size: capacity of begin */
};

/* A vocabulary starts as zeros. */
void vocabulary_clear(struct vocabulary *v);

/* The number of a text; a new text is added. -1 when there are VOCABULARY_MAX already. */
int32_t vocabulary_number(struct vocabulary *v, const void *text, size_t length);

/* The number of a text; -1 when the vocabulary does not have it. */
int32_t vocabulary_find(const struct vocabulary *v, const void *text, size_t length);

#endif
