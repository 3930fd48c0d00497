/*
 * Which process has which coordinates, where what arrives lies, and how many bytes that is.
 *
 * combine() is given whole messages and reads its range of them. Of a message of another process only this
 * process's share is here; its address is that of the whole message around it. Planes are apart by the same
 * distance as in a whole message, so the shares of several messages lie between the planes of one.
 *
 * Bytes are what is sent, without what NCCL and TCP add: up are heads, votes, reports and running statistics;
 * down are answers. An all-reduce counts as a ring: half of its bytes up (partial sums), half down.
 */
#include "backend/cuda/cuda.h"
#include "base/mem.h"
#include "transport/nccl/nccl.h"

enum { ALIGNED = 256 };

static size_t aligned(size_t bytes)
{
	return (bytes + ALIGNED - 1) / ALIGNED * ALIGNED;
}

/* Coordinates of a share: whole words, or whole blocks. */
static size_t share_size(const struct nccl_self *s)
{
	size_t unit = s->whole ? MEETING_BLOCK : 64, units = (s->n + unit - 1) / unit, size = (size_t)s->size;
	return (units + size - 1) / size * unit;
}

/* An empty one is at 0, where a block begins. */
struct nccl_share nccl_share_of(const struct nccl_self *s, int r)
{
	size_t begin = (size_t)r * s->share;
	if (s->topology != TOPOLOGY_SHARDED)
		return (struct nccl_share){0, r == 0 ? s->n : 0};
	if (begin >= s->n)
		return (struct nccl_share){0, 0};
	return (struct nccl_share){begin, s->n - begin < s->share ? s->n : begin + s->share};
}

int nccl_planes_in(const struct planes *p)
{
	return p->count > 0 ? p->count : 1;
}

struct nccl_range nccl_range_of(const struct nccl_self *s, const struct planes *p, size_t message_bytes,
                                const struct nccl_share *share, int k)
{
	if (p->count == 0)
		return (struct nccl_range){0, share->begin < share->end ? message_bytes : 0};
	size_t at = planes_offset(p, s->n, share->begin);
	return (struct nccl_range){(size_t)k * planes_stride(p, s->n) + at,
	                           planes_offset(p, s->n, share->end) - at};
}

size_t nccl_running_bytes(const struct nccl_self *s, const struct exchange_request *x)
{
	return s->st && topology_dealt(s->first, x->bn_owner) != 0 ? s->st->running.count * sizeof(float) : 0;
}

/* --- memory ------------------------------------------------------------------------------------------- */

/* The shares of `count` messages: how many lie between the planes of one, and the bytes of these. */
struct layout {
	size_t share, together, bytes;
};

static struct layout layout_of(const struct nccl_self *s)
{
	struct nccl_share mine = nccl_share_of(s, s->rank);
	struct nccl_range first = nccl_range_of(s, &s->push, s->push_bytes, &mine, 0);
	size_t planes = (size_t)nccl_planes_in(&s->push), share = aligned(first.bytes), together = 1;
	if (planes == 1)
		return (struct layout){share, 1, share};
	size_t stride = planes_stride(&s->push, s->n);
	if (share > 0 && share <= stride)
		together = stride / share;
	return (struct layout){share, together, aligned(planes * stride)};
}

/* Does anything meet here? */
static bool meets(const struct nccl_self *s)
{
	struct nccl_share mine = nccl_share_of(s, s->rank);
	return s->topology != TOPOLOGY_ALLREDUCE && mine.begin < mine.end;
}

static void place_messages(struct nccl_self *s)
{
	struct nccl_share mine = nccl_share_of(s, s->rank);
	struct nccl_range first = nccl_range_of(s, &s->push, s->push_bytes, &mine, 0);
	int begin = s->first[s->rank], end = s->first[s->rank + 1];
	size_t elsewhere = (size_t)(s->workers - (end - begin)), i = 0;
	struct layout l = layout_of(s);
	if (!meets(s) || elsewhere == 0)
		return;
	s->received = cuda_memory.alloc((elsewhere + l.together - 1) / l.together * l.bytes,
	                                "messages of other processes");
	for (int w = 0; w < s->workers; w++) {
		if (w >= begin && w < end)
			continue;
		uintptr_t at = (uintptr_t)s->received + i / l.together * l.bytes + i % l.together * l.share;
		s->pushes[w] = (const void *)(at - first.at);
		i++;
	}
}

static void open_answers(struct nccl_self *s)
{
	if (s->topology != TOPOLOGY_SHARDED || s->size == 1)
		return;
	s->answer_bytes = s->share / 64 * (size_t)s->pull.bits * 8;
	s->answers = cuda_memory.alloc((size_t)s->pull.count * (size_t)s->size * s->answer_bytes,
	                               "answers of other processes");
}

/* --- bytes -------------------------------------------------------------------------------------------- */

