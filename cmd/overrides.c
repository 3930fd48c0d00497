/* Options become changes of settings, in the order given. */
#include "cmd/overrides.h"

#include <string.h>
#include "config/json.h"
#include "base/pool.h"
#include "transport/launch.h"
#include "base/text.h"
#include "registry.h"

enum { LANES_MAX = 1024 };

/* The key that an option stands for. Quoted: the value is text even where it looks like a number. */
static const struct mapping {
	const char *option, *key;
	bool quoted;
} mappings[] = {
        {"workers", "workers", false},
        {"adversaries", "adversaries.count", false},
        {"attack", "adversaries.attack", false},
        {"steps", "steps", false},
        {"seed", "seed", true},
        {"data", "data_dir", true},
        {"out", "out", true},
        {"transport", "transport", false},
};

static void add(struct overrides *c, const char *key, const char *value, const char *option)
{
	c->at[c->count++] = (struct change){key, value, option};
}

static const char *quoted(struct arena *a, const char *value)
{
	struct buf b = {0};
	json_write_string(&b, value);
	char *text = arena_string(a, b.text);
	buf_clear(&b);
	return text;
}

static int add_set(struct overrides *c, const char *given, const char *option, struct err *e)
{
	const char *equals = strchr(given, '=');

	if (!equals || equals == given)
		return err_user(e, "%s: expected KEY=VALUE, as in --set momentum=0.9", option);
	add(c, arena_format(&c->arena, "%.*s", (int)(equals - given), given), equals + 1, option);
	return 0;
}

static int add_given(struct overrides *c, const struct option *o, const char *value, bool remote,
                     struct err *e)
{
	char shown[256];
	const char *option =
	        arena_format(&c->arena, "--%s %s", o->name, text_shown(value, shown, sizeof(shown)));

	if (!strcmp(o->name, "set"))
		return add_set(c, value, option, e);
	for (size_t i = 0; i < sizeof(mappings) / sizeof(mappings[0]); i++) {
		const struct mapping *m = &mappings[i];
		if (strcmp(o->name, m->option) || (remote && strcmp(m->key, "data_dir")))
			continue;
		if (!strcmp(m->key, "steps")) /* the file may give epochs, which would contradict */
			add(c, "epochs", "0", option);
		add(c, m->key, m->quoted ? quoted(&c->arena, value) : value, option);
	}
	return 0;
}

static int init(struct overrides *c, const struct args *a, const struct change *more, size_t n_more,
                bool remote, struct err *e)
{
	*c = (struct overrides){0};
	c->at = arena_alloc(&c->arena, (n_more + 2 * a->n_given) * sizeof(*c->at)); /* --steps makes two */
	for (size_t i = 0; i < n_more; i++)
		add(c, more[i].key, more[i].value, more[i].option);
	for (size_t i = 0; i < a->n_given; i++)
		if (add_given(c, a->given[i].option, a->given[i].value, remote, e))
			return -1;
	return 0;
}

int overrides_init(struct overrides *c, const struct args *a, const struct change *more, size_t n_more,
                   struct err *e)
{
	return init(c, a, more, n_more, false, e);
}

int overrides_remote(struct overrides *c, const struct args *a, struct err *e)
{
	return init(c, a, NULL, 0, true, e);
}

void overrides_clear(struct overrides *c)
{
	arena_clear(&c->arena);
	*c = (struct overrides){0};
}

int overrides_read(const struct overrides *c, const struct args *a, const char *path, struct runs *out,
                   struct err *e)
{
	return args_flag(a, "strict") ? experiment_read_strict(out, path, c->at, c->count, e)
	                              : experiment_read(out, path, c->at, c->count, e);
}

int machine_of(const struct args *a, struct arena *arena, struct choice *out, struct err *e)
{
	const char *value = args_value(a, "backend");
	*out = (struct choice){0};
	if (!value)
		return 0;
	const struct json *json = json_read_value(arena, "--backend", value, e);
	return json ? choice_parse(&family_backends, out, json, NULL, arena, e) : -1;
}

int lanes_of(const struct args *a, int *lanes, struct err *e)
{
	long long cores = pool_cores() / mpi_launched_here(), number = cores > 0 ? cores : 1;

	if (args_int(a, "lanes", 1, LANES_MAX, &number, e))
		return -1;
	*lanes = (int)number;
	return 0;
}
