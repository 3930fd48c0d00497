/*
 * Threads that read images ahead of the lanes, so that training does not wait for files and decoders.
 *
 * The batches of a pass (a training run, an evaluation) have numbers; whoever began the pass says what is in
 * each. Readers make them in the order of their numbers, all readers at the samples of the earliest
 * unfinished one, into a bounded ring of slots: while a step computes, the next batches are made. A lane
 * takes a batch by its number, copies what it wants, and gives the slot back. Every number must be taken, by
 * rising numbers but for lanes that overtake each other.
 *
 * What is in a batch depends on its list alone: any number of readers gives the same bits. A file that cannot
 * be read or decoded ends the pass: reader_failed() has the sentence, which names the file, and what comes
 * out from then on is not to be looked at. With `skip` the next readable file of the list takes its place,
 * label and all, and the file is warned about once.
 */
#ifndef SIGNSGD_DATA_IMAGE_READER_H
#define SIGNSGD_DATA_IMAGE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/rng.h"
#include "data/image/image_set.h"
#include "data/image/transform.h"

/* A list of files and what is made of them: what a data set that is read on the way is. */
struct lazy_images {
	struct image_set *image_set;
	struct transform transform;
	bool skip; /* files that are no images */
};

void lazy_images_close(struct lazy_images *g);

struct reader;

/* Threads are made at once; dies when they cannot be. Batches of at most `batch` samples, `slots` in the
 * ring. */
struct reader *reader_open(const struct lazy_images *g, int batch, int slots, int threads);
/* May be called at any moment between passes or within one; nobody may be waiting. NULL: nothing to do. */
void reader_close(struct reader *r);

/* What is in the batches of a pass. list() is called under the reader's lock, by rising numbers. */
struct reader_pass {
	int split;        /* TRAIN, VAL */
	bool augmented;   /* list() gives coins too */
	uint64_t batches; /* numbers 0 .. batches - 1 */
	/* Sample numbers index [batch] and coins [batch] of batch `number`. Returns how many. */
	int (*list)(void *ctx, uint64_t number, uint32_t *index, struct stream *coins);
	void *ctx;
};

/* End the pass: when this returns, list() is not called any more. What was read ahead is lost. */
void reader_rest(struct reader *r);
/* Begin a pass at batch `first`, after a rest. */
void reader_begin(struct reader *r, const struct reader_pass *pass, uint64_t first);

/* Wait for batch `number`: pixels [count][3][size][size] and labels [count], until they are given back. */
void reader_take(struct reader *r, uint64_t number, const uint8_t **pixels, const uint16_t **labels);
void reader_give_back(struct reader *r, uint64_t number);

/* The lowest number that has not been taken in the present pass. */
uint64_t reader_next(struct reader *r);

/* Has a file ended a pass? Then -1 and the sentence. */
int reader_failed(struct reader *r, struct err *e);
/* Files that others have replaced so far. */
size_t reader_skipped(struct reader *r);

/* Memory of a reader, for the plan: the ring, and what decoding usually takes a thread. */
size_t reader_bytes(int size, int batch, int slots, int threads);

#endif
