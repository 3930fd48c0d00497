/* For tests of transport zmq: clients that lie, made by hand, beside the toy experiment of zmq_peer.h. */
#ifndef SIGNSGD_TESTS_SUPPORT_ZMQ_BYZANTINE_H
#define SIGNSGD_TESTS_SUPPORT_ZMQ_BYZANTINE_H

#include "tests/support/zmq_peer.h"

/* A hand-made worker: says whatever it is told to. It is worker `id`, or nobody that the server knows (-1).
 */
struct liar {
	const struct toy *toy;
	void *context, *dealer;
	int id;
	uint64_t run;
};

/* key NULL: none is used. server: its public key, or NULL. */
static inline void liar_open(struct liar *l, const struct toy *t, int id, const char *address,
                             const struct curve_key *server, const struct curve_key *key)
{
	int wait_ms = 10000, linger = 0;
	*l = (struct liar){.toy = t, .id = id, .run = zmq_run_number("{\"toy\": 1}")};
	l->context = zmq_ctx_new();
	l->dealer = zmq_socket(l->context, ZMQ_DEALER);
	zmq_setsockopt(l->dealer, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
	zmq_setsockopt(l->dealer, ZMQ_SNDTIMEO, &wait_ms, sizeof wait_ms);
	zmq_setsockopt(l->dealer, ZMQ_LINGER, &linger, sizeof linger);
	if (server) {
		zmq_setsockopt(l->dealer, ZMQ_CURVE_SERVERKEY, server->public_key, CURVE_TEXT + 1);
		zmq_setsockopt(l->dealer, ZMQ_CURVE_PUBLICKEY, key->public_key, CURVE_TEXT + 1);
		zmq_setsockopt(l->dealer, ZMQ_CURVE_SECRETKEY, key->secret_key, CURVE_TEXT + 1);
	} else if (key) {
		zmq_setsockopt(l->dealer, ZMQ_PLAIN_USERNAME, key->name, strlen(key->name));
		zmq_setsockopt(l->dealer, ZMQ_PLAIN_PASSWORD, key->secret_key, CURVE_TEXT);
	}
	if (zmq_connect(l->dealer, address))
		die("%s", zmq_strerror(errno));
}

static inline void liar_close(struct liar *l)
{
	zmq_close(l->dealer);
	zmq_ctx_term(l->context);
}

/* As the protocol has it; then the bytes from `spoil_at` (if >= 0) are made other ones. */
static inline void liar_say(struct liar *l, struct frame f, const void *body, size_t bytes, int spoil_at)
{
	unsigned char *message = mem_array(FRAME_HEADER_BYTES + bytes, 1);
	f.run = f.run ? f.run : l->run;
	f.worker = (uint32_t)l->id;
	f.bytes = bytes;
	f.body_hash = hash_words(0, body, bytes);
	frame_write(&f, message);
	if (bytes > 0)
		memcpy(message + FRAME_HEADER_BYTES, body, bytes);
	if (spoil_at >= 0)
		message[spoil_at] ^= 0x5a;
	zmq_send(l->dealer, message, FRAME_HEADER_BYTES + bytes, 0);
	mem_free(message);
}

/* The next message's header; false: nothing came for a long time. */
static inline bool liar_hear(struct liar *l, struct frame *f)
{
	zmq_msg_t m;
	zmq_msg_init(&m);
	bool sound = zmq_msg_recv(&m, l->dealer, 0) >= 0 &&
	             frame_read(f, zmq_msg_data(&m), zmq_msg_size(&m)) == FRAME_SOUND;
	zmq_msg_close(&m);
	return sound;
}

/* Wait for a message of this type, of this step if that is not FRAME_NOWHERE; others are not looked at. */
static inline bool liar_await(struct liar *l, enum frame_type type, uint64_t step, struct frame *f)
{
	while (liar_hear(l, f))
		if (f->type == type && (step == FRAME_NOWHERE || f->step == step) &&
		    !(f->flags & FRAME_STALE))
			return true;
	return false;
}

/* HELLO, and the step at which the run is. */
static inline uint64_t liar_join(struct liar *l)
{
	struct frame f;
	liar_say(l, (struct frame){.type = FRAME_HELLO, .step = FRAME_NOWHERE}, "liar", 4, -1);
	if (!liar_await(l, FRAME_WELCOME, FRAME_NOWHERE, &f))
		die("the liar was not welcomed");
	return f.step;
}

/* A vote that is in order: all zeros (toy.zeros). */
static inline void liar_vote(struct liar *l, uint64_t step)
{
	size_t bytes = l->toy->agg->push_bytes(l->toy->job.state, l->toy->n);
	void *push = mem_array(bytes, 1);
	liar_say(l, (struct frame){.type = FRAME_PUSH, .step = step, .born = (int64_t)step}, push, bytes, -1);
	mem_free(push);
}

#endif
