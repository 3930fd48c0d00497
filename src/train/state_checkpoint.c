/* The state in a checkpoint: which arrays a file contains, and what is reset if one is missing. */
#include "base/log.h"
#include "base/mem.h"
#include "train/checkpoint.h"
#include "train/state.h"

/* The arrays of a checkpoint. */
struct listing {
	size_t count;
	struct checkpoint_array *at; /* [count] */
	struct arena names;
	float nothing; /* what an array holds that is there for its number */
};

static struct checkpoint_array *add(struct listing *l, const char *name, size_t count, float *at)
{
	struct checkpoint_array *array = &l->at[l->count++];
	*array = (struct checkpoint_array){.name = name, .count = count, .at = at};
	return array;
}

/*
 * Add an array of worker m. It is optional, because a root may have saved without the workers of other
 * processes.
 */
static void add_own(const struct state *st, struct listing *l, const char *kind, int m, size_t count,
                    float *at)
{
	struct checkpoint_array *array = add(l, arena_format(&l->names, "%s/%d", kind, m), count, at);
	array->number = &st->born[m];
	array->optional = true;
}

/* List the arrays. bn_owner is stored as the number of the running statistics, the number of withheld steps
 * as that of x, the bytes of messages of all lengths as that of an array of one zero. */
static void list(struct state *st, struct listing *l, int64_t *bn_owner)
{
	*l = (struct listing){.at = mem_array(4 * (size_t)st->workers + 6, sizeof *l->at)};
	struct checkpoint_array *x = add(l, "x", st->n, st->x_seen);
	if (st->withholds)
		x->number = &st->withheld;
	if (st->varies)
		add(l, "sent", 1, &l->nothing)->number = &st->sent;
	if (st->server)
		add(l, "aggregator", st->server_floats, st->server_seen);
	if (st->colluders)
		add(l, "colluders", st->colluders_floats, st->colluders_seen);
	if (st->optimizer)
		add(l, "optimiser", st->optimizer_floats, st->optimizer_seen);
	if (st->running)
		add(l, "running", st->running_floats, st->running_seen)->number = bn_owner;
	for (int m = 0; m < st->workers; m++) {
		float *block = st->blocks_seen[m];
		if (!block)
			continue;
		if (st->carry_floats > 0)
			add_own(st, l, "carry", m, st->carry_floats, state_carry(st, block));
		add_own(st, l, "momentum", m, st->n, block);
		if (st->unsaid_floats > 0)
			add_own(st, l, "compressor", m, st->unsaid_floats, state_unsaid(st, block));
		if (st->memory_floats[m] > 0)
			add_own(st, l, "adversary", m, st->memory_floats[m], state_memory(st, m, block));
	}
}

static void listing_clear(struct listing *l)
{
	mem_free(l->at);
	arena_clear(&l->names);
}

int state_save(struct state *st, const char *run_id, const char *path, struct err *e)
{
	struct listing l;
	int64_t bn_owner = st->bn_owner;
	state_show(st);
	list(st, &l, &bn_owner);
	int rc = checkpoint_write(path, run_id, st->step, l.count, l.at, e);
	listing_clear(&l);
	return rc;
}

static bool is_missing(const struct state *st, const struct listing *l, int m)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->at[i].missing && l->at[i].number == &st->born[m])
			return true;
	return false;
}

/* Reset workers for which the file lacks an array: workers of this process now, others when they join. */
static void reset_missing(struct state *st, const struct listing *l)
{
	int here = 0;
	for (int m = 0; m < st->workers; m++) {
		if (!is_missing(st, l, m))
			continue;
		state_reset_worker(st, m, st->queue);
		here += st->hosted[m];
		if (!st->hosted[m]) {
			mem_free(st->blocks_seen[m]);
			st->blocks_seen[m] = NULL;
		}
	}
	if (here > 0)
		log_say("%d workers kept their states to themselves and start again after step %lld", here,
		        (long long)st->step);
}

int state_restore(struct state *st, const char *run_id, const char *path, struct err *e)
{
	struct listing l;
	int64_t bn_owner = st->bn_owner;
	state_hold_all(st);
	list(st, &l, &bn_owner);
	int rc = checkpoint_read(path, run_id, &st->step, l.count, l.at, e);
	if (!rc) {
		state_take(st);
		reset_missing(st, &l);
		if (bn_owner >= 0 && bn_owner < st->workers)
			st->bn_owner = (int)bn_owner;
	}
	listing_clear(&l);
	return rc ? -1 : 0;
}
