/* SHA-256, for the identity of a run and for downloaded files. The only door to libcrypto. */
#ifndef SIGNSGD_BASE_SHA256_H
#define SIGNSGD_BASE_SHA256_H

#include <stddef.h>
#include "base/err.h"

/* By parts: begin, add, and end, which frees the digest. */
struct sha256;
struct sha256 *sha256_begin(void);
void sha256_add(struct sha256 *s, const void *bytes, size_t count);
void sha256_end(struct sha256 *s, char out[65]);

/* Of bytes in memory. */
void sha256_hex(const void *bytes, size_t count, char out[65]);
/* Of a file's content; -1 and a sentence when it cannot be read. */
int sha256_file(const char *path, char out[65], struct err *e);

#endif
