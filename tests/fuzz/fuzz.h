/* For the fuzzers: what libFuzzer calls, a check that stops it, and a file of any bytes. */
#ifndef SIGNSGD_TESTS_FUZZ_FUZZ_H
#define SIGNSGD_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unless it is good: says "WHAT: TEXT" and aborts, so that the fuzzer keeps the input. */
void fuzz_check(bool good, const char *what, const char *text);

/* The path of a file in memory that holds these bytes, until the next call. */
const char *fuzz_file(const uint8_t *data, size_t size);

#endif
