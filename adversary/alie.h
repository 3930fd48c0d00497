/* What `alie` and `opt-alie` share: mu shifted by multiples of the standard deviation. */
#ifndef SIGNSGD_ADVERSARY_ALIE_H
#define SIGNSGD_ADVERSARY_ALIE_H

#include "adversary/crowd.h"

/* baruch: mu - z sd, sd over h, as the paper and its code; byzfl: mu + z sd, sd over h - 1. */
enum alie_as { ALIE_BARUCH, ALIE_BYZFL }; /* order of ALIE_AS_NAMES */

#define ALIE_AS_NAMES ((const char *const[]){"baruch", "byzfl", NULL})

#define ALIE_AS_HELP                                                                                         \
	"whose: the paper's, which subtracts z standard deviations, of variances over h; byzfl adds them, "  \
	"of variances over h - 1"

static inline struct crowd_mix alie_mix(int as, double z)
{
	return (struct crowd_mix){
	        .mean = 1, .deviation = as == ALIE_BYZFL ? z : -z, .sample = as == ALIE_BYZFL};
}

#endif
