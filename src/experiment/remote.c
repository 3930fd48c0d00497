/* Settings between processes: see experiment/remote.h. */
#include "experiment/remote.h"
#include <stdio.h>
#include <string.h>
#include "base/text.h"
#include "config/key_rename.h"
#include "experiment/spelling.h"
#include "models/init/init_row.h"
#include "registry.h"

static void write_remote(const struct settings *s, enum keys_text which, struct buf *out)
{
	struct arena a = {0};
	struct settings copy = *s;
	if (which == KEYS_IDENTITY)
		spelling_first(&a, &copy);
	if (((const struct init_row *)s->init.row)->file)
		copy.init = (struct choice){.row = family_find(&family_inits, "model")};
	keys_write(out, experiment_keys, &copy, which);
	arena_clear(&a);
}

/* What comes before the settings' own members. It is cut off before they are read. */
static const char head[] = "{\"data_id\":\"", tail[] = "\",";

void settings_remote(const struct settings *s, const char *data_id, struct buf *out)
{
	struct buf text = {0};
	write_remote(s, KEYS_SHARED, &text);
	buf_format(out, "%s%s%s%s", head, data_id, tail, text.text + 1);
	buf_clear(&text);
}

/* The settings without the sender's fingerprint: by mem_alloc(). Where none was sent, the text is as it was.
 */
static char *cut_data_id(const char *text, char data_id[DATA_ID_SIZE])
{
	const size_t before = sizeof head - 1, digits = DATA_ID_SIZE - 1;
	data_id[0] = '\0';
	if (strncmp(text, head, before) != 0 || strspn(text + before, "0123456789abcdef") != digits ||
	    strncmp(text + before + digits, tail, sizeof tail - 1) != 0)
		return mem_string(text);
	snprintf(data_id, DATA_ID_SIZE, "%s", text + before);
	return mem_format("{%s", text + before + digits + sizeof tail - 1);
}

static bool would_send(const struct settings *s, enum keys_text which, const char *text)
{
	struct buf own = {0};
	write_remote(s, which, &own);
	bool same = strcmp(own.text, text) == 0;
	buf_clear(&own);
	return same;
}

/* What was sent is what we would send, or would have sent before keys were renamed: no path, no default left
 * open, nothing that changes no result. */
static int check_text(const struct settings *s, const char *source, const char *text, struct err *e)
{
	if (would_send(s, KEYS_SHARED, text) || would_send(s, KEYS_IDENTITY, text))
		return 0;
	return err_user(e,
	                "%s: found settings that this version would write otherwise, "
	                "or that changes of ours have changed; expected what a server "
	                "of the same version sends, and changes of paths alone (--backend chooses the "
	                "kernels of this machine)",
	                source);
}

int settings_check_names(const struct settings *s, const char *source, struct err *e)
{
	char shown[256];
	for (const struct key *k = s->data.row->keys; k && k->name; k++) {
		const char *name = NULL;
		if (k->file)
			memcpy(&name, (const char *)s->data.state + k->offset, sizeof name);
		if (name && strchr(name, '/'))
			return err_user(e,
			                "%s: data.%s: found '%s', expected the name of a file, without a "
			                "folder: between machines, each looks for it in its own data folders "
			                "(--data, SIGNSGD_DATA)",
			                source, k->name, text_shown(name, shown, sizeof shown));
	}
	return 0;
}

static int check_read(struct arena *a, struct settings *s, const char *source, const char *text, bool foreign,
                      struct err *e)
{
	spelling_complete_settings(a, s);
	if (check_text(s, source, text, e))
		return -1;
	return foreign ? settings_check_names(s, source, e) : 0;
}

/*
 * Look at the text alone, before anything that it names is looked for: reading settings in full lists the
 * folders and reads the files of their data set, and the file that their parameters come from.
 */
static int check_sent(const char *source, const char *text, bool foreign, struct err *e)
{
	struct arena a = {0};
	struct key_renames renames = {.arena = &a};
	struct settings s = {0};
	struct json *root = json_read_text(&a, source, text, strlen(text), e);
	int rc = -1;
	if (root && root->type != JSON_OBJECT)
		json_bad(e, root, "an object, the experiment");
	else if (root && !keys_rename(experiment_keys, root, &renames, e) && !spelling_today(&a, root, e) &&
	         !keys_parse(experiment_keys, &s, root, &a, e))
		rc = check_read(&a, &s, source, text, foreign, e);
	arena_clear(&a);
	return rc;
}

static int read_settings(struct runs *out, const char *source, const char *text, bool foreign,
                         const struct change *changes, size_t n_changes, struct err *e)
{
	*out = (struct runs){0};
	if (check_sent(source, text, foreign, e) ||
	    experiment_sent(out, source, text, strlen(text), foreign, changes, n_changes, e))
		return -1;
	if (out->count == 1 && !check_text(&out->at[0], source, text, e))
		return 0;
	if (out->count != 1)
		err_user(e, "%s: makes %zu runs, expected one", source, out->count);
	runs_clear(out);
	return -1;
}

int experiment_remote(struct runs *out, char data_id[DATA_ID_SIZE], const char *source, const char *text,
                      bool foreign, const struct change *changes, size_t n_changes, struct err *e)
{
	char *settings = cut_data_id(text, data_id);
	int rc = read_settings(out, source, settings, foreign, changes, n_changes, e);
	mem_free(settings);
	return rc;
}
