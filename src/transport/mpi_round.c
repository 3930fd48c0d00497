/*
 * The data of a round, in three topologies. Messages stay whole in memory: what comes from elsewhere is put
 * where it stands in its worker's message, so that combine() sees no difference to votes that never
 * travelled. Untouched parts of the messages' memory are never brought in by the system.
 *
 * Bytes are payload between processes, by arithmetic over what is sent: up is the heads, the running
 * statistics and the votes; down the answers. What MPI adds is not in it. Of an all-reduce they are those of
 * a ring, half of them up (sums on their way) and half down (sums that are done).
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/mem.h"
#include "transport/lanes.h"
#include "transport/mpi_inside.h"

/* Steps whose messages are under way at the same time. */
enum { STEPS_AT_ONCE = 4 };

static const size_t SUM_FLOATS = (size_t)1 << 28; /* of one all-reduce */

static struct mpi_range share(const struct mpi_self *m, size_t n, int r)
{
	size_t words = (n + 63) / 64, processes = (size_t)m->size;
	size_t begin = words * (size_t)r / processes * 64, end = words * ((size_t)r + 1) / processes * 64;
	return (struct mpi_range){begin < n ? begin : n, end < n ? end : n};
}

static size_t range_bytes(const struct planes *p, size_t n, const struct mpi_range *r)
{
	return planes_offset(p, n, r->end) - planes_offset(p, n, r->begin);
}

/* All planes of a message in that range. */
static size_t share_bytes(const struct planes *p, size_t n, const struct mpi_range *r)
{
	return (size_t)p->count * range_bytes(p, n, r);
}

static int post_pieces(struct mpi_self *m, bool send, const void *message, const struct planes *p,
                       const struct mpi_range *r, int peer, struct err *e)
{
	size_t bytes = range_bytes(p, m->n, r);
	for (int k = 0; k < p->count; k++) {
		size_t at = (size_t)k * planes_stride(p, m->n) + planes_offset(p, m->n, r->begin);
		if (send ? mpi_post_send(m, (const char *)message + at, bytes, peer, e)
		         : mpi_post_recv(m, (char *)(uintptr_t)message + at, bytes, peer, e))
			return -1;
	}
	return 0;
}

/* One step of the way up: my workers' votes on your range, your workers' on mine. */
static int step_up(struct mpi_self *m, const struct exchange *x, int to, int from, struct err *e)
{
	struct mpi_range mine = share(m, m->n, m->rank), yours = share(m, m->n, to);
	for (int w = m->first[from]; w < m->first[from + 1]; w++)
		if (post_pieces(m, false, m->pushes[w], &x->push_planes, &mine, from, e))
			return -1;
	for (int w = m->first[m->rank]; w < m->first[m->rank + 1]; w++)
		if (post_pieces(m, true, m->pushes[w], &x->push_planes, &yours, to, e))
			return -1;
	return 0;
}

/* One step of the way down: the answer on my range to you, on yours to me. */
static int step_down(struct mpi_self *m, const struct exchange *x, int to, int from, struct err *e)
{
	struct mpi_range mine = share(m, m->n, m->rank), yours = share(m, m->n, from);
	return post_pieces(m, false, x->pull, &x->pull_planes, &yours, from, e) ||
	                       post_pieces(m, true, x->pull, &x->pull_planes, &mine, to, e)
	               ? -1
	               : 0;
}

static int all_steps(struct mpi_self *m, const struct exchange *x,
                     int (*step)(struct mpi_self *, const struct exchange *, int, int, struct err *),
                     struct err *e)
{
	for (int s = 1; s < m->size; s++) {
		if (step(m, x, (m->rank + s) % m->size, (m->rank + m->size - s) % m->size, e))
			return -1;
		if ((s % STEPS_AT_ONCE == 0 || s == m->size - 1) && mpi_finish(m, e))
			return -1;
	}
	return 0;
}

static int sharded(struct mpi_self *m, struct exchange *x, struct err *e)
{
	struct mpi_range mine = share(m, m->n, m->rank);
	if (all_steps(m, x, step_up, e))
		return -1;
	lanes_combine(m->pool, x, m->workers, m->pushes, mine.begin, mine.end);
	return all_steps(m, x, step_down, e);
}

