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

static void walk_kernel(struct walk *w)
{
	const struct kernel *k = w->kernel;
	size_t words = sign_words(WALK_FLOATS) + WALK_GUARD;
	kernel_memory_open(&w->given, k, WALK_FLOATS, words, k->shape == SHAPE_VOTE ? WALK_WORKERS : 0);
	kernel_memory_open(&w->want, k, WALK_FLOATS, words, 0);
	kernel_memory_open(&w->got, k, WALK_FLOATS, words, 0);
	kernel_memory_open(&w->size, k, WALK_FLOATS, words, 0);
	walk_cases(w);
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
	for (size_t i = 0; i < kernel_count; i++) {
		const struct kernel *k = &kernel_table[i];
		for (size_t t = 0; t < count; t++)
			results[t] = (struct check_result){.kernel = k->name,
			                                   .backend = tables[t].name,
			                                   .passed = true,
			                                   .allowed = k->allowed};
		struct walk w = {.kernel = k, .ref = ref, .table = tables, .result = results, .count = count};
		walk_kernel(&w);
		for (size_t t = 0; t < count; t++) {
			failed += !results[t].passed;
			tell(ctx, &results[t]);
		}
	}
	mem_free(results);
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

int check_run(void (*tell)(void *ctx, const struct check_result *r), void *ctx)
{
	struct check_table tables[MAX_TABLES];
	struct backend ref = {0};
	struct arena names = {0};
	size_t count = 0;
	for (size_t i = 0; family_backends.rows[i] && count < MAX_TABLES; i++) {
		const struct backend_row *row = (const struct backend_row *)family_backends.rows[i];
		struct err e = {0};
		struct backend *b = strcmp(row->row.name, "ref") == 0 ? &ref : &tables[count].kernels;
		if (strcmp(row->row.name, "cpu") == 0)
			count = cpu_tables(tables, count, &names);
		else if (row->open(b, NULL, &e))
			log_say("backend %s is not checked: %s", row->row.name, e.text);
		else if (b != &ref)
			tables[count++].name = row->row.name;
	}
	if (!ref.name)
		BUG("the registry has no backend 'ref'");
	int failed = check_tables(&ref, tables, count, tell, ctx);
	arena_clear(&names);
	return failed;
}
