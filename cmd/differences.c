/* Keys in which runs differ: see differences.h. */
#include "cmd/differences.h"

#include <string.h>
#include "base/err.h"
#include "config/json.h"

static const char *written(struct arena *a, const struct json *value)
{
	struct buf b = {0};
	json_write(&b, value);
	const char *text = arena_string(a, b.text);
	buf_clear(&b);
	return text;
}

static void add_key(struct differences *d, const char *key)
{
	for (size_t i = 0; i < d->count; i++)
		if (!strcmp(d->keys[i], key))
			return;
	if (d->count < DIFFERENCES_MAX)
		d->keys[d->count++] = key;
}

static void compare(struct differences *d, const char *prefix, const struct json *one,
                    const struct json *other);

/* The members of one, each with that of the same name; those that both have are compared once. */
static void compare_members(struct differences *d, const char *prefix, const struct json *one,
                            const struct json *other, bool missing_only)
{
	for (const struct json *m = one->child; m; m = m->next) {
		const struct json *same = json_member(other, m->key);
		const char *key = arena_format(&d->arena, "%s%s%s", prefix, *prefix ? "." : "", m->key);
		if (!same)
			add_key(d, key);
		else if (!missing_only)
			compare(d, key, m, same);
	}
}

static void compare(struct differences *d, const char *prefix, const struct json *one,
                    const struct json *other)
{
	if (one->type == JSON_OBJECT && other->type == JSON_OBJECT) {
		compare_members(d, prefix, one, other, false);
		compare_members(d, prefix, other, one, true);
	} else if (strcmp(written(&d->arena, one), written(&d->arena, other)) != 0) {
		add_key(d, prefix);
	}
}

void differences_find(struct differences *d, const struct runs *runs)
{
	*d = (struct differences){.runs = runs};
	d->given = arena_alloc(&d->arena, runs->count * sizeof(*d->given));
	for (size_t i = 0; i < runs->count; i++) {
		const char *text = runs->at[i].given;
		struct err ignored = {0}; /* written by us; too large a one shows no columns */
		d->given[i] = json_read_text(&d->arena, "run", text, strlen(text), &ignored);
		if (d->given[0] && d->given[i])
			compare(d, "", d->given[0], d->given[i]);
	}
}

void differences_clear(struct differences *d)
{
	arena_clear(&d->arena);
	*d = (struct differences){0};
}

const char *differences_align(struct differences *d)
{
	memset(d->align, 'l', 1 + d->count);
	memcpy(d->align + 1 + d->count, "rrrl", sizeof("rrrl"));
	return d->align;
}

void differences_head(const struct differences *d, struct table *t)
{
	static const char *const rest[] = {"parameters", "steps", "memory", "output"};
	table_cell(t, "id");
	for (size_t k = 0; k < d->count; k++)
		table_cell(t, "%s", d->keys[k]);
	for (size_t i = 0; i < sizeof(rest) / sizeof(*rest); i++)
		table_cell(t, "%s", rest[i]);
}

void differences_row(struct differences *d, struct table *t, size_t run)
{
	table_cell(t, "%s", d->runs->at[run].id);
	for (size_t k = 0; k < d->count; k++) {
		const struct json *value = json_at(d->given[run], d->keys[k]);
		if (value && value->type == JSON_STRING)
			table_cell(t, "%s", value->string);
		else
			table_cell(t, "%s", value ? written(&d->arena, value) : "-");
	}
}
