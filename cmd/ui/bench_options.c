/* Options that everything that times something takes. */
#include "cmd/ui/bench_options.h"
#include <stdlib.h>
#include "base/text.h"

static const double SECONDS_LEAST = 0.01, SECONDS_MOST = 3600;

int bench_seconds(const struct args *a, double *out, struct err *e)
{
	const char *text = args_value(a, "seconds");
	char *end, shown[80];

	if (!text)
		return 0;
	*out = strtod(text, &end);
	if (end == text || *end || !(*out >= SECONDS_LEAST && *out <= SECONDS_MOST))
		return err_user(e, "--seconds: found '%s', expected a number from %g to %g",
		                text_shown(text, shown, sizeof(shown)), SECONDS_LEAST, SECONDS_MOST);
	return 0;
}
