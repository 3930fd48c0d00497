/* What `validate` says of a coding: see coding.h. */
#include "cmd/coding.h"
#include <stdio.h>

int64_t coding_gradients(const struct settings *s)
{
	return s->parts->first[s->workers];
}

static bool anybody_has(const struct settings *s, int part)
{
	for (int64_t i = 0; i < coding_gradients(s); i++)
		if (s->parts->at[i] == part)
			return true;
	return false;
}

const char *coding_text(const struct settings *s, char out[CODING_TEXT])
{
	char left[64] = "";
	int least = (int)s->workers, most = 0, lost = 0;
	for (int w = 0; w < s->workers; w++) {
		int count = parts_count(s->parts, w);
		least = count < least ? count : least;
		most = count > most ? count : most;
		lost += !anybody_has(s, w);
	}
	if (lost > 0)
		snprintf(left, sizeof left, "; nobody has %d of the parts", lost);
	snprintf(out, CODING_TEXT, "%s: %lld gradients a step, of %d to %d of %lld parts a worker%s",
	         s->coding.row->name, (long long)coding_gradients(s), least, most, (long long)s->workers,
	         left);
	return out;
}
