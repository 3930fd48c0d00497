/* The vote of a worker for the present step: check, keep, count, forget. */
#include <string.h>
#include "transport/zmq/server.h"

enum { ALIGNED = 8 /* bytes: the alignment that kernels need of a push */ };

/* --- checking a vote ------------------------------------------------------------------------------------ */

/*
 * A worker's state begins in this step, or began when the server has recorded: in its first round what the
 * run's state says (train_state.born), for a run that is resumed.
 */
static bool born_holds(const struct server *s, const struct peer *p, const struct frame *f)
{
	if (f->born < 0 || (uint64_t)f->born > f->step)
		return false;
	int64_t known = s->round.first ? s->st->born[p - s->peers] : p->born;
	return (uint64_t)f->born == f->step || f->born == known;
}

bool vote_hash_holds(const struct server *s, uint64_t x_hash)
{
	uint64_t expected = s->round.expected_hash;
	return expected == 0 || x_hash == 0 || x_hash == expected;
}

/* Bytes of the push in a vote of this header; what follows it are the running statistics. */
static size_t vote_push_bytes(const struct layout *l, const struct frame *f)
{
	size_t running = f->flags & FRAME_HAS_RUNNING ? l->running_bytes : 0;
	if (l->shape.push_varies)
		return f->bytes > running ? f->bytes - running : 0;
	return bucket_closes(l, f) ? 0 : l->shard_push;
}

bool vote_length_holds(const struct server *s, int m, const struct frame *f, const unsigned char *body)
{
	const struct layout *l = &s->layout;
	bool closes = bucket_closes(l, f), running = f->flags & FRAME_HAS_RUNNING;
	if (f->step == s->round.step && m == s->round.bn_owner && l->running_bytes > 0 && !running)
		return false; /* only this worker can send the running statistics */
	if (f->count > 0 && !closes)
		return false;
	size_t push = vote_push_bytes(l, f);
	if (l->shape.push_varies)
		return message_length_holds(true, l->shard_push, body, push);
	return f->bytes == push + (running ? l->running_bytes : 0);
}

static enum fault check_padding(const struct layout *l, const unsigned char *push)
{
	return planes_padding_clear(&l->shape.push_planes, l->shape.n, push) ? FAULTS : FAULT_PADDING;
}

/* Where nobody vouches for the workers: can an honest batch have made these running statistics? */
static bool running_holds(struct server *s, const unsigned char *next)
{
	if (!s->next_running)
		return true;
	memcpy(s->next_running, next, s->layout.running_bytes); /* a message may lie at any address */
	return s->st->running_fits(s->st->running_ctx, s->next_running);
}

enum fault vote_check(struct server *s, int m, const struct frame *f, zmq_msg_t *message)
{
	const struct layout *l = &s->layout;
	struct peer *p = &s->peers[m];
	bool closes = bucket_closes(l, f), sharded = l->n_shards > 1;
	if (p->vote.kept)
		return FAULT_DUPLICATE;
	if (closes && p->vote.n_buckets < l->n_buckets)
		return FAULT_WRONG_ORDER;
	if (sharded)
		bucket_place_shard(l, &p->vote, message);
	if (s->role->main && !born_holds(s, p, f))
		return FAULT_WRONG_BORN;
	if (s->role->main && !vote_hash_holds(s, f->x_hash))
		return FAULT_WRONG_HASH;
	if (m == s->round.bn_owner && !running_holds(s, message_body(message) + vote_push_bytes(l, f)))
		return FAULT_WRONG_RUNNING;
	return check_padding(l,
	                     closes || sharded ? p->vote.buffer + FRAME_HEADER_BYTES : message_body(message));
}

/* --- keeping a vote ------------------------------------------------------------------------------------- */

/* Align the message: kernels read whole words, but ZeroMQ may place small messages at any address. */
static void align(zmq_msg_t *message)
{
	zmq_msg_t aligned;
	size_t bytes = zmq_msg_size(message);
	if ((uintptr_t)zmq_msg_data(message) % ALIGNED == 0)
		return;
	if (zmq_msg_init_size(&aligned, bytes + ALIGNED))
		die("no memory for a message of %zu bytes", bytes);
	if ((uintptr_t)zmq_msg_data(&aligned) % ALIGNED)
		BUG("ZeroMQ's own messages are not aligned");
	memcpy(zmq_msg_data(&aligned), zmq_msg_data(message), bytes);
	zmq_msg_move(message, &aligned);
	zmq_msg_close(&aligned);
}

void vote_keep(struct server *s, int m, const struct frame *f, zmq_msg_t *message)
{
	const struct layout *l = &s->layout;
	struct peer *p = &s->peers[m];
	struct peer_vote *v = &p->vote;
	if (bucket_closes(l, f))
		bucket_assemble(l, v, message, 0);
	else if (l->n_shards > 1)
		bucket_assemble(l, v, message, l->shard_push);
	else
		align(message);
	zmq_msg_move(&v->message, message);
	v->kept = true;
	v->push_bytes = l->shape.push_varies ? vote_push_bytes(l, f) : l->shape.push_bytes;
	v->loss = f->value;
	v->born = f->born;
	v->x_hash = f->x_hash;
	v->attempt = (uint64_t)1 << 32 | f->worker;
	p->request =
	        (struct open_request){.open = true, .no_pull = f->flags & FRAME_NO_PULL, .born = f->born};
	if (s->role->main)
		vote_recount(s, m);
	else
		s->role->have(s);
}

void vote_recount(struct server *s, int m)
{
	struct peer_vote *v = &s->peers[m].vote;
	bool complete = v->kept && (!s->role->complete || s->role->complete(s, m));
	s->round.n_votes += complete - v->complete;
	v->complete = complete;
}

void vote_forget(struct server *s, int m)
{
	s->peers[m].vote.kept = false;
	s->peers[m].vote.n_buckets = 0;
	vote_recount(s, m);
}

void vote_clear(struct peer_vote *v)
{
	v->kept = v->complete = false;
	v->n_buckets = 0;
	zmq_msg_close(&v->message);
	zmq_msg_init(&v->message);
}
