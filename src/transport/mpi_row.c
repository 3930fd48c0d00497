/* Transport `mpi`: its row. All that needs MPI is in the module: see transport/mpi_row.h. */
#include "transport/mpi_row.h"
#include <stdio.h>
#include "transport/launch.h"

#ifndef SIGNSGD_MPI
#define SIGNSGD_MPI "an unknown library"
#endif

static const struct mpi_module *opened;

/* NULL and a sentence. */
static const struct mpi_module *module(struct err *e)
{
	if (!opened)
		opened = module_open("mpi", e);
	if (!opened)
		err_prefix(e, "mpi");
	return opened;
}

int mpi_launched_broadcast(void *at, size_t bytes, struct err *e)
{
	return module(e) ? opened->broadcast(at, bytes, e) : -1;
}

static int row_open(const void *state, const struct transport_env *env, struct link *link, struct err *e)
{
	return module(e) ? opened->open(state, env, link, e) : -1;
}

static int row_tell(void *self, int64_t *value, struct err *e)
{
	(void)self;
	return mpi_launched_broadcast(value, sizeof(*value), e);
}

/* Without the module MPI was not begun: the launcher ends the others when this process ends with that code.
 */
void mpi_launched_fail(int code)
{
	if (opened)
		opened->fail(code);
}

static void row_fail(void *self, int code)
{
	(void)self;
	mpi_launched_fail(code);
}

static void row_library(bool load, char *out, size_t size)
{
	struct err e = {0};
	if (!load)
		snprintf(out, size, "built with %s, which is opened when it is needed", SIGNSGD_MPI);
	else if (module(&e))
		opened->library(out, size);
	else
		snprintf(out, size, "%s", e.text);
}

static int row_check(const void *state, const struct exchange_rule *rule, struct err *e)
{
	const struct mpi_settings *s = state;
	return topology_check("mpi", (enum topology)s->topology, rule, e);
}

static bool row_apart(const void *state)
{
	return ((const struct mpi_settings *)state)->topology != TOPOLOGY_STAR;
}

static const struct key mpi_keys[] = {
        {.name = "topology",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct mpi_settings, topology),
         .default_json = "\"sharded\"",
         .choices = TOPOLOGY_NAMES,
         .not_identity = true,
         .help = "star: votes meet at process 0, as in the paper; sharded: each process counts its share of "
                 "the coordinates; allreduce: MPI's own sum, for means of floats only"},
        {.name = "buckets",
         .kind = KEY_INT,
         .offset = offsetof(struct mpi_settings, buckets),
         .default_json = "1",
         .lowest = 1,
         .highest = 256,
         .not_identity = true,
         .help = "buckets of a vote that are sent while earlier layers still compute, the last layer's "
                 "first; "
                 "not for allreduce"},
        {0},
};

/* A link has the module's own row, which knows the rest. */
const struct transport transport_mpi = {
        .row = {.name = "mpi",
                .also = "openmpi, mpich",
                .about = "processes started by mpirun or srun, on machines that trust each other",
                .formula = "With P processes, busiest link: star M push_bytes + (P - 1) pull_bytes; sharded "
                           "about 2 (P - 1)/P of each of its workers' push_bytes and of pull_bytes; "
                           "allreduce 4 (P - 1)/P of 4 n bytes. Same bits as local in star and sharded; "
                           "allreduce adds floats in another order and so gives other bits. If a process "
                           "dies, the launcher ends the job (mpirun by itself, srun with -K), and the run "
                           "continues from its last checkpoint, with any number of processes",
                .keys = mpi_keys,
                .state_bytes = sizeof(struct mpi_settings)},
        .processes = TRANSPORT_LAUNCHED,
        .no_train = "needs MPI's launcher, as in 'mpirun -n 4 signsgd train FILE.json'",
        .library = row_library,
        .check = row_check,
        .apart = row_apart,
        .open = row_open,
        .tell = row_tell,
        .fail = row_fail,
};
