/* Memory of the state, and the blocks of workers. */
#include "train/state.h"
#include <math.h>
#include <string.h>
#include "adversary/attack.h"
#include "aggregator/method.h"
#include "base/mem.h"

static const double RUNNING_REACH = 1000, RUNNING_LARGEST = 1e12, ROUNDING = 1e-5;

enum { BLOCK_FLOATS = 16 }; /* the parts of a block begin at multiples of 64 bytes */

static size_t whole(size_t floats)
{
	return (floats + BLOCK_FLOATS - 1) / BLOCK_FLOATS * BLOCK_FLOATS;
}

static size_t attack_floats(const struct settings *s, int m, size_t n)
{
	if (!settings_is_byzantine(s, m))
		return 0;
	const struct adversary a = adversary_of(&s->adversaries.attack);
	return a.attack->memory_floats ? a.attack->memory_floats(a.state, n) : 0;
}

static void measure(struct state *st, const struct settings *s, const struct model_env *env)
{
	const struct model *model = env->model;
	const struct method method = settings_method(s);
	const void *state = s->model.state;
	st->n = model->n_params(state, env);
	st->running_floats = model->running_floats ? model->running_floats(state, env) : 0;
	st->carry_floats = model->carry_floats ? model->carry_floats(state, env) : 0;
	st->optimizer_floats = method_memory_floats(&method, st->n);
	st->unsaid_floats = method_worker_floats(&method, st->n);
}

static void open_shared(struct state *st)
{
	st->x = st->be->memory->alloc(st->n * sizeof *st->x, "parameters");
	if (st->optimizer_floats > 0)
		st->optimizer = st->be->memory->alloc(st->optimizer_floats * sizeof *st->optimizer,
		                                      "memory of the optimizer");
	if (st->running_floats == 0)
		return;
	st->running = st->be->memory->alloc(st->running_floats * sizeof *st->running, "running statistics");
	st->running_before = st->be->memory->alloc(st->running_floats * sizeof *st->running_before,
	                                           "running statistics before the step");
}

static void open_mirrors(struct state *st)
{
	const struct memory *m = st->be->memory;
	st->x_seen = memory_mirror(m, st->x, st->n * sizeof *st->x);
	st->optimizer_seen = memory_mirror(m, st->optimizer, st->optimizer_floats * sizeof(float));
	st->running_seen = memory_mirror(m, st->running, st->running_floats * sizeof(float));
}

static void open_block(struct state *st, int m)
{
	size_t bytes = st->block_floats[m] * sizeof(float);
	st->hosted[m] = true;
	st->blocks[m] = st->be->memory->alloc(bytes, "momentum, carry and memories of a worker");
	st->blocks_seen[m] = memory_mirror(st->be->memory, st->blocks[m], bytes);
}

static void list_norms(struct state *st, const struct settings *s, const struct model_env *env)
{
	struct tensor mean, variance;
	const struct model *model = env->model;
	size_t count = 0;
	if (!st->running)
		return;
	while (model->running(s->model.state, env, 2 * count, &mean))
		count++;
	st->norms = mem_array(count, sizeof *st->norms);
	st->n_norms = count;
	for (size_t i = 0; i < count; i++) {
		if (!model->running(s->model.state, env, 2 * i, &mean) ||
		    !model->running(s->model.state, env, 2 * i + 1, &variance) || mean.variance ||
		    !variance.variance || mean.count != variance.count)
			BUG("running statistics are not means and variances in turn");
		st->norms[i] = (struct running_norm){mean.offset, variance.offset, mean.count};
	}
}

static size_t before_unsaid(const struct state *st)
{
	return whole(st->n) + whole(st->carry_floats);
}

static size_t before_memory(const struct state *st)
{
	return before_unsaid(st) + whole(st->unsaid_floats);
}

static void open_blocks(struct state *st, const struct settings *s)
{
	size_t workers = (size_t)st->workers;
	st->hosted = mem_array(workers, sizeof *st->hosted);
	st->born = mem_array(workers, sizeof *st->born);
	st->memory_floats = mem_array(workers, sizeof *st->memory_floats);
	st->block_floats = mem_array(workers, sizeof *st->block_floats);
	st->blocks = mem_array(workers, sizeof *st->blocks);
	st->blocks_seen = mem_array(workers, sizeof *st->blocks_seen);
	for (int m = 0; m < st->workers; m++) {
		st->memory_floats[m] = attack_floats(s, m, st->n);
		st->block_floats[m] = before_memory(st) + st->memory_floats[m];
	}
}

