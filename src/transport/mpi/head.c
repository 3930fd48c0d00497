/* The head of a round: what every process sends to all others before a round's data. */
#include "transport/mpi/mpi_internal.h"

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

int mpi_exchange_heads(struct mpi_self *m, const struct exchange_request *x, bool wait, struct err *e)
{
	if (m->heads_here)
		return m->left;
	if (!m->head_sent)
		*m->own = head_of(x, m->stop);
	if (m->head_sent ? receive_heads(m, wait, e) : send_head(m, wait, e))
		return -1;
	if (!m->heads_here)
		return 0;
	int rc = heads_compare("mpi", m->heads, m->size, e);
	m->left = rc > 0;
	return rc;
}

void mpi_last_head(struct mpi_self *m)
{
	struct err ignored = {0};
	*m->own = (struct round_head){.flags = m->rank == 0 ? HEAD_LEAVE : HEAD_GONE};
	if (send_head(m, true, &ignored) == 0)
		m->left = m->heads[0].flags & HEAD_LEAVE;
}
