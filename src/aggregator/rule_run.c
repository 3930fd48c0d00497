/* The engine's phases and decisions: see rule_run.h. Coordinates are worked on in rule_chunk.c. */
#include "aggregator/rule_run.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "aggregator/pre/pre.h"
#include "aggregator/rule_internal.h"
#include "base/mem.h"

/* --- the chain ---------------------------------------------------------------------------------------- */

static int stages_of(const void *state)
{
	return (int)((const struct rule_keys *)state)->before.count + 1;
}

/* Stage i of the chain; the last one is the rule itself. */
static struct rule_stage stage_of(const struct aggregator *agg, const void *state, int i)
{
	const struct choices *before = &((const struct rule_keys *)state)->before;
	if (i == (int)before->count)
		return (struct rule_stage){.name = agg->row.name, .rule = agg->rule, .state = state};
	const struct pre *pre = (const struct pre *)before->at[i].row;
	return (struct rule_stage){.name = pre->row.name, .rule = &pre->rule, .state = before->at[i].state};
}

/* Behind a stage that leaves fewer than the messages, the sentence says so. */
static int check_stage(const struct rule_stage *st, int messages, int n, int f, struct err *e)
{
	struct err said = {0};
	if (!rule_expect(f < n, "f < n", n, f, &said) && st->rule->check)
		st->rule->check(st->state, n, f, &said);
	if (!said.code)
		return 0;
	return n < messages ? err_user(e, "%s, behind what makes %d of %d messages: %s", st->name, n,
	                               messages, said.text)
	                    : err_user(e, "%s: %s", st->name, said.text);
}

/* How many vectors a pre-aggregator makes of n. */
static int left_by(const struct rule_stage *st, int n)
{
	return st->rule->left ? st->rule->left(st->state, n) : n;
}

int rule_check(const struct aggregator *agg, const void *state, int n, int f, struct err *e)
{
	int64_t told = ((const struct rule_keys *)state)->f;
	for (int i = 0, left = n; i < stages_of(state); i++) {
		struct rule_stage st = stage_of(agg, state, i);
		if (check_stage(&st, n, left, told == RULE_F_OPEN ? f : (int)told, e))
			return -1;
		left = left_by(&st, left);
	}
	return 0;
}

void rule_resolve(const struct aggregator *agg, void *state, int byzantine)
{
	struct rule_keys *told = agg->rule ? state : NULL; /* others have no such keys */
	if (told && told->f == RULE_F_OPEN)
		told->f = byzantine;
}

size_t rule_memory_floats(const struct aggregator *agg, size_t n)
{
	return agg->rule && agg->rule->memory ? n : 0;
}

/* --- open and close ----------------------------------------------------------------------------------- */

static size_t pairs_of(size_t rows)
{
	return rows * (rows - 1) / 2;
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
	size_t workers = (size_t)r->workers, row = RULE_STRIDE;
	g->lane = mem_array((size_t)r->lanes, sizeof *g->lane);
	g->zeros = mem_array(RULE_CHUNK, sizeof *g->zeros);
	for (int i = 0; i < r->lanes; i++)
		g->lane[i] =
		        (struct rule_lane){.seen = mem_array(RULE_CHUNK, sizeof(float)),
		                           .x = mem_array((workers + 1) * row, sizeof(double)),
		                           .y = mem_array(workers * row, sizeof(double)),
		                           .sorted = mem_array(workers * row, sizeof(double)),
		                           .column = mem_array(2 * workers, sizeof(double)),
		                           .row = mem_array(workers + RULE_EXTRA_ROWS, sizeof(double *))};
}

