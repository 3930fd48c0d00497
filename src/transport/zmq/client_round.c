/* The client's row: its rounds. */
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "transport/zmq/client.h"

/* --- messages in a round -------------------------------------------------------------------------------- */

/* Does the server have our parameters, or has it advanced from them? */
static bool same_history(const struct zmq_client *h, const struct frame *welcome)
{
	uint64_t step = h->round.request->step;
	if (welcome->born == h->run.instance)
		return welcome->step >= step;
	return welcome->step == step && welcome->x_hash == shared_x_hash(h->st);
}

static void round_resume(struct connection *c, const struct frame *welcome)
{
	struct zmq_client *h = c->client;
	const struct exchange_request *x = h->round.request;
	if (c->answered && !shards_fetching(h))
		return;
	if (!same_history(h, welcome)) {
		h->round.stale = true;
		return;
	}
	h->run.instance = welcome->born;
	if (c->answered)
		shards_fetch(h);
	else if (welcome->step > x->step)
		connection_fetch(c);
	else if (!(welcome->flags & FRAME_HAVE_VOTE) || x->silent)
		connection_request(c);
}

/* Does the answer have the right sizes? *pull: bytes of the pull in it. */
static bool answer_fits(const struct connection *c, const struct frame *f, const unsigned char *body,
                        size_t *pull)
{
	const struct zmq_client *h = c->client;
	const struct exchange_request *x = h->round.request;
	size_t running = f->flags & FRAME_HAS_RUNNING ? h->running_bytes : 0;
	bool none = f->flags & (FRAME_NO_PULL | FRAME_WITHHELD);
	if ((f->flags & FRAME_WITHHELD && !x->rule.meet) || /* this rule always answers */
	    f->bytes < running || f->worker >= (uint32_t)h->env.workers)
		return false;
	*pull = f->bytes - running;
	if (none)
		return *pull == 0;
	if (!message_length_holds(x->shape.pull_varies, connection_pull_bytes(c), body, *pull))
		return false;
	return !x->shape.pull_varies || !x->rule.refuses || !x->rule.refuses(x->rule.ctx, body, *pull);
}

static void take_pull(const struct connection *c, const unsigned char *body, size_t bytes)
{
	const struct exchange_request *x = c->client->round.request;
	size_t begin, end;
	connection_range(c, &begin, &end);
	if (c->client->run.n_shards > 1)
		planes_put(&x->shape.pull_planes, x->shape.n, begin, end, body, x->pull);
	else
		memcpy(x->pull, body, bytes);
}

static void round_take(struct connection *c, const struct frame *f, const unsigned char *body)
{
	struct zmq_client *h = c->client;
	const struct exchange_request *x = h->round.request;
	struct exchange_reply *reply = h->round.reply;
	if (f->type != FRAME_ANSWER || f->step != x->step || (c->answered && !shards_fetching(h)))
		return;
	if (f->flags & FRAME_STALE) {
		h->round.stale = true;
		return;
	}
	if (f->count > 0) {
		shards_take_range(h, f, body);
		return;
	}
	size_t pull = 0;
	if (c->answered || !answer_fits(c, f, body, &pull))
		return;
	if (pull > 0)
		take_pull(c, body, pull);
	body += pull;
	if (f->flags & FRAME_HAS_RUNNING)
		memcpy(h->st->running.at, body, h->running_bytes);
	if (!(f->flags & FRAME_COUNTED))
		x->born[c->id] = -1;
	reply->bn_owner = (int)f->worker;
	reply->must_resync |= f->born > (int64_t)x->step + 1;
	reply->flags |= (f->flags & FRAME_SAVE ? EXCHANGE_SAVE : 0) |
	                (f->flags & FRAME_STOP ? EXCHANGE_STOP : 0) |
	                (f->flags & FRAME_WITHHELD ? EXCHANGE_WITHHELD : 0);
	c->answered = true;
	shards_fetch(h);
}

