/* MPI's launcher and the program's module for it, for tests with Criterion and without. */
#ifndef SIGNSGD_TESTS_SUPPORT_LAUNCHER_H
#define SIGNSGD_TESTS_SUPPORT_LAUNCHER_H

#include <stdbool.h>

/*
 * Is there an mpirun, and was the program built with MPI? Then the launcher is told to run anywhere, with
 * more processes than cores.
 */
bool mpirun_here(void);

/* The folder of the module that belongs to process_program(). */
const char *launcher_modules(void);

#endif
