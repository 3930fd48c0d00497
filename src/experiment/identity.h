/*
 * The identity of a run: the SHA-256, first 12 hexadecimal digits, of its resolved settings without paths,
 * and of the file that its parameters begin with. Two runs of one identity give the same results.
 *
 * Two identities may give the same results, too: where nobody is Byzantine no attack counts, and Byzantine
 * workers are the same in any order. `bits` is the identity without that.
 *
 * Identities outlive renamed keys. They are made with the names that keys had first (`was` of a struct key),
 * so that results of earlier versions are found under the same id, and by the same default path; and with the
 * spelling that methods had first (experiment/spelling.h).
 *
 * The group of a run is what figures put runs together by: its identity as JSON, without the seed, the name,
 * and what says only how a run is watched and on which kernels (`not_group` of a struct key). An attack of
 * nobody is left out, and the file that parameters begin with stands there by its SHA-256, `init_sha256`.
 * Where seeds differ in how many steps `epochs` are (a text of random length), the group says `epochs`.
 */
#ifndef SIGNSGD_EXPERIMENT_IDENTITY_H
#define SIGNSGD_EXPERIMENT_IDENTITY_H

#include "experiment/settings.h"

/* Fill id, bits, group, method, resolved and given (root as text) of checked settings. -1 and a sentence when
 * init's file cannot be read. */
int settings_identify(struct arena *a, struct settings *s, const struct json *root, struct err *e);

/*
 * The group of a result whose file does not say it, from its resolved settings. The file that its parameters
 * began with may be gone: it stands there by its path, `init_path`. Append to *out; -1 and a sentence that
 * begins with `source` when the settings cannot be read.
 */
int group_of_resolved(const char *source, const char *resolved, struct buf *out, struct err *e);

#endif
