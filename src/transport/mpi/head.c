/* The head of a round: what every process sends to all others before a round's data. */
#include "transport/mpi/mpi_internal.h"

/* Flags of heads only, beside enum exchange_flag. */
enum {
	HEAD_LEAVE = 1 << 8, /* the root: the run is over */
	HEAD_GONE = 1 << 9,  /* another rank: it takes part in no further round */
	HEAD_SHARED = EXCHANGE_SAVE | EXCHANGE_STOP,
};

static void fill_head(struct mpi_self *m, const struct exchange_request *x)
{
	*m->own = (struct mpi_head){.step = x->step,
	                            .x_hash = x->x_hash,
	                            .n = x->shape.n,
	                            .push_bytes = x->shape.push_bytes,
	                            .pull_bytes = x->shape.pull_bytes,
	                            .flags = x->flags & HEAD_SHARED};
	if (m->stop && *m->stop)
		m->own->flags |= EXCHANGE_STOP;
}

static int receive_heads(struct mpi_self *m, bool wait, struct err *e)
{
	int done = 1;
	int rc = wait ? MPI_Wait(&m->head, MPI_STATUS_IGNORE) : MPI_Test(&m->head, &done, MPI_STATUS_IGNORE);
	m->heads_here = done;
	return mpi_check(rc, wait ? "MPI_Wait" : "MPI_Test", e);
}

/*
 * Send the head; wait: receive all heads. All ranks must make the same call: with several buckets the one
 * that can finish later, else the one that libraries have made fast.
 */
static int send_head(struct mpi_self *m, bool wait, struct err *e)
{
	int bytes = sizeof *m->own;
	m->head_sent = true;
	m->heads_here = m->most_buckets == 1;
	if (m->heads_here)
		return mpi_check(MPI_Allgather(m->own, bytes, MPI_BYTE, m->heads, bytes, MPI_BYTE, m->comm),
		                 "MPI_Allgather", e);
	int rc = MPI_Iallgather(m->own, bytes, MPI_BYTE, m->heads, bytes, MPI_BYTE, m->comm, &m->head);
	return mpi_check(rc, "MPI_Iallgather", e) || (wait && receive_heads(m, true, e)) ? -1 : 0;
}

/* Every rank compares all heads, so that all end with the same sentence. */
static int compare_heads(const struct mpi_self *m, struct err *e)
{
	const struct mpi_head *root = &m->heads[0];
	for (int r = 1; r < m->size; r++) {
		const struct mpi_head *h = &m->heads[r];
		if (h->flags & HEAD_GONE)
			return err_world(e, "mpi: process %d has ended its part of the run", r);
		if (h->step != root->step)
			return err_world(e, "mpi: process %d is at step %llu, process 0 at step %llu", r,
			                 (unsigned long long)h->step, (unsigned long long)root->step);
		if (h->n != root->n || h->push_bytes != root->push_bytes || h->pull_bytes != root->pull_bytes)
			return err_world(e, "mpi: process %d and process 0 run different experiments", r);
		if (h->x_hash != root->x_hash)
			return err_world(
			        e,
			        "mpi: before step %llu the parameters of process %d differ from those "
			        "of process 0; do all run the same program on the same kind of machine?",
			        (unsigned long long)root->step + 1, r);
	}
	return 0;
}

int mpi_exchange_heads(struct mpi_self *m, const struct exchange_request *x, bool wait, struct err *e)
{
	if (m->heads_here)
		return m->left;
	if (!m->head_sent)
		fill_head(m, x);
	if (m->head_sent ? receive_heads(m, wait, e) : send_head(m, wait, e))
		return -1;
	if (!m->heads_here)
		return 0;
	m->left = m->heads[0].flags & HEAD_LEAVE;
	return m->left ? 1 : compare_heads(m, e);
}

int mpi_head_flags(const struct mpi_self *m)
{
	int64_t flags = 0;
	for (int r = 0; r < m->size; r++)
		flags |= m->heads[r].flags & HEAD_SHARED;
	return (int)flags;
}

void mpi_last_head(struct mpi_self *m)
{
	struct err ignored = {0};
	*m->own = (struct mpi_head){.flags = m->rank == 0 ? HEAD_LEAVE : HEAD_GONE};
	if (send_head(m, true, &ignored) == 0)
		m->left = m->heads[0].flags & HEAD_LEAVE;
}
