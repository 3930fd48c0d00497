/*
 * The meeting of a rule that must see all messages at once. In topology star it is at process 0. In topology
 * sharded each process has a share of every message, whole blocks of coordinates in order of process; the
 * sums over blocks travel, so that all decide the same, and add in the same order as a single process.
 */
#include "transport/lanes.h"
#include "transport/nccl/nccl.h"

/* Of process r: its first block of coordinates; r = size: the number of blocks. */
static size_t first_block(const struct nccl_self *s, int r)
{
	size_t blocks = meeting_blocks(s->n), first = (size_t)r * (s->share / MEETING_BLOCK);
	return first < blocks ? first : blocks;
}

/* struct meeting, gather() */
static int gather(void *self, double *sums, size_t each, struct err *e)
{
	struct nccl_self *s = self;
	size_t all = meeting_blocks(s->n) * each * sizeof *sums;
	for (int r = 1; r < s->size; r++) {
		size_t first = first_block(s, r), count = first_block(s, r + 1) - first;
		if (count > 0 &&
		    control_carry(s->control, sums + first * each, count * each * sizeof *sums, r, 0, e))
			return -1;
		s->gathered += count * each * sizeof *sums;
	}
	s->gathered += ((uint64_t)s->size - 1) * all;
	return s->size > 1 ? control_broadcast(s->control, sums, all, e) : 0;
}

/* All must have come to the same end; one that was not there says nothing. */
static enum meeting_end agree(struct nccl_self *s, struct nccl_verdict own, struct err *e)
{
	bool answered = false, withheld = false;
	s->verdicts[s->rank] = own;
	if (s->size > 1 && control_allgather(s->control, s->verdicts, sizeof *s->verdicts, e))
		return MEETING_FAILED;
	for (int r = 0; r < s->size; r++) {
		answered = answered || s->verdicts[r].answered;
		withheld = withheld || s->verdicts[r].withheld;
	}
	if (answered && withheld) {
		err_world(e,
		          "nccl: some processes answer this step and others withhold it; do all run the same "
		          "program on the same kind of machine?");
		return MEETING_FAILED;
	}
	return withheld ? MEETING_WITHHELD : MEETING_ANSWERED;
}

enum meeting_end nccl_meet(struct nccl_self *s, const struct exchange_request *x, struct err *e)
{
	bool star = s->topology == TOPOLOGY_STAR;
	struct nccl_share mine = nccl_share_of(s, s->rank);
	struct meeting meeting = {.count = s->workers,
	                          .ids = s->ids_of_all,
	                          .pushes = s->pushes,
	                          .begin = mine.begin,
	                          .end = mine.end,
	                          .pool = s->pool,
	                          .gather = star ? NULL : gather,
	                          .self = s,
	                          .removed = s->removed};
	struct nccl_verdict verdict = {0, 0};
	for (int w = 0; w < s->workers; w++)
		s->removed[w] = false;
	if (!star || s->rank == 0) {
		enum meeting_end end = lanes_meet(x, &meeting, e);
		if (end == MEETING_FAILED)
			return MEETING_FAILED;
		verdict = (struct nccl_verdict){end == MEETING_ANSWERED, end == MEETING_WITHHELD};
	}
	return agree(s, verdict, e);
}
