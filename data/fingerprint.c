/* What a run was trained on: see data/fingerprint.h. */
#include "data/fingerprint.h"

#include <stdio.h>
#include <string.h>

void data_fingerprint_end(struct sha256 *digest, char out[DATA_ID_SIZE])
{
	char hex[65];
	sha256_end(digest, hex);
	snprintf(out, DATA_ID_SIZE, "%.*s", DATA_ID_SIZE - 1, hex);
}

/* With its closing zero, so that no two lists of texts are the same bytes. */
static void add_text(struct sha256 *digest, const char *text)
{
	sha256_add(digest, text, strlen(text) + 1);
}

void data_fingerprint_official(const struct data_source *s, char out[DATA_ID_SIZE])
{
	char edition[16];
	struct sha256 *digest = sha256_begin();
	snprintf(edition, sizeof edition, "%d", s->edition);
	add_text(digest, s->row.name);
	add_text(digest, edition);
	for (const struct data_file *f = s->files; f && f->name; f++)
		add_text(digest, f->sha256);
	data_fingerprint_end(digest, out);
}

int data_fingerprint(const struct data_source *s, const void *state, const struct data_env *env,
                     char out[DATA_ID_SIZE], struct err *e)
{
	if (s->fingerprint)
		return s->fingerprint(state, env, out, e);
	data_fingerprint_official(s, out);
	return 0;
}
