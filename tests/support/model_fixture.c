#include "tests/support/model_fixture.h"
#include <criterion/criterion.h>
#include <string.h>
#include "base/mem.h"
#include "registry.h"

const struct model_env fixture_env = {
        .data = {.n_train = 100,
                 .n_test = 10,
                 .channels = 1,
                 .height = 2,
                 .width = 3,
                 .n_classes = FIX_CLASSES},
        .batch = FIX_BATCH,
        .workers = FIX_WORKERS,
        .seed = 1,
};

size_t fixture_alloc_bytes;
static const struct memory *fixture_machine;
static struct memory fixture_memory;

static void *fixture_counting_alloc(size_t bytes, const char *what)
{
	fixture_alloc_bytes += bytes;
	return fixture_machine->alloc(bytes, what);
}

void fixture_settings(struct fixture *f, const char *json, const struct model_env *env)
{
	struct err e = {0};
	*f = (struct fixture){.env = *env};
	const struct json *value = json_read_text(&f->arena, "test", json, strlen(json), &e);
	cr_assert(value, "%s", e.text);
	cr_assert_eq(choice_parse(&family_models, &f->choice, value, NULL, &f->arena, &e), 0, "%s", e.text);
	f->model = (const struct model *)f->choice.row;
	f->env.model = f->model;
}

void fixture_open(struct fixture *f, const char *json, const char *backend, const struct model_env *env)
{
	struct err e = {0};
	fixture_settings(f, json, env);
	const struct row *machine = family_find(&family_backends, backend);
	cr_assert(machine);
	cr_assert_eq(((const struct backend_row *)machine)->open(&f->be, NULL, &e), 0, "%s", e.text);
	if (f->model->check)
		cr_assert_eq(f->model->check(f->choice.state, &f->env, &e), 0, "%s", e.text);
	fixture_alloc_bytes = 0;
	fixture_machine = f->be.memory;
	fixture_memory = *fixture_machine;
	fixture_memory.alloc = fixture_counting_alloc;
	f->be.memory = &fixture_memory;
	f->env.be = &f->be;
	f->env.queue = fixture_machine->queue_open();
	f->instance = f->model->create(f->choice.state, &f->env);
	f->n = f->model->n_params(f->choice.state, &f->env);
	f->x = mem_array(f->n, sizeof *f->x);
	f->g = mem_array(f->n, sizeof *f->g);
	f->model->init(f->instance, f->x);
}

void fixture_close(struct fixture *f)
{
	if (f->instance)
		f->model->destroy(f->instance);
	if (f->env.queue)
		fixture_machine->queue_close(f->env.queue);
	mem_free(f->x);
	mem_free(f->g);
	arena_clear(&f->arena);
}

double fixture_loss(struct fixture *f, const struct batch *batch)
{
	double sum = 0;
	size_t correct = 0;
	f->model->eval(f->instance, f->x, f->model->wants_data ? batch : NULL, &sum, &correct);
	return f->model->wants_data ? sum / batch->count : sum;
}

void fixture_refuses(const char *json, const char *expected)
{
	struct fixture f;
	struct err e = {0};
	fixture_settings(&f, json, &fixture_env);
	cr_assert(f.model->check, "%s checks nothing", json);
	cr_expect_eq(f.model->check(f.choice.state, &f.env, &e), -1, "%s was accepted", json);
	cr_expect_eq(e.code, EXIT_USER);
	cr_expect(strstr(e.text, expected), "%s: found \"%s\", expected \"%s\" in it", json, e.text,
	          expected);
	fixture_close(&f);
}
