#include "tests/support/emulated_count.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "tests/support/cli.h"

static const char variable[] = "SIGNSGD_EMULATED_COUNT";

void emulated_count_to(const char *name)
{
	if (!name) {
		unsetenv(variable);
		return;
	}
	char *path = mem_format("%s/%s", cli_folder, name);
	remove(path);
	setenv(variable, path, 1);
	mem_free(path);
}

long emulated_counted(const char *name, const char *what)
{
	char text[2048], *path = mem_format("%s/%s", cli_folder, name);
	long most = -1;
	file_text(path, text, sizeof text);
	mem_free(path);
	for (const char *at = strstr(text, what); at; at = strstr(at + 1, what)) {
		long number = strtol(at + strlen(what), NULL, 10);
		most = number > most ? number : most;
	}
	cr_assert_geq(most, 0, "no '%s' in \"%s\"", what, text);
	return most;
}
