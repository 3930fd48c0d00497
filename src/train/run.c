/* One run: check what its path contains, loop over the steps, and write results and checkpoints. */
#include "train/run.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/progress.h"
#include "h5/h5_disk.h"
#include "train/checkpoint.h"
#include "train/extend.h"
#include "train/feed.h"
#include "train/run_place.h"
#include "train/trainer.h"
#include "transport/transport.h"

enum {
	PATH_SIZE = 4096,
	PROGRESS_SIZE = 512,
	LOOK_STEPS = 100, /* between looks at x, where the losses of workers do not decide */
	DOUBT_STEPS = 10, /* between evaluations while most of those losses cannot be believed */
};

/* What the loop works with. */
struct run {
	const struct settings *s;
	const struct run_options *o;
	struct trainer *t;
	struct record *r;
	struct run_place place;
	char data_id[DATA_ID_SIZE]; /* of the data that are here; "": there are none */
	double began, saved;        /* clock_s() at the beginning and at the last checkpoint */
	int64_t steps_at_start;     /* done before this process took over */
	struct step_row step;
	struct eval_row eval;
	struct link link; /* of the job, if linked */
	bool linked;
	int flags;    /* enum exchange_flag of the last step */
	bool alone;   /* save without the other processes */
	bool fresh;   /* the run begins at step 0 */
	bool ours;    /* the path was compared again, right before the first write */
	bool blew_up; /* it has diverged */
	bool saved_once;
};

void run_path(const struct settings *s, const char *out_option, bool many, char *out, size_t size)
{
	const char *given = out_option ? out_option : s->out;
	size_t length = strlen(given);
	struct stat st;
	bool folder = many || (length > 0 && given[length - 1] == '/') ||
	              (length > 0 && stat(given, &st) == 0 && S_ISDIR(st.st_mode));
	if (length == 0)
		snprintf(out, size, "runs/%s-%s.h5", s->name, s->id);
	else if (folder)
		snprintf(out, size, "%s%s%s-%s.h5", given, given[length - 1] == '/' ? "" : "/", s->name,
		         s->id);
	else
		snprintf(out, size, "%s", given);
}

static double wall_s(const struct run *run)
{
	return record_earlier_s(run->r) + clock_s() - run->began;
}

static int evaluate(struct run *run, struct err *e)
{
	if (trainer_eval(run->t, &run->eval, e))
		return -1;
	run->eval.wall_s = wall_s(run);
	record_eval(run->r, &run->eval);
	if (!isfinite(run->eval.test_loss) && trainer_eval_decides(run->t))
		run->blew_up = true;
	return 0;
}

static bool eval_due(const struct run *run)
{
	int64_t done = trainer_steps_done(run->t), every = run->s->eval.every;
	return done == run->s->steps || (every > 0 && done % every == 0);
}

/* Is a checkpoint due after the next step? All processes of a run must know that before the step. */
static bool checkpoint_due(const struct run *run)
{
	int64_t done = trainer_steps_done(run->t) + 1, every = run->s->checkpoint.every;
	double minutes = run->s->checkpoint.minutes, wait = run->saved_once ? 60 * minutes : RECORD_FLUSH_S;
	if (done == run->s->steps)
		return run->s->checkpoint.keep;
	return (every > 0 && done % every == 0) || (minutes > 0 && clock_s() - run->saved >= wait);
}

static bool extending(const struct run *run)
{
	return run->place.was.id[0] != '\0';
}

/* Is what lies at the path still the run whose length is to be changed? It is until a step more is done. */
static bool untouched(const struct run *run)
{
	return extending(run) && trainer_steps_done(run->t) <= run->place.was.step;
}

/*
 * Does the run repeat steps that a killed run recorded after its last checkpoint? The file on disk keeps
 * those rows until this run has more.
 */
static bool remaking(const struct run *run)
{
	return extending(run) ? untouched(run) : trainer_steps_done(run->t) < run->place.kept;
}

/* The result file is written first, so that it never contains fewer steps than the checkpoint. */
static int save(struct run *run, struct err *e)
{
	run->saved = clock_s();
	run->saved_once = true;
	trainer_faults(run->t, run->r);
	if (!remaking(run) && record_flush(run->r, e))
		return -1;
	return run->alone ? trainer_save_alone(run->t, run->place.checkpoint, e)
	                  : trainer_save(run->t, run->place.checkpoint, e);
}

