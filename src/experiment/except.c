/* Combinations that a grid leaves out: see experiment/except.h. */
#include "experiment/except.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "base/text.h"
#include "config/key_rename.h"
#include "experiment/settings.h"

enum { FOUND_BYTES = 100, NAMES_BYTES = 500, NAMES_MOST = 64 };

/* --- values ------------------------------------------------------------------------------------------- */

static const struct key *key_named(const struct key *keys, const char *dotted)
{
	size_t length = strcspn(dotted, ".");
	for (const struct key *k = keys; k && k->name; k++)
		if (strncmp(k->name, dotted, length) == 0 && !k->name[length]) {
			if (!dotted[length])
				return k;
			return k->kind == KEY_OBJECT ? key_named(k->keys, dotted + length + 1) : NULL;
		}
	return NULL;
}

/* The value of a key with all of its defaults; as it is where it is no value of the key, which is refused
 * elsewhere. */
static const struct json *in_full(struct arena *a, const char *dotted, const struct json *value)
{
	union { /* what keys other than objects fill */
		int64_t whole;
		double real;
		struct choice choice;
		struct choices choices;
		struct ints ints;
	} state = {0};
	const struct key *k = key_named(experiment_keys, dotted);
	struct err ignored = {0};
	if (!k || k->kind == KEY_OBJECT)
		return value;
	struct key table[2] = {*k, {0}};
	table[0].offset = 0;
	struct json *root = json_read_value(a, dotted, "{}", &ignored);
	if (json_set(a, root, k->name, value, &ignored) ||
	    keys_rename(table, root, &(struct key_renames){.arena = a}, &ignored) ||
	    keys_parse(table, &state, root, a, &ignored))
		return value;
	struct buf text = {0};
	keys_write(&text, table, &state, KEYS_RESOLVED);
	const struct json *full = json_read_text(a, dotted, text.text, text.length, &ignored);
	buf_clear(&text);
	return full ? json_member(full, k->name) : value;
}

static bool same(const struct json *wanted, const struct json *value);

static bool has_members(const struct json *wanted, const struct json *object)
{
	for (const struct json *m = wanted->child; m; m = m->next) {
		const struct json *other = json_member(object, m->key);
		if (!other || !same(m, other))
			return false;
	}
	return true;
}

static bool same_elements(const struct json *wanted, const struct json *array)
{
	const struct json *other = array->child;
	if (wanted->count != array->count)
		return false;
	for (const struct json *m = wanted->child; m; m = m->next, other = other->next)
		if (!same(m, other))
			return false;
	return true;
}

/* Is the value what is wanted? A name is an object of that kind, and what stands alone a list of it. */
static bool same(const struct json *wanted, const struct json *value)
{
	const struct json *kind = json_member(value, "kind");
	if (wanted->type == JSON_STRING && kind)
		return same(wanted, kind);
	if (wanted->type != JSON_ARRAY && value->type == JSON_ARRAY)
		return value->count == 1 && same(wanted, value->child);
	if (wanted->type != value->type)
		return false;
	switch (wanted->type) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return wanted->boolean == value->boolean;
	case JSON_NUMBER:
		return wanted->number == value->number;
	case JSON_STRING:
		return strcmp(wanted->string, value->string) == 0;
	case JSON_ARRAY:
		return same_elements(wanted, value);
	case JSON_OBJECT:
		return has_members(wanted, value);
	}
	return false;
}

/* Does a value of a swept key have what is wanted of `below` it ("": of itself)? */
static bool fits(struct arena *a, const struct json *wanted, const char *key, const char *below,
                 const struct json *value)
{
	const struct json *full = in_full(a, key, value), *at = json_at(full, below);
	if (!at && strcmp(below, "kind") == 0 && full->type == JSON_STRING)
		at = full;
	if (!at)
		return false;
	return same(wanted, at) || (!*below && (same(wanted, value) || same(in_full(a, key, wanted), at)));
}

/* A member's value is one that is wanted, or a list of them; a key may have lists as its values. */
static bool member_fits(struct arena *a, const struct json *member, const char *key, const char *below,
                        const struct json *value)
{
	if (fits(a, member, key, below, value))
		return true;
	for (const struct json *one = member->type == JSON_ARRAY ? member->child : NULL; one; one = one->next)
		if (fits(a, one, key, below, value))
			return true;
	return false;
}

