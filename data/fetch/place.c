/* Looking before writing, and no writing over. */
#include "data/fetch/place.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sha256.h"

int place_look(const char *path, const struct data_file *file, struct err *e)
{
	struct stat st;
	char found[65];
	if (lstat(path, &st))
		return errno == ENOENT ? 0
		                       : err_world(e, "%s: cannot be looked at: %s", path, strerror(errno));
	if (stat(path, &st))
		return err_user(
		        e, "%s: is a link that leads nowhere, expected a file or nothing; it stays as it is",
		        path);
	if (!S_ISREG(st.st_mode))
		return err_user(e, "%s: is no regular file, expected one or nothing; it stays as it is",
		                path);
	if (sha256_file(path, found, e))
		return -1;
	if (strcmp(found, file->sha256) == 0)
		return 1;
	return err_user(
	        e,
	        "%s: is there and is not the official file: found SHA-256 %s, expected %s; it stays as it "
	        "is: remove it, or fetch to another folder (--to)",
	        path, found, file->sha256);
}

FILE *place_begin(const char *part, struct err *e)
{
	FILE *out = fopen(part, "wbxe");
	if (!out)
		err_world(e, "%s: cannot be written: %s", part, strerror(errno));
	return out;
}

int place_end(const char *part, const char *path, const struct data_file *file, struct err *e)
{
	int there = place_look(path, file, e);
	if (there == 0 && rename(part, path))
		return err_world(e, "%s: cannot be renamed to %s: %s", part, path, strerror(errno));
	if (there)
		unlink(part);
	return there < 0 ? -1 : 0;
}
