/*
 * Which rank has which workers and coordinates, where these are in messages, and the memory of rounds,
 * allocated once.
 *
 * Bytes are the payload between ranks, computed from what is sent: up are heads, votes, reports and running
 * statistics; down are answers. What MPI adds is not counted. An all-reduce counts as a ring: half of its
 * bytes up (partial sums), half down (final sums).
 */
#include <sys/mman.h>
#include <unistd.h>
#include "base/mem.h"
#include "transport/mpi/mpi_internal.h"

int mpi_rank_of(const struct mpi_self *m, int worker)
{
	return topology_dealt(m->first, worker);
}

size_t mpi_first_block(const struct mpi_self *m, int r)
{
	size_t blocks = meeting_blocks(m->n);
	return blocks * (size_t)r / (size_t)m->size;
}

/* The coordinate, or the end of the bucket that is nearer. */
static size_t within(const struct mpi_bucket *b, size_t i)
{
	return i < b->begin ? b->begin : i > b->end ? b->end : i;
}

struct mpi_share mpi_share_of(const struct mpi_self *m, const struct mpi_bucket *b, int r)
{
	size_t words = (b->end - b->begin + 63) / 64, processes = (size_t)m->size;
	size_t begin = b->begin + words * (size_t)r / processes * 64;
	size_t end = b->begin + words * ((size_t)r + 1) / processes * 64;
	if (m->topology == TOPOLOGY_STAR)
		return (struct mpi_share){r == 0 ? b->begin : b->end, b->end};
	if (m->whole) {
		begin = within(b, mpi_first_block(m, r) * MEETING_BLOCK);
		end = within(b, mpi_first_block(m, r + 1) * MEETING_BLOCK);
	}
	return (struct mpi_share){begin < b->end ? begin : b->end, end < b->end ? end : b->end};
}

int mpi_planes_in(const struct planes *p)
{
	return p->count > 0 ? p->count : 1;
}

struct mpi_range mpi_range_of(const struct mpi_self *m, const struct planes *p, size_t message_bytes,
                              const struct mpi_share *s, int k)
{
	if (p->count == 0)
		return (struct mpi_range){0, s->begin < s->end ? message_bytes : 0};
	size_t at = planes_offset(p, m->n, s->begin);
	return (struct mpi_range){(size_t)k * planes_stride(p, m->n) + at,
	                          planes_offset(p, m->n, s->end) - at};
}

size_t mpi_running_bytes(const struct mpi_self *m, const struct exchange_request *x)
{
	return m->st && mpi_rank_of(m, x->bn_owner) != 0 ? m->st->running.count * sizeof(float) : 0;
}

/* Bytes of rank r's shares of a message. */
static uint64_t share_bytes(const struct mpi_self *m, const struct planes *p, size_t message_bytes, int r)
{
	uint64_t bytes = 0;
	for (int b = 0; b < m->n_buckets; b++) {
		struct mpi_share s = mpi_share_of(m, &m->buckets[b], r);
		bytes += (uint64_t)mpi_planes_in(p) * mpi_range_of(m, p, message_bytes, &s, 0).bytes;
	}
	return bytes;
}

/* Bytes of a vote's shares: its own, or, where it is one piece, as many times as ranks have a share. */
static uint64_t all_shares_bytes(const struct mpi_self *m, const struct exchange_request *x)
{
	uint64_t bytes = 0;
	for (int r = 0; r < m->size; r++)
		bytes += share_bytes(m, &x->shape.push_planes, m->push_bytes, r);
	return bytes;
}

/* Bytes of the messages of rank r's workers, where these vary. */
static uint64_t lengths_of(const struct mpi_self *m, int r)
{
	uint64_t bytes = 0;
	for (int w = m->first[r]; w < m->first[r + 1]; w++)
		bytes += m->lengths[w];
	return bytes;
}

/*
 * Votes that rank r sends, and that it gets. vote, share: of one message of the most bytes, to all ranks and
 * to this one; a message that varies is one piece, which goes whole to as many ranks.
 */
