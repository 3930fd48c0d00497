/*
 * For tests of the seam between the program and a machine's memory: the backend `guarded`
 * (backend/guarded/guarded.h) ends the program where anything but kernels and memory calls touches what is
 * the machine's. Suites that use this name cli_open() and cli_close().
 */
#ifndef SIGNSGD_TESTS_SUPPORT_GUARDED_H
#define SIGNSGD_TESTS_SUPPORT_GUARDED_H

/* `signsgd COMMAND FOLDER/e.json OPTIONS` with this experiment, on `backend`, gives FOLDER/NAME.h5. */
void guarded_run(const char *command, const char *experiment, const char *options, const char *backend,
                 const char *name);

/* All that the two results in the test's folder hold is the same, bit for bit, but for times and bytes of
 * files. */
void guarded_expect_same(const char *name, const char *other);

/* A column of numbers ("/steps/loss") of the one is that of the other, up to a relative difference. */
void guarded_expect_near(const char *name, const char *other, const char *path, double relative);

/* `simulate` with these options gives the same on `ref` and on `guarded`. */
void guarded_expect_as_ref(const char *experiment, const char *options);

#endif
