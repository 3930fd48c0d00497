/* What the files of the image list share, and nobody else sees. */
#ifndef SIGNSGD_DATA_IMAGE_IMAGE_SET_INTERNAL_H
#define SIGNSGD_DATA_IMAGE_IMAGE_SET_INTERNAL_H

#include "data/image/image_set.h"

#define PACK_KIND "signsgd pictures"
enum { PACK_VERSION = 1 };

/* Fill a new list (path set) from a pack. -1 and a sentence. */
int pack_read(struct image_set *p, struct err *e);

/* Make room for a split of n files. */
void image_set_alloc(struct image_set *p, int split, size_t n);

#endif
