/* What a command ends with: its sentence, and a check that its output arrived. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/text.h"
#include "cmd/ui/cmd.h"

int cmd_fail(const struct err *e)
{
	char shown[4 * sizeof(e->text)]; /* sentences repeat names from outside */

	log_error("%s", text_shown(e->text, shown, sizeof(shown)));
	return e->code;
}

int cmd_finish(int code)
{
	errno = 0;
	int earlier = ferror(stdout);
	if (!fclose(stdout) && !earlier)
		return code;
	log_error("standard output could not be written: %s", errno ? strerror(errno) : "the device refused");
	return code > EXIT_USER ? code : EXIT_WORLD; /* what a signal ended says so, read or not */
}
