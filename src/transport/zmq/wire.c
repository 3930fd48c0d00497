/* Making and sending messages, at both sides of transport zmq. */
#include <errno.h>
#include <string.h>
#include "base/hash.h"
#include "transport/zmq/server.h"

void message_make(zmq_msg_t *m, struct frame *f, uint64_t run, const void *body, size_t bytes)
{
	if (zmq_msg_init_size(m, FRAME_HEADER_BYTES + bytes))
		die("no memory for a message of %zu bytes", bytes);
	unsigned char *at = zmq_msg_data(m);
	f->run = run;
	f->bytes = bytes;
	f->body_hash = hash_words(0, body, bytes);
	frame_write(f, at);
	if (bytes > 0)
		memcpy(at + FRAME_HEADER_BYTES, body, bytes);
}

bool message_queue_full(void *socket)
{
	size_t size = sizeof(int);
	int events;
	return errno != EAGAIN || zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) != 0;
}

bool message_send(zmq_msg_t *m, void *socket)
{
	if (zmq_msg_send(m, socket, ZMQ_DONTWAIT) >= 0)
		return true;
	if (!message_queue_full(socket) && zmq_msg_send(m, socket, ZMQ_DONTWAIT) >= 0)
		return true;
	zmq_msg_close(m);
	return false;
}
