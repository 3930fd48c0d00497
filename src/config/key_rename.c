/* Earlier names of keys: see config/key_rename.h. */
#include "config/key_rename.h"
#include <string.h>
#include "base/log.h"
#include "config/key_dotted.h"

enum { PATH_SIZE = 200 };

static void note(struct key_renames *r, const char *source, const char *was, const char *now)
{
	struct key_rename **end = &r->first;

	for (; *end != NULL; end = &(*end)->next) {
		if (strcmp((*end)->source, source) == 0 && strcmp((*end)->was, was) == 0)
			return;
	}
	*end = arena_alloc(r->arena, sizeof **end);
	**end = (struct key_rename){NULL, arena_string(r->arena, source), arena_string(r->arena, was),
	                            arena_string(r->arena, now)};
}

static int rename_member(const struct key *k, struct json *object, struct key_renames *r, struct err *e)
{
	struct json *member = json_member(object, k->was);
	char was[PATH_SIZE], now[PATH_SIZE];

	if (member == NULL)
		return 0;
	if (json_member(object, k->name) != NULL)
		return json_say_key(e, member,
		                    "found the earlier name of \"%s\", which is there too; give one of them",
		                    k->name);
	json_path(member, was, sizeof was);
	member->key = k->name;
	note(r, member->source, was, json_path(member, now, sizeof now));
	return 0;
}

static int rename_in_choice(const struct family *f, struct json *value, struct key_renames *r, struct err *e)
{
	const struct json *kind = json_member(value, "kind");
	const struct row *row =
	        kind != NULL && kind->type == JSON_STRING ? family_find(f, kind->string) : NULL;

	return row != NULL ? keys_rename(row->keys, value, r, e) : 0;
}

static int rename_in_value(const struct key *k, struct json *value, struct key_renames *r, struct err *e)
{
	if (k->kind == KEY_OBJECT)
		return keys_rename(k->keys, value, r, e);
	if (k->kind == KEY_FAMILY || (k->kind == KEY_LIST && value->type == JSON_OBJECT))
		return rename_in_choice(k->family, value, r, e);
	if (k->kind != KEY_LIST || value->type != JSON_ARRAY)
		return 0;
	for (struct json *c = value->child; c != NULL; c = c->next) {
		if (rename_in_choice(k->family, c, r, e) != 0)
			return -1;
	}
	return 0;
}

int keys_rename(const struct key *keys, struct json *object, struct key_renames *r, struct err *e)
{
	for (const struct key *k = keys; k != NULL && k->name != NULL; k++) {
		struct json *value;

		if (k->was != NULL && rename_member(k, object, r, e) != 0)
			return -1;
		value = json_member(object, k->name);
		if (value != NULL && rename_in_value(k, value, r, e) != 0)
			return -1;
	}
	return 0;
}

const char *keys_rename_dotted(const struct key *keys, const char *dotted, const char *source,
                               struct key_renames *r)
{
	struct key_level level = {keys, NULL};
	struct buf now = {0};
	bool renamed = false;

	for (const char *at = dotted; *at != '\0';) {
		size_t length = strcspn(at, ".");
		const struct key *k = key_level_find(&level, at, length, false);
		const struct key *old = k == NULL ? key_level_find(&level, at, length, true) : NULL;

		buf_bytes(&now, old != NULL ? old->name : at, old != NULL ? strlen(old->name) : length);
		at += length;
		if (old != NULL)
			note(r, source, arena_format(r->arena, "%.*s", (int)(at - dotted), dotted), now.text);
		if (*at == '.') {
			buf_add(&now, ".");
			at++;
		}
		renamed = renamed || old != NULL;
		level = key_level_below(k != NULL ? k : old);
	}
	if (renamed)
		dotted = arena_string(r->arena, now.text);
	buf_clear(&now);
	return dotted;
}

static void warn_of_source(const struct key_rename *first)
{
	struct buf b = {0};

	for (const struct key_rename *k = first; k != NULL; k = k->next) {
		if (strcmp(k->source, first->source) == 0)
			buf_format(&b, "%s\"%s\" is now \"%s\"", b.length > 0 ? ", " : "", k->was, k->now);
	}
	log_warn("%s: %s; the earlier spelling is still read", first->source, b.text);
	buf_clear(&b);
}

void key_renames_warn(const struct key_renames *r)
{
	for (const struct key_rename *k = r->first; k != NULL; k = k->next) {
		const struct key_rename *same = r->first;

		while (strcmp(same->source, k->source) != 0)
			same = same->next;
		if (same == k)
			warn_of_source(k);
	}
}
