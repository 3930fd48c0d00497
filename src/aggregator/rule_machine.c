/*
 * The engine's work on coordinates where messages are in the memory of a machine that has kernels for rules
 * (backend/rules.h): what rule_chunk.c does on the host, piece by piece and with the same bits. Only lists of
 * rows and weights go there, and only sums over blocks come back. All of it is work of one queue, that of
 * lane 0; a machine needs no others to be busy.
 */
#include <string.h>
#include "aggregator/rule_internal.h"
#include "base/mem.h"

/* Memory of the machine that rows of a piece may take; a piece is one chunk at least. */
enum { PIECE_BYTES = 16 << 20 };

enum { CHUNKS_OF_BLOCK = MEETING_BLOCK / RULES_CHUNK };

struct rule_machine {
	struct rules_row *list;                  /* of the host, what is uploaded */
	struct rules_row *source, *rows, *other; /* [workers + 1], [rows], [RULE_EXTRA_ROWS + 1] */
	double *weights;                         /* [workers][workers + 1] */
	double *mixed;                           /* [rows][piece] */
	double *chunk_sums, *block_sums;         /* of a piece */
	void *values;                            /* of rows that registers do not hold */
	size_t piece;                            /* coordinates */
};

/* --- memory ------------------------------------------------------------------------------------------- */

/* Numbers that each part has. */
struct layout {
	size_t piece, weights, mixed, chunk_sums, block_sums, values;
};

/* Are there rows that are no messages but must be written down? */
static bool writes_rows(const struct aggregator *agg, const void *state)
{
	const struct rule *rule = agg->rule;
	return rule_stages(state) > 1 || rule->median || (rule->plan && rule->column);
}

static size_t sums_each(const struct aggregator *agg, const void *state, size_t workers)
{
	bool plans = agg->rule->plan || rule_stages(state) > 1;
	return plans ? workers + rule_pairs(workers + RULE_EXTRA_ROWS) + rule_pairs(workers + 1) : workers;
}

static struct layout layout_of(const struct aggregator *agg, const void *state, const struct backend *be,
                               size_t workers, size_t n)
{
	size_t each = sums_each(agg, state, workers), rows = workers + RULE_EXTRA_ROWS;
	size_t mixed = writes_rows(agg, state) ? rows : 0;
	size_t values =
	        workers > (size_t)be->rules->sorted_at_once && (agg->rule->median || agg->rule->column)
	                ? workers
	                : 0;
	size_t coordinate = (mixed + values + each / RULES_CHUNK + 1) * sizeof(double);
	size_t piece = PIECE_BYTES / coordinate, whole = (n + RULES_CHUNK - 1) / RULES_CHUNK * RULES_CHUNK;
	piece -= piece % (piece < MEETING_BLOCK ? RULES_CHUNK : MEETING_BLOCK);
	piece = piece < RULES_CHUNK ? RULES_CHUNK : piece;
	piece = piece < whole ? piece : whole;
	return (struct layout){.piece = piece,
	                       .weights = workers * (workers + 1),
	                       .mixed = mixed * piece,
	                       .chunk_sums = (piece / RULES_CHUNK) * each,
	                       .block_sums = meeting_blocks(piece) * each,
	                       .values = values * piece};
}

/* Has the machine kernels for all that the rule does? */
static bool fits(const struct aggregator *agg, const struct backend *be)
{
	return be->rules && !be->memory->host && agg->rule && (!agg->rule->column || agg->rule->order);
}

size_t rule_machine_bytes(const struct aggregator *agg, const void *state, const struct backend *be,
                          const struct message *push, size_t workers, size_t n)
{
	if (!fits(agg, be) || push->kind != MESSAGE_FLOATS)
		return 0;
	struct layout l = layout_of(agg, state, be, workers, n);
	size_t numbers = l.weights + l.mixed + l.chunk_sums + l.block_sums + l.values;
	return numbers * sizeof(double) + (2 * workers + 2 * RULE_EXTRA_ROWS + 2) * sizeof(struct rules_row);
}

