/* See transport/carrier.h. */
#include "transport/carrier.h"
#include "base/mem.h"
#include "transport/topology.h"

/* The header's words; then two words for each worker: has the root its block, and its `born`. */
enum { HEADER_STEP, HEADER_GIVEN, HEADER_WORDS };

static int carry(const struct carrier *c, float *at, size_t floats, int from, int to, struct err *e)
{
	if (from == to || floats == 0 || (c->rank != from && c->rank != to))
		return 0;
	return c->carry(c->self, at, floats * sizeof *at, from, to, e);
}

/* header [HEADER_WORDS + 2 workers], with what the root knows. */
static void fill_header(const struct carrier *c, const struct train_state *st, int64_t *header)
{
	header[HEADER_STEP] = st->step;
	header[HEADER_GIVEN] = st->given;
	for (int w = 0; w < c->workers; w++) {
		header[HEADER_WORDS + 2 * w] = st->workers[w] != NULL;
		header[HEADER_WORDS + 2 * w + 1] = st->workers[w] ? st->born[w] : st->step;
	}
}

/* The memory of the rule, to the other processes where votes meet. */
static int spread_server(const struct carrier *c, const struct train_state *st, struct err *e)
{
	if (!c->shares || st->server.count == 0)
		return 0;
	return c->broadcast(c->self, st->server.at, st->server.count * sizeof(float), e);
}

static int take_state(const struct carrier *c, struct train_state *st, const int64_t *header, struct err *e)
{
	st->step = header[HEADER_STEP];
	for (int i = 0; header[HEADER_GIVEN] && i < STATE_PARTS; i++) {
		struct state_part part = train_state_part(st, i);
		if (part.count > 0 && c->broadcast(c->self, part.at, part.count * sizeof(float), e))
			return -1;
	}
	if (header[HEADER_GIVEN] && spread_server(c, st, e))
		return -1;
	for (int w = 0; w < c->workers; w++) {
		st->born[w] = header[HEADER_WORDS + 2 * w + 1];
		if (header[HEADER_WORDS + 2 * w] &&
		    carry(c, st->workers[w], st->worker_floats[w], 0, topology_dealt(c->first, w), e))
			return -1;
	}
	return 0;
}

/* Send the root each process's share of it, vector by vector. */
static int collect_server(const struct carrier *c, struct train_state *st, struct err *e)
{
	size_t n = st->x.count, vectors = c->shares ? st->server_vectors : 0, begin, end;
	for (size_t v = 0; v < vectors; v++)
		for (int r = 1; r < c->size; r++) {
			c->share(c->self, n, r, &begin, &end);
			if (carry(c, st->server.at + v * n + begin, end - begin, r, 0, e))
				return -1;
		}
	return 0;
}

int carrier_sync(const struct carrier *c, struct train_state *st, struct err *e)
{
	size_t count = HEADER_WORDS + 2 * (size_t)c->workers;
	int64_t *header = mem_array(count, sizeof *header);
	if (c->rank == 0)
		fill_header(c, st, header);
	int rc = c->broadcast(c->self, header, count * sizeof *header, e) || take_state(c, st, header, e) ? -1
	                                                                                                  : 0;
	mem_free(header);
	return rc;
}

int carrier_collect(const struct carrier *c, struct train_state *st, struct err *e)
{
	for (int w = 0; w < c->workers; w++)
		if (carry(c, st->workers[w], st->worker_floats[w], topology_dealt(c->first, w), 0, e))
			return -1;
	return collect_server(c, st, e);
}
