/*
 * Looking for the libraries of NVIDIA that are opened while the program runs, and opening them.
 *
 * Each is looked for in the folders of $SIGNSGD_CUDA_PATH (separated by colons): in the folder itself, and in
 * the places below it where pip's packages put it; then where the loader looks.
 */
#ifndef SIGNSGD_BACKEND_CUDA_FIND_H
#define SIGNSGD_BACKEND_CUDA_FIND_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* A function of a library, by its name there, for a member of its table. */
struct library_function {
	const char *name;
	void *member;
};

/* A library, and what became of it. */
struct library {
	const char *name;     /* for sentences */
	const char *files[4]; /* newest first, up to NULL */
	const struct library_function *functions;
	size_t count;
	/* Sets the version's text. false and a sentence: it is none that we know. */
	bool (*know)(struct library *l);

	void *handle;
	bool open;
	char version[32], file[PATH_MAX];
	struct err why; /* not open */
};

/* Once, by one thread. */
void library_open(struct library *l);

/* For know(): is first <= version < last? If not, the sentence. */
bool library_between(struct library *l, int version, int first, int last, const char *expected);

/* Its table, or NULL and the sentence (exit code 1). */
const void *library_table(const struct library *l, const void *table, struct err *e);

/* "13.0.2 (/usr/lib/libcublas.so.13)", or the sentence. */
void library_text(const struct library *l, size_t size, char text[]);

#endif
