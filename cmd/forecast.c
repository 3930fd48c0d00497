/* Time and room that runs take: see forecast.h. */
#include "cmd/forecast.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "cmd/ui/json_line.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/pool.h"
#include "train/timing.h"
#include "train/trainer.h"

static const double TIMING_S = 10; /* kinds of steps that are reached later have the mean of the others */

/* A kind of steps. */
struct shape {
	const char *text;
	bool tried, known;
	struct timing timing;
};

/* How many runs are computed at once, and in how many lanes each, as `simulate` would. */
static int grid_at_once(struct forecast *f, const struct args *a, int lanes, struct err *e)
{
	const struct settings **runs = mem_array(f->runs->count, sizeof *runs);
	const struct jobs_grid grid = {a, runs, f->runs->count, lanes};
	for (size_t i = 0; i < f->runs->count; i++)
		runs[i] = &f->runs->at[i];
	int rc = jobs_size(&grid, &f->size, e);
	if (!rc)
		f->lanes = jobs_lanes(a, lanes, f->size.jobs);
	mem_free(runs);
	return rc;
}

/* --- time --------------------------------------------------------------------------------------------- */

static size_t shape_number(struct shape *shapes, size_t *n, const char *text)
{
	for (size_t i = 0; i < *n; i++)
		if (strcmp(shapes[i].text, text) == 0)
			return i;
	shapes[*n].text = text;
	return (*n)++;
}

static void measure(struct forecast *f, struct shape *shape, const struct settings *s, struct pool *pool)
{
	struct err e = {0};
	shape->tried = true;
	shape->known = !timing_measure(s, pool, &shape->timing, &e);
	if (shape->known)
		f->timed++;
	else if (!f->unknown[0])
		memcpy(f->unknown, e.text, sizeof f->unknown);
}

/* What stands for kinds that could not be timed, or not in time. */
static struct timing mean_of(const struct shape *shapes, size_t n)
{
	struct timing mean = {0, 0};
	double known = 0;
	for (size_t i = 0; i < n; i++) {
		if (!shapes[i].known)
			continue;
		mean.step_s += shapes[i].timing.step_s;
		mean.eval_s += shapes[i].timing.eval_s;
		known++;
	}
	return (struct timing){mean.step_s / known, mean.eval_s / known}; /* NaN where none is known */
}

static void time_run(struct forecast_run *run, const struct settings *s, const struct timing *t)
{
	run->step_s = t->step_s;
	run->eval_s = t->eval_s;
	run->time_s = (double)s->steps * t->step_s + (double)trainer_evaluations(s) * t->eval_s;
}

static void find_times(struct forecast *f)
{
	size_t n = f->runs->count;
	struct arena arena = {0};
	struct shape *shapes = mem_alloc(n * sizeof *shapes); /* [n], f->shapes of them used */
	size_t *kind = mem_alloc(n * sizeof *kind);           /* [n] */
	struct pool *pool = pool_open(f->lanes);
	double begin = clock_s();
	for (size_t i = 0; i < n; i++) {
		kind[i] = shape_number(shapes, &f->shapes, timing_shape(&arena, &f->runs->at[i]));
		struct shape *shape = &shapes[kind[i]];
		if (!shape->tried && clock_s() - begin < TIMING_S)
			measure(f, shape, &f->runs->at[i], pool);
	}
	pool_close(pool);
	const struct timing mean = mean_of(shapes, f->shapes);
	for (size_t i = 0; i < n; i++)
		time_run(&f->run[i], &f->runs->at[i],
		         shapes[kind[i]].known ? &shapes[kind[i]].timing : &mean);
	mem_free(kind);
	mem_free(shapes);
	arena_clear(&arena);
}

/* --- all together ------------------------------------------------------------------------------------- */

static void find_room(struct forecast *f, const struct plan *plans)
{
	for (size_t i = 0; i < f->runs->count; i++) {
		f->run[i].file_bytes = (double)trainer_file_bytes(&f->runs->at[i], plans[i].n_params);
		f->run[i].checkpoint_bytes = (double)plans[i].checkpoint;
	}
}

static void sum_up(struct forecast *f)
{
	double longest = 0, kept = 0, largest = 0;
	for (size_t i = 0; i < f->runs->count; i++) {
		const struct forecast_run *r = &f->run[i];
		bool keeps = f->runs->at[i].checkpoint.keep;
		f->all.time_s += r->time_s;
		f->all.file_bytes += r->file_bytes;
		longest = r->time_s > longest ? r->time_s : longest;
		kept += keeps ? r->checkpoint_bytes : 0;
		largest = !keeps && r->checkpoint_bytes > largest ? r->checkpoint_bytes : largest;
	}
	f->all.checkpoint_bytes = kept + f->size.jobs * largest;
	f->all.time_s /= f->size.jobs;
	if (f->all.time_s < longest)
		f->all.time_s = longest;
}

