/* Votes in pieces, at a host; which is which: server_bucket.c. */
#include "base/hash.h"
#include "transport/zmq/client.h"

/* The first vote goes whole: room and limits are made with it. So does one of which a piece was not sent. */
void host_post(struct zmq_host *h, const struct exchange *x, int i, size_t begin, size_t end)
{
	struct seat *seat = &h->seats[i];
	size_t bucket = planes_bucket(x->n, h->buckets), bytes;
	unsigned count = (unsigned)piece_count(x->n, bucket), piece = count - 1 - (unsigned)(begin / bucket);
	zmq_msg_t m;
	if (piece == 0)
		seat->n_posted = 0;
	if (!seat->box || !seat->welcomed || x->push_planes.count == 0 || seat->n_posted != piece)
		return;
	bytes = planes_part_bytes(&x->push_planes, x->n, begin, end);
	if (zmq_msg_init_size(&m, FRAME_HEADER_BYTES + bytes))
		die("no memory for a message of %zu bytes", bytes);
	unsigned char *at = zmq_msg_data(&m), *body = at + FRAME_HEADER_BYTES;
	planes_take(&x->push_planes, x->n, begin, end, x->pushes[i], body);
	struct frame f = {.type = FRAME_PUSH,
	                  .run = h->run,
	                  .step = x->step,
	                  .piece = piece,
	                  .pieces = count + 1,
	                  .worker = (uint32_t)seat->id,
	                  .bytes = bytes,
	                  .body_hash = hash_words(0, body, bytes)};
	frame_write(&f, at);
	if (seat_send(seat, &m))
		seat->n_posted++;
}

bool host_post_close(struct seat *seat)
{
	struct zmq_host *h = seat->host;
	const struct exchange *x = h->x;
	unsigned posted = seat->n_posted;
	size_t running = x->keeper == seat->id ? h->running_bytes : 0;
	seat->n_posted = 0;
	if (h->buckets < 2 || x->silent || posted != piece_count(x->n, planes_bucket(x->n, h->buckets)))
		return false;
	struct frame f = {.type = FRAME_PUSH,
	                  .flags = (seat->brief ? FRAME_BRIEF : 0) | (running > 0 ? FRAME_HAS_RUNNING : 0),
	                  .step = x->step,
	                  .since = x->since[seat->id],
	                  .x_hash = x->x_hash,
	                  .piece = posted,
	                  .pieces = posted + 1,
	                  .worker = (uint32_t)seat->id,
	                  .number = x->loss[seat->id]};
	seat_say(seat, &f, h->st->shared[2].at, running);
	return true;
}
