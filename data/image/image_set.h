/*
 * An image set: the list of the image files in a folder, or in a pack, with their labels.
 *
 * A folder holds {train,val}/CLASS/...; if there is no `val`, `test` is used. It is walked as torchvision's
 * ImageFolder walks it. Classes are the folders of train/, numbered in the order of their names; every one
 * has images to train on. A file in CLASS or in any folder below it is an image of that class if its name
 * ends in .jpg, .jpeg, .png, .ppm, .bmp, .pgm, .tif, .tiff or .webp, in any case. Files are listed class by
 * class, in the order of their folders' paths and then of their names, byte by byte. Links are followed,
 * except where they lead to a folder that holds the link, its class or the set. Names that begin with a dot
 * are names like any other.
 *
 * Whatever else is there (other endings, files outside of classes, such links) is left out, counted and
 * named.
 *
 * A pack is an HDF5 file that image_set_pack() made from a folder. The bytes of all files are unchanged, one
 * file after the other, in /bytes, a contiguous dataset, so that an image is read with one pread(). /offset
 * [n + 1] (uint64), /label [n] (int32), /split [n] (uint8; 0 train, 1 val), /crc32 [n] (uint32, zlib's, of
 * each file), /class and /name: text, one name a line; attributes of the file: kind = "signsgd pictures",
 * version = 2, left_out = how many files of the folder are no images (int64), left_out_what (text, if any).
 * The same experiment gives the same bits from a folder and from its pack.
 *
 * A pack is sealed (h5/h5_seal.h). Opening it finds damage to anything but /bytes; reading an image finds
 * damage to its bytes. Packs of version 1 have neither seal nor /crc32; they are read with a warning.
 *
 * image_set_open() reads only names. Whether a file is an image is found out when it is read.
 */
#ifndef SIGNSGD_DATA_IMAGE_IMAGE_SET_H
#define SIGNSGD_DATA_IMAGE_IMAGE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/mem.h"

enum { CLASSES_MAX = 1 << 16, TRAIN = 0, VAL = 1, HELD_OUT = 2 /* of TRAIN */, SPLITS = 3 };

struct image_file {
	const char *name; /* "train/n01440764/n01440764_10026.JPEG" */
	uint16_t label;
	uint64_t begin, bytes; /* range in the pack's file; unknown for a folder */
	uint32_t crc;          /* CRC-32 of the bytes in a sealed pack */
};

struct image_set {
	char *path;                    /* of the folder or the pack */
	int pack;                      /* the pack's descriptor, -1 for a folder */
	bool sealed;                   /* a pack with checksums */
	struct arena names;            /* all names */
	struct image_file *at[SPLITS]; /* [n] */
	size_t n[SPLITS];
	char **classes; /* [n_classes] */
	int n_classes;
	size_t left_out;           /* files of the folder that are no images by their names or places */
	const char *left_out_what; /* "3 .txt, such as train/ape/notes.txt"; NULL: nothing */
	int untested;              /* classes without an image to test on */
	const char *untested_one;  /* the first of them */
};

/* NULL and a sentence when the path is neither, or holds no images. */
struct image_set *image_set_open(const char *path, struct err *e);
void image_set_close(struct image_set *p);

/*
 * Warn, once for a path: of files that were left out, how many, of which endings, and an example; of classes
 * that have no image to test on; and of a pack without a seal.
 */
void image_set_warn(const struct image_set *p);

/* Keep n files of a split, evenly spread over the list and so over the classes: file floor(i all / n). */
void image_set_thin(struct image_set *p, int split, size_t n);

/* Move the files with held [n[TRAIN]] from TRAIN to HELD_OUT, `count` of them, in their order. */
void image_set_hold_out(struct image_set *p, const uint8_t *held, size_t count);

/* A buffer that grows to the size of the largest file. */
struct file_bytes {
	uint8_t *at;
	size_t n, size;
};

/* Read a file's bytes into *out, replacing what was there. Threads may call at once. -1 and a sentence. */
int image_set_read(const struct image_set *p, const struct image_file *f, struct file_bytes *out,
                   struct err *e);

/*
 * Pack a folder. tell: called after each file with the bytes written so far and in all; may be NULL. The pack
 * is written to PATH.part, which is renamed to PATH when it is whole. Only a pack may be there already
 * (h5/h5_replace.h).
 */
int image_set_pack(const struct image_set *p, const char *path, void (*tell)(uint64_t done, uint64_t all),
                   struct err *e);

#endif
