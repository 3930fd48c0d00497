/* The host's memory, and mirrors: see backend/memory.h. */
#include "backend/memory.h"
#include <string.h>
#include "base/mem.h"

static void *host_alloc(size_t bytes, const char *what)
{
	(void)what;
	return mem_array(bytes, 1);
}

static struct queue *host_queue_open(void)
{
	return NULL;
}

static void host_queue_nothing(HOST_QUEUE)
{
}

static void host_copy(HOST_QUEUE, void *to, const void *from, size_t bytes)
{
	if (to != from && bytes > 0)
		memcpy(to, from, bytes);
}

static void host_fill(HOST_QUEUE, void *to, unsigned char byte, size_t bytes)
{
	if (bytes > 0)
		memset(to, byte, bytes);
}

void *memory_host_alloc(size_t bytes)
{
	return mem_array(bytes, 1);
}

struct mark *memory_no_mark(void)
{
	return NULL;
}

void memory_mark_nothing(struct mark *m)
{
	(void)m;
}

void memory_mark_queue_nothing(struct queue *q, struct mark *m)
{
	(void)q, (void)m;
}

bool memory_mark_reached(struct mark *m)
{
	(void)m;
	return true;
}

const struct memory memory_host = {
        .host = true,
        .alloc = host_alloc,
        .release = mem_free,
        .queue_open = host_queue_open,
        .queue_close = host_queue_nothing,
        .upload = host_copy,
        .download = host_copy,
        .send = host_copy,
        .bring = host_copy,
        MEMORY_WITHOUT_MARKS,
        .copy = host_copy,
        .fill = host_fill,
        .finish = host_queue_nothing,
};

void *memory_mirror(const struct memory *m, void *at, size_t bytes)
{
	return m->host || !at ? at : mem_array(bytes, 1);
}

void memory_mirror_free(const struct memory *m, void *mirror)
{
	if (!m->host)
		mem_free(mirror);
}

void *memory_mirror_moving(const struct memory *m, void *at, size_t bytes)
{
	return m->host || !at ? at : m->host_alloc(bytes);
}

void memory_mirror_moving_free(const struct memory *m, void *mirror)
{
	if (!m->host)
		m->host_release(mirror);
}

const void *memory_see(const struct memory *m, struct queue *q, const void *at, size_t bytes, void *scratch)
{
	if (m->host)
		return at;
	m->download(q, scratch, at, bytes);
	return scratch;
}

void *memory_scratch(const struct memory *m, size_t bytes)
{
	return m->host ? NULL : mem_array(bytes, 1);
}

const void *memory_give(const struct memory *m, struct queue *q, void *at, const void *from, size_t bytes)
{
	if (m->host)
		return from;
	m->upload(q, at, from, bytes);
	return at;
}

double memory_number(const struct memory *m, struct queue *q, const double *at)
{
	double number;
	m->download(q, &number, at, sizeof number);
	return number;
}
