/* The engine's phases and decisions: see rule_run.h. Coordinates are worked on in rule_chunk.c. */
#include "aggregator/rule_run.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "aggregator/rule_internal.h"
#include "aggregator/weighted.h"

/* --- scan and gather ---------------------------------------------------------------------------------- */

/* Whose message a place of the meeting has. */
static int worker_of(const struct meeting *m, int place)
{
	return m->ids ? m->ids[place] : place;
}

/* The row of the worker that the stage's rule trusts; -1: it trusts none, or there is none. */
static int trusted_row(const struct rule_step *s, const struct rule_stage *st)
{
	const struct rule_engine *g = s->engine;
	int worker = st->rule->trusted ? st->rule->trusted(st->state) : -1;
	for (int i = 0; i < g->n && worker >= 0; i++)
		if (worker_of(s->meeting, g->alive[i]) == worker)
			return i;
	return -1;
}

/* The rows of a scan: the messages and, for a plan, what the stage's rule asks for. */
static void set_rows(const struct rule_step *s, const struct rule_stage *st)
{
	struct rule_engine *g = s->engine;
	struct rule_view *v = &g->view;
	const struct rule *rule = st->rule;
	size_t rows, n = (size_t)g->n;
	*v = (struct rule_view){.state = st->state,
	                        .n = g->n,
	                        .f = g->f,
	                        .rows = g->n,
	                        .trusted = trusted_row(s, st),
	                        .d = g->d,
	                        .seed = s->run->seed,
	                        .step = s->meeting->step};
	v->extra[RULE_ORIGIN] = rule->plan && rule->norms ? v->rows++ : -1;
	v->extra[RULE_MEMORY] = rule->plan && rule->memory ? v->rows++ : -1;
	v->extra[RULE_MEDIAN] = rule->plan && rule->median ? v->rows++ : -1;
	rows = (size_t)v->rows;
	g->pairs = rule->plan && rule->distances == RULE_ALL_PAIRS;
	g->products = rule->products && rule->products(st->state);
	v->p = g->products ? g->p : NULL;
	g->others = 0;
	for (int k = g->n; k < v->rows; k++)
		g->other[g->others++] = k;
	if (v->trusted >= 0)
		g->other[g->others++] = v->trusted;
	if (g->products && g->other[g->others - 1] != rule_centre(v))
		BUG("products of a rule whose last other row is not their centre");
	if (v->extra[RULE_MEDIAN] >= 0)
		rule_list_exchanges(g, (g->n - 1) / 2, g->n / 2);
	g->each = (g->identity ? n : 0) + (g->pairs ? rule_pairs(rows) : n * (size_t)g->others) +
	          (g->products ? rule_pairs(n) : 0);
}

/* Sum number `at` of all blocks, in order. */
static double add_blocks(const struct rule_engine *g, size_t blocks, size_t at)
{
	double sum = 0;
	for (size_t b = 0; b < blocks; b++)
		sum += g->sums[b * g->each + at];
	return sum;
}

static void set_both(double *matrix, size_t rows, size_t i, size_t k, double value)
{
	matrix[i * rows + k] = matrix[k * rows + i] = value;
}

/* The squared length of a message, seen from the centre, is its distance from there. */
static void take_products(struct rule_engine *g, size_t blocks, size_t at)
{
	size_t n = (size_t)g->n;
	for (int i = 0; i < g->n; i++)
		set_both(g->p, n, (size_t)i, (size_t)i, rule_distance(&g->view, i, rule_centre(&g->view)));
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++)
			set_both(g->p, n, i, k, add_blocks(g, blocks, at++));
}

