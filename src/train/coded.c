/* Majorities over parts of the data: see coded.h. */
#include "train/coded.h"
#include "backend/memory.h"
#include "backend/sign.h"

void coded_open(struct coded *c, const struct backend *be, size_t n)
{
	c->sum = be->memory->alloc(n * sizeof *c->sum, "sum of signs");
	c->vote = be->memory->alloc(sign_plane_bytes(n), "signs of a gradient");
	c->silent = be->memory->alloc(sign_plane_bytes(n), "signs of a gradient");
}

void coded_close(struct coded *c, const struct backend *be)
{
	be->memory->release(c->sum);
	be->memory->release(c->vote);
	be->memory->release(c->silent);
}

size_t coded_bytes(size_t n)
{
	return n * sizeof(float) + 2 * sign_plane_bytes(n);
}

void coded_add(const struct coded *c, const struct backend *be, struct queue *q, size_t n, bool first,
               const float *g)
{
	be->sign_pack(q, n, g, SIGN_ABSTAIN, NULL, 0, c->vote, c->silent);
	if (first)
		be->sign_unpack(q, n, c->vote, c->silent, c->sum);
	else
		be->sign_apply(q, n, c->vote, c->silent, -1, 0, c->sum); /* a step of rate -1 adds them */
}

int64_t coded_gradients(const struct parts *parts, const int64_t *born, int workers)
{
	int64_t count = 0;
	for (int w = 0; w < workers; w++)
		count += born[w] >= 0 ? parts_count(parts, w) : 0;
	return count;
}
