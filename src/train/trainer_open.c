/* Making a trainer and taking it apart; saving and restoring its state; what it will take. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "experiment/check.h"
#include "models/init/init_row.h"
#include "registry.h"
#include "train/trainer_internal.h"

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

static void open_worker(struct trainer *t, struct worker *w, int id)
{
	const struct settings *s = t->settings;
	size_t n = t->round.job.n;
	*w = (struct worker){.id = (uint32_t)id, .push = t->be.alloc(t->push_bytes)};
	w->v = trainer_block(t, id, &w->carry, &w->memory, &w->memory_floats);
	if (t->probed.record.sign_failure > 0)
		w->signs = t->be.alloc(sign_plane_bytes(n));
	if (!settings_is_byzantine(s, id))
		return;
	w->attack = attack_of(s);
	w->attack_state = s->adversaries.attack.state;
}

static void open_workers(struct trainer *t)
{
	t->workers = mem_array((size_t)t->count, sizeof *t->workers);
	t->pushes = mem_array((size_t)t->count, sizeof *t->pushes);
	for (int i = 0; i < t->count; i++) {
		open_worker(t, &t->workers[i], t->link.ids[i]);
		t->pushes[i] = t->workers[i].push;
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

/* Messages and workers of all processes are seen in one of them only if they all live there. */
static void choose_probes(struct trainer *t)
{
	const struct settings *s = t->settings;
	const char *key = probe_needs_all(s);
	t->probed = *s;
	if (!key || t->count == (int)s->workers)
		return;
	if (t->link.root)
		log_warn("%s: `record.%s` is left out: it looks at every worker's message, and they live in "
		         "several processes; `signsgd simulate` gives the same bits and records it",
		         s->source, key);
	t->probed.record.agreement = t->probed.record.margin = 0;
	t->probed.record.norms = t->probed.record.sign_failure = 0;
}

static int open_engines(struct trainer *t, const struct link *link, struct err *e)
{
	const struct settings *s = t->settings;
	const struct backend_row *backend = (const struct backend_row *)s->backend.row;
	struct transport_env env = {.workers = (int)s->workers, .pool = t->pool};
	const struct transport *local = (const struct transport *)family_find(&family_transports, "local");
	if (backend->open(&t->be, e))
		return -1;
	t->borrowed = link != NULL;
	if (link)
		t->link = *link;
	else if (local->open(NULL, &env, &t->link, e))
		return -1;
	t->count = t->link.count;
	choose_probes(t);
	return 0;
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
	t->round.job = (struct step_job){.state = s->aggregator.state, .be = &t->be, .seed = s->seed, .n = n};
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

struct trainer *trainer_open(const struct settings *s, struct pool *pool, const struct link *link,
                             struct err *e)
{
	struct trainer *t = mem_alloc(sizeof *t);
	t->settings = s;
	t->pool = pool;
	if (open_engines(t, link, e) || open_data(t, e)) {
		trainer_close(t);
		return NULL;
	}
	open_round(t);
	trainer_state_open(t);
	open_lanes(t);
	open_workers(t);
	if (open_start(t, e)) {
		trainer_close(t);
		return NULL;
	}
	open_schedule(t);
	trainer_post_open(t);
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
		t->be.release(w->push);
		t->be.release(w->signs);
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
	trainer_state_close(t);
	mem_free(t->sums);
	mem_free(t->order);
	mem_free(t->posted);
	if (t->be.release) {
		t->be.release(t->x);
		t->be.release(t->running);
		t->be.release(t->streams);
		t->be.release(t->pull);
		t->be.release(t->optimiser);
	}
	if (t->link.self && !t->borrowed)
		t->link.row->close(t->link.self);
	if (t->round.partition)
		partition_clear(&t->partition);
	dataset_clear(&t->data);
	mem_free(t);
}

void trainer_probe(struct trainer *t, struct record *r)
{
	probe_close(t->probe);
	t->probe = probe_open(&t->probed, &t->be, t->round.job.n, r);
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