/* --- entries ------------------------------------------------------------------------------------------ */

/* A member of an entry: what of the grid it speaks of, and which values of the axis fit. */
struct term {
	size_t axis, k;    /* key k of it */
	const char *below; /* the rest of the member's name behind the swept key's */
	bool *fits;        /* [values of the axis] */
};

/* What stands behind the swept key in a member's name: "" where it is the key itself; NULL: it is another. */
static const char *behind(const char *name, const char *swept)
{
	size_t length = strlen(swept);
	if (strncmp(name, swept, length) != 0 || (name[length] && name[length] != '.'))
		return NULL;
	return name + length + (name[length] == '.');
}

/* The swept key that a member names: of several the longest. */
static bool find_key(const struct sweep *s, const char *name, struct term *out)
{
	out->below = NULL;
	for (size_t i = 0; i < s->n_axes; i++)
		for (size_t k = 0; k < s->axes[i].n_keys; k++) {
			const char *rest = behind(name, s->axes[i].keys[k]);
			if (rest && (!out->below || strlen(rest) < strlen(out->below)))
				*out = (struct term){.axis = i, .k = k, .below = rest};
		}
	return out->below != NULL;
}

/* "a", "b"; did you mean "a"? */
static const char *say_names(const char *wrong, const char *const *names, size_t n, char out[NAMES_BYTES])
{
	const char *near = wrong ? text_nearest(wrong, names, n) : NULL;
	size_t at = 0;
	out[0] = 0;
	for (size_t i = 0; i < n && at < NAMES_BYTES; i++)
		at += (size_t)snprintf(out + at, NAMES_BYTES - at, "%s\"%s\"", i ? ", " : "", names[i]);
	if (near && at < NAMES_BYTES)
		snprintf(out + at, NAMES_BYTES - at, "; did you mean \"%s\"?", near);
	return out;
}

static int refuse_key(const struct sweep *s, const struct json *member, struct err *e)
{
	const char *names[SWEEP_AXES_MAX * SWEEP_KEYS_MAX];
	char said[NAMES_BYTES], shown[FOUND_BYTES];
	size_t n = 0;
	for (size_t i = 0; i < s->n_axes; i++)
		for (size_t k = 0; k < s->axes[i].n_keys; k++)
			names[n++] = s->axes[i].keys[k];
	text_shown(member->key, shown, sizeof shown);
	if (n == 0)
		return json_say_key(e, member, "found the key \"%s\", and nothing is swept", shown);
	return json_say_key(e, member,
	                    "found the key \"%s\", expected one that is swept or stands below it: %s", shown,
	                    say_names(member->key, names, n, said));
}

/* The name of a value, as complaints list it: its kind, or the text itself. */
static const char *name_of(struct arena *a, const struct json *value)
{
	const struct json *kind = json_member(value, "kind");
	if (kind && kind->type == JSON_STRING)
		return kind->string;
	if (value->type == JSON_STRING)
		return value->string;
	struct buf b = {0};
	json_write(&b, value);
	const char *text = arena_string(a, b.text);
	buf_clear(&b);
	return text;
}

static int refuse_value(struct arena *a, const struct sweep *s, const struct term *t,
                        const struct json *wanted, struct err *e)
{
	const struct sweep_axis *axis = &s->axes[t->axis];
	const char *names[NAMES_MOST];
	char said[NAMES_BYTES];
	size_t n = 0;
	for (size_t v = 0; v < axis->values->count && n < NAMES_MOST; v++) {
		const struct json *full = in_full(a, axis->keys[t->k], sweep_value(axis, v, t->k));
		const struct json *at = *t->below ? json_at(full, t->below) : sweep_value(axis, v, t->k);
		if (at)
			names[n++] = name_of(a, at);
	}
	if (n == 0)
		return json_say_key(e, wanted, "found the key, and no value of sweep.\"%s\" has it",
		                    axis->values->key);
	return json_bad(e, wanted, "a value that the sweep gives it, or a list of such: one of %s",
	                say_names(wanted->type == JSON_STRING ? wanted->string : NULL, names, n, said));
}

