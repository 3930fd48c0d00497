/* `signsgd simulate`: every run of every file, several at once, and what came of them. */
#include <string.h>
#include "cmd/jobs.h"
#include "cmd/jobs_size.h"
#include "cmd/point.h"
#include "cmd/session.h"
#include "base/log.h"
#include "base/mem.h"
#include "record/record.h"
#include "train/feed.h"
#include "train/trainer.h"

enum { NAME_BYTES = 256 };

/* A run that is repeated with the voters of a result file. */
struct repeat {
	struct replay replay;
	int32_t *born; /* what replay.born points to */
	struct change out;
};

/* "runs/x.h5" -> "runs/x.replay.h5", unless --out says otherwise; the recorded file stays as it is. */
static void choose_out(struct session *s, struct repeat *r, const char *path)
{
	struct buf quoted = {0};
	size_t length = strlen(path);
	if (length > 3 && !strcmp(path + length - 3, ".h5"))
		length -= 3;
	char *out = mem_format("%.*s.replay.h5", (int)length, path);
	json_write_string(&quoted, out);
	r->out = (struct change){"out", quoted.text, "--replay"};
	s->more = &r->out;
	s->n_more = 1;
	mem_free(out);
}

/* What was trained on other data cannot be repeated on these. */
static int check_data(const struct session *s, const struct settings *run, struct err *e)
{
	struct run_info info;
	char here[DATA_ID_SIZE];
	if (record_info(s->repeated, &info, e) || feed_fingerprint(run, here, e))
		return -1;
	if (!info.data_id[0] || !strcmp(info.data_id, here))
		return 0;
	return err_user(
	        e,
	        "%s: was trained on other data (found data_id %s, expected %s, the data that are here), "
	        "and cannot be repeated without its own",
	        s->repeated, info.data_id, here);
}

static int read_voters(struct session *s, struct repeat *r, struct err *e)
{
	if (s->total != 1)
		return err_user(e, "--replay repeats one run, and the changes given make %zu", s->total);
	const struct settings *run = session_run_at(s, 1);
	if (check_data(s, run, e) ||
	    record_read_voters(s->repeated, (size_t)run->workers, &r->replay.steps, &r->born, e))
		return -1;
	r->replay.born = r->born;
	s->replay = &r->replay;
	if (r->replay.steps >= run->steps)
		return 0;
	return err_user(e, "%s: holds the voters of %lld steps, expected %lld; is the run finished?",
	                s->repeated, (long long)r->replay.steps, (long long)run->steps);
}

/* Does the repeated run end like the recorded one? The exit code. */
static int compare(const struct session *s)
{
	char different[NAME_BYTES] = "";
	struct err e = {0};
	int same = record_same_final(s->repeated, s->done[0].path, different, sizeof(different), &e);
	if (same < 0)
		return cmd_fail(&e);
	if (same) {
		log_say("%s: ends with the same bits as %s", s->done[0].path, s->repeated);
		return EXIT_DONE;
	}
	err_world(&e, "%s: ends with other bits than %s: %s", s->done[0].path, s->repeated, different);
	return cmd_fail(&e);
}

static int simulate(const struct args *a)
{
	struct session s = {.repeated = args_value(a, "replay")};
	struct repeat repeat = {0};
	struct err e = {0};
	long long jobs; /* looked at although a single run has no use for it */
	int code;

	if (point_is())
		return point_run(a);
	if (s.repeated)
		choose_out(&s, &repeat, s.repeated);
	if (jobs_given(a, &jobs, &e) || session_prepare(&s, "simulate", a, &e) ||
	    (s.repeated && read_voters(&s, &repeat, &e))) {
		code = cmd_fail(&e);
	} else if (jobs_others(&s)) {
		code = EXIT_DONE;
	} else if (jobs_wanted(&s)) {
		code = jobs_run(&s);
	} else {
		struct pool *pool = pool_open(s.lanes);
		code = session_run(&s, pool);
		session_summary(&s);
		if (s.repeated && code == EXIT_DONE)
			code = compare(&s);
		pool_close(pool);
	}
	session_clear(&s);
	mem_free(repeat.born);
	mem_free((char *)repeat.out.value);
	return code;
}

static const struct option options[] = {
        SESSION_OPTIONS,
        {"jobs", "J", "so many runs at once, a process each; else as cores and memory allow"},
        {"part", "i/N", "every Nth run of a sweep, from the ith on: for a task of an array"},
        {"replay", "RUN.h5", "repeat a run of `train` with the voters it had, and compare"},
        {NULL, NULL, NULL},
};

const struct command cmd_simulate = {
        .name = "simulate",
        .about = "run experiments, all workers in this process",
        .usage = "simulate FILE.json... [OPTION]...\nsimulate --resume RUN.h5 [OPTION]...\nsimulate --replay "
                 "RUN.h5 [OPTION]...",
        .details = "Runs every point of every file's sweep. A result that is there and finished "
                   "is skipped, one that was interrupted is continued. Of several runs, those that another "
                   "process is writing are left to it, named at the end, and no failure.\n"
                   "Of a sweep, points that `sweep.except` lists ([{\"KEY\": VALUE or list, ...}]) are left "
                   "out, and so, with a warning, are impossible points, for whose numbers of workers a rule "
                   "is not made; --strict refuses these. `validate` counts both.\n"
                   "Several runs are done at once, each in a process of its own with --lanes threads: "
                   "--jobs of them, or as many as there are cores for and memory, as `validate` announces "
                   "it; one at a time with --profile or on a device. Cores that are left go to the lanes. "
                   "One that diverges is a result; one that fails, or whose process is killed, stops no "
                   "other and is named at the end. --part i/N is for arrays of tasks. Processes that mpirun "
                   "or srun has started share the runs, and the first speaks for all.\n"
                   "SIGHUP (a lost "
                   "terminal), SIGINT, SIGTERM and SIGUSR1 finish the step, save everything, and exit "
                   "with 129, 130, 143 and 138; the same command then continues. Before "
                   "the first step, while data are made, they end it at once.\n"
                   "--resume RUN.h5 with --steps N, --set steps=N or --set epochs=E gives the run another "
                   "length, also beyond its end, if its last checkpoint was kept (`checkpoint.keep`); the "
                   "bits are those of a run that was planned so. The file then is that other run's, with "
                   "its id. Rates of steps that are done cannot change: a schedule that descends over "
                   "the whole run needs its `lr.length`.\n"
                   "Results are the same, bit for bit, for any number of lanes and jobs, and the same as "
                   "those of "
                   "`train`. Where workers of `train` were late or lost, its result says who was counted "
                   "in each step; --replay repeats that, and exits with 1 unless the bits are the same.\n"
                   "Exit code: 0 when every run finished or is left to a process that is at it, 1 when one "
                   "diverged or the machine failed, 2 "
                   "when a file or an option was wrong, also where that stopped some runs alone.",
        .example = "signsgd simulate experiments/demo.json\n"
                   "signsgd simulate experiments/demo.json --adversaries 3 --out byzantine.h5\n"
                   "signsgd simulate experiments/fig1-toy.json --jobs 2 --out fig1/",
        .options = options,
        .run = simulate,
};
