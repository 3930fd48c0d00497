/*
 * Training over hosts. Every run of the experiment is written out by itself and trained by MPI with one
 * worker a host: means of floats by all-reduce, the rule that full-precision training uses; rules that treat
 * every coordinate by itself over all machines; others over one server.
 */
#include "tests/netlab/bench_net_train.h"
#include <stdio.h>
#include <string.h>
#include "aggregator/aggregator.h"
#include "base/log.h"
#include "base/mem.h"
#include "tests/netlab/start.h"
#include "tests/netlab/topology.h"
#include "registry.h"
#include "train/run.h"

enum { PATH_BYTES = 4096, ARGUMENTS = 16 };

int bench_net_train_check(const struct runs *r, struct err *e)
{
	if (!family_find(&family_transports, "mpi"))
		return err_user(e, "bench net --train needs MPI, and this program was built without it");
	for (size_t i = 0; i < r->count; i++) {
		const struct settings *s = &r->at[i];
		if (s->workers < 2 || s->workers >= NET_NODES_MOST)
			return err_user(e, "%s: found %lld workers, expected 2 to %d for hosts", s->source,
			                (long long)s->workers, NET_NODES_MOST - 1);
		if (s->workers != r->at[0].workers)
			return err_user(
			        e, "%s: runs with %lld and %lld workers need other hosts; --set workers=%lld",
			        s->source, (long long)r->at[0].workers, (long long)s->workers,
			        (long long)r->at[0].workers);
	}
	return 0;
}

static const char *topology_of(const struct settings *s)
{
	const struct aggregator *agg = (const struct aggregator *)s->aggregator.row;

	if (agg->float_mean)
		return "allreduce";
	return agg->separable ? "sharded" : "star";
}

/* The run as an experiment of its own. */
static int write_run(const char *path, const struct settings *s, struct err *e)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return err_world(e, "%s: cannot be written", path);
	fputs(s->resolved, f);
	return fclose(f) ? err_world(e, "%s: cannot be written", path) : 0;
}

static int train_one(const struct net_training *t, const struct settings *s, struct err *e)
{
	static const char experiment[] = NET_FOLDER "/run.json";
	const char *argv[ARGUMENTS] = {t->program, "train", experiment, "--lanes", "1", "--out"};
	char out[PATH_BYTES], transport[80];
	size_t count = 6;

	run_path(s, NULL, t->runs->count > 1, out, sizeof(out));
	snprintf(transport, sizeof(transport), "transport={\"kind\": \"mpi\", \"topology\": \"%s\"}",
	         topology_of(s));
	argv[count++] = out;
	argv[count++] = "--set";
	argv[count++] = transport;
	if (args_flag(t->args, "overwrite"))
		argv[count++] = "--overwrite";
	if (args_flag(t->args, "json"))
		argv[count++] = "--json";
	log_say("%s by %s, topology %s, to %s", s->aggregator.row->name, "MPI", topology_of(s), out);
	return write_run(experiment, s, e) || net_mpirun(t->nodes, 1, (int)s->workers, argv, NULL, e) ? -1
	                                                                                              : 0;
}

int bench_net_train(const struct net_training *t)
{
	struct err e = {0};

	for (size_t i = 0; i < t->runs->count; i++)
		if (train_one(t, &t->runs->at[i], &e))
			return cmd_fail(&e);
	return EXIT_DONE;
}
