/*
 * The feed: the data set of a run, and where the workers of this process find their samples in it.
 *
 * Images that are not in memory are read ahead by a reader's threads (data/image/reader.h). The reader
 * follows one list of batches at a time: the batches of the workers, step after step, or those of a pass over
 * a set (an evaluation, a full gradient).
 */
#ifndef SIGNSGD_TRAIN_FEED_H
#define SIGNSGD_TRAIN_FEED_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backend/backend.h"
#include "base/err.h"
#include "base/pool.h"
#include "data/dataset.h"
#include "data/image/reader.h"
#include "data/partition/partition.h"
#include "data/text/text_walk.h"
#include "experiment/experiment.h"

/* Parts of a data set; of a lazy one they are its splits (data/image/image_set.h). */
enum feed_set { SET_TRAIN = TRAIN, SET_TEST = VAL, SET_VALIDATION = HELD_OUT, SETS = SPLITS };

enum feed_kind { FEED_NONE, FEED_IMAGES, FEED_TEXT };

/* What the reader follows. */
struct feed_list {
	bool steps;            /* the workers' batches; otherwise a pass: */
	const uint32_t *order; /* [samples] sample numbers; NULL: in stored order */
	size_t samples;
};

/* Samples in the memory of a machine that keeps data sets; NULL: not there. */
struct feed_kept {
	uint8_t *pixels;
	uint16_t *labels;
};

struct feed {
	enum feed_kind kind;
	int batch; /* samples of a pass's batch: the largest there is; without passes, that of `ids` */
	const int64_t *batch_of; /* [M] of the workers; borrowed */
	uint64_t seed;
	const int *ids; /* [count] the workers of this process, ascending; borrowed */
	int count;
	/* [n_reading] whose shards the batches of these workers are of, worker after worker, as the reader's
	 * list has them: each worker's own, if it has data, or its parts */
	int *reading;
	int n_reading;
	bool shared;          /* several workers may ask for samples of one shard at once: */
	pthread_mutex_t lock; /* of the partition */
	struct dataset data;
	struct partition partition; /* images: which worker trains on which */
	struct text_walk walk;      /* text: the positions of the present step */
	size_t *column;             /* text: [M] the first column of each worker */
	int slots, readers;         /* of the reader: batches in its ring, threads */
	struct reader *reader;      /* NULL: all samples are in memory */
	struct feed_list list;
	const struct memory *memory; /* of the machine that keeps the data; NULL: none does */
	struct feed_kept kept[SETS];
};

/* The fingerprint of a run's data (data/fingerprint.h). -1 and a sentence when they are not there. */
int feed_fingerprint(const struct settings *s, char out[DATA_ID_SIZE], struct err *e);

/* Load the data set. `root`: this process makes passes too. -1 and a sentence; feed_close() is due then too.
 */
int feed_open(struct feed *f, const struct settings *s, struct pool *pool, const int *ids, int count,
              bool root, struct err *e);
void feed_close(struct feed *f);

/*
 * Bring images that are all in memory to the machine, if it keeps data sets; begin to read others, into
 * memory from which it takes them.
 */
void feed_keep(struct feed *f, const struct backend *be, struct queue *q);

/* List the samples of batch number `step` of a shard's images, index [batch_of[shard]]. */
void feed_list(struct feed *f, int shard, uint64_t step, uint32_t *index);

/* Where images are gathered from, unchanged: the machine's memory if it keeps them, else the host's. */
struct gather feed_images(const struct feed *f, enum feed_set set);

/* Let the reader follow the workers' batches from step `step` on, unless it does already. */
void feed_steps(struct feed *f, int64_t step);

/*
 * Let the reader follow a pass over `samples` samples of a set, cut into batches. Every
 * batch must be taken. `order` may change only when the next pass or feed_steps() has begun.
 */
void feed_pass(struct feed *f, enum feed_set set, const uint32_t *order, size_t samples);

/*
 * Text: go to the positions of step `step`. Returns the factor on the learning rate: the length of this
 * step's window over the usual length (Merity et al. 2018). Other kinds: 1.
 */
double feed_text_step(struct feed *f, int64_t step);

/* Bytes that the reader of a run takes, for the plan. */
size_t feed_reader_bytes(const struct settings *s, int lanes);

#endif
