/* Votes in pieces, at a host; which is which: server_bucket.c. */
#include "base/hash.h"
#include "transport/zmq/client.h"

/* The first vote goes whole: room and limits are made with it. So does one of which a piece was not sent. */
void client_post(struct zmq_client *h, const struct exchange_request *x, int i, size_t begin, size_t end)
{
	struct connection *connection = &h->connections[i];
	size_t bucket = planes_bucket(x->shape.n, h->buckets), bytes;
	unsigned count = (unsigned)piece_count(x->shape.n, bucket),
	         piece = count - 1 - (unsigned)(begin / bucket);
	zmq_msg_t m;
	if (piece == 0)
		connection->n_posted = 0;
	if (!connection->box || !connection->welcomed || x->shape.push_planes.count == 0 ||
	    connection->n_posted != piece)
		return;
	bytes = planes_range_bytes(&x->shape.push_planes, x->shape.n, begin, end);
	if (zmq_msg_init_size(&m, FRAME_HEADER_BYTES + bytes))
		die("no memory for a message of %zu bytes", bytes);
	unsigned char *at = zmq_msg_data(&m), *body = at + FRAME_HEADER_BYTES;
	planes_take(&x->shape.push_planes, x->shape.n, begin, end, x->pushes[i], body);
	struct frame f = {.type = FRAME_PUSH,
	                  .run = h->run,
	                  .step = x->step,
	                  .piece = piece,
	                  .pieces = count + 1,
	                  .worker = (uint32_t)connection->id,
	                  .bytes = bytes,
	                  .body_hash = hash_words(0, body, bytes)};
	frame_write(&f, at);
	if (connection_send(connection, &m))
		connection->n_posted++;
}

bool client_post_close(struct connection *connection)
{
	struct zmq_client *h = connection->client;
	const struct exchange_request *x = h->x;
	unsigned posted = connection->n_posted;
	size_t running = x->bn_owner == connection->id ? h->running_bytes : 0;
	connection->n_posted = 0;
	if (h->buckets < 2 || x->silent ||
	    posted != piece_count(x->shape.n, planes_bucket(x->shape.n, h->buckets)))
		return false;
	struct frame f = {.type = FRAME_PUSH,
	                  .flags = (connection->brief ? FRAME_BRIEF : 0) |
	                           (running > 0 ? FRAME_HAS_RUNNING : 0),
	                  .step = x->step,
	                  .born = x->born[connection->id],
	                  .x_hash = x->x_hash,
	                  .piece = posted,
	                  .pieces = posted + 1,
	                  .worker = (uint32_t)connection->id,
	                  .number = x->loss[connection->id]};
	connection_say(connection, &f, h->st->running.at, running);
	return true;
}
