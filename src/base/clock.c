/* The two clocks of the machine: one that never jumps, one that people read. */
#include "base/clock.h"

#include <time.h>

#include "base/err.h"

double clock_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void clock_date(char out[32])
{
	time_t now = time(NULL);
	struct tm parts;
	if (!gmtime_r(&now, &parts))
		die("clock: the system's time %lld is no date", (long long)now);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}
