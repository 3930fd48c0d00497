/* The data of a round: votes up, answers down. */
#include "backend/cuda/cuda.h"
#include "base/clock.h"
#include "transport/lanes.h"
#include "transport/nccl/nccl.h"

/* Calls between nccl_begin() and the end of a group: the first that fails is told at its end. */
struct group {
	struct nccl_self *s;
	nccl_result rc;
};

static struct group begin(struct nccl_self *s)
{
	cuda_here();
	return (struct group){s, s->library->begin()};
}

static void note(struct group *g, nccl_result rc)
{
	if (g->rc == NCCL_OK)
		g->rc = rc == NCCL_IN_PROGRESS ? NCCL_OK : rc;
}

/* Wait until it is done, and all that was given to the queue. */
static int end(struct group *g, const char *what, struct err *e)
{
	struct nccl_self *s = g->s;
	note(g, s->library->end());
	return nccl_said(s, g->rc, what, e) || nccl_settle(s, what, e) || nccl_finish(s, what, e) ? -1 : 0;
}

/* To all that have a share, the next process first. */
static void send_vote(struct group *g, const char *message)
{
	struct nccl_self *s = g->s;
	for (int d = 1; d < s->size; d++) {
		int to = (s->rank + d) % s->size;
		struct nccl_share yours = nccl_share_of(s, to);
		for (int k = 0; k < nccl_planes_in(&s->push); k++) {
			struct nccl_range p = nccl_range_of(s, &s->push, s->push_bytes, &yours, k);
			if (p.bytes > 0)
				note(g, s->library->send(message + p.at, p.bytes, NCCL_BYTES, to, s->comm,
				                         s->queue->stream));
		}
	}
}

static void receive_votes(struct group *g, int from)
{
	struct nccl_self *s = g->s;
	struct nccl_share mine = nccl_share_of(s, s->rank);
	for (int w = s->first[from]; w < s->first[from + 1]; w++)
		for (int k = 0; k < nccl_planes_in(&s->push); k++) {
			struct nccl_range p = nccl_range_of(s, &s->push, s->push_bytes, &mine, k);
			char *to = (char *)((uintptr_t)s->pushes[w] + p.at);
			if (p.bytes > 0)
				note(g, s->library->receive(to, p.bytes, NCCL_BYTES, from, s->comm,
				                            s->queue->stream));
		}
}

static int exchange_votes(struct nccl_self *s, const struct exchange_request *x, struct err *e)
{
	int first = s->first[s->rank];
	for (int i = 0; i < x->hosted; i++)
		s->pushes[first + i] = x->pushes[i];
	if (s->size == 1)
		return 0;
	struct group g = begin(s);
	for (int i = 0; i < x->hosted; i++)
		send_vote(&g, x->pushes[i]);
	for (int d = 1; d < s->size; d++)
		receive_votes(&g, (s->rank + s->size - d) % s->size);
	return end(&g, "votes", e);
}

/* Where this process's share of plane k is gathered, and that of process r. */
static char *answer_at(const struct nccl_self *s, int k, int r)
{
	return s->answers + ((size_t)k * (size_t)s->size + (size_t)r) * s->answer_bytes;
}

static int gather_answers(struct nccl_self *s, char *pull, struct err *e)
{
	struct nccl_share mine = nccl_share_of(s, s->rank), all = {0, s->n};
	for (int k = 0; k < s->pull.count; k++) {
		struct nccl_range p = nccl_range_of(s, &s->pull, s->pull_bytes, &mine, k);
		cuda_memory.copy(s->queue, answer_at(s, k, s->rank), pull + p.at, p.bytes);
	}
	struct group g = begin(s);
	for (int k = 0; k < s->pull.count; k++)
		note(&g, s->library->gather(answer_at(s, k, s->rank), answer_at(s, k, 0), s->answer_bytes,
		                            NCCL_BYTES, s->comm, s->queue->stream));
	if (end(&g, "answers", e))
		return -1;
	for (int k = 0; k < s->pull.count; k++) {
		struct nccl_range p = nccl_range_of(s, &s->pull, s->pull_bytes, &all, k);
		cuda_memory.copy(s->queue, pull + p.at, answer_at(s, k, 0), p.bytes);
	}
	return nccl_finish(s, "answers", e);
}

