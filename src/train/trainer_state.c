/* Saves and restores the trainer's state, and sends it between the processes of a run. */
#include "models/init/init_row.h"
#include "train/trainer_internal.h"

static struct train_state *lend(struct trainer *t)
{
	const struct init_row *init = (const struct init_row *)t->settings->init.row;
	state_lend(&t->state, t->state.step > 0 || init->file, &t->uplink.lent);
	return &t->uplink.lent;
}

int trainer_sync(struct trainer *t, struct err *e)
{
	const struct link *l = &t->uplink.link;
	struct train_state *st = lend(t);
	if (!l->row->sync)
		return 0;
	state_show(&t->state);
	if (l->row->sync(l->self, st, e))
		return -1;
	state_take(&t->state);
	t->state.step = st->step;
	t->state.bn_owner = st->bn_owner;
	workforce_load(&t->workforce, t->state.x);
	return 0;
}

/* All blocks are at the root afterwards. */
static int collect(struct trainer *t, struct err *e)
{
	const struct link *l = &t->uplink.link;
	if (l->root && l->row->collect)
		state_hold_all(&t->state);
	state_show(&t->state);
	return l->row->collect ? l->row->collect(l->self, lend(t), e) : 0;
}

int trainer_collect(struct trainer *t, struct err *e)
{
	int rc = collect(t, e);
	state_drop_remote(&t->state);
	return rc;
}

static int write_state(struct trainer *t, const char *path, struct err *e)
{
	t->state.sent = (int64_t)t->observer.bytes;
	int rc = state_save(&t->state, t->settings->id, path, e);
	state_drop_remote(&t->state);
	return rc;
}

int trainer_save(struct trainer *t, const char *path, struct err *e)
{
	if (collect(t, e))
		return -1;
	return t->uplink.link.root ? write_state(t, path, e) : 0;
}

int trainer_save_alone(struct trainer *t, const char *path, struct err *e)
{
	if (t->state.server && t->uplink.link.meets_apart)
		return err_world(e,
		                 "%s: the aggregator's memory is in other processes too, and cannot be saved "
		                 "without them",
		                 path);
	return write_state(t, path, e);
}

int trainer_restore(struct trainer *t, const char *path, struct err *e)
{
	return trainer_restore_as(t, t->settings->id, path, e);
}

int trainer_restore_as(struct trainer *t, const char *run_id, const char *path, struct err *e)
{
	struct state *st = &t->state;
	if (state_restore(st, run_id, path, e))
		return -1;
	workforce_load(&t->workforce, st->x);
	t->observer.bytes = st->varies ? (uint64_t)st->sent
	                               : (uint64_t)st->step * (uint64_t)st->workers *
	                                         (t->uplink.shape.push_bytes + t->uplink.shape.pull_bytes);
	return 0;
}

void trainer_expect_born(struct trainer *t, const int32_t *born)
{
	struct state *st = &t->state;
	for (int m = 0; m < st->workers; m++)
		if (!st->blocks_seen[m])
			st->born[m] = born[m] < 0 ? st->step : born[m];
}
