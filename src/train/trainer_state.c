/*
 * The state of a run between two steps: every worker's block, the parts that all processes hold; saving,
 * restoring, and carrying it between the processes of a run.
 */
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "models/init/init_row.h"
#include "registry.h"
#include "train/trainer_internal.h"

enum { BLOCK_FLOATS = 16 }; /* parts of a block begin at multiples of 64 bytes */

static size_t whole(size_t floats)
{
	return (floats + BLOCK_FLOATS - 1) / BLOCK_FLOATS * BLOCK_FLOATS;
}

static size_t attack_floats(const struct settings *s, int id, size_t n)
{
	const struct attack *attack = (const struct attack *)s->adversaries.attack.row;
	if (!settings_is_byzantine(s, id) || !attack->memory_floats)
		return 0;
	return attack->memory_floats(s->adversaries.attack.state, n);
}

void trainer_state_open(struct trainer *t)
{
	size_t workers = (size_t)t->settings->workers;
	t->honest = mem_array(workers, sizeof *t->honest);
	t->loss = mem_array(workers, sizeof *t->loss);
	t->born = mem_array(workers, sizeof *t->born);
	t->reported_born = mem_array(workers, sizeof *t->reported_born);
	t->block_floats = mem_array(workers, sizeof *t->block_floats);
	t->blocks = mem_array(workers, sizeof *t->blocks);
	for (int m = 0; m < (int)workers; m++) {
		t->honest[m] = !settings_is_byzantine(t->settings, m);
		t->block_floats[m] = whole(t->round.job.n) + whole(t->carry_floats) +
		                     attack_floats(t->settings, m, t->round.job.n);
	}
	while (!t->honest[t->bn_owner])
		t->bn_owner++;
	if (t->running)
		t->running_before = mem_array(t->running_floats, sizeof *t->running_before);
}

void trainer_state_close(struct trainer *t)
{
	for (int m = 0; t->blocks && m < (int)t->settings->workers; m++)
		mem_free(t->blocks[m]);
	mem_free(t->blocks);
	mem_free(t->block_floats);
	mem_free(t->honest);
	mem_free(t->loss);
	mem_free(t->born);
	mem_free(t->reported_born);
	mem_free(t->running_before);
}

float *trainer_block(struct trainer *t, int id, float **carry, float **memory, size_t *memory_floats)
{
	size_t n = whole(t->round.job.n), carried = whole(t->carry_floats);
	float *block = mem_array(t->block_floats[id], sizeof *block);
	*memory_floats = attack_floats(t->settings, id, t->round.job.n);
	*carry = t->carry_floats > 0 ? block + n : NULL;
	*memory = *memory_floats > 0 ? block + n + carried : NULL;
	t->blocks[id] = block;
	return block;
}

void trainer_anew(struct trainer *t, int id)
{
	memset(t->blocks[id], 0, t->block_floats[id] * sizeof(float));
	t->born[id] = t->steps_done;
}

bool trainer_hosts(const struct trainer *t, int id)
{
	for (int i = 0; i < t->count; i++)
		if (t->link.ids[i] == id)
			return true;
	return false;
}

/* Memory for the blocks of workers that live elsewhere. */
static void lend_blocks(struct trainer *t)
{
	for (int m = 0; m < (int)t->settings->workers; m++)
		if (!t->blocks[m])
			t->blocks[m] = mem_array(t->block_floats[m], sizeof(float));
}

void trainer_return_blocks(struct trainer *t)
{
	for (int m = 0; m < (int)t->settings->workers; m++)
		if (t->blocks[m] && !trainer_hosts(t, m)) {
			mem_free(t->blocks[m]);
			t->blocks[m] = NULL;
		}
}

/* What a checkpoint holds, a name and a place each. */
struct parts {
	size_t count;
	struct checkpoint_part *at; /* [count] */
	struct arena arena;
};

static void add_part(struct parts *p, const char *name, size_t count, float *at)
{
	p->at[p->count++] = (struct checkpoint_part){.name = name, .count = count, .at = at};
}

/* A worker's part. It is missing after a run whose workers lived elsewhere and kept their own. */
static void add_own(struct trainer *t, struct parts *p, const char *kind, int m, size_t count, float *at)
{
	add_part(p, arena_format(&p->arena, "%s/%d", kind, m), count, at);
	p->at[p->count - 1].number = &t->born[m];
	p->at[p->count - 1].optional = true;
}

