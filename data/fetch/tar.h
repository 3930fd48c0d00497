/*
 * Unpacking known files from a .tar.gz (ustar, as old and new tar programs write it).
 *
 * The archive never decides where on the disk something is written. A member is unpacked if the last part of
 * its path is the name of a wanted file and its size is that file's: to DIR/NAME.PID.part, which is checked
 * (SHA-256) and then renamed to DIR/NAME, where nothing is replaced (data/fetch/place.h). All other members,
 * links and folders included, are skipped. The bytes that a gzip stream may unpack to are bounded.
 */
#ifndef SIGNSGD_DATA_FETCH_TAR_H
#define SIGNSGD_DATA_FETCH_TAR_H

#include "base/err.h"
#include "data/dataset.h"

/* files: ends with one without a name. -1 and a sentence when a file is missing or wrong; files before it
 * stay. */
int tar_unpack(const char *archive, const struct data_file *files, const char *dir, struct err *e);

#endif
