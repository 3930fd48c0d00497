/* The root's state to the other ranks, and workers' state back to it: see transport/carrier.h. */
#include "transport/carrier.h"
#include "transport/mpi/mpi_internal.h"

static int broadcast(void *self, void *at, size_t bytes, struct err *e)
{
	const struct mpi_self *m = self;
	return mpi_broadcast(m->comm, at, bytes, e);
}

/* One after the other: they are in the trainer's memory, and time does not matter. */
static int carry(void *self, void *at, size_t bytes, int from, int to, struct err *e)
{
	struct mpi_self *m = self;
	mpi_reserve(&m->other_requests, mpi_chunks(bytes));
	int rc = m->rank == from ? mpi_post_send(m, &m->other_requests, at, bytes, to, 0, e)
	                         : mpi_post_recv(m, &m->other_requests, at, bytes, from, 0, e);
	return rc ? -1 : mpi_finish(&m->other_requests, e);
}

static void share(const void *self, size_t n, int r, size_t *begin, size_t *end)
{
	struct mpi_bucket all = {.end = n};
	struct mpi_share s = mpi_share_of(self, &all, r);
	*begin = s.begin;
	*end = s.end;
}

static struct carrier carrier_of(struct mpi_self *m)
{
	return (struct carrier){.self = m,
	                        .rank = m->rank,
	                        .size = m->size,
	                        .workers = m->workers,
	                        .first = m->first,
	                        .shares = m->topology == TOPOLOGY_SHARDED,
	                        .broadcast = broadcast,
	                        .carry = carry,
	                        .share = share};
}

int mpi_sync(void *self, struct train_state *st, struct err *e)
{
	struct mpi_self *m = self;
	const struct carrier c = carrier_of(m);
	m->st = st;
	return carrier_sync(&c, st, e);
}

int mpi_collect(void *self, struct train_state *st, struct err *e)
{
	const struct carrier c = carrier_of(self);
	return carrier_collect(&c, st, e);
}
