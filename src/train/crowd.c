/* What colluders who see the crowd are shown, and what they make of it. */
#include "train/crowd.h"
#include <string.h>
#include "base/mem.h"

const struct crowd_attack *crowd_of(const struct settings *s)
{
	return s->adversaries.count > 0 ? crowd_attack_of(adversary_of(&s->adversaries.attack).attack) : NULL;
}

static const void *state_of(const struct settings *s)
{
	return adversary_of(&s->adversaries.attack).state;
}

size_t crowd_memory_floats(const struct settings *s, size_t n)
{
	const struct crowd_attack *a = crowd_of(s);
	return a && a->memory_floats ? a->memory_floats(state_of(s), n) : 0;
}

size_t crowd_sums(const struct settings *s)
{
	const struct crowd_attack *a = crowd_of(s);
	size_t most = 0;
	for (int round = 0; a && a->sums && round < a->rounds; round++) {
		size_t sums = a->sums(state_of(s), round, (int)(s->workers - s->adversaries.count));
		most = sums > most ? sums : most;
	}
	return most;
}

bool crowd_asks(const struct settings *s)
{
	const struct crowd_attack *a = crowd_of(s);
	return a && a->asks && a->asks(state_of(s));
}

bool crowd_each(const struct settings *s)
{
	const struct crowd_attack *a = crowd_of(s);
	return a && a->each && !crowd_asks(s);
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

/* The range of block `item`, in a lane's queue. */
static struct crowd_view view_of(const struct crowd *c, int lane, size_t item, size_t *begin, size_t *end)
{
	struct crowd_view view = c->view;
	view.queue = c->workforce->lanes[lane].queue;
	*begin = item * CROWD_BLOCK;
	*end = *begin + CROWD_BLOCK < view.n ? *begin + CROWD_BLOCK : view.n;
	return view;
}

static void forge_item(void *ctx, int lane, size_t item)
{
	const struct crowd *c = ctx;
	size_t begin, end;
	struct crowd_view view = view_of(c, lane, item, &begin, &end);
	c->attack->forge(c->state, &view, begin, end, c->forged);
	view.be->memory->finish(view.queue);
}

static void forge(struct crowd *c)
{
	pool_run(c->workforce->pool, crowd_blocks(c->view.n), forge_item, c);
}

static void ask(void *asked, const double *numbers, struct crowd_answer *answer)
{
	struct crowd *c = asked;
	c->view.numbers = numbers;
	forge(c);
	c->view.numbers = c->numbers;
	crowd_chain_answer(&c->chain, &c->view, c->forged, answer);
}

/* A colluder who sends a vector of its own; one who is not counted sends what nobody will see. */
static void forge_own(void *ctx, const struct worker *w, const struct lane *l, float *out)
{
	const struct crowd *c = ctx;
	struct crowd_view view = c->view;
	view.queue = l->queue;
	view.colluder = 0;
	while (view.colluder < view.f && c->ids[view.colluder] != (int)w->id)
		view.colluder++;
	view.stream = stream_of(c->round->job.seed, RNG_ATTACK, w->id, view.step);
	if (view.colluder < view.f)
		c->attack->forge(c->state, &view, 0, view.n, out);
	else
		view.be->memory->fill(view.queue, out, 0, view.n * sizeof *out);
}

static void open_view(struct crowd *c, const struct settings *s, const struct round *r)
{
	c->view = (struct crowd_view){.be = r->be,
	                              .queue = c->workforce->lanes[0].queue,
	                              .n = r->job.n,
	                              .workers = (int)s->workers,
	                              .byzantine = (int)s->adversaries.count,
	                              .honest = c->honest,
	                              .signs = c->signs,
	                              .abstains = r->method.push.abstains,
	                              .own = c->own,
	                              .memory = c->memory,
	                              .numbers = c->numbers,
	                              .colluder = -1};
}

static void open_sums(struct crowd *c, const struct settings *s)
{
	size_t most = crowd_sums(s);
	c->numbers = mem_array((size_t)s->workers + CROWD_NUMBERS, sizeof *c->numbers);
	if (most == 0)
		return;
	c->sums = mem_array(crowd_blocks(c->round->job.n), most * sizeof *c->sums);
	c->totals = mem_array(most, sizeof *c->totals);
}

void crowd_open(struct crowd *c, const struct settings *s, const struct workforce *w, struct round *r,
                const struct state *st, const struct backend *combines)
{
	size_t workers = (size_t)w->count;
	const struct adversary adversary = adversary_of(&s->adversaries.attack);
	*c = (struct crowd){.attack = crowd_of(s), .state = adversary.state, .from = adversary.from};
	if (!c->attack)
		return;
	c->workforce = w;
	c->round = r;
	c->memory = st->colluders;
	if (!crowd_each(s))
		c->forged = r->be->memory->alloc(r->job.n * sizeof(float), "forged message");
	c->honest = mem_array(workers, sizeof *c->honest);
	c->own = mem_array(workers, sizeof *c->own);
	c->ids = mem_array(workers, sizeof *c->ids);
	if (r->method.push.kind == MESSAGE_SIGNS)
		c->signs = mem_array(workers, sizeof *c->signs);
	open_sums(c, s);
	open_view(c, s, r);
	if (crowd_asks(s)) {
		crowd_chain_open(&c->chain, s, w, r, st, combines);
		c->view.ask = ask;
		c->view.asked = c;
	}
	r->forged = c->forged;
	if (crowd_each(s)) {
		r->collude = forge_own;
		r->colluding = c;
	}
}

void crowd_close(struct crowd *c, const struct backend *be)
{
	if (!c->attack)
		return;
	crowd_chain_close(&c->chain);
	be->memory->release(c->forged);
	mem_free(c->honest);
	mem_free(c->own);
	mem_free(c->signs);
	mem_free(c->ids);
	mem_free(c->numbers);
	mem_free(c->sums);
	mem_free(c->totals);
}

/* Who is in the view of this step. */
static void look(struct crowd *c, const struct replay *replay, const struct state *st)
{
	struct crowd_view *v = &c->view;
	v->step = c->round->job.step;
	v->stream = stream_of(c->round->job.seed, RNG_COLLUDERS, 0, v->step);
	v->h = v->f = 0;
	crowd_chain_begin(&c->chain);
	for (int i = 0; i < c->workforce->count; i++) {
		struct worker *w = &c->workforce->workers[i];
		if (!replay_counts(replay, st, (int)w->id))
			continue;
		if (v->ask)
			crowd_chain_add(&c->chain, w);
		if (w->attack) {
			c->ids[v->f] = (int)w->id;
			c->own[v->f++] = w->v;
			continue;
		}
		if (c->signs)
			c->signs[v->h] = w->push;
		c->honest[v->h++] = w->v;
	}
}

static void measure_item(void *ctx, int lane, size_t item)
{
	const struct crowd *c = ctx;
	size_t begin, end;
	struct crowd_view view = view_of(c, lane, item, &begin, &end);
	double *sums = c->sums + item * c->each;
	memset(sums, 0, c->each * sizeof *sums);
	c->attack->measure(c->state, &view, c->measured, begin, end, sums);
	view.be->memory->finish(view.queue);
}

/* Blocks are added in their order. */
static void measure(struct crowd *c)
{
	memset(c->totals, 0, c->each * sizeof *c->totals);
	pool_run(c->workforce->pool, crowd_blocks(c->view.n), measure_item, c);
	for (size_t b = 0; b < crowd_blocks(c->view.n); b++)
		for (size_t i = 0; i < c->each; i++)
			c->totals[i] += c->sums[b * c->each + i];
}

static void plan(struct crowd *c)
{
	const struct crowd_attack *a = c->attack;
	memset(c->numbers, 0, ((size_t)c->view.workers + CROWD_NUMBERS) * sizeof *c->numbers);
	for (c->measured = 0; c->measured < a->rounds; c->measured++) {
		c->each = a->sums ? a->sums(c->state, c->measured, c->view.h) : 0;
		if (c->each > 0)
			measure(c);
		a->plan(c->state, &c->view, c->measured, c->totals, c->numbers);
	}
}

static void remember_item(void *ctx, int lane, size_t item)
{
	const struct crowd *c = ctx;
	size_t begin, end;
	struct crowd_view view = view_of(c, lane, item, &begin, &end);
	c->attack->remember(c->state, &view, begin, end, c->memory);
	view.be->memory->finish(view.queue);
}

void crowd_forge(struct crowd *c, const struct replay *replay, const struct state *st)
{
	if (!c->attack || c->round->job.step < c->from)
		return;
	look(c, replay, st);
	plan(c);
	if (c->forged)
		forge(c);
	if (c->memory)
		pool_run(c->workforce->pool, crowd_blocks(c->view.n), remember_item, c);
}
