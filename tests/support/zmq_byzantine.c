#include "tests/support/zmq_byzantine.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "base/hash.h"
#include "base/mem.h"
#include "tests/support/process.h"

void byzantine_open(struct byzantine *b, const struct toy *t, int id, const char *address,
                    const struct curve_key *server, const struct curve_key *key)
{
	int wait_ms = 60000, linger = 0;
	*b = (struct byzantine){.toy = t, .id = id, .run = zmq_run_number("{\"toy\": 1}")};
	b->context = zmq_ctx_new();
	b->dealer = zmq_socket(b->context, ZMQ_DEALER);
	zmq_setsockopt(b->dealer, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
	zmq_setsockopt(b->dealer, ZMQ_SNDTIMEO, &wait_ms, sizeof wait_ms);
	zmq_setsockopt(b->dealer, ZMQ_LINGER, &linger, sizeof linger);
	if (server) {
		zmq_setsockopt(b->dealer, ZMQ_CURVE_SERVERKEY, server->public_key, CURVE_TEXT + 1);
		zmq_setsockopt(b->dealer, ZMQ_CURVE_PUBLICKEY, key->public_key, CURVE_TEXT + 1);
		zmq_setsockopt(b->dealer, ZMQ_CURVE_SECRETKEY, key->secret_key, CURVE_TEXT + 1);
	} else if (key) {
		zmq_setsockopt(b->dealer, ZMQ_PLAIN_USERNAME, key->name, strlen(key->name));
		zmq_setsockopt(b->dealer, ZMQ_PLAIN_PASSWORD, key->secret_key, CURVE_TEXT);
	}
	if (zmq_connect(b->dealer, address))
		die("%s", zmq_strerror(errno));
}

void byzantine_close(struct byzantine *b)
{
	zmq_close(b->dealer);
	zmq_ctx_term(b->context);
}

void byzantine_say(struct byzantine *b, struct frame f, const void *body, size_t bytes, int spoil_at)
{
	unsigned char *message = mem_array(FRAME_HEADER_BYTES + bytes, 1);
	f.run = f.run ? f.run : b->run;
	f.worker = (uint32_t)b->id;
	f.bytes = bytes;
	f.body_hash = hash_words(0, body, bytes);
	frame_write(&f, message);
	if (bytes > 0)
		memcpy(message + FRAME_HEADER_BYTES, body, bytes);
	if (spoil_at >= 0)
		message[spoil_at] ^= 0x5a;
	zmq_send(b->dealer, message, FRAME_HEADER_BYTES + bytes, 0);
	mem_free(message);
}

/* The next message's header; false: nothing came for a long time. */
static bool byzantine_hear(struct byzantine *b, struct frame *f)
{
	zmq_msg_t m;
	zmq_msg_init(&m);
	bool sound = zmq_msg_recv(&m, b->dealer, 0) >= 0 &&
	             frame_read(f, zmq_msg_data(&m), zmq_msg_size(&m)) == FRAME_SOUND;
	zmq_msg_close(&m);
	return sound;
}

bool byzantine_await(struct byzantine *b, enum frame_type type, uint64_t step, struct frame *f)
{
	while (byzantine_hear(b, f))
		if (f->type == type && (step == FRAME_NOWHERE || f->step == step) &&
		    !(f->flags & FRAME_STALE))
			return true;
	return false;
}

uint64_t byzantine_join(struct byzantine *b)
{
	struct frame f;
	byzantine_say(b, (struct frame){.type = FRAME_HELLO, .step = FRAME_NOWHERE}, "byzantine", 9, -1);
	if (!byzantine_await(b, FRAME_WELCOME, FRAME_NOWHERE, &f))
		die("the Byzantine client was not welcomed");
	return f.step;
}

void byzantine_vote(struct byzantine *b, uint64_t step)
{
	size_t bytes = b->toy->shape.push_bytes;
	void *push = mem_array(bytes, 1);
	byzantine_say(b, (struct frame){.type = FRAME_PUSH, .step = step, .born = (int64_t)step}, push, bytes,
	              -1);
	mem_free(push);
}

pid_t byzantine_server(const struct toy *t, const char *settings, const char *address)
{
	static struct toy_server server;
	struct err e = {0};
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	toy_server_make(&server, t, ENDPOINT_OPEN, address);
	server.endpoint.settings = settings;
	toy_server_begin(&server, NULL);
	if (transport_zmq.sync(server.link.self, &server.state.st, &e))
		die("%s", e.text);
	while (toy_server_step(&server, 0, &e) == EXCHANGE_DONE && server.state.st.step < t->steps)
		continue;
	die("the lying server has ended: %s", e.text);
}

void byzantine_server_end(pid_t server)
{
	kill(server, SIGKILL);
	process_wait(server);
}
