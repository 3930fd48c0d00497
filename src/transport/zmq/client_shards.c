/*
 * A client's connections to the shards. A shard sends only its range of the answer; everything else comes
 * from the main server.
 */
#include <string.h>
#include "base/mem.h"
#include "transport/zmq/client.h"

/*
 * Send our vote again unless the shard has it: also that of a step which is over for us, where the shard died
 * between its answers.
 */
static void welcomed(struct connection *c, const struct frame *f)
{
	const struct exchange_request *x = c->client->round.request;
	c->welcomed = true;
	if (!x)
		return;
	bool over = f->step + 1 == x->step || (f->step == x->step && c->answered);
	if (over && !(f->flags & FRAME_HAVE_VOTE) && connection_voted(c, f->step))
		connection_repeat(c, f->step);
	if (c->answered || f->step < x->step)
		return;
	if (f->step > x->step || !(f->flags & FRAME_HAVE_VOTE) || x->silent)
		connection_request(c);
}

static void answered(struct connection *c, const struct frame *f, const unsigned char *body)
{
	const struct exchange_request *x = c->client->round.request;
	size_t begin, end;
	bool no_pull = f->flags & FRAME_NO_PULL;
	if (f->flags & FRAME_STALE)
		c->client->round.stale = true;
	else if (f->bytes == (no_pull ? 0 : connection_pull_bytes(c)))
		c->answered = true;
	if (!c->answered || no_pull)
		return;
	connection_range(c, &begin, &end);
	planes_put(&x->shape.pull_planes, x->shape.n, begin, end, body, x->pull);
}

static void take(struct connection *c, const struct frame *f, const unsigned char *body)
{
	const struct exchange_request *x = c->client->round.request;
	if (f->type == FRAME_WELCOME)
		welcomed(c, f);
	else if (f->type == FRAME_ANSWER && x && f->step == x->step && !c->answered)
		answered(c, f, body);
	else if (f->type == FRAME_ANSWER && x && f->step + 1 == x->step && !connection_voted(c, x->step))
		connection_request(c); /* it has caught up with us */
}

int shards_open(struct zmq_client *h, struct err *e)
{
	const struct message_shape *shape = &h->round.request->shape;
	size_t n_shards = (size_t)h->run.n_shards;
	int count = h->count * (h->run.n_shards - 1);
	if (chunk_count(shape->n, planes_bucket(shape->n, n_shards)) < n_shards ||
	    shape->push_planes.count == 0 || shape->pull_planes.count == 0)
		return err_user(e, "server %s: found %d servers, more than the parameters can be cut for",
		                h->endpoint->address, h->run.n_shards);
	if (client_allow_files(count, e))
		return -1;
	h->to_shards = mem_array((size_t)count, sizeof *h->to_shards);
	for (int i = 0; i < count; i++) {
		const struct connection *main = &h->connections[i % h->count];
		h->to_shards[i] = (struct connection){.client = h,
		                                      .address = h->run.addresses[i / h->count],
		                                      .shard = 1 + i / h->count,
		                                      .key = main->key,
		                                      .id = main->id,
		                                      .take = take};
		if (connection_open(&h->to_shards[i], e))
			return -1;
	}
	return 0;
}
