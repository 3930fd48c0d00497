/* The beginning and end of NCCL, and waiting for it: see transport/nccl/nccl.h. */
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "backend/cuda/cuda.h"
#include "backend/cuda/device.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "transport/launch.h"
#include "transport/nccl/nccl.h"

enum { WATCH_EVERY = 64 /* looks at the device between looks at the other processes */ };

static const double PATIENCE_S = 120, CLOSING_S = 10;

/* What process 0 tells the others. */
struct invitation {
	int32_t failed; /* it could not make one */
	nccl_id id;
	struct control_invitation control;
};

static int invite(struct nccl_self *s, struct invitation *out, struct err *e)
{
	if (nccl_said(s, s->library->make_id(&out->id), "making an id", e))
		return -1;
	s->control = control_listen("nccl", s->size, &out->control, e);
	return s->control ? 0 : -1;
}

int nccl_meet_others(struct nccl_self *s, struct err *e)
{
	struct invitation in;
	memset(&in, 0, sizeof in);
	if (s->rank >= s->size)
		return err_user(e,
		                "nccl: the launcher says that this is process %d, and not how many there "
		                "are; use mpirun, or srun with --mpi=pmix",
		                s->rank);
	if (s->size == 1)
		return nccl_said(s, s->library->make_id(&s->id), "making an id", e);
	in.failed = s->rank == 0 && invite(s, &in, e);
	struct err broken = {0};
	if (mpi_launched_broadcast(&in, sizeof in, &broken))
		return err_world(e, "nccl: the processes find each other by MPI: %s", broken.text);
	if (in.failed)
		return s->rank == 0 ? -1 : err_world(e, "nccl: process 0 could not begin");
	s->id = in.id;
	if (s->rank == 0)
		return control_accept(s->control, PATIENCE_S, e);
	s->control = control_join("nccl", s->rank, s->size, &in.control, e);
	return s->control ? 0 : -1;
}

/* Where a process computes: which machine, which device of it. */
struct place {
	uint64_t machine;
	int64_t device;
};

static uint64_t this_machine(void)
{
	char text[HOST_NAME_MAX + 64] = "";
	gethostname(text, HOST_NAME_MAX);
	size_t length = strlen(text);
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "r");
	length += f ? fread(text + length, 1, 36, f) : 0;
	if (f)
		fclose(f);
	return hash_words(1, text, length);
}

/* NCCL would say "invalid usage". */
static int check_devices(struct nccl_self *s, struct err *e)
{
	struct place *all = mem_array((size_t)s->size, sizeof *all);
	all[s->rank] = (struct place){this_machine(), cuda_device_bus()};
	int rc = s->control ? control_allgather(s->control, all, sizeof *all, e) : 0;
	for (int a = 0; a < s->size && !rc; a++)
		for (int b = a + 1; b < s->size && !rc; b++)
			if (all[a].machine == all[b].machine && all[a].device == all[b].device)
				rc = err_user(
				        e,
				        "nccl: processes %d and %d are on the same GPU; expected one "
				        "process a GPU (with srun, --gpus-per-task=1; with mpirun, as many "
				        "processes on a machine as it has GPUs)",
				        a, b);
	mem_free(all);
	return rc;
}

int nccl_open_comm(struct nccl_self *s, struct err *e)
{
	nccl_config config = {.size = sizeof config,
	                      .magic = NCCL_CONFIG_MAGIC,
	                      .version = NCCL_CONFIG_VERSION,
	                      .blocking = 0,
	                      .unknown = INT_MIN};
	if (cuda_machine.device < 0)
		return err_user(e, "nccl: moves the memory of backend \"cuda\", which this run does not use");
	if (check_devices(s, e))
		return -1;
	s->queue = cuda_memory.queue_open();
	cuda_here();
	return nccl_said(s, s->library->open(&s->comm, s->size, s->id, s->rank, &config), "beginning", e) ||
	                       nccl_settle(s, "beginning", e)
	               ? -1
	               : 0;
}

int nccl_said(const struct nccl_self *s, nccl_result result, const char *what, struct err *e)
{
	const char *more = "";
	if (result == NCCL_OK || result == NCCL_IN_PROGRESS)
		return 0;
	if (s->comm && s->library->last(s->comm))
		more = s->library->last(s->comm);
	return err_world(e, "nccl: %s: %s%s%s", what, s->library->word(result), *more ? ": " : "", more);
}

static int look(struct nccl_self *s, const char *what, nccl_result *at, struct err *e)
{
	nccl_result rc = s->library->state(s->comm, at);
	return nccl_said(s, rc == NCCL_OK ? *at : rc, what, e);
}

static int watch(const struct nccl_self *s, unsigned *turn, struct err *e)
{
	sched_yield();
	return s->control && ++*turn % WATCH_EVERY == 0 ? control_watch(s->control, e) : 0;
}

int nccl_settle(struct nccl_self *s, const char *what, struct err *e)
{
	nccl_result at = NCCL_IN_PROGRESS;
	unsigned turn = 0;
	while (at == NCCL_IN_PROGRESS)
		if (look(s, what, &at, e) || watch(s, &turn, e))
			return -1;
	return 0;
}

int nccl_finish(struct nccl_self *s, const char *what, struct err *e)
{
	nccl_result at;
	unsigned turn = 0;
	while (!cuda_finished(s->queue))
		if (look(s, what, &at, e) || watch(s, &turn, e))
			return -1;
	return 0;
}

void nccl_give_up(struct nccl_self *s, const char *why)
{
	s->failed = true;
	if (s->control)
		control_fail(s->control, why);
	if (s->comm)
		s->library->abort(s->comm);
	s->comm = NULL;
}

/* All work of all processes is done: what is left are resources. A process that ends badly now is not waited
 * for. */
void nccl_close_comm(struct nccl_self *s)
{
	nccl_result at = NCCL_IN_PROGRESS;
	double end = clock_s() + CLOSING_S;
	if (!s->comm)
		return;
	nccl_result rc = s->left ? s->library->finalize(s->comm) : NCCL_OK;
	while (s->left && (rc == NCCL_OK || rc == NCCL_IN_PROGRESS) && at == NCCL_IN_PROGRESS &&
	       clock_s() < end) {
		rc = s->library->state(s->comm, &at);
		sched_yield();
	}
	if (s->left && rc == NCCL_OK && at == NCCL_OK)
		s->library->destroy(s->comm);
	else
		s->library->abort(s->comm);
	s->comm = NULL;
}
