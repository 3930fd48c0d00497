/*
 * The identity of a run: the SHA-256, first 12 hexadecimal digits, of its resolved settings without paths,
 * and of the file that its parameters begin with. Two runs of one identity give the same results.
 *
 * Identities outlive renamed keys. They are made with the names that keys had first (`was` of a struct key),
 * so that results of earlier versions are found under the same id, and by the same default path.
 */
#ifndef SIGNSGD_EXPERIMENT_IDENTITY_H
#define SIGNSGD_EXPERIMENT_IDENTITY_H

#include "experiment/settings.h"

/* Fill id, resolved and given (root as text) of checked settings. -1 and a sentence when init's file cannot
 * be read. */
int settings_identify(struct arena *a, struct settings *s, const struct json *root, struct err *e);

#endif
