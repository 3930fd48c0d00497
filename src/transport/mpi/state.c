/* The root's state to the other ranks, and workers' state back to it: see transport.h. */
#include "base/mem.h"
#include "transport/mpi/mpi_internal.h"

/* The header's words; then two words for each worker: has the root its block, and its `born`. */
enum { HEADER_STEP, HEADER_GIVEN, HEADER_WORDS };

static size_t block_bytes(const struct train_state *st, int worker)
{
	return st->worker_floats[worker] * sizeof(float);
}

/* Send floats of the state from rank to rank. Such are sent one after the other: they are in the trainer's
 * memory, and time does not matter. */
static int carry(struct mpi_self *m, float *at, size_t bytes, int from, int to, struct err *e)
{
	if (from == to || (m->rank != from && m->rank != to))
		return 0;
	mpi_reserve(&m->other_requests, mpi_chunks(bytes));
	int rc = m->rank == from ? mpi_post_send(m, &m->other_requests, at, bytes, to, 0, e)
	                         : mpi_post_recv(m, &m->other_requests, at, bytes, from, 0, e);
	return rc ? -1 : mpi_finish(&m->other_requests, e);
}

static int carry_block(struct mpi_self *m, struct train_state *st, int worker, int from, int to,
                       struct err *e)
{
	return carry(m, st->workers[worker], block_bytes(st, worker), from, to, e);
}

/* header [HEADER_WORDS + 2 workers], with what the root knows. */
static void fill_header(const struct mpi_self *m, const struct train_state *st, int64_t *header)
{
	header[HEADER_STEP] = st->step;
	header[HEADER_GIVEN] = st->given;
	for (int w = 0; w < m->workers; w++) {
		header[HEADER_WORDS + 2 * w] = st->workers[w] != NULL;
		header[HEADER_WORDS + 2 * w + 1] = st->workers[w] ? st->born[w] : st->step;
	}
}

/* The memory of the rule, to the other ranks where votes meet. */
static int spread_server(const struct mpi_self *m, const struct train_state *st, struct err *e)
{
	if (m->topology != TOPOLOGY_SHARDED || st->server.count == 0)
		return 0;
	return mpi_broadcast(m->comm, st->server.at, st->server.count * sizeof(float), e);
}

static int take_state(struct mpi_self *m, struct train_state *st, const int64_t *header, struct err *e)
{
	st->step = header[HEADER_STEP];
	for (int i = 0; header[HEADER_GIVEN] && i < STATE_PARTS; i++) {
		struct state_part part = train_state_part(st, i);
		if (mpi_broadcast(m->comm, part.at, part.count * sizeof(float), e))
			return -1;
	}
	if (header[HEADER_GIVEN] && spread_server(m, st, e))
		return -1;
	for (int w = 0; w < m->workers; w++) {
		st->born[w] = header[HEADER_WORDS + 2 * w + 1];
		if (header[HEADER_WORDS + 2 * w] && carry_block(m, st, w, 0, mpi_rank_of(m, w), e))
			return -1;
	}
	return 0;
}

/* Send the root each rank's share of it, vector by vector. */
static int collect_server(struct mpi_self *m, struct train_state *st, struct err *e)
{
	struct mpi_bucket all = {.end = st->x.count};
	size_t vectors = m->topology == TOPOLOGY_SHARDED ? st->server_vectors : 0;
	for (size_t v = 0; v < vectors; v++)
		for (int r = 1; r < m->size; r++) {
			struct mpi_share s = mpi_share_of(m, &all, r);
			float *at = st->server.at + v * st->x.count + s.begin;
			if (carry(m, at, (s.end - s.begin) * sizeof *at, r, 0, e))
				return -1;
		}
	return 0;
}

int mpi_sync(void *self, struct train_state *st, struct err *e)
{
	struct mpi_self *m = self;
	size_t count = HEADER_WORDS + 2 * (size_t)m->workers;
	int64_t *header = mem_array(count, sizeof *header);
	if (m->rank == 0)
		fill_header(m, st, header);
	m->st = st;
	int rc = mpi_broadcast(m->comm, header, count * sizeof *header, e) || take_state(m, st, header, e)
	                 ? -1
	                 : 0;
	mem_free(header);
	return rc;
}

int mpi_collect(void *self, struct train_state *st, struct err *e)
{
	struct mpi_self *m = self;
	for (int w = 0; w < m->workers; w++)
		if (carry_block(m, st, w, mpi_rank_of(m, w), 0, e))
			return -1;
	return collect_server(m, st, e);
}
