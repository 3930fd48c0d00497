/* The size of a grid's work: see jobs_size.h. */
#include "cmd/jobs_size.h"

#include "base/log.h"
#include "base/machine.h"
#include "train/trainer.h"
#include "transport/launch.h"

enum { JOBS_MAX = 1024 };

int jobs_lanes(const struct session *s, int at_once)
{
	int each = s->lanes / at_once;
	return args_value(s->args, "lanes") ? s->lanes : each > 0 ? each : 1;
}

static bool on_device(const struct session *s)
{
	bool device = false;
	for (size_t i = 0; i < s->total; i++) {
		const struct settings *run = s->points[i].run;
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

static const struct settings *largest(const struct session *s)
{
	const struct settings *found = s->points[0].run;
	double most = 0;
	for (size_t i = 0; i < s->total; i++) {
		double need = need_of(s->points[i].run, 1);
		if (need > most)
			found = s->points[i].run;
		most = need > most ? need : most;
	}
	return found;
}

/* Fewer, if the memory is not there; where the user has chosen (given), a warning. */
static int fit_memory(const struct session *s, bool given, int wanted)
{
	const struct machine_memory have = machine_memory();
	const double room = (double)have.bytes / mpi_launched_here();
	const struct settings *run = largest(s);
	char need[32], all[32];
	int jobs = wanted;

	while (!given && jobs > 1 && need_of(run, jobs_lanes(s, jobs)) * jobs > room)
		jobs--;
	log_bytes(need_of(run, jobs_lanes(s, jobs)), need);
	log_bytes(room, all);
	if (jobs < wanted)
		log_say("%d at once, not %d: each needs up to %s of memory, and there is room for %s (%s)",
		        jobs, wanted, need, all, have.of);
	else if (jobs > 1 && need_of(run, jobs_lanes(s, jobs)) * jobs > room)
		log_warn("--jobs %d: each run needs up to %s of memory, found %s for all (%s)", jobs, need,
		         all, have.of);
	return jobs;
}

int jobs_size(const struct session *s, int *out, struct err *e)
{
	long long cores = pool_cores() / mpi_launched_here(), jobs = cores;
	bool given = args_value(s->args, "jobs"), device = on_device(s);

	if (args_value(s->args, "lanes"))
		jobs = cores / s->lanes;
	if (device || args_flag(s->args, "profile"))
		jobs = 1;
	if (args_int(s->args, "jobs", 1, JOBS_MAX, &jobs, e))
		return -1;
	if (jobs > (long long)s->total)
		jobs = (long long)s->total;
	if (jobs > 1 && !device)
		jobs = fit_memory(s, given, (int)jobs);
	*out = jobs > 0 ? (int)jobs : 1;
	return machine_descriptors(2 * (uint64_t)*out, e);
}
