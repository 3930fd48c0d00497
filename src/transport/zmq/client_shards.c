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

bool branches_read(struct zmq_host *h, const unsigned char *at, size_t bytes)
{
	int count = 0;
	h->addresses = mem_array(SHARDS_MOST - 1, sizeof *h->addresses);
	while (bytes > 0) {
		size_t length = strnlen((const char *)at + 1, bytes - 1);
		if (*at || length == 0 || length >= ADDRESS_ROOM || count == SHARDS_MOST - 1)
			return false;
		memcpy(h->addresses[count], at + 1, length);
		if (!same_scheme(h->site->address, h->addresses[count++]))
			return false;
		at += length + 1;
		bytes -= length + 1;
	}
	h->n_parts = count + 1;
	return true;
}

int branches_open(struct zmq_host *h, struct err *e)
{
	const struct exchange *x = h->x;
	int count = h->count * (h->n_parts - 1);
	if (piece_count(x->n, planes_bucket(x->n, (size_t)h->n_parts)) < (size_t)h->n_parts ||
	    x->push_planes.count == 0 || x->pull_planes.count == 0)
		return err_user(e, "server %s: found %d servers, more than the parameters can be cut for",
		                h->site->address, h->n_parts);
	h->branches = mem_array((size_t)count, sizeof *h->branches);
	for (int i = 0; i < count; i++) {
		const struct seat *main = &h->seats[i % h->count];
		struct seat *b = &h->branches[i];
		*b = (struct seat){.host = h,
		                   .address = h->addresses[i / h->count],
		                   .part = 1 + i / h->count,
		                   .key = main->key,
		                   .id = main->id};
		seat_open(h, b);
		if (seat_connect(b, e))
			return -1;
	}
	return 0;
}

/* Known there: is our vote? */
static void welcomed(struct seat *seat, const struct frame *f)
{
	struct zmq_host *h = seat->host;
	seat->welcomed = true;
	if (h->phase != PHASE_VOTING || seat->answered || f->step < h->x->step)
		return;
	if (f->step > h->x->step || !(f->flags & FRAME_HAVE_VOTE) || h->x->silent)
		seat_request(seat);
}

static void answered(struct seat *seat, const struct frame *f, const unsigned char *body)
{
	struct zmq_host *h = seat->host;
	struct exchange *x = h->x;
	size_t begin, end;
	seat_range(seat, &begin, &end);
	bool brief = f->flags & FRAME_BRIEF;
	if (f->flags & FRAME_STALE)
		h->stale = true;
	else if (f->bytes == (brief ? 0 : planes_part_bytes(&x->pull_planes, x->n, begin, end)))
		seat->answered = true;
	if (seat->answered && !brief)
		planes_put(&x->pull_planes, x->n, begin, end, body, x->pull);
}

void branch_take(struct seat *seat, const struct frame *f, const unsigned char *body)
{
	struct zmq_host *h = seat->host;
	if (f->run != h->run)
		return;
	if (f->type == FRAME_REFUSED)
		host_refused(h, f, body);
	else if (f->type == FRAME_WELCOME)
		welcomed(seat, f);
	else if (f->type == FRAME_ANSWER && h->phase == PHASE_VOTING && f->step == h->x->step &&
	         !seat->answered)
		answered(seat, f, body);
}
