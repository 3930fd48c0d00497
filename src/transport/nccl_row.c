/* Transport `nccl`: its row. All that needs CUDA and NCCL is in the module: see transport/nccl_row.h. */
#include "transport/nccl_row.h"
#include <stdio.h>
#include "transport/launch.h"

#ifdef SIGNSGD_CUDA
#define BUILT "NCCL is opened when it is needed"
#else
#define BUILT "this program was built without CUDA"
#endif

static const struct nccl_module *opened;

/* NULL and a sentence. */
static const struct nccl_module *module(struct err *e)
{
	if (opened || (opened = module_part("cuda", "nccl", e)))
		return opened;
#ifndef SIGNSGD_CUDA
	err_prefix(e, BUILT);
#endif
	err_prefix(e, "nccl");
	return NULL;
}

static int row_open(const void *state, const struct transport_env *env, struct link *link, struct err *e)
{
	return module(e) ? opened->open(state, env, link, e) : -1;
}

static int row_tell(void *self, int64_t *value, struct err *e)
{
	(void)self;
	return mpi_launched_broadcast(value, sizeof(*value), e) ? err_prefix(e, "nccl") : 0;
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
		snprintf(out, size, "%s", BUILT);
	else if (module(&e))
		opened->library(out, size);
	else
		snprintf(out, size, "%s", e.text);
}

static int row_check(const void *state, const struct exchange_rule *rule, struct err *e)
{
	const struct nccl_settings *s = state;
	if (rule->on_host)
		return err_user(
		        e,
		        "nccl: moves the memory of GPUs, and what compressor \"%s\"%s says is made on "
		        "the host; expected transport \"mpi\", or a compressor without codes and "
		        "without two_way",
		        rule->on_host, rule->two_way ? " with two_way" : "");
	return topology_check("nccl", (enum topology)s->topology, rule, e);
}

static bool row_remark(const void *state, char *out, size_t size)
{
	if (((const struct nccl_settings *)state)->topology != TOPOLOGY_ALLREDUCE)
		return false;
	snprintf(out, size,
	         "nccl: topology 'allreduce' adds floats in NCCL's order, so its bits are not those of "
	         "`simulate`, and depend on the number of processes");
	return true;
}

static bool row_apart(const void *state)
{
	return ((const struct nccl_settings *)state)->topology != TOPOLOGY_STAR;
}

static const struct key nccl_keys[] = {
        {.name = "topology",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct nccl_settings, topology),
         .default_json = "\"sharded\"",
         .choices = TOPOLOGY_NAMES,
         .not_identity = true,
         .help = "star: votes meet at process 0; sharded: each GPU counts its share of the coordinates; "
                 "allreduce: NCCL's own sum, for means of floats only, which gives other bits"},
        {0},
};

/* A link has the module's own row, which knows the rest. */
extern const struct transport transport_nccl;
const struct transport transport_nccl = {
        .row = {.name = "nccl",
                .also = "nvlink, gpu_direct",
                .about = "a process for each NVIDIA GPU, started by mpirun or srun; votes go from GPU to GPU",
                .formula = "With P processes, busiest link: star M push_bytes + (P - 1) pull_bytes; sharded "
                           "about 2 (P - 1)/P of each of its workers' push_bytes and of pull_bytes; "
                           "allreduce 4 (P - 1)/P of 4 n bytes. Same bits as local in star and sharded; "
                           "allreduce, the baseline of full precision, adds floats in another order and so "
                           "gives other bits. Wants backend \"cuda\" and the launcher of an MPI. If a "
                           "process dies, all end, and the run continues from its last checkpoint, with any "
                           "number of processes",
                .keys = nccl_keys,
                .state_bytes = sizeof(struct nccl_settings)},
        .processes = TRANSPORT_LAUNCHED,
        .on_machine = true,
        .backend = "cuda",
        .no_train = "needs MPI's launcher, as in 'mpirun -n 4 signsgd train FILE.json'",
        .library = row_library,
        .check = row_check,
        .remark = row_remark,
        .apart = row_apart,
        .open = row_open,
        .tell = row_tell,
        .fail = row_fail,
};
