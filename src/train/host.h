/* The backend for what is on the host, where a run's own machine has memory of its own. */
#ifndef SIGNSGD_TRAIN_HOST_H
#define SIGNSGD_TRAIN_HOST_H

#include "backend/backend.h"
#include "base/err.h"

/*
 * The machine itself where its memory is the host's; else, or for no machine (NULL), `cpu`. Kernels on
 * messages give the same bits on every backend, so it can combine for any machine. -1 and a sentence.
 */
int host_open(const struct backend *machine, struct backend *out, struct err *e);

#endif