/* What is finite, D and the products from the sums, in the order in which a block has them. */
static void take_sums(struct rule_engine *g, size_t blocks)
{
	size_t at = 0, rows = (size_t)g->view.rows, n = (size_t)g->n;
	memset(g->d, 0, rows * rows * sizeof *g->d);
	for (size_t i = 0; i < n && g->identity; i++)
		g->keep[i] = add_blocks(g, blocks, at++) == 0;
	for (size_t i = 0; i < rows && g->pairs; i++)
		for (size_t k = i + 1; k < rows; k++)
			set_both(g->d, rows, i, k, add_blocks(g, blocks, at++));
	for (size_t i = 0; i < n && !g->pairs; i++)
		for (int k = 0; k < g->others; k++)
			set_both(g->d, rows, i, (size_t)g->other[k], add_blocks(g, blocks, at++));
	if (g->products)
		take_products(g, blocks, at);
}

static int measure(struct rule_step *s, const struct rule_stage *st, struct err *e)
{
	const struct meeting *m = s->meeting;
	set_rows(s, st);
	rule_scan(s);
	if (m->gather && m->gather(m->self, s->engine->sums, s->engine->each, e))
		return -1;
	take_sums(s->engine, meeting_blocks(m->n));
	return 0;
}

/* --- decide ------------------------------------------------------------------------------------------- */

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
	for (int i = g->n; i < v->rows; i++)
		keep[i] = true;
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

/* The row of the worker that the rule trusts; -1 and a sentence where its message does not count. */
static int find_trusted(struct rule_step *s, const struct rule_stage *st, struct err *e)
{
	struct rule_engine *g = s->engine;
	int worker = st->rule->trusted ? st->rule->trusted(st->state) : -1;
	bool came = false;
	if (worker < 0)
		return 0;
	g->view.trusted = trusted_row(s, st); /* again: some may have been removed */
	for (int i = 0; i < s->meeting->count; i++)
		came = came || worker_of(s->meeting, i) == worker;
	return g->view.trusted >= 0 ? 0
	                            : err_user(e, "%s: the message of worker %d, whom `pivot` trusts, %s",
	                                       st->name, worker, came ? "is not finite" : "has not come");
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
	struct rule_plan p = {.n = last ? 1 : rule_left(st, g->n),
	                      .f = g->f,
	                      .w = g->w,
	                      .scores = g->scores,
	                      .chosen = g->chosen,
	                      .scratch = g->scratch,
	                      .order = g->order,
	                      .bucket = g->bucket,
	                      .squares = g->squares};
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
	if (p.idle && !s->run->report.idle)
		s->run->report.idle = st->name;
}

/* The first scan also tells which messages are not finite. */
static enum meeting_end first_scan(struct rule_step *s, const struct rule_stage *st, struct err *e)
{
	struct rule_engine *g = s->engine;
	char why[RULE_WITHHELD_MOST];
	if (measure(s, st, e))
		return MEETING_FAILED;
	int f = g->f, removed = remove_nonfinite(g);
	snprintf(why, sizeof why, "%d message%s not finite, and f = %d", removed,
	         removed == 1 ? " is" : "s are", f);
	if (removed > f)
		return withhold(g, why);
	s->run->report.n = g->n;
	s->run->report.f = g->f;
	begin_mix(g);
	return removed > 0 && st->rule->plan && st->rule->median && g->n > 0 && measure(s, st, e)
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
	else if (st->rule->plan && measure(s, st, e))
		end = MEETING_FAILED;
	if (end != MEETING_ANSWERED)
		return end;
	if (rule_check_stage(st, g->n_alive, g->n, g->f, &said) || find_trusted(s, st, &said))
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
		out->has_chosen = out->has_chosen || rule_last(g)->rule->chooses;
	}
}

static void report(struct rule_engine *g, struct rule_report *out)
{
	const struct rule *rule = rule_last(g)->rule;
	if (rule->plan)
		report_plan(g, g->view.n, out);
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
	if (r->weighted)
		return weighted_meet(r, m, e);
	begin(&s);
	for (int i = 0; i < g->stages; i++) {
		enum meeting_end end = m->count ? decide(&s, i, e) : withhold(g, "no message has come");
		if (end != MEETING_ANSWERED)
			return end;
	}
	if (!rule_last(g)->rule->column)
		average_rows(g);
	else
		rule_list_exchanges(g, 0, g->n - 1);
	report(g, &r->report);
	rule_combine(&s);
	return MEETING_ANSWERED;
}