static const struct client_phase in_round = {.take = round_take, .resume = round_resume};

/* --- a round from begin to end -------------------------------------------------------------------------- */

/* Of the connections to one server, only the first asks for the pull. */
static void begin_connection(struct zmq_client *h, int i)
{
	const struct exchange_request *x = h->round.request;
	struct connection *c = client_connection(h, i);
	if (!c->buffer)
		c->buffer = mem_array(FRAME_HEADER_BYTES + h->push_bytes + h->running_bytes, 1);
	c->push = x->silent ? NULL : x->pushes[i % h->count];
	c->no_pull = i % h->count > 0;
	c->answered = c->gone = false;
	if (!client_post_close(c) && c->welcomed)
		connection_request(c);
}

static int begin(struct zmq_client *h, const struct exchange_request *x, struct exchange_reply *reply,
                 struct err *e)
{
	h->round.request = x;
	h->round.reply = reply;
	h->round.stale = false;
	h->round.attempt++;
	h->step = x->step;
	h->push_bytes = x->shape.push_bytes;
	h->running_bytes = h->st->running.count * sizeof(float);
	reply->flags = 0;
	if (!h->connections[0].buffer && client_limit(h, x->shape.pull_bytes + h->running_bytes, e))
		return -1;
	if (h->run.n_shards > 1 && !h->to_shards && shards_open(h, e))
		return -1;
	for (int i = 0; i < client_connections(h); i++)
		begin_connection(h, i);
	return 0;
}

/* The server no longer has our answer: replace our parameters with the server's. */
static enum exchange_end replaced(struct zmq_client *h, struct err *e)
{
	const struct exchange_request *x = h->round.request;
	struct exchange_reply *reply = h->round.reply;
	h->round.request = NULL; /* the round is over: answers of shards are ignored */
	if (client_download(h, e))
		return h->over ? EXCHANGE_LEFT : EXCHANGE_FAILED;
	reply->step = h->step;
	reply->bn_owner = (int)h->download.bn_owner;
	reply->must_resync = false;
	for (int i = 0; i < h->count; i++)
		x->born[h->ids[i]] = (int64_t)h->step;
	return EXCHANGE_REPLACED;
}

static bool all_answered(const struct zmq_client *h)
{
	for (int i = 0; i < client_connections(h); i++)
		if (!client_connection(h, i)->answered)
			return false;
	return true;
}

static enum exchange_end wait_for_answers(struct zmq_client *h, struct err *e)
{
	h->phase = &in_round;
	while (!all_answered(h)) {
		if (client_pump(h, e))
			return EXCHANGE_FAILED;
		if (h->over || (h->env.stop && *h->env.stop))
			return EXCHANGE_LEFT;
		if (h->round.stale)
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
	enum exchange_end end = begin(h, x, reply, e) ? EXCHANGE_FAILED : wait_for_answers(h, e);
	h->phase = NULL;
	h->round.request = NULL;
	reply->wait_s = clock_s() - start;
	if (end == EXCHANGE_DONE) {
		h->step = x->step + 1;
		h->usual_answer_s =
		        h->usual_answer_s > 0 ? 0.8 * h->usual_answer_s + 0.2 * reply->wait_s : reply->wait_s;
	}
	reply->bytes_up = h->up;
	reply->bytes_down = h->down;
	reply->bytes_busiest = h->up + h->down;
	h->up = h->down = 0;
	return end;
}

/* --- the row -------------------------------------------------------------------------------------------- */

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

static const struct transport transport_zmq_client = {
        .row = {.name = "zmq", .about = "the workers' side of zmq"},
        .sync = row_sync,
        .post = row_post,
        .exchange = row_exchange,
        .collect = row_collect,
        .close = row_close,
};

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
	                      .buckets = (int)h->run.buckets};
	h->round.attempt = (uint32_t)((uint64_t)zmq_instance() * 0x9e3779b97f4a7c15U >> 32);
	return 0;
}
