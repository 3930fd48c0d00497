/* Making a trainer and taking it apart; saving and restoring its state; what it will take. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "experiment_check.h"
#include "models/init_row.h"
#include "registry.h"
#include "trainer_inside.h"

size_t trainer_eval_samples(const struct settings *s)
{
	return (size_t)s->eval.train < s->shape.n_train ? (size_t)s->eval.train : s->shape.n_train;
}

static size_t eval_batches(const struct settings *s)
{
	size_t longer = trainer_eval_samples(s) > s->shape.n_test ? trainer_eval_samples(s) : s->shape.n_test;
	return longer / (size_t)s->batch + TRAINER_STREAMS;
}

static const struct attack *attack_of(const struct settings *s)
{
	return (const struct attack *)s->adversaries.attack.row;
}

static size_t attack_floats(const struct settings *s, size_t n)
{
	const struct attack *attack = attack_of(s);
	return attack->memory_floats ? attack->memory_floats(s->adversaries.attack.state, n) : 0;
}

static bool forges_gradients(const struct settings *s)
{
	return s->adversaries.count > 0 && attack_of(s)->acts_on == ATTACK_GRADIENT;
}

static void open_lanes(struct trainer *t)
{
	int lanes = pool_lanes(t->pool);
	t->lanes = mem_array((size_t)lanes, sizeof *t->lanes);
	for (int i = 0; i < lanes; i++) {
		lane_open(&t->lanes[i], t->round.model, t->settings->model.state, &t->env, t->round.job.n,
		          forges_gradients(t->settings));
		t->env.sibling = t->lanes[0].model;
	}
}

static int first_honest(const struct settings *s)
{
	int id = 0;
	while (settings_lies(s, id))
		id++;
	return id;
}

static void open_worker(struct trainer *t, struct worker *w, int id)
{
	const struct settings *s = t->settings;
	size_t n = t->round.job.n;
	*w = (struct worker){
	        .id = (uint32_t)id, .v = t->be.alloc(n * sizeof(float)), .push = t->be.alloc(t->push_bytes)};
	if (t->carry_floats > 0)
		w->carry = t->be.alloc(t->carry_floats * sizeof(float));
	w->keeps_running = id == first_honest(s);
	if (s->record.sign_failure > 0)
		w->signs = t->be.alloc(sign_plane_bytes(n));
	if (!settings_lies(s, id))
		return;
	w->attack = attack_of(s);
	w->attack_state = s->adversaries.attack.state;
	w->memory_floats = attack_floats(s, n);
	if (w->memory_floats > 0)
		w->memory = t->be.alloc(w->memory_floats * sizeof(float));
}

static void open_workers(struct trainer *t)
{
	t->workers = mem_array((size_t)t->count, sizeof *t->workers);
	t->pushes = mem_array((size_t)t->count, sizeof *t->pushes);
	for (int i = 0; i < t->count; i++) {
		open_worker(t, &t->workers[i], t->first + i);
		t->pushes[i] = t->workers[i].push;
	}
}

static void add_part(struct trainer *t, char *name, size_t count, float *at)
{
	t->parts[t->n_parts++] = (struct checkpoint_part){.name = name, .count = count, .at = at};
}

static void open_parts(struct trainer *t)
{
	t->parts = mem_array(3 * (size_t)t->count + 3, sizeof *t->parts);
	add_part(t, mem_string("x"), t->round.job.n, t->x);
	if (t->optimiser)
		add_part(t, mem_string("optimiser"), t->optimiser_floats, t->optimiser);
	if (t->running)
		add_part(t, mem_string("running"), t->running_floats, t->running);
	for (int i = 0; i < t->count; i++) {
		const struct worker *w = &t->workers[i];
		if (w->carry)
			add_part(t, mem_format("carry/%u", w->id), t->carry_floats, w->carry);
		add_part(t, mem_format("momentum/%u", w->id), t->round.job.n, w->v);
		if (w->memory)
			add_part(t, mem_format("adversary/%u", w->id), w->memory_floats, w->memory);
	}
}

static int open_data(struct trainer *t, struct err *e)
{
	const struct settings *s = t->settings;
	const struct data_source *source = (const struct data_source *)s->data.row;
	struct data_env env = {.dir = s->data_dir[0] ? s->data_dir : NULL, .seed = s->seed, .pool = t->pool};
	if (!source->load)
		return 0;
	if (source->load(s->data.state, &env, &t->data, e))
		return -1;
	if (t->data.note)
		log_warn("data set %s: %s", source->row.name, t->data.note);
	t->round.data = &t->data;
	if (t->data.shape.window > 0)
		return 0;
	partition_init(&t->partition, &t->data, (enum partition_kind)s->partition, (int)s->workers, s->seed);
	t->round.partition = &t->partition;
	trainer_feed_open(t);
	return 0;
}

static void open_schedule(struct trainer *t)
{
	struct smoothness known = {NAN, NAN, NAN, NAN};
	if (t->round.model->theory)
		t->round.model->theory(t->lanes[0].model, t->x, &known);
	t->schedule = (const struct schedule *)t->settings->lr.row;
	t->schedule_env = (struct schedule_env){.steps = t->settings->steps,
	                                        .steps_per_epoch = t->settings->steps_per_epoch,
	                                        .f0_minus_f_star = known.f0 - known.f_star,
	                                        .l1_l = known.l1_l};
}

static int open_engines(struct trainer *t, struct err *e)
{
	const struct settings *s = t->settings;
	const struct backend_row *backend = (const struct backend_row *)s->backend.row;
	struct transport_env env = {.workers = (int)s->workers, .pool = t->pool};
	if (backend->open(&t->be, e))
		return -1;
	t->transport = (const struct transport *)family_transports.rows[0];
	t->transport_self = t->transport->open(NULL, &env, &t->first, &t->count, e);
	return t->transport_self ? 0 : -1;
}

static void open_round(struct trainer *t)
{
	const struct settings *s = t->settings;
	t->env = settings_model_env(s, &t->be);
	t->round.be = &t->be;
	t->round.model = (const struct model *)s->model.row;
	t->round.agg = (const struct aggregator *)s->aggregator.row;
	t->round.batch = (int)s->batch;
	size_t n = t->round.model->n_params(s->model.state, &t->env);
	t->round.job = (struct agg_job){.state = s->aggregator.state, .be = &t->be, .seed = s->seed, .n = n};
	t->push_bytes = t->round.agg->push_bytes(s->aggregator.state, n);
	t->pull_bytes = t->round.agg->pull_bytes(s->aggregator.state, n);
	t->optimiser_floats =
	        t->round.agg->memory_floats ? t->round.agg->memory_floats(s->aggregator.state, n) : 0;
	t->running_floats =
	        t->round.model->running_floats ? t->round.model->running_floats(s->model.state, &t->env) : 0;
	t->carry_floats =
	        t->round.model->carry_floats ? t->round.model->carry_floats(s->model.state, &t->env) : 0;
	if (t->running_floats > 0)
		t->running = t->be.alloc(t->running_floats * sizeof(float));
	t->round.running = t->running;
	t->x = t->be.alloc(n * sizeof(float));
	t->pull = t->be.alloc(t->pull_bytes);
	if (t->optimiser_floats > 0)
		t->optimiser = t->be.alloc(t->optimiser_floats * sizeof(float));
	t->round.x = t->x;
}

/* The starting point: the model's own, and what a file says over it. */
static int open_start(struct trainer *t, struct err *e)
{
	const struct settings *s = t->settings;
	const struct init_row *init = (const struct init_row *)s->init.row;
	t->round.model->init(t->lanes[0].model, t->x);
	if (t->running)
		t->round.model->init_running(t->lanes[0].model, t->running);
	if (init->read && init->read(s->init.state, &t->env, s->model.state, t->x, t->running, e))
		return -1;
	trainer_load(t);
	return 0;
}

