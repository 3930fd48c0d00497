/*
 * The result file of a run: one HDF5 file, readable without us (layout: docs/RESULTS.md).
 *
 *   /config   given and resolved (JSON texts)        /meta    attributes: who, where, when, how it ended
 *   /steps    one column a quantity, a row a step    /evals   the same, a row an evaluation
 *   /probes   what `record` asked for                /final   parameters by name
 *
 * Rows are gathered in memory and go to the file at least every RECORD_FLUSH_S seconds; between two
 * flushes a step costs a few stores and no allocation. The file on disk is whole at any moment (h5/h5.h).
 */
#ifndef SIGNSGD_RECORD_RECORD_H
#define SIGNSGD_RECORD_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "compressor/privacy.h"
#include "h5/h5.h"
#include "base/mem.h"

enum { RECORD_FLUSH_S = 5, RECORD_ROWS = 4096 };

struct step_row {
	int64_t step; /* steps done, from 1 */
	double epoch; /* samples so far over those in use; 0 without data */
	double loss;  /* mean over the honest workers' mini-batch losses before the step */
	double lr;
	uint64_t bytes_up; /* all workers, this step */
	uint64_t bytes_down;
	uint64_t bytes_busiest; /* sent and received by the busiest process */
	int32_t n_voters;
	double wall_s; /* since the run began, including what came before a resumption */
	double compute_s, encode_s, exchange_s, apply_s;
	double wait_s; /* of exchange_s: until the last message was there */
	double data_s; /* of compute_s: a lane's mean time for waiting for its batches and gathering them */
	int64_t withheld; /* steps so far, this one included, that had no answer and changed no parameter */
	struct privacy privacy; /* spent by each worker so far, this step included */
	int64_t gradients;      /* that the counted workers have computed in this step; with a coding alone */
};

struct eval_row {
	int64_t step;
	double epoch;
	double wall_s;
	uint64_t bytes;                    /* up and down so far, all workers */
	double train_loss, train_accuracy; /* accuracies in [0, 1], NaN without labels */
	double test_loss, test_accuracy;
	double train_perplexity, test_perplexity; /* e^loss, of text; there are no such columns without */
	double test_bits;                         /* loss / ln 2: bits a token */
	/* Of the validation split; there are no such columns without one. */
	double validation_loss, validation_accuracy, validation_bits;
};

enum run_state { RUN_RUNNING, RUN_FINISHED, RUN_INTERRUPTED, RUN_DIVERGED, RUN_FAILED };
const char *run_state_name(enum run_state s);

/* What goes to /config and /meta when a run begins. Texts are copied. */
struct record_meta {
	const char *name, *id, *given, *resolved;
	const char *group; /* what figures group runs by (experiment/identity.h) */
	const char *backend, *backend_detail;
	int lanes;
	int64_t steps; /* planned */
	int workers, adversaries;
	const char *aggregator, *model, *data;
	char attack[64];       /* as /meta has it */
	const char *data_id;   /* the fingerprint of the data (data/fingerprint.h), or NULL: not known */
	const char *data_note; /* what every use of this result must say of its data, or NULL */
	bool text;             /* evaluations have a perplexity */
	bool validation;       /* evaluations have a validation split */
	bool withholds;        /* steps may be withheld: /steps has a column for it */
	bool privacy;          /* messages spend privacy: /steps has columns for it */
	bool coded;            /* workers compute several gradients a step: /steps has a column for it */
	bool voters; /* keep which workers were counted; a file that is continued and has it goes on */
	uint64_t seed;
	uint64_t n_params;
	uint64_t push_bytes, pull_bytes; /* a worker and step; of what varies, the most */
	bool push_varies, pull_varies;
	int64_t every; /* steps between rows of /steps; 0: as the file's first row shows */
};

struct record;

/* What /steps and /evals take in a file that has so many rows of them. */
size_t record_rows_bytes(size_t steps, size_t evals);

/* A new result file; on disk after the first flush. */
struct record *record_create(const char *path, const struct record_meta *m);

/*
 * Continue a result file after `step` steps: rows behind that step are cut off (they will be made again,
 * bit for bit), in /steps, in /evals and in every group below /probes. NULL and a sentence when the file is
 * damaged or another run's, or lacks rows before that step.
 */
struct record *record_continue(const char *path, const struct record_meta *m, int64_t step, struct err *e);

/*
 * A run of which another one is the continuation: the same experiment with another number of steps, whose
 * file becomes the other's.
 */
struct record_extended {
	int64_t step; /* steps done when its length was changed */
	char id[65];
};

/*
 * Continue the file of a run `was` as the file of *m, after `was.step` steps: as record_continue(), but it is
 * given the id, settings and planned steps of *m, a row in /meta/extended, and loses what only the end of a
 * run has: /final, and the rows of that step in /steps and /evals where *m has none there (eval_every: steps
 * between evaluations, 0: none).
 */
