/*
 * The fingerprint of a data set's content: what a run was trained on. Results carry it as data_id, beside the
 * identity of their settings, which says neither what a folder holds nor what is in a text.
 *
 * A set that must have the official files has the constant of these files, and so do data that the program
 * makes itself: their settings are part of the identity. Folders, packs and texts have one of their content.
 * Where the files are, when they were written, and whether they are packed makes no difference.
 */
#ifndef SIGNSGD_DATA_FINGERPRINT_H
#define SIGNSGD_DATA_FINGERPRINT_H

#include "base/sha256.h"
#include "data/dataset.h"

/* Of the data that the settings name, without loading them where that can be avoided. -1 and a sentence when
 * they are not there. */
int data_fingerprint(const struct data_source *s, const void *state, const struct data_env *env,
                     char out[DATA_ID_SIZE], struct err *e);

/* The constant of a row: of its name, the edition of what it makes, and its official files. */
void data_fingerprint_official(const struct data_source *s, char out[DATA_ID_SIZE]);

/* End the digest of a content. */
void data_fingerprint_end(struct sha256 *digest, char out[DATA_ID_SIZE]);

#endif
