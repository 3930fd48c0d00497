/* What is at a run's path already: see run_place.h. */
#include "train/run_place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "h5/h5_disk.h"
#include "h5/h5_replace.h"
#include "record/record.h"
#include "train/checkpoint.h"
#include "train/feed.h"

enum { PATH_SIZE = 4096 };

/* The result at the path is another run's; perhaps it was this one's before it was trained on. */
static int say_other(const struct run_place *p, const char *id, const struct run_options *o,
                     const struct run_info *info, struct err *e)
{
	struct record_extended *rows;
	size_t count;
	if (record_extensions(p->path, &rows, &count, e))
		return -1;
	bool was = false;
	for (size_t i = 0; i < count; i++)
		was |= strcmp(rows[i].id, id) == 0;
	mem_free(rows);
	if (was)
		return err_user(
		        e,
		        "%s: holds this run, but its length was changed to %lld steps (its id is now %s, "
		        "and was %s); choose another --out, or --overwrite",
		        o->path, (long long)info->steps, info->id, id);
	return err_user(e,
	                "%s: holds another run, with other settings (found id %s, expected %s); choose "
	                "another --out, or --overwrite",
	                o->path, info->id, id);
}

static bool other_data(const struct run_info *info, const struct run_key *key)
{
	return info->data_id[0] && key->data_id[0] && strcmp(info->data_id, key->data_id) != 0;
}

static int say_other_data(const struct run_key *key, const struct run_options *o, const struct run_info *info,
                          struct err *e)
{
	return err_user(
	        e,
	        "%s: holds this run, trained on other data (found data_id %s, expected %s, the data that "
	        "are here); %s",
	        o->path, info->data_id, key->data_id,
	        o->resume ? "it can go on only with the data that it began with"
	                  : "choose another --out, or --overwrite");
}

/* The result at the path is ours. Is it this run's? */
static int look_inside(struct run_place *p, const struct run_key *key, const struct run_options *o,
                       struct err *e)
{
	struct run_info info;
	if (record_info(p->path, &info, e))
		return -1;
	snprintf(p->id, sizeof p->id, "%s", info.id);
	bool ended = strcmp(info.state, run_state_name(RUN_FINISHED)) == 0 ||
	             strcmp(info.state, run_state_name(RUN_DIVERGED)) == 0;
	p->present = ended ? RUN_PRESENT_FINISHED : RUN_PRESENT_UNFINISHED;
	p->kept = info.steps_done;
	p->other_data = other_data(&info, key);
	p->other = p->other_data || strcmp(info.id, key->id) != 0;
	if (p->other_data && (o->resume || strcmp(info.id, key->id) == 0))
		return say_other_data(key, o, &info, e);
	return p->other ? say_other(p, key->id, o, &info, e) : 0;
}

/* The run will write its checkpoint there, and remove it at its end. */
int run_place_beside(struct run_place *p, struct err *e)
{
	char path[PATH_SIZE];
	checkpoint_path(p->path, path, sizeof path);
	if (h5_may_replace(path, H5_CHECKPOINT, &p->checkpoint, e) < 0)
		return err_prefix(e, "the run's checkpoint would be written to this file");
	return 0;
}

int run_place_peek(struct run_place *p, const char *id, const char *advice, int64_t *step, struct err *e)
{
	struct record_extended *rows = NULL;
	size_t count = 0;
	if (checkpoint_peek(p->checkpoint, p->checkpoint_id, step, e) ||
	    (p->present != RUN_PRESENT_NOTHING && record_extensions(p->path, &rows, &count, e)))
		return -1;
	bool known = strcmp(p->checkpoint_id, id) == 0;
	for (size_t i = 0; i < count; i++)
		known |= strcmp(p->checkpoint_id, rows[i].id) == 0;
	mem_free(rows);
	if (known)
		return 0;
	return err_user(e, "%s: is a checkpoint of another run: found id %s, expected %s%s", p->checkpoint,
	                p->checkpoint_id, id, advice);
}

/* A checkpoint that is there must be this run's, or the user says that it is not needed. */
static int look_beside(struct run_place *p, const struct run_key *key, const struct run_options *o,
                       struct err *e)
{
	int64_t step;
	if (run_place_beside(p, e))
		return -1;
	if (o->overwrite || access(p->checkpoint, F_OK))
		return 0;
	const char *advice = o->resume ? "" : "; choose another --out, or --overwrite";
	if (!run_place_peek(p, key->id, advice, &step, e))
		return 0;
	if (access(p->checkpoint, F_OK) == 0)
		return -1;
	err_clear(e); /* another process that does this run came to its end meanwhile */
	return 0;
}

