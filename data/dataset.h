/*
 * A data set: a row of the family `data`. The rows are in data/image and data/text.
 *
 * Samples are images, or sequences cut from a text (data/text/text_walk.h).
 *
 * An experiment is checked before anything is loaded: shape() needs only the settings, or, for a folder of
 * images, the names of its files. load() reads or makes the samples: pixels as bytes, and labels.
 * Normalisation, augmentation (src/backend/gather.h), the partition over workers and the order of samples
 * (data/partition.h) are the same for all rows.
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

enum { CHANNELS_MAX = 4, DATA_ID_SIZE = 13 /* 12 hexadecimal digits: data/fingerprint.h */ };

/* Random changes of small training images: src/backend/gather.h says how. All zero: none. */
struct augment {
	int pad;   /* pixels of black put around the image before a rectangle of its size is cut out */
	bool flip; /* mirror left and right with probability 1/2 */
};

struct lazy_images; /* data/image/reader.h */

struct dataset {
	struct data_shape shape;
	uint8_t *train_pixels;  /* [n_train][channels][height][width]; mem_array() */
	uint16_t *train_labels; /* [n_train] */
	uint8_t *test_pixels;   /* [n_test][channels][height][width] */
	uint16_t *test_labels;  /* [n_test] */
	int32_t *train_tokens,
	        *test_tokens; /* [n_train], [n_test] of a text, which has no pixels; mem_free() */
	/* [n_validation], behind what is trained on in the same memory (data/hold_out.h). */
	uint8_t *validation_pixels;
	uint16_t *validation_labels;
	int32_t *validation_tokens;
	float mean[CHANNELS_MAX], std[CHANNELS_MAX]; /* [channels] of pixel / 255, for normalisation */
	struct augment augment; /* of training batches; evaluations and full passes see unchanged samples */
	struct lazy_images *lazy_images; /* not NULL: files are read while training runs; no pixels here */
	/* Both set if lazy_images is. held [all training images]: 1 for each of the `count` that are taken
	 * out. */
	void (*close_lazy_images)(struct lazy_images *images);
	void (*hold_out_lazy_images)(struct lazy_images *images, const uint8_t *held, size_t count);
	char *note; /* a sentence that every result from this data must contain, or NULL; mem_free() */
};

/*
 * Allocate zeroed memory for the samples that `shape` counts; the second function only allocates their
 * labels.
 */
void dataset_alloc(struct dataset *d);
void dataset_alloc_labels(struct dataset *d);
void dataset_clear(struct dataset *d);

struct data_env {
	const char *dir;   /* --data, or NULL */
	bool foreign;      /* another machine wrote the settings: no file but those of data folders */
	uint64_t seed;     /* the experiment's */
	struct pool *pool; /* for data that the program makes; NULL in shape() */
};

/* A file that `signsgd data fetch` can get. */
struct data_file {
	const char *name;    /* file name below the data set's folder */
	const char *urls[3]; /* tried in order; NULL-terminated; empty for a member of the row's archive */
	const char *sha256;
	size_t bytes;
};

/* The state of every row with samples begins with this, and its table of keys has DATA_KEYS. */
struct data_keys {
	double validation; /* share of the training set; 0: none */
};

/* clang-format off */
#define DATA_KEYS \
	{.name = "validation", .also = "validation_split, validation_share, val_split, val_size, val_fraction, dev_split, " \
	 "holdout", .kind = KEY_REAL, .offset = offsetof(struct data_keys, validation), .default_json = "null", \
	 .default_says = "0", .lowest = 0, .highest = 1, .below = true, \
	 .help = "share of the training set that nobody trains on: settings are chosen by its accuracy; the same " \
	 "share of every class, drawn by `data_seed`; of a text its end"}
/* clang-format on */

struct data_source {
	struct row row;
	/* Write counts and sizes of samples to *out. -1 and a sentence when the settings are impossible. */
	int (*shape)(const void *state, const struct data_env *env, struct data_shape *out, struct err *e);
	/*
	 * Read or make the samples. -1 and a sentence that says where files were searched for and how to get
	 * them. NULL for `none`.
	 */
	int (*load)(const void *state, const struct data_env *env, struct dataset *out, struct err *e);
	/* What the files hold (data/fingerprint.h). -1 and a sentence. NULL: the constant of the row. */
	int (*fingerprint)(const void *state, const struct data_env *env, char out[DATA_ID_SIZE],
	                   struct err *e);
	int edition; /* of samples that the program makes: raised when the same settings make other ones */
	bool own; /* the name does not say what the content is: every user, and every worker, has its own */
	/* NULL: samples are held in memory. Otherwise: the number of threads that read them while training
	 * runs. */
	int (*readers)(const void *state);
	const char *folder;              /* "mnist": the folder below a data folder; NULL: no files */
	const struct data_file *files;   /* ends with a file without a name; NULL: nothing to fetch */
	const struct data_file *archive; /* the .tar.gz with all files; NULL: each is fetched by itself */
	const char *by_hand; /* how to get files that `data fetch` cannot get (a phrase); or NULL */
};

/*
 * Find one of a row's files: in DIR/FOLDER and DIR for each DIR of `dirs` that is not NULL or "", then for
 * $SIGNSGD_DATA, then in the cache. Other spellings of a name are accepted: NAME for NAME.gz (unpacked),
 * NAME.gz for NAME (packed), and NAME.idxR for NAME-idxR, as older copies of MNIST have it. Returns the path
 * (free with mem_free()), or NULL and a sentence that says where it was searched for and how to get it.
 */
char *dataset_find(const struct data_source *s, const char *const dirs[2], const struct data_file *file,
                   struct err *e);

/*
 * The row's folder in the user's cache, where fetched files go: $XDG_CACHE_HOME/signsgd/FOLDER, or
 * ~/.cache/signsgd/FOLDER. Free with mem_free(). NULL if neither variable is set.
 */
char *dataset_cache(const struct data_source *s);

#endif
