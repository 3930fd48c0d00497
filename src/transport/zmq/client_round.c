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
	atomic_store(&((struct seat *)hint)->busy, false);
}

static unsigned char *open_box(struct seat *seat, zmq_msg_t *m, size_t bytes)
{
	bool own = !atomic_load(&seat->busy);
	if (own)
		atomic_store(&seat->busy, true);
	if (own ? zmq_msg_init_data(m, seat->box, bytes, box_sent, seat) : zmq_msg_init_size(m, bytes))
		die("no memory for a message of %zu bytes", bytes);
	return zmq_msg_data(m);
}

static void say_push(struct seat *seat)
{
	struct zmq_host *h = seat->host;
	const struct exchange *x = h->x;
	size_t running = seat->part == 0 && x->keeper == seat->id ? h->running_bytes : 0, begin, end;
	size_t push = h->push_bytes;
	seat_range(seat, &begin, &end);
	if (h->n_parts > 1)
		push = planes_part_bytes(&x->push_planes, x->n, begin, end);
	size_t bytes = push + running;
	zmq_msg_t m;
	unsigned char *at = open_box(seat, &m, FRAME_HEADER_BYTES + bytes), *body = at + FRAME_HEADER_BYTES;
	struct frame f = {.type = FRAME_PUSH,
	                  .flags = (seat->brief ? FRAME_BRIEF : 0) | (running > 0 ? FRAME_HAS_RUNNING : 0),
	                  .run = h->run,
	                  .step = x->step,
	                  .since = x->since[seat->id],
	                  .x_hash = x->x_hash,
	                  .worker = h->n_parts > 1 ? h->number : (uint32_t)seat->id,
	                  .number = x->loss[seat->id],
	                  .bytes = bytes};
	if (h->n_parts > 1)
		planes_take(&x->push_planes, x->n, begin, end, seat->push, body);
	else
		memcpy(body, seat->push, push);
	if (running > 0)
		memcpy(body + push, h->st->shared[2].at, running);
	f.body_hash = hash_words(0, body, bytes);
	frame_write(&f, at);
	seat_send(seat, &m);
}

static void say_fetch(struct seat *seat)
{
	const struct exchange *x = seat->host->x;
	struct frame f = {.type = FRAME_FETCH,
	                  .flags = seat->brief ? FRAME_BRIEF : 0,
	                  .step = x->step,
	                  .since = x->silent ? -1 : x->since[seat->id],
	                  .worker = (uint32_t)seat->id};
	seat_say(seat, &f, NULL, 0);
}

void seat_request(struct seat *seat)
{
	if (seat->host->x->silent)
		say_fetch(seat);
	else
		say_push(seat);
}

/* Does the server of this life hold what we hold? */
static bool same_history(const struct zmq_host *h, const struct frame *welcome)
{
	const struct state_part *x = &h->st->shared[0];
	if (welcome->since == h->life)
		return welcome->step >= h->x->step;
	return welcome->step == h->x->step &&
	       welcome->x_hash == hash_words(0, x->at, x->count * sizeof *x->at);
}

void voting_resume(struct seat *seat, const struct frame *welcome)
{
	struct zmq_host *h = seat->host;
	if (seat->answered)
		return;
	if (!same_history(h, welcome)) {
		h->stale = true;
		return;
	}
	h->life = welcome->since;
	if (welcome->step > h->x->step)
		say_fetch(seat);
	else if (!(welcome->flags & FRAME_HAVE_VOTE) || h->x->silent)
		seat_request(seat);
}

/* Bytes of a pull that come from the main server. */
static size_t part_of_pull(const struct zmq_host *h)
{
	size_t begin, end;
	seat_range(&h->seats[0], &begin, &end);
	return h->n_parts > 1 ? planes_part_bytes(&h->x->pull_planes, h->x->n, begin, end) : h->x->pull_bytes;
}

/* Of the sizes that were agreed on? */
static bool answer_fits(const struct zmq_host *h, const struct frame *f)
{
	size_t pull = f->flags & FRAME_BRIEF ? 0 : part_of_pull(h);
	size_t running = f->flags & FRAME_HAS_RUNNING ? h->running_bytes : 0;
	return f->bytes == pull + running && f->worker < (uint32_t)h->env.workers;
}

void voting_take(struct seat *seat, const struct frame *f, const unsigned char *body)
{
	struct zmq_host *h = seat->host;
	struct exchange *x = h->x;
	if (f->type != FRAME_ANSWER || f->step != x->step || seat->answered)
		return;
	if (f->flags & FRAME_STALE) {
		h->stale = true;
		return;
	}
	if (!answer_fits(h, f))
		return;
	if (!(f->flags & FRAME_BRIEF)) {
		size_t begin, end;
		seat_range(seat, &begin, &end);
		if (h->n_parts > 1)
			planes_put(&x->pull_planes, x->n, begin, end, body, x->pull);
		else
			memcpy(x->pull, body, x->pull_bytes);
		body += part_of_pull(h);
	}
	if (f->flags & FRAME_HAS_RUNNING)
		memcpy(h->st->shared[2].at, body, h->running_bytes);
	if (!(f->flags & FRAME_COUNTED))
		x->since[seat->id] = -1;
	x->keeper = (int)f->worker;
	x->behind |= f->since > (int64_t)x->step + 1;
	x->flags |= (f->flags & FRAME_SAVE ? EXCHANGE_SAVE : 0) | (f->flags & FRAME_STOP ? EXCHANGE_STOP : 0);
	seat->answered = true;
}

