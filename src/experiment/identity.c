/* Ids, groups and resolved settings: see experiment/identity.h. */
#include "experiment/identity.h"
#include <stdio.h>
#include <string.h>
#include "base/sha256.h"
#include "config/key_rename.h"
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

/* The group; `file_key` is how the file that parameters begin with is known, and `file` by what (or NULL). */
static void write_group(struct buf *b, const struct settings *s, const char *file_key, const char *file)
{
	struct settings copy = *s;
	if (copy.adversaries.count == 0)
		copy.adversaries.attack = (struct choice){0};
	keys_write(b, experiment_keys, &copy, KEYS_GROUP);
	if (!file)
		return;
	b->text[--b->length] = '\0'; /* the closing brace */
	buf_format(b, ",\"%s\":", file_key);
	json_write_string(b, file);
	buf_add(b, "}");
}

int settings_identify(struct arena *a, struct settings *s, const struct json *root, struct err *e)
{
	struct buf b = {0};
	char hex[65], file_hex[65];
	const char *file = init_path(s);
	keys_write(&b, experiment_keys, s, KEYS_IDENTITY);
	if (file) {
		if (sha256_file(file, file_hex, e)) {
			buf_clear(&b);
			return err_prefix(e, "init");
		}
		buf_add(&b, file_hex);
	}
	sha256_hex(b.text, b.length, hex);
	snprintf(s->id, sizeof s->id, "%.12s", hex);
	buf_clear(&b);
	write_group(&b, s, "init_sha256", file ? file_hex : NULL);
	s->group = text_of(a, &b);
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
		rc = keys_rename(experiment_keys, root, &renames, e) ||
		                     keys_parse(experiment_keys, &s, root, &a, e)
		             ? -1
		             : 0;
	}
	if (!rc)
		write_group(out, &s, "init_path", init_path(&s));
	arena_clear(&a);
	return rc;
}
