/* The Python that can read results or draw, and programs run without a shell. */
#ifndef SIGNSGD_CMD_UI_INTERPRETER_H
#define SIGNSGD_CMD_UI_INTERPRETER_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

/*
 * SIGNSGD_PYTHON when it is set, else the first of python3 on PATH, /usr/bin/python3 and python3.N on PATH
 * that imports h5py and numpy, and, to draw, matplotlib. -1 and a sentence with what was tried and what to
 * install.
 */
int interpreter_find(bool draws, char *out, size_t size, struct err *e);

/*
 * Run a program and wait: its exit code, 128 + the signal that ended it, or 127 when it could not be started.
 * argv[0] is looked up on PATH; silent: its output goes nowhere.
 */
int program_run(char *const argv[], int silent);

#endif
