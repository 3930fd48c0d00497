/* What a trainer writes into the result file. */
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "h5/h5.h"
#include "train/trainer_internal.h"

void trainer_probe(struct trainer *t, struct record *r)
{
	probe_close(t->observer.probe);
	t->observer.probe =
	        probe_open(&t->observer.probed, &t->be, t->queue, t->workforce.pool, t->state.n, r);
	t->uplink.probe = t->observer.probe;
}

static void write_table(struct h5 *f, const char *path, int rank, const size_t *dims, const int64_t *values,
                        const char *unit, const char *about)
{
	h5_write(f, path, H5_I64, rank, dims, values);
	h5_set_text(f, path, "unit", unit);
	h5_set_text(f, path, "about", about);
}

void trainer_partition(const struct trainer *t, struct record *r)
{
	const struct settings *s = t->settings;
	const struct feed *f = &t->workforce.feed;
	bool text = f->kind == FEED_TEXT;
	size_t dims[] = {(size_t)s->workers, text ? 1 : (size_t)s->shape.n_classes};
	if (f->kind == FEED_NONE)
		return;
	int64_t *count = mem_array(dims[0], dims[1] * sizeof *count);
	if (!text)
		partition_count(&f->partition, &f->data, count);
	for (size_t w = 0; text && w < dims[0]; w++)
		count[w] = (int64_t)f->walk.positions * s->batch.of[w];
	write_table(record_file(r), "/partition/samples", 2, dims, count, text ? "tokens" : "samples",
	            text ? "tokens of each worker's shard" : "samples of each class in each worker's shard");
	write_table(record_file(r), "/partition/batch", 1, dims, s->batch.of, text ? "sequences" : "samples",
	            "of each worker in a step; 0: it has no data");
	mem_free(count);
}

void trainer_meta(const struct trainer *t, struct record_meta *m)
{
	const struct settings *s = t->settings;
	*m = (struct record_meta){
	        .name = s->name,
	        .id = s->id,
	        .given = s->given,
	        .resolved = s->resolved,
	        .group = s->group,
	        .backend = t->be.name,
	        .backend_detail = t->be.detail,
	        .lanes = pool_lanes(t->workforce.pool),
	        .steps = s->steps,
	        .every = s->record.every,
	        .workers = (int)s->workers,
	        .adversaries = (int)s->adversaries.count,
	        .attack = "none",
	        .aggregator = s->method,
	        .model = s->model.row->name,
	        .data = s->data.row->name,
	        .data_note = t->workforce.feed.data.note,
	        .text = t->workforce.feed.data.shape.window > 0,
	        .validation = t->workforce.feed.data.shape.n_validation > 0,
	        .seed = s->seed,
	        .n_params = t->state.n,
	        .push_bytes = t->uplink.shape.push_bytes,
	        .pull_bytes = t->uplink.shape.pull_bytes,
	        .push_varies = message_varies(&t->round.method.push),
	        .pull_varies = t->round.method.two_way && message_varies(&t->round.method.push),
	        .withholds = t->state.withholds,
	        .privacy = t->round.method.compressor->privacy,
	        .coded = t->settings->parts != NULL,
	};
	if (s->adversaries.count > 0)
		attack_name(&s->adversaries.attack, m->attack);
}

/* Write the counter of batches that PyTorch has for every normalisation: it refuses a file without it. */
static void final_counter(struct record *r, const char *name, int64_t batches)
{
	static const char mean[] = "running_mean";
	size_t length = strlen(name), end = sizeof mean - 1;
	if (length < end || strcmp(name + length - end, mean) != 0)
		return;
	char *counter = mem_format("%.*snum_batches_tracked", (int)(length - end), name);
	record_final_count(r, counter, batches);
	mem_free(counter);
}

void trainer_final(struct trainer *t, struct record *r)
{
	struct tensor tensor;
	state_show_shared(&t->state);
	for (size_t i = 0; t->env.model->tensor(t->settings->model.state, &t->env, i, &tensor); i++)
		record_final(r, tensor.name, tensor.rank, tensor.dims, t->state.x_seen + tensor.offset);
	for (size_t i = 0;
	     t->state.running && t->env.model->running(t->settings->model.state, &t->env, i, &tensor); i++) {
		record_final(r, tensor.name, tensor.rank, tensor.dims, t->state.running_seen + tensor.offset);
		final_counter(r, tensor.name, t->state.step);
	}
}

/* Add the times of layer `index` in all instances of a lane. */
static void add_times(const struct trainer *t, const struct lane *l, size_t index, struct layer_row *row)
{
	struct layer_info info;
	for (int i = -1; i < l->n_others; i++) {
		t->env.model->layer(t->settings->model.state, &t->env, i < 0 ? l->model : l->others[i].model,
		                    index, &info);
		row->forward_s += info.forward_s;
		row->backward_s += info.backward_s;
	}
	snprintf(row->name, sizeof row->name, "%s%s%s", info.name, *info.name ? " " : "", info.kind);
}

void trainer_profile(const struct trainer *t, struct record *r)
{
	const struct model *model = t->env.model;
	const void *state = t->settings->model.state;
	struct layer_info info;
	size_t count = 0;
	if (!t->settings->profile || !model->layer)
		return;
	while (model->layer(state, &t->env, NULL, count, &info))
		count++;
	struct layer_row *rows = mem_array(count, sizeof *rows);
	for (size_t i = 0; i < count; i++)
		for (int lane = 0; lane < pool_lanes(t->workforce.pool); lane++)
			add_times(t, &t->workforce.lanes[lane], i, &rows[i]);
	record_profile(r, count, rows);
	mem_free(rows);
}

void trainer_faults(const struct trainer *t, struct record *r)
{
	const struct link *l = &t->uplink.link;
	const struct fault_table *f = l->row->faults ? l->row->faults(l->self) : NULL;
	size_t rows = (size_t)t->settings->workers + 1; /* the last row: unknown senders */
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

static void set_count(struct record *r, const char *name, size_t count)
{
	if (count > 0)
		h5_set_int(record_file(r), "/meta", name, (int64_t)count);
}

void trainer_skipped(const struct trainer *t, struct record *r)
{
	struct reader *reader = t->workforce.feed.reader;
	if (!reader)
		return;
	set_count(r, "data_skipped", reader_skipped(reader));
	set_count(r, "data_odd", reader_odd(reader));
}
