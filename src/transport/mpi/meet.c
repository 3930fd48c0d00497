/*
 * The meeting of a rule that must see all messages at once. In topology star it is at rank 0. In topology
 * sharded each rank has a share of every message, whole blocks of coordinates in order of rank; the sums over
 * blocks travel, so that all ranks decide the same, and add in the same order as a single process.
 */
#include <limits.h>
#include "transport/lanes.h"
#include "transport/mpi/mpi_internal.h"

/* struct meeting, gather() */
static int gather(void *self, double *sums, size_t each, struct err *e)
{
	struct mpi_self *m = self;
	size_t blocks = mpi_first_block(m, m->size);
	if (each > 0 && blocks > INT_MAX / each)
		return err_user(e, "mpi: %zu sums of %zu blocks are more than MPI can count", each, blocks);
	for (int r = 0; r < m->size; r++) {
		size_t first = mpi_first_block(m, r), count = mpi_first_block(m, r + 1) - first;
		m->sums_at[r] = (int)(first * each);
		m->sums[r] = (int)(count * each);
		m->gathered[r] += count * each * sizeof *sums;
	}
	return mpi_check(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, sums, m->sums, m->sums_at,
	                                MPI_DOUBLE, m->comm),
	                 "MPI_Allgatherv", e);
}

/* All ranks must have come to the same end; one that was not there says nothing. */
static enum meeting_end agree(const struct mpi_self *m, struct mpi_verdict own, struct err *e)
{
	struct mpi_verdict all;
	if (mpi_check(MPI_Allreduce(&own, &all, sizeof own / sizeof(int32_t), MPI_INT32_T, MPI_MAX, m->comm),
	              "MPI_Allreduce", e))
		return MEETING_FAILED;
	if (all.answered && all.withheld) {
		err_world(e,
		          "mpi: some processes answer this step and others withhold it; do all run the same "
		          "program on the same kind of machine?");
		return MEETING_FAILED;
	}
	return all.withheld ? MEETING_WITHHELD : MEETING_ANSWERED;
}

enum meeting_end mpi_meet(struct mpi_self *m, const struct exchange_request *x, struct err *e)
{
	bool star = m->topology == TOPOLOGY_STAR;
	struct mpi_bucket all = {.end = m->n};
	struct mpi_share mine = mpi_share_of(m, &all, m->rank);
	struct meeting meeting = {.count = m->workers,
	                          .ids = m->ids_of_all,
	                          .pushes = m->pushes,
	                          .begin = mine.begin,
	                          .end = mine.end,
	                          .pool = m->pool,
	                          .gather = star ? NULL : gather,
	                          .self = m,
	                          .removed = m->removed};
	struct mpi_verdict verdict = {0, 0};
	for (int r = 0; r < m->size; r++)
		m->gathered[r] = 0;
	for (int w = 0; w < m->workers; w++)
		m->removed[w] = false;
	if (!star || m->rank == 0) {
		enum meeting_end end = lanes_meet(x, &meeting, e);
		if (end == MEETING_FAILED)
			return MEETING_FAILED;
		verdict = (struct mpi_verdict){end == MEETING_ANSWERED, end == MEETING_WITHHELD};
	}
	return agree(m, verdict, e);
}
