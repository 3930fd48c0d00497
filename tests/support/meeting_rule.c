#include "tests/support/meeting_rule.h"
#include <math.h>
#include <stdlib.h>
#include "base/mem.h"

/* Squared norms of all messages, block by block. */
static int scan(const struct meeting *m, double *totals, struct err *e)
{
	size_t blocks = meeting_blocks(m->n), each = (size_t)m->count;
	double *sums = mem_array(blocks * each, sizeof *sums);
	for (size_t i = 0; i < each; i++)
		for (size_t k = m->begin; k < m->end; k++) {
			double v = ((const float *)m->pushes[i])[k];
			sums[k / MEETING_BLOCK * each + i] += v * v;
		}
	int rc = m->gather ? m->gather(m->self, sums, each, e) : 0;
	for (size_t b = 0; b < blocks; b++)
		for (size_t i = 0; i < each; i++)
			totals[i] += sums[b * each + i];
	mem_free(sums);
	return rc;
}

static int ascending(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return (x > y) - (x < y);
}

/* values [count]: scratch. */
static float median(const struct meeting *m, const double *totals, size_t k, float *values)
{
	int kept = 0;
	for (int i = 0; i < m->count; i++)
		if (isfinite(totals[i]))
			values[kept++] = ((const float *)m->pushes[i])[k];
	qsort(values, (size_t)kept, sizeof *values, ascending);
	return values[kept / 2];
}

static void answer(const struct meeting_rule *r, const struct meeting *m, const double *totals)
{
	float shift = 0, *pull = m->pull, *values = mem_array((size_t)m->count, sizeof *values);
	for (int i = 0; i < m->count; i++)
		if (isfinite(totals[i]))
			shift += (float)(m->ids[i] + 1) * (float)sqrt(totals[i]) / 1024.0F;
	for (size_t k = m->begin; k < m->end; k++) {
		pull[k] = median(m, totals, k, values) + shift / (float)m->n +
		          (r->memory ? 0.5F * r->memory[k] : 0);
		if (r->memory)
			r->memory[k] = pull[k];
	}
	mem_free(values);
}

enum meeting_end meeting_rule_meet(void *ctx, const struct meeting *m, struct err *e)
{
	const struct meeting_rule *r = ctx;
	double *totals = mem_array((size_t)m->count, sizeof *totals);
	enum meeting_end end = MEETING_WITHHELD;
	bool withheld = r->every > 0 && m->step % (uint64_t)r->every == (uint64_t)r->every - 1;
	int kept = 0;
	if (r->fails) {
		err_world(e, "%s", r->fails);
		end = MEETING_FAILED;
	} else if (scan(m, totals, e)) {
		end = MEETING_FAILED;
	} else {
		for (int i = 0; i < m->count; i++) {
			kept += isfinite(totals[i]) != 0;
			if (m->removed)
				m->removed[i] = !isfinite(totals[i]);
		}
		if (kept > 0 && !withheld) {
			answer(r, m, totals);
			end = MEETING_ANSWERED;
		}
	}
	mem_free(totals);
	return end;
}

enum meeting_end meeting_rule_alone(struct meeting_rule *r, uint64_t step, int count, const int *ids,
                                    const void *const *pushes, size_t n, void *pull)
{
	struct err ignored = {0};
	struct meeting m = {
	        .step = step, .count = count, .ids = ids, .pushes = pushes, .n = n, .end = n, .pull = pull};
	return meeting_rule_meet(r, &m, &ignored);
}
