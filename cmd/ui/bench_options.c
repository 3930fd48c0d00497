/* Options that everything that times something takes. */
#include "cmd/ui/bench_options.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static bool is_among(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(name, *names))
			return true;
	return !strcmp(name, "json");
}

int bench_takes(const struct args *a, const char *const *names, struct err *e)
{
	char list[128] = "";
	for (size_t i = 0; names[i]; i++)
		snprintf(list + strlen(list), sizeof list - strlen(list), "--%s, ", names[i]);
	for (size_t i = 0; i < a->n_given; i++)
		if (!is_among(a->given[i].option->name, names))
			return err_user(e, "--%s is not for `bench %s`; expected %s--json",
			                a->given[i].option->name, a->rest[0], list);
	return 0;
}
