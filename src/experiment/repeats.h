/*
 * Runs that are there twice: a value written twice, or in two ways ("0x1" and 1, 0.1 and {"kind": "constant",
 * "rate": 0.1}), settings that others hide, or that change no result. Such runs would count twice in every
 * average, and the one would take the other's place: a run's id is in the path of its result. Runs of a
 * command with ids of their own have paths of their own (FOLDER/NAME-ID.h5).
 */
#ifndef SIGNSGD_EXPERIMENT_REPEATS_H
#define SIGNSGD_EXPERIMENT_REPEATS_H

#include "experiment/experiment.h"
#include "experiment/settings.h"
#include "experiment/sweep.h"

/*
 * runs[i] is run i of the sweep, resolved. -1 and a sentence about the first value that makes a run again:
 * one with the same id, or with the same Byzantine workers in another order.
 */
int refuse_repeats(const struct settings *runs, const struct sweep *sweep, struct err *e);

/*
 * Grids over attacks and over the number of Byzantine workers have points that differ only in an attack of
 * nobody. Of these the first stays, and a warning counts the others if `say`. Returns how many of the n runs
 * are left, at the front.
 */
size_t leave_out_idle_attacks(struct settings *runs, size_t n, bool say);

/* The same id twice among all runs of a command's files: -1 and a sentence with both files. */
int refuse_repeated_files(const struct runs *files, size_t n_files, struct err *e);

#endif
