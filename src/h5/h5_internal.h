/* What the files of the HDF5 door share; no other room includes it. */
#ifndef SIGNSGD_H5_H5_INTERNAL_H
#define SIGNSGD_H5_H5_INTERNAL_H

#include <hdf5.h>
#include "h5/h5.h"
#include "h5/h5_seal.h"

struct h5 {
	hid_t id;
	char *path;           /* on disk */
	unsigned char *image; /* [size] the file as HDF5 keeps it; the memory is ours, and HDF5 works in it */
	size_t size;
	size_t written;      /* bytes of the last image written */
	bool sealed;         /* of a file that h5_stream.h opened: has it a seal, */
	struct h5_span span; /* and which range of it has the seal's own sum */
};

/*
 * Before a file is created or opened: HDF5 prints no words of its own, and does nothing when the process
 * ends. We close every file; one whose close failed, on a full disk, would bring the library's exit handler
 * down.
 */
void h5_library_start(void);

/* The type in a file (little-endian) and in memory. */
hid_t h5_stored(enum h5_type type);
hid_t h5_native(enum h5_type type);

/* Returns `id` (or a status) if it is not negative. Dies otherwise: only memory can have run out. */
hid_t h5_must(const struct h5 *f, const char *path, const char *what, hid_t id);

/* Properties that make missing groups above a new object. Close with H5Pclose(). */
hid_t h5_link_properties(void);

#endif
