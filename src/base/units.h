/* Numbers with units, as people write them: 100mbit, 10gbit, 50us, 0.19s, 512MiB. */
#ifndef SIGNSGD_BASE_UNITS_H
#define SIGNSGD_BASE_UNITS_H

#include "base/err.h"

/*
 * A rate (bit, kbit, mbit or gbit a second, powers of 1000) in bits a second, above 0. Capitals and a blank
 * before the unit do no harm. -1 and a sentence that begins with `what`, as in "--rate".
 */
int units_rate(const char *what, const char *text, double *bits_per_s, struct err *e);

/* A time (us, ms, s, min) in seconds, from 0 on. The same else. */
int units_time(const char *what, const char *text, double *seconds, struct err *e);

/* An amount of memory (B, kB, MB, GB, TB, or powers of 1024: KiB, MiB, GiB, TiB) in bytes, above 0. The same
 * else. */
int units_memory(const char *what, const char *text, double *bytes, struct err *e);

/* "100 Mbit/s", "2.5 Gbit/s" into out. */
void units_rate_text(double bits_per_s, char out[32]);

/* "4.71 ms", "50 us", "1.2 s", "3 min", "48 h" into out, three digits. */
void units_time_text(double seconds, char out[32]);

/* "3.2 MB", "102 MB", three digits, powers of 1000 as networks count, into out. */
void units_bytes_text(double bytes, char out[32]);

#endif
