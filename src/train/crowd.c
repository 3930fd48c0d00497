/* What colluders who see the crowd are shown, and what they make of it. */
#include "train/crowd.h"
#include "base/mem.h"

enum { FORGE_CHUNK = 1 << 16 }; /* coordinates that a lane forges at a time, a multiple of 64 */

const struct crowd_attack *crowd_of(const struct settings *s)
{
	return s->adversaries.count > 0 ? crowd_attack_of(adversary_of(&s->adversaries.attack).attack) : NULL;
}

int crowd_check(const struct settings *s, const struct transport *t, struct err *e)
{
	const struct crowd_attack *a = crowd_of(s);
	if (!a || t->processes == TRANSPORT_ALONE)
		return 0;
	return err_user(e,
	                "%s: adversaries.attack%s: \"%s\" sees what the honest workers are about to send, "
	                "and with transport \"%s\" these are in other processes; expected transport "
	                "\"local\", where one process has all workers: `signsgd simulate`",
	                s->source, &a->attack.row == s->adversaries.attack.row ? "" : ".then",
	                a->attack.row.name, t->row.name);
}

void crowd_open(struct crowd *c, const struct settings *s, const struct workforce *w, struct round *r)
{
	size_t workers = (size_t)w->count;
	const struct adversary adversary = adversary_of(&s->adversaries.attack);
	*c = (struct crowd){.attack = crowd_of(s), .state = adversary.state, .from = adversary.from};
	if (!c->attack)
		return;
	c->workforce = w;
	c->round = r;
	c->forged = r->be->memory->alloc(r->job.n * sizeof(float), "forged message");
	c->honest = mem_array(workers, sizeof *c->honest);
	c->own = mem_array(workers, sizeof *c->own);
	if (r->method.push.kind == MESSAGE_SIGNS)
		c->signs = mem_array(workers, sizeof *c->signs);
	c->view = (struct crowd_view){.be = r->be,
	                              .n = r->job.n,
	                              .honest = c->honest,
	                              .signs = c->signs,
	                              .abstains = r->method.push.abstains,
	                              .own = c->own};
	r->forged = c->forged;
}

void crowd_close(struct crowd *c, const struct backend *be)
{
	if (!c->attack)
		return;
	be->memory->release(c->forged);
	mem_free(c->honest);
	mem_free(c->own);
	mem_free(c->signs);
}

/* Who is in the view of this step. */
static void look(struct crowd *c, const struct replay *replay, const struct state *st)
{
	struct crowd_view *v = &c->view;
	v->step = c->round->job.step;
	v->age = v->step - c->from;
	v->h = v->f = 0;
	for (int i = 0; i < c->workforce->count; i++) {
		const struct worker *w = &c->workforce->workers[i];
		if (!replay_counts(replay, st, (int)w->id))
			continue;
		if (w->attack) {
			c->own[v->f++] = w->v;
			continue;
		}
		if (c->signs)
			c->signs[v->h] = w->push;
		c->honest[v->h++] = w->v;
	}
}

static void forge_item(void *ctx, int lane, size_t item)
{
	const struct crowd *c = ctx;
	struct crowd_view view = c->view;
	size_t begin = item * FORGE_CHUNK, end = begin + FORGE_CHUNK;
	view.queue = c->workforce->lanes[lane].queue;
	c->attack->forge(c->state, &view, begin, end < view.n ? end : view.n, c->forged);
	view.be->memory->finish(view.queue);
}

void crowd_forge(struct crowd *c, const struct replay *replay, const struct state *st)
{
	if (!c->attack || c->round->job.step < c->from)
		return;
	look(c, replay, st);
	pool_run(c->workforce->pool, (c->view.n + FORGE_CHUNK - 1) / FORGE_CHUNK, forge_item, c);
}
