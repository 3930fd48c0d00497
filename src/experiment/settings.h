/*
 * The settings of one run, as its keys fill them, and what can be asked of them.
 *
 * The table experiment_keys is the top level of an experiment file; it is the one place that says what a key
 * is called, where its value goes and which values it takes.
 */
#ifndef SIGNSGD_EXPERIMENT_SETTINGS_H
#define SIGNSGD_EXPERIMENT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregator/method.h"
#include "base/exact.h"
#include "base/shape.h"
#include "config/key.h"
#include "data/partition/coding.h"
#include "data/partition/partition.h"

struct backend;
struct model_env;
struct rule_size;

/* What Byzantine workers compute gradients of. */
enum adversaries_data { ADVERSARIES_OWN, ADVERSARIES_NONE };

struct settings {
	const char *name;
	uint64_t seed, data_seed; /* data_seed 0: as seed, which it never equals once checked */
	int64_t workers, steps;
	int64_t fuse; /* batches of so many workers of a process at once, at most */
	struct {
		struct ints given; /* one for all workers, or one for each */
		/* Derived: */
		const int64_t *of; /* [M] of each worker; 0: it has no data */
		int64_t most, all; /* the largest, and their sum: samples of a step */
	} batch;
	double epochs, momentum, weight_decay;
	struct ints momentum_at; /* steps from which on momentum is the value of .. */
	struct reals momentum_then;
	struct choice model, init, data, partition, coding, direction, compressor, aggregator, optimizer, lr,
	        backend, transport;
	struct {
		int64_t count;
		struct ints ids;
		struct choice attack;
		int data; /* enum adversaries_data */
	} adversaries;
	struct {
		int64_t every, train;
	} eval;
	struct {
		int64_t every, agreement, margin, norms, sign_failure, snapshots, snr, l1_l2, weights, kappa,
		        certificate;
		struct {
			int64_t every, random;
			struct ints at, weights;
			struct reals epochs; /* become `at` when checked */
		} noise;
	} record;
	struct {
		int64_t every;
		double minutes;
		bool keep;
	} checkpoint;
	const char *data_dir;
	const char *out;

	bool profile; /* not of the file: measure the time of every layer */
	/* Not of the file: the kernels of this machine, where they are not those of `backend`; else without a
	 * row. What the run is, and what other processes are told, `backend` says. */
	struct choice machine;
	bool foreign; /* not of the file: another machine sent it, and may name files of data folders only */

	/* Derived by experiment_check() and from the text: */
	struct data_shape shape;
	const struct layers *layers;  /* of the model's parameters */
	const struct parts *parts;    /* of the data, whose gradients each worker computes; NULL: its own */
	struct ratio steps_per_epoch; /* samples in use over those of a step; over is 0 without data */
	double epochs_given; /* `epochs`, where the steps that they make differ from seed to seed; else 0 */
	char id[13];
	char bits[13];        /* of all runs whose results have the same bits (experiment/identity.h) */
	const char *method;   /* direction, compressor, aggregator and optimizer in a word
	                         (experiment/spelling.h) */
	const char *given;    /* the file's value for this run, JSON text */
	const char *resolved; /* every key written, JSON text */
	const char *group;    /* what figures group runs by, JSON text (experiment/identity.h) */
	const char *source;   /* the file's name */
};

extern const struct key experiment_keys[];
extern const struct lingo experiment_lingo; /* for keys_refuse_unknown() */

/* Is worker m Byzantine? Only once the settings are checked. */
bool settings_is_byzantine(const struct settings *s, int worker);

/* The f that the aggregator is told, once the settings are checked; -1: it has none. */
int64_t settings_told_f(const struct settings *s);

/* Its direction, compressor, aggregator and optimizer together, all of which must be chosen. */
struct method settings_method(const struct settings *s);

/* What the memory of the aggregator depends on (aggregator/rule_run.h), of n coordinates. */
struct rule_size settings_rule_size(const struct settings *s, size_t n, int lanes);

/* Open the machine that runs the kernels in this process. -1 and a sentence. */
int settings_open_machine(const struct settings *s, struct backend *out, struct err *e);

/* What a model needs to know of its surroundings. be may be NULL while nothing is computed. */
struct model_env settings_model_env(const struct settings *s, const struct backend *be);

/* Who shares the training set, and how. */
struct partition_share settings_share(const struct settings *s);

/* Does `record` ask for full passes over the training set? And the number of mini-batches in one. */
bool settings_has_passes(const struct settings *s);
size_t settings_pass_batches(const struct settings *s);

#endif
