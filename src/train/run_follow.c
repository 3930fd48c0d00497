/* The steps of a process that has workers but is not the root; the root evaluates and records. */
#include "train/run.h"
#include "train/trainer.h"
#include "transport/transport.h"

/* Do one step, and save the state if that is due after it. 1: it was the last step. */
static int follow_step(struct trainer *t, int64_t steps, enum run_outcome *outcome, struct err *e)
{
	struct step_row row;
	int flags = run_signal() ? EXCHANGE_STOP : 0;
	enum trainer_end end = trainer_step(t, &row, &flags, e);
	if (end != TRAINER_DID)
		return end == TRAINER_LEFT ? 1 : -1;
	bool last = trainer_steps_done(t) == steps;
	if (!flags || (last && !(flags & EXCHANGE_SAVE)))
		return 0;
	if (trainer_save(t, NULL, e))
		return -1;
	if (last || !(flags & EXCHANGE_STOP))
		return 0;
	*outcome = RUN_STOPPED;
	return 1;
}

int run_follow(const struct settings *s, struct pool *pool, const struct link *link,
               enum run_outcome *outcome, struct err *e)
{
	run_may_end(NULL);
	struct trainer *t = trainer_open(s, pool, link, e);
	int rc = !t || trainer_sync(t, e) ? -1 : 0;
	if (link->row->processes == TRANSPORT_LAUNCHED) /* a server goes on without us */
		run_must_save();
	*outcome = RUN_DID;
	while (rc == 0 && trainer_steps_done(t) < s->steps)
		rc = follow_step(t, s->steps, outcome, e);
	trainer_close(t);
	return rc < 0 ? -1 : 0;
}
