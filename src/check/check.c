/* The walk through kernels and backends. */
#include "check/check.h"

#include <string.h>

#include "backend/cpu/cpu.h"
#include "base/log.h"
#include "base/mem.h"
#include "check/check_image.h"
#include "check/check_walk.h"
#include "registry.h"

enum { MAX_TABLES = 16 };

static void far_open(struct walk_far *f, const struct memory *m, const struct kernel *k, size_t words,
                     int workers)
{
	if (m->host)
		return;
	f->queue = m->queue_open();
	kernel_memory_open(&f->memory, k, WALK_FLOATS, words, workers, m);
}

static void far_close(struct walk_far *f, const struct memory *m)
{
	if (m->host)
		return;
	kernel_memory_close(&f->memory);
	m->queue_close(f->queue);
}

static void walk_kernel(struct walk *w)
{
	const struct kernel *k = w->kernel;
	size_t words = sign_words(WALK_FLOATS) + WALK_GUARD;
	int workers = k->shape == SHAPE_VOTE ? WALK_WORKERS : 0;
	kernel_memory_open(&w->given, k, WALK_FLOATS, words, workers, &memory_host);
	kernel_memory_open(&w->want, k, WALK_FLOATS, words, 0, &memory_host);
	kernel_memory_open(&w->got, k, WALK_FLOATS, words, 0, &memory_host);
	kernel_memory_open(&w->size, k, WALK_FLOATS, words, 0, &memory_host);
	for (size_t t = 0; t < w->count; t++)
		far_open(&w->far[t], w->table[t].kernels.memory, k, words, workers);
	walk_cases(w);
	for (size_t t = 0; t < w->count; t++)
		far_close(&w->far[t], w->table[t].kernels.memory);
	kernel_memory_close(&w->given);
	kernel_memory_close(&w->want);
	kernel_memory_close(&w->got);
	kernel_memory_close(&w->size);
}

int check_tables(const struct backend *ref, const struct check_table *tables, size_t count,
                 void (*tell)(void *ctx, const struct check_result *r), void *ctx)
{
	int failed = 0;
	struct check_result *results = mem_array(count, sizeof(*results));
	struct walk_far *far = mem_array(count, sizeof(*far));
	for (size_t i = 0; i < kernel_count; i++) {
		const struct kernel *k = &kernel_table[i];
		for (size_t t = 0; t < count; t++)
			results[t] = (struct check_result){.kernel = k->name,
			                                   .backend = tables[t].name,
			                                   .passed = true,
			                                   .allowed = k->allowed};
		struct walk w = {.kernel = k,
		                 .ref = ref,
		                 .table = tables,
		                 .result = results,
		                 .far = far,
		                 .count = count};
		walk_kernel(&w);
		for (size_t t = 0; t < count; t++) {
			failed += !results[t].passed;
			tell(ctx, &results[t]);
		}
	}
	mem_free(results);
	mem_free(far);
	failed += check_images(ref, tables, count, tell, ctx);
	return failed + check_image_moves(ref, tables, count, tell, ctx);
}

/* The cpu backend has a table for each level of this processor. */
static size_t cpu_tables(struct check_table *tables, size_t count, struct arena *names)
{
	const struct cpu_level *level;
	for (size_t i = 0; count < MAX_TABLES && (level = cpu_level_at(i)); i++) {
		cpu_open_level(level, &tables[count].kernels);
		tables[count++].name = arena_format(names, "cpu (%s)", level->shown);
	}
	return count;
}

/* The tables of a backend's row, if it opens. -1 and a sentence. */
static int add_tables(const struct choice *c, struct check_table *tables, size_t *count, struct arena *names,
                      struct err *e)
{
	const struct backend_row *row = (const struct backend_row *)c->row;
	if (strcmp(row->row.name, "cpu") == 0) {
		*count = cpu_tables(tables, *count, names);
		return 0;
	}
	if (row->open(&tables[*count].kernels, c->state, e))
		return -1;
	tables[(*count)++].name = row->row.name;
	return 0;
}

/* Those of every backend that is listed and opens here. */
static void add_all(struct check_table *tables, size_t *count, struct arena *names)
{
	for (size_t i = 0; family_backends.rows[i] && *count < MAX_TABLES; i++) {
		const struct choice c = {.row = family_backends.rows[i]};
		struct err e = {0};
		if (strcmp(c.row->name, "ref") != 0 && add_tables(&c, tables, count, names, &e))
			log_say("backend %s is not checked: %s", c.row->name, e.text);
	}
}

int check_run(const struct choice *only, void (*tell)(void *ctx, const struct check_result *r), void *ctx,
              struct err *e)
{
	struct check_table tables[MAX_TABLES];
	struct backend ref = {0};
	struct arena names = {0};
	size_t count = 0;
	int failed = -1;
	if (((const struct backend_row *)family_find(&family_backends, "ref"))->open(&ref, NULL, e))
		return -1;
	if (!only->row)
		add_all(tables, &count, &names);
	if (!only->row || add_tables(only, tables, &count, &names, e) == 0)
		failed = check_tables(&ref, tables, count, tell, ctx);
	arena_clear(&names);
	return failed;
}
