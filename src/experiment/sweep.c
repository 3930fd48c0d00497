/* From `sweep` and `seeds` to the points of a grid: see experiment/sweep.h. */
#include "experiment/sweep.h"
#include <string.h>
#include "experiment/settings.h"

/* "a,b" with the present names of its keys. */
static const char *renamed(const struct json *values, struct key_renames *r)
{
	char *names = arena_string(r->arena, values->key);
	const char *now = "";
	for (char *p = names; p;) {
		char *comma = strchr(p, ',');
		if (comma)
			*comma = 0;
		now = arena_format(r->arena, "%s%s%s", now, p > names ? "," : "",
		                   keys_rename_dotted(experiment_keys, p, values->source, r));
		p = comma ? comma + 1 : NULL;
	}
	return now;
}

/* In what is left out too. Whatever is no list of objects is refused when it is read. */
static void rename_except(struct json *except, struct key_renames *r)
{
	for (struct json *entry = except->child; entry; entry = entry->next)
		for (struct json *m = entry->type == JSON_OBJECT ? entry->child : NULL; m; m = m->next)
			m->key = renamed(m, r);
}

int sweep_rename(struct json *root, struct key_renames *r, struct err *e)
{
	struct json *sweep = json_member(root, "sweep");
	for (struct json *s = sweep && sweep->type == JSON_OBJECT ? sweep->child : NULL; s; s = s->next) {
		const char *name = renamed(s, r);
		if (strcmp(name, SWEEP_EXCEPT) == 0)
			rename_except(s, r);
		if (strcmp(name, s->key) != 0 && json_member(sweep, name))
			return json_say_key(
			        e, s,
			        "found the earlier name of \"%s\", which is swept too; give one of them",
			        name);
		s->key = name;
	}
	return 0;
}

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

bool sweep_names(const struct json *root, const char *key)
{
	const struct json *sweep = json_member(root, "sweep");
	return (strcmp(key, "seed") == 0 && json_member(root, "seeds")) || (sweep && json_member(sweep, key));
}

/* json_set() would take the dots for objects within each other: it makes a member without, which is renamed.
 */
int sweep_set(struct arena *a, struct json *root, const char *name, const struct json *values, struct err *e)
{
	struct json *sweep = json_member(root, "sweep");
	if (sweep && sweep->type == JSON_OBJECT)
		json_remove(sweep, name);
	if (json_set(a, root, "sweep.=", values, e))
		return -1;
	json_member(json_member(root, "sweep"), "=")->key = arena_string(a, name);
	return 0;
}

/* Is `key` what stands below `name`, which has `length` characters, as "lr.rate" below "lr"? */
static bool is_below(const char *key, const char *name, size_t length)
{
	return strncmp(key, name, length) == 0 && key[length] == '.';
}

/* Does root have a value at "a.b", whose name ends at a comma or with the string? */
static bool has_value(const struct json *root, const char *dotted)
{
	for (const struct json *at = root; at; dotted++) {
		size_t length = strcspn(dotted, ".,");
		const struct json *member = at->type == JSON_OBJECT ? at->child : NULL;
		while (member && (strncmp(member->key, dotted, length) != 0 || member->key[length]))
			member = member->next;
		at = member;
		dotted += length;
		if (*dotted != '.')
			return at != NULL;
	}
	return false;
}

/* What was set of `key` in root, and what a point of the axis sets, must not hide each other. */
static int refuse_hidden(const struct json *root, const char *names, const char *key, const char *option,
                         struct err *e)
{
	size_t length;
	for (const char *p = names; *p; p += length + (p[length] == ',')) {
		length = strcspn(p, ",");
		bool alone = length == strlen(names);
		if (is_below(key, p, length))
			return err_user(
			        e,
			        "%s: \"%.*s\" is swept (sweep.\"%s\"), and each of its values would "
			        "replace what is set below it; %s",
			        option, (int)length, p, names,
			        alone ? "give the whole of it instead, which is then no longer swept, "
			                "or change the values in the file"
			              : "change the values in the file instead");
		if (is_below(p, key, strlen(key)) && has_value(root, p))
			return err_user(e,
			                "%s: \"%.*s\" is swept (sweep.\"%s\"), which would replace the one "
			                "given here; leave it out here, or %s",
			                option, (int)length, p, names,
			                alone ? "set it alone, and it is no longer swept"
			                      : "change the file instead");
	}
	return 0;
}

int sweep_drop(struct json *root, const char *key, const char *option, struct err *e)
{
	if (strcmp(key, "seed") == 0)
		json_remove(root, "seeds");
	struct json *sweep = json_member(root, "sweep");
	if (!sweep || sweep->type != JSON_OBJECT)
		return 0;
	for (struct json *s = sweep->child, *next; s; s = next) {
		next = s->next;
		if (strcmp(s->key, key) == 0)
			json_remove(sweep, s->key);
		else if (names_key(s->key, key))
			return err_user(e,
			                "%s: \"%s\" is swept together with other keys (sweep.\"%s\"); change "
			                "the file instead",
			                option, key, s->key);
		else if (refuse_hidden(root, s->key, key, option, e))
			return -1;
	}
	return 0;
}

