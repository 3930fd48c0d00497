/* Reading the environment variables that launchers set: see transport/launch.h. */
#include <limits.h>
#include <stdlib.h>
#include "transport/launch.h"

/* The value of the first of these variables that is a whole number; -1 if none is. */
static int number_in(const char *const *names)
{
	for (; *names; names++) {
		const char *text = getenv(*names);
		char *end;
		long value = text ? strtol(text, &end, 10) : -1;
		if (text && end != text && !*end && value >= 0 && value < INT_MAX)
			return (int)value;
	}
	return -1;
}

int mpi_launched(void)
{
	/* srun starts any program; only with one of its MPI plugins do the processes know each other */
	static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", NULL};
	static const char *const tasks[] = {"SLURM_STEP_NUM_TASKS", NULL};
	static const char *const ranks[] = {"PMIX_RANK", "PMI_RANK", NULL};
	int size = number_in(sizes);
	if (size < 0 && number_in(ranks) >= 0) {
		size = number_in(tasks);
		return size > 0 ? size : 1;
	}
	return size > 0 ? size : 0;
}

int mpi_launched_rank(void)
{
	static const char *const ranks[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", NULL};
	int rank = number_in(ranks);
	return rank > 0 ? rank : 0;
}

int mpi_launched_rank_here(void)
{
	/* srun sets its own for any program: see above */
	static const char *const ranks[] = {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", NULL};
	static const char *const tasks[] = {"SLURM_LOCALID", NULL};
	int rank = mpi_launched() > 0 ? number_in(ranks) : 0;
	rank = rank < 0 ? number_in(tasks) : rank;
	return rank > 0 ? rank : 0;
}

int mpi_launched_here(void)
{
	static const char *const here[] = {"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", NULL};
	int count = number_in(here);
	return count > 0 ? count : 1;
}