static int star_root(struct mpi_self *m, struct exchange *x, struct err *e)
{
	for (int w = m->first[1]; w < m->workers; w++)
		if (mpi_post_recv(m, (void *)(uintptr_t)m->pushes[w], m->push_bytes, mpi_host(m, w), e))
			return -1;
	if (mpi_finish(m, e))
		return -1;
	lanes_combine(m->pool, x, m->workers, m->pushes, 0, m->n);
	for (int r = 1; r < m->size; r++)
		if (mpi_post_send(m, x->pull, m->pull_bytes, r, e))
			return -1;
	return mpi_finish(m, e);
}

/* The answer may come while the votes are still going: it cannot, but the receive may be there first. */
static int star_host(struct mpi_self *m, struct exchange *x, struct err *e)
{
	for (int w = m->first[m->rank]; w < m->first[m->rank + 1]; w++)
		if (mpi_post_send(m, m->pushes[w], m->push_bytes, 0, e))
			return -1;
	return mpi_post_recv(m, x->pull, m->pull_bytes, 0, e) || mpi_finish(m, e) ? -1 : 0;
}

static int allreduce(struct mpi_self *m, struct exchange *x, struct err *e)
{
	float *sum = x->pull, share_of_one = (float)(1.0 / m->workers); /* [n] */
	memset(sum, 0, m->n * sizeof *sum);
	for (int w = m->first[m->rank]; w < m->first[m->rank + 1]; w++) {
		const float *push = m->pushes[w];
		for (size_t i = 0; i < m->n; i++)
			sum[i] += push[i];
	}
	for (size_t at = 0; at < m->n; at += SUM_FLOATS) {
		size_t count = m->n - at < SUM_FLOATS ? m->n - at : SUM_FLOATS;
		if (mpi_check(MPI_Allreduce(MPI_IN_PLACE, sum + at, (int)count, MPI_FLOAT, MPI_SUM, m->comm),
		              "MPI_Allreduce", e))
			return -1;
	}
	for (size_t i = 0; i < m->n; i++)
		sum[i] *= share_of_one;
	return 0;
}

int mpi_check_topology(const struct mpi_self *m, const struct exchange *x, struct err *e)
{
	if (m->topology == TOPOLOGY_SHARDED && !x->separable)
		return err_user(e, "mpi: topology 'sharded' needs an aggregator that treats every coordinate "
		                   "by itself; this one needs 'star'");
	if (m->topology == TOPOLOGY_ALLREDUCE && !x->float_mean)
		return err_user(e,
		                "mpi: topology 'allreduce' needs an aggregator whose answer is the mean of "
		                "floats (mean, adam); this one needs 'sharded' or 'star'");
	return 0;
}

/* Requests that are under way at once, at most: `at_once` steps up or down, or all of a star's root. */
static size_t most_requests(const struct mpi_self *m, const struct exchange *x)
{
	size_t up = mpi_pieces(m->push_bytes) * (size_t)(x->push_planes.count > 0 ? x->push_planes.count : 1);
	size_t down =
	        mpi_pieces(m->pull_bytes) * (size_t)(x->pull_planes.count > 0 ? x->pull_planes.count : 1);
	size_t workers = (size_t)m->workers, processes = (size_t)m->size;
	size_t running = m->st ? mpi_pieces(m->st->shared[2].count * sizeof(float)) : 0;
	return (workers + STEPS_AT_ONCE * m->slots) * up + 2 * processes * down + running;
}

void mpi_round_open(struct mpi_self *m, const struct exchange *x)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t elsewhere = (size_t)(m->workers - mpi_hosted(m, m->rank));
	m->n = x->n;
	m->push_bytes = x->push_bytes;
	m->pull_bytes = x->pull_bytes;
	m->pushes = mem_array((size_t)m->workers, sizeof *m->pushes);
	mpi_room(m, most_requests(m, x));
	if (m->topology == TOPOLOGY_ALLREDUCE || (m->topology == TOPOLOGY_STAR && m->rank != 0) ||
	    elsewhere == 0)
		return;
	m->message_stride = (m->push_bytes + page - 1) / page * page;
	m->mapped = elsewhere * m->message_stride;
	m->messages = mmap(NULL, m->mapped, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m->messages == MAP_FAILED)
		die("memory: the system refused %zu bytes for the messages of %zu workers", m->mapped,
		    elsewhere);
}