static void votes(const struct mpi_self *m, const struct exchange_request *x, uint64_t vote, uint64_t share,
                  int r, uint64_t *sent, uint64_t *got)
{
	uint64_t hosted = (uint64_t)mpi_hosted(m, r), all = 0, own;
	*sent = hosted * (vote - share);
	*got = ((uint64_t)m->workers - hosted) * share;
	if (!x->shape.push_varies)
		return;
	own = lengths_of(m, r);
	for (int k = 0; k < m->size; k++)
		all += lengths_of(m, k);
	*sent = own * ((vote - share) / m->push_bytes);
	*got = (all - own) * (share / m->push_bytes);
}

/* Bytes that rank r sends up and down, to m->bytes_*; and those with what it receives. vote: of all shares;
 * pull: bytes of the answer. */
static void traffic(struct mpi_self *m, const struct exchange_request *x, uint64_t vote, size_t pull, int r)
{
	uint64_t others = (uint64_t)m->size - 1, up, got;
	uint64_t answer_share = share_bytes(m, &x->shape.pull_planes, pull, r);
	if (m->topology == TOPOLOGY_ALLREDUCE) {
		uint64_t sums = pull - answer_share;
		m->bytes_up += sums;
		m->bytes_down += sums;
		m->moved[r] += 4 * sums;
		return;
	}
	votes(m, x, vote, share_bytes(m, &x->shape.push_planes, m->push_bytes, r), r, &up, &got);
	uint64_t down = others * answer_share;
	m->bytes_up += up;
	m->bytes_down += down;
	m->moved[r] += up + got;
	m->answered[r] = down + pull - answer_share;
}

static void count_bytes(struct mpi_self *m, const struct exchange_request *x, size_t pull)
{
	size_t said = sizeof *m->heads + (x->rule.meet ? sizeof(struct mpi_verdict) : 0);
	size_t report = sizeof *m->reports + (x->shape.push_varies ? sizeof *m->lengths : 0);
	uint64_t heads = ((uint64_t)m->size - 1) * said, running = mpi_running_bytes(m, x);
	uint64_t reports = (uint64_t)(m->workers - mpi_hosted(m, 0)) * report;
	uint64_t vote = all_shares_bytes(m, x);
	m->bytes_up = (uint64_t)m->size * heads + reports + running;
	m->bytes_down = 0;
	for (int r = 0; r < m->size; r++) {
		m->moved[r] = 2 * heads + (r == 0 ? reports : (uint64_t)mpi_hosted(m, r) * report);
		m->moved[r] += r == 0 || r == mpi_rank_of(m, x->bn_owner) ? running : 0;
		traffic(m, x, vote, pull, r);
	}
}

void mpi_count_round(struct mpi_self *m, const struct exchange_request *x, bool withheld,
                     struct exchange_reply *reply)
{
	uint64_t others = (uint64_t)m->size - 1, sums = 0;
	if (x->shape.push_varies || x->shape.pull_varies)
		count_bytes(m, x,
		            withheld ? m->pull_bytes
		                     : message_length(x->shape.pull_varies, m->pull_bytes, x->pull));
	for (int r = 0; r < m->size; r++)
		sums += m->gathered[r];
	reply->bytes_up = m->bytes_up + others * sums;
	reply->bytes_down = withheld ? 0 : m->bytes_down;
	reply->bytes_busiest = 0;
	for (int r = 0; r < m->size; r++) {
		uint64_t all = m->moved[r] + (withheld ? 0 : m->answered[r]);
		all += others * m->gathered[r] + sums - m->gathered[r];
		reply->bytes_busiest = all > reply->bytes_busiest ? all : reply->bytes_busiest;
	}
}

