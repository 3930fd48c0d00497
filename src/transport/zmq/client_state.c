/* A client's downloads of the shared state and of workers' own states, and uploads of own states. */
#include <string.h>
#include "transport/zmq/client.h"

/* --- downloading ---------------------------------------------------------------------------------------- */

static void ask_chunk(struct connection *c)
{
	const struct download *d = &c->client->download;
	struct frame f = {.type = FRAME_SNAPSHOT,
	                  .flags = d->own ? FRAME_OWN_STATE : 0,
	                  .step = d->step,
	                  .index = d->index,
	                  .count = d->index + 1,
	                  .worker = (uint32_t)c->id};
	connection_say(c, &f, NULL, 0);
}

static void download_resume(struct connection *c, const struct frame *welcome)
{
	const struct download *d = &c->client->download;
	(void)welcome;
	if (c == d->from && !d->done)
		ask_chunk(c);
}

/*
 * The first chunk describes the download. If the server has made a new copy meanwhile, it sends the first
 * chunk again, and the download starts again.
 */
static void begin_download(struct download *d, const struct frame *f)
{
	d->index = 0;
	d->count = f->count;
	d->chunk = f->bytes;
	d->step = f->step;
	d->x_hash = f->x_hash;
	d->born = f->born;
	d->bn_owner = f->worker;
	d->has_state = f->flags & FRAME_HAS_STATE;
}

static size_t own_bytes(const struct connection *c)
{
	return c->client->st->worker_floats[c->id] * sizeof(float);
}

static void download_take(struct connection *c, const struct frame *f, const unsigned char *body)
{
	struct zmq_client *h = c->client;
	struct download *d = &h->download;
	bool own = f->flags & FRAME_OWN_STATE;
	if (f->type != FRAME_PARAMS || c != d->from || own != d->own || d->done)
		return;
	if (own && !(f->flags & FRAME_HAS_STATE)) {
		d->none = d->done = true;
		return;
	}
	if (f->index == 0)
		begin_download(d, f);
	size_t size = own ? own_bytes(c) : shared_bytes(h->st), offset = (size_t)d->index * d->chunk;
	if (d->chunk == 0 || f->index != d->index || f->step != d->step ||
	    f->count != chunk_count(size, d->chunk) || f->bytes != chunk_bytes(size, offset, d->chunk) ||
	    f->worker >= (uint32_t)h->env.workers)
		return;
	if (own)
		memcpy((unsigned char *)h->st->workers[c->id] + offset, body, f->bytes);
	else
		shared_write(h->st, offset, body, f->bytes);
	d->done = ++d->index == d->count;
	if (!d->done)
		ask_chunk(c);
}

static const struct client_phase downloading = {.take = download_take, .resume = download_resume};

/* Download all chunks of the shared state, or of the own state of the connection's worker. */
static int download(struct zmq_client *h, struct connection *from, bool own, struct err *e)
{
	bool has_state = h->download.has_state;
	int rc = 0;
	h->download = (struct download){.from = from, .own = own, .step = own ? h->step : FRAME_NOWHERE};
	h->phase = &downloading;
	if (from->welcomed)
		ask_chunk(from);
	while (rc == 0 && !h->download.done) {
		rc = client_pump(h, e);
		if (rc == 0 && (h->over || (h->env.stop && *h->env.stop)))
			rc = err_world(e, "server %s: the run ended before its parameters were here",
			               h->endpoint->address);
	}
	h->phase = NULL;
	if (own)
		h->download.has_state = has_state;
	return rc;
}

int client_download(struct zmq_client *h, struct err *e)
{
	if (download(h, &h->connections[0], false, e))
		return -1;
	if (shared_x_hash(h->st) != h->download.x_hash)
		return err_world(e, "server %s: its parameters arrived damaged", h->endpoint->address);
	h->step = h->download.step;
	h->run.instance = h->download.born;
	return 0;
}

/* Download the workers' own states. A state of another step is not used. */
static int download_own(struct zmq_client *h, struct train_state *st, struct err *e)
{
	for (int i = 0; i < h->count; i++) {
		if (download(h, &h->connections[i], true, e))
			return -1;
		if (!h->download.none && h->download.step == h->step)
			st->born[h->ids[i]] = h->download.born;
	}
	return 0;
}

int client_sync(struct zmq_client *h, struct train_state *st, struct err *e)
{
	h->st = st;
	if (h->run.given) {
		if (client_download(h, e))
			return -1;
		st->step = (int64_t)h->step;
		st->bn_owner = (int)h->download.bn_owner;
	}
	h->step = (uint64_t)st->step;
	for (int i = 0; i < h->count; i++)
		st->born[h->ids[i]] = st->step;
	return h->run.given && h->download.has_state ? download_own(h, st, e) : 0;
}

/* --- uploading ------------------------------------------------------------------------------------------ */

static void say_state(struct connection *c)
{
	const struct zmq_client *h = c->client;
	size_t size = own_bytes(c), chunk = state_chunk(h->push_bytes), offset = c->next_chunk * chunk;
	struct frame f = {.type = FRAME_STATE,
	                  .step = h->step,
	                  .born = h->st->born[c->id],
	                  .index = c->next_chunk,
	                  .count = (unsigned)chunk_count(size, chunk),
	                  .worker = (uint32_t)c->id};
	connection_say(c, &f, (const unsigned char *)h->st->workers[c->id] + offset,
	               chunk_bytes(size, offset, chunk));
}

static void upload_resume(struct connection *c, const struct frame *welcome)
{
	(void)welcome;
	if (!c->uploaded)
		say_state(c);
}

static void upload_take(struct connection *c, const struct frame *f, const unsigned char *body)
{
	size_t count = chunk_count(own_bytes(c), state_chunk(c->client->push_bytes));
	(void)body;
	if (f->type != FRAME_ASK_STATE || c->uploaded)
		return;
	c->uploaded = f->count == 0 || f->index >= count;
	c->next_chunk = f->index;
	if (!c->uploaded)
		say_state(c);
}

static const struct client_phase uploading = {.take = upload_take, .resume = upload_resume};

static bool all_uploaded(const struct zmq_client *h)
{
	for (int i = 0; i < h->count; i++)
		if (!h->connections[i].uploaded)
			return false;
	return true;
}

int client_collect(struct zmq_client *h, struct train_state *st, struct err *e)
{
	int rc = 0;
	h->st = st;
	h->phase = &uploading;
	for (int i = 0; i < h->count; i++) {
		struct connection *c = &h->connections[i];
		c->next_chunk = 0;
		c->uploaded =
		        st->born[c->id] < 0; /* it was not counted and starts again: nothing to upload */
		if (!c->uploaded && c->welcomed)
			say_state(c);
	}
	while (rc == 0 && !all_uploaded(h) && !h->over)
		rc = client_pump(h, e);
	h->phase = NULL;
	return rc;
}
