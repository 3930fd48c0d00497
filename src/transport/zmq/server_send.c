/* Messages from the server to a peer. */
#include <string.h>
#include "transport/zmq/server.h"

static bool try_send(struct server *s, const struct route *to, zmq_msg_t *m)
{
	return zmq_send(s->router, to->at, to->bytes, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
	       zmq_msg_send(m, s->router, ZMQ_DONTWAIT) >= 0;
}

static bool send_to(struct server *s, const struct route *to, zmq_msg_t *m)
{
	size_t bytes = zmq_msg_size(m);
	bool sent = try_send(s, to, m) || (!message_queue_full(s->router) && try_send(s, to, m));
	if (sent)
		s->down += zmq_wire_bytes(s->endpoint->trust, bytes);
	else
		zmq_msg_close(m);
	return sent;
}

bool server_post(struct server *s, int m, zmq_msg_t *message)
{
	uint64_t bytes = zmq_wire_bytes(s->endpoint->trust, zmq_msg_size(message));
	bool big = zmq_msg_size(message) > SMALL_BODY;
	if (big)
		later_before(s, m);
	bool sent = send_to(s, &s->peers[m].presence.route, message);
	if (big && sent)
		later_after(s, m, bytes);
	return sent;
}

bool server_say(struct server *s, const struct route *to, struct frame *f, const void *body, size_t bytes)
{
	zmq_msg_t m;
	message_make(&m, f, s->run, body, bytes);
	return send_to(s, to, &m);
}

void server_sentence(struct server *s, const struct route *to, enum frame_type type, const char *sentence)
{
	struct frame f = {.type = type, .step = s->round.step};
	size_t bytes = strlen(sentence);
	server_say(s, to, &f, sentence, bytes < FRAME_SENTENCE ? bytes : FRAME_SENTENCE);
}

void server_welcome(struct server *s, int m, uint64_t x_hash)
{
	const struct peer *p = &s->peers[m];
	struct frame f = {.type = FRAME_WELCOME,
	                  .step = s->round.step,
	                  .born = s->instance,
	                  .worker = (uint32_t)m,
	                  .x_hash = x_hash,
	                  .count = s->set.buckets > 1 ? (unsigned)s->set.buckets : 0};
	if (p->vote.kept)
		f.flags |= FRAME_HAVE_VOTE;
	if (s->role->main && (s->st->given || s->round.step > 0))
		f.flags |= FRAME_GIVEN;
	server_say(s, &p->presence.route, &f, s->welcome.text, s->welcome.length);
}

void server_stale(struct server *s, int m, uint64_t step)
{
	struct frame f = {
	        .type = FRAME_ANSWER, .flags = FRAME_STALE, .step = step, .born = (int64_t)s->round.step};
	server_say(s, &s->peers[m].presence.route, &f, NULL, 0);
}

void server_done(struct server *s, int m)
{
	struct peer *p = &s->peers[m];
	server_sentence(s, &p->presence.route, FRAME_DONE, s->ending.why ? s->ending.why : "");
	p->presence.leaving = true;
	p->request.open = false;
}