void state_open(struct state *st, const struct settings *s, const struct model_env *env, const int *ids,
                int count)
{
	*st = (struct state){.be = env->be, .queue = env->queue, .workers = (int)s->workers};
	measure(st, s, env);
	open_shared(st);
	list_norms(st, s, env);
	open_blocks(st, s);
	open_mirrors(st);
	for (int i = 0; i < count; i++)
		open_block(st, ids[i]);
	while (settings_is_byzantine(s, st->bn_owner))
		st->bn_owner++;
}

void state_open_server(struct state *st, const struct backend *be, size_t vectors, size_t floats,
                       size_t unsaid)
{
	size_t bytes = (floats + unsaid) * sizeof *st->server;
	if (bytes == 0)
		return;
	st->server_vectors = vectors;
	st->server_floats = floats + unsaid;
	st->server_unsaid_floats = unsaid;
	st->server_be = be;
	st->server = be->memory->alloc(bytes, "memory of the aggregator");
	st->server_seen = memory_mirror(be->memory, st->server, bytes);
}

float *state_server_unsaid(const struct state *st)
{
	return st->server_unsaid_floats > 0 ? st->server + st->server_floats - st->server_unsaid_floats
	                                    : NULL;
}

void state_open_colluders(struct state *st, size_t floats)
{
	if (floats == 0)
		return;
	st->colluders_floats = floats;
	st->colluders = st->be->memory->alloc(floats * sizeof *st->colluders, "memory of the colluders");
	st->colluders_seen = memory_mirror(st->be->memory, st->colluders, floats * sizeof *st->colluders);
}

/* It may be memory of another backend than the rest, which then is the host's and has no queue. */
static struct queue *server_queue(const struct state *st)
{
	return st->server_be == st->be ? st->queue : NULL;
}

static void close_server(struct state *st)
{
	if (!st->server)
		return;
	memory_mirror_free(st->server_be->memory, st->server_seen);
	st->server_be->memory->release(st->server);
}

static void close_blocks(struct state *st)
{
	state_drop_remote(st);
	for (int m = 0; m < st->workers; m++) {
		memory_mirror_free(st->be->memory, st->blocks_seen[m]);
		st->be->memory->release(st->blocks[m]);
	}
	mem_free(st->blocks_seen);
	mem_free(st->blocks);
	mem_free(st->block_floats);
	mem_free(st->memory_floats);
	mem_free(st->born);
	mem_free(st->hosted);
}

void state_close(struct state *st)
{
	if (!st->be)
		return;
	const struct memory *m = st->be->memory;
	float *const seen[] = {st->x_seen, st->optimizer_seen, st->running_seen, st->colluders_seen},
	             *const own[] = {st->colluders, st->x, st->optimizer, st->running, st->running_before};
	close_blocks(st);
	for (size_t i = 0; i < sizeof seen / sizeof *seen; i++)
		memory_mirror_free(m, seen[i]);
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		m->release(own[i]);
	mem_free(st->norms);
	close_server(st);
}

double state_epoch(const struct state *st, const struct settings *s)
{
	double epoch = ratio_value(s->steps_per_epoch);
	return epoch > 0 ? (double)st->step / epoch : 0;
}

float *state_carry(const struct state *st, float *block)
{
	return st->carry_floats > 0 ? block + whole(st->n) : NULL;
}

float *state_unsaid(const struct state *st, float *block)
{
	return st->unsaid_floats > 0 ? block + before_unsaid(st) : NULL;
}

float *state_memory(const struct state *st, int m, float *block)
{
	return st->memory_floats[m] > 0 ? block + before_memory(st) : NULL;
}

static void show(struct state *st, float *seen, const float *at, size_t floats)
{
	st->be->memory->download(st->queue, seen, at, floats * sizeof *at);
}

static void take(struct state *st, const float *seen, float *at, size_t floats)
{
	st->be->memory->upload(st->queue, at, seen, floats * sizeof *at);
}

void state_show_running(struct state *st)
{
	show(st, st->running_seen, st->running, st->running_floats);
}

void state_show_shared(struct state *st)
{
	show(st, st->x_seen, st->x, st->n);
	show(st, st->optimizer_seen, st->optimizer, st->optimizer_floats);
	state_show_running(st);
}

