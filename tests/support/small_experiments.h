/* Experiments of a few steps that between them use all that a machine has to do, for tests of machines. */
#ifndef SIGNSGD_TESTS_SUPPORT_SMALL_EXPERIMENTS_H
#define SIGNSGD_TESTS_SUPPORT_SMALL_EXPERIMENTS_H

enum { SMALL_TEXT = 1024 };

extern const char small_mlp[], small_quadratic[];

/* Every layer for images, and all that a network does between them. */
extern const char small_layers[];

/* Of a language: writes its text into the test's folder, and the experiment to `out`. */
void small_text(char out[SMALL_TEXT]);

#endif