static void show_progress(const struct run *run, bool last)
{
	const struct run_options *o = run->o;
	char text[PROGRESS_SIZE];
	if (!last && !o->progress && !progress_due())
		return;
	const struct run_progress p = {.began = run->steps_at_start,
	                               .done = trainer_steps_done(run->t),
	                               .steps = run->s->steps,
	                               .withheld = trainer_withheld(run->t),
	                               .loss = run->step.loss,
	                               .accuracy = run->eval.test_accuracy,
	                               .perplexity = run->eval.test_perplexity,
	                               .elapsed = clock_s() - run->began};
	if (o->progress) {
		o->progress(o->progress_ctx, &p, last);
		return;
	}
	run_progress_text(&p, text, sizeof text);
	progress_show(last, "%s%s%s-%s: %s", o->label ? o->label : "", o->label ? ": " : "", run->s->name,
	              run->s->id, text);
}

/*
 * A signal ends a run after its present step; with several processes, only after all of them know of it
 * (EXCHANGE_STOP).
 */
static bool stopping(const struct run *run)
{
	return run->linked ? run->flags & EXCHANGE_STOP : run_signal() != 0;
}

/* No step was done: a signal came before enough votes. */
static int no_step(struct run *run)
{
	run->flags = EXCHANGE_STOP;
	run->alone = true;
	return 0;
}

/*
 * Evaluate where it is due, and find out whether the run has diverged. The losses of workers that nobody
 * vouches for only say when to look.
 */
static int judge(struct run *run, struct err *e)
{
	int64_t done = trainer_steps_done(run->t);
	bool dropped = trainer_losses_dropped(run->t), due = eval_due(run);
	if (!trainer_untrusted(run->t))
		run->blew_up |= !isfinite(run->step.loss);
	else if (due || dropped || run->flags || done % LOOK_STEPS == 0)
		run->blew_up |= !trainer_x_finite(run->t);
	due |= dropped && done % DOUBT_STEPS == 0;
	return !run->blew_up && due ? evaluate(run, e) : 0;
}

/*
 * Save after a step where that was agreed for all processes; what a signal asks for is left to end(). State
 * of a run that has diverged is not worth a file, but the others send theirs and wait until it is taken.
 */
static int save_due(struct run *run, struct err *e)
{
	bool last = run->step.step == run->s->steps;
	if (run->blew_up)
		return run->flags && (run->flags & EXCHANGE_SAVE || !last) ? trainer_collect(run->t, e) : 0;
	return run->flags & EXCHANGE_SAVE && (last || !stopping(run)) ? save(run, e) : 0;
}

/* The first step beyond is done: the file is this run's from now on, and is found as such. */
static int take_file(struct run *run, struct err *e)
{
	if (record_flush(run->r, e))
		return -1;
	extend_link(&run->place, run->s);
	return 0;
}

static int one_step(struct run *run, struct err *e)
{
	run->flags = (checkpoint_due(run) ? EXCHANGE_SAVE : 0) | (run_signal() ? EXCHANGE_STOP : 0);
	enum trainer_end end = trainer_step(run->t, &run->step, &run->flags, e);
	if (end != TRAINER_DID)
		return end == TRAINER_LEFT ? no_step(run) : -1;
	run->step.wall_s = wall_s(run);
	if (run->step.step % run->s->record.every == 0 || run->step.step == run->s->steps)
		record_step(run->r, &run->step);
	record_voters(run->r, run->step.step, trainer_voters(run->t));
	if (judge(run, e))
		return -1;
	if (extending(run) && run->step.step == run->place.was.step + 1 && take_file(run, e))
		return -1;
	if (!remaking(run) && record_tick(run->r, e))
		return -1;
	if (save_due(run, e))
		return -1;
	show_progress(run, false);
	return 0;
}

static const char *finite_word(double loss)
{
	return isfinite(loss) ? "finite" : isnan(loss) ? "NaN" : "infinite";
}

