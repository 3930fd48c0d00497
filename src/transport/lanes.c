/* Ranges of coordinates for lanes: see transport/lanes.h. */
#include "transport/lanes.h"

/*
 * Coordinates of a range, multiples of 64: enough to be worth waking a lane, but few enough to load all lanes
 * evenly and to keep memory streaming.
 */
enum { RANGE_LEAST = 8192, RANGE_MOST = 65536, RANGES_A_LANE = 4 };

struct cut {
	const struct exchange_rule *rule;
	void *pull;
	const void *const *pushes; /* [count] */
	int count;                 /* voters */
	size_t begin, end, range;  /* of all items together; coordinates of one item */
};

static size_t range_of(size_t n, int lanes)
{
	size_t fair = n / (RANGES_A_LANE * (size_t)lanes) / 64 * 64;
	if (fair < RANGE_LEAST)
		return RANGE_LEAST;
	return fair < RANGE_MOST ? fair : RANGE_MOST;
}

static void combine_range(void *ctx, int lane, size_t item)
{
	const struct cut *c = ctx;
	size_t begin = c->begin + item * c->range;
	size_t end = c->end - begin < c->range ? c->end : begin + c->range;
	c->rule->combine(c->rule->ctx, lane, c->count, c->pushes, begin, end, c->pull);
}

void lanes_combine(struct pool *pool, const struct exchange_request *request, int count,
                   const void *const *pushes, size_t begin, size_t end)
{
	size_t n = end - begin;
	struct cut c = {.rule = &request->rule,
	                .pull = request->pull,
	                .pushes = pushes,
	                .count = count,
	                .begin = begin,
	                .end = end,
	                .range = range_of(n, pool_lanes(pool))};
	if (request->rule.separable && n > c.range)
		pool_run(pool, (n + c.range - 1) / c.range, combine_range, &c);
	else if (n > 0)
		request->rule.combine(request->rule.ctx, 0, count, pushes, begin, end, request->pull);
}

enum meeting_end lanes_meet(const struct exchange_request *request, struct meeting *m, struct err *e)
{
	m->step = request->step;
	m->n = request->shape.n;
	m->pull = request->pull;
	if (request->rule.meet)
		return request->rule.meet(request->rule.ctx, m, e);
	lanes_combine(m->pool, request, m->count, m->pushes, m->begin, m->end);
	return MEETING_ANSWERED;
}
