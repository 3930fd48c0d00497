/* Ids, groups and resolved settings: see experiment/identity.h. */
#include "experiment/identity.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/sha256.h"
#include "config/key_rename.h"
#include "experiment/spelling.h"
#include "models/init/init_row.h"

static const char *text_of(struct arena *a, struct buf *b)
{
	const char *text = arena_string(a, b->text);
	buf_clear(b);
	return text;
}

/* The file that the parameters begin with, or NULL. */
static const char *init_path(const struct settings *s)
{
	const struct init_row *init = (const struct init_row *)s->init.row;
	return init->file ? init->file(s->init.state) : NULL;
}

static void drop_idle_attack(struct settings *s)
{
	if (s->adversaries.count > 0)
		return;
	s->adversaries.attack = (struct choice){0};
	s->adversaries.data = ADVERSARIES_OWN;
}

static int by_value(const void *left, const void *right)
{
	const int64_t *a = left, *b = right;
	return (*a > *b) - (*a < *b);
}

/* A copy of what is in any order, in one order. */
static void put_in_order(struct arena *a, struct ints *list)
{
	int64_t *sorted = arena_alloc(a, list->count * sizeof *sorted);
	for (size_t i = 0; i < list->count; i++)
		sorted[i] = list->at[i];
	if (list->count > 0)
		qsort(sorted, list->count, sizeof *sorted, by_value);
	list->at = sorted;
}

/* The identity; file_hex: the SHA-256 of the file that the parameters begin with, or "". */
static void hash_identity(const struct settings *s, const char *file_hex, char out[13])
{
	struct arena a = {0};
	struct settings first = *s;
	struct buf b = {0};
	char hex[65];
	spelling_first(&a, &first);
	keys_write(&b, experiment_keys, &first, KEYS_IDENTITY);
	buf_add(&b, file_hex);
	sha256_hex(b.text, b.length, hex);
	snprintf(out, 13, "%.12s", hex);
	buf_clear(&b);
	arena_clear(&a);
}

/* The group; `file_key` is how the file that parameters begin with is known, and `file` by what (or NULL). */
static void write_group(struct buf *b, const struct settings *s, const char *file_key, const char *file)
{
	struct arena a = {0};
	struct settings copy = *s;
	drop_idle_attack(&copy);
	spelling_first(&a, &copy);
	if (copy.epochs_given > 0) {
		copy.epochs = copy.epochs_given;
		copy.steps = 0;
	}
	keys_write(b, experiment_keys, &copy, KEYS_GROUP);
	arena_clear(&a);
	if (!file)
		return;
	b->text[--b->length] = '\0'; /* the closing brace */
	buf_format(b, ",\"%s\":", file_key);
	json_write_string(b, file);
	buf_add(b, "}");
}

/* The hash of the file that parameters begin from; a complaint names the place that names the file. */
static int hash_start(const char *path, char hex[65], const struct json *root, struct err *e)
{
	struct err why = {0};
	if (!sha256_file(path, hex, &why))
		return 0;
	const struct json *init = json_member(root, "init");
	const struct json *place = init && init->type == JSON_OBJECT ? json_member(init, "path") : NULL;
	return json_say(e, place ? place : root, "%s", why.text);
}

int settings_identify(struct arena *a, struct settings *s, const struct json *root, struct err *e)
{
	struct buf b = {0};
	char file_hex[65] = "";
	const char *file = init_path(s);
	struct settings same = *s;
	if (file && hash_start(file, file_hex, root, e))
		return -1;
	drop_idle_attack(&same);
	put_in_order(a, &same.adversaries.ids);
	hash_identity(s, file_hex, s->id);
	hash_identity(&same, file_hex, s->bits);
	write_group(&b, s, "init_sha256", file ? file_hex : NULL);
	s->group = text_of(a, &b);
	s->method = spelling_name(a, s);
	keys_write(&b, experiment_keys, s, KEYS_RESOLVED);
	s->resolved = text_of(a, &b);
	json_write(&b, root);
	s->given = text_of(a, &b);
	return 0;
}

int group_of_resolved(const char *source, const char *resolved, struct buf *out, struct err *e)
{
	struct arena a = {0};
	struct key_renames renames = {.arena = &a};
	struct settings s = {0};
	struct json *root = json_read_text(&a, source, resolved, strlen(resolved), e);
	int rc = !root                       ? -1
	         : root->type != JSON_OBJECT ? json_bad(e, root, "an object, the settings of a run")
	                                     : 0;
	if (!rc) {
		json_remove(root, "transport"); /* not every build has every transport */
		rc = keys_rename(experiment_keys, root, &renames, e) || spelling_today(&a, root, e) ||
		                     keys_parse(experiment_keys, &s, root, &a, e)
		             ? -1
		             : 0;
	}
	if (!rc)
		spelling_complete_settings(&a, &s);
	if (!rc)
		write_group(out, &s, "init_path", init_path(&s));
	arena_clear(&a);
	return rc;
}
