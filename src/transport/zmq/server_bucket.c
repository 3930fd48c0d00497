/*
 * Votes in pieces, at the server. Of k = ceil(n / bucket) pieces, piece i holds coordinates
 * [(k - 1 - i) bucket, ...): they come from the last ones to the first, in this order, and piece k closes the
 * vote. Where several servers share the coordinates, each gets its range in one message, and the rest of the
 * vote's memory stays zero: kernels see whole messages. They are put together in memory whose size is the
 * model's; nothing that a worker sends says where.
 */
#include <string.h>
#include "base/mem.h"
#include "transport/zmq/server.h"

void pieces_open(struct server *s, const struct exchange_request *x)
{
	bool cut = s->set.buckets > 1 && x->rule.separable && s->push_planes.count > 0;
	if (!cut && s->n_parts == 1)
		return;
	if (cut) {
		s->bucket = planes_bucket(s->n, (size_t)s->set.buckets);
		s->n_pieces = (unsigned)piece_count(s->n, s->bucket);
	}
	for (int m = 0; m < s->workers; m++)
		s->peers[m].box = mem_array(FRAME_HEADER_BYTES + s->push_bytes + s->running_bytes, 1);
}

void pieces_close(struct server *s)
{
	for (int m = 0; m < s->workers; m++)
		mem_free(s->peers[m].box);
}

bool pieces_closing(const struct server *s, const struct frame *f)
{
	return s->n_pieces > 0 && f->pieces == s->n_pieces + 1 && f->piece == s->n_pieces;
}

/* Why a piece is none; FAULTS: it is the one that is next. */
static enum fault judge(const struct server *s, const struct peer *p, const struct frame *f, size_t bytes)
{
	if (f->pieces != s->n_pieces + 1 || f->bytes != bytes)
		return FAULT_WRONG_LENGTH;
	if (f->step != s->step)
		return f->step < s->step ? FAULT_LATE : FAULT_WRONG_STEP;
	if (p->voted || f->piece < p->n_pieces)
		return FAULT_DUPLICATE;
	return f->piece > p->n_pieces ? FAULT_WRONG_ORDER : FAULTS;
}

void pieces_push(struct server *s, int m, const struct frame *f, const unsigned char *body)
{
	struct peer *p = &s->peers[m];
	enum fault fault = FAULT_WRONG_LENGTH;
	size_t begin = 0, end = 0;
	if (f->piece < s->n_pieces) {
		begin = (s->n_pieces - 1 - f->piece) * s->bucket;
		end = f->piece == 0 ? s->n : begin + s->bucket;
		fault = judge(s, p, f, planes_range_bytes(&s->push_planes, s->n, begin, end));
	}
	if (fault != FAULTS) {
		server_offend(s, m, fault);
		return;
	}
	planes_put(&s->push_planes, s->n, begin, end, body, p->box + FRAME_HEADER_BYTES);
	p->n_pieces++;
}

void pieces_part(const struct server *s, const struct peer *p, zmq_msg_t *message)
{
	planes_put(&s->push_planes, s->n, s->begin, s->end,
	           (unsigned char *)zmq_msg_data(message) + FRAME_HEADER_BYTES, p->box + FRAME_HEADER_BYTES);
}

void pieces_whole(const struct server *s, struct peer *p, zmq_msg_t *message, size_t offset)
{
	size_t running = zmq_msg_size(message) - FRAME_HEADER_BYTES - offset;
	size_t before = FRAME_HEADER_BYTES + s->push_bytes;
	memcpy(p->box + before, (unsigned char *)zmq_msg_data(message) + FRAME_HEADER_BYTES + offset,
	       running);
	zmq_msg_close(message);
	if (zmq_msg_init_data(message, p->box, before + running, NULL, NULL))
		die("ZeroMQ makes no message of memory that is there");
}
