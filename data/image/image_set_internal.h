/* What the files of the image set share; no other file includes it. */
#ifndef SIGNSGD_DATA_IMAGE_IMAGE_SET_INTERNAL_H
#define SIGNSGD_DATA_IMAGE_IMAGE_SET_INTERNAL_H

#include "data/image/image_set.h"

#define PACK_KIND "signsgd pictures" /* in files of every version */
enum { PACK_VERSION = 2, PACK_UNSEALED = 1 /* the version before packs were sealed: still read */ };

/* Fill a new set, whose path is known, from a pack. -1 and a sentence. */
int pack_read(struct image_set *p, struct err *e);

/* Allocate a split of n files. */
void image_set_alloc(struct image_set *p, int split, size_t n);

#endif
