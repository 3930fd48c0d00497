/* From a JSON text to the settings of its runs: see experiment/experiment.h. */
#include "experiment/experiment.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "adversary/attack.h"
#include "base/log.h"
#include "config/key_rename.h"
#include "data/partition/partition.h"
#include "experiment/check.h"
#include "experiment/claims.h"
#include "experiment/except.h"
#include "experiment/identity.h"
#include "experiment/repeats.h"
#include "experiment/spelling.h"
#include "experiment/sweep.h"
#include "transport/launch.h"

/* "lr.rate" where the file has no lr: the key joins the family's default. */
static int make_default(struct arena *a, struct json *root, const char *dotted, const char *option,
                        struct err *e)
{
	size_t length = strcspn(dotted, ".");
	for (const struct key *k = experiment_keys; k->name; k++) {
		if (k->kind != KEY_FAMILY || !k->default_json || strncmp(k->name, dotted, length) != 0 ||
		    k->name[length] || !dotted[length] || json_member(root, k->name))
			continue;
		const struct json *default_json = json_read_value(a, option, k->default_json, e);
		return default_json ? json_set(a, root, k->name, default_json, e) : -1;
	}
	return 0;
}

/* The key as it is called today, and whatever the value says under earlier names. */
static int apply_change(struct arena *a, struct json *root, const struct change *c, struct key_renames *r,
                        struct err *e)
{
	const char *key = keys_rename_dotted(experiment_keys, c->key, c->option, r);
	const struct json *value = json_read_value(a, c->option, c->value, e);
	if (value && strncmp(key, "sweep.", strlen("sweep.")) == 0)
		return sweep_set(a, root, key + strlen("sweep."), value, e) || sweep_rename(root, r, e) ? -1
		                                                                                        : 0;
	bool swept = sweep_names(root, key);
	if (!value || spelling_before_change(a, root, key, c->option, e) ||
	    make_default(a, root, key, c->option, e) || json_set(a, root, key, value, e) ||
	    keys_rename(experiment_keys, root, r, e) || sweep_drop(root, key, c->option, e))
		return -1;
	return swept ? except_settle(a, root, key, c->option, e) : 0;
}

static int apply_changes(struct arena *a, struct json *root, const struct change *changes, size_t count,
                         struct key_renames *r, struct err *e)
{
	for (size_t i = 0; i < count; i++)
		if (apply_change(a, root, &changes[i], r, e))
			return -1;
	return 0;
}

static int resolve(struct arena *a, struct settings *s, struct json *root, struct err *e)
{
	struct json *now = json_copy(a, root); /* what was given stays as it was spelled */
	if (spelling_today(a, now, e) || spelling_usual_rule(a, now, e) ||
	    keys_refuse_unknown(experiment_keys, now, &experiment_lingo, e) ||
	    keys_parse(experiment_keys, s, now, a, e))
		return -1;
	spelling_complete_settings(a, s);
	if (experiment_check(a, s, now, e))
		return -1;
	s->source = root->source;
	return settings_identify(a, s, root, e);
}

/* A Byzantine half or majority is an experiment too, but nobody should meet it unawares. */
static void warn_byzantine_majority(const struct runs *r)
{
	size_t count = 0;
	for (size_t i = 0; i < r->count; i++)
		count += 2 * r->at[i].adversaries.count >= r->at[i].workers;
	if (count)
		log_warn("%s: in %zu of %zu runs half or more of the workers are Byzantine; no vote can be "
		         "expected to hold there",
		         r->at[0].source, count, r->count);
}

/* So is a rule that is told of fewer than there are; its promise is for f. */
static void warn_understated_f(const struct runs *r)
{
	const struct settings *first = NULL;
	size_t count = 0;
	for (size_t i = 0; i < r->count; i++) {
		const struct settings *s = &r->at[i];
		int64_t f = settings_told_f(s);
		if (f < 0 || f >= s->adversaries.count)
			continue;
		first = first ? first : s;
		count++;
	}
	if (first)
		log_warn("%s: in %zu of %zu runs more workers are Byzantine than the aggregator is told: "
		         "adversaries.count = %lld and aggregator.f = %lld%s; its bound holds up to f",
		         first->source, count, r->count, (long long)first->adversaries.count,
		         (long long)settings_told_f(first), count > 1 ? " in the first of them" : "");
}

/*
 * What decides a result, has a default, and was not written down; in some run of the file. idle: there is an
 * attack, but no word of who attacks. partition, data_seed: given; shared, drawn: what they are for is there.
 */
struct unsaid {
	bool workers, attack, idle;
	bool partition, shared, data_seed, drawn;
};

static void note_shares(struct unsaid *u, const struct settings *s, const struct json *point)
{
	const struct json *data_seed = json_member(point, "data_seed");
	bool samples = s->shape.n_train > 0;
	u->partition = u->partition || json_member(point, "partition");
	u->shared = u->shared || samples;
	u->data_seed = u->data_seed || (data_seed && data_seed->type != JSON_NULL);
	bool held_out = s->shape.n_validation > 0 && s->shape.window == 0;
	u->drawn = u->drawn || held_out || (samples && partition_drawn(&s->partition));
}

