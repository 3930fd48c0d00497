/*
 * From a JSON text to the settings of its runs: changes from the command line, then the grid of `sweep`
 * and `seeds`, then every point parsed by the key table, checked (experiment/check.c) and given its
 * identity.
 */
#include "experiment/experiment.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/sha256.h"
#include "experiment/check.h"
#include "models/init/init_row.h"
#include "registry.h"

enum { AXES_MAX = 32, AXIS_KEYS_MAX = 8, RUNS_MAX = 100000 };

/* One direction of the grid: keys[0..n_keys-1] take their values together. */
struct axis {
	size_t n_keys;
	const char *keys[AXIS_KEYS_MAX];
	const struct json *values; /* an array; its elements are values, or lists of n_keys values */
};

struct grid {
	size_t n_axes;
	struct axis axes[AXES_MAX];
	size_t points;
};

/* Is `key` one of the names in "a,b,c"? */
static bool names_key(const char *names, const char *key)
{
	size_t length = strlen(key);
	for (const char *p = names; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (strncmp(p, key, length) == 0 && (p[length] == ',' || p[length] == 0))
			return true;
	}
	return false;
}

/* What the command line sets is no longer swept. */
static int unsweep(struct json *root, const struct change *c, struct err *e)
{
	if (strcmp(c->key, "seed") == 0)
		json_remove(root, "seeds");
	struct json *sweep = json_member(root, "sweep");
	if (!sweep || sweep->type != JSON_OBJECT)
		return 0;
	for (struct json *s = sweep->child, *next; s; s = next) {
		next = s->next;
		if (strcmp(s->key, c->key) == 0)
			json_remove(sweep, s->key);
		else if (names_key(s->key, c->key))
			return err_user(e,
			                "%s: \"%s\" is swept together with other keys (sweep.\"%s\"); change "
			                "the file instead",
			                c->option, c->key, s->key);
	}
	return 0;
}

/* "lr.rate" where the file has no lr: the key joins the family's default. */
static int make_default(struct arena *a, struct json *root, const struct change *c, struct err *e)
{
	size_t length = strcspn(c->key, ".");
	for (const struct key *k = experiment_keys; k->name; k++) {
		if (k->kind != KEY_FAMILY || !k->default_json || strncmp(k->name, c->key, length) != 0 ||
		    k->name[length] || !c->key[length] || json_member(root, k->name))
			continue;
		const struct json *default_json = json_read_value(a, c->option, k->default_json, e);
		return default_json ? json_set(a, root, k->name, default_json, e) : -1;
	}
	return 0;
}

static int apply_changes(struct arena *a, struct json *root, const struct change *changes, size_t count,
                         struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		struct json *value = json_read_value(a, changes[i].option, changes[i].value, e);
		if (!value || make_default(a, root, &changes[i], e) ||
		    json_set(a, root, changes[i].key, value, e) || unsweep(root, &changes[i], e))
			return -1;
	}
	return 0;
}

/* "aggregator,lr" -> two keys. */
static int axis_keys(struct arena *a, struct axis *axis, const struct json *values, struct err *e)
{
	char *names = arena_string(a, values->key);
	for (char *p = names; p;) {
		char *comma = strchr(p, ',');
		if (comma)
			*comma = 0;
		if (!*p || axis->n_keys == AXIS_KEYS_MAX)
			return json_say(
			        e, values,
			        "the name must be one dotted key, or up to %d of them with commas between",
			        AXIS_KEYS_MAX);
		axis->keys[axis->n_keys++] = p;
		p = comma ? comma + 1 : NULL;
	}
	return 0;
}

static int grid_add(struct arena *a, struct grid *g, const struct json *values, const char *key,
                    struct err *e)
{
	if (values->type != JSON_ARRAY || !values->child)
		return json_bad(e, values, "a list of one or more values");
	if (g->n_axes == AXES_MAX)
		return json_say(e, values, "more than %d keys are swept", AXES_MAX);
	struct axis *axis = &g->axes[g->n_axes++];
	axis->values = values;
	if (key)
		axis->keys[axis->n_keys++] = key;
	else if (axis_keys(a, axis, values, e))
		return -1;
	for (const struct json *v = values->child; v && axis->n_keys > 1; v = v->next)
		if (v->type != JSON_ARRAY || v->count != axis->n_keys)
			return json_bad(e, v, "a list of %zu values, one for each key of \"%s\"",
			                axis->n_keys, values->key);
	g->points *= values->count;
	if (g->points > RUNS_MAX)
		return json_say(e, values, "the sweep makes more than %d runs", RUNS_MAX);
	return 0;
}

static int grid_read(struct arena *a, struct grid *g, const struct json *root, struct err *e)
{
	*g = (struct grid){.points = 1};
	const struct json *sweep = json_member(root, "sweep"), *seeds = json_member(root, "seeds");
	if (sweep && sweep->type != JSON_OBJECT)
		return json_bad(e, sweep, "an object {\"dotted.key\": [values]}");
	for (const struct json *s = sweep ? sweep->child : NULL; s; s = s->next)
		if (grid_add(a, g, s, NULL, e))
			return -1;
	return seeds ? grid_add(a, g, seeds, "seed", e) : 0;
}