struct record *record_extend(const char *path, const struct record_meta *m, const struct record_extended *was,
                             int64_t eval_every, struct err *e);

/* The rows of /meta/extended, *rows [*count] by mem_array(). -1 and a sentence when it cannot be read. */
int record_extensions(const char *path, struct record_extended **rows, size_t *count, struct err *e);

void record_step(struct record *r, const struct step_row *row);
void record_eval(struct record *r, const struct eval_row *row);

/* born [M]: for each worker that step `step` counted, the step at which its momentum was last reset; -1 for a
 * worker that was not counted. Does nothing where they are not kept. */
void record_voters(struct record *r, int64_t step, const int64_t *born);

/* counts [rows] of one kind of fault since this process began, to /faults/KIND; those from before a
 * resumption are added. May be called again with higher counts. */
void record_faults(struct record *r, const char *kind, size_t rows, const uint64_t *counts);

/* Seconds that the run took before it was resumed; 0 for a new one. */
double record_earlier_s(const struct record *r);

/* For probes: the file, to make columns below /probes in. Probes append and leave flushing to us. */
struct h5 *record_file(struct record *r);

/* Flush if RECORD_FLUSH_S have gone by since the last flush. -1 and a sentence when the disk refuses; what
 * was there stays. */
int record_tick(struct record *r, struct err *e);

/* Flush now, with fsync. -1 and a sentence when the disk refuses. */
int record_flush(struct record *r, struct err *e);

/* One tensor of the final parameters. */
void record_final(struct record *r, const char *tensor, int rank, const size_t *dims, const float *values);
/* The same for a single whole number. */
void record_final_count(struct record *r, const char *name, int64_t count);

/* One layer's times in a profile, of all lanes and steps (evaluations too) of this process. */
struct layer_row {
	char name[96];
	double forward_s, backward_s;
};
/* Replaces an earlier profile. */
void record_profile(struct record *r, size_t count, const struct layer_row *rows);

/* Write how the run ended, flush with fsync. `why`: a sentence or "". Then close with record_close(). */
int record_end(struct record *r, enum run_state state, const char *why, struct err *e);
void record_close(struct record *r);

/* What a result file says of its run: for skipping, show and summaries. */
struct run_info {
	char name[128], id[65], state[16], why[512], attack[64], aggregator[64], model[64], data[64],
	        start[32];
	char data_id[65]; /* the fingerprint of the data; "": a result of an earlier version does not say it
	                   */
	char data_note[512];            /* what every use of this result must say of its data; "": nothing */
	int64_t data_skipped, data_odd; /* files not trained on; images with something odd; 0: it says none */
	int64_t steps_done, steps;
	int64_t workers, adversaries;
	int64_t n_voters;                /* in the last step */
	int64_t withheld;                /* steps; 0 also where none can be */
	bool has_privacy;                /* the file says what messages have spent: */
	struct privacy privacy;          /* in the last step's row */
	uint64_t push_bytes, pull_bytes; /* a worker and step; of what varies, the most */
	bool push_varies, pull_varies;
	uint64_t bytes_up, bytes_down; /* a step, all workers, last step */
	double wall_s;
	double final_train_loss;
	double final_test_loss, final_test_accuracy, best_test_loss,
	        best_test_accuracy;                                          /* NaN where not evaluated */
	double final_test_perplexity, best_test_perplexity, final_test_bits; /* NaN without text */
	double final_validation_loss, final_validation_accuracy, best_validation_loss,
	        best_validation_accuracy; /* NaN without a validation split */
};

/* Of this layout or an earlier one. -1 and a sentence when the file cannot be read or is no result file of
 * ours. */
int record_info(const char *path, struct run_info *info, struct err *e);

/* Which workers were counted: *born [*steps][workers] by mem_array(), as of record_voters(). -1 and a
 * sentence, also for a file that does not say it because all workers were counted in every step. */
int record_read_voters(const char *path, size_t workers, int64_t *steps, int32_t **born, struct err *e);

/* The faults, in words: "late: 12 of worker 2, 3 of worker 5; handshake: 4 of nobody known"; "nothing" where
 * none was counted; "" for a file without counts. -1 and a sentence when it cannot be read. */
int record_say_faults(const char *path, struct buf *out, struct err *e);

/* The last row of the probe certificate (probe/probe.h): the steps that were done, and the share of
 * coordinates that f = 1, 2, ... voters could turn, *turned [*count] by mem_array(); NULL and 0 where there
 * is no row. -1 and a sentence when it cannot be read. */
int record_certificate(const char *path, int64_t *step, double **turned, size_t *count, struct err *e);

/* Do both runs end with the same bits, tensor by tensor? 1, or 0 and the first that differs, or -1 and a
 * sentence. */
int record_same_final(const char *path, const char *other, char *different, size_t size, struct err *e);

/* Read a whole column of doubles below e.g. "/evals/test_accuracy"; *values by mem_array(). */
int record_column(const char *path, const char *column, double **values, size_t *count, struct err *e);

#endif
