/* The build gives version and commit as macros; without a build they are unknown. */
#include "base/version.h"

#ifndef SIGNSGD_VERSION
#define SIGNSGD_VERSION "unknown"
#endif
#ifndef SIGNSGD_COMMIT
#define SIGNSGD_COMMIT "unknown"
#endif

const char *version_text(void)
{
	return SIGNSGD_VERSION;
}

const char *version_commit(void)
{
	return SIGNSGD_COMMIT;
}
