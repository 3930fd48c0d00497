/* `signsgd data verify`: is every image of a folder or a pack whole? */
#ifndef SIGNSGD_CMD_DATA_VERIFY_H
#define SIGNSGD_CMD_DATA_VERIFY_H

#include "base/err.h"

/*
 * Read and decode every image of `path`, and warn of each that is none, is damaged or is odd. Of a pack, the
 * seal and all checksums are checked on the way. -1 and a sentence if any image is bad, or the pack is.
 */
int data_verify(const char *path, struct err *e);

#endif