static void list_parts(struct trainer *t, struct parts *p)
{
	const struct settings *s = t->settings;
	size_t n = t->round.job.n;
	*p = (struct parts){.at = mem_array(3 * (size_t)s->workers + 3, sizeof *p->at)};
	add_part(p, "x", n, t->x);
	if (t->optimiser)
		add_part(p, "optimiser", t->optimiser_floats, t->optimiser);
	if (t->running) {
		add_part(p, "running", t->running_floats, t->running);
		p->at[p->count - 1].number = &t->saved_bn_owner;
	}
	for (int m = 0; m < (int)s->workers; m++) {
		float *block = t->blocks[m];
		size_t memory = attack_floats(s, m, n);
		if (!block)
			continue;
		if (t->carry_floats > 0)
			add_own(t, p, "carry", m, t->carry_floats, block + whole(n));
		add_own(t, p, "momentum", m, n, block);
		if (memory > 0)
			add_own(t, p, "adversary", m, memory, block + whole(n) + whole(t->carry_floats));
	}
}

static void parts_clear(struct parts *p)
{
	mem_free(p->at);
	arena_clear(&p->arena);
}

static struct train_state *lend_state(struct trainer *t)
{
	const struct init_row *init = (const struct init_row *)t->settings->init.row;
	t->state = (struct train_state){.step = t->steps_done,
	                                .x = {t->round.job.n, t->x},
	                                .optimizer = {t->optimiser_floats, t->optimiser},
	                                .running = {t->running_floats, t->running},
	                                .worker_floats = t->block_floats,
	                                .workers = t->blocks,
	                                .born = t->born,
	                                .given = t->steps_done > 0 || init->file,
	                                .bn_owner = t->bn_owner};
	return &t->state;
}

int trainer_save(struct trainer *t, const char *path, struct err *e)
{
	bool root = t->link.root;
	if (root && t->link.row->collect)
		lend_blocks(t);
	if (t->link.row->collect && t->link.row->collect(t->link.self, lend_state(t), e))
		return -1;
	return root ? trainer_save_alone(t, path, e) : 0;
}

int trainer_save_alone(struct trainer *t, const char *path, struct err *e)
{
	struct parts parts;
	t->saved_bn_owner = t->bn_owner;
	list_parts(t, &parts);
	int rc = checkpoint_write(path, t->settings->id, t->steps_done, parts.count, parts.at, e);
	parts_clear(&parts);
	trainer_return_blocks(t);
	return rc;
}

static bool is_missing(const struct trainer *t, const struct parts *p, int m)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->at[i].missing && p->at[i].number == &t->born[m])
			return true;
	return false;
}

/* Workers of whom the file does not hold all begin anew, those here now and others when they join. */
static void drop_missing(struct trainer *t, const struct parts *p)
{
	int here = 0;
	for (int m = 0; m < (int)t->settings->workers; m++) {
		if (!is_missing(t, p, m))
			continue;
		trainer_anew(t, m);
		here += trainer_hosts(t, m);
		if (!trainer_hosts(t, m)) {
			mem_free(t->blocks[m]);
			t->blocks[m] = NULL;
		}
	}
	if (here > 0)
		log_say("%d workers kept their states to themselves and begin anew after step %lld", here,
		        (long long)t->steps_done);
}

int trainer_restore(struct trainer *t, const char *path, struct err *e)
{
	struct parts parts;
	lend_blocks(t);
	t->saved_bn_owner = t->bn_owner;
	list_parts(t, &parts);
	int rc = checkpoint_read(path, t->settings->id, &t->steps_done, parts.count, parts.at, e);
	if (!rc) {
		drop_missing(t, &parts);
		if (t->saved_bn_owner >= 0 && t->saved_bn_owner < t->settings->workers)
			t->bn_owner = (int)t->saved_bn_owner;
		trainer_load(t);
		t->bytes = (uint64_t)t->steps_done * (uint64_t)t->settings->workers *
		           (t->push_bytes + t->pull_bytes);
	}
	parts_clear(&parts);
	return rc ? -1 : 0;
}

void trainer_faults(const struct trainer *t, struct record *r)
{
	const struct fault_table *f = t->link.row->faults ? t->link.row->faults(t->link.self) : NULL;
	size_t rows = (size_t)t->settings->workers + 1; /* the last of nobody that is known */
	if (!f)
		return;
	uint64_t *counts = mem_array(rows, sizeof *counts);
	for (int k = 0; k < f->n_kinds; k++) {
		for (size_t m = 0; m < rows; m++)
			counts[m] = f->counts[m * (size_t)f->n_kinds + (size_t)k];
		record_faults(r, f->kinds[k], rows, counts);
	}
	mem_free(counts);
}

int trainer_sync(struct trainer *t, struct err *e)
{
	struct train_state *st = lend_state(t);
	if (!t->link.row->sync)
		return 0;
	if (t->link.row->sync(t->link.self, st, e))
		return -1;
	t->steps_done = st->step;
	t->bn_owner = st->bn_owner;
	trainer_load(t);
	return 0;
}
