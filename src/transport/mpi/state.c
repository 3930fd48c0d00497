/* The root's state to the hosts, and the workers' own back to it: see transport.h. */
#include "base/mem.h"
#include "transport/mpi/mpi_internal.h"

enum { WORD_STEP, WORD_GIVEN, WORDS }; /* then, of each worker: is its block there, since */

static size_t block_bytes(const struct train_state *st, int worker)
{
	return st->worker_floats[worker] * sizeof(float);
}

/* Blocks travel one after the other: their memory is the trainer's, and there is no hurry. */
static int carry_block(struct mpi_self *m, struct train_state *st, int worker, int from, int to,
                       struct err *e)
{
	size_t bytes = block_bytes(st, worker);
	if (from == to || (m->rank != from && m->rank != to))
		return 0;
	mpi_scratch(&m->aside, mpi_pieces(bytes));
	int rc = m->rank == from ? mpi_post_send(m, &m->aside, st->workers[worker], bytes, to, 0, e)
	                         : mpi_post_recv(m, &m->aside, st->workers[worker], bytes, from, 0, e);
	return rc ? -1 : mpi_finish(&m->aside, e);
}

/* Step, given, and who has a block since when, as the root knows it, into words [WORDS + 2 workers]. */
static void fill_words(const struct mpi_self *m, const struct train_state *st, int64_t *words)
{
	words[WORD_STEP] = st->step;
	words[WORD_GIVEN] = st->given;
	for (int w = 0; w < m->workers; w++) {
		words[WORDS + 2 * w] = st->workers[w] != NULL;
		words[WORDS + 2 * w + 1] = st->workers[w] ? st->born[w] : st->step;
	}
}

static int take_state(struct mpi_self *m, struct train_state *st, const int64_t *words, struct err *e)
{
	st->step = words[WORD_STEP];
	for (int i = 0; words[WORD_GIVEN] && i < STATE_PARTS; i++) {
		struct state_part part = train_state_part(st, i);
		if (mpi_broadcast(m, part.at, part.count * sizeof(float), e))
			return -1;
	}
	for (int w = 0; w < m->workers; w++) {
		st->born[w] = words[WORDS + 2 * w + 1];
		if (words[WORDS + 2 * w] && carry_block(m, st, w, 0, mpi_host(m, w), e))
			return -1;
	}
	return 0;
}

int mpi_sync(void *self, struct train_state *st, struct err *e)
{
	struct mpi_self *m = self;
	size_t count = WORDS + 2 * (size_t)m->workers;
	int64_t *words = mem_array(count, sizeof *words);
	if (m->rank == 0)
		fill_words(m, st, words);
	m->st = st;
	int rc = mpi_broadcast(m, words, count * sizeof *words, e) || take_state(m, st, words, e) ? -1 : 0;
	mem_free(words);
	return rc;
}

int mpi_collect(void *self, struct train_state *st, struct err *e)
{
	struct mpi_self *m = self;
	for (int w = 0; w < m->workers; w++)
		if (carry_block(m, st, w, mpi_host(m, w), 0, e))
			return -1;
	return 0;
}
