/* MPI's launcher and the program's module for it, for tests with Criterion and without. */
#ifndef SIGNSGD_TESTS_SUPPORT_LAUNCHER_H
#define SIGNSGD_TESTS_SUPPORT_LAUNCHER_H

#include <stdbool.h>

/*
 * Is there an mpirun, and was the program built with MPI? Then the launcher is told to run anywhere, with
 * more processes than cores.
 */
bool mpirun_here(void);

/* From now on leaks are no fault to the address sanitizer, beside what else it was told: MPI's library keeps
 * memory for the life of the process. */
void launcher_forgive_leaks(void);

/* The folder of the module that belongs to process_program(). */
const char *launcher_modules(void);

#endif