void rule_machine_open(const struct rule_run *r, struct rule_engine *g)
{
	const struct memory *memory = r->be->memory;
	size_t workers = (size_t)r->workers, number = sizeof(double), row = sizeof(struct rules_row);
	if (!fits(r->agg, r->be) || r->push.kind != MESSAGE_FLOATS || !r->queues)
		return;
	struct layout l = layout_of(r->agg, r->state, r->be, workers, r->n);
	g->machine = mem_alloc(sizeof *g->machine);
	*g->machine = (struct rule_machine){
	        .list = mem_array(workers + RULE_EXTRA_ROWS, row),
	        .source = memory->alloc((workers + 1) * row, "messages of a rule"),
	        .rows = memory->alloc((workers + RULE_EXTRA_ROWS) * row, "rows of a rule"),
	        .other = memory->alloc((RULE_EXTRA_ROWS + 1) * row, "rows of a rule"),
	        .weights = memory->alloc(l.weights * number, "weights of a rule"),
	        .mixed = memory->alloc(l.mixed * number, "rows of a rule"),
	        .chunk_sums = memory->alloc(l.chunk_sums * number, "sums of a rule"),
	        .block_sums = memory->alloc(l.block_sums * number, "sums of a rule"),
	        .values = memory->alloc(l.values * number, "values of a rule"),
	        .piece = l.piece};
}

void rule_machine_close(const struct rule_run *r, struct rule_engine *g)
{
	struct rule_machine *m = g->machine;
	if (!m)
		return;
	void *const all[] = {m->source, m->rows,       m->other,      m->weights,
	                     m->mixed,  m->chunk_sums, m->block_sums, m->values};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		r->be->memory->release(all[i]);
	mem_free(m->list);
	mem_free(m);
}

/* --- lists -------------------------------------------------------------------------------------------- */

static struct queue *queue_of(const struct rule_step *s)
{
	return s->run->queues[0];
}

static struct rules_row floats_at(const void *at)
{
	return (struct rules_row){.at = at, .form = RULES_FLOATS};
}

static struct rules_row written_at(const struct rule_machine *m, int row)
{
	return (struct rules_row){.at = m->mixed + (size_t)row * m->piece, .form = RULES_DOUBLES};
}

static void give(const struct rule_step *s, void *to, const void *from, size_t bytes)
{
	s->run->be->memory->upload(queue_of(s), to, from, bytes);
}

static struct rules_row row_of(const struct rule_step *s, int row)
{
	const struct rule_engine *g = s->engine;
	if (row == g->view.extra[RULE_ORIGIN])
		return (struct rules_row){.form = RULES_ZEROS};
	if (row == g->view.extra[RULE_MEMORY])
		return floats_at(s->run->memory);
	return row < g->n && g->identity ? floats_at(s->meeting->pushes[g->alive[row]])
	                                 : written_at(g->machine, row);
}

/* Messages by place, behind them the memory: what weights are of. */
static void list_sources(const struct rule_step *s)
{
	struct rule_machine *m = s->engine->machine;
	const struct meeting *meeting = s->meeting;
	for (int i = 0; i < meeting->count; i++)
		m->list[i] = floats_at(meeting->pushes[i]);
	m->list[meeting->count] = floats_at(s->run->memory);
	give(s, m->source, m->list, ((size_t)meeting->count + 1) * sizeof *m->list);
}

static void list_rows(const struct rule_step *s, int rows)
{
	const struct rule_engine *g = s->engine;
	struct rule_machine *m = g->machine;
	for (int i = 0; i < rows; i++)
		m->list[i] = row_of(s, i);
	give(s, m->rows, m->list, (size_t)rows * sizeof *m->list);
	for (int k = 0; k < g->others; k++)
		m->list[k] = row_of(s, g->other[k]);
	give(s, m->other, m->list, (size_t)g->others * sizeof *m->list);
	if (g->identity)
		return;
	list_sources(s);
	give(s, m->weights, g->mix, (size_t)g->n * (size_t)g->columns * sizeof *g->mix);
}

/* --- pieces ------------------------------------------------------------------------------------------- */

/* From `at` on: at most a piece, and none of several blocks begins within one. */
static struct rules_piece piece_at(const struct rule_step *s, size_t at)
{
	size_t piece = s->engine->machine->piece, left = s->meeting->end - at;
	if (piece < MEETING_BLOCK && piece > MEETING_BLOCK - at % MEETING_BLOCK)
		piece = MEETING_BLOCK - at % MEETING_BLOCK;
	return (struct rules_piece){.first = at, .count = piece < left ? piece : left};
}

static void mix_rows(const struct rule_step *s, struct rules_piece p)
{
	const struct rule_engine *g = s->engine;
	const struct rule_machine *m = g->machine;
	if (!g->identity)
		s->run->be->rules->mix(queue_of(s), p, g->n, g->columns, m->weights, m->source, m->piece,
		                       m->mixed);
}

static enum rules_form form_of(const struct rule_engine *g)
{
	return g->identity ? RULES_FLOATS : RULES_DOUBLES;
}

