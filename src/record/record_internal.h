/* What the files of this room share. */
#ifndef SIGNSGD_RECORD_RECORD_INTERNAL_H
#define SIGNSGD_RECORD_RECORD_INTERNAL_H

#include "record/record.h"

/*
 * The layout in docs/RESULTS.md; a reader of another layout must be able to tell. Layout 1 (0.1.0) differs in
 * the names of three keys in the texts of /config, and is read too.
 */
enum { RECORD_LAYOUT = 2, RECORD_LAYOUT_OLDEST = 1 };

/* /format, /config and /meta. Unless `anew`, the file goes on: what it says of the experiment and of the
 * start stays, except that settings of an earlier version are written as those of today. */
void record_write_meta(struct h5 *f, const struct record_meta *m, bool anew);
/* Id, settings and planned steps of a run whose length was changed. */
void record_write_length(struct h5 *f, const struct record_meta *m);
void record_write_state(struct h5 *f, enum run_state state, const char *why, bool ended);

/* /voters: columns that grow by a row a step. Of record/record_voters.c. */
#define VOTERS "/voters"
struct record_voters;
struct record_voters *record_voters_open(struct h5 *f, size_t workers);
void record_voters_add(struct record_voters *v, int64_t step, const int64_t *born);
void record_voters_close(struct record_voters *v);

/* /faults: a dataset for each kind, added to what the file held when this process began. A list that the
 * caller holds, NULL at first. */
struct record_faults;
void record_faults_add(struct h5 *f, struct record_faults **list, const char *kind, size_t rows,
                       const uint64_t *counts);
void record_faults_clear(struct record_faults **list);

/* Is it a result file of ours? -1 and a sentence. */
int record_check_format(struct h5 *f, const char *path, struct err *e);

/* A column of plain numbers as doubles or int64_t; by mem_array(). -1 and a sentence. */
int record_read_column(struct h5 *f, const char *path, const char *column, enum h5_type type, void **values,
                       size_t *count, struct err *e);

/* How many steps were withheld, by the rows of /steps; 0 where none can be. -1 and a sentence. */
int record_read_withheld(struct h5 *f, const char *path, int64_t *withheld, struct err *e);

/*
 * The same after `step` steps for a run that goes on: without the last row of /steps and of /evals, if it is
 * of this step and stands there only because the run ended.
 */
int record_cut_end(struct h5 *f, const char *path, int64_t every, int64_t eval_every, int64_t step,
                   struct err *e);

/* A row more in /meta/extended. Of record/record_extend.c. */
int record_add_extension(struct h5 *f, const char *path, const struct record_extended *was, struct err *e);

/* Cut everything behind `step`. -1 and a sentence when what is left does not reach up to it. */
int record_cut(struct h5 *f, const char *path, int64_t every, int64_t step, struct err *e);

#endif