static bool all_answered(const struct zmq_host *h)
{
	for (int i = 0; i < host_seats(h); i++)
		if (!host_seat(h, i)->answered)
			return false;
	return true;
}

void seat_range(const struct seat *seat, size_t *begin, size_t *end)
{
	const struct exchange *x = seat->host->x;
	size_t range = planes_bucket(x->n, (size_t)seat->host->n_parts);
	*begin = (size_t)seat->part * range;
	*end = x->n - *begin < range ? x->n : *begin + range;
}

/* The first seat alone asks for the pull; branches lie part by part, each in order of seats. */
static int begin(struct zmq_host *h, struct exchange *x, struct err *e)
{
	h->x = x;
	h->step = x->step;
	h->push_bytes = x->push_bytes;
	h->running_bytes = h->st->shared[2].count * sizeof(float);
	h->stale = false;
	h->number++;
	x->flags = 0;
	x->behind = false;
	if (!h->seats[0].box && host_limit(h, x->pull_bytes + h->running_bytes, e))
		return -1;
	if (h->n_parts > 1 && !h->branches && branches_open(h, e))
		return -1;
	for (int i = 0; i < host_seats(h); i++) {
		struct seat *seat = host_seat(h, i);
		if (!seat->box)
			seat->box = mem_array(FRAME_HEADER_BYTES + h->push_bytes + h->running_bytes, 1);
		seat->push = x->silent ? NULL : x->pushes[i % h->count];
		seat->brief = i % h->count > 0;
		seat->answered = false;
		if (!host_post_close(seat) && seat->welcomed)
			seat_request(seat);
	}
	return 0;
}

static enum exchange_end replaced(struct zmq_host *h, struct exchange *x, struct err *e)
{
	if (host_take_over(h, &h->seats[0], e))
		return h->over ? EXCHANGE_LEFT : EXCHANGE_FAILED;
	x->step = h->step;
	x->keeper = (int)h->taking.keeper;
	x->behind = false;
	for (int i = 0; i < h->count; i++)
		x->since[h->ids[i]] = (int64_t)x->step;
	return EXCHANGE_REPLACED;
}

static bool told_to_stop(const struct zmq_host *h)
{
	return h->env.stop && *h->env.stop;
}

static enum exchange_end wait_for_answers(struct zmq_host *h, struct exchange *x, struct err *e)
{
	while (!all_answered(h)) {
		if (host_pump(h, e))
			return EXCHANGE_FAILED;
		if (h->over || told_to_stop(h))
			return EXCHANGE_LEFT;
		if (h->stale)
			return replaced(h, x, e);
	}
	return EXCHANGE_DONE;
}

static enum exchange_end row_exchange(void *self, struct exchange *x, struct err *e)
{
	struct zmq_host *h = self;
	double start = clock_s();
	if (begin(h, x, e))
		return EXCHANGE_FAILED;
	h->phase = PHASE_VOTING;
	enum exchange_end end = wait_for_answers(h, x, e);
	h->phase = PHASE_IDLE;
	if (end == EXCHANGE_DONE)
		h->step = x->step + 1;
	x->wait_s = clock_s() - start;
	if (end == EXCHANGE_DONE)
		h->usual_s = h->usual_s > 0 ? 0.8 * h->usual_s + 0.2 * x->wait_s : x->wait_s;
	x->bytes_up = h->up;
	x->bytes_down = h->down;
	x->bytes_busiest = h->up + h->down;
	h->up = h->down = 0;
	return end;
}

static void row_post(void *self, const struct exchange *x, int i, size_t begin, size_t end)
{
	host_post(self, x, i, begin, end);
}

static int row_sync(void *self, struct train_state *st, struct err *e)
{
	return host_sync(self, st, e);
}

static int row_collect(void *self, struct train_state *st, struct err *e)
{
	return host_collect(self, st, e);
}

static void row_close(void *self)
{
	zmq_host_close(self);
}

int zmq_host_link(struct zmq_host *h, const struct transport_env *env, struct link *link, struct err *e)
{
	for (int i = 0; i < h->count; i++)
		if (h->ids[i] >= env->workers || (i > 0 && h->ids[i] == h->ids[i - 1]))
			return err_user(e, "server %s: gave worker number %d of %d%s", h->site->address,
			                h->ids[i], env->workers, h->ids[i] < env->workers ? " twice" : "");
	h->env = *env;
	*link = (struct link){.row = &transport_zmq_host,
	                      .self = h,
	                      .count = h->count,
	                      .ids = h->ids,
	                      .buckets = (int)h->buckets};
	h->number = (uint32_t)((uint64_t)zmq_life() * 0x9e3779b97f4a7c15U >> 32);
	return 0;
}

const struct transport transport_zmq_host = {
        .row = {.name = "zmq", .about = "the workers' side of zmq"},
        .sync = row_sync,
        .post = row_post,
        .exchange = row_exchange,
        .collect = row_collect,
        .close = row_close,
};
