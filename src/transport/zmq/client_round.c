/* A host's rounds. */
#include <string.h>
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "transport/zmq/client.h"

/* A worker's vote, in a box that ZeroMQ reads from while we compute on, if it has finished with the last. */
static void box_sent(void *data, void *hint)
{
	(void)data;
	atomic_store(&((struct connection *)hint)->busy, false);
}

static unsigned char *open_box(struct connection *connection, zmq_msg_t *m, size_t bytes)
{
	bool own = !atomic_load(&connection->busy);
	if (own)
		atomic_store(&connection->busy, true);
	if (own ? zmq_msg_init_data(m, connection->box, bytes, box_sent, connection)
	        : zmq_msg_init_size(m, bytes))
		die("no memory for a message of %zu bytes", bytes);
	return zmq_msg_data(m);
}

static void say_push(struct connection *connection)
{
	struct zmq_client *h = connection->client;
	const struct exchange_request *x = h->x;
	size_t running = connection->part == 0 && x->bn_owner == connection->id ? h->running_bytes : 0, begin,
	       end;
	size_t push = h->push_bytes;
	connection_range(connection, &begin, &end);
	if (h->n_parts > 1)
		push = planes_range_bytes(&x->shape.push_planes, x->shape.n, begin, end);
	size_t bytes = push + running;
	zmq_msg_t m;
	unsigned char *at = open_box(connection, &m, FRAME_HEADER_BYTES + bytes),
	              *body = at + FRAME_HEADER_BYTES;
	struct frame f = {.type = FRAME_PUSH,
	                  .flags = (connection->brief ? FRAME_BRIEF : 0) |
	                           (running > 0 ? FRAME_HAS_RUNNING : 0),
	                  .run = h->run,
	                  .step = x->step,
	                  .born = x->born[connection->id],
	                  .x_hash = x->x_hash,
	                  .worker = h->n_parts > 1 ? h->number : (uint32_t)connection->id,
	                  .number = x->loss[connection->id],
	                  .bytes = bytes};
	if (h->n_parts > 1)
		planes_take(&x->shape.push_planes, x->shape.n, begin, end, connection->push, body);
	else
		memcpy(body, connection->push, push);
	if (running > 0)
		memcpy(body + push, h->st->running.at, running);
	f.body_hash = hash_words(0, body, bytes);
	frame_write(&f, at);
	connection_send(connection, &m);
}

static void say_fetch(struct connection *connection)
{
	const struct exchange_request *x = connection->client->x;
	struct frame f = {.type = FRAME_FETCH,
	                  .flags = connection->brief ? FRAME_BRIEF : 0,
	                  .step = x->step,
	                  .born = x->silent ? -1 : x->born[connection->id],
	                  .worker = (uint32_t)connection->id};
	connection_say(connection, &f, NULL, 0);
}

void connection_request(struct connection *connection)
{
	if (connection->client->x->silent)
		say_fetch(connection);
	else
		say_push(connection);
}

/* Does the server of this life hold what we hold? */
static bool same_history(const struct zmq_client *h, const struct frame *welcome)
{
	const struct state_part *x = &h->st->x;
	if (welcome->born == h->life)
		return welcome->step >= h->x->step;
	return welcome->step == h->x->step &&
	       welcome->x_hash == hash_words(0, x->at, x->count * sizeof *x->at);
}

void voting_resume(struct connection *connection, const struct frame *welcome)
{
	struct zmq_client *h = connection->client;
	if (connection->answered)
		return;
	if (!same_history(h, welcome)) {
		h->stale = true;
		return;
	}
	h->life = welcome->born;
	if (welcome->step > h->x->step)
		say_fetch(connection);
	else if (!(welcome->flags & FRAME_HAVE_VOTE) || h->x->silent)
		connection_request(connection);
}

/* Bytes of a pull that come from the main server. */
static size_t part_of_pull(const struct zmq_client *h)
{
	size_t begin, end;
	connection_range(&h->connections[0], &begin, &end);
	return h->n_parts > 1 ? planes_range_bytes(&h->x->shape.pull_planes, h->x->shape.n, begin, end)
	                      : h->x->shape.pull_bytes;
}

/* Of the sizes that were agreed on? */
static bool answer_fits(const struct zmq_client *h, const struct frame *f)
{
	size_t pull = f->flags & FRAME_BRIEF ? 0 : part_of_pull(h);
	size_t running = f->flags & FRAME_HAS_RUNNING ? h->running_bytes : 0;
	return f->bytes == pull + running && f->worker < (uint32_t)h->env.workers;
}

void voting_take(struct connection *connection, const struct frame *f, const unsigned char *body)
{
	struct zmq_client *h = connection->client;
	const struct exchange_request *x = h->x;
	struct exchange_reply *reply = h->reply;
	if (f->type != FRAME_ANSWER || f->step != x->step || connection->answered)
		return;
	if (f->flags & FRAME_STALE) {
		h->stale = true;
		return;
	}
	if (!answer_fits(h, f))
		return;
	if (!(f->flags & FRAME_BRIEF)) {
		size_t begin, end;
		connection_range(connection, &begin, &end);
		if (h->n_parts > 1)
			planes_put(&x->shape.pull_planes, x->shape.n, begin, end, body, x->pull);
		else
			memcpy(x->pull, body, x->shape.pull_bytes);
		body += part_of_pull(h);
	}
	if (f->flags & FRAME_HAS_RUNNING)
		memcpy(h->st->running.at, body, h->running_bytes);
	if (!(f->flags & FRAME_COUNTED))
		x->born[connection->id] = -1;
	reply->bn_owner = (int)f->worker;
	reply->must_resync |= f->born > (int64_t)x->step + 1;
	reply->flags |=
	        (f->flags & FRAME_SAVE ? EXCHANGE_SAVE : 0) | (f->flags & FRAME_STOP ? EXCHANGE_STOP : 0);
	connection->answered = true;
}

