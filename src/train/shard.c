/* The server of a shard: see train/shard.h. */
#include "train/shard.h"
#include <string.h>
#include "aggregator/method.h"
#include "config/json.h"
#include "registry.h"
#include "train/host.h"

/* The settings of a run that a shard needs. */
struct shard_settings {
	uint64_t seed;
	struct choice compressor, aggregator;
};

static const struct key keys[] = {
        {.name = "seed",
         .kind = KEY_SEED,
         .offset = offsetof(struct shard_settings, seed),
         .default_json = "1",
         .help = "of the coins for ties"},
        {.name = "compressor",
         .kind = KEY_FAMILY,
         .offset = offsetof(struct shard_settings, compressor),
         .default_json = "\"sign\"",
         .family = &family_compressors,
         .help = "what the messages say"},
        {.name = "aggregator",
         .kind = KEY_FAMILY,
         .offset = offsetof(struct shard_settings, aggregator),
         .default_json = "\"vote\"",
         .family = &family_aggregators,
         .help = "what is made of the messages"},
        {0},
};

struct shard {
	struct method method;
	struct step_job job;
	struct exchange_request request;
};

static void combine(void *ctx, int lane, int count, const void *const *pushes, size_t begin, size_t end,
                    void *pull)
{
	const struct shard *p = ctx;
	struct step_job job = p->job;
	(void)lane;
	job.step = p->request.step;
	method_combine(&p->method, &job, count, pushes, begin, end, pull);
}

/* The other keys of the settings concern the main server and the workers only. */
static int read_settings(struct shard_settings *out, const char *text, struct arena *a, struct err *e)
{
	static const char source[] = "settings of the main server";
	struct json *all = json_read_text(a, source, text, strlen(text), e);
	struct json *ours = all ? json_read_text(a, source, "{}", 2, e) : NULL;
	for (const struct key *k = keys; ours && k->name; k++) {
		struct json *value = json_member(all, k->name);
		if (value && json_set(a, ours, k->name, value, e))
			return -1;
	}
	return ours ? keys_parse(keys, out, ours, a, e) : -1;
}

static int serve(struct zmq_shard *h, const struct shard_settings *s, struct backend *be, struct pool *pool,
                 struct err *e)
{
	size_t n = zmq_shard_n(h);
	struct shard p = {.method = method_of(&s->compressor, &s->aggregator, NULL, NULL)};
	if (method_check_messages(&p.method, e))
		return -1;
	if (!p.method.separable)
		return err_user(e, "aggregator \"%s\" does not treat every coordinate by itself",
		                s->aggregator.row->name);
	if (p.method.compressor->bits == 0)
		return err_user(e, "a message of compressor \"%s\" is one piece, which servers cannot share",
		                s->compressor.row->name);
	p.job = method_job(&p.method, be, s->seed, n);
	p.request = (struct exchange_request){.shape = method_shape(&p.method, n),
	                                      .rule = method_rule(&p.method, combine, NULL, &p)};
	p.request.pull = be->memory->alloc(p.request.shape.pull_bytes, "answer");
	int rc = zmq_shard_serve(h, pool, &p.request, e);
	be->memory->release(p.request.pull);
	return rc;
}

int shard_run(struct zmq_shard *h, struct pool *pool, struct err *e)
{
	struct shard_settings s = {0};
	struct arena arena = {0};
	struct backend host = {0};
	int rc = zmq_shard_wait(h, e) || read_settings(&s, zmq_shard_settings(h), &arena, e) ||
	         host_open(NULL, &host, e) || serve(h, &s, &host, pool, e);
	arena_clear(&arena);
	return rc ? -1 : 0;
}
