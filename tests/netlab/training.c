/*
 * Training over nodes. Every run of the experiment is written out by itself and trained by MPI with one
 * worker a node: means of floats by all-reduce, as training in full precision does; rules that treat every
 * coordinate by itself sharded over all nodes; other rules over one server.
 */
#include "tests/netlab/training.h"
#include <math.h>
#include <stdio.h>
#include "aggregator/method.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stats.h"
#include "cmd/ui/table.h"
#include "record/record.h"
#include "registry.h"
#include "tests/netlab/start.h"
#include "train/run.h"

enum { PATH_BYTES = 4096, ARGUMENTS = 16 };

int training_check(const struct runs *r, struct err *e)
{
	if (!family_find(&family_transports, "mpi"))
		return err_user(e, "--train needs MPI, and this program was built without it");
	for (size_t i = 0; i < r->count; i++) {
		const struct settings *s = &r->at[i];
		if (s->workers < 2 || s->workers >= NET_NODES_MOST)
			return err_user(e, "%s: found %lld workers, expected 2 to %d for nodes", s->source,
			                (long long)s->workers, NET_NODES_MOST - 1);
		if (s->workers != r->at[0].workers)
			return err_user(
			        e, "%s: runs with %lld and %lld workers need other nodes; --set workers=%lld",
			        s->source, (long long)r->at[0].workers, (long long)s->workers,
			        (long long)r->at[0].workers);
	}
	return 0;
}

static const char *topology_of(const struct settings *s)
{
	const struct method method = settings_method(s);

	if (method_is_float_mean(&method))
		return "allreduce";
	return method.separable ? "sharded" : "star";
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

/* Its result file. */
static void result_path(const struct training *t, size_t run, char out[PATH_BYTES])
{
	run_path(&t->runs->at[run], NULL, t->runs->count > 1, out, PATH_BYTES);
}

static int train_one(const struct training *t, const struct net_nodes *h, size_t run, struct err *e)
{
	static const char experiment[] = NET_FOLDER "/run.json";
	static char said[NET_SAID_BYTES];
	const struct settings *s = &t->runs->at[run];
	const char *argv[ARGUMENTS] = {t->program, "train", experiment, "--lanes", "1", "--out"};
	char out[PATH_BYTES], transport[80];
	size_t count = 6;

	result_path(t, run, out);
	snprintf(transport, sizeof(transport), "transport={\"kind\": \"mpi\", \"topology\": \"%s\"}",
	         topology_of(s));
	argv[count++] = out;
	argv[count++] = "--set";
	argv[count++] = transport;
	if (t->overwrite)
		argv[count++] = "--overwrite";
	if (t->format == NET_JSON)
		argv[count++] = "--json";
	log_say("%s by MPI, topology %s, to %s", s->aggregator.row->name, topology_of(s), out);
	if (write_run(experiment, s, e))
		return -1;
	return net_mpirun(h, 1, (int)s->workers, argv, t->format == NET_MARKDOWN ? said : NULL, e);
}

/* A finished run's evaluations and steps. */
struct course {
	double *when_s, *accuracy; /* [evals] */
	size_t evals;
	double exchange_s, compute_s; /* medians over the steps */
};

static int median_of(const char *path, const char *column, double *out, struct err *e)
{
	double *values;
	size_t count;

	if (record_column(path, column, &values, &count, e))
		return -1;
	*out = stats_quantile(values, count, 0.5);
	mem_free(values);
	return 0;
}

static int course_read(struct course *c, const char *path, struct err *e)
{
	size_t times;

	if (median_of(path, "/steps/exchange_s", &c->exchange_s, e) ||
	    median_of(path, "/steps/compute_s", &c->compute_s, e) ||
	    record_column(path, "/evals/wall_s", &c->when_s, &times, e) ||
	    record_column(path, "/evals/test_accuracy", &c->accuracy, &c->evals, e))
		return -1;
	return times == c->evals && c->evals ? 0 : err_world(e, "%s: holds no evaluations", path);
}

/* The highest whole percent that all runs reach, as a share; `signsgd plot time-to-accuracy` takes the same.
 */
static double target_of(const struct course *courses, size_t count)
{
	double target = 1;

	for (size_t i = 0; i < count; i++) {
		double best = 0;
		for (size_t k = 0; k < courses[i].evals; k++)
			best = fmax(best, courses[i].accuracy[k]);
		target = fmin(target, best);
	}
	return floor(100 * target) / 100;
}

/* The time of the first evaluation that reaches the target. */
static double reached_s(const struct course *c, double target)
{
	for (size_t k = 0; k < c->evals; k++)
		if (c->accuracy[k] >= target - 1e-9)
			return c->when_s[k];
	return NAN;
}

static void print_table(const struct training *t, const struct course *courses)
{
	double target = target_of(courses, t->runs->count);
	struct table table;

	table_init(&table, "llrrrr");
	table_cell(&table, "rule");
	table_cell(&table, "topology");
	table_cell(&table, "s to %g %%", 100 * target);
	table_cell(&table, "%% at the end");
	table_cell(&table, "ms an exchange");
	table_cell(&table, "ms of computing");
	for (size_t i = 0; i < t->runs->count; i++) {
		const struct settings *s = &t->runs->at[i];
		const struct course *c = &courses[i];
		table_cell(&table, "%s", s->aggregator.row->name);
		table_cell(&table, "%s", topology_of(s));
		table_real(&table, 1, reached_s(c, target), "");
		table_real(&table, 1, 100 * c->accuracy[c->evals - 1], "");
		table_real(&table, 1, 1e3 * c->exchange_s, "");
		table_real(&table, 1, 1e3 * c->compute_s, "");
	}
	if (t->format == NET_MARKDOWN)
		table_print_markdown(&table, stdout);
	else
		table_print(&table, stdout, 0);
	table_clear(&table);
}

static int summarize(const struct training *t, struct err *e)
{
	struct course *courses = mem_array(t->runs->count, sizeof(*courses)); /* [runs] */
	char path[PATH_BYTES];
	int rc = 0;

	for (size_t i = 0; i < t->runs->count && !rc; i++) {
		result_path(t, i, path);
		rc = course_read(&courses[i], path, e);
	}
	if (!rc)
		print_table(t, courses);
	for (size_t i = 0; i < t->runs->count; i++) {
		mem_free(courses[i].when_s);
		mem_free(courses[i].accuracy);
	}
	mem_free(courses);
	return rc;
}

int training_run(const struct training *t, const struct net_nodes *h)
{
	struct err e = {0};

	for (size_t i = 0; i < t->runs->count; i++)
		if (train_one(t, h, i, &e))
			return cmd_fail(&e);
	if (t->format != NET_JSON && summarize(t, &e))
		return cmd_fail(&e);
	return EXIT_DONE;
}
