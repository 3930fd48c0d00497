/* Election coding in words. */
#ifndef SIGNSGD_CMD_CODING_H
#define SIGNSGD_CMD_CODING_H

#include "experiment/settings.h"

enum { CODING_TEXT = 192 };

/* Gradients that all workers compute in a step of a run with a coding. */
int64_t coding_gradients(const struct settings *s);

/* Who has how many parts. Returns out. */
const char *coding_text(const struct settings *s, char out[CODING_TEXT]);

#endif
