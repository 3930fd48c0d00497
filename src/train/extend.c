/* Runs whose length is changed: see train/extend.h. */
#include "train/extend.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "config/json.h"
#include "h5/h5.h"
#include "optimizer/schedule.h"
#include "record/record.h"
#include "train/checkpoint.h"

/* A member of the recorded settings as text, in the arena. NULL and a sentence. */
static const char *recorded(struct arena *a, const struct run_place *p, const struct json *root,
                            const char *key, struct err *e)
{
	const struct json *value = root->type == JSON_OBJECT ? json_member(root, key) : NULL;
	struct buf b = {0};
	if (!value) {
		err_user(e, "%s: /config/resolved: has no `%s`", p->path, key);
		return NULL;
	}
	json_write(&b, value);
	const char *text = arena_string(a, b.text);
	buf_clear(&b);
	return text;
}

/* The settings *s with the length and the rates that the result at the place was planned with. */
static int plan(struct arena *a, const struct run_place *p, const struct settings *s, const char *text,
                struct runs *out, struct err *e)
{
	const struct json *root = json_read_text(a, p->path, text, strlen(text), e);
	const char *steps = root ? recorded(a, p, root, "steps", e) : NULL,
	           *lr = steps ? recorded(a, p, root, "lr", e) : NULL;
	const struct change changes[] = {{"steps", steps, p->path}, {"lr", lr, p->path}};
	return lr ? experiment_recorded(out, p->path, s->resolved, changes, 2, e) : -1;
}

static int read_planned(const struct run_place *p, const struct settings *s, struct runs *out, struct err *e)
{
	struct arena a = {0};
	struct h5 *f = h5_open(p->path, e);
	char *text = f ? h5_read_text(f, "/config/resolved", e) : NULL;
	int rc = text ? plan(&a, p, s, text, out, e) : -1;
	arena_clear(&a);
	mem_free(text);
	h5_close(f);
	return rc;
}

/* Are these settings those of the place's run, but for its length and its learning rates? */
static int same_experiment(const struct run_place *p, const struct settings *s, const struct settings *was,
                           const struct run_options *o, struct err *e)
{
	if (strcmp(was->id, p->id) == 0 && s->steps != was->steps)
		return 0;
	return err_user(
	        e,
	        "%s: holds another run, with other settings (found id %s, expected %s); of a run that "
	        "goes on, only its length may change (`steps` or `epochs`), and with it what `lr` "
	        "does after the steps done",
	        o->path, p->id, s->id);
}

/* What there is to go on from; p->was.step is set. */
static int find_state(struct run_place *p, const struct run_options *o, struct err *e)
{
	if (run_place_beside(p, e))
		return -1;
	if (access(p->checkpoint, F_OK) == 0)
		return run_place_peek(p, p->id, "", &p->was.step, e);
	if (p->present == RUN_PRESENT_FINISHED)
		return err_user(
		        e,
		        "%s: the run is finished, and its last checkpoint was not kept (%s is not "
		        "there), so that it cannot be trained on; `checkpoint.keep`: true, set when a "
		        "run begins or before it ends, keeps it",
		        o->path, p->checkpoint);
	return err_user(e,
	                "%s: has no checkpoint to go on from (%s is not there); with its own length it is "
	                "started again",
	                o->path, p->checkpoint);
}

static int say_steps(const struct settings *s, int64_t done, struct err *e)
{
	return err_user(e, "steps: found %lld, expected more than the %lld that are done",
	                (long long)s->steps, (long long)done);
}

static struct schedule_env schedule_env_of(const struct settings *s)
{
	return (struct schedule_env){s->steps, s->steps_per_epoch, NAN, NAN};
}

static double rate_at(const struct settings *s, int64_t step)
{
	struct schedule_env env = schedule_env_of(s);
	return schedule_rate((const struct schedule *)s->lr.row, s->lr.state, &env, step);
}

/* The step of `steps` whose rates differ most, or -1: none do. A rate that is not known here differs. */
static int64_t most_different(const struct settings *s, const struct settings *was, int64_t steps)
{
	double most = 0;
	int64_t at = -1;
	for (int64_t t = 0; t < steps; t++) {
		double difference = fabs(rate_at(s, t) - rate_at(was, t));
		if (isnan(difference))
			return t;
		if (difference > most) {
			most = difference;
			at = t;
		}
	}
	return at;
}

