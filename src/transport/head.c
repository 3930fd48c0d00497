/* See transport/head.h. */
#include "transport/head.h"

static const int SHARED = EXCHANGE_SAVE | EXCHANGE_STOP;

struct round_head head_of(const struct exchange_request *x, const volatile sig_atomic_t *stop)
{
	struct round_head head = {.step = x->step,
	                          .x_hash = x->x_hash,
	                          .n = x->shape.n,
	                          .push_bytes = x->shape.push_bytes,
	                          .pull_bytes = x->shape.pull_bytes,
	                          .flags = x->flags & SHARED};
	if (stop && *stop)
		head.flags |= EXCHANGE_STOP;
	return head;
}

int heads_compare(const char *name, const struct round_head *heads, int processes, struct err *e)
{
	const struct round_head *root = &heads[0];
	if (root->flags & HEAD_LEAVE)
		return 1;
	for (int r = 1; r < processes; r++) {
		const struct round_head *h = &heads[r];
		if (h->flags & HEAD_GONE)
			return err_world(e, "%s: process %d has ended its part of the run", name, r);
		if (h->step != root->step)
			return err_world(e, "%s: process %d is at step %llu, process 0 at step %llu", name, r,
			                 (unsigned long long)h->step, (unsigned long long)root->step);
		if (h->n != root->n || h->push_bytes != root->push_bytes || h->pull_bytes != root->pull_bytes)
			return err_world(e, "%s: process %d and process 0 run different experiments", name,
			                 r);
		if (h->x_hash != root->x_hash)
			return err_world(
			        e,
			        "%s: before step %llu the parameters of process %d differ from those "
			        "of process 0; do all run the same program on the same kind of machine?",
			        name, (unsigned long long)root->step + 1, r);
	}
	return 0;
}

int heads_flags(const struct round_head *heads, int processes)
{
	int64_t flags = 0;
	for (int r = 0; r < processes; r++)
		flags |= heads[r].flags & SHARED;
	return (int)flags;
}
