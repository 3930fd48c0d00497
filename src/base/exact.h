/*
 * Exact arithmetic where lengths in epochs become whole steps. A product of doubles that should be whole may
 * be one unit too large, and rounding up then adds a step: 0.07 * 100 is 7.000000000000001.
 *
 * A double is taken for the shortest decimal number that reads back as the same double, because that is the
 * number which was written: 0.07 is 7/100.
 */
#ifndef SIGNSGD_BASE_EXACT_H
#define SIGNSGD_BASE_EXACT_H

#include <stdbool.h>
#include <stdint.h>

#define EXACT_MAX 9007199254740992.0 /* 2^53, the largest number of steps */

/* over / under. over from 0 to 2^53, under from 1 to 2^53; not necessarily in lowest terms. */
struct ratio {
	int64_t over, under;
};

/* The nearest double; 0 for a ratio that is all zero. */
double ratio_value(struct ratio r);

/* x r, up to the next whole number, for a finite x >= 0; -1 when that is more than 2^53. */
int64_t ratio_ceil(double x, struct ratio r);
/* The same down to the next whole number. */
int64_t ratio_floor(double x, struct ratio r);

/* How often `length` r goes into n: floor(n / (length r)). n from 0, length from 1 to 2^53; r above 0. */
int64_t ratio_count(int64_t n, int64_t length, struct ratio r);

/* n >= length r. Both from 0 to 2^53. */
bool ratio_reached(int64_t n, int64_t length, struct ratio r);

/* A finite number as the shortest text of 15 to 17 digits that reads back as the same double; out[32]. */
void exact_text(double x, char out[32]);

#endif
