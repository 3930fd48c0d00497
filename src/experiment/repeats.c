/* Runs that are there twice: see experiment/repeats.h. */
#include "experiment/repeats.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"

/* A run by what makes it the same as another. */
struct print {
	const char *mark;
	size_t run;
};

static int by_mark_then_run(const void *left, const void *right)
{
	const struct print *a = left, *b = right;
	int order = strcmp(a->mark, b->mark);
	return order ? order : (a->run > b->run) - (a->run < b->run);
}

static void sort(struct print *prints, size_t n)
{
	if (n > 0)
		qsort(prints, n, sizeof *prints, by_mark_then_run);
}

/* The first run with the mark of an earlier one, *first; (size_t)-1: none. Sorts. */
static size_t first_again(struct print *prints, size_t n, size_t *first)
{
	size_t again = (size_t)-1;
	sort(prints, n);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(prints[i - 1].mark, prints[i].mark) != 0 || prints[i].run >= again)
			continue;
		*first = prints[i - 1].run;
		again = prints[i].run;
	}
	return again;
}

static bool nobody_attacks(const struct settings *s)
{
	return s->adversaries.count == 0;
}

int refuse_repeats(const struct settings *runs, const struct sweep *sweep, struct err *e)
{
	size_t n = sweep->runs, first = 0;
	struct print *prints = mem_array(n, sizeof *prints); /* [n] */
	for (size_t i = 0; i < n; i++)
		prints[i] = (struct print){nobody_attacks(&runs[i]) ? runs[i].id : runs[i].bits, i};
	size_t again = first_again(prints, n, &first);
	mem_free(prints);
	if (again >= n)
		return 0;
	bool hidden = strcmp(runs[first].id, runs[again].id) == 0 &&
	              strcmp(runs[first].resolved, runs[again].resolved) != 0;
	return sweep_say_repeat(sweep, first, again, hidden ? runs[again].id : NULL, e);
}

/* Mark the runs of nobody's attacks that repeat an earlier run. Returns how many there are. */
static size_t mark_idle_repeats(const struct settings *runs, size_t n, bool again[])
{
	struct print *prints = mem_array(n, sizeof *prints); /* [n], `idle` of them used */
	size_t idle = 0, count = 0;
	for (size_t i = 0; i < n; i++)
		if (nobody_attacks(&runs[i]))
			prints[idle++] = (struct print){runs[i].bits, i};
	sort(prints, idle);
	for (size_t i = 1; i < idle; i++) {
		again[prints[i].run] = strcmp(prints[i - 1].mark, prints[i].mark) == 0;
		count += again[prints[i].run];
	}
	mem_free(prints);
	return count;
}

size_t leave_out_idle_attacks(struct settings *runs, size_t n, bool say)
{
	bool *again = mem_alloc(n * sizeof *again); /* [n] */
	size_t left = mark_idle_repeats(runs, n, again), kept = 0;
	if (left > 0 && say)
		log_warn("%s: %zu of %zu runs are left out: where no worker is Byzantine an attack changes "
		         "nothing, and they would repeat others",
		         runs[0].source, left, n);
	for (size_t i = 0; i < n; i++)
		if (!again[i])
			runs[kept++] = runs[i];
	mem_free(again);
	return kept;
}

int refuse_repeated_files(const struct runs *files, size_t n_files, struct err *e)
{
	size_t n = 0, first = 0;
	for (size_t f = 0; f < n_files; f++)
		n += files[f].count;
	const struct settings **all = mem_alloc(n * sizeof *all); /* [n] */
	struct print *prints = mem_array(n, sizeof *prints);      /* [n] */
	for (size_t f = 0, i = 0; f < n_files; f++)
		for (size_t r = 0; r < files[f].count; r++, i++) {
			all[i] = &files[f].at[r];
			prints[i] = (struct print){all[i]->id, i};
		}
	size_t again = first_again(prints, n, &first);
	if (again < n)
		err_user(e,
		         "%s: its run %s, id %s, is a run of %s too, expected each run once in a command; "
		         "another `name` makes another run",
		         all[again]->source, all[again]->name, all[again]->id, all[first]->source);
	mem_free(prints);
	mem_free(all);
	return again < n ? -1 : 0;
}
