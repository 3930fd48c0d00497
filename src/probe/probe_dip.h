/*
 * Hartigan's dip: how far a sample is from any unimodal distribution (Hartigan and Hartigan 1985, "The dip
 * test of unimodality", Annals of Statistics 13).
 *
 *   D(F) = min over unimodal U of sup_x |F(x) - U(x)|,
 *
 * U unimodal: for some m convex on (-inf, m) and concave on (m, inf); it may jump at m. F is the sample's
 * empirical distribution, ties and all. D lies between 1/(2n) (n different values, evenly spaced) and 1/4
 * (two equal point masses); it is 0 where all values are the same. Computed by the paper's section 5: a modal
 * interval, at first the whole sample, that shrinks between the points where the greatest convex minorant G
 * and the least concave majorant L of F are farthest apart, for as long as that gap exceeds what G to the
 * left of the interval and L to its right have missed of F.
 *
 * Significance: the paper's null hypothesis is the uniform distribution, the least favourable in its sense.
 * The reference here is drawn: DIP_REFERENCES uniform samples of the same size, always the same ones. A
 * sample larger than DIP_REFERENCE_SIZE is compared with samples of that size by sqrt(n) D, which hardly
 * depends on n there.
 */
#ifndef SIGNSGD_PROBE_PROBE_DIP_H
#define SIGNSGD_PROBE_PROBE_DIP_H

#include <stddef.h>

enum { DIP_REFERENCES = 1000, DIP_REFERENCE_SIZE = 1000 };

struct dip;

/* Memory and reference for samples of n >= 1 values. */
struct dip *dip_open(size_t n);
void dip_close(struct dip *d);
size_t dip_bytes(size_t n);

/* D of sorted[n], rising and finite. Allocates nothing. */
double dip_of(struct dip *d, const double *sorted);

/* Share of uniform samples with a dip of at least this: (1 + count) / (1 + DIP_REFERENCES). */
double dip_p(const struct dip *d, double dip);

/* The dip that a share q of the uniform samples does not exceed, 0 < q <= 1. */
double dip_quantile(const struct dip *d, double q);

#endif
