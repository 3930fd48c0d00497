/* What is settled before any step: the chain of stages, its preconditions, memory. See rule_run.h. */
#include "aggregator/pre/pre.h"
#include "aggregator/rule_internal.h"
#include "aggregator/weighted.h"
#include "base/mem.h"

/* --- the chain ---------------------------------------------------------------------------------------- */

int rule_stages(const void *state)
{
	return (int)((const struct rule_keys *)state)->before.count + 1;
}

struct rule_stage rule_stage_of(const struct aggregator *agg, const void *state, int i)
{
	const struct choices *before = &((const struct rule_keys *)state)->before;
	if (i == (int)before->count)
		return (struct rule_stage){.name = agg->row.name, .rule = agg->rule, .state = state};
	const struct pre *pre = (const struct pre *)before->at[i].row;
	return (struct rule_stage){.name = pre->row.name, .rule = &pre->rule, .state = before->at[i].state};
}

int rule_check_stage(const struct rule_stage *st, int messages, int n, int f, struct err *e)
{
	struct err said = {0};
	if (!rule_expect(f < n, "f < n", n, f, &said) && st->rule->check)
		st->rule->check(st->state, n, f, &said);
	if (!said.code)
		return 0;
	if (n < messages)
		err_user(e, "%s, behind what makes %d of %d messages: %s", st->name, n, messages, said.text);
	else
		err_user(e, "%s: %s", st->name, said.text);
	e->kind = said.kind;
	return -1;
}

int rule_left(const struct rule_stage *st, int n)
{
	return st->rule->left ? st->rule->left(st->state, n) : n;
}

int rule_trusted(const struct aggregator *agg, const void *state)
{
	return agg->rule && agg->rule->trusted ? agg->rule->trusted(state) : -1;
}

/* Who is trusted is one of the workers, and behind what stands before the rule there still is one vector of
 * it.
 */
static int check_trusted(const struct aggregator *agg, const void *state, int n, struct err *e)
{
	int worker = rule_trusted(agg, state);
	if (worker >= n)
		return err_user(e, "%s: found pivot = %d, expected one of the workers 0 to %d", agg->row.name,
		                worker, n - 1);
	for (int i = 0; worker >= 0 && i < rule_stages(state); i++) {
		struct rule_stage st = rule_stage_of(agg, state, i);
		if (st.rule->left)
			return err_user(e,
			                "%s: `pivot` is a worker, and \"%s\" makes one vector of several; "
			                "expected no \"%s\" in `before`",
			                agg->row.name, st.name, st.name);
	}
	return 0;
}

int rule_check(const struct aggregator *agg, const void *state, int n, int f, struct err *e)
{
	int64_t told = ((const struct rule_keys *)state)->f;
	for (int i = 0, left = n; i < rule_stages(state); i++) {
		struct rule_stage st = rule_stage_of(agg, state, i);
		if (rule_check_stage(&st, n, left, told == RULE_F_OPEN ? f : (int)told, e))
			return -1;
		left = rule_left(&st, left);
	}
	return check_trusted(agg, state, n, e);
}

void rule_resolve(const struct aggregator *agg, void *state, int byzantine)
{
	struct rule_keys *told = agg->rule ? state : NULL; /* others have no such keys */
	if (told && told->f == RULE_F_OPEN)
		told->f = byzantine;
}

struct rule_memory rule_memory(const struct rule_size *s)
{
	bool memory = s->agg->rule && s->agg->rule->memory;
	return s->agg->weighing ? weighted_memory(s)
	                        : (struct rule_memory){.vectors = memory, .floats = memory ? s->n : 0};
}

/* --- open and close ----------------------------------------------------------------------------------- */

/* What stands before a rule asks for none. */
static size_t squares_of(const struct aggregator *agg)
{
	return agg->rule ? (size_t)agg->rule->squares : 0;
}

static bool has_plan(const struct rule_engine *g)
{
	bool any = false;
	for (int i = 0; i < g->stages; i++)
		any = any || g->stage[i].rule->plan;
	return any;
}

static void open_lanes(const struct rule_run *r, struct rule_engine *g)
{
	size_t workers = (size_t)r->workers, rows = workers + RULE_EXTRA_ROWS, row = RULE_STRIDE;
	g->lane = mem_array((size_t)r->lanes, sizeof *g->lane);
	g->zeros = mem_array(RULE_CHUNK, sizeof *g->zeros);
	for (int i = 0; i < r->lanes; i++)
		g->lane[i] = (struct rule_lane){.seen = mem_array((workers + 1) * row, sizeof(float)),
		                                .x = mem_array(workers + 1, sizeof(float *)),
		                                .y = mem_array((rows + 1) * row, sizeof(double)),
		                                .sorted = mem_array(workers * row, sizeof(double)),
		                                .exchanged = mem_array(workers * row, sizeof(float)),
		                                .column = mem_array(2 * workers, sizeof(double)),
		                                .row = mem_array(rows, sizeof(double *)),
		                                .weight = mem_array(workers + 1, sizeof(double)),
		                                .mixed = mem_array(workers + 1, sizeof(float *))};
}

