#include "tests/support/file.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/err.h"
#include "base/mem.h"

void folder_make(char folder[FOLDER_SIZE])
{
	const char *parent = getenv("TMPDIR");
	if (!parent || !parent[0] || strlen(parent) + sizeof "/signsgd-XXXXXX" > FOLDER_SIZE)
		parent = "/tmp";
	snprintf(folder, FOLDER_SIZE, "%s/signsgd-XXXXXX", parent);
	if (!mkdtemp(folder))
		die("%s: cannot be made: %s", folder, strerror(errno));
}

void folder_make_parents(char *path)
{
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(path, 0700); /* or it is there */
		*p = '/';
	}
}

void folder_remove(const char *folder)
{
	char *command = mem_format("rm -rf '%s'", folder);
	if (system(command) != 0)
		fprintf(stderr, "could not remove %s\n", folder);
	mem_free(command);
}

const char *file_text(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "rb");
	size_t length = f ? fread(out, 1, size - 1, f) : 0;
	out[length] = 0;
	if (f)
		fclose(f);
	return out;
}

unsigned char *file_bytes(const char *path, size_t *count)
{
	FILE *f = fopen(path, "rb");
	if (!f || fseek(f, 0, SEEK_END))
		die("%s: %s", path, strerror(errno));
	*count = (size_t)ftell(f);
	rewind(f);
	unsigned char *bytes = mem_alloc(*count);
	if (fread(bytes, 1, *count, f) != *count)
		die("%s: cannot be read", path);
	fclose(f);
	return bytes;
}

void file_put(const char *path, const void *bytes, size_t count)
{
	FILE *f = fopen(path, "wb");
	if (!f || fwrite(bytes, 1, count, f) != count || fclose(f))
		die("%s: cannot be written: %s", path, strerror(errno));
}

void file_put_text(const char *path, const char *text)
{
	file_put(path, text, strlen(text));
}

bool file_there(const char *path)
{
	return access(path, F_OK) == 0;
}