static void note_unsaid(struct unsaid *u, const struct settings *s, const struct json *point)
{
	const struct json *adversaries = json_member(point, "adversaries");
	u->workers = u->workers || !json_member(point, "workers");
	bool attack = adversaries && json_member(adversaries, "attack");
	u->attack = u->attack || (s->adversaries.count > 0 && !attack);
	u->idle = u->idle || (s->adversaries.count == 0 && attack && !json_member(adversaries, "count"));
	note_shares(u, s, point);
}

static void tell_unsaid(const struct unsaid *u, const struct settings *s)
{
	if (u->workers)
		log_warn("%s: no `workers` given: one worker trains alone", s->source);
	if (u->attack)
		log_warn("%s: no `adversaries.attack` given: Byzantine workers do \"%s\"", s->source,
		         s->adversaries.attack.row->name);
	if (u->idle)
		log_warn("%s: `adversaries.attack` given and no `adversaries.count`: nobody is Byzantine",
		         s->source);
	if (u->partition && !u->shared)
		log_warn("%s: `partition` given and no samples to share (data \"%s\"): it changes nothing",
		         s->source, s->data.row->name);
	if (u->data_seed && !u->drawn)
		log_warn("%s: `data_seed` given and no partition that is drawn: it changes nothing",
		         s->source);
}

/* Byzantine workers that would begin when the run is over. Nothing is refused: the run can be made longer. */
static void warn_never_awake(const struct runs *r)
{
	size_t count = 0, last = 0;
	for (size_t i = 0; i < r->count; i++)
		if (r->at[i].adversaries.count > 0 &&
		    adversary_of(&r->at[i].adversaries.attack).from >= (uint64_t)r->at[i].steps)
			count++, last = i;
	if (count)
		log_warn("%s: in %zu of %zu runs nobody attacks: adversaries.attack begins after %" PRIu64
		         " steps, "
		         "and the run has %" PRId64,
		         r->at[0].source, count, r->count, adversary_of(&r->at[last].adversaries.attack).from,
		         r->at[last].steps);
}

/* One point of the sweep: its values in a copy of the root, read. */
static int read_point(struct runs *out, const struct json *root, const struct sweep *sweep, size_t number,
                      struct key_renames *r, struct unsaid *u, struct err *e)
{
	struct arena *a = &out->arena;
	struct json *point = json_copy(a, root);
	json_remove(point, "sweep");
	json_remove(point, "seeds");
	out->at[out->count] = (struct settings){.foreign = out->foreign};
	if (sweep_apply(a, sweep, number, point, e) || keys_rename(experiment_keys, point, r, e) ||
	    resolve(a, &out->at[out->count], point, e))
		return -1;
	note_unsaid(u, &out->at[out->count++], point);
	return 0;
}

/* How many points are impossible, which, and why the first is. */
struct impossible {
	size_t count;
	struct buf which;
	struct err first;
};

enum { IMPOSSIBLE_SHOWN = 4 };

static void note_impossible(struct impossible *i, const struct sweep *sweep, size_t point,
                            const struct err *e)
{
	if (i->count == 0)
		i->first = *e;
	if (i->count < IMPOSSIBLE_SHOWN) {
		buf_add(&i->which, i->count > 0 ? ", " : "");
		sweep_say_point(&i->which, sweep, point);
	}
	i->count++;
}

static void warn_impossible(const struct impossible *i, const struct sweep *sweep, const char *source)
{
	char more[40] = "";
	if (i->count > IMPOSSIBLE_SHOWN)
		snprintf(more, sizeof more, " and %zu more", i->count - IMPOSSIBLE_SHOWN);
	log_warn("%s: %zu of %zu runs are left out, because a rule is not made for their numbers of workers: "
	         "%s%s; of the first: %s",
	         source, i->count, sweep->runs + i->count, i->which.text, more, i->first.text);
}

/* Read what the sweep has for runs, and take the impossible ones out of it unless none stays. */
static int read_points(struct runs *out, const struct json *root, struct sweep *sweep, struct key_renames *r,
                       struct unsaid *u, struct impossible *no, struct err *e)
{
	size_t n = sweep->runs, kept = 0;
	for (size_t i = 0; i < n; i++) {
		struct err said = {0};
		size_t point = sweep->point[i];
		if (!read_point(out, root, sweep, point, r, u, &said)) {
			sweep->point[kept++] = point;
			continue;
		}
		if (said.kind != ERR_IMPOSSIBLE || out->strict) {
			*e = said;
			return -1;
		}
		note_impossible(no, sweep, point, &said);
	}
	sweep->runs = kept;
	if (kept == 0)
		*e = no->first;
	return kept > 0 ? 0 : -1;
}

