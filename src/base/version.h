/* Which program this is, as the build said. */
#ifndef SIGNSGD_BASE_VERSION_H
#define SIGNSGD_BASE_VERSION_H

const char *version_text(void);   /* "0.1.0" */
const char *version_commit(void); /* of the sources, or "unknown" */

#endif
