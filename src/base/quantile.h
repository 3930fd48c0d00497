/* Order statistics of measured times. */
#ifndef SIGNSGD_BASE_QUANTILE_H
#define SIGNSGD_BASE_QUANTILE_H

#include <stddef.h>

/* The value that the share of `at` of the values lies below; sorts them. */
double quantile(double *values, size_t count, double at);

#endif
