/* For plain programs, which run where Criterion does not: checks are counted, failures are told. */
#ifndef SIGNSGD_TESTS_SUPPORT_PLAIN_H
#define SIGNSGD_TESTS_SUPPORT_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

/* Says `what` of number `which` on standard error unless it is good. Not for several threads at once. */
void plain_check(bool good, const char *what, size_t which);

/* Says how many checks passed, if all did. The program's exit code. */
int plain_end(void);

#endif
