/* Progress and words of a grid: see jobs_talk.h. */
#include "cmd/jobs_talk.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"

enum {
	NAME_BYTES = 64,
	TEXT_BYTES = 512,
	LINE_BYTES = 2048,
	HEARD_MOST = 1000, /* lines that are remembered */
};

/* "3 of 12", by the numbers of --run. */
static const char *name_of(const struct jobs *j, size_t index, char out[NAME_BYTES])
{
	const struct session *s = j->session;
	snprintf(out, NAME_BYTES, "%zu of %zu", s->points[index].number, s->all);
	return out;
}

/* --- progress ----------------------------------------------------------------------------------------- */

/* Seconds until all is done, by the steps of this command so far; NAN: not known yet. */
static double eta(const struct jobs *j)
{
	double left = 0, did = (double)j->steps, elapsed = clock_s() - j->began;
	for (size_t i = 0; i < j->session->total; i++)
		if (j->at[i].state == JOB_WAITS)
			left += (double)j->session->points[i].run->steps;
	for (int k = 0; k < j->count; k++) {
		const struct slot *slot = &j->slots[k];
		const struct run_progress *p = &slot->point.progress;
		if (!slot->used)
			continue;
		left += (double)(p->steps ? p->steps - p->done : j->session->points[slot->index].run->steps);
		did += (double)(p->done - p->began);
	}
	return 1000 * did > left ? left * elapsed / did : NAN;
}

static void add(char line[LINE_BYTES], const char *text)
{
	size_t length = strlen(line);
	snprintf(line + length, LINE_BYTES - length, "%s", text);
}

static void add_count(char line[LINE_BYTES], size_t count, const char *what)
{
	char text[TEXT_BYTES];
	snprintf(text, sizeof(text), ", %zu %s", count, what);
	if (count > 0)
		add(line, text);
}

/* One that runs alone is shown whole; of several, how far each is. */
static void add_running(char line[LINE_BYTES], const struct jobs *j, size_t running)
{
	const char *between = ": ";
	for (int k = 0; k < j->count; k++) {
		const struct slot *slot = &j->slots[k];
		const struct run_progress *p = &slot->point.progress;
		char whole[TEXT_BYTES], text[TEXT_BYTES + NAME_BYTES];
		size_t number = j->session->points[slot->index].number;
		if (!slot->used)
			continue;
		if (p->steps == 0)
			snprintf(whole, sizeof(whole), "begins");
		else if (running == 1)
			run_progress_text(p, whole, sizeof(whole));
		else
			snprintf(whole, sizeof(whole), "%.0f %%, loss %.4g",
			         100.0 * (double)p->done / (double)p->steps, isnan(p->loss) ? NAN : p->loss);
		snprintf(text, sizeof(text), "%srun %zu %s", between, number, whole);
		add(line, text);
		between = "; ";
	}
}

static size_t count_diverged(const struct jobs *j)
{
	size_t count = 0;
	for (size_t i = 0; i < j->session->total; i++)
		count += j->at[i].state == JOB_DONE && session_diverged(j->session, i);
	return count;
}

void jobs_show(const struct jobs *j)
{
	char line[LINE_BYTES], time[32] = "?";
	size_t running = jobs_in(j, JOB_RUNS);
	double left;
	if (j->rank > 0 || !progress_due())
		return;
	left = eta(j);
	if (isfinite(left))
		log_duration(left, time);
	snprintf(line, sizeof(line), "%zu of %zu done", jobs_in(j, JOB_DONE), j->session->total);
	add_count(line, running, "running");
	add_count(line, jobs_in(j, JOB_FAILED), "failed");
	add_count(line, count_diverged(j), "diverged");
	add_count(line, jobs_in(j, JOB_LEFT), "left to other processes");
	add(line, ", ETA ");
	add(line, time);
	add_running(line, j, running);
	progress_show(false, "%s", line);
}

void jobs_show_last(const struct jobs *j, const struct slot *slot)
{
	const struct settings *run = j->session->points[slot->index].run;
	char name[NAME_BYTES], text[TEXT_BYTES];
	run_progress_text(&slot->point.progress, text, sizeof(text));
	progress_keep("%s: %s-%s: %s", name_of(j, slot->index, name), run->name, run->id, text);
}

/* --- what processes say ------------------------------------------------------------------------------- */

/* Has another point said it? */
static bool heard_before(struct jobs *j, size_t index, const char *text)
{
	for (size_t i = 0; i < j->n_heard; i++)
		if (strcmp(j->heard[i].text, text) == 0)
			return j->heard[i].index != index;
	if (j->n_heard == HEARD_MOST)
		return false;
	if (!j->heard)
		j->heard = mem_alloc(HEARD_MOST * sizeof(*j->heard)); /* [HEARD_MOST] */
	j->heard[j->n_heard++] = (struct heard){mem_string(text), index};
	return false;
}

/* What follows `start`; NULL: the line begins otherwise. */
static const char *behind(const char *line, const char *start)
{
	size_t length = strlen(start);
	return strncmp(line, start, length) == 0 ? line + length : NULL;
}

void jobs_tell(struct jobs *j, size_t index, const char *line)
{
	char name[NAME_BYTES];
	const char *warned = behind(line, "signsgd: warning: "), *said = behind(line, "signsgd: ");
	if (heard_before(j, index, line))
		return;
	name_of(j, index, name);
	if (warned || !said)
		log_warn("%s: %s", name, warned ? warned : line);
	else if (log_is_quiet())
		log_error("%s: %s", name, said); /* it says only errors itself */
	else
		log_say("%s: %s", name, said);
}

/* Points from..to-1 that failed for this reason. */
static size_t failed_so(const struct jobs *j, const char *why, size_t from, size_t to)
{
	size_t count = 0;
	for (size_t i = from; i < to; i++)
		count += j->at[i].state == JOB_FAILED && strcmp(j->at[i].why.text, why) == 0;
	return count;
}

/* others: points besides this one that failed for the same reason. */
static void say_why(const struct jobs *j, size_t index, size_t others)
{
	char name[NAME_BYTES], more[NAME_BYTES] = "", shown[4 * sizeof(j->at[index].why.text)];
	if (others)
		snprintf(more, sizeof(more), " and %zu other%s", others, others > 1 ? "s" : "");
	log_error("%s%s: failed: %s", name_of(j, index, name), more,
	          text_shown(j->at[index].why.text, shown, sizeof(shown)));
}

void jobs_say_failed(const struct jobs *j, size_t index)
{
	if (failed_so(j, j->at[index].why.text, 0, j->session->total) == 1)
		say_why(j, index, 0);
}

void jobs_say_failures(const struct jobs *j)
{
	size_t failed = jobs_in(j, JOB_FAILED), total = j->session->total;
	if (failed == 0 || j->rank > 0)
		return;
	log_error("%zu of %zu runs failed, and the same command tries them again:", failed, total);
	for (size_t i = 0; i < total; i++)
		if (j->at[i].state == JOB_FAILED && !failed_so(j, j->at[i].why.text, 0, i))
			say_why(j, i, failed_so(j, j->at[i].why.text, i + 1, total));
}

void jobs_forget(struct jobs *j)
{
	for (size_t i = 0; i < j->n_heard; i++)
		mem_free(j->heard[i].text);
	mem_free(j->heard);
}
