/*
 * A host's connections to the servers of other parts. What they say is only: here is my part of the answer;
 * all else comes from the main server.
 */
#include <string.h>
#include "base/mem.h"
#include "transport/zmq/client.h"

/* Nobody sends us to another kind of place than the one we chose, as to a socket of this machine. */
static bool same_scheme(const char *a, const char *b)
{
	const char *end = strstr(a, "://");
	return end && strncmp(a, b, (size_t)(end + 3 - a)) == 0;
}

bool branches_read(struct zmq_client *h, const unsigned char *at, size_t bytes)
{
	int count = 0;
	h->addresses = mem_array(SHARDS_MOST - 1, sizeof *h->addresses);
	while (bytes > 0) {
		size_t length = strnlen((const char *)at + 1, bytes - 1);
		if (*at || length == 0 || length >= ADDRESS_SIZE || count == SHARDS_MOST - 1)
			return false;
		memcpy(h->addresses[count], at + 1, length);
		if (!same_scheme(h->endpoint->address, h->addresses[count++]))
			return false;
		at += length + 1;
		bytes -= length + 1;
	}
	h->n_parts = count + 1;
	return true;
}

int branches_open(struct zmq_client *h, struct err *e)
{
	const struct exchange_request *x = h->x;
	int count = h->count * (h->n_parts - 1);
	if (piece_count(x->shape.n, planes_bucket(x->shape.n, (size_t)h->n_parts)) < (size_t)h->n_parts ||
	    x->shape.push_planes.count == 0 || x->shape.pull_planes.count == 0)
		return err_user(e, "server %s: found %d servers, more than the parameters can be cut for",
		                h->endpoint->address, h->n_parts);
	h->branches = mem_array((size_t)count, sizeof *h->branches);
	for (int i = 0; i < count; i++) {
		const struct connection *main = &h->connections[i % h->count];
		struct connection *b = &h->branches[i];
		*b = (struct connection){.client = h,
		                         .address = h->addresses[i / h->count],
		                         .part = 1 + i / h->count,
		                         .key = main->key,
		                         .id = main->id};
		connection_open(h, b);
		if (connection_connect(b, e))
			return -1;
	}
	return 0;
}

/* Known there: is our vote? */
static void welcomed(struct connection *connection, const struct frame *f)
{
	struct zmq_client *h = connection->client;
	connection->welcomed = true;
	if (h->phase != PHASE_VOTING || connection->answered || f->step < h->x->step)
		return;
	if (f->step > h->x->step || !(f->flags & FRAME_HAVE_VOTE) || h->x->silent)
		connection_request(connection);
}

static void answered(struct connection *connection, const struct frame *f, const unsigned char *body)
{
	struct zmq_client *h = connection->client;
	const struct exchange_request *x = h->x;
	size_t begin, end;
	connection_range(connection, &begin, &end);
	bool brief = f->flags & FRAME_BRIEF;
	if (f->flags & FRAME_STALE)
		h->stale = true;
	else if (f->bytes == (brief ? 0 : planes_range_bytes(&x->shape.pull_planes, x->shape.n, begin, end)))
		connection->answered = true;
	if (connection->answered && !brief)
		planes_put(&x->shape.pull_planes, x->shape.n, begin, end, body, x->pull);
}

void branch_take(struct connection *connection, const struct frame *f, const unsigned char *body)
{
	struct zmq_client *h = connection->client;
	if (f->run != h->run)
		return;
	if (f->type == FRAME_REFUSED)
		client_refused(h, f, body);
	else if (f->type == FRAME_WELCOME)
		welcomed(connection, f);
	else if (f->type == FRAME_ANSWER && h->phase == PHASE_VOTING && f->step == h->x->step &&
	         !connection->answered)
		answered(connection, f, body);
}
