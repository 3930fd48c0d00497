/* Opening and closing a trainer. */
#include <math.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "models/init/init_row.h"
#include "train/trainer_internal.h"

/* Refuse what cannot fit before anything is made: half of it would take long, and then the rest is missing.
 */
static int check_memory(const struct settings *s, const struct backend *be, int lanes, const struct link *l,
                        struct err *e)
{
	const struct plan_share share = {.hosted = l ? l->count : (int)s->workers,
	                                 .root = !l || l->root,
	                                 .meets = !l || l->meets,
	                                 .link = l,
	                                 .mirrors = l && !l->row->on_machine,
	                                 .be = be};
	struct plan plan;
	trainer_plan_share(s, lanes, &share, &plan);
	return plan_room(&plan, e);
}

static int open_parts(struct trainer *t, struct pool *pool, const struct link *link, struct err *e)
{
	const struct settings *s = t->settings;
	const struct method method = settings_method(s);
	t->workforce.pool = pool;
	if (link && (crowd_check(s, link->row, e) || observer_check(s, link->row, e)))
		return -1;
	if (settings_open_machine(s, &t->be, e) || check_memory(s, &t->be, pool_lanes(pool), link, e) ||
	    uplink_open(&t->uplink, s, &t->be, link, pool, e))
		return -1;
	if (t->be.slow)
		log_warn("%s", t->be.slow);
	if (t->be.reserve)
		t->be.reserve(pool_lanes(pool));
	const struct link *l = &t->uplink.link;
	observer_open(&t->observer, s, l->root, l->count);
	if (feed_open(&t->workforce.feed, s, pool, l->ids, l->count, l->root, e))
		return -1;
	t->queue = t->be.memory->queue_open();
	t->env = settings_model_env(s, &t->be);
	t->env.queue = t->queue;
	feed_keep(&t->workforce.feed, &t->be, t->queue);
	t->number = t->be.memory->alloc(sizeof *t->number, "sum");
	state_open(&t->state, s, &t->env, l->ids, l->count);
	state_open_colluders(&t->state, crowd_memory_floats(s, t->state.n));
	const struct rule_size size = settings_rule_size(s, t->state.n, pool_lanes(pool));
	const struct rule_memory memory = rule_memory(&size);
	if (l->meets)
		state_open_server(&t->state, uplink_combines(&t->uplink, &t->be), memory.vectors,
		                  memory.floats, method_answer_floats(&method, t->state.n));
	t->state.withholds = method_meets(&method) && !method.aggregator->weighing;
	workforce_open(&t->workforce, s, &t->env, &t->state, t->observer.probed.record.sign_failure > 0,
	               t->uplink.on_host);
	return 0;
}

static void open_round(struct trainer *t)
{
	const struct settings *s = t->settings;
	const struct state *st = &t->state;
	t->round = (struct round){.be = &t->be,
	                          .model = t->env.model,
	                          .method = settings_method(s),
	                          .feed = &t->workforce.feed,
	                          .x = st->x,
	                          .running = st->running,
	                          .carry_floats = st->carry_floats};
	t->round.job = method_job(&t->round.method, &t->be, s->seed, st->n);
	t->round.job.queue = t->queue;
	t->round.job.seen = t->workforce.lanes[0].seen;
	crowd_open(&t->crowd, s, &t->workforce, &t->round, st, uplink_combines(&t->uplink, &t->be));
	uplink_prepare(&t->uplink, s, &t->round, &t->workforce, st);
	t->state.varies = t->uplink.shape.push_varies || t->uplink.shape.pull_varies;
	evaluate_open(&t->observer.evaluation, s, t->env.model, st, &t->workforce);
}