struct trainer *trainer_open(const struct settings *s, struct pool *pool, struct err *e)
{
	struct trainer *t = mem_alloc(sizeof *t);
	t->settings = s;
	t->pool = pool;
	if (open_engines(t, e) || open_data(t, e)) {
		trainer_close(t);
		return NULL;
	}
	open_round(t);
	open_lanes(t);
	open_workers(t);
	open_parts(t);
	if (open_start(t, e)) {
		trainer_close(t);
		return NULL;
	}
	open_schedule(t);
	if (t->data.shape.window > 0)
		trainer_text_open(t);
	t->sums = mem_array(eval_batches(s), sizeof *t->sums);
	if (probe_passes(s))
		t->order = mem_array(t->data.shape.n_train, sizeof *t->order);
	return t;
}

static void close_workers(struct trainer *t)
{
	for (int i = 0; t->workers && i < t->count; i++) {
		struct worker *w = &t->workers[i];
		t->be.release(w->v);
		t->be.release(w->push);
		t->be.release(w->signs);
		t->be.release(w->carry);
		t->be.release(w->memory);
	}
	mem_free(t->workers);
	mem_free(t->pushes);
}

void trainer_close(struct trainer *t)
{
	if (!t)
		return;
	probe_close(t->probe);
	reader_close(t->round.reader);
	for (int i = pool_lanes(t->pool) - 1; t->lanes && i >= 0; i--) /* others borrow from the first */
		lane_close(&t->lanes[i], t->round.model, &t->be);
	mem_free(t->lanes);
	close_workers(t);
	for (size_t i = 0; i < t->n_parts; i++)
		mem_free((void *)(uintptr_t)t->parts[i].name);
	mem_free(t->parts);
	mem_free(t->sums);
	mem_free(t->order);
	if (t->be.release) {
		t->be.release(t->x);
		t->be.release(t->running);
		t->be.release(t->streams);
		t->be.release(t->pull);
		t->be.release(t->optimiser);
	}
	if (t->transport_self)
		t->transport->close(t->transport_self);
	if (t->round.partition)
		partition_clear(&t->partition);
	dataset_clear(&t->data);
	mem_free(t);
}

