/*
 * From an experiment file to settings that can run.
 *
 * One JSON object; its keys are the table experiment_keys, except `sweep` and `seeds`, which make one
 * file many runs: `sweep` {"dotted.key": [values]} is a grid over all its keys (last key fastest);
 * a name with commas ("aggregator,lr") sets several keys together from lists of lists; `seeds` repeats
 * every point. Whatever can be refused without loading data is refused here.
 *
 * A run's identity is the SHA-256 (first 12 hexadecimal digits) of its resolved settings, without paths.
 */
#ifndef SIGNSGD_EXPERIMENT_EXPERIMENT_H
#define SIGNSGD_EXPERIMENT_EXPERIMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "config/json.h"
#include "config/key.h"
#include "base/mem.h"
#include "base/shape.h"

struct settings {
	const char *name;
	uint64_t seed;
	int64_t workers, steps, batch;
	double epochs, momentum, weight_decay;
	struct ints momentum_at; /* steps from which on momentum is .. */
	struct reals momentum_then;
	struct choice model, init, data, aggregator, lr, backend, transport;
	struct {
		int64_t count;
		struct ints ids;
		struct choice attack;
	} adversaries;
	struct {
		int64_t every, train;
	} eval;
	struct {
		int64_t every, agreement, margin, norms, sign_failure, snapshots, snr, l1_l2;
		struct {
			int64_t every, random;
			struct ints at, weights;
			struct reals epochs; /* become `at` when checked */
		} noise;
	} record;
	struct {
		int64_t every;
		double minutes;
	} checkpoint;
	int partition; /* enum partition_kind */
	const char *data_dir;
	const char *out;

	bool profile; /* not of the file: measure the time of every layer */

	/* Derived by experiment_check() and from the text: */
	struct data_shape shape;
	double steps_per_epoch; /* 0 without data */
	char id[13];
	const char *given;    /* the file's value for this run, JSON text */
	const char *resolved; /* every key written, JSON text */
	const char *source;   /* the file's name */
};

extern const struct key experiment_keys[];

/* A change from the command line: --set KEY=VALUE, --workers 7, ... in order. */
struct change {
	const char *key;    /* dotted */
	const char *value;  /* JSON text, or a bare word taken as a string */
	const char *option; /* for complaints: "--set momentum=2" */
};

struct runs {
	struct arena arena; /* owns everything below */
	struct settings *at;
	size_t count;
};

/* Read a file, apply the changes, expand, resolve, check. -1 and a sentence. Warnings go to log_warn(). */
int experiment_read(struct runs *out, const char *path, const struct change *changes, size_t n_changes,
                    struct err *e);
/* The same from a text (tests, fuzzing, --resume from a file's own /config). */
int experiment_parse(struct runs *out, const char *source, const char *text, size_t length,
                     const struct change *changes, size_t n_changes, struct err *e);
void runs_clear(struct runs *r);

/* Does worker m lie? */
bool settings_is_byzantine(const struct settings *s, int worker);

/* JSON Schema of experiment files, made from the rows. */
void experiment_schema(struct buf *b);

#endif
