/*
 * A list of image files with their labels: a folder, or one file that holds what a folder held.
 *
 *   folder: {train,val}/CLASS/FILE, the files ending in .jpg, .jpeg or .png in any case (`test` stands for a
 * `val` that is not there). Classes are the folders of train/, numbered in the order of their names; files
 * come class by class in the order of their names. Names beginning with a dot and other files are passed
 * over.
 *
 *   pack: an HDF5 file that image_set_pack() wrote, with the files' bytes unchanged, one behind the other in
 *   /bytes, a dataset without chunks, so that reading is one pread() an image. /offset [n + 1] (uint64),
 * /label [n] (int32), /split [n] (uint8; 0 train, 1 val), /class and /name: bytes of text, a name a line;
 * attributes of the file: kind = "signsgd images", version = 1 (int64). The same experiment gives the same
 * bits from both.
 *
 * Only names are read at first. What is in a file shows when it is read.
 */
#ifndef SIGNSGD_DATA_IMAGE_IMAGE_SET_H
#define SIGNSGD_DATA_IMAGE_IMAGE_SET_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/mem.h"

enum { CLASSES_MAX = 1 << 16, TRAIN = 0, VAL = 1 };

struct image_file {
	const char *name; /* "train/n01440764/n01440764_10026.JPEG" */
	uint16_t label;
	uint64_t begin, bytes; /* in a pack's file; of a folder's files not known */
};

struct image_set {
	char *path;               /* of the folder or the pack */
	int pack;                 /* the pack's descriptor, -1 for a folder */
	struct arena names;       /* all names */
	struct image_file *at[2]; /* [TRAIN, VAL][n] */
	size_t n[2];
	char **classes; /* [n_classes] */
	int n_classes;
};

/* NULL and a sentence when it is neither, or there is nothing in it. */
struct image_set *image_set_open(const char *path, struct err *e);
void image_set_close(struct image_set *p);

/* Keep n of a split, evenly spread over the list (so over the classes): number i is floor(i all / n). */
void image_set_thin(struct image_set *p, int split, size_t n);

/* Bytes that grow as files ask for it. */
struct file_bytes {
	uint8_t *at;
	size_t n, size;
};

/* A file's bytes, replacing what was there. Different threads may ask at once. -1 and a sentence. */
int image_set_read(const struct image_set *p, const struct image_file *f, struct file_bytes *out,
                   struct err *e);

/*
 * Write what a folder holds to a pack. tell: called now and then with the bytes written so far and in all;
 * may be NULL. What is written goes to PATH.part first; it takes its name only when it is whole.
 */
int image_set_pack(const struct image_set *p, const char *path, void (*tell)(uint64_t done, uint64_t all),
                   struct err *e);

#endif
