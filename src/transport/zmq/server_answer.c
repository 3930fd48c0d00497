/*
 * The answers to the last steps. All workers that were counted share one message, which ZeroMQ
 * reference-counts. A separate message is made for a worker that was not counted, asks late, needs no pull,
 * or becomes the owner of the running statistics.
 */
#include <string.h>
#include "base/hash.h"
#include "base/mem.h"
#include "transport/zmq/server.h"

enum { ANSWERS_LEAST = 4, ANSWERS_MOST = 64 };

/* Keep as many answers as fit into the memory that the parameters take, within bounds. */
void answers_open(struct server *s)
{
	struct answer_log *log = &s->log;
	size_t fit = s->st->x.count * sizeof(float) / s->layout.shape.pull_bytes;
	log->count = fit < ANSWERS_LEAST ? ANSWERS_LEAST : fit > ANSWERS_MOST ? ANSWERS_MOST : fit;
	log->at = mem_array(log->count, sizeof *log->at);
	for (size_t i = 0; i < log->count; i++) {
		zmq_msg_init(&log->at[i].message);
		log->at[i].born = mem_array((size_t)s->workers, sizeof *log->at[i].born);
	}
}

void answers_close(struct answer_log *log)
{
	for (size_t i = 0; i < log->count; i++) {
		zmq_msg_close(&log->at[i].message);
		mem_free(log->at[i].born);
	}
	mem_free(log->at);
}

struct answer *answers_find(const struct answer_log *log, uint64_t step)
{
	struct answer *a = &log->at[step % log->count];
	return a->there && a->step == step ? a : NULL;
}

/* SAVE and STOP are sent only to clients that save and stop with the server (endpoint.collect). */
static unsigned flags_of(const struct server *s, const struct exchange_reply *reply)
{
	unsigned flags = FRAME_COUNTED;
	if (s->endpoint->collect && reply->flags & EXCHANGE_SAVE)
		flags |= FRAME_SAVE;
	if (s->endpoint->collect && reply->flags & EXCHANGE_STOP)
		flags |= FRAME_STOP;
	if (reply->flags & EXCHANGE_WITHHELD)
		flags |= FRAME_WITHHELD;
	return flags;
}

struct answer *answers_add(struct server *s, const struct exchange_request *x,
                           const struct exchange_reply *reply)
{
	const struct layout *l = &s->layout;
	struct answer *a = &s->log.at[x->step % s->log.count];
	size_t pull = reply->flags & EXCHANGE_WITHHELD
	                      ? 0
	                      : message_length(l->shape.pull_varies, l->shard_pull, x->pull);
	zmq_msg_close(&a->message);
	message_init(&a->message, pull);
	unsigned char *body = message_body(&a->message);
	if (pull > 0 && l->n_shards > 1)
		planes_take(&l->shape.pull_planes, l->shape.n, l->begin, l->end, x->pull, body);
	else
		memcpy(body, x->pull, pull);
	a->there = true;
	a->step = x->step;
	a->bn_owner = reply->bn_owner;
	for (int m = 0; m < s->workers; m++)
		a->born[m] = x->born[m];
	a->head = (struct frame){.type = FRAME_ANSWER,
	                         .flags = flags_of(s, reply),
	                         .run = s->run,
	                         .step = x->step,
	                         .born = (int64_t)x->step + 1,
	                         .worker = (uint32_t)reply->bn_owner,
	                         .bytes = pull,
	                         .body_hash = hash_words(0, body, pull)};
	frame_write(&a->head, zmq_msg_data(&a->message));
	return a;
}

/*
 * Does worker m become the owner of the running statistics with this answer, while the server's copy came
 * from another worker or from a checkpoint?
 */
static bool becomes_bn_owner(const struct server *s, int m, const struct answer *a)
{
	return s->layout.running_bytes > 0 && m == a->bn_owner && a->step + 1 == s->round.step &&
	       s->running_of != m;
}

/*
 * Was the asking process's own vote, with a state that began at `born`, counted? A restarted worker may ask
 * for the answer to a vote that its earlier process sent.
 */
static bool counted(const struct answer *a, int m, int64_t born)
{
	return born >= 0 && a->born[m] == born;
}

void answer_send(struct server *s, int m, struct answer *a, const struct open_request *r)
{
	struct peer *p = &s->peers[m];
	bool running = becomes_bn_owner(s, m, a);
	size_t pull_bytes = r->no_pull ? 0 : a->head.bytes;
	struct frame f = a->head;
	zmq_msg_t message;
	f.flags = (counted(a, m, r->born) ? FRAME_COUNTED : 0) | (r->no_pull ? FRAME_NO_PULL : 0) |
	          (running ? FRAME_HAS_RUNNING : 0) | (f.flags & FRAME_WITHHELD) |
	          (a->step + 1 == s->round.step ? f.flags & (FRAME_SAVE | FRAME_STOP) : 0);
	f.born = (int64_t)s->round.step;
	f.bytes = pull_bytes + (running ? s->layout.running_bytes : 0);
	message_init(&message, f.bytes);
	unsigned char *body = message_body(&message);
	memcpy(body, message_body(&a->message), pull_bytes);
	if (running)
		memcpy(body + pull_bytes, s->st->running.at, s->layout.running_bytes);
	if (r->no_pull || running)
		f.body_hash = hash_words(0, body, f.bytes);
	frame_write(&f, zmq_msg_data(&message));
	p->request.open = false;
	p->answered = a->step + 1;
	server_post(s, m, &message);
}

void answer_send_open(struct server *s, int m, struct answer *a)
{
	struct peer *p = &s->peers[m];
	struct open_request r = p->request;
	zmq_msg_t same;
	if (r.no_pull || !counted(a, m, r.born) || becomes_bn_owner(s, m, a)) {
		answer_send(s, m, a, &r);
		return;
	}
	zmq_msg_init(&same);
	zmq_msg_copy(&same, &a->message);
	p->request.open = false;
	p->answered = a->step + 1;
	server_post(s, m, &same);
}