/* Sums of a chunk, in the order of rule_chunk.c. */
static void sum_chunks(const struct rule_step *s, struct rules_piece p)
{
	const struct rule_engine *g = s->engine;
	const struct rule_machine *m = g->machine;
	const struct rules_kernels *rules = s->run->be->rules;
	struct queue *q = queue_of(s);
	double *sums = m->chunk_sums;
	struct rules_pairs pairs = {.rows = g->pairs ? g->view.rows : g->n,
	                            .others = g->pairs ? 0 : g->others,
	                            .x = m->rows,
	                            .y = m->other};
	if (g->identity) {
		rules->nonfinite(q, p, g->n, m->rows, g->each, sums);
		sums += g->n;
	}
	if (!g->pairs && !g->others)
		return;
	rules->sums(q, p, &pairs, g->each, sums);
	sums += g->pairs ? rule_pairs((size_t)g->view.rows) : (size_t)(g->n * g->others);
	if (!g->products)
		return;
	pairs = (struct rules_pairs){.rows = g->n, .x = m->rows, .centre = m->rows + rule_centre(&g->view)};
	rules->sums(q, p, &pairs, g->each, sums);
}

/* The sums of blocks that end with this piece come to the host. */
static void take_blocks(const struct rule_step *s, struct rules_piece p)
{
	const struct rule_engine *g = s->engine;
	const struct memory *memory = s->run->be->memory;
	const struct rule_machine *m = g->machine;
	size_t before = p.first % MEETING_BLOCK, block = p.first / MEETING_BLOCK, end = p.first + p.count;
	size_t bytes = (meeting_blocks(end) - block) * g->each * sizeof *g->sums;
	if (before == 0)
		memory->fill(queue_of(s), m->block_sums, 0, bytes);
	s->run->be->rules->fold(queue_of(s), (p.count + RULES_CHUNK - 1) / RULES_CHUNK, CHUNKS_OF_BLOCK,
	                        before / RULES_CHUNK, g->each, m->chunk_sums, m->block_sums);
	if (end % MEETING_BLOCK == 0 || end == s->meeting->end)
		memory->download(queue_of(s), g->sums + block * g->each, m->block_sums, bytes);
}

void rule_machine_scan(const struct rule_step *s)
{
	const struct rule_engine *g = s->engine;
	const struct rule_machine *m = g->machine;
	int median = g->view.extra[RULE_MEDIAN];
	list_rows(s, g->view.rows);
	for (size_t at = s->meeting->begin; at < s->meeting->end;) {
		struct rules_piece p = piece_at(s, at);
		mix_rows(s, p);
		if (median >= 0)
			s->run->be->rules->median(queue_of(s), p, g->n, m->rows, form_of(g), m->values,
			                          m->mixed + (size_t)median * m->piece);
		sum_chunks(s, p);
		take_blocks(s, p);
		at += p.count;
	}
}

/* --- the answer --------------------------------------------------------------------------------------- */

static void order_columns(const struct rule_step *s)
{
	const struct rule_engine *g = s->engine;
	const struct rule_machine *m = g->machine;
	const struct rules_order what = rule_last(g)->rule->order(g->n, g->f);
	list_rows(s, g->n);
	for (size_t at = s->meeting->begin; at < s->meeting->end;) {
		struct rules_piece p = piece_at(s, at);
		mix_rows(s, p);
		s->run->be->rules->order(queue_of(s), p, g->n, m->rows, form_of(g), what, m->values,
		                         s->meeting->pull);
		at += p.count;
	}
}

/* The answer is one row: a mixture, or a message as it is. */
static void answer_row(const struct rule_step *s, struct rules_piece share)
{
	const struct rule_engine *g = s->engine;
	const struct rule_machine *m = g->machine;
	float *pull = s->meeting->pull;
	if (g->identity) {
		const float *only = s->meeting->pushes[g->alive[0]];
		s->run->be->memory->copy(queue_of(s), pull + share.first, only + share.first,
		                         share.count * sizeof *pull);
		return;
	}
	list_sources(s);
	give(s, m->weights, g->mix, (size_t)g->columns * sizeof *g->mix);
	s->run->be->rules->mix_floats(queue_of(s), share, g->columns, m->weights, m->source, pull);
}

void rule_machine_combine(const struct rule_step *s)
{
	const struct rule *rule = rule_last(s->engine)->rule;
	const struct memory *memory = s->run->be->memory;
	const struct rules_piece share = {.first = s->meeting->begin,
	                                  .count = s->meeting->end - s->meeting->begin};
	if (share.count == 0)
		return;
	if (rule->column)
		order_columns(s);
	else
		answer_row(s, share);
	if (rule->keeps_answer)
		memory->copy(queue_of(s), s->run->memory + share.first,
		             (const float *)s->meeting->pull + share.first, share.count * sizeof(float));
	memory->finish(queue_of(s));
}
