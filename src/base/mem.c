/* Memory that is there or the program ends; arenas; growing texts. */
#include "base/mem.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

enum { ARRAY_ALIGN = 64, ARENA_ALIGN = 16, ARENA_BLOCK = 4096, BUF_FIRST = 256 };

/* One stretch of an arena. The blocks form a list from the newest to the oldest. */
struct arena_block {
	struct arena_block *before;
	size_t used, size;
	alignas(ARENA_ALIGN) char bytes[]; /* [size] */
};

static void *or_die(void *p, size_t bytes)
{
	if (!p)
		die("memory: the system refused %zu bytes", bytes);
	return p;
}

static size_t sum_or_die(size_t a, size_t b)
{
	if (a > SIZE_MAX - b)
		die("memory: %zu + %zu bytes are more than can be addressed", a, b);
	return a + b;
}

void *mem_alloc(size_t bytes)
{
	return or_die(calloc(1, bytes ? bytes : 1), bytes);
}

void *mem_array(size_t count, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX - ARRAY_ALIGN)
		die("memory: an array of %zu elements of %zu bytes is more than can be addressed", count,
		    size);
	size_t whole = (bytes + ARRAY_ALIGN - 1) / ARRAY_ALIGN * ARRAY_ALIGN;
	if (whole == 0)
		whole = ARRAY_ALIGN;
	void *p = or_die(aligned_alloc(ARRAY_ALIGN, whole), whole);
	return memset(p, 0, whole);
}

void *mem_resize(void *old, size_t bytes)
{
	return or_die(realloc(old, bytes ? bytes : 1), bytes);
}

char *mem_string(const char *text)
{
	size_t bytes = strlen(text) + 1;
	return memcpy(mem_alloc(bytes), text, bytes);
}

/* Characters that the format gives, without the terminator. Leaves ap usable. */
__attribute__((format(printf, 1, 0))) static size_t format_length(const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int length = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (length < 0)
		BUG("a text's format cannot be printed");
	return (size_t)length;
}

char *mem_format(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	size_t size = format_length(fmt, ap) + 1;
	char *text = mem_alloc(size);
	vsnprintf(text, size, fmt, ap);
	va_end(ap);
	return text;
}

void mem_free(void *p)
{
	free(p);
}

static void arena_grow(struct arena *a, size_t bytes)
{
	size_t size = bytes > ARENA_BLOCK ? bytes : ARENA_BLOCK;
	struct arena_block *b = mem_alloc(sum_or_die(sizeof(*b), size));
	b->before = a->last;
	b->size = size;
	a->last = b;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
	size_t whole = sum_or_die(bytes, ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
	if (whole == 0)
		whole = ARENA_ALIGN;
	if (!a->last || a->last->size - a->last->used < whole)
		arena_grow(a, whole);
	void *p = a->last->bytes + a->last->used;
	a->last->used += whole;
	return p;
}

char *arena_string(struct arena *a, const char *text)
{
	size_t bytes = strlen(text) + 1;
	return memcpy(arena_alloc(a, bytes), text, bytes);
}

char *arena_format(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	size_t size = format_length(fmt, ap) + 1;
	char *text = arena_alloc(a, size);
	vsnprintf(text, size, fmt, ap);
	va_end(ap);
	return text;
}

void arena_clear(struct arena *a)
{
	while (a->last) {
		struct arena_block *before = a->last->before;
		mem_free(a->last);
		a->last = before;
	}
}

/* Room for `more` characters and the terminator after what is there; doubling keeps additions cheap. */
static void buf_reserve(struct buf *b, size_t more)
{
	size_t need = sum_or_die(sum_or_die(b->length, more), 1);
	if (need <= b->size)
		return;
	size_t size = b->size ? sum_or_die(b->size, b->size) : BUF_FIRST;
	b->size = need > size ? need : size;
	b->text = mem_resize(b->text, b->size);
}

void buf_bytes(struct buf *b, const void *bytes, size_t count)
{
	buf_reserve(b, count);
	if (count)
		memcpy(b->text + b->length, bytes, count);
	b->length += count;
	b->text[b->length] = '\0';
}

void buf_add(struct buf *b, const char *text)
{
	buf_bytes(b, text, strlen(text));
}

void buf_format(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	size_t length = format_length(fmt, ap);
	buf_reserve(b, length);
	vsnprintf(b->text + b->length, length + 1, fmt, ap);
	va_end(ap);
	b->length += length;
}

void buf_clear(struct buf *b)
{
	mem_free(b->text);
	*b = (struct buf){0};
}
