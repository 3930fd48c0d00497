/*
 * The fingerprint of an image set: of the names of its classes, and of the path, size and class of every file
 * that is used, in the order of the paths. A pack's list has all of that, so a pack has the fingerprint of
 * the folder that it was made from, whichever version made it. Contents are not read: a file that was
 * replaced by one of the same size is not noticed.
 */
#ifndef SIGNSGD_DATA_IMAGE_IMAGE_SET_FINGERPRINT_H
#define SIGNSGD_DATA_IMAGE_IMAGE_SET_FINGERPRINT_H

#include "data/fingerprint.h"
#include "data/image/image_set.h"

/* -1 and a sentence when a file of a folder is gone. */
int image_set_fingerprint(const struct image_set *p, char out[DATA_ID_SIZE], struct err *e);

#endif
