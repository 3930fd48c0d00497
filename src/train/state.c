/* Memory of the state, and the blocks of workers. */
#include "train/state.h"
#include <string.h>
#include "adversary/attack.h"
#include "aggregator/aggregator.h"
#include "base/mem.h"

enum { BLOCK_FLOATS = 16 }; /* the parts of a block begin at multiples of 64 bytes */

static size_t whole(size_t floats)
{
	return (floats + BLOCK_FLOATS - 1) / BLOCK_FLOATS * BLOCK_FLOATS;
}

static size_t attack_floats(const struct settings *s, int m, size_t n)
{
	const struct attack *attack = (const struct attack *)s->adversaries.attack.row;
	if (!settings_is_byzantine(s, m) || !attack->memory_floats)
		return 0;
	return attack->memory_floats(s->adversaries.attack.state, n);
}

static void measure(struct state *st, const struct settings *s, const struct model_env *env)
{
	const struct model *model = env->model;
	const struct aggregator *agg = (const struct aggregator *)s->aggregator.row;
	const void *state = s->model.state;
	st->n = model->n_params(state, env);
	st->running_floats = model->running_floats ? model->running_floats(state, env) : 0;
	st->carry_floats = model->carry_floats ? model->carry_floats(state, env) : 0;
	st->optimizer_floats = agg->memory_floats ? agg->memory_floats(s->aggregator.state, st->n) : 0;
}

static void open_shared(struct state *st)
{
	st->x = st->be->alloc(st->n * sizeof *st->x);
	if (st->optimizer_floats > 0)
		st->optimizer = st->be->alloc(st->optimizer_floats * sizeof *st->optimizer);
	if (st->running_floats == 0)
		return;
	st->running = st->be->alloc(st->running_floats * sizeof *st->running);
	st->running_before = mem_array(st->running_floats, sizeof *st->running_before);
}

static void open_blocks(struct state *st, const struct settings *s)
{
	size_t workers = (size_t)st->workers;
	st->hosted = mem_array(workers, sizeof *st->hosted);
	st->born = mem_array(workers, sizeof *st->born);
	st->memory_floats = mem_array(workers, sizeof *st->memory_floats);
	st->block_floats = mem_array(workers, sizeof *st->block_floats);
	st->blocks = mem_array(workers, sizeof *st->blocks);
	for (int m = 0; m < st->workers; m++) {
		st->memory_floats[m] = attack_floats(s, m, st->n);
		st->block_floats[m] = whole(st->n) + whole(st->carry_floats) + st->memory_floats[m];
	}
}

void state_open(struct state *st, const struct settings *s, const struct model_env *env, const int *ids,
                int count)
{
	*st = (struct state){.be = env->be, .workers = (int)s->workers};
	measure(st, s, env);
	open_shared(st);
	open_blocks(st, s);
	for (int i = 0; i < count; i++) {
		st->hosted[ids[i]] = true;
		st->blocks[ids[i]] = mem_array(st->block_floats[ids[i]], sizeof(float));
	}
	while (settings_is_byzantine(s, st->bn_owner))
		st->bn_owner++;
}

void state_close(struct state *st)
{
	for (int m = 0; st->blocks && m < st->workers; m++)
		mem_free(st->blocks[m]);
	mem_free(st->blocks);
	mem_free(st->block_floats);
	mem_free(st->memory_floats);
	mem_free(st->born);
	mem_free(st->hosted);
	mem_free(st->running_before);
	if (!st->be)
		return;
	st->be->release(st->x);
	st->be->release(st->optimizer);
	st->be->release(st->running);
}

double state_epoch(const struct state *st, const struct settings *s)
{
	double epoch = ratio_value(s->steps_per_epoch);
	return epoch > 0 ? (double)st->step / epoch : 0;
}

float *state_carry(const struct state *st, int m)
{
	return st->carry_floats > 0 ? st->blocks[m] + whole(st->n) : NULL;
}

float *state_memory(const struct state *st, int m)
{
	size_t before = whole(st->n) + whole(st->carry_floats);
	return st->memory_floats[m] > 0 ? st->blocks[m] + before : NULL;
}

void state_reset_worker(struct state *st, int m)
{
	memset(st->blocks[m], 0, st->block_floats[m] * sizeof(float));
	st->born[m] = st->step;
}

void state_keep_running(struct state *st)
{
	if (st->running)
		memcpy(st->running_before, st->running, st->running_floats * sizeof *st->running);
}

void state_undo_running(struct state *st)
{
	if (st->running)
		memcpy(st->running, st->running_before, st->running_floats * sizeof *st->running);
}

void state_hold_all(struct state *st)
{
	for (int m = 0; m < st->workers; m++)
		if (!st->blocks[m])
			st->blocks[m] = mem_array(st->block_floats[m], sizeof(float));
}

void state_drop_remote(struct state *st)
{
	for (int m = 0; m < st->workers; m++)
		if (!st->hosted[m]) {
			mem_free(st->blocks[m]);
			st->blocks[m] = NULL;
		}
}

void state_lend(const struct state *st, bool given, struct train_state *out)
{
	*out = (struct train_state){.step = st->step,
	                            .x = {st->n, st->x},
	                            .optimizer = {st->optimizer_floats, st->optimizer},
	                            .running = {st->running_floats, st->running},
	                            .worker_floats = st->block_floats,
	                            .workers = st->blocks,
	                            .born = st->born,
	                            .given = given,
	                            .bn_owner = st->bn_owner};
}
