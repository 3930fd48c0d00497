/* Messages to a server: votes, and requests for answers. */
#include <stdatomic.h>
#include <string.h>
#include "base/hash.h"
#include "base/mem.h"
#include "transport/zmq/client.h"

bool connection_send(struct connection *c, zmq_msg_t *m)
{
	size_t bytes = zmq_msg_size(m);
	bool sent = message_send(m, c->socket);
	if (sent)
		c->client->up += zmq_wire_bytes(c->client->endpoint->trust, bytes);
	return sent;
}

void connection_say(struct connection *c, struct frame *f, const void *body, size_t bytes)
{
	zmq_msg_t m;
	message_make(&m, f, c->client->run.number, body, bytes);
	connection_send(c, &m);
}

void connection_range(const struct connection *c, size_t *begin, size_t *end)
{
	size_t n = c->client->round.request->shape.n;
	size_t range = planes_bucket(n, (size_t)c->client->run.n_shards);
	*begin = (size_t)c->shard * range;
	*end = n - *begin < range ? n : *begin + range;
}

size_t connection_pull_bytes(const struct connection *c)
{
	const struct message_shape *shape = &c->client->round.request->shape;
	size_t begin, end;
	connection_range(c, &begin, &end);
	return c->client->run.n_shards > 1 ? planes_range_bytes(&shape->pull_planes, shape->n, begin, end)
	                                   : shape->pull_bytes;
}

static void sent(void *data, void *hint)
{
	(void)data;
	atomic_store(&((struct connection *)hint)->sending, false);
}

/*
 * Open a message of this many bytes. It uses the connection's buffer, from which ZeroMQ sends while the
 * process continues to compute. If ZeroMQ is still sending the last message, new memory is allocated.
 */
static void open_message(struct connection *c, zmq_msg_t *m, size_t bytes)
{
	bool free = !atomic_load(&c->sending);
	if (free)
		atomic_store(&c->sending, true);
	if (free ? zmq_msg_init_data(m, c->buffer, bytes, sent, c) : zmq_msg_init_size(m, bytes))
		die("no memory for a message of %zu bytes", bytes);
}

/*
 * A shard that dies may have sent its answer to some workers, who go on to the next step, and not to others.
 * Started anew, it needs the votes of all of them once more.
 */
static void keep_copy(struct connection *c, uint64_t step, zmq_msg_t *m)
{
	struct vote_copy *copy = &c->copies[step % 2];
	copy->step = step;
	copy->bytes = zmq_msg_size(m);
	copy->message = mem_resize(copy->message, copy->bytes);
	memcpy(copy->message, zmq_msg_data(m), copy->bytes);
}

bool connection_voted(const struct connection *c, uint64_t step)
{
	return c->copies[step % 2].bytes > 0 && c->copies[step % 2].step == step;
}

void connection_repeat(struct connection *c, uint64_t step)
{
	const struct vote_copy *copy = &c->copies[step % 2];
	zmq_msg_t m;
	if (zmq_msg_init_size(&m, copy->bytes))
		die("no memory for a message of %zu bytes", copy->bytes);
	memcpy(zmq_msg_data(&m), copy->message, copy->bytes);
	connection_send(c, &m);
}

static void say_push(struct connection *c)
{
	struct zmq_client *h = c->client;
	const struct exchange_request *x = h->round.request;
	bool sharded = h->run.n_shards > 1;
	size_t running = c->shard == 0 && x->bn_owner == c->id ? h->running_bytes : 0;
	size_t push = message_length(x->shape.push_varies, h->push_bytes, c->push), begin, end;
	zmq_msg_t m;
	connection_range(c, &begin, &end);
	if (sharded)
		push = planes_range_bytes(&x->shape.push_planes, x->shape.n, begin, end);
	struct frame f = {.type = FRAME_PUSH,
	                  .flags = (c->no_pull ? FRAME_NO_PULL : 0) | (running > 0 ? FRAME_HAS_RUNNING : 0),
	                  .run = h->run.number,
	                  .step = x->step,
	                  .born = x->born[c->id],
	                  .x_hash = x->x_hash,
	                  .worker = sharded ? h->round.attempt : (uint32_t)c->id,
	                  .value = x->loss[c->id],
	                  .bytes = push + running};
	open_message(c, &m, FRAME_HEADER_BYTES + push + running);
	unsigned char *body = message_body(&m);
	if (sharded)
		planes_take(&x->shape.push_planes, x->shape.n, begin, end, c->push, body);
	else
		memcpy(body, c->push, push);
	if (running > 0)
		memcpy(body + push, h->st->running.at, running);
	f.body_hash = hash_words(0, body, f.bytes);
	frame_write(&f, zmq_msg_data(&m));
	if (c->shard > 0)
		keep_copy(c, x->step, &m);
	connection_send(c, &m);
}

void connection_fetch(struct connection *c)
{
	const struct exchange_request *x = c->client->round.request;
	struct frame f = {.type = FRAME_FETCH,
	                  .flags = c->no_pull ? FRAME_NO_PULL : 0,
	                  .step = x->step,
	                  .born = x->silent ? -1 : x->born[c->id],
	                  .worker = (uint32_t)c->id};
	connection_say(c, &f, NULL, 0);
}

void connection_fetch_range(struct connection *c, int shard)
{
	const struct zmq_client *h = c->client;
	struct frame f = {.type = FRAME_FETCH,
	                  .step = h->round.request->step,
	                  .born = -1,
	                  .index = (unsigned)shard,
	                  .count = (unsigned)h->run.n_shards,
	                  .worker = (uint32_t)c->id};
	connection_say(c, &f, NULL, 0);
}

void connection_request(struct connection *c)
{
	if (c->client->round.request->silent)
		connection_fetch(c);
	else
		say_push(c);
}
