/* What a run on the stand-in for a GPU counted (SIGNSGD_EMULATED_COUNT in tests/cuda/emulated.h). For suites
 * that use cli_open() and cli_close(). */
#ifndef SIGNSGD_TESTS_SUPPORT_EMULATED_COUNT_H
#define SIGNSGD_TESTS_SUPPORT_EMULATED_COUNT_H

/* Runs from now on add their counts to this file in the test's folder, a new one; NULL: to none. */
void emulated_count_to(const char *name);

/* Of that file: the largest number behind "calls ", "launches ", ... of a process. */
long emulated_counted(const char *name, const char *what);

#endif
