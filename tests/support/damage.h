/* Numbers that are the same in every run of the tests, and what disks and copies do to files with them. */
#ifndef SIGNSGD_TESTS_SUPPORT_DAMAGE_H
#define SIGNSGD_TESTS_SUPPORT_DAMAGE_H

#include <stddef.h>
#include <stdint.h>

/* The next number of the sequence that begins with *state. */
uint64_t damage_number(uint64_t *state);

/* Flips bits, loses a block, loses the end or writes over it. Returns the new length, at most `count`. */
size_t damage_bytes(unsigned char *bytes, size_t count, uint64_t *state);

#endif
