/* Which workers are counted in a repeated run. */
#include "train/replay.h"
#include <stddef.h>

/* [M] the recorded born of the present step. */
static const int32_t *recorded(const struct replay *r, const struct state *st)
{
	return r->born + (size_t)st->step * (size_t)st->workers;
}

/*
 * A recorded state that began at this step is made by a reset. One that began at another step than ours
 * cannot be made.
 */
static int check_born(struct state *st, int m, int64_t born, struct err *e)
{
	if (born == st->step)
		st->born[m] = -1;
	else if (born >= 0 && born != st->born[m])
		return err_user(e,
		                "the voters recorded do not fit: worker %d was counted in step %lld with a "
		                "state begun after step %lld, and here it began after step %lld",
		                m, (long long)st->step + 1, (long long)born, (long long)st->born[m]);
	return 0;
}

int replay_begin_step(const struct replay *r, struct state *st, struct err *e)
{
	if (!r)
		return 0;
	if (st->step >= r->steps)
		return err_user(e, "the voters recorded end after step %lld", (long long)r->steps);
	for (int m = 0; m < st->workers; m++)
		if (check_born(st, m, recorded(r, st)[m], e))
			return -1;
	return 0;
}

bool replay_counts(const struct replay *r, const struct state *st, int m)
{
	return !r || recorded(r, st)[m] >= 0;
}
