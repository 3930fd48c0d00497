/* Runs that are there twice: see experiment/repeats.h. */
#include "experiment/repeats.h"
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/sha256.h"

/* A run by the hash of its settings. */
struct print {
	char hex[65];
	size_t run;
};

static void print_settings(struct print *p, const struct settings *s, size_t run)
{
	struct settings copy = s[run];
	struct buf text = {0};
	copy.out = NULL;
	copy.transport = (struct choice){0};
	keys_write(&text, experiment_keys, &copy, KEYS_RESOLVED);
	sha256_hex(text.text, text.length, p->hex);
	p->run = run;
	buf_clear(&text);
}

static int by_hash_then_run(const void *left, const void *right)
{
	const struct print *a = left, *b = right;
	int order = strcmp(a->hex, b->hex);
	return order ? order : (a->run > b->run) - (a->run < b->run);
}

int refuse_repeats(const struct settings *runs, const struct sweep *sweep, struct err *e)
{
	size_t n = sweep->points, again = n, first = 0;
	struct print *sorted = mem_array(n, sizeof *sorted); /* [n] */
	for (size_t i = 0; i < n; i++)
		print_settings(&sorted[i], runs, i);
	qsort(sorted, n, sizeof *sorted, by_hash_then_run);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(sorted[i - 1].hex, sorted[i].hex) != 0 || sorted[i].run >= again)
			continue;
		first = sorted[i - 1].run;
		again = sorted[i].run;
	}
	mem_free(sorted);
	return again < n ? sweep_say_repeat(sweep, first, again, e) : 0;
}
