/*
 * `claims` of an experiment file: what its runs should show. They stand beside the settings, belong to no
 * run and to no identity, and are held against results by `signsgd claims` (reports/claims.py). Here only
 * their form is read.
 *
 * A list of objects. A claim is about the difference of two means over seeds, `of` less `than`:
 *
 *   say        a sentence; required
 *   source     the paper, and the figure or section
 *   of         {"dotted.key": value}: the settings that tell the runs meant from the file's others; required
 *   than       the same, or a number; required
 *   measure    a column of /evals, "test_accuracy" if nothing is said
 *   by         the least difference; negative: `of` is at least so much lower; absent: they are the same
 *   tolerance  by how much that may be missed; 0 if nothing is said, required without `by`
 */
#ifndef SIGNSGD_EXPERIMENT_CLAIMS_H
#define SIGNSGD_EXPERIMENT_CLAIMS_H

#include "base/err.h"
#include "base/mem.h"
#include "config/json.h"

/* Refuse a member of root's `claims` that is none of these, has another type, or names no key of any table.
 * -1 and a sentence. */
int claims_check(const struct json *root, struct err *e);

/* Refuse a file that cannot be read, is no object, has no `claims`, or whose claims claims_check() refuses.
 * Here its form as an experiment is not looked at. -1 and a sentence. */
int claims_check_file(const char *path, struct err *e);

/* "claims": the JSON schema of it. */
void claims_schema(struct buf *b);

#endif
