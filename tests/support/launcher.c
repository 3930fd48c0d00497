#include "tests/support/launcher.h"
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "registry.h"
#include "tests/support/process.h"

bool mpirun_here(void)
{
	if (!family_find(&family_transports, "mpi") || !process_shell("command -v mpirun >/dev/null"))
		return false;
	setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
	setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
	setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 1);
	setenv("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe", 1); /* the same for Open MPI 5 */
	return true;
}

void launcher_forgive_leaks(void)
{
	char options[PATH_MAX + 256];
	const char *told = getenv("ASAN_OPTIONS");
	snprintf(options, sizeof(options), "%s:detect_leaks=0", told ? told : "");
	setenv("ASAN_OPTIONS", options, 1);
}

/* A link to the program may stand elsewhere; in the root of the sources there is one to a build's. */
const char *launcher_modules(void)
{
	static char folder[PATH_MAX], file[PATH_MAX + 32];
	char program[PATH_MAX] = "";
	static const char *const builds[] = {"build/dev", "build/release"};
	if (realpath(process_program(), program)) {
		snprintf(folder, sizeof(folder), "%s", dirname(program));
		snprintf(file, sizeof(file), "%s/signsgd-mpi.so", folder);
		if (access(file, F_OK) == 0)
			return folder;
	}
	for (int i = 0; i < 2; i++) {
		snprintf(file, sizeof(file), "%s/signsgd-mpi.so", builds[i]);
		if (access(file, F_OK) == 0 && realpath(builds[i], folder))
			break;
	}
	return folder;
}
