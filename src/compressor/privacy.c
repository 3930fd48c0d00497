/* What was spent, in words: see compressor/privacy.h. */
#include "compressor/privacy.h"
#include <stdio.h>

const char *privacy_text(const struct privacy *p, char out[PRIVACY_TEXT])
{
	snprintf(out, PRIVACY_TEXT,
	         "epsilon %.6g, delta %.3g by adding up all steps; epsilon %.6g, delta %.3g by Renyi's "
	         "divergence; of all data of one worker, were its noise a secret: here it follows from the "
	         "seed (docs/SECURITY.md)",
	         p->epsilon, p->delta, p->renyi_epsilon, p->renyi_delta);
	return out;
}
