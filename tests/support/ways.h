/* Result files in the folder of tests/support/cli.h, for tests of the ways to run an experiment. */
#ifndef SIGNSGD_TESTS_SUPPORT_WAYS_H
#define SIGNSGD_TESTS_SUPPORT_WAYS_H

/* NAME.h5 ends with the bits of OTHER.h5. `what`: of which experiment, for the complaint. */
void ways_expect_same(const char *name, const char *other, const char *what);

/* The last value of a column of doubles of NAME.h5. Ends the test where there is none. */
double ways_last(const char *name, const char *column);

#endif
