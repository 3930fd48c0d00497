/*
 * Topology `allreduce`: MPI's own sum of floats, as in libraries for synchronous SGD. Every rank adds up its
 * workers' vectors, and MPI adds up these sums in an order of its own. So the bits differ from those of the
 * other topologies, and depend on the number of processes.
 */
#include <string.h>
#include "transport/mpi/mpi_internal.h"

static const size_t SUM_FLOATS = (size_t)1 << 28; /* in one call, because MPI counts in int */

static void add_own(const struct mpi_self *m, const struct exchange_request *x, float *sum)
{
	memset(sum, 0, m->n * sizeof *sum);
	for (int i = 0; i < x->hosted; i++) {
		const float *push = x->pushes[i]; /* [n] */
		for (size_t k = 0; k < m->n; k++)
			sum[k] += push[k];
	}
}

int mpi_sum(struct mpi_self *m, const struct exchange_request *x, struct err *e)
{
	float *sum = x->pull, share = (float)(1.0 / m->workers); /* [n] */
	add_own(m, x, sum);
	for (size_t at = 0; at < m->n; at += SUM_FLOATS) {
		size_t count = m->n - at < SUM_FLOATS ? m->n - at : SUM_FLOATS;
		if (mpi_check(MPI_Allreduce(MPI_IN_PLACE, sum + at, (int)count, MPI_FLOAT, MPI_SUM, m->comm),
		              "MPI_Allreduce", e))
			return -1;
	}
	for (size_t k = 0; k < m->n; k++)
		sum[k] *= share;
	return 0;
}