int forecast_open(struct forecast *f, const struct runs *runs, const struct plan *plans, const struct args *a,
                  int lanes, struct err *e)
{
	bool timed = args_flag(a, "time") || (runs->count > 1 && !args_flag(a, "no-time"));
	*f = (struct forecast){.runs = runs};
	if (args_flag(a, "time") && args_flag(a, "no-time"))
		return err_user(e, "--time and --no-time contradict each other; give one of them");
	f->run = mem_array(runs->count, sizeof *f->run);
	if (grid_at_once(f, a, lanes, e))
		return -1;
	for (size_t i = 0; i < runs->count; i++)
		f->run[i] = (struct forecast_run){.step_s = NAN, .eval_s = NAN, .time_s = NAN};
	find_room(f, plans);
	if (timed)
		find_times(f);
	sum_up(f);
	return 0;
}

void forecast_clear(struct forecast *f)
{
	mem_free(f->run);
}

/* --- saying it ---------------------------------------------------------------------------------------- */

/* "1.2 ms", or as durations are. */
static void short_time(double seconds, char out[32])
{
	if (seconds < 1)
		snprintf(out, 32, "%.3g ms", 1e3 * seconds);
	else
		log_duration(seconds, out);
}

void forecast_print_run(const struct forecast *f, size_t run)
{
	const struct forecast_run *r = &f->run[run];
	char file[32], checkpoint[32], time[32], step[32], eval[32];
	log_bytes(r->file_bytes, file);
	log_bytes(r->checkpoint_bytes, checkpoint);
	printf("  %-12s about %s, and %s for a checkpoint%s\n", "disk", file, checkpoint,
	       f->runs->at[run].checkpoint.keep ? ", which stays" : " while it runs");
	if (isnan(r->time_s))
		return;
	log_duration(r->time_s, time);
	short_time(r->step_s, step);
	short_time(r->eval_s, eval);
	printf("  %-12s about %s: %s a step, %s an evaluation, %d lane%s\n", "time", time, step, eval,
	       f->lanes, f->lanes == 1 ? "" : "s");
}

static void print_left_out(const struct left_out *o)
{
	if (o->by_except)
		printf("  %-12s %zu, which sweep.except lists\n", "left out", o->by_except);
	if (o->impossible)
		printf("  %-12s %zu, for whose numbers of workers a rule is not made; of the first: %s\n",
		       "left out", o->impossible, o->why_impossible);
	if (o->idle)
		printf("  %-12s %zu, which would repeat another, because nobody is Byzantine\n", "left out",
		       o->idle);
}

static void print_time(const struct forecast *f)
{
	char time[32];
	if (isnan(f->all.time_s)) {
		printf("  %-12s not known%s%s\n", "time", f->unknown[0] ? ": " : "", f->unknown);
		return;
	}
	log_duration(f->all.time_s, time);
	printf("  %-12s about %s, by %zu of %zu kinds of steps that were timed here: %d run%s at once, %d "
	       "lane%s each\n",
	       "time", time, f->timed, f->shapes, f->size.jobs, f->size.jobs == 1 ? "" : "s", f->lanes,
	       f->lanes == 1 ? "" : "s");
	if (f->unknown[0])
		printf("  %-12s some have the mean of the others: %s\n", "", f->unknown);
}

void forecast_print(const struct forecast *f)
{
	char files[32], checkpoints[32];
	log_bytes(f->all.file_bytes, files);
	log_bytes(f->all.checkpoint_bytes, checkpoints);
	printf("\n  %-12s %zu\n", "runs", f->runs->count);
	print_left_out(&f->runs->left_out);
	print_time(f);
	printf("  %-12s about %s of result files, and up to %s of checkpoints\n", "disk", files, checkpoints);
}

void forecast_line(struct buf *b, const struct forecast *f, size_t run)
{
	const struct left_out *o = &f->runs->left_out;
	line_open(b, "forecast");
	line_real(b, "step_s", f->run[run].step_s);
	line_real(b, "eval_s", f->run[run].eval_s);
	line_real(b, "time_s", f->run[run].time_s);
	line_count(b, "file_bytes", (size_t)f->run[run].file_bytes);
	line_count(b, "checkpoint_bytes", (size_t)f->run[run].checkpoint_bytes);
	line_close(b);
	line_open(b, "grid");
	line_count(b, "runs", f->runs->count);
	line_count(b, "excepted", o->by_except);
	line_count(b, "impossible", o->impossible);
	if (o->why_impossible)
		line_text(b, "why_impossible", o->why_impossible);
	line_count(b, "idle", o->idle);
	line_count(b, "step_kinds", f->shapes);
	line_count(b, "timed", f->timed);
	line_int(b, "jobs", f->size.jobs);
	line_int(b, "lanes", f->lanes);
	line_real(b, "time_s", f->all.time_s);
	line_count(b, "file_bytes", (size_t)f->all.file_bytes);
	line_count(b, "checkpoint_bytes", (size_t)f->all.checkpoint_bytes);
	line_close(b);
}
