/* The size of a grid's work: see jobs_size.h. */
#include "cmd/jobs_size.h"

#include "base/log.h"
#include "base/machine.h"
#include "base/pool.h"
#include "train/trainer.h"
#include "transport/launch.h"

enum { JOBS_MAX = 1024 };

int jobs_given(const struct args *a, long long *jobs, struct err *e)
{
	return args_int(a, "jobs", 1, JOBS_MAX, jobs, e);
}

int jobs_lanes(const struct args *a, int lanes, int at_once)
{
	int each = lanes / at_once;
	return args_value(a, "lanes") ? lanes : each > 0 ? each : 1;
}

static bool on_device(const struct jobs_grid *g)
{
	bool device = false;
	for (size_t i = 0; i < g->count; i++) {
		const struct settings *run = g->runs[i];
		const struct row *row = run->machine.row ? run->machine.row : run->backend.row;
		device |= ((const struct backend_row *)row)->device;
	}
	return device;
}

static double need_of(const struct settings *run, int lanes)
{
	struct plan plan;
	trainer_plan(run, lanes, &plan);
	return (double)(plan.total - plan.device) + (double)plan.checkpoint;
}

static const struct settings *largest(const struct jobs_grid *g)
{
	const struct settings *found = g->runs[0];
	double most = 0;
	for (size_t i = 0; i < g->count; i++) {
		double need = need_of(g->runs[i], 1);
		if (need > most)
			found = g->runs[i];
		most = need > most ? need : most;
	}
	return found;
}

/* Fewer, if the memory is not there, unless the user has chosen. */
static void fit_memory(const struct jobs_grid *g, bool given, struct jobs_size *out)
{
	const struct machine_memory have = machine_memory();
	const struct settings *run = largest(g);
	out->room = (double)have.bytes / mpi_launched_here();
	out->what = have.of;
	for (;; out->jobs--) {
		out->need = need_of(run, jobs_lanes(g->args, g->lanes, out->jobs));
		if (given || out->jobs == 1 || out->need * out->jobs <= out->room)
			break;
	}
	out->short_of = out->jobs < out->wanted || out->need * out->jobs > out->room;
}

int jobs_size(const struct jobs_grid *g, struct jobs_size *out, struct err *e)
{
	long long cores = pool_cores() / mpi_launched_here(), jobs = cores;
	bool given = args_value(g->args, "jobs"), device = on_device(g);

	if (args_value(g->args, "lanes"))
		jobs = cores / g->lanes;
	if (device || args_flag(g->args, "profile"))
		jobs = 1;
	if (jobs_given(g->args, &jobs, e))
		return -1;
	if (jobs > (long long)g->count)
		jobs = (long long)g->count;
	if (jobs < 1)
		jobs = 1;
	*out = (struct jobs_size){.jobs = (int)jobs, .wanted = (int)jobs};
	if (jobs > 1 && !device)
		fit_memory(g, given, out);
	return 0;
}

void jobs_size_say(const struct jobs_size *size)
{
	char need[32], room[32];

	if (!size->short_of)
		return;
	log_bytes(size->need, need);
	log_bytes(size->room, room);
	if (size->jobs < size->wanted)
		log_say("%d at once, not %d: each needs up to %s of memory, and there is room for %s (%s)",
		        size->jobs, size->wanted, need, room, size->what);
	else
		log_warn("--jobs %d: each run needs up to %s of memory, found %s for all (%s)", size->jobs,
		         need, room, size->what);
}