static int end(struct run *run, enum run_outcome *outcome, struct err *e)
{
	char why[256] = "";
	enum run_state state = RUN_FINISHED;
	*outcome = RUN_DID;
	bool broken = trainer_untrusted(run->t) && !trainer_x_finite(run->t);
	run->blew_up |= broken;
	if (run->blew_up) {
		/* the last evaluation must be of the final parameters */
		if (run->eval.step < trainer_steps_done(run->t) && evaluate(run, e))
			return -1;
		snprintf(why, sizeof why,
		         "%s no longer finite after step %lld (training loss %s, test loss %s)",
		         broken ? "a parameter is" : "the loss is", (long long)trainer_steps_done(run->t),
		         finite_word(run->step.loss), finite_word(run->eval.test_loss));
		state = RUN_DIVERGED;
		*outcome = RUN_BLEW_UP;
	} else if (trainer_steps_done(run->t) < run->s->steps) {
		snprintf(why, sizeof why, "%s came after step %lld", run_signal_name(),
		         (long long)trainer_steps_done(run->t));
		state = RUN_INTERRUPTED;
		*outcome = RUN_STOPPED;
		if (!untouched(run) && save(run, e))
			return -1;
	}
	if (state != RUN_INTERRUPTED)
		trainer_final(run->t, run->r);
	trainer_profile(run->t, run->r);
	trainer_skipped(run->t, run->r);
	trainer_faults(run->t, run->r);
	if (!(state == RUN_INTERRUPTED && remaking(run)) && record_end(run->r, state, why, e))
		return -1;
	if (state == RUN_FINISHED && !run->s->checkpoint.keep)
		h5_disk_remove(run->place.checkpoint);
	if (run->linked && run->link.row->leave)
		run->link.row->leave(run->link.self, state != RUN_INTERRUPTED, why);
	show_progress(run, true);
	progress_end();
	if (why[0])
		log_warn("%s: %s", run->o->path, why);
	return 0;
}

/* What is at the path if it is still what was found: this run, or the one whose length is changed. */
static struct run_key key_of(const struct run *run)
{
	return (struct run_key){extending(run) ? run->place.was.id : run->s->id, run->data_id};
}

static int check_place(const struct run *run, struct err *e)
{
	const struct run_key key = key_of(run);
	return run_place_check(&run->place, &key, run->o, e);
}

/*
 * Look what is at the path. A finished run needs no data to be skipped; any other says what is missing.
 */
static int open_place(struct run *run, struct err *e)
{
	struct run_place *place = &run->place;
	struct err missing = {0};
	if (feed_fingerprint(run->s, run->data_id, &missing))
		run->data_id[0] = '\0';
	const struct run_key key = key_of(run);
	int rc = run_place_open(place, &key, run->o, e);
	if (rc && place->other && !place->other_data && run->o->resume && !place->lock.holder[0])
		rc = extend_place(place, run->s, run->o, e);
	if (rc)
		return -1;
	if (!missing.code || (place->present == RUN_PRESENT_FINISHED && !extending(run)))
		return 0;
	*e = missing;
	return -1;
}

/* What is recorded of the start. */
static int first_look(struct run *run, struct err *e)
{
	run->began = run->saved = clock_s();
	run->steps_at_start = trainer_steps_done(run->t);
	trainer_probe(run->t, run->r);
	trainer_partition(run->t, run->r);
	if (!run->fresh)
		return 0;
	if (evaluate(run, e))
		return -1;
	trainer_run_probes(run->t);
	return 0;
}

static int loop(struct run *run, enum run_outcome *outcome, struct err *e)
{
	if (check_place(run, e))
		return -1;
	run->ours = true;
	if (run->fresh)
		h5_disk_remove(run->place.checkpoint); /* of an earlier run */
	if (!remaking(run) && record_flush(run->r, e))
		return -1;
	run->flags = 0;
	while (trainer_steps_done(run->t) < run->s->steps && !stopping(run) && !run->blew_up)
		if (one_step(run, e))
			return -1;
	return end(run, outcome, e);
}

/* Tell the trainer of a server what was recorded of its workers. What cannot be read is not believed either.
 */
static void expect_born(struct run *run)
{
	size_t workers = (size_t)run->s->workers;
	int64_t steps = 0, done = trainer_steps_done(run->t);
	struct err ignored = {0};
	int32_t *born = NULL;
	if (!trainer_untrusted(run->t) || done == 0 ||
	    record_read_voters(run->place.path, workers, &steps, &born, &ignored))
		return;
	if (steps >= done)
		trainer_expect_born(run->t, born + (size_t)(done - 1) * workers);
	mem_free(born);
}

