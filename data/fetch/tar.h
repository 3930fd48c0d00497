/*
 * Unpacking the files that we know from a .tar.gz (ustar, as old and new tar programs write it).
 *
 * The archive names nothing on the disk: a member is taken when the last part of its path is the name of one
 * of the files wanted and its size is that file's; it goes to DIR/NAME.PID.part, is checked (SHA-256) and
 * then renamed to DIR/NAME. Everything else, links and folders included, is passed over, and what a gzip
 * stream may blow up to is bounded.
 */
#ifndef SIGNSGD_DATA_FETCH_TAR_H
#define SIGNSGD_DATA_FETCH_TAR_H

#include "base/err.h"
#include "data/dataset.h"

/* files: ended by one without a name. -1 and a sentence when one is missing or wrong; those before it stay.
 */
int tar_unpack(const char *archive, const struct data_file *files, const char *dir, struct err *e);

#endif