static int pass_answers(struct nccl_self *s, const struct exchange_request *x, struct err *e)
{
	if (s->size == 1)
		return 0;
	if (s->topology == TOPOLOGY_SHARDED)
		return gather_answers(s, x->pull, e);
	struct group g = begin(s);
	note(&g, s->library->broadcast(x->pull, x->pull, s->pull_bytes, NCCL_BYTES, 0, s->comm,
	                               s->queue->stream));
	return end(&g, "answer", e);
}

/* NCCL's own sum of floats, as in libraries for synchronous SGD. Its order is its own. */
static int sum(struct nccl_self *s, const struct exchange_request *x, struct err *e)
{
	float *all = x->pull; /* [n] */
	cuda_memory.fill(s->queue, all, 0, s->n * sizeof *all);
	for (int i = 0; i < x->hosted; i++)
		cuda_add(s->queue, s->n, x->pushes[i], all);
	if (s->size > 1) {
		struct group g = begin(s);
		note(&g,
		     s->library->reduce(all, all, s->n, NCCL_FLOATS, NCCL_SUM, s->comm, s->queue->stream));
		if (end(&g, "sum", e))
			return -1;
	}
	cuda_scale(s->queue, s->n, (float)(1.0 / s->workers), all, all);
	return nccl_finish(s, "sum", e);
}

/* Send to the root: losses and `born` of all workers, which it records, and the running statistics, with
 * which it evaluates. */
static int report(struct nccl_self *s, const struct exchange_request *x, struct err *e)
{
	size_t running = nccl_running_bytes(s, x);
	int owner = topology_dealt(s->first, x->bn_owner);
	for (int i = 0; i < x->hosted; i++)
		s->reports[s->ids[i]] =
		        (struct nccl_report){.loss = x->loss[s->ids[i]], .born = x->born[s->ids[i]]};
	for (int r = 1; r < s->size; r++)
		if (control_carry(s->control, s->reports + s->first[r],
		                  (size_t)nccl_hosted(s, r) * sizeof *s->reports, r, 0, e))
			return -1;
	if (running > 0 && control_carry(s->control, s->st->running.at, running, owner, 0, e))
		return -1;
	for (int w = 0; s->rank == 0 && w < s->workers; w++) {
		x->loss[w] = s->reports[w].loss;
		x->born[w] = s->reports[w].born;
	}
	return 0;
}

/* A rule that must see all messages at once answers all coordinates, or none. */
static int answer(struct nccl_self *s, const struct exchange_request *x, struct exchange_reply *reply,
                  struct err *e)
{
	struct nccl_share mine = nccl_share_of(s, s->rank);
	if (!s->whole) {
		if (mine.begin < mine.end)
			lanes_combine(s->pool, x, s->workers, s->pushes, mine.begin, mine.end);
		return pass_answers(s, x, e);
	}
	enum meeting_end ended = nccl_meet(s, x, e);
	if (ended == MEETING_WITHHELD)
		reply->flags |= EXCHANGE_WITHHELD;
	return ended == MEETING_ANSWERED ? pass_answers(s, x, e) : ended == MEETING_FAILED ? -1 : 0;
}

int nccl_round(struct nccl_self *s, const struct exchange_request *x, struct exchange_reply *reply,
               double start, struct err *e)
{
	s->gathered = 0;
	if (s->topology == TOPOLOGY_ALLREDUCE) {
		if (sum(s, x, e))
			return -1;
		reply->wait_s = clock_s() - start;
	} else {
		if (exchange_votes(s, x, e))
			return -1;
		reply->wait_s = clock_s() - start;
		if (answer(s, x, reply, e))
			return -1;
	}
	nccl_count_round(s, reply->flags & EXCHANGE_WITHHELD, reply);
	return report(s, x, e);
}
