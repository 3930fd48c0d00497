/* Messages where they meet: see aggregator/judge.h. */
#include "aggregator/judge.h"
#include <math.h>
#include <string.h>
#include "base/mem.h"
#include "base/stats.h"

bool judge_has(const struct method *m)
{
	return m->push.kind == MESSAGE_SCALED || m->push.kind == MESSAGE_CODED;
}

size_t judge_bytes(const struct method *m, size_t workers, size_t n)
{
	size_t each = m->push.kind == MESSAGE_CODED ? n : message_scales(&m->push), bytes;
	if (!judge_has(m))
		return 0;
	bool more =
	        __builtin_mul_overflow(each, sizeof(float), &bytes) ||
	        __builtin_add_overflow(bytes, 2 * sizeof(void *) + sizeof(double) + sizeof(bool), &bytes) ||
	        __builtin_mul_overflow(bytes, workers, &bytes);
	return more ? SIZE_MAX : bytes;
}

void judge_open(struct judge *j, const struct method *m, int workers, size_t n)
{
	size_t all = (size_t)workers;
	*j = (struct judge){.method = m, .n = n};
	if (!judge_has(m))
		return;
	j->pushes = mem_array(all, sizeof *j->pushes);
	j->refused = mem_array(all, sizeof *j->refused);
	j->column = mem_array(all, sizeof *j->column);
	if (m->push.kind == MESSAGE_SCALED) {
		j->scales = mem_array(all * message_scales(&m->push), sizeof *j->scales);
		return;
	}
	j->floats = mem_array(all * n, sizeof *j->floats);
	j->rows = mem_array(all, sizeof *j->rows);
	for (size_t i = 0; i < all; i++)
		j->rows[i] = j->floats + i * n;
}

void judge_close(struct judge *j)
{
	mem_free(j->pushes);
	mem_free(j->refused);
	mem_free(j->column);
	mem_free(j->scales);
	mem_free(j->floats);
	mem_free(j->rows);
}

/* --- scales ------------------------------------------------------------------------------------------- */

/* Clip number i of all messages to so many times the median of their sizes. */
static void clip_one(struct judge *j, double times, size_t i, size_t each)
{
	size_t count = (size_t)j->count;
	for (size_t m = 0; m < count; m++)
		j->column[m] = fabs((double)j->scales[m * each + i]);
	stats_sort(j->column, count);
	float most = (float)(times * stats_median(j->column, count));
	for (size_t m = 0; m < count; m++) {
		float *scale = &j->scales[m * each + i];
		if (fabsf(*scale) > most)
			*scale = copysignf(most, *scale);
	}
}

static void judge_scales(struct judge *j, const struct step_job *job, int all, const void *const *pushes)
{
	const struct message *push = &j->method->push;
	size_t each = message_scales(push);
	double times = method_clip_scale(j->method);
	for (int i = 0; i < all; i++) {
		float *scales = j->scales + (size_t)j->count * each;
		message_get_scales(job, push, pushes[i], scales);
		j->refused[i] = !message_scales_hold(push, scales);
		if (!j->refused[i])
			j->pushes[j->count++] = pushes[i];
	}
	for (size_t k = 0; times > 0 && j->count > 0 && k < each; k++)
		clip_one(j, times, k, each);
}

/* --- codes -------------------------------------------------------------------------------------------- */

struct decoding {
	struct judge *judge;
	const void *const *pushes;
	size_t most;
};

static void decode_item(void *ctx, int lane, size_t item)
{
	const struct decoding *d = ctx;
	struct judge *j = d->judge;
	const struct message *push = &j->method->push;
	const void *message = d->pushes[item];
	float *row = j->floats + item * j->n;
	size_t bytes = code_length(message);
	(void)lane;
	j->refused[item] = bytes < CODE_LENGTH_BYTES || bytes > d->most ||
	                   push->code->refuses(push->state, push->layers, j->n, message, bytes);
	if (j->refused[item])
		memset(row, 0xff, j->n * sizeof *row); /* NaN: a rule leaves it out */
	else
		push->code->floats(push->state, push->layers, j->n, message, row);
}

static void judge_codes(struct judge *j, struct pool *pool, int all, const void *const *pushes)
{
	struct decoding d = {.judge = j, .pushes = pushes, .most = message_bytes(&j->method->push, j->n)};
	pool_run(pool, (size_t)all, decode_item, &d);
	for (int i = 0; i < all; i++)
		if (!j->refused[i])
			j->pushes[j->count++] = j->rows[i];
}

void judge_messages(struct judge *j, const struct step_job *job, struct pool *pool, int all,
                    const void *const *pushes)
{
	j->count = 0;
	if (j->method->push.kind == MESSAGE_SCALED)
		judge_scales(j, job, all, pushes);
	else
		judge_codes(j, pool, all, pushes);
}