/* Does a value of the axis fit `wanted`? Each that does is marked. */
static bool mark(struct arena *a, const struct sweep *s, struct term *t, const struct json *wanted)
{
	const struct sweep_axis *axis = &s->axes[t->axis];
	bool any = false;
	for (size_t v = 0; v < axis->values->count; v++)
		if (fits(a, wanted, axis->keys[t->k], t->below, sweep_value(axis, v, t->k)))
			any = t->fits[v] = true;
	return any;
}

static int read_term(struct arena *a, const struct sweep *s, const struct json *member, struct term *t,
                     struct err *e)
{
	if (!find_key(s, member->key, t))
		return refuse_key(s, member, e);
	t->fits = arena_alloc(a, s->axes[t->axis].values->count * sizeof *t->fits);
	if (mark(a, s, t, member))
		return 0;
	if (member->type != JSON_ARRAY || !member->child)
		return refuse_value(a, s, t, member, e);
	for (const struct json *one = member->child; one; one = one->next)
		if (!mark(a, s, t, one))
			return refuse_value(a, s, t, one, e);
	return 0;
}

static bool holds(const struct sweep *s, const struct term *terms, size_t n, size_t point)
{
	for (size_t i = 0; i < n; i++)
		if (!terms[i].fits[sweep_index(s, terms[i].axis, point)])
			return false;
	return true;
}

static int apply_entry(struct arena *a, const struct sweep *s, const struct json *entry, bool left_out[],
                       struct err *e)
{
	size_t n = 0, found = 0;
	if (entry->type != JSON_OBJECT)
		return json_bad(e, entry, "an object of swept keys, each with a value or a list of them");
	if (!entry->child)
		return json_say(e, entry,
		                "found an object without keys, expected swept keys, each with a value or a "
		                "list of them");
	struct term *terms = arena_alloc(a, entry->count * sizeof *terms);
	for (const struct json *m = entry->child; m; m = m->next)
		if (read_term(a, s, m, &terms[n++], e))
			return -1;
	for (size_t p = 0; p < s->points; p++)
		if (holds(s, terms, n, p)) {
			left_out[p] = true;
			found++;
		}
	if (found > 0)
		return 0;
	return json_say(e, entry,
	                "no point of the sweep has all of these values, so nothing is left out by it");
}

int except_apply(struct arena *a, struct sweep *s, struct err *e)
{
	size_t kept = 0;
	if (!s->except)
		return 0;
	if (s->except->type != JSON_ARRAY)
		return json_bad(e, s->except, "a list of combinations, as in [{\"KEY\": VALUE, ...}]");
	bool *left_out = arena_alloc(a, s->points * sizeof *left_out);
	for (const struct json *entry = s->except->child; entry; entry = entry->next)
		if (apply_entry(a, s, entry, left_out, e))
			return -1;
	for (size_t i = 0; i < s->runs; i++)
		if (!left_out[s->point[i]])
			s->point[kept++] = s->point[i];
	s->runs = kept;
	return kept > 0 ? 0
	                : json_say(e, s->except, "leaves out all of the %zu runs, expected some to stay",
	                           s->points);
}

/* --- keys that are swept no longer -------------------------------------------------------------------- */

/* What an entry says of the key is settled. false: the entry is not for this value. */
static bool settle(struct arena *a, struct json *entry, const char *key, const struct json *value)
{
	for (struct json *m = entry->child, *next; m; m = next) {
		const char *below = behind(m->key, key);
		next = m->next;
		if (!below)
			continue;
		if (!member_fits(a, m, key, below, value))
			return false;
		json_remove(entry, m->key);
	}
	return true;
}

int except_settle(struct arena *a, struct json *root, const char *key, const char *option, struct err *e)
{
	const struct json *sweep = json_member(root, "sweep"), *value = json_at(root, key);
	struct json *except = sweep ? json_member(sweep, SWEEP_EXCEPT) : NULL;
	if (!except || except->type != JSON_ARRAY || !value)
		return 0;
	struct json **link = &except->child;
	while (*link) {
		struct json *entry = *link;
		bool speaks = entry->type == JSON_OBJECT && entry->child;
		bool stays = !speaks || settle(a, entry, key, value);
		if (stays && speaks && !entry->child)
			return err_user(e, "%s: sweep.%s leaves out every run with this value", option,
			                SWEEP_EXCEPT);
		if (stays) {
			link = &entry->next;
		} else {
			*link = entry->next;
			except->count--;
		}
	}
	return 0;
}