/* What stands beside `sweep` can be in it under no name. */
static int refuse_elsewhere(const struct json *values, const char *name, struct err *e)
{
	for (const char *const *other = experiment_lingo.elsewhere; *other; other++)
		if (strcmp(name, *other) == 0)
			return json_say_key(
			        e, values, "found `%s` in `sweep`, expected it at the top of the file", name);
	return 0;
}

/* "aggregator,lr" -> two keys. */
static int axis_keys(struct arena *a, struct sweep_axis *axis, const struct json *values, struct err *e)
{
	char *names = arena_string(a, values->key);
	for (char *p = names; p;) {
		char *comma = strchr(p, ',');
		if (comma)
			*comma = 0;
		if (!*p || axis->n_keys == SWEEP_KEYS_MAX)
			return json_say(
			        e, values,
			        "the name must be one dotted key, or up to %d of them with commas between",
			        SWEEP_KEYS_MAX);
		if (refuse_elsewhere(values, p, e))
			return -1;
		axis->keys[axis->n_keys++] = p;
		p = comma ? comma + 1 : NULL;
	}
	return 0;
}

/* Does the axis set the key among its first n? */
static bool sets_key(const struct sweep_axis *axis, size_t n, const char *key)
{
	for (size_t k = 0; k < n; k++)
		if (strcmp(axis->keys[k], key) == 0)
			return true;
	return false;
}

/* A key that is set twice in one run: one value would hide the other. `axis` is the last one. */
static int refuse_key_twice(const struct sweep *s, struct err *e)
{
	const struct sweep_axis *axis = &s->axes[s->n_axes - 1];
	for (size_t k = 0; k < axis->n_keys; k++) {
		const char *key = axis->keys[k];
		if (sets_key(axis, k, key))
			return json_say_key(e, axis->values,
			                    "found the key \"%s\" a second time, expected each key once",
			                    key);
		for (const struct sweep_axis *other = s->axes; other < axis; other++)
			if (sets_key(other, other->n_keys, key))
				return json_say_key(
				        e, axis->values,
				        "found the key \"%s\" a second time (sweep.\"%s\" sets it "
				        "too), expected each key once",
				        key, other->values->key);
	}
	return 0;
}

/* Has one of the axis's values for its key k something of its own at `below`? */
static bool values_have(const struct sweep_axis *axis, size_t k, const char *below)
{
	for (size_t i = 0; i < axis->values->count; i++) {
		const struct json *value = sweep_value(axis, i, k);
		if (value && has_value(value, below))
			return true;
	}
	return false;
}

/*
 * A key and one below it, as "compressor" and "compressor.levels": the values of the first replace all of it,
 * so they must be set first, and must not have the second one's too. Axes are set from the last to the first,
 * the keys of one from its first on.
 */
static int refuse_overwritten(const struct sweep_axis *whole, size_t k, const struct sweep_axis *axis,
                              size_t n, struct err *e)
{
	const char *name = whole->keys[k], *key = axis->keys[n];
	if (!is_below(key, name, strlen(name)))
		return 0;
	if (whole < axis)
		return json_say_key(e, axis->values,
		                    "found the key \"%s\", which the values of sweep.\"%s\" would replace; "
		                    "expected it before that one",
		                    key, whole->values->key);
	if (whole == axis && k > n)
		return json_say_key(e, axis->values,
		                    "found the key \"%s\", which the values of \"%s\" would replace; "
		                    "expected it behind that one",
		                    key, name);
	if (values_have(whole, k, key + strlen(name) + 1))
		return json_say_key(e, axis->values,
		                    "found the key \"%s\" a second time (a value of sweep.\"%s\" has it "
		                    "too), expected each key once",
		                    key, whole->values->key);
	return 0;
}

/* `axis` is the last one, and its values have been looked at. */
static int refuse_below(const struct sweep *s, struct err *e)
{
	const struct sweep_axis *axis = &s->axes[s->n_axes - 1];
	for (const struct sweep_axis *other = s->axes; other <= axis; other++)
		for (size_t i = 0; i < other->n_keys; i++)
			for (size_t k = 0; k < axis->n_keys; k++)
				if (refuse_overwritten(other, i, axis, k, e) ||
				    (other < axis && refuse_overwritten(axis, k, other, i, e)))
					return -1;
	return 0;
}

