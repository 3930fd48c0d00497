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

/* The connection to a shard whose range of the answer has to come from the main server; NULL: there is none.
 */
static struct connection *first_gone(const struct zmq_client *h)
{
	for (int i = 0; h->to_shards && i < h->run.n_shards - 1; i++) {
		struct connection *c = &h->to_shards[i * h->count];
		if (c->gone && !c->answered)
			return c;
	}
	return NULL;
}

bool shards_fetching(const struct zmq_client *h)
{
	return first_gone(h) && h->connections[0].answered;
}

/* One after the other, because a worker has one request open. */
void shards_fetch(struct zmq_client *h)
{
	struct connection *main = &h->connections[0];
	if (shards_fetching(h) && main->welcomed)
		connection_fetch_range(main, first_gone(h)->shard);
}

/*
 * The shard does not have the answer. If the step is over for it, it died before it answered us, and the main
 * server has its range.
 */
static void stale(struct connection *c, const struct frame *f)
{
	struct zmq_client *h = c->client;
	bool over = f->born > (int64_t)h->round.request->step;
	if (!over)
		h->round.stale = true;
	else if (c->no_pull)
		c->answered = true;
	else if (!c->gone) {
		c->gone = true;
		if (first_gone(h) == c)
			shards_fetch(h);
	}
}

static void take_range(struct connection *c, const struct frame *f, const unsigned char *body)
{
	const struct exchange_request *x = c->client->round.request;
	size_t begin, end;
	if (f->bytes != connection_pull_bytes(c))
		return;
	connection_range(c, &begin, &end);
	planes_put(&x->shape.pull_planes, x->shape.n, begin, end, body, x->pull);
	c->answered = true;
}

void shards_take_range(struct zmq_client *h, const struct frame *f, const unsigned char *body)
{
	struct connection *c = first_gone(h);
	if (!c || f->index != (unsigned)c->shard || f->count != (unsigned)h->run.n_shards)
		return;
	take_range(c, f, body);
	shards_fetch(h);
}

static void answered(struct connection *c, const struct frame *f, const unsigned char *body)
{
	if (f->flags & FRAME_STALE)
		stale(c, f);
	else if (!(f->flags & FRAME_NO_PULL))
		take_range(c, f, body);
	else if (f->bytes == 0)
		c->answered = true;
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