/* Put the values of grid point `point` into root; the last axis turns fastest. */
static int grid_apply(struct arena *a, const struct grid *g, size_t point, struct json *root, struct err *e)
{
	for (size_t i = g->n_axes; i-- > 0;) {
		const struct axis *axis = &g->axes[i];
		const struct json *value = axis->values->child;
		for (size_t k = point % axis->values->count; k > 0; k--)
			value = value->next;
		point /= axis->values->count;
		const struct json *part = axis->n_keys > 1 ? value->child : value;
		for (size_t k = 0; k < axis->n_keys; k++, part = part->next)
			if (json_set(a, root, axis->keys[k], part, e))
				return -1;
	}
	return 0;
}

static const char *text_of(struct arena *a, struct buf *b)
{
	const char *text = arena_string(a, b->text);
	buf_clear(b);
	return text;
}

static int identify(struct arena *a, struct settings *s, const struct json *root, struct err *e)
{
	struct buf b = {0};
	char hex[65];
	const struct init_row *init = (const struct init_row *)s->init.row;
	keys_write(&b, experiment_keys, s, true);
	if (init->file) {
		if (sha256_file(init->file(s->init.state), hex, e)) {
			buf_clear(&b);
			return err_prefix(e, "init");
		}
		buf_add(&b, hex);
	}
	sha256_hex(b.text, b.length, hex);
	snprintf(s->id, sizeof s->id, "%.12s", hex);
	buf_clear(&b);
	keys_write(&b, experiment_keys, s, false);
	s->resolved = text_of(a, &b);
	json_write(&b, root);
	s->given = text_of(a, &b);
	return 0;
}

static int resolve(struct arena *a, struct settings *s, struct json *root, struct err *e)
{
	if (keys_parse(experiment_keys, s, root, a, e) || experiment_check(a, s, root, e))
		return -1;
	s->source = root->source;
	return identify(a, s, root, e);
}

/* Half or more of the workers lying is an experiment too, but nobody should meet it unawares. */
static void warn_majority_byzantine(const struct runs *r)
{
	size_t count = 0;
	for (size_t i = 0; i < r->count; i++)
		count += 2 * r->at[i].adversaries.count >= r->at[i].workers;
	if (count)
		log_warn("%s: in %zu of %zu runs half or more of the workers lie; no vote can be expected to "
		         "hold there",
		         r->at[0].source, count, r->count);
}

static int expand(struct runs *out, struct json *root, const struct change *changes, size_t n_changes,
                  struct err *e)
{
	struct arena *a = &out->arena;
	struct grid grid;
	if (root->type != JSON_OBJECT)
		return json_bad(e, root, "an object, the experiment");
	if (apply_changes(a, root, changes, n_changes, e) || grid_read(a, &grid, root, e))
		return -1;
	struct json *sweep = json_member(root, "sweep"), *seeds = json_member(root, "seeds");
	if (seeds && json_member(root, "seed"))
		return json_say(e, seeds, "give either `seed` or `seeds`");
	out->at = arena_alloc(a, grid.points * sizeof *out->at);
	for (size_t i = 0; i < grid.points; i++) {
		struct json *point = json_copy(a, root);
		if (sweep)
			json_remove(point, "sweep");
		if (seeds)
			json_remove(point, "seeds");
		if (grid_apply(a, &grid, i, point, e) || resolve(a, &out->at[i], point, e))
			return -1;
		out->count++;
	}
	warn_majority_byzantine(out);
	return 0;
}

int experiment_parse(struct runs *out, const char *source, const char *text, size_t length,
                     const struct change *changes, size_t n_changes, struct err *e)
{
	*out = (struct runs){0};
	struct json *root = json_read_text(&out->arena, source, text, length, e);
	if (root && expand(out, root, changes, n_changes, e) == 0)
		return 0;
	runs_clear(out);
	return -1;
}

int experiment_read(struct runs *out, const char *path, const struct change *changes, size_t n_changes,
                    struct err *e)
{
	*out = (struct runs){0};
	struct json *root = json_read_file(&out->arena, path, e);
	if (root && expand(out, root, changes, n_changes, e) == 0)
		return 0;
	runs_clear(out);
	return -1;
}

void runs_clear(struct runs *r)
{
	arena_clear(&r->arena);
	*r = (struct runs){0};
}

bool settings_is_byzantine(const struct settings *s, int worker)
{
	for (size_t i = 0; i < s->adversaries.ids.count; i++)
		if (s->adversaries.ids.at[i] == worker)
			return true;
	return false;
}

static void schema_families(struct buf *b)
{
	buf_add(b, "\"$defs\":{");
	for (size_t i = 0; registry_families[i]; i++) {
		if (i > 0)
			buf_add(b, ",");
		json_write_string(b, registry_families[i]->plural);
		buf_add(b, ":");
		family_schema(b, registry_families[i]);
	}
	buf_add(b, "}");
}

/* The two keys that are no settings but make many of them. */
static const char many_schema[] =
        "\"sweep\":{\"type\":\"object\",\"description\":\"a grid: dotted keys (several with commas between: "
        "set together) "
        "and the values each takes\",\"additionalProperties\":{\"type\":\"array\",\"minItems\":1}},"
        "\"seeds\":{\"type\":\"array\",\"description\":\"repeat every run with each of these "
        "seeds\",\"minItems\":1},";

void experiment_schema(struct buf *b)
{
	static const char properties[] = "\"properties\":{";
	struct buf keys = {0};
	keys_schema(&keys, experiment_keys);
	const char *at = strstr(keys.text, properties) + strlen(properties);
	buf_add(b, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"title\":\"signsgd "
	           "experiment\",");
	schema_families(b);
	buf_add(b, ",");
	buf_bytes(b, keys.text, (size_t)(at - keys.text));
	buf_add(b, many_schema);
	buf_format(b, "%s}", at);
	buf_clear(&keys);
}
