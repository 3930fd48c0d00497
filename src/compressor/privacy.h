/* Differential privacy that messages spend. */
#ifndef SIGNSGD_COMPRESSOR_PRIVACY_H
#define SIGNSGD_COMPRESSOR_PRIVACY_H

#include <stdint.h>

/*
 * (epsilon, delta) of all messages of one worker, where what the steps promise is added up; and another pair
 * by Renyi's divergence, whose epsilon is nearly always less (compressor/dp_sign.c).
 */
struct privacy {
	double epsilon, delta;
	double renyi_epsilon, renyi_delta;
};

/* In words for people, of so many steps, with what it takes for granted; into out. Returns out. */
enum { PRIVACY_TEXT = 448 };
const char *privacy_text(const struct privacy *p, int64_t steps, char out[PRIVACY_TEXT]);

#endif
