/* Votes in buckets, at a client. server_bucket.c defines which bucket holds which coordinates. */
#include "base/hash.h"
#include "transport/zmq/client.h"

/*
 * The first vote is sent whole, because buffers and limits are set up when it is sent. A vote is also sent
 * whole if one of its buckets could not be sent.
 */
void client_post(struct zmq_client *h, const struct exchange_request *x, int i, size_t begin, size_t end)
{
	struct connection *c = &h->connections[i];
	const struct planes *planes = &x->shape.push_planes;
	size_t n = x->shape.n, bucket = planes_bucket(n, h->run.buckets);
	unsigned count = (unsigned)chunk_count(n, bucket), index = count - 1 - (unsigned)(begin / bucket);
	zmq_msg_t m;
	if (index == 0)
		c->n_posted = 0;
	if (!c->buffer || !c->welcomed || planes->count == 0 || c->n_posted != index)
		return;
	size_t bytes = planes_range_bytes(planes, n, begin, end);
	message_init(&m, bytes);
	planes_take(planes, n, begin, end, x->pushes[i], message_body(&m));
	struct frame f = {.type = FRAME_PUSH,
	                  .run = h->run.number,
	                  .step = x->step,
	                  .index = index,
	                  .count = count + 1,
	                  .worker = (uint32_t)c->id,
	                  .bytes = bytes,
	                  .body_hash = hash_words(0, message_body(&m), bytes)};
	frame_write(&f, zmq_msg_data(&m));
	if (connection_send(c, &m))
		c->n_posted++;
}

bool client_post_close(struct connection *c)
{
	struct zmq_client *h = c->client;
	const struct exchange_request *x = h->round.request;
	unsigned posted = c->n_posted, buckets = h->run.buckets;
	size_t running = x->bn_owner == c->id ? h->running_bytes : 0;
	c->n_posted = 0;
	if (buckets < 2 || x->silent || posted != chunk_count(x->shape.n, planes_bucket(x->shape.n, buckets)))
		return false;
	struct frame f = {.type = FRAME_PUSH,
	                  .flags = (c->no_pull ? FRAME_NO_PULL : 0) | (running > 0 ? FRAME_HAS_RUNNING : 0),
	                  .step = x->step,
	                  .born = x->born[c->id],
	                  .x_hash = x->x_hash,
	                  .index = posted,
	                  .count = posted + 1,
	                  .worker = (uint32_t)c->id,
	                  .value = x->loss[c->id]};
	connection_say(c, &f, h->st->running.at, running);
	return true;
}
