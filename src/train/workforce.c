/* Lanes and workers of a process. */
#include "train/workforce.h"
#include "base/mem.h"
#include "train/turn.h"

static void open_lanes(struct workforce *w, const struct settings *s, struct model_env *env, size_t n)
{
	int lanes = pool_lanes(w->pool);
	bool forges = s->adversaries.count > 0 &&
	              adversary_of(&s->adversaries.attack).attack->acts_on == ATTACK_GRADIENT;
	const struct method method = settings_method(s);
	size_t seen = method_seen_floats(&method, n, env->be->memory->host);
	w->lanes = mem_array((size_t)lanes, sizeof *w->lanes);
	for (int i = 0; i < lanes; i++) {
		lane_open(&w->lanes[i], env, s->model.state, &w->feed, n, forges, turn_lane_floats(s, n),
		          i > 0 ? &w->lanes[0] : NULL);
		w->lanes[i].block =
		        env->be->memory->alloc(MESSAGE_SCRATCH * sizeof(float), "signs as floats");
		w->lanes[i].seen = seen > 0 ? mem_array(seen, sizeof(float)) : NULL;
		env->sibling = w->lanes[0].model;
	}
}

/* A code is made on the host. */
static const struct memory *push_memory(const struct workforce *w, const struct backend *be)
{
	return w->coded ? &memory_host : be->memory;
}

static void open_worker(struct workforce *w, int i, int place, const struct settings *s,
                        const struct state *st, bool shows_signs)
{
	const struct method method = settings_method(s);
	size_t push_bytes = method_push_bytes(&method, st->n);
	int id = w->feed.ids[i];
	const struct adversary adversary =
	        settings_is_byzantine(s, id) ? adversary_of(&s->adversaries.attack) : (struct adversary){0};
	w->workers[i] = (struct worker){.id = (uint32_t)id,
	                                .idle = w->feed.batch_of[id] == 0,
	                                .place = place,
	                                .m = st->blocks[id],
	                                .push = push_memory(w, st->be)->alloc(push_bytes, "message"),
	                                .attack = adversary.attack,
	                                .attack_state = adversary.state,
	                                .attack_from = adversary.from,
	                                .memory = state_memory(st, id, st->blocks[id]),
	                                .unsaid = state_unsaid(st, st->blocks[id]),
	                                .carry = state_carry(st, st->blocks[id]),
	                                .shown = &w->shown[i]};
	if (s->parts) {
		w->workers[i].parts = s->parts->at + s->parts->first[id];
		w->workers[i].n_parts = parts_count(s->parts, id);
	}
	void *push = w->workers[i].push;
	w->workers[i].push_seen =
	        w->mirrors ? memory_mirror_moving(push_memory(w, st->be), push, push_bytes) : push;
	w->shown[i].push = push;
	if (method.direction->in_place)
		w->workers[i].v = st->blocks[id];
	else if (turn_keeps(s, id))
		w->workers[i].v = st->be->memory->alloc(st->n * sizeof(float), "vector of a worker");
	w->shown[i].v = w->workers[i].v;
	w->shown[i].idle = w->workers[i].idle;
	if (shows_signs)
		w->shown[i].signs = st->be->memory->alloc(sign_plane_bytes(st->n), "signs of a gradient");
}

void workforce_open(struct workforce *w, const struct settings *s, struct model_env *env,
                    const struct state *st, bool shows_signs, bool mirrors)
{
	w->mirrors = mirrors;
	w->coded = settings_method(s).push.kind == MESSAGE_CODED;
	w->count = w->feed.count;
	w->workers = mem_array((size_t)w->count, sizeof *w->workers);
	w->shown = mem_array((size_t)w->count, sizeof *w->shown);
	open_lanes(w, s, env, st->n);
	for (int i = 0, place = 0; i < w->count; i++) {
		open_worker(w, i, place, s, st, shows_signs);
		place += w->workers[i].n_parts > 0 ? w->workers[i].n_parts : !w->workers[i].idle;
	}
	groups_open(&w->groups, w->workers, w->count, &w->feed, s->fuse);
}

void workforce_close(struct workforce *w)
{
	const struct backend *be = w->lanes ? w->lanes[0].be : NULL;
	for (int i = 0; i < w->count; i++) {
		if (w->mirrors)
			memory_mirror_moving_free(push_memory(w, be), w->workers[i].push_seen);
		if (w->workers[i].v != w->workers[i].m)
			be->memory->release(w->workers[i].v);
		push_memory(w, be)->release(w->workers[i].push);
		be->memory->release(w->shown[i].signs);
	}
	/* The first lane is closed last, because the others borrow from it. */
	for (int i = pool_lanes(w->pool) - 1; w->lanes && i >= 0; i--)
		lane_close(&w->lanes[i]);
	groups_close(&w->groups);
	mem_free(w->lanes);
	mem_free(w->workers);
	mem_free(w->shown);
	feed_close(&w->feed);
}

void workforce_load(struct workforce *w, const float *x)
{
	lane_load(&w->lanes[0], x);
}

/* Of seconds that the workers' lanes took all together. */
static double lane_mean(const struct workforce *w, double sum)
{
	int lanes = pool_lanes(w->pool), busy = w->groups.count;
	return busy > 0 ? sum / (lanes < busy ? lanes : busy) : 0;
}

double workforce_data_s(const struct workforce *w)
{
	double sum = 0;
	for (int i = 0; i < w->count; i++)
		sum += w->workers[i].data_s;
	return lane_mean(w, sum);
}

bool workforce_owes(const struct workforce *w)
{
	for (int i = 0; i < w->count; i++)
		if (w->workers[i].made > 0)
			return true;
	return false;
}

double workforce_encode_s(const struct workforce *w)
{
	double sum = 0;
	for (int i = 0; i < w->count; i++)
		sum += w->workers[i].encode_s;
	return lane_mean(w, sum);
}