static bool all_answered(const struct zmq_client *h)
{
	for (int i = 0; i < client_connections(h); i++)
		if (!client_connection(h, i)->answered)
			return false;
	return true;
}

void connection_range(const struct connection *connection, size_t *begin, size_t *end)
{
	const struct exchange_request *x = connection->client->x;
	size_t range = planes_bucket(x->shape.n, (size_t)connection->client->n_parts);
	*begin = (size_t)connection->part * range;
	*end = x->shape.n - *begin < range ? x->shape.n : *begin + range;
}

/* The first connection alone asks for the pull; branches lie part by part, each in order of connections. */
static int begin(struct zmq_client *h, const struct exchange_request *x, struct exchange_reply *reply,
                 struct err *e)
{
	h->x = x;
	h->reply = reply;
	h->step = x->step;
	h->push_bytes = x->shape.push_bytes;
	h->running_bytes = h->st->running.count * sizeof(float);
	h->stale = false;
	h->number++;
	reply->flags = 0;
	if (!h->connections[0].box && client_limit(h, x->shape.pull_bytes + h->running_bytes, e))
		return -1;
	if (h->n_parts > 1 && !h->branches && branches_open(h, e))
		return -1;
	for (int i = 0; i < client_connections(h); i++) {
		struct connection *connection = client_connection(h, i);
		if (!connection->box)
			connection->box = mem_array(FRAME_HEADER_BYTES + h->push_bytes + h->running_bytes, 1);
		connection->push = x->silent ? NULL : x->pushes[i % h->count];
		connection->brief = i % h->count > 0;
		connection->answered = false;
		if (!client_post_close(connection) && connection->welcomed)
			connection_request(connection);
	}
	return 0;
}

static enum exchange_end replaced(struct zmq_client *h, struct err *e)
{
	if (client_take_over(h, &h->connections[0], e))
		return h->over ? EXCHANGE_LEFT : EXCHANGE_FAILED;
	h->reply->step = h->step;
	h->reply->bn_owner = (int)h->taking.bn_owner;
	h->reply->must_resync = false;
	for (int i = 0; i < h->count; i++)
		h->x->born[h->ids[i]] = (int64_t)h->step;
	return EXCHANGE_REPLACED;
}

static bool told_to_stop(const struct zmq_client *h)
{
	return h->env.stop && *h->env.stop;
}

static enum exchange_end wait_for_answers(struct zmq_client *h, struct err *e)
{
	while (!all_answered(h)) {
		if (client_pump(h, e))
			return EXCHANGE_FAILED;
		if (h->over || told_to_stop(h))
			return EXCHANGE_LEFT;
		if (h->stale)
			return replaced(h, e);
	}
	return EXCHANGE_DONE;
}

static enum exchange_end row_exchange(void *self, const struct exchange_request *x,
                                      struct exchange_reply *reply, struct err *e)
{
	struct zmq_client *h = self;
	double start = clock_s();
	exchange_begin(x, reply);
	if (begin(h, x, reply, e))
		return EXCHANGE_FAILED;
	h->phase = PHASE_VOTING;
	enum exchange_end end = wait_for_answers(h, e);
	h->phase = PHASE_IDLE;
	if (end == EXCHANGE_DONE)
		h->step = x->step + 1;
	reply->wait_s = clock_s() - start;
	if (end == EXCHANGE_DONE)
		h->usual_s = h->usual_s > 0 ? 0.8 * h->usual_s + 0.2 * reply->wait_s : reply->wait_s;
	reply->bytes_up = h->up;
	reply->bytes_down = h->down;
	reply->bytes_busiest = h->up + h->down;
	h->up = h->down = 0;
	return end;
}

static void row_post(void *self, const struct exchange_request *x, int i, size_t begin, size_t end)
{
	client_post(self, x, i, begin, end);
}

static int row_sync(void *self, struct train_state *st, struct err *e)
{
	return client_sync(self, st, e);
}

static int row_collect(void *self, struct train_state *st, struct err *e)
{
	return client_collect(self, st, e);
}

static void row_close(void *self)
{
	zmq_client_close(self);
}

int zmq_client_link(struct zmq_client *h, const struct transport_env *env, struct link *link, struct err *e)
{
	for (int i = 0; i < h->count; i++)
		if (h->ids[i] >= env->workers || (i > 0 && h->ids[i] == h->ids[i - 1]))
			return err_user(e, "server %s: gave worker number %d of %d%s", h->endpoint->address,
			                h->ids[i], env->workers, h->ids[i] < env->workers ? " twice" : "");
	h->env = *env;
	*link = (struct link){.row = &transport_zmq_client,
	                      .self = h,
	                      .count = h->count,
	                      .ids = h->ids,
	                      .buckets = (int)h->buckets};
	h->number = (uint32_t)((uint64_t)zmq_life() * 0x9e3779b97f4a7c15U >> 32);
	return 0;
}

const struct transport transport_zmq_client = {
        .row = {.name = "zmq", .about = "the workers' side of zmq"},
        .sync = row_sync,
        .post = row_post,
        .exchange = row_exchange,
        .collect = row_collect,
        .close = row_close,
};
