/*
 * What may be written over. One function decides for every file that a command writes as a whole: results,
 * checkpoints, packs, answers of `combine`, and figures, pages and tables, which are no HDF5 files and carry
 * a mark (plots/common.py, reports/report.py, reports/table_forms.py). Only a regular file that signsgd made,
 * of the very kind that is to be written, may be replaced. Anything else is refused with a sentence that says
 * what it is.
 *
 * Links are followed, and the file they lead to is judged and written; the link itself stays.
 */
#ifndef SIGNSGD_H5_H5_REPLACE_H
#define SIGNSGD_H5_H5_REPLACE_H

#include "base/err.h"

enum h5_kind { H5_RESULT, H5_CHECKPOINT, H5_PACK, H5_FIGURE, H5_PAGE, H5_TABLE, H5_ANSWER, H5_KINDS };

/*
 * 0: nothing is at `path`. 1: a file of ours of this kind is there. *target gets the path to write to (free
 * with mem_free()): `path` with its links followed. -1 and a sentence: something else is there, or the file
 * may not be read; *target is NULL.
 */
int h5_may_replace(const char *path, enum h5_kind kind, char **target, struct err *e);

#endif
