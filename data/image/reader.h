/*
 * A lazy image set, and the threads that read its images ahead of the lanes, so that training does not wait
 * for files and decoders.
 *
 * The batches of a pass (a training run, an evaluation) are numbered. The caller that begins a pass supplies
 * a function that lists the samples of each batch. The threads make the batches in order: all threads work on
 * the earliest batch that is not finished. Batches are stored in a ring of slots, so the next batches are
 * made while a step computes. A lane takes a batch by its number, copies it, and gives the slot back. Every
 * batch must be taken, in ascending order, except that lanes may overtake each other.
 *
 * A batch depends only on its list, so any number of threads gives the same bits. A file that cannot be read
 * or decoded ends the pass: reader_failed() gives a sentence that names the file, and batches taken from then
 * on must be ignored. With `skip`, the next readable file of the list takes its place, with its own label,
 * and the program warns of the bad file once. Files that are taken although a decoder warned are counted, and
 * the first is named.
 */
#ifndef SIGNSGD_DATA_IMAGE_READER_H
#define SIGNSGD_DATA_IMAGE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backend/memory.h"
#include "base/err.h"
#include "base/rng.h"
#include "data/image/image_set.h"
#include "data/image/transform.h"

/* Images that are read while training runs: the files, and the transform that makes a sample of each. */
struct lazy_images {
	struct image_set *image_set;
	struct transform transform;
	bool skip; /* skip files that are not images */
};

void lazy_images_close(struct lazy_images *images);
void lazy_images_hold_out(struct lazy_images *images, const uint8_t *held, size_t count); /* data/dataset.h */

struct reader;

/*
 * Batches of at most `batch` samples, `slots` of them in the ring, whose pixels a machine can send() from
 * there (backend/memory.h). Starts the threads; dies if it cannot.
 */
struct reader *reader_open(const struct lazy_images *images, int batch, int slots, int threads,
                           const struct memory *memory);
/* May be called between passes or during one, while no lane waits for a batch. NULL: does nothing. */
void reader_close(struct reader *r);

/* A pass. list() is called under the reader's lock, in ascending order of batches. */
struct reader_pass {
	int split;        /* TRAIN, VAL, HELD_OUT */
	bool augmented;   /* list() fills coins too */
	uint64_t batches; /* numbers 0 .. batches - 1 */
	/*
	 * Fill index [batch] (sample numbers) and coins [batch] (streams of random numbers) for batch
	 * `number`. Returns how many samples it has.
	 */
	int (*list)(void *ctx, uint64_t number, uint32_t *index, struct stream *coins);
	void *ctx;
};

/* End the pass: list() is not called after that. Drops batches that were read ahead. */
void reader_rest(struct reader *r);
/* Begin a pass at batch `first`, after reader_rest(). */
void reader_begin(struct reader *r, const struct reader_pass *pass, uint64_t first);

/* Wait for batch `number`: pixels [count][3][size][size] and labels [count], valid until it is given back. */
void reader_take(struct reader *r, uint64_t number, const uint8_t **pixels, const uint16_t **labels);
void reader_give_back(struct reader *r, uint64_t number);

/* One more than the highest number of a batch that was taken in this pass. */
uint64_t reader_next(struct reader *r);

/* -1 and a sentence if a file has ended a pass. */
int reader_failed(struct reader *r, struct err *e);
/* Files that were skipped so far, with those that the image set left out. */
size_t reader_skipped(struct reader *r);
/* Files so far that were taken although something about them is odd (data/image/bitmap.h: note). */
size_t reader_odd(struct reader *r);

/* Bytes that a reader needs, for the memory plan: the ring, and what decoding usually takes for each thread.
 */
size_t reader_bytes(int size, int batch, int slots, int threads);

#endif
