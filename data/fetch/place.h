/*
 * Where a fetched file goes. Nothing that is there is replaced: a file under the name of an official one,
 * with other content, is somebody's own (or a damaged one, which only its owner can tell from that).
 */
#ifndef SIGNSGD_DATA_FETCH_PLACE_H
#define SIGNSGD_DATA_FETCH_PLACE_H

#include <stdio.h>
#include "base/err.h"
#include "data/dataset.h"

/* What is at `path`, links followed? 0: nothing; 1: this very file. -1 and a sentence: anything else. */
int place_look(const char *path, const struct data_file *file, struct err *e);

/* Begin PATH.PID.part. NULL and a sentence, also if something of that name is there. */
FILE *place_begin(const char *part, struct err *e);

/* Give a finished and checked part its name, or remove it if the file is there already. -1: place_look()'s.
 */
int place_end(const char *part, const char *path, const struct data_file *file, struct err *e);

#endif
