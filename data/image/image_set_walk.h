/*
 * Which files of a folder are images of which class: what torchvision's ImageFolder finds, in its order.
 * image_set.h says the rules. Only names and kinds of directory entries are looked at.
 */
#ifndef SIGNSGD_DATA_IMAGE_IMAGE_SET_WALK_H
#define SIGNSGD_DATA_IMAGE_IMAGE_SET_WALK_H

#include <stddef.h>
#include "base/err.h"
#include "base/mem.h"

/* What is left out of a folder, by kind: a name's ending, or why. Starts as zeros; texts live in the arena.
 */
struct left_out {
	size_t all;
	struct left_out_kind {
		const char *what;
		size_t n;
	} * kind; /* [kinds]; mem_free() */
	size_t kinds;
	const char *example; /* the first path by name */
};

/* "3 .txt, 1 .gif, such as train/ape/notes.txt", in the arena; NULL: nothing was left out. */
const char *left_out_text(struct left_out *l, struct arena *arena);

struct walk_file {
	const char *folder, *name; /* "train/ape/young", "1.jpg" */
};

/* Starts as zeros but for the first three. Free `at` with mem_free(); texts live in the arena. */
struct walk {
	const char *root;        /* of the image set */
	struct arena *arena;     /* for names */
	struct left_out *unused; /* counts what is left out */
	struct walk_file *at;    /* [n] */
	size_t n, size;
};

/* The folders in root/FOLDER by name (the classes of a split), sorted, into `at`. -1 and a sentence. */
int walk_classes(struct walk *w, const char *folder, struct err *e);

/* Append the images of root/FOLDER (a class) and of all folders below, in order. -1 and a sentence. */
int walk_class(struct walk *w, const char *folder, struct err *e);

#endif