static void open_plans(const struct rule_run *r, struct rule_engine *g)
{
	size_t workers = (size_t)r->workers, rows = workers + RULE_EXTRA_ROWS;
	g->alive = mem_array(workers, sizeof *g->alive);
	g->mix = mem_array(workers * (workers + 1), sizeof *g->mix);
	g->next = mem_array(workers * (workers + 1), sizeof *g->next);
	g->sums = mem_array(meeting_blocks(r->n) *
	                            (has_plan(g) ? rule_pairs(rows) + rule_pairs(workers + 1) : workers),
	                    sizeof *g->sums);
	g->exchange = mem_array(rule_exchanges(workers), sizeof *g->exchange);
	g->d = mem_array(rows * rows, sizeof *g->d);
	g->p = mem_array(workers * workers, sizeof *g->p);
	g->w = mem_array(workers * rows, sizeof *g->w);
	g->scratch = mem_array(4 * rows, sizeof *g->scratch);
	g->squares = mem_array(squares_of(r->agg) * workers * workers, sizeof *g->squares);
	g->scores = mem_array(workers, sizeof *g->scores);
	g->chosen = mem_array(workers, sizeof *g->chosen);
	g->order = mem_array(workers, sizeof *g->order);
	g->bucket = mem_array(workers, sizeof *g->bucket);
	g->keep = mem_array(rows, sizeof *g->keep);
	g->scores_by_place = mem_array(workers, sizeof *g->scores_by_place);
	g->chosen_by_place = mem_array(workers, sizeof *g->chosen_by_place);
	g->weights = mem_array(workers, sizeof *g->weights);
	g->removed = mem_array(workers, sizeof *g->removed);
	g->bucket_by_place = mem_array(workers, sizeof *g->bucket_by_place);
}

static void open_engine(struct rule_run *r)
{
	struct rule_engine *g = mem_alloc(sizeof *g);
	if (((const struct rule_keys *)r->state)->f == RULE_F_OPEN)
		BUG("a rule whose f is not resolved");
	g->stages = rule_stages(r->state);
	g->stage = mem_array((size_t)g->stages, sizeof *g->stage);
	for (int i = 0; i < g->stages; i++)
		g->stage[i] = rule_stage_of(r->agg, r->state, i);
	open_lanes(r, g);
	open_plans(r, g);
	rule_machine_open(r, g);
	r->engine = g;
}

void rule_open(struct rule_run *r)
{
	if (r->agg->weighing)
		weighted_open(r);
	else
		open_engine(r);
}

static void close_lane(struct rule_lane *l)
{
	mem_free(l->seen);
	mem_free(l->x);
	mem_free(l->y);
	mem_free(l->sorted);
	mem_free(l->exchanged);
	mem_free(l->column);
	mem_free(l->row);
	mem_free(l->weight);
	mem_free(l->mixed);
}

size_t rule_bytes(const struct rule_size *s)
{
	const struct aggregator *agg = s->agg;
	size_t workers = s->workers, n = s->n, lanes = s->lanes;
	size_t rows = workers + RULE_EXTRA_ROWS, lane, plans, all;
	if (agg->weighing)
		return weighted_bytes(s);
	/* as if there were a plan: what stands before a rule has one */
	bool more = __builtin_mul_overflow(lanes, (3 * workers + RULE_EXTRA_ROWS + 2) * RULE_STRIDE, &lane) ||
	            __builtin_mul_overflow(meeting_blocks(n), rule_pairs(rows) + rule_pairs(workers + 1),
	                                   &plans) ||
	            __builtin_add_overflow(lane, plans, &all) ||
	            __builtin_add_overflow(all,
	                                   (3 + squares_of(agg)) * workers * (workers + 1) + rows * rows +
	                                           workers * rows + rule_exchanges(workers),
	                                   &all) ||
	            __builtin_mul_overflow(all, sizeof(double), &all);
	return !agg->rule ? 0 : more ? SIZE_MAX : all;
}

void rule_close(struct rule_run *r)
{
	struct rule_engine *g = r->engine;
	if (r->weighted)
		weighted_close(r);
	if (!g)
		return;
	rule_machine_close(r, g);
	for (int i = 0; i < r->lanes; i++)
		close_lane(&g->lane[i]);
	void *const all[] = {g->lane,
	                     g->zeros,
	                     g->stage,
	                     g->alive,
	                     g->mix,
	                     g->next,
	                     g->sums,
	                     g->exchange,
	                     g->d,
	                     g->p,
	                     g->w,
	                     g->scratch,
	                     g->squares,
	                     g->scores,
	                     g->chosen,
	                     g->order,
	                     g->bucket,
	                     g->bucket_by_place,
	                     g->weights,
	                     g->removed,
	                     g->scores_by_place,
	                     g->chosen_by_place,
	                     g->keep};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		mem_free(all[i]);
	mem_free(g);
	r->engine = NULL;
}
