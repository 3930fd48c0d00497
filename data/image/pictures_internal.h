/* What the files of the picture list share, and nobody else sees. */
#ifndef SIGNSGD_DATA_IMAGE_PICTURES_INTERNAL_H
#define SIGNSGD_DATA_IMAGE_PICTURES_INTERNAL_H

#include "data/image/pictures.h"

#define PACK_KIND "signsgd pictures"
enum { PACK_VERSION = 1 };

/* Fill a new list (path set) from a pack. -1 and a sentence. */
int pack_read(struct pictures *p, struct err *e);

/* Make room for a split of n files. */
void pictures_alloc(struct pictures *p, int split, size_t n);

#endif