/* The trainer cuts the vector in the same way (transport.h, post()). */
static void cut_buckets(struct mpi_self *m, const struct exchange_request *x)
{
	size_t buckets = exchange_cuts(x) ? (size_t)m->most_buckets : 1;
	m->bucket = planes_bucket(m->n, buckets);
	m->n_buckets = (int)((m->n + m->bucket - 1) / m->bucket);
	m->buckets = mem_array((size_t)m->n_buckets, sizeof *m->buckets);
	for (int b = 0; b < m->n_buckets; b++) {
		size_t begin = (size_t)b * m->bucket;
		m->buckets[b].begin = begin;
		m->buckets[b].end = m->n - begin < m->bucket ? m->n : begin + m->bucket;
	}
}

static void reserve_requests(struct mpi_self *m, const struct exchange_request *x)
{
	size_t others = (size_t)m->size - 1, hosted = (size_t)mpi_hosted(m, m->rank);
	size_t votes = (size_t)m->workers - hosted + hosted * others;
	size_t up = votes * (size_t)mpi_planes_in(&x->shape.push_planes) * mpi_chunks(m->push_bytes);
	size_t down = 2 * others * (size_t)mpi_planes_in(&x->shape.pull_planes) * mpi_chunks(m->pull_bytes);
	for (int b = 0; b < m->n_buckets; b++)
		mpi_reserve(&m->buckets[b].requests, up > down ? up : down);
	mpi_reserve(&m->other_requests,
	            others * mpi_chunks((size_t)m->most_hosted * sizeof *m->reports) +
	                    others * mpi_chunks((size_t)m->most_hosted * sizeof *m->lengths) +
	                    mpi_chunks(mpi_running_bytes(m, x)));
}

/* Map memory for the messages of other ranks' workers, on ranks that combine. */
static void map_messages(struct mpi_self *m)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t elsewhere = (size_t)(m->workers - mpi_hosted(m, m->rank));
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

void mpi_round_open(struct mpi_self *m, const struct exchange_request *x)
{
	m->n = x->shape.n;
	m->push_bytes = x->shape.push_bytes;
	m->pull_bytes = x->shape.pull_bytes;
	m->pushes = mem_array((size_t)m->workers, sizeof *m->pushes);
	m->reports = mem_array((size_t)m->workers, sizeof *m->reports);
	m->lengths = mem_array((size_t)m->workers, sizeof *m->lengths);
	m->moved = mem_array((size_t)m->size, sizeof *m->moved);
	m->answered = mem_array((size_t)m->size, sizeof *m->answered);
	m->gathered = mem_array((size_t)m->size, sizeof *m->gathered);
	m->sums = mem_array((size_t)m->size, sizeof *m->sums);
	m->sums_at = mem_array((size_t)m->size, sizeof *m->sums_at);
	m->ids_of_all = mem_array((size_t)m->workers, sizeof *m->ids_of_all);
	m->removed = mem_array((size_t)m->workers, sizeof *m->removed);
	for (int w = 0; w < m->workers; w++)
		m->ids_of_all[w] = w;
	m->whole = x->rule.meet != NULL;
	m->ready = mem_array((size_t)x->hosted, sizeof *m->ready);
	m->gone = mem_array((size_t)x->hosted, sizeof *m->gone);
	cut_buckets(m, x);
	for (int i = 0; i < x->hosted; i++)
		m->ready[i] = m->n_buckets;
	reserve_requests(m, x);
	map_messages(m);
	count_bytes(m, x, m->pull_bytes);
}

void mpi_round_close(struct mpi_self *m)
{
	if (m->mapped > 0)
		munmap(m->messages, m->mapped);
	for (int b = 0; b < m->n_buckets; b++)
		mem_free(m->buckets[b].requests.at);
	mem_free(m->buckets);
	mem_free(m->other_requests.at);
	mem_free(m->pushes);
	mem_free(m->reports);
	mem_free(m->lengths);
	mem_free(m->moved);
	mem_free(m->answered);
	mem_free(m->gathered);
	mem_free(m->sums);
	mem_free(m->sums_at);
	mem_free(m->ids_of_all);
	mem_free(m->removed);
	mem_free(m->ready);
	mem_free(m->gone);
}
