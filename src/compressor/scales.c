/* Messages with scales (MESSAGE_SCALED): see compressor/message.h and compressor/job.h. */
#include <math.h>
#include "compressor/job.h"

enum { WORDS_SEEN = 16 /* of a plane, at a time */ };

size_t message_scales(const struct message *m)
{
	return m->kind == MESSAGE_SCALED ? layers_count(m->scope) * (size_t)m->scales : 0;
}

/* They follow the vote plane. */
static size_t scale_at(const struct step_job *job, size_t i)
{
	return sign_plane_bytes(job->n) / sizeof(float) + i;
}

void message_get_scales(const struct step_job *job, const struct message *m, const void *message,
                        float *scales)
{
	job->be->memory->download(job->queue, scales, (const float *)message + scale_at(job, 0),
	                          message_scales(m) * sizeof *scales);
}

void message_set_scale(const struct step_job *job, const struct message *m, void *message, size_t i,
                       float scale)
{
	if (i >= message_scales(m))
		BUG("a scale that a message does not have");
	job->be->memory->upload(job->queue, (float *)message + scale_at(job, i), &scale, sizeof scale);
}

/* Scale number i of a range: the first is of coordinates above 0, a second one of those below it. */
static bool holds(int i, float scale)
{
	return isfinite(scale) && (i == 0 ? scale >= 0 : scale <= 0);
}

bool message_scales_hold(const struct message *m, const float *scales)
{
	size_t count = message_scales(m);
	for (size_t i = 0; i < count; i++)
		if (!holds((int)(i % (size_t)m->scales), scales[i]))
			return false;
	return true;
}

/* --- as floats ---------------------------------------------------------------------------------------- */

/* What a coordinate of a range is where its sign is +, and where it is -. */
struct said {
	float plus, minus;
};

static struct said said_of(const struct message *m, const float *scales)
{
	return (struct said){scales[0], m->scales > 1 ? scales[1] : -scales[0]};
}

/* Of the range with this number, as the message has it; NaN, if no compressor has written it. */
static struct said read_said(const struct step_job *job, const struct message *m, const void *message,
                             size_t range)
{
	float scales[2] = {0, 0};
	size_t each = (size_t)m->scales;
	job->be->memory->download(job->queue, scales, (const float *)message + scale_at(job, range * each),
	                          each * sizeof *scales);
	if (!holds(0, scales[0]) || (each > 1 && !holds(1, scales[1])))
		return (struct said){NAN, NAN};
	return said_of(m, scales);
}

static void floats_of_piece(const struct step_job *job, const void *message, struct said said, size_t begin,
                            size_t end, float *out)
{
	for (size_t at = begin, next; at < end; at = next) {
		uint64_t vote[WORDS_SEEN];
		size_t first = at / 64 * 64;
		next = end - first < (size_t)WORDS_SEEN * 64 ? end : first + (size_t)WORDS_SEEN * 64;
		job->be->memory->download(job->queue, vote, sign_message_vote(message, first),
		                          sign_plane_bytes(next - first));
		for (size_t i = at; i < next; i++)
			out[i - begin] = vote[(i - first) / 64] >> i % 64 & 1 ? said.minus : said.plus;
	}
}

void message_scaled_floats(const struct step_job *job, const struct message *m, const void *message,
                           size_t begin, size_t end, float *out)
{
	for (size_t at = begin; at < end;) {
		struct layer_piece p = layers_piece(m->scope, job->n, at, end);
		floats_of_piece(job, message, read_said(job, m, message, p.layer), p.begin, p.end,
		                out + (p.begin - begin));
		at = p.end;
	}
}

/* --- added up ----------------------------------------------------------------------------------------- */

/* What coordinates of a range are: as `scales` has it, or the message. */
static struct said say(const struct step_job *job, const struct message *m, const void *message,
                       const float *scales, size_t range)
{
	return scales ? said_of(m, scales + range * (size_t)m->scales) : read_said(job, m, message, range);
}

/*
 * Floats of the signs, and steps along them: x - (-s) d adds s d, and d is 1, -1 or 0, so that nothing is
 * rounded but the sum. A range begins anywhere, and planes are read by words, so the block is unpacked whole.
 */
static void unpack_block(const struct step_job *job, const struct message *m, const uint64_t *vote, size_t n)
{
	const struct backend *be = job->be;
	float *plus = job->scratch, *minus = job->scratch + MESSAGE_BLOCK;
	be->sign_unpack(job->queue, n, vote, m->scales > 1 ? vote : NULL, plus);
	if (m->scales == 1)
		return;
	/* 1 where the sign is +, 0 elsewhere: less the signs it is 1 where they are - */
	be->sign_unpack(job->queue, n, vote, NULL, minus);
	be->scale(job->queue, n, -1, minus, minus);
	be->add(job->queue, n, plus, minus);
}

static void add_block(const struct step_job *job, const struct message *m, const void *message,
                      const float *scales, float factor, size_t begin, size_t end, float *sum)
{
	unpack_block(job, m, sign_message_vote(message, begin), end - begin);
	for (size_t at = begin; at < end;) {
		struct layer_piece p = layers_piece(m->scope, job->n, at, end);
		struct said own = say(job, m, message, scales, p.layer);
		const float *plus = job->scratch + (p.begin - begin), *minus = plus + MESSAGE_BLOCK;
		float *to = sum + (p.begin - begin);
		size_t n = p.end - p.begin;
		job->be->descend(job->queue, n, plus, -factor * own.plus, 0, to);
		if (m->scales > 1)
			job->be->descend(job->queue, n, minus, -factor * own.minus, 0, to);
		at = p.end;
	}
}

void message_add_scaled(const struct step_job *job, const struct message *m, const void *message,
                        const float *scales, float factor, size_t begin, size_t end, float *sum)
{
	if (message_scales(m) == 1) {
		job->be->sign_apply(job->queue, end - begin, sign_message_vote(message, begin), NULL,
		                    -factor * say(job, m, message, scales, 0).plus, 0, sum);
		return;
	}
	for (size_t at = begin; at < end; at += MESSAGE_BLOCK) {
		size_t to = end - at < MESSAGE_BLOCK ? end : at + MESSAGE_BLOCK;
		add_block(job, m, message, scales, factor, at, to, sum + (at - begin));
	}
}
