/*
 * Votes that come in several messages.
 *
 * In buckets: a vote is cut in k = ceil(n / bucket) buckets, and bucket i holds the coordinates from (k - 1 -
 * i) bucket on. Buckets are sent from the last coordinates to the first, in this order, because a backward
 * pass ends with the first layers. Message k closes the vote.
 *
 * In shards: where several servers share the coordinates, this one gets only its shard of each vote. The
 * other bytes of the buffer stay zero, so that kernels always get whole messages.
 *
 * The size of a buffer depends only on the model. Nothing that a worker sends decides how much memory is
 * used, or where a bucket is written.
 */
#include <string.h>
#include "base/mem.h"
#include "transport/zmq/server.h"

void layout_init(struct layout *l, const struct exchange_request *x, size_t running_bytes, int64_t buckets)
{
	size_t n = x->shape.n;
	l->shape = x->shape;
	l->judged = x->rule.judged;
	l->running_bytes = running_bytes;
	l->begin = 0;
	l->end = n;
	l->shard_push = x->shape.push_bytes;
	l->shard_pull = x->shape.pull_bytes;
	if (l->n_shards > 1) {
		size_t range = planes_bucket(n, (size_t)l->n_shards);
		l->begin = (size_t)l->shard * range;
		l->end = n - l->begin < range ? n : l->begin + range;
		l->shard_push = planes_range_bytes(&x->shape.push_planes, n, l->begin, l->end);
		l->shard_pull = planes_range_bytes(&x->shape.pull_planes, n, l->begin, l->end);
	}
	if (buckets > 1 && exchange_cuts(x)) {
		l->bucket = planes_bucket(n, (size_t)buckets);
		l->n_buckets = (unsigned)chunk_count(n, l->bucket);
	}
}

void bucket_open(const struct layout *l, struct peer_vote *v)
{
	if (l->n_buckets > 0 || l->n_shards > 1)
		v->buffer = mem_array(FRAME_HEADER_BYTES + l->shape.push_bytes + l->running_bytes, 1);
}

bool bucket_closes(const struct layout *l, const struct frame *f)
{
	return l->n_buckets > 0 && f->count == l->n_buckets + 1 && f->index == l->n_buckets;
}

static enum fault check(const struct layout *l, const struct peer_vote *v, uint64_t step,
                        const struct frame *f, size_t bytes)
{
	if (f->count != l->n_buckets + 1 || f->bytes != bytes)
		return FAULT_WRONG_LENGTH;
	if (f->step != step)
		return f->step < step ? FAULT_LATE : FAULT_WRONG_STEP;
	if (v->kept || f->index < v->n_buckets)
		return FAULT_DUPLICATE;
	return f->index > v->n_buckets ? FAULT_WRONG_ORDER : FAULTS;
}

enum fault bucket_add(const struct layout *l, struct peer_vote *v, uint64_t step, const struct frame *f,
                      const unsigned char *body)
{
	const struct planes *planes = &l->shape.push_planes;
	size_t n = l->shape.n;
	if (f->index >= l->n_buckets)
		return FAULT_WRONG_LENGTH;
	size_t begin = (l->n_buckets - 1 - f->index) * l->bucket;
	size_t end = f->index == 0 ? n : begin + l->bucket;
	enum fault fault = check(l, v, step, f, planes_range_bytes(planes, n, begin, end));
	if (fault != FAULTS)
		return fault;
	planes_put(planes, n, begin, end, body, v->buffer + FRAME_HEADER_BYTES);
	v->n_buckets++;
	return FAULTS;
}

void bucket_place_shard(const struct layout *l, struct peer_vote *v, zmq_msg_t *message)
{
	planes_put(&l->shape.push_planes, l->shape.n, l->begin, l->end, message_body(message),
	           v->buffer + FRAME_HEADER_BYTES);
}

void bucket_assemble(const struct layout *l, struct peer_vote *v, zmq_msg_t *message, size_t offset)
{
	size_t running = zmq_msg_size(message) - FRAME_HEADER_BYTES - offset;
	size_t before = FRAME_HEADER_BYTES + l->shape.push_bytes;
	memcpy(v->buffer + before, message_body(message) + offset, running);
	zmq_msg_close(message);
	if (zmq_msg_init_data(message, v->buffer, before + running, NULL, NULL))
		die("ZeroMQ makes no message of memory that is there");
}
