/* Files and folders of tests. What cannot be read or written ends the program with a sentence (die()). */
#ifndef SIGNSGD_TESTS_SUPPORT_FILE_H
#define SIGNSGD_TESTS_SUPPORT_FILE_H

#include <stdbool.h>
#include <stddef.h>

enum { FOLDER_SIZE = 64 };

/* A new folder under $TMPDIR, or /tmp where that is unset or too long; its path goes into `folder`.
 * folder_remove() it.
 */
void folder_make(char folder[FOLDER_SIZE]);

/* Makes the folders on the way to `path`, which is as it was afterwards. */
void folder_make_parents(char *path);

/* Removes a folder with all that it holds; a warning where that fails. */
void folder_remove(const char *folder);

/* A file's text, cut at size - 1 bytes, in `out`, which is returned; "" where there is no such file. */
const char *file_text(const char *path, char *out, size_t size);

/* A whole file; *count bytes. Free with mem_free(). */
unsigned char *file_bytes(const char *path, size_t *count);

/* (Over)writes a file. */
void file_put(const char *path, const void *bytes, size_t count);
void file_put_text(const char *path, const char *text);

bool file_there(const char *path);

#endif