static int look(struct run_place *p, const struct run_key *key, const struct run_options *o, struct err *e)
{
	*p = (struct run_place){.present = RUN_PRESENT_NOTHING};
	int there = h5_may_replace(o->path, H5_RESULT, &p->path, e);
	if (there < 0)
		return -1;
	if (!there && o->resume)
		return err_user(e, "%s: nothing to resume: %s", o->path, strerror(ENOENT));
	if (there && !o->overwrite && look_inside(p, key, o, e))
		return -1;
	return p->present == RUN_PRESENT_FINISHED ? 0 : look_beside(p, key, o, e);
}

/*
 * A finished run is skipped without a lock, so that its folder may be one that nobody can write to. Another
 * run is complained of under the lock: as long as it is being written, what matters is who writes it.
 */
int run_place_open(struct run_place *p, const struct run_key *key, const struct run_options *o, struct err *e)
{
	struct h5_lock lock;
	int rc = look(p, key, o, e);
	if (rc && !p->other)
		return -1;
	if (!rc && p->present == RUN_PRESENT_FINISHED)
		return 0;
	err_clear(e);
	if (h5_lock_take(&lock, p->path, e)) {
		p->lock = lock;
		return -1;
	}
	/* What was there may have been another process's last words. */
	run_place_clear(p);
	rc = look(p, key, o, e);
	p->lock = lock;
	return rc;
}

int run_place_check(const struct run_place *p, const struct run_key *key, const struct run_options *o,
                    struct err *e)
{
	struct run_place now;
	int rc = look(&now, key, o, e);
	if (!rc && (now.present != p->present || now.kept != p->kept || strcmp(now.path, p->path) != 0))
		rc = err_world(e, "%s: another process has written this file since this run began", o->path);
	run_place_clear(&now);
	return rc;
}

void run_place_clear(struct run_place *p)
{
	h5_lock_release(&p->lock);
	mem_free(p->path);
	mem_free(p->checkpoint);
	*p = (struct run_place){0};
}

/*
 * Is the checkpoint one that the finished run did not want to keep? One that is kept is of its last step. Its
 * lock may be there without it.
 */
static bool is_litter(const struct run_place *p, const struct run_info *info, const char *checkpoint,
                      const char *lock)
{
	char id[sizeof p->id];
	int64_t step;
	struct err ignored = {0};
	if (access(checkpoint, F_OK) != 0)
		return access(lock, F_OK) == 0;
	return checkpoint_peek(checkpoint, id, &step, &ignored) == 0 && strcmp(id, p->id) == 0 &&
	       step < info->steps_done;
}

/* A process that still writes there will do it itself, and holds the lock. */
static void tidy(const struct run_place *p, const struct run_info *info, const char *checkpoint)
{
	char *name = mem_format("%s.lock", p->path);
	struct h5_lock lock = {0};
	struct err ignored = {0};
	if (is_litter(p, info, checkpoint, name) && !h5_lock_held(p->path) &&
	    h5_lock_take(&lock, p->path, &ignored) == 0) {
		if (is_litter(p, info, checkpoint, name))
			h5_disk_remove(checkpoint);
		h5_lock_release(&lock);
	}
	mem_free(name);
}

void run_place_pass(const struct run_place *place, const struct run_options *o)
{
	char checkpoint[PATH_SIZE];
	struct run_info info;
	struct err ignored = {0};
	checkpoint_path(place->path, checkpoint, sizeof checkpoint);
	if (record_info(place->path, &info, &ignored) ||
	    strcmp(info.state, run_state_name(RUN_DIVERGED)) != 0) {
		if (!ignored.code)
			tidy(place, &info, checkpoint);
		if (!o->pass_silently)
			log_say("%s: done already, skipped (--overwrite starts it again)", o->path);
		return;
	}
	if (o->pass_silently)
		return;
	bool kept = access(checkpoint, F_OK) == 0;
	log_warn("%s: skipped, because it diverged and would again (%s); try a smaller lr, or an "
	         "aggregator that withstands faulty workers, with another --out%s%s",
	         o->path, info.why, kept ? "; its last checkpoint is kept: " : "", kept ? checkpoint : "");
}

bool run_place_skip(const struct settings *s, const struct run_options *o)
{
	char data_id[DATA_ID_SIZE];
	struct run_place place;
	struct err ignored = {0};
	if (o->overwrite || access(o->path, F_OK) != 0)
		return false;
	if (feed_fingerprint(s, data_id, &ignored))
		data_id[0] = '\0';
	err_clear(&ignored);
	const struct run_key key = {s->id, data_id};
	bool done = look(&place, &key, o, &ignored) == 0 && place.present == RUN_PRESENT_FINISHED;
	if (done)
		run_place_pass(&place, o);
	run_place_clear(&place);
	return done;
}
