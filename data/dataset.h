/*
 * A data set: a row of the family `data`.
 *
 * Samples are images, or a text is cut into sequences (text_walk.h).
 *
 * shape() answers before anything is loaded, as experiments are checked then: from the settings, and from the
 * names of files where a folder decides. load() reads or makes the samples: pixels as bytes, and labels.
 * Normalisation, augmentation (augment.h), partition over the workers and the order of samples (partition.h)
 * are shared by all rows.
 */
#ifndef SIGNSGD_DATA_DATASET_H
#define SIGNSGD_DATA_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "config/key.h"
#include "base/pool.h"
#include "base/shape.h"

enum { CHANNELS_MAX = 4 };

/* Augmentation of small images (data/image/augment.h says what is done). All zero: none. */
struct augment {
	int pad;   /* pixels of black around the image before a part of its size is cut out */
	bool flip; /* left and right change places with probability 1/2 */
};

struct lazy_images; /* data/image/reader.h */

struct dataset {
	struct data_shape shape;
	uint8_t *train_pixels;               /* [n_train][channels][height][width]; mem_array() */
	uint16_t *train_labels;              /* [n_train] */
	uint8_t *test_pixels;                /* [n_test][channels][height][width] */
	uint16_t *test_labels;               /* [n_test] */
	int32_t *train_tokens, *test_tokens; /* [n_train], [n_test]: text, which has no pixels; mem_free() */
	float mean[CHANNELS_MAX], std[CHANNELS_MAX]; /* [channels] of pixel / 255, for normalisation */
	struct augment augment; /* of training batches; evaluations and full passes see samples as they are */
	struct lazy_images
	        *lazy_images; /* not NULL: there are no pixels here; files are read while training */
	void (*close_lazy_images)(struct lazy_images *images); /* set where lazy_images is */
	char *note; /* what every result made from it must say, or NULL; mem_free() */
};

/* Memory for the samples that `shape` counts, all zero; the second for their labels only. */
void dataset_alloc(struct dataset *d);
void dataset_alloc_labels(struct dataset *d);
void dataset_clear(struct dataset *d);

struct data_env {
	const char *dir;   /* --data, or NULL */
	uint64_t seed;     /* the experiment's */
	struct pool *pool; /* for data that is made; shape() gets none */
};

/* A file that `signsgd data fetch` can get. */
struct data_file {
	const char *name;    /* file name in the data folder's sub-folder */
	const char *urls[3]; /* tried in order; NULL-terminated; none for a member of the row's archive */
	const char *sha256;
	size_t bytes;
};

struct data_source {
	struct row row;
	/* Counts and sizes. -1 and a sentence when they cannot be. */
	int (*shape)(const void *state, const struct data_env *env, struct data_shape *out, struct err *e);
	/* NULL for `none`. -1 and a sentence that says where it looked and how to get it. */
	int (*load)(const void *state, const struct data_env *env, struct dataset *out, struct err *e);
	/* NULL: samples are held in memory. Otherwise they are read on the way, by this many threads. */
	int (*readers)(const void *state);
	const char *folder;              /* "mnist": sub-folder tried below a data folder; NULL: no files */
	const struct data_file *files;   /* ended by a file without a name; NULL: nothing to fetch */
	const struct data_file *archive; /* the .tar.gz that all files come in; NULL: each by itself */
	const char *by_hand; /* files that `data fetch` cannot get: how people do, a phrase; NULL */
};

/*
 * Look for one of a row's files in DIR/FOLDER and DIR for each DIR of `dirs` that is not NULL or "", then
 * for $SIGNSGD_DATA, then in the cache. NAME.gz may also lie there unpacked, as NAME, NAME packed, as
 * NAME.gz, and NAME-idxR as NAME.idxR, as older copies of MNIST have it. Returns its path, to be freed with
 * mem_free(), or NULL and a sentence that says where it looked and how to get it.
 */
char *dataset_find(const struct data_source *s, const char *const dirs[2], const struct data_file *file,
                   struct err *e);

/*
 * The row's folder in the user's cache, where fetched files go: $XDG_CACHE_HOME/signsgd/FOLDER, or
 * ~/.cache/signsgd/FOLDER; to be freed with mem_free(). NULL when there is neither.
 */
char *dataset_cache(const struct data_source *s);

#endif
