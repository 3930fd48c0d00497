/* The size of a grid's work: see jobs_size.h. */
#include "cmd/jobs_size.h"

#include "base/log.h"
#include "base/machine.h"
#include "train/trainer.h"
#include "transport/launch.h"

enum { JOBS_MAX = 1024 };

int jobs_lanes(const struct jobs_grid *g, int at_once)
{
	int each = g->lanes / at_once;
	return args_value(g->args, "lanes") ? g->lanes : each > 0 ? each : 1;
}

static bool on_device(const struct jobs_grid *g)
{
	bool device = false;
	for (size_t i = 0; i < g->count; i++) {
		const struct settings *run = g->at(g->points, i);
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
	const struct settings *found = g->at(g->points, 0);
	double most = 0;
	for (size_t i = 0; i < g->count; i++) {
		double need = need_of(g->at(g->points, i), 1);
		if (need > most)
			found = g->at(g->points, i);
		most = need > most ? need : most;
	}
	return found;
}

/* Fewer, if the memory is not there; where the user has chosen (given), a warning. */
static int fit_memory(const struct jobs_grid *g, bool given, int wanted)
{
	const struct machine_memory have = machine_memory();
	const double room = (double)have.bytes / mpi_launched_here();
	const struct settings *run = largest(g);
	char need[32], all[32];
	int jobs = wanted;

	while (!given && jobs > 1 && need_of(run, jobs_lanes(g, jobs)) * jobs > room)
		jobs--;
	log_bytes(need_of(run, jobs_lanes(g, jobs)), need);
	log_bytes(room, all);
	if (jobs < wanted)
		log_say("%d at once, not %d: each needs up to %s of memory, and there is room for %s (%s)",
		        jobs, wanted, need, all, have.of);
	else if (jobs > 1 && need_of(run, jobs_lanes(g, jobs)) * jobs > room)
		log_warn("--jobs %d: each run needs up to %s of memory, found %s for all (%s)", jobs, need,
		         all, have.of);
	return jobs;
}

int jobs_size(const struct jobs_grid *g, int *out, struct err *e)
{
	long long cores = pool_cores() / mpi_launched_here(), jobs = cores;
	bool given = args_value(g->args, "jobs"), device = on_device(g);

	if (args_value(g->args, "lanes"))
		jobs = cores / g->lanes;
	if (device || args_flag(g->args, "profile"))
		jobs = 1;
	if (args_int(g->args, "jobs", 1, JOBS_MAX, &jobs, e))
		return -1;
	if (jobs > (long long)g->count)
		jobs = (long long)g->count;
	if (jobs > 1 && !device)
		jobs = fit_memory(g, given, (int)jobs);
	*out = jobs > 0 ? (int)jobs : 1;
	return machine_descriptors(2 * (uint64_t)*out, e);
}
