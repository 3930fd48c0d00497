/*
 * The data of a round: votes up, answers down, bucket by bucket. Every worker has a whole message in memory;
 * what arrives is written to its place in that message, so combine() need not know which votes travelled.
 * Pages of the messages that nothing is written to take no memory.
 */
#include "base/clock.h"
#include "transport/lanes.h"
#include "transport/mpi/mpi_internal.h"

/* A vote's tag tells worker and bucket, an answer's tag the bucket. Tag 0: everything else. */
static int vote_tag(const struct mpi_self *m, int worker, const struct mpi_bucket *b)
{
	int own = worker - m->first[mpi_rank_of(m, worker)];
	return 1 + (int)(b - m->buckets) * (m->most_hosted + 1) + own;
}

static int answer_tag(const struct mpi_self *m, const struct mpi_bucket *b)
{
	return 1 + (int)(b - m->buckets) * (m->most_hosted + 1) + m->most_hosted;
}

static int recv_votes(struct mpi_self *m, const struct exchange_request *x, struct mpi_bucket *b, int from,
                      struct err *e)
{
	struct mpi_share mine = mpi_share_of(m, b, m->rank);
	for (int w = m->first[from]; w < m->first[from + 1]; w++)
		for (int k = 0; k < mpi_planes_in(&x->shape.push_planes); k++) {
			struct mpi_range p = mpi_range_of(m, &x->shape.push_planes, m->push_bytes, &mine, k);
			char *message = (char *)(uintptr_t)m->pushes[w];
			if (p.bytes > 0 && mpi_post_recv(m, &b->requests, message + p.at, p.bytes, from,
			                                 vote_tag(m, w, b), e))
				return -1;
		}
	return 0;
}

/* To all ranks that own a share of the bucket, the next rank first. */
static int send_vote(struct mpi_self *m, const struct exchange_request *x, struct mpi_bucket *b, int i,
                     struct err *e)
{
	const char *message = x->pushes[i];
	for (int s = 1; s < m->size; s++) {
		int to = (m->rank + s) % m->size;
		struct mpi_share yours = mpi_share_of(m, b, to);
		for (int k = 0; k < mpi_planes_in(&x->shape.push_planes); k++) {
			struct mpi_range p = mpi_range_of(m, &x->shape.push_planes, m->push_bytes, &yours, k);
			size_t bytes = x->shape.push_varies && p.bytes > 0
			                       ? message_length(true, p.bytes, message)
			                       : p.bytes;
			if (mpi_post_send_some(m, &b->requests, message + p.at, bytes, p.bytes, to,
			                       vote_tag(m, m->ids[i], b), e))
				return -1;
		}
	}
	b->sent++;
	return 0;
}

static int pass_answer(struct mpi_self *m, const struct exchange_request *x, struct mpi_bucket *b,
                       struct err *e)
{
	struct mpi_share mine = mpi_share_of(m, b, m->rank);
	b->stage = STAGE_DOWN;
	for (int s = 1; s < m->size; s++) {
		int to = (m->rank + s) % m->size, from = (m->rank + m->size - s) % m->size;
		struct mpi_share yours = mpi_share_of(m, b, from);
		for (int k = 0; k < mpi_planes_in(&x->shape.pull_planes); k++) {
			struct mpi_range in =
			        mpi_range_of(m, &x->shape.pull_planes, m->pull_bytes, &yours, k);
			struct mpi_range out =
			        mpi_range_of(m, &x->shape.pull_planes, m->pull_bytes, &mine, k);
			char *pull = x->pull;
			size_t bytes = x->shape.pull_varies && out.bytes > 0
			                       ? message_length(true, out.bytes, pull)
			                       : out.bytes;
			if (mpi_post_recv(m, &b->requests, pull + in.at, in.bytes, from, answer_tag(m, b),
			                  e) ||
			    mpi_post_send_some(m, &b->requests, pull + out.at, bytes, out.bytes, to,
			                       answer_tag(m, b), e))
				return -1;
		}
	}
	return 0;
}