/* Go on from the checkpoint, with a result file that is cut to its step. */
static int restore(struct run *run, const struct record_meta *meta, struct err *e)
{
	struct run_place *place = &run->place;
	if ((!extending(run) && extend_checkpoint(place, e)) ||
	    trainer_restore_as(run->t, place->checkpoint_id, place->checkpoint, e))
		return err_prefix(e,
		                  extending(run)
		                          ? "cannot train %s on"
		                          : "cannot resume %s (without its checkpoint it is started again)",
		                  run->o->path);
	expect_born(run);
	run->r = extending(run) ? record_extend(place->path, meta, &place->was, run->s->eval.every, e)
	                        : record_continue(place->path, meta, trainer_steps_done(run->t), e);
	if (!run->r)
		return -1;
	log_say("%s: resumed after step %lld", run->o->path, (long long)trainer_steps_done(run->t));
	if (extending(run))
		log_say("%s: goes on to %lld steps, as run %s (was %s)", run->o->path,
		        (long long)run->s->steps, run->s->id, place->was.id);
	return 0;
}

/* Open the trainer and the result file, at step 0 or at the step from which the run is resumed. */
static int begin(struct run *run, bool go_on, struct pool *pool, struct err *e)
{
	struct record_meta meta;
	run->t = trainer_open(run->s, pool, run->linked ? &run->link : NULL, e);
	if (!run->t)
		return -1;
	trainer_replay(run->t, run->o->replay);
	trainer_meta(run->t, &meta);
	meta.data_id = run->data_id;
	meta.voters = run->o->replay || (run->linked && run->link.row->faults);
	if (extending(run) || (go_on && access(run->place.checkpoint, F_OK) == 0))
		return restore(run, &meta, e);
	if (go_on)
		log_say("%s: unfinished, without a checkpoint: started again; what it holds stays until "
		        "there "
		        "is more",
		        run->o->path);
	run->fresh = true;
	run->r = record_create(run->place.path, &meta);
	return 0;
}

/* Tell the other processes of the job what to do, and get the link to them. */
static int meet(struct run *run, int64_t command, struct pool *pool, struct err *e)
{
	const struct run_job *job = run->o->job;
	if (!job)
		return 0;
	if (job->row->tell && job->row->tell(NULL, &command, e))
		return -1;
	if (command != RUN_COMMAND_GO)
		return 0;
	run->linked = job->start(job->ctx, run->s, run->data_id, pool, &run->link, e) == 0;
	return run->linked ? 0 : -1;
}

/* Save what is left of a failed run. *e says why it failed; further errors are ignored. */
static void fail(struct run *run, const struct err *e)
{
	struct err ignored = {0};
	progress_end();
	if (!run->r || remaking(run) || (!run->ours && check_place(run, &ignored)))
		return;
	trainer_faults(run->t, run->r);
	if (run->linked && !run->blew_up && trainer_x_finite(run->t) &&
	    trainer_steps_done(run->t) > run->steps_at_start)
		trainer_save_alone(run->t, run->place.checkpoint, &ignored);
	record_end(run->r, RUN_FAILED, e->text, &ignored);
}

static void clear(struct run *run)
{
	trainer_close(run->t); /* before the record, because probes have open columns in its file */
	if (run->r)
		record_close(run->r);
	if (run->linked)
		run->o->job->finish(run->o->job->ctx, &run->link);
}

int run_one(const struct settings *s, struct pool *pool, const struct run_options *o,
            enum run_outcome *outcome, struct err *e)
{
	struct run run = {.s = s, .o = o, .eval = {.test_accuracy = NAN, .test_perplexity = NAN}};
	struct run_place *place = &run.place;
	run_may_end(NULL); /* a folder or a text is read for its fingerprint */
	int rc = open_place(&run, e);
	run_must_save();
	bool skip = place->present == RUN_PRESENT_FINISHED && !extending(&run);
	bool left = rc && o->leave_held && place->lock.holder[0];
	if (left) {
		err_clear(e);
		log_say("%s: left to %s", o->path, place->lock.holder);
	}
	if (!rc || left)
		rc = meet(&run, left ? RUN_COMMAND_LEAVE : skip ? RUN_COMMAND_SKIP : RUN_COMMAND_GO, pool, e);
	if (!rc && left) {
		*outcome = RUN_LEFT;
	} else if (!rc && skip) {
		*outcome = RUN_SKIPPED;
		run_place_pass(place, o);
	} else if (!rc) {
		run_may_end(place->lock.path);
		rc = begin(&run, place->present != RUN_PRESENT_NOTHING, pool, e) || trainer_sync(run.t, e) ||
		                     first_look(&run, e)
		             ? -1
		             : 0;
		run_must_save();
		if (!rc)
			rc = loop(&run, outcome, e);
		if (rc)
			fail(&run, e);
		clear(&run);
	}
	run_place_clear(place);
	return rc;
}
