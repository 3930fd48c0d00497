/* Settings between processes: see experiment/remote.h. */
#include "experiment/remote.h"
#include <stdio.h>
#include <string.h>
#include "models/init/init_row.h"
#include "registry.h"

static void write_remote(const struct settings *s, enum keys_text which, struct buf *out)
{
	struct settings copy = *s;
	if (((const struct init_row *)s->init.row)->file)
		copy.init = (struct choice){.row = family_find(&family_inits, "model")};
	keys_write(out, experiment_keys, &copy, which);
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
	                "of the same version sends, and changes of paths alone",
	                source);
}

static int read_settings(struct runs *out, const char *source, const char *text, const struct change *changes,
                         size_t n_changes, struct err *e)
{
	if (experiment_parse(out, source, text, strlen(text), changes, n_changes, e))
		return -1;
	if (out->count == 1 && !check_text(&out->at[0], source, text, e))
		return 0;
	if (out->count != 1)
		err_user(e, "%s: makes %zu runs, expected one", source, out->count);
	runs_clear(out);
	return -1;
}

int experiment_remote(struct runs *out, char data_id[DATA_ID_SIZE], const char *source, const char *text,
                      const struct change *changes, size_t n_changes, struct err *e)
{
	char *settings = cut_data_id(text, data_id);
	int rc = read_settings(out, source, settings, changes, n_changes, e);
	mem_free(settings);
	return rc;
}