/* All votes on this rank's share of the bucket are here: combine and answer. */
static int answer(struct mpi_self *m, const struct exchange_request *x, struct mpi_bucket *b, bool lanes,
                  struct err *e)
{
	if (m->whole)
		return 0; /* when all buckets are here: meet() */
	struct mpi_share mine = mpi_share_of(m, b, m->rank);
	if (lanes)
		lanes_combine(m->pool, x, m->workers, m->pushes, mine.begin, mine.end);
	else if (mine.begin < mine.end)
		x->rule.combine(x->rule.ctx, 0, m->workers, m->pushes, mine.begin, mine.end, x->pull);
	return pass_answer(m, x, b, e);
}

/* Set the address of each worker's whole message. */
static void place_pushes(struct mpi_self *m, const struct exchange_request *x)
{
	int begin = m->first[m->rank], end = m->first[m->rank + 1];
	for (int w = 0; w < m->workers; w++) {
		size_t place = (size_t)(w < begin ? w : w - (end - begin));
		if (w >= begin && w < end)
			m->pushes[w] = x->pushes[w - begin];
		else
			m->pushes[w] = m->messages ? m->messages + place * m->message_stride : NULL;
	}
}

/* Post the receives of all votes; the last bucket comes first. */
static int expect_votes(struct mpi_self *m, const struct exchange_request *x, struct err *e)
{
	if (m->votes_expected)
		return 0;
	m->votes_expected = true;
	place_pushes(m, x);
	for (int i = 0; i < x->hosted; i++)
		m->gone[i] = m->n_buckets;
	for (int i = m->n_buckets - 1; i >= 0; i--) {
		struct mpi_bucket *b = &m->buckets[i];
		b->stage = STAGE_UP;
		b->sent = 0;
		for (int s = 1; s < m->size; s++)
			if (recv_votes(m, x, b, (m->rank + m->size - s) % m->size, e))
				return -1;
	}
	return 0;
}

/* Advance a bucket. Lanes are computing meanwhile, so this combines on the calling thread. */
static int advance(struct mpi_self *m, const struct exchange_request *x, struct mpi_bucket *b, struct err *e)
{
	int done = b->stage == STAGE_DONE ? 0 : mpi_done(&b->requests, e);
	if (done <= 0)
		return done;
	if (b->stage == STAGE_DOWN)
		b->stage = STAGE_DONE;
	else if (b->sent == x->hosted)
		return answer(m, x, b, false, e);
	return 0;
}

static int send_ready(struct mpi_self *m, const struct exchange_request *x, struct err *e)
{
	for (int i = 0; i < x->hosted; i++)
		for (; m->gone[i] > m->ready[i]; m->gone[i]--)
			if (send_vote(m, x, &m->buckets[m->gone[i] - 1], i, e))
				return -1;
	return 0;
}

int mpi_round_post(struct mpi_self *m, const struct exchange_request *x, int i, int bucket, struct err *e)
{
	int rc = mpi_exchange_heads(m, x, false, e);
	m->ready[i] = bucket;
	if (rc || !m->heads_here)
		return rc < 0 ? -1 : 0;
	if (expect_votes(m, x, e) || send_ready(m, x, e))
		return -1;
	for (int b = m->n_buckets - 1; b >= 0; b--)
		if (advance(m, x, &m->buckets[b], e))
			return -1;
	return 0;
}

/* Of rank r, to the root. */
static int post_lengths(struct mpi_self *m, int r, struct err *e)
{
	uint64_t *lengths = m->lengths + m->first[r];
	size_t bytes = (size_t)mpi_hosted(m, r) * sizeof *lengths;
	if (m->rank == r && mpi_post_send(m, &m->other_requests, lengths, bytes, 0, 0, e))
		return -1;
	return m->rank == 0 ? mpi_post_recv(m, &m->other_requests, lengths, bytes, r, 0, e) : 0;
}

/* Send to the root: losses and `born` of all workers, which it records, and the running statistics, with
 * which it evaluates. */