/* The grid and its points. What is left out of it is counted. */
static int read_grid(struct runs *out, const struct json *root, struct sweep *sweep, struct key_renames *r,
                     struct unsaid *u, struct err *e)
{
	struct arena *a = &out->arena;
	struct impossible no = {0};
	const struct json *seeds = json_member(root, "seeds");
	if (sweep_read(a, sweep, root, e) || except_apply(a, sweep, e))
		return -1;
	if (seeds && json_member(root, "seed"))
		return json_say(e, seeds, "give either `seed` or `seeds`");
	out->left_out.by_except = sweep->points - sweep->runs;
	out->at = arena_alloc(a, sweep->runs * sizeof *out->at);
	int rc = read_points(out, root, sweep, r, u, &no, e);
	if (!rc && no.count > 0) {
		out->left_out.impossible = no.count;
		out->left_out.why_impossible = arena_string(a, no.first.text);
		if (mpi_launched_rank() == 0)
			warn_impossible(&no, sweep, root->source);
	}
	buf_clear(&no.which);
	return rc;
}

/* The names of today. told: a result file or a server says it, whose user was warned; earlier names in it are
 * ours. */
static int rename_root(struct json *root, bool told, struct key_renames *r, struct err *e)
{
	if (keys_rename(experiment_keys, root, r, e) || sweep_rename(root, r, e))
		return -1;
	if (told)
		r->first = NULL;
	return 0;
}

static int expand(struct runs *out, struct json *root, bool told, const struct change *changes,
                  size_t n_changes, struct err *e)
{
	struct arena *a = &out->arena;
	struct key_renames renames = {.arena = a};
	struct unsaid unsaid = {.idle = false};
	struct sweep sweep;
	if (root->type != JSON_OBJECT)
		return json_bad(e, root, "an object, the experiment");
	if (claims_check(root, e))
		return -1;
	json_remove(root, "claims");
	if (rename_root(root, told, &renames, e) || apply_changes(a, root, changes, n_changes, &renames, e) ||
	    read_grid(out, root, &sweep, &renames, &unsaid, e) || refuse_repeats(out->at, &sweep, e))
		return -1;
	out->count = leave_out_idle_attacks(out->at, out->count, mpi_launched_rank() == 0);
	out->left_out.idle = sweep.runs - out->count;
	if (mpi_launched_rank() > 0)
		return 0; /* the first process says it for all */
	key_renames_warn(&renames);
	if (told)
		return 0;
	tell_unsaid(&unsaid, &out->at[0]);
	warn_byzantine_majority(out);
	warn_understated_f(out);
	warn_never_awake(out);
	return 0;
}

/* root: NULL where reading it has failed, with a sentence. */
static int expand_or_clear(struct runs *out, struct json *root, bool told, const struct change *changes,
                           size_t n_changes, struct err *e)
{
	if (root && expand(out, root, told, changes, n_changes, e) == 0)
		return 0;
	runs_clear(out);
	return -1;
}

int experiment_parse(struct runs *out, const char *source, const char *text, size_t length,
                     const struct change *changes, size_t n_changes, struct err *e)
{
	*out = (struct runs){0};
	struct json *root = json_read_text(&out->arena, source, text, length, e);
	return expand_or_clear(out, root, false, changes, n_changes, e);
}

int experiment_sent(struct runs *out, const char *source, const char *text, size_t length, bool foreign,
                    const struct change *changes, size_t n_changes, struct err *e)
{
	*out = (struct runs){.foreign = foreign};
	struct json *root = json_read_text(&out->arena, source, text, length, e);
	return expand_or_clear(out, root, true, changes, n_changes, e);
}

int experiment_read(struct runs *out, const char *path, const struct change *changes, size_t n_changes,
                    struct err *e)
{
	*out = (struct runs){0};
	struct json *root = json_read_file(&out->arena, path, e);
	return expand_or_clear(out, root, false, changes, n_changes, e);
}

int experiment_read_strict(struct runs *out, const char *path, const struct change *changes, size_t n_changes,
                           struct err *e)
{
	*out = (struct runs){.strict = true};
	struct json *root = json_read_file(&out->arena, path, e);
	return expand_or_clear(out, root, false, changes, n_changes, e);
}

/* Does a change give a length in epochs? The other option for a length, --steps, is two changes. */
static bool length_in_epochs(const struct change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(changes[i].key, "epochs") == 0 && strcmp(changes[i].value, "0") != 0)
			return true;
	return false;
}

int experiment_recorded(struct runs *out, const char *path, const char *text, const struct change *changes,
                        size_t n_changes, struct err *e)
{
	*out = (struct runs){0};
	struct json *root = json_read_text(&out->arena, path, text, strlen(text), e);
	if (root && length_in_epochs(changes, n_changes) && root->type == JSON_OBJECT)
		json_remove(root, "steps");
	return expand_or_clear(out, root, true, changes, n_changes, e);
}

void runs_clear(struct runs *r)
{
	arena_clear(&r->arena);
	*r = (struct runs){0};
}
