/* Parts of dotted names, looked up one by one: see config/key_dotted.h. */
#include "config/key_dotted.h"
#include <stdio.h>
#include <string.h>
#include "base/text.h"
#include "config/key_names.h"

/* The key that is called so, or that once was; NULL: none. */
static const struct key *find_in(const struct key *keys, const char *name, size_t length, bool earlier)
{
	for (const struct key *k = keys; k != NULL && k->name != NULL; k++) {
		const char *called = earlier ? k->was : k->name;

		if (called != NULL && strncmp(called, name, length) == 0 && called[length] == '\0')
			return k;
	}
	return NULL;
}

const struct key *key_level_find(const struct key_level *l, const char *name, size_t length, bool earlier)
{
	const struct key *k = find_in(l->keys, name, length, earlier);

	for (const struct row *const *row = l->family != NULL ? l->family->rows : NULL;
	     row != NULL && *row != NULL && k == NULL; row++)
		k = find_in((*row)->keys, name, length, earlier);
	return k;
}

struct key_level key_level_below(const struct key *k)
{
	if (k == NULL)
		return (struct key_level){NULL, NULL};
	return (struct key_level){k->kind == KEY_OBJECT ? k->keys : NULL,
	                          k->kind == KEY_FAMILY ? k->family : NULL};
}

/* A name that several rows have is one. */
static void add_once(struct names *n, const char *name)
{
	for (size_t i = 0; i < n->count; i++)
		if (strcmp(n->at[i], name) == 0)
			return;
	if (n->count < NAMES_MAX)
		names_add(n, name);
}

static void names_of_level(struct names *n, const struct key_level *l)
{
	for (const struct key *k = l->keys; k != NULL && k->name != NULL; k++)
		add_once(n, k->name);
	if (l->family == NULL)
		return;
	add_once(n, "kind");
	for (const struct row *const *row = l->family->rows; *row != NULL; row++)
		for (const struct key *k = (*row)->keys; k != NULL && k->name != NULL; k++)
			add_once(n, k->name);
}

/* at: the part of the member's name that nothing is called. */
static int refuse_part(const struct key_level *l, const struct json *member, const char *at, size_t length,
                       struct err *e)
{
	char part[80], shown[100], before[120], hint[HINT_SIZE], expected[EXPECTED_SIZE];
	struct names n = {.count = 0};

	snprintf(part, sizeof part, "%.*s", (int)length, at);
	text_shown(part, shown, sizeof shown);
	snprintf(before, sizeof before, "%.*s", at > member->key ? (int)(at - member->key) - 1 : 0,
	         member->key);
	if (l->keys == NULL && l->family == NULL)
		return json_say_key(e, member, "found \"%s\" behind \"%s\", which has no keys below it",
		                    shown, before);
	names_of_level(&n, l);
	names_expected(&n, names_nearest_hint(&n, part, hint, sizeof hint), expected, sizeof expected);
	return json_say_key(e, member, "found \"%s\"%s%s%s, expected %s", shown,
	                    before[0] != '\0' ? " behind \"" : "", before, before[0] != '\0' ? "\"" : "",
	                    expected);
}

int keys_refuse_dotted(const struct key *keys, const struct json *member, struct err *e)
{
	struct key_level level = {keys, NULL};

	for (const char *at = member->key;;) {
		size_t length = strcspn(at, ".");
		const struct key *k = key_level_find(&level, at, length, false);
		bool kind =
		        level.family != NULL && length == strlen("kind") && strncmp(at, "kind", length) == 0;

		if (k == NULL && !kind)
			return refuse_part(&level, member, at, length, e);
		if (at[length] == '\0')
			return 0;
		level = key_level_below(k);
		at += length + 1;
	}
}
