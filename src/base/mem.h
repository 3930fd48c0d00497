/*
 * Memory. Out of memory dies here and nowhere else. Arrays of numbers are aligned to 64 bytes, the
 * widest vector register, and start as zero.
 *
 * An arena owns many small things that live equally long (the strings and lists of one experiment):
 * arena_alloc() never fails, arena_clear() frees all of it.
 */
#ifndef SIGNSGD_BASE_MEM_H
#define SIGNSGD_BASE_MEM_H

#include <stddef.h>

/* Zeroed memory; dies when there is none. bytes may be 0. Free with mem_free(). */
void *mem_alloc(size_t bytes);
/* count * size bytes, zeroed, aligned to 64; dies on overflow. Free with mem_free(). */
void *mem_array(size_t count, size_t size);
/* Grow or shrink memory of mem_alloc() (not mem_array()); the new part is not zeroed. */
void *mem_resize(void *old, size_t bytes);
char *mem_string(const char *text);
char *mem_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void mem_free(void *p);

struct arena {
	struct arena_block *last;
};

void *arena_alloc(struct arena *a, size_t bytes); /* zeroed, aligned to 16 */
char *arena_string(struct arena *a, const char *text);
char *arena_format(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_clear(struct arena *a);

/* A text that grows. `text` is always terminated; NULL before the first addition. Free with buf_clear(). */
struct buf {
	char *text;
	size_t length, size;
};

void buf_add(struct buf *b, const char *text);
void buf_bytes(struct buf *b, const void *bytes, size_t count);
void buf_format(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_clear(struct buf *b);

#endif