static int add_axis(struct arena *a, struct sweep *s, const struct json *values, const char *key,
                    struct err *e)
{
	if (values->type != JSON_ARRAY || !values->child)
		return json_bad(e, values, "a list of one or more values");
	if (s->n_axes == SWEEP_AXES_MAX)
		return json_say(e, values, "more than %d keys are swept", SWEEP_AXES_MAX);
	struct sweep_axis *axis = &s->axes[s->n_axes++];
	axis->values = values;
	if (key)
		axis->keys[axis->n_keys++] = key;
	else if (axis_keys(a, axis, values, e))
		return -1;
	if (refuse_key_twice(s, e))
		return -1;
	for (const struct json *v = values->child; v && axis->n_keys > 1; v = v->next)
		if (v->type != JSON_ARRAY || v->count != axis->n_keys)
			return json_bad(e, v, "a list of %zu values, one for each key of \"%s\"",
			                axis->n_keys, values->key);
	if (refuse_below(s, e))
		return -1;
	s->points *= values->count;
	if (s->points > SWEEP_RUNS_MAX)
		return json_say(e, values, "the sweep makes more than %d runs", SWEEP_RUNS_MAX);
	return 0;
}

int sweep_read(struct arena *a, struct sweep *out, const struct json *root, struct err *e)
{
	*out = (struct sweep){.points = 1};
	const struct json *sweep = json_member(root, "sweep"), *seeds = json_member(root, "seeds");
	if (sweep && sweep->type != JSON_OBJECT)
		return json_bad(e, sweep, "an object {\"dotted.key\": [values]}");
	out->except = sweep ? json_member(sweep, SWEEP_EXCEPT) : NULL;
	for (const struct json *values = sweep ? sweep->child : NULL; values; values = values->next)
		if (values != out->except && add_axis(a, out, values, NULL, e))
			return -1;
	if (seeds && add_axis(a, out, seeds, "seed", e))
		return -1;
	out->runs = out->points;
	out->point = arena_alloc(a, out->points * sizeof *out->point);
	for (size_t i = 0; i < out->points; i++)
		out->point[i] = i;
	return 0;
}

/* The last axis turns fastest. */
size_t sweep_index(const struct sweep *s, size_t axis, size_t point)
{
	for (size_t k = s->n_axes - 1; k > axis; k--)
		point /= s->axes[k].values->count;
	return point % s->axes[axis].values->count;
}

/* Element i of an array. */
static const struct json *element(const struct json *array, size_t i)
{
	const struct json *value = array->child;
	for (; i > 0; i--)
		value = value->next;
	return value;
}

const struct json *sweep_value(const struct sweep_axis *axis, size_t index, size_t k)
{
	const struct json *value = element(axis->values, index);
	return axis->n_keys > 1 ? element(value, k) : value;
}

static const struct json *value_at(const struct sweep *s, size_t i, size_t point)
{
	return element(s->axes[i].values, sweep_index(s, i, point));
}

void sweep_say_point(struct buf *b, const struct sweep *s, size_t point)
{
	const char *before = "{";
	for (size_t i = 0; i < s->n_axes; i++)
		for (size_t k = 0; k < s->axes[i].n_keys; k++, before = ",") {
			buf_add(b, before);
			json_write_string(b, s->axes[i].keys[k]);
			buf_add(b, ":");
			json_write(b, sweep_value(&s->axes[i], sweep_index(s, i, point), k));
		}
	buf_add(b, s->n_axes > 0 ? "}" : "{}");
}

int sweep_apply(struct arena *a, const struct sweep *s, size_t point, struct json *root, struct err *e)
{
	for (size_t i = s->n_axes; i-- > 0;) {
		const struct sweep_axis *axis = &s->axes[i];
		const struct json *value = value_at(s, i, point);
		const struct json *one = axis->n_keys > 1 ? value->child : value;
		for (size_t k = 0; k < axis->n_keys; k++, one = one->next)
			if (json_set(a, root, axis->keys[k], one, e))
				return -1;
	}
	return 0;
}

int sweep_say_repeat(const struct sweep *s, size_t first, size_t again, const char *id, struct err *e)
{
	char found[100], before[100], path[200];
	const struct json *was = NULL, *now = NULL;
	const char *keys = "";
	size_t differ = 0;
	for (size_t i = 0; i < s->n_axes; i++) {
		if (value_at(s, i, s->point[first]) == value_at(s, i, s->point[again]))
			continue;
		was = value_at(s, i, s->point[first]);
		now = value_at(s, i, s->point[again]);
		keys = s->axes[i].values->key;
		differ++;
	}
	if (!differ)
		BUG("a point that repeats itself");
	json_found(now, found, sizeof found);
	if (differ > 1)
		return json_say(
		        e, now,
		        "found %s, which gives run %zu of %zu the %s of run %zu, expected each run once",
		        found, again + 1, s->runs, id ? "identity" : "settings", first + 1);
	if (id)
		return json_say(
		        e, now,
		        "found %s, which makes the same run (id %s) as %s at %s, because `%s` is no part "
		        "of a run's identity; expected each run once, or with it another `name`",
		        found, id, json_found(was, before, sizeof before), json_path(was, path, sizeof path),
		        keys);
	return json_say(e, now, "found %s, which makes the same run as %s at %s, expected each value once",
	                found, json_found(was, before, sizeof before), json_path(was, path, sizeof path));
}