void mpi_round_close(struct mpi_self *m)
{
	if (m->mapped > 0)
		munmap(m->messages, m->mapped);
	mem_free(m->pushes);
	mem_free(m->requests);
}

/* Where each worker's whole message is. */
static void place_pushes(struct mpi_self *m, const struct exchange *x)
{
	int begin = m->first[m->rank], end = m->first[m->rank + 1];
	for (int w = 0; w < m->workers; w++) {
		size_t place = (size_t)(w < begin ? w : w - (end - begin));
		bool here = w >= begin && w < end;
		m->pushes[w] = here          ? x->pushes[w - begin]
		               : m->messages ? m->messages + place * m->message_stride
		                             : NULL;
	}
}

/* Whose batches bring the running statistics up to date hands them to the root, who evaluates. */
static int post_running(struct mpi_self *m, const struct exchange *x, struct err *e)
{
	int host = mpi_host(m, x->keeper);
	const struct state_part *running = &m->st->shared[2];
	if (host == 0)
		return 0;
	if (m->rank == host)
		return mpi_post_send(m, running->at, running->count * sizeof(float), 0, e);
	return m->rank == 0 ? mpi_post_recv(m, running->at, running->count * sizeof(float), host, e) : 0;
}

/* What process r sends and receives of votes and answers. */
static uint64_t traffic(const struct mpi_self *m, const struct exchange *x, int r, uint64_t *up,
                        uint64_t *down)
{
	uint64_t hosted = (uint64_t)mpi_hosted(m, r), workers = (uint64_t)m->workers, in;
	uint64_t others = (uint64_t)m->size - 1;
	if (m->topology == TOPOLOGY_STAR) {
		*up = r == 0 ? 0 : hosted * m->push_bytes;
		*down = r == 0 ? others * m->pull_bytes : 0;
		in = r == 0 ? (workers - hosted) * m->push_bytes : m->pull_bytes;
	} else if (m->topology == TOPOLOGY_SHARDED) {
		struct mpi_range range = share(m, m->n, r);
		uint64_t vote = share_bytes(&x->push_planes, m->n, &range);
		uint64_t answer = share_bytes(&x->pull_planes, m->n, &range);
		*up = hosted * (m->push_bytes - vote);
		*down = others * answer;
		in = (workers - hosted) * vote + m->pull_bytes - answer;
	} else {
		struct mpi_range range = share(m, m->n, r);
		*up = *down = (m->n - (range.end - range.begin)) * sizeof(float);
		in = *up + *down;
	}
	return *up + *down + in;
}

static void count_bytes(const struct mpi_self *m, struct exchange *x)
{
	uint64_t others = (uint64_t)m->size - 1, heads = others * m->head_bytes;
	uint64_t running = 0;
	int keeper_host = 0;
	if (m->st && m->st->shared[2].count > 0)
		keeper_host = mpi_host(m, x->keeper);
	if (keeper_host != 0)
		running = m->st->shared[2].count * sizeof(float);
	x->bytes_up = (uint64_t)m->size * heads + running;
	x->bytes_down = x->bytes_busiest = 0;
	for (int r = 0; r < m->size; r++) {
		uint64_t up, down, all = 2 * heads + traffic(m, x, r, &up, &down);
		all += r == 0 || r == keeper_host ? running : 0;
		x->bytes_up += up;
		x->bytes_down += down;
		x->bytes_busiest = all > x->bytes_busiest ? all : x->bytes_busiest;
	}
}

int mpi_round(struct mpi_self *m, struct exchange *x, struct err *e)
{
	int rc;
	place_pushes(m, x);
	count_bytes(m, x);
	if (m->st && m->st->shared[2].count > 0 && post_running(m, x, e))
		return -1;
	if (m->topology == TOPOLOGY_SHARDED)
		rc = sharded(m, x, e);
	else if (m->topology == TOPOLOGY_ALLREDUCE)
		rc = allreduce(m, x, e);
	else
		rc = m->rank == 0 ? star_root(m, x, e) : star_host(m, x, e);
	return rc || mpi_finish(m, e) ? -1 : 0;
}
