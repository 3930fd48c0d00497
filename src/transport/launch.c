/* Reading the environment variables that launchers set: see transport/launch.h. */
#include <ctype.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
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

static const char *const tasks[] = {"SLURM_STEP_NUM_TASKS", NULL};

int mpi_launched(void)
{
	/* srun starts any program; only with one of its MPI plugins do the processes know each other */
	static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", NULL};
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

int mpi_launched_apart(int *number)
{
	static const char *const numbers[] = {"SLURM_PROCID", NULL};
	int count = number_in(tasks), own = number_in(numbers);
	*number = own > 0 ? own : 0;
	return count > 1 && mpi_launched() == 0 ? count : 0;
}

/* Of srun's tasks, how many are on this node: "2(x3),1" is 2 on each of three nodes, and 1 on the fourth. */
static int tasks_here(void)
{
	static const char *const nodes[] = {"SLURM_NODEID", NULL};
	const char *at = getenv("SLURM_STEP_TASKS_PER_NODE");
	long node = number_in(nodes), count = 0, times;
	for (node = node > 0 ? node : 0; at && isdigit((unsigned char)*at) && node >= 0; node -= times) {
		char *end;
		count = strtol(at, &end, 10);
		times = end[0] == '(' && end[1] == 'x' ? strtol(end + 2, &end, 10) : 1;
		at = end + strspn(end, "),");
	}
	return node < 0 && count > 0 && count < INT_MAX ? (int)count : 1;
}

/* Mask number i of those that Slurm has, separated by commas and taken in turn. */
static const char *mask_at(const char *list, int i, size_t *length)
{
	int count = 1;
	for (const char *at = list; (at = strchr(at, ',')); at++)
		count++;
	for (i %= count; i > 0; i--)
		list = strchr(list, ',') + 1;
	if (strncmp(list, "0x", 2) == 0)
		list += 2;
	*length = strcspn(list, ",");
	return list;
}

static int digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? tolower(c) - 'a' + 10 : 0;
}

/* Have two masks, hexadecimal numbers of any length, a bit in common? */
static bool overlap(const char *list, int i, int k)
{
	size_t la, lb;
	const char *a = mask_at(list, i, &la), *b = mask_at(list, k, &lb);
	for (; la > 0 && lb > 0; la--, lb--)
		if (digit(a[la - 1]) & digit(b[lb - 1]))
			return true;
	return false;
}

/* How many of srun's tasks on this node may use a core that this one may use. */
static int tasks_sharing(void)
{
	static const char *const locals[] = {"SLURM_LOCALID", NULL};
	const char *type = getenv("SLURM_CPU_BIND_TYPE"), *list = getenv("SLURM_CPU_BIND_LIST");
	int here = tasks_here(), own = number_in(locals), sharing = 0;
	if (own < 0 || !type || !strstr(type, "mask_cpu") || !list || !*list)
		return here;
	for (int i = 0; i < here; i++)
		sharing += i == own || overlap(list, i, own);
	return sharing > 0 ? sharing : 1;
}

/*
 * How many of mpirun's `count` processes on this machine use one core, on average, if it bound all of them to
 * as many cores as this one: its own are all that there are for them. Not known behind a shell, which is
 * bound too.
 */
static int bound_sharing(int count)
{
	cpu_set_t own, all;
	if (sched_getaffinity(0, sizeof own, &own) || sched_getaffinity(getppid(), sizeof all, &all))
		return count;
	int mine = CPU_COUNT(&own), theirs = CPU_COUNT(&all);
	return mine < theirs ? (int)(((int64_t)count * mine + theirs - 1) / theirs) : count;
}

int mpi_launched_rank_here(void)
{
	/* srun sets its own for any program: see above */
	static const char *const ranks[] = {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", NULL};
	static const char *const numbers[] = {"SLURM_LOCALID", NULL};
	static const char *const own[] = {"SIGNSGD_LOCAL_RANK", NULL};
	int rank = number_in(own);
	if (rank >= 0)
		return rank;
	rank = mpi_launched() > 0 ? number_in(ranks) : 0;
	rank = rank < 0 ? number_in(numbers) : rank;
	return rank > 0 ? rank : 0;
}

int mpi_launched_here(void)
{
	static const char *const here[] = {"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", NULL};
	int count = number_in(here);
	return count > 0 ? bound_sharing(count) : tasks_sharing();
}
