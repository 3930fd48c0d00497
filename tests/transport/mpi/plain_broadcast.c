/*
 * mpi_launched_broadcast() between real processes: this program starts itself under mpirun. A plain program,
 * because Criterion's processes are not those that the launcher knows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "tests/support/launcher.h"
#include "tests/support/process.h"
#include "transport/launch.h"

enum { WORDS = 1000, PROCESSES = 3 };

static int broadcast(void)
{
	static int words[WORDS];
	struct err e = {0};
	for (int i = 0; i < WORDS; i++)
		words[i] = mpi_launched_rank() == 0 ? i * i : -1;
	if (mpi_launched_broadcast(words, sizeof(words), &e)) {
		fprintf(stderr, "process %d: %s\n", mpi_launched_rank(), e.text);
		return EXIT_WORLD;
	}
	int wrong = mpi_launched() != PROCESSES || mpi_launched_rank_here() != mpi_launched_rank();
	for (int i = 0; i < WORDS; i++)
		wrong += words[i] != i * i;
	if (wrong)
		fprintf(stderr, "process %d: %d things are wrong\n", mpi_launched_rank(), wrong);
	return wrong ? EXIT_WORLD : EXIT_DONE;
}

int main(int argc, char **argv)
{
	(void)argc;
	if (mpi_launched() > 0)
		return broadcast();
	if (!mpirun_here() || process_sanitized()) {
		printf("skipped: no mpirun, built without MPI, or with a sanitizer\n");
		return EXIT_DONE;
	}
	setenv("SIGNSGD_MODULES", launcher_modules(), 1);
	execlp("timeout", "timeout", "-k", "5", "300", "mpirun", "-n", "3", argv[0], (char *)NULL);
	return EXIT_WORLD;
}
