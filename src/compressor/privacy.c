/* What was spent, in words: see compressor/privacy.h. */
#include "compressor/privacy.h"
#include <stdbool.h>
#include <stdio.h>

const char *privacy_text(const struct privacy *p, int64_t steps, char out[PRIVACY_TEXT])
{
	bool proven = p->epsilon < (double)steps || steps == 0;
	const char *but = !proven ? " (no guarantee: sigma's formula is proven for an epsilon below 1)"
	                  : p->delta >= 1 ? " (no guarantee: with a delta of 1 anything may happen)"
	                                  : "";
	snprintf(out, PRIVACY_TEXT,
	         "epsilon %.6g, delta %.3g by adding up all steps%s; epsilon %.6g, delta %.3g by Renyi's "
	         "divergence; of all data of one worker, were its noise a secret: here it follows from the "
	         "seed (docs/SECURITY.md)",
	         p->epsilon, p->delta, but, p->renyi_epsilon, p->renyi_delta);
	return out;
}