/* Does the schedule depend on the run's length, and which `length` stands for that (schedule.h)? */
static bool spans(const struct settings *s, int64_t *length)
{
	struct schedule_env env = schedule_env_of(s);
	const struct schedule *row = (const struct schedule *)s->lr.row;
	return row->spans && row->spans(s->lr.state, &env, length);
}

/* The rates of the steps done must be those that they had. */
static int check_rates(const struct settings *s, const struct settings *was, int64_t done, struct err *e)
{
	int64_t length = 0, at = most_different(s, was, done);
	struct buf b = {0};
	if (at < 0)
		return 0;
	buf_format(&b,
	           "lr: with these settings and %lld steps, schedule \"%s\" would have given other rates "
	           "to the %lld steps that are done",
	           (long long)s->steps, s->lr.row->name, (long long)done);
	if (!isnan(rate_at(s, at)) && !isnan(rate_at(was, at)))
		buf_format(&b, " (step %lld had %g, and would have had %g)", (long long)at + 1,
		           rate_at(was, at), rate_at(s, at));
	if (spans(s, &length) && spans(was, &length) && length > 0)
		buf_format(&b,
		           "; its descent takes the whole run; give its length: --set lr.length=%lld ends it "
		           "where it was planned to end, with `lowest` from then on",
		           (long long)length);
	else
		buf_add(&b, "; that is a run of its own, from its start");
	err_user(e, "%s", b.text);
	buf_clear(&b);
	return -1;
}

static int check(struct run_place *p, const struct settings *s, const struct settings *was,
                 const struct run_options *o, struct err *e)
{
	struct run_info info;
	if (same_experiment(p, s, was, o, e) || record_info(p->path, &info, e))
		return -1;
	if (strcmp(info.state, run_state_name(RUN_DIVERGED)) == 0)
		return err_user(e, "%s: the run diverged, and more steps would not mend that (%s)", o->path,
		                info.why);
	if (p->present == RUN_PRESENT_FINISHED && s->steps <= was->steps)
		return say_steps(s, was->steps, e);
	if (find_state(p, o, e))
		return -1;
	return s->steps <= p->was.step ? say_steps(s, p->was.step, e) : check_rates(s, was, p->was.step, e);
}

int extend_place(struct run_place *p, const struct settings *s, const struct run_options *o, struct err *e)
{
	struct runs planned;
	err_clear(e);
	if (read_planned(p, s, &planned, e))
		return -1;
	int rc = check(p, s, &planned.at[0], o, e);
	if (!rc)
		memcpy(p->was.id, p->id, sizeof p->was.id);
	runs_clear(&planned);
	return rc;
}

int extend_checkpoint(struct run_place *p, struct err *e)
{
	struct record_extended *rows;
	size_t count;
	int64_t step;
	if (record_extensions(p->path, &rows, &count, e))
		return -1;
	mem_free(rows);
	if (count > 0)
		return run_place_peek(p, p->id, "", &step, e);
	memcpy(p->checkpoint_id, p->id, sizeof p->checkpoint_id); /* whoever reads the file compares them */
	return 0;
}

/* "NAME-0123456789ab.h5": a name that is made from the run's name and some id. */
static bool named_by_id(const char *base, const char *name)
{
	size_t length = strlen(name);
	return strncmp(base, name, length) == 0 && base[length] == '-' &&
	       strspn(base + length + 1, "0123456789abcdef") == 12 && strcmp(base + length + 13, ".h5") == 0;
}

void extend_link(const struct run_place *p, const struct settings *s)
{
	const char *slash = strrchr(p->path, '/'), *base = slash ? slash + 1 : p->path;
	if (!named_by_id(base, s->name))
		return;
	char *path = mem_format("%.*s%s-%s.h5", (int)(base - p->path), p->path, s->name, s->id);
	if (symlink(base, path) == 0)
		log_say("%s: leads there, where this run is looked for by default", path);
	else if (errno != EEXIST)
		log_warn("%s: no link could be made to %s, where the run stays: %s", path, base,
		         strerror(errno));
	mem_free(path);
}
