/* Backends for tests that walk through all of them. */
#ifndef SIGNSGD_TESTS_SUPPORT_MACHINES_H
#define SIGNSGD_TESTS_SUPPORT_MACHINES_H

#include "config/key.h"

/*
 * The listed backends that open here and work on the host's own memory, ended by NULL: for tests whose arrays
 * are the host's. A GPU is tested by tests/cuda and `signsgd check`.
 */
const struct row *const *machines_on_host(void);

#endif
