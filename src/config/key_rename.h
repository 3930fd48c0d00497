/*
 * Keys that were spelled otherwise. A key with `was` is read under that earlier name too.
 *
 * A tree is brought to the present names before it is read, and so are the dotted names that will change
 * it. Whatever comes later (--set over a file, sweeps, complaints, the nearest name for a wrong one)
 * then knows one name for a key. What was renamed is noted, and said once for each file.
 */
#ifndef SIGNSGD_CONFIG_KEY_RENAME_H
#define SIGNSGD_CONFIG_KEY_RENAME_H

#include "base/err.h"
#include "base/mem.h"
#include "config/json.h"
#include "config/key.h"

/* One key of one file, by its dotted name. */
struct key_rename {
	struct key_rename *next;
	const char *source, *was, *now;
};

struct key_renames {
	struct arena *arena; /* owns the notes and the new names */
	struct key_rename *first;
};

/*
 * Rename members of an object, and of the objects below it. -1 and a sentence where a key is there under
 * both names. Anything but an object is left as it is.
 */
int keys_rename(const struct key *keys, struct json *object, struct key_renames *r, struct err *e);

/*
 * "record.l1-l2" with the present names: the same pointer where none has changed. `source` says where it was
 * found. Behind a family's key, names of all its rows count, because the row is not known.
 */
const char *keys_rename_dotted(const struct key *keys, const char *dotted, const char *source,
                               struct key_renames *r);

/* A warning for each file in which something was renamed. */
void key_renames_warn(const struct key_renames *r);

#endif