/* Of process r's share of a message. */
static uint64_t share_bytes(const struct nccl_self *s, const struct planes *p, size_t message_bytes, int r)
{
	struct nccl_share share = nccl_share_of(s, r);
	return (uint64_t)nccl_planes_in(p) * nccl_range_of(s, p, message_bytes, &share, 0).bytes;
}

static void traffic(struct nccl_self *s, uint64_t vote, int r)
{
	uint64_t hosted = (uint64_t)nccl_hosted(s, r), others = (uint64_t)s->size - 1;
	if (s->topology == TOPOLOGY_ALLREDUCE) {
		uint64_t sums = s->pull_bytes - s->pull_bytes / (uint64_t)s->size;
		s->bytes_up += sums;
		s->bytes_down += sums;
		s->moved[r] += 4 * sums;
		return;
	}
	uint64_t vote_share = share_bytes(s, &s->push, s->push_bytes, r);
	uint64_t answer_share = share_bytes(s, &s->pull, s->pull_bytes, r);
	uint64_t up = hosted * (vote - vote_share), down = others * answer_share;
	s->bytes_up += up;
	s->bytes_down += down;
	s->moved[r] += up + ((uint64_t)s->workers - hosted) * vote_share;
	s->answered[r] = down + s->pull_bytes - answer_share;
}

/* What each process says to all others goes to process 0, and all of it from there to each. */
static uint64_t said_by_all(const struct nccl_self *s, uint64_t bytes)
{
	return ((uint64_t)s->size - 1) * ((uint64_t)s->size + 1) * bytes;
}

static void count_bytes(struct nccl_self *s, const struct exchange_request *x)
{
	uint64_t said = sizeof *s->heads + (x->rule.meet ? sizeof *s->verdicts : 0), vote = 0;
	uint64_t running = nccl_running_bytes(s, x);
	uint64_t reports = (uint64_t)(s->workers - nccl_hosted(s, 0)) * sizeof *s->reports;
	for (int r = 0; r < s->size; r++)
		vote += share_bytes(s, &s->push, s->push_bytes, r);
	s->bytes_up = said_by_all(s, said) + reports + running;
	for (int r = 0; r < s->size; r++) {
		s->moved[r] = r == 0 ? s->bytes_up
		                     : ((uint64_t)s->size + 1) * said +
		                               (uint64_t)nccl_hosted(s, r) * sizeof *s->reports;
		s->moved[r] += r > 0 && r == topology_dealt(s->first, x->bn_owner) ? running : 0;
	}
	for (int r = 0; r < s->size; r++)
		traffic(s, vote, r);
}

void nccl_count_round(const struct nccl_self *s, bool withheld, struct exchange_reply *reply)
{
	reply->bytes_up = s->bytes_up + s->gathered;
	reply->bytes_down = withheld ? 0 : s->bytes_down;
	reply->bytes_busiest = 0;
	for (int r = 0; r < s->size; r++) {
		uint64_t all = s->moved[r] + (withheld ? 0 : s->answered[r]);
		all += r == 0 ? s->gathered : 0; /* process 0 has all of them */
		reply->bytes_busiest = all > reply->bytes_busiest ? all : reply->bytes_busiest;
	}
}

/* --- */

int nccl_round_open(struct nccl_self *s, const struct exchange_request *x, struct err *e)
{
	size_t workers = (size_t)s->workers, size = (size_t)s->size;
	if (s->topology == TOPOLOGY_SHARDED && x->shape.pull_planes.count == 0 && s->size > 1)
		return err_user(e, "nccl: an answer in one piece needs topology 'star'");
	s->n = x->shape.n;
	s->push_bytes = x->shape.push_bytes;
	s->pull_bytes = x->shape.pull_bytes;
	s->push = x->shape.push_planes;
	s->pull = x->shape.pull_planes;
	s->whole = x->rule.meet != NULL;
	s->share = share_size(s);
	s->pushes = mem_array(workers, sizeof *s->pushes);
	s->reports = mem_array(workers, sizeof *s->reports);
	s->verdicts = mem_array(size, sizeof *s->verdicts);
	s->moved = mem_array(size, sizeof *s->moved);
	s->answered = mem_array(size, sizeof *s->answered);
	s->ids_of_all = mem_array(workers, sizeof *s->ids_of_all);
	s->removed = mem_array(workers, sizeof *s->removed);
	for (int w = 0; w < s->workers; w++)
		s->ids_of_all[w] = w;
	place_messages(s);
	open_answers(s);
	count_bytes(s, x);
	return 0;
}

void nccl_round_close(struct nccl_self *s)
{
	cuda_memory.release(s->received);
	cuda_memory.release(s->answers);
	mem_free(s->pushes);
	mem_free(s->reports);
	mem_free(s->verdicts);
	mem_free(s->moved);
	mem_free(s->answered);
	mem_free(s->ids_of_all);
	mem_free(s->removed);
}