void trainer_probe(struct trainer *t, struct record *r)
{
	probe_close(t->probe);
	t->probe = probe_open(t->settings, &t->be, t->round.job.n, r);
}

void trainer_meta(const struct trainer *t, struct record_meta *m)
{
	const struct settings *s = t->settings;
	*m = (struct record_meta){
	        .name = s->name,
	        .id = s->id,
	        .given = s->given,
	        .resolved = s->resolved,
	        .backend = t->be.name,
	        .backend_detail = t->be.detail,
	        .lanes = pool_lanes(t->pool),
	        .steps = s->steps,
	        .every = s->record.every,
	        .workers = (int)s->workers,
	        .adversaries = (int)s->adversaries.count,
	        .attack = s->adversaries.count > 0 ? s->adversaries.attack.row->name : "none",
	        .aggregator = s->aggregator.row->name,
	        .model = s->model.row->name,
	        .data = s->data.row->name,
	        .data_note = t->data.note,
	        .text = t->data.shape.window > 0,
	        .seed = s->seed,
	        .n_params = t->round.job.n,
	        .push_bytes = t->push_bytes,
	        .pull_bytes = t->pull_bytes,
	};
}

/* PyTorch counts the batches of every normalisation, and misses the counter when it is not there. */
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

void trainer_final(const struct trainer *t, struct record *r)
{
	struct tensor piece;
	for (size_t i = 0; t->round.model->tensor(t->settings->model.state, &t->env, i, &piece); i++)
		record_final(r, piece.name, piece.rank, piece.dims, t->x + piece.offset);
	for (size_t i = 0;
	     t->running && t->round.model->running(t->settings->model.state, &t->env, i, &piece); i++) {
		record_final(r, piece.name, piece.rank, piece.dims, t->running + piece.offset);
		final_counter(r, piece.name, t->steps_done);
	}
}

int trainer_save(const struct trainer *t, const char *path, struct err *e)
{
	return checkpoint_write(path, t->settings->id, t->steps_done, t->n_parts, t->parts, e);
}

int trainer_restore(struct trainer *t, const char *path, struct err *e)
{
	if (checkpoint_read(path, t->settings->id, &t->steps_done, t->n_parts, t->parts, e))
		return -1;
	trainer_load(t);
	t->bytes = (uint64_t)t->steps_done * (uint64_t)t->count * (t->push_bytes + t->pull_bytes);
	return 0;
}

void trainer_profile(const struct trainer *t, struct record *r)
{
	const struct model *model = t->round.model;
	const void *state = t->settings->model.state;
	struct layer_info info;
	size_t count = 0;
	if (!t->settings->profile || !model->layer)
		return;
	while (model->layer(state, &t->env, NULL, count, &info))
		count++;
	struct layer_row *rows = mem_array(count, sizeof *rows);
	for (size_t i = 0; i < count; i++)
		for (int lane = 0; lane < pool_lanes(t->pool); lane++) {
			model->layer(state, &t->env, t->lanes[lane].model, i, &info);
			snprintf(rows[i].name, sizeof rows[i].name, "%s%s%s", info.name,
			         *info.name ? " " : "", info.kind);
			rows[i].forward_s += info.forward_s;
			rows[i].backward_s += info.backward_s;
		}
	record_profile(r, count, rows);
	mem_free(rows);
}