static void open_plans(const struct rule_run *r, struct rule_engine *g)
{
	size_t workers = (size_t)r->workers, rows = workers + RULE_EXTRA_ROWS;
	g->alive = mem_array(workers, sizeof *g->alive);
	g->mix = mem_array(workers * (workers + 1), sizeof *g->mix);
	g->next = mem_array(workers * (workers + 1), sizeof *g->next);
	g->sums = mem_array(rule_blocks(r->n) *
	                            (has_plan(g) ? pairs_of(rows) + pairs_of(workers + 1) : workers),
	                    sizeof *g->sums);
	g->d = mem_array(rows * rows, sizeof *g->d);
	g->p = mem_array(workers * workers, sizeof *g->p);
	g->w = mem_array(workers * rows, sizeof *g->w);
	g->scratch = mem_array(4 * rows, sizeof *g->scratch);
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

void rule_open(struct rule_run *r)
{
	struct rule_engine *g = mem_alloc(sizeof *g);
	if (((const struct rule_keys *)r->state)->f == RULE_F_OPEN)
		BUG("a rule whose f is not resolved");
	g->stages = stages_of(r->state);
	g->stage = mem_array((size_t)g->stages, sizeof *g->stage);
	for (int i = 0; i < g->stages; i++)
		g->stage[i] = stage_of(r->agg, r->state, i);
	open_lanes(r, g);
	open_plans(r, g);
	r->engine = g;
}

static void close_lane(struct rule_lane *l)
{
	mem_free(l->seen);
	mem_free(l->x);
	mem_free(l->y);
	mem_free(l->sorted);
	mem_free(l->column);
	mem_free(l->row);
}

size_t rule_bytes(const struct aggregator *agg, size_t workers, size_t n, size_t lanes)
{
	size_t rows = workers + RULE_EXTRA_ROWS, lane, plans, all;
	/* as if there were a plan: what stands before a rule has one */
	bool more = __builtin_mul_overflow(lanes, (3 * workers + 1) * RULE_STRIDE, &lane) ||
	            __builtin_mul_overflow(rule_blocks(n), pairs_of(rows) + pairs_of(workers + 1), &plans) ||
	            __builtin_add_overflow(lane, plans, &all) ||
	            __builtin_add_overflow(all, 3 * workers * (workers + 1) + rows * rows + workers * rows,
	                                   &all) ||
	            __builtin_mul_overflow(all, sizeof(double), &all);
	return !agg->rule ? 0 : more ? SIZE_MAX : all;
}

void rule_close(struct rule_run *r)
{
	struct rule_engine *g = r->engine;
	if (!g)
		return;
	for (int i = 0; i < r->lanes; i++)
		close_lane(&g->lane[i]);
	void *const all[] = {g->lane,
	                     g->zeros,
	                     g->stage,
	                     g->alive,
	                     g->mix,
	                     g->next,
	                     g->sums,
	                     g->d,
	                     g->p,
	                     g->w,
	                     g->scratch,
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

/* --- scan and gather ---------------------------------------------------------------------------------- */

/* The rows of a scan: the messages, the origin and, for a plan, what the stage's rule asks for. */
static void set_rows(const struct rule_step *s, const struct rule_stage *st, bool pairs)
{
	struct rule_engine *g = s->engine;
	struct rule_view *v = &g->view;
	size_t rows;
	*v = (struct rule_view){.state = st->state,
	                        .n = g->n,
	                        .f = g->f,
	                        .rows = g->n,
	                        .d = g->d,
	                        .seed = s->run->seed,
	                        .step = s->meeting->step};
	v->extra[RULE_ORIGIN] = v->rows++;
	v->extra[RULE_MEMORY] = pairs && st->rule->memory ? v->rows++ : -1;
	v->extra[RULE_MEDIAN] = pairs && st->rule->median ? v->rows++ : -1;
	rows = (size_t)v->rows;
	g->pairs = pairs;
	g->products = pairs && st->rule->products;
	v->p = g->products ? g->p : NULL;
	g->each = pairs ? pairs_of(rows) : (size_t)g->n;
	g->each += g->products ? pairs_of((size_t)g->n + 1) : 0;
}

/* Sum number `at` of all blocks, in order. */
static double add_blocks(const struct rule_engine *g, size_t blocks, size_t at)
{
	double sum = 0;
	for (size_t b = 0; b < blocks; b++)
		sum += g->sums[b * g->each + at];
	return sum;
}

/* D and the products from the sums, in the order in which a block has them. */
static void take_sums(struct rule_engine *g, size_t blocks)
{
	size_t at = 0, rows = (size_t)g->view.rows, n = (size_t)g->n;
	memset(g->d, 0, rows * rows * sizeof *g->d);
	for (size_t i = 0; i < rows; i++)
		for (size_t k = g->pairs ? i + 1 : n; k < rows && i < k; k++)
			g->d[i * rows + k] = g->d[k * rows + i] = add_blocks(g, blocks, at++);
	for (size_t i = 0; i < n && g->products; i++)
		for (size_t k = i; k < n; k++)
			g->p[i * n + k] = g->p[k * n + i] = add_blocks(g, blocks, at++);
}

static int measure(struct rule_step *s, const struct rule_stage *st, bool pairs, struct err *e)
{
	const struct meeting *m = s->meeting;
	set_rows(s, st, pairs);
	rule_scan(s);
	if (m->gather && m->gather(m->self, s->engine->sums, s->engine->each, e))
		return -1;
	take_sums(s->engine, rule_blocks(m->n));
	return 0;
}

/* --- decide ------------------------------------------------------------------------------------------- */

static bool wants_pairs(const struct rule_stage *st)
{
	return st->rule->plan && !st->rule->norms;
}

static enum meeting_end withhold(struct rule_engine *g, const char *why)
{
	snprintf(g->withheld, sizeof g->withheld, "%s", why);
	return MEETING_WITHHELD;
}

/* Take the rows that are false in `keep` [rows] out of a matrix [rows][rows]. */
static void shrink(double *matrix, size_t rows, const bool *keep)
{
	size_t to = 0;
	for (size_t i = 0; i < rows; i++)
		for (size_t k = 0; k < rows; k++)
			if (keep[i] && keep[k])
				matrix[to++] = matrix[i * rows + k];
}

/* How many messages were not finite. They leave the list and D. */
static int remove_nonfinite(struct rule_engine *g)
{
	struct rule_view *v = &g->view;
	bool *keep = g->keep;
	int kept = 0, removed;
	for (int i = 0; i < v->rows; i++)
		keep[i] = i >= g->n || isfinite(rule_distance(v, i, v->extra[RULE_ORIGIN]));
	shrink(g->d, (size_t)v->rows, keep);
	shrink(g->p, (size_t)g->n, keep);
	for (int i = 0; i < g->n; i++) {
		g->removed[g->alive[i]] = !keep[i];
		if (keep[i])
			g->alive[kept++] = g->alive[i];
	}
	removed = g->n - kept;
	for (int k = 0; k < RULE_EXTRA_ROWS; k++)
		v->extra[k] -= v->extra[k] >= 0 ? removed : 0;
	v->rows -= removed;
	v->n = g->n = g->n_alive = kept;
	v->f = g->f -= removed;
	return removed;
}

/* Every row is a message of its own. */
static void begin_mix(struct rule_engine *g)
{
	memset(g->mix, 0, (size_t)g->n * (size_t)g->columns * sizeof *g->mix);
	for (int i = 0; i < g->n; i++)
		g->mix[(size_t)i * (size_t)g->columns + (size_t)g->alive[i]] = 1;
}

/* next row = sum of the weights' rows of mix, and the memory. */
static void compose_row(struct rule_engine *g, const double *w, double *next)
{
	int memory = g->view.extra[RULE_MEMORY];
	memset(next, 0, (size_t)g->columns * sizeof *next);
	for (int k = 0; k < g->n; k++) {
		const double *row = g->mix + (size_t)k * (size_t)g->columns;
		if (g->identity)
			next[g->alive[k]] = w[k];
		for (int c = 0; c < g->columns && !g->identity; c++)
			next[c] += w[k] * row[c];
	}
	if (memory >= 0)
		next[g->columns - 1] += w[memory];
}

static void compose(struct rule_engine *g, const double *w, int n, int rows)
{
	double *mixed = g->next;
	for (int i = 0; i < n; i++)
		compose_row(g, w + (size_t)i * (size_t)rows, mixed + (size_t)i * (size_t)g->columns);
	g->next = g->mix;
	g->mix = mixed;
	g->identity = false;
}

/* Buckets of vectors that are no longer one of each message are not reported. */
static void report_buckets(struct rule_engine *g, struct rule_report *out)
{
	for (int i = 0; i < g->n && g->n == g->n_alive && g->bucket[i] >= 0; i++) {
		g->bucket_by_place[g->alive[i]] = g->bucket[i];
		out->has_buckets = true;
	}
}

static void plan(struct rule_step *s, const struct rule_stage *st, bool last)
{
	struct rule_engine *g = s->engine;
	size_t n = (size_t)g->n, rows = (size_t)g->view.rows;
	struct rule_plan p = {.n = last ? 1 : left_by(st, g->n),
	                      .f = g->f,
	                      .w = g->w,
	                      .scores = g->scores,
	                      .chosen = g->chosen,
	                      .scratch = g->scratch,
	                      .order = g->order,
	                      .bucket = g->bucket};
	memset(g->w, 0, n * rows * sizeof *g->w);
	memset(g->chosen, 0, n * sizeof *g->chosen);
	for (size_t i = 0; i < n; i++) {
		g->scores[i] = NAN;
		g->order[i] = (uint32_t)i;
		g->bucket[i] = -1;
	}
	st->rule->plan(&g->view, &p);
	report_buckets(g, &s->run->report);
	compose(g, p.w, p.n, (int)rows);
	g->n = p.n;
	g->f = p.f;
	g->idle = p.idle;
}

/* The first scan also tells which messages are not finite. */
static enum meeting_end first_scan(struct rule_step *s, const struct rule_stage *st, struct err *e)
{
	struct rule_engine *g = s->engine;
	bool pairs = wants_pairs(st);
	char why[RULE_WITHHELD_MOST];
	if (measure(s, st, pairs, e))
		return MEETING_FAILED;
	int f = g->f, removed = remove_nonfinite(g);
	snprintf(why, sizeof why, "%d message%s not finite, and f = %d", removed,
	         removed == 1 ? " is" : "s are", f);
	if (removed > f)
		return withhold(g, why);
	s->run->report.n = g->n;
	s->run->report.f = g->f;
	begin_mix(g);
	return removed > 0 && pairs && st->rule->median && g->n > 0 && measure(s, st, pairs, e)
	               ? MEETING_FAILED
	               : MEETING_ANSWERED;
}

/* Scan, gather and decide for stage i. */
static enum meeting_end decide(struct rule_step *s, int i, struct err *e)
{
	struct rule_engine *g = s->engine;
	const struct rule_stage *st = &g->stage[i];
	struct err said = {0};
	enum meeting_end end = MEETING_ANSWERED;
	if (i == 0)
		end = first_scan(s, st, e);
	else if (st->rule->plan && measure(s, st, wants_pairs(st), e))
		end = MEETING_FAILED;
	if (end != MEETING_ANSWERED)
		return end;
	if (check_stage(st, g->n_alive, g->n, g->f, &said))
		return withhold(g, said.text);
	if (st->rule->plan)
		plan(s, st, i == g->stages - 1);
	return MEETING_ANSWERED;
}

/* --- the answer --------------------------------------------------------------------------------------- */

/* Without a function of a coordinate's values the answer is their mean: one row of weights. */
static void average_rows(struct rule_engine *g)
{
	for (int k = 0; k < g->n; k++)
		g->w[k] = 1.0 / g->n;
	g->view.extra[RULE_MEMORY] = -1; /* the rows have what they want of it */
	if (g->n > 1)
		compose(g, g->w, 1, g->n);
	g->n = 1;
}

/* Rows that are as many as the messages are one of each. */
static void report_plan(struct rule_engine *g, int rows, struct rule_report *out)
{
	for (int i = 0; i < rows && rows == g->n_alive; i++) {
		g->scores_by_place[g->alive[i]] = g->scores[i];
		g->chosen_by_place[g->alive[i]] = g->chosen[i];
		out->has_scores = out->has_scores || !isnan(g->scores[i]);
		out->has_chosen = out->has_chosen || g->chosen[i];
	}
}

static void report(struct rule_engine *g, struct rule_report *out)
{
	const struct rule *rule = rule_last(g)->rule;
	if (rule->plan)
		report_plan(g, g->view.n, out);
	out->idle = rule->plan && g->idle;
	out->has_weights = !rule->column;
	for (int c = 0; c < g->columns - 1 && out->has_weights; c++)
		g->weights[c] = g->mix[c];
}

static void begin(struct rule_step *s)
{
	struct rule_engine *g = s->engine;
	const struct meeting *m = s->meeting;
	g->n = g->n_alive = m->count;
	g->f = (int)((const struct rule_keys *)s->run->state)->f;
	g->columns = m->count + 1;
	g->identity = true;
	g->withheld[0] = '\0';
	for (int i = 0; i < m->count; i++) {
		g->alive[i] = i;
		g->removed[i] = g->chosen_by_place[i] = false;
		g->scores_by_place[i] = NAN;
		g->weights[i] = 0;
		g->bucket_by_place[i] = -1;
	}
	s->run->report = (struct rule_report){.n = g->n,
	                                      .f = g->f,
	                                      .weights = g->weights,
	                                      .scores = g->scores_by_place,
	                                      .chosen = g->chosen_by_place,
	                                      .removed = g->removed,
	                                      .bucket = g->bucket_by_place,
	                                      .withheld = g->withheld};
}

enum meeting_end rule_meet(struct rule_run *r, const struct meeting *m, struct err *e)
{
	struct rule_engine *g = r->engine;
	struct rule_step s = {.run = r, .engine = g, .meeting = m};
	if (m->begin % MEETING_BLOCK || m->count > r->workers || m->n != r->n)
		BUG("a meeting that the rule was not opened for");
	begin(&s);
	for (int i = 0; i < g->stages; i++) {
		enum meeting_end end = m->count ? decide(&s, i, e) : withhold(g, "no message has come");
		if (end != MEETING_ANSWERED)
			return end;
	}
	if (!rule_last(g)->rule->column)
		average_rows(g);
	report(g, &r->report);
	rule_combine(&s);
	return MEETING_ANSWERED;
}