/* Set the initial parameters: the model's own, replaced by the tensors of a file if there is one. */
static int open_start(struct trainer *t, struct err *e)
{
	const struct settings *s = t->settings;
	const struct init_row *init = (const struct init_row *)s->init.row;
	const struct state *st = &t->state;
	const struct memory *m = t->be.memory;
	void *instance = t->workforce.lanes[0].model;
	float *x = memory_mirror(m, st->x, st->n * sizeof *x),
	      *running = memory_mirror(m, st->running, st->running_floats * sizeof *running);
	t->env.model->init(instance, x);
	if (running)
		t->env.model->init_running(instance, running);
	int rc = init->read ? init->read(s->init.state, &t->env, s->model.state, x, running, e) : 0;
	m->upload(t->queue, st->x, x, st->n * sizeof *x);
	m->upload(t->queue, st->running, running, st->running_floats * sizeof *running);
	m->finish(t->queue);
	memory_mirror_free(m, x);
	memory_mirror_free(m, running);
	if (rc)
		return -1;
	workforce_load(&t->workforce, st->x);
	return 0;
}

static void open_schedule(struct trainer *t)
{
	struct smoothness known = {NAN, NAN, NAN, NAN};
	if (t->env.model->theory)
		t->env.model->theory(t->workforce.lanes[0].model, t->state.x, &known);
	t->schedule = (const struct schedule *)t->settings->lr.row;
	t->schedule_env = (struct schedule_env){.steps = t->settings->steps,
	                                        .steps_per_epoch = t->settings->steps_per_epoch,
	                                        .f0_minus_f_star = known.f0 - known.f_star,
	                                        .l1_l = known.l1_l};
}

struct trainer *trainer_open(const struct settings *s, struct pool *pool, const struct link *link,
                             struct err *e)
{
	struct trainer *t = mem_alloc(sizeof *t);
	t->settings = s;
	if (open_parts(t, pool, link, e)) {
		trainer_close(t);
		return NULL;
	}
	open_round(t);
	if (open_start(t, e)) {
		trainer_close(t);
		return NULL;
	}
	open_schedule(t);
	return t;
}

void trainer_close(struct trainer *t)
{
	if (!t)
		return;
	observer_close(&t->observer);
	crowd_close(&t->crowd, &t->be);
	workforce_close(&t->workforce);
	state_close(&t->state);
	uplink_close(&t->uplink, &t->be);
	if (t->number)
		t->be.memory->release(t->number);
	if (t->queue)
		t->be.memory->queue_close(t->queue);
	mem_free(t);
}

/* Of this machine, which may compute with another backend than the experiment says. */
static int check_backend(const struct settings *s, const struct transport *row, struct err *e)
{
	const char *has = (s->machine.row ? s->machine : s->backend).row->name;
	if (!row->backend || strcmp(has, row->backend) == 0)
		return 0;
	return err_user(e, "%s: transport \"%s\" moves the memory of backend \"%s\"; found backend \"%s\"",
	                s->source, row->row.name, row->backend, has);
}

int trainer_check_transport(const struct settings *s, struct err *e)
{
	const struct transport *row = (const struct transport *)s->transport.row;
	const struct exchange_rule rule = uplink_rule(s);
	if (check_backend(s, row, e))
		return -1;
	if (crowd_check(s, row, e) || observer_check(s, row, e))
		return -1;
	return row->check && row->check(s->transport.state, &rule, e) ? err_prefix(e, "%s", s->source) : 0;
}

int trainer_check_start(const struct settings *s, size_t n_params, struct err *e)
{
	const struct init_row *init = (const struct init_row *)s->init.row;
	const struct model *model = (const struct model *)s->model.row;
	struct model_env env = settings_model_env(s, NULL);
	if (!init->read)
		return 0;
	size_t n_running = model->running_floats ? model->running_floats(s->model.state, &env) : 0;
	float *x = mem_array(n_params, sizeof *x);
	float *running = n_running ? mem_array(n_running, sizeof *running) : NULL;
	int rc = init->read(s->init.state, &env, s->model.state, x, running, e);
	mem_free(x);
	mem_free(running);
	return rc ? err_prefix(e, "%s", s->source) : 0;
}