void state_show(struct state *st)
{
	state_show_shared(st);
	if (st->server)
		st->server_be->memory->download(server_queue(st), st->server_seen, st->server,
		                                st->server_floats * sizeof *st->server);
	show(st, st->colluders_seen, st->colluders, st->colluders_floats);
	for (int m = 0; m < st->workers; m++)
		if (st->hosted[m])
			show(st, st->blocks_seen[m], st->blocks[m], st->block_floats[m]);
}

void state_take_running(struct state *st)
{
	take(st, st->running_seen, st->running, st->running_floats);
	st->be->memory->finish(st->queue);
}

void state_take_shared(struct state *st)
{
	take(st, st->x_seen, st->x, st->n);
	take(st, st->optimizer_seen, st->optimizer, st->optimizer_floats);
	state_take_running(st);
}

void state_take(struct state *st)
{
	if (st->server) {
		st->server_be->memory->upload(server_queue(st), st->server, st->server_seen,
		                              st->server_floats * sizeof *st->server);
		st->server_be->memory->finish(server_queue(st));
	}
	take(st, st->colluders_seen, st->colluders, st->colluders_floats);
	for (int m = 0; m < st->workers; m++)
		if (st->hosted[m])
			take(st, st->blocks_seen[m], st->blocks[m], st->block_floats[m]);
	state_take_shared(st);
}

void state_reset_worker(struct state *st, int m, struct queue *q)
{
	if (st->hosted[m])
		st->be->memory->fill(q, st->blocks[m], 0, st->block_floats[m] * sizeof(float));
	st->born[m] = st->step;
}

static void copy_running(struct state *st, float *to, const float *from)
{
	st->be->memory->copy(st->queue, to, from, st->running_floats * sizeof *to);
	st->be->memory->finish(st->queue);
}

void state_keep_running(struct state *st)
{
	if (st->running)
		copy_running(st, st->running_before, st->running);
}

void state_undo_running(struct state *st)
{
	if (st->running)
		copy_running(st, st->running, st->running_before);
}

/* The statistic of the batch that moved `before` to `next`. */
static double of_batch(float before, float next)
{
	return (next - (1 - (double)RUNNING_RATE) * before) / (double)RUNNING_RATE;
}

static bool channel_fits(float mean, float variance, float next_mean, float next_variance)
{
	double size = 1 + (double)mean * mean + variance, m = of_batch(mean, next_mean),
	       v = of_batch(variance, next_variance);
	double largest = fmin(RUNNING_REACH * RUNNING_REACH * size, RUNNING_LARGEST * RUNNING_LARGEST);
	return isfinite(next_mean) && isfinite(next_variance) && next_variance >= 0 &&
	       v >= -ROUNDING * variance && m * m + v <= largest;
}

bool state_running_fits(const void *ctx, const float *next)
{
	const struct state *st = ctx;
	for (size_t i = 0; i < st->n_norms; i++) {
		const struct running_norm *norm = &st->norms[i];
		const float *mean = st->running_seen + norm->mean,
		            *variance = st->running_seen + norm->variance;
		for (size_t c = 0; c < norm->channels; c++)
			if (!channel_fits(mean[c], variance[c], next[norm->mean + c],
			                  next[norm->variance + c]))
				return false;
	}
	return true;
}

void state_hold_all(struct state *st)
{
	for (int m = 0; m < st->workers; m++)
		if (!st->blocks_seen[m])
			st->blocks_seen[m] = mem_array(st->block_floats[m], sizeof(float));
}

void state_drop_remote(struct state *st)
{
	for (int m = 0; m < st->workers; m++)
		if (!st->hosted[m]) {
			mem_free(st->blocks_seen[m]);
			st->blocks_seen[m] = NULL;
		}
}

void state_lend(const struct state *st, bool given, struct train_state *out)
{
	*out = (struct train_state){.step = st->step,
	                            .x = {st->n, st->x_seen},
	                            .optimizer = {st->optimizer_floats, st->optimizer_seen},
	                            .running = {st->running_floats, st->running_seen},
	                            .server = {st->server_floats, st->server_seen},
	                            .server_vectors = st->server_vectors,
	                            .running_fits = st->running ? state_running_fits : NULL,
	                            .running_ctx = st,
	                            .worker_floats = st->block_floats,
	                            .workers = st->blocks_seen,
	                            .born = st->born,
	                            .given = given,
	                            .bn_owner = st->bn_owner};
}
