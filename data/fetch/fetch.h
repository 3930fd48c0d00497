/*
 * Getting a data set's files from the network. The only door to libcurl.
 *
 * A file comes under a temporary name and takes its own only when size and SHA-256 are right, so a folder
 * never holds half a file under a good name. Only http and https are spoken; the check sum, which the
 * program carries, makes the way that a file came no matter. A file that is there and right is kept, one
 * that is there and wrong is replaced. No more bytes are taken than the file has. A
 * data set that comes in one archive is unpacked (tar.h), and the archive deleted.
 */
#ifndef SIGNSGD_DATA_FETCH_FETCH_H
#define SIGNSGD_DATA_FETCH_FETCH_H

#include <stddef.h>
#include "base/err.h"
#include "data/dataset.h"

enum fetch_event {
	FETCH_KEPT,    /* it was there already, and right */
	FETCH_REPLACE, /* it was there, and wrong: why in `text` */
	FETCH_BEGIN,   /* asking `text`, a URL */
	FETCH_BYTES,   /* `done` bytes have come */
	FETCH_FAILED,  /* this URL did not give it: why in `text`; the next one is tried */
	FETCH_DONE     /* there and right now */
};

struct fetch_news {
	enum fetch_event event;
	const struct data_file *file;
	const char *path; /* where it goes */
	const char *text; /* as the event says, or NULL */
	size_t done;
};

/*
 * Get all files of data set `s` into folder `dir`, which is made if need be. base_url: take BASE_URL/NAME
 * (the archive's NAME, where there is one) instead of the official addresses; NULL: those. tell: called with
 * each event; may be NULL. -1 and a sentence with the URLs for the first file that cannot be had; files
 * before it stay.
 */
int data_fetch(const struct data_source *s, const char *dir, const char *base_url,
               void (*tell)(void *ctx, const struct fetch_news *news), void *ctx, struct err *e);

/* libcurl's version and those of the libraries below it, zlib among them. */
const char *data_fetch_library(void);

#endif