static int post_reports(struct mpi_self *m, const struct exchange_request *x, struct err *e)
{
	size_t running = mpi_running_bytes(m, x);
	int owner = mpi_rank_of(m, x->bn_owner);
	for (int i = 0; i < x->hosted; i++)
		m->reports[m->ids[i]] =
		        (struct mpi_report){.loss = x->loss[m->ids[i]], .born = x->born[m->ids[i]]};
	for (int i = 0; i < x->hosted && x->shape.push_varies; i++)
		m->lengths[m->ids[i]] = message_length(true, m->push_bytes, x->pushes[i]);
	for (int r = 1; r < m->size; r++) {
		struct mpi_report *reports = m->reports + m->first[r];
		size_t bytes = (size_t)mpi_hosted(m, r) * sizeof *reports;
		if (m->rank == r && mpi_post_send(m, &m->other_requests, reports, bytes, 0, 0, e))
			return -1;
		if (m->rank == 0 && mpi_post_recv(m, &m->other_requests, reports, bytes, r, 0, e))
			return -1;
		if (x->shape.push_varies && post_lengths(m, r, e))
			return -1;
	}
	if (running > 0 && m->rank == owner)
		return mpi_post_send(m, &m->other_requests, m->st->running.at, running, 0, 0, e);
	return running > 0 && m->rank == 0
	               ? mpi_post_recv(m, &m->other_requests, m->st->running.at, running, owner, 0, e)
	               : 0;
}

static int finish_reports(struct mpi_self *m, const struct exchange_request *x, struct err *e)
{
	if (mpi_finish(&m->other_requests, e))
		return -1;
	for (int w = 0; m->rank == 0 && w < m->workers; w++) {
		x->loss[w] = m->reports[w].loss;
		x->born[w] = m->reports[w].born;
	}
	return 0;
}

/* All messages are here, for a rule that must see them at once: it answers all buckets, or none. */
static int meet(struct mpi_self *m, const struct exchange_request *x, struct exchange_reply *reply,
                struct err *e)
{
	enum meeting_end end = mpi_meet(m, x, e);
	if (end == MEETING_FAILED)
		return -1;
	if (end == MEETING_WITHHELD)
		reply->flags |= EXCHANGE_WITHHELD;
	for (int b = m->n_buckets - 1; b >= 0 && end == MEETING_ANSWERED; b--)
		if (pass_answer(m, x, &m->buckets[b], e))
			return -1;
	return 0;
}

static int vote(struct mpi_self *m, const struct exchange_request *x, struct exchange_reply *reply,
                double start, struct err *e)
{
	for (int i = 0; i < x->hosted; i++)
		m->ready[i] = 0;
	if (expect_votes(m, x, e) || send_ready(m, x, e))
		return -1;
	for (int b = m->n_buckets - 1; b >= 0; b--) {
		struct mpi_bucket *bucket = &m->buckets[b];
		if (bucket->stage == STAGE_UP &&
		    (mpi_finish(&bucket->requests, e) || answer(m, x, bucket, true, e)))
			return -1;
		reply->wait_s = clock_s() - start;
	}
	if (m->whole && meet(m, x, reply, e))
		return -1;
	for (int b = m->n_buckets - 1; b >= 0; b--)
		if (mpi_finish(&m->buckets[b].requests, e))
			return -1;
	return 0;
}

int mpi_round(struct mpi_self *m, const struct exchange_request *x, struct exchange_reply *reply,
              double start, struct err *e)
{
	reply->wait_s = clock_s() - start;
	if (post_reports(m, x, e) ||
	    (m->topology == TOPOLOGY_ALLREDUCE ? mpi_sum(m, x, e) : vote(m, x, reply, start, e)))
		return -1;
	m->votes_expected = false;
	for (int i = 0; i < x->hosted; i++)
		m->ready[i] = m->n_buckets;
	if (finish_reports(m, x, e))
		return -1;
	mpi_count_round(m, x, reply->flags & EXCHANGE_WITHHELD, reply);
	return 0;
}
