/*
 * Downloads of a data set's files. The only door to libcurl.
 *
 * A file is downloaded under a temporary name and renamed when its size and SHA-256 are right, so a folder
 * never holds half a file under its final name. The program knows the SHA-256, so it does not matter where a
 * file comes from: http and https are used, nothing else. A right file that is there already is kept;
 * anything else under its name is refused and stays (data/fetch/place.h). A transfer stops when it sends more
 * bytes than the file has. An archive is unpacked (data/fetch/tar.h) and then deleted, if it was not there
 * before.
 */
#ifndef SIGNSGD_DATA_FETCH_FETCH_H
#define SIGNSGD_DATA_FETCH_FETCH_H

#include <stddef.h>
#include "base/err.h"
#include "data/dataset.h"

enum fetch_event {
	FETCH_KEPT,   /* the file was there already, and right */
	FETCH_BEGIN,  /* a request to the URL `text` begins */
	FETCH_BYTES,  /* `done` bytes have arrived */
	FETCH_FAILED, /* the URL failed, `text` says why; the next one is tried */
	FETCH_DONE    /* the file is there now, and right */
};

struct fetch_news {
	enum fetch_event event;
	const struct data_file *file;
	const char *path; /* where the file is put */
	const char *text; /* as the event says; NULL for others */
	size_t done;
};

/*
 * Download all files of data set `s` into folder `dir`, which is made if it is missing. base_url: use
 * BASE_URL/NAME (NAME of the archive, if there is one) instead of the official addresses; NULL: the official
 * ones. tell: called at each event; may be NULL. -1 and a sentence with the URLs for the first file that
 * cannot be downloaded; files before it are kept.
 */
int data_fetch(const struct data_source *s, const char *dir, const char *base_url,
               void (*tell)(void *ctx, const struct fetch_news *news), void *ctx, struct err *e);

/* libcurl's version and those of the libraries below it, zlib among them. */
const char *data_fetch_library(void);

#endif
