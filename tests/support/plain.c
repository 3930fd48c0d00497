#include "tests/support/plain.h"
#include <errno.h>
#include <stdio.h>

static long checks, failures;

void plain_check(bool good, const char *what, size_t which)
{
	checks++;
	if (good)
		return;
	failures++;
	fprintf(stderr, "%s: %s (%zu)\n", program_invocation_short_name, what, which);
}

int plain_end(void)
{
	if (failures == 0)
		printf("%s: %ld checks passed\n", program_invocation_short_name, checks);
	return failures != 0;
}
