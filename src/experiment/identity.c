/* Ids and resolved settings: see experiment/identity.h. */
#include "experiment/identity.h"
#include <stdio.h>
#include "base/sha256.h"
#include "models/init/init_row.h"

static const char *text_of(struct arena *a, struct buf *b)
{
	const char *text = arena_string(a, b->text);
	buf_clear(b);
	return text;
}

int settings_identify(struct arena *a, struct settings *s, const struct json *root, struct err *e)
{
	struct buf b = {0};
	char hex[65];
	const struct init_row *init = (const struct init_row *)s->init.row;
	keys_write(&b, experiment_keys, s, KEYS_IDENTITY);
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
	keys_write(&b, experiment_keys, s, KEYS_RESOLVED);
	s->resolved = text_of(a, &b);
	json_write(&b, root);
	s->given = text_of(a, &b);
	return 0;
}
