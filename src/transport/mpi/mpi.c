/* The module `mpi`: its table, and the beginning and end of a run. See transport/mpi/mpi_internal.h. */
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "transport/mpi/mpi_internal.h"

/* What the program knows of the module. */
extern const struct mpi_module signsgd_module_mpi;

static void assign_workers(struct mpi_self *m)
{
	m->first = topology_deal(m->workers, m->size);
	int count = mpi_hosted(m, m->rank);
	m->ids = mem_array((size_t)count, sizeof *m->ids);
	for (int i = 0; i < count; i++)
		m->ids[i] = m->first[m->rank] + i;
}

/* Tags distinguish votes by worker and bucket; the standard guarantees only 32767 of them. */
static int check_tags(const struct mpi_self *m, struct err *e)
{
	int *most, found = 0;
	MPI_Comm_get_attr(m->comm, MPI_TAG_UB, &most, &found);
	if (!found || (int64_t)m->most_buckets * (m->most_hosted + 1) < *most)
		return 0;
	return err_user(
	        e, "mpi: %d buckets of %d workers a process are more messages than this MPI can distinguish",
	        m->most_buckets, m->most_hosted);
}

/* Before a round sends anything. */
static int ready_round(struct mpi_self *m, const struct exchange_request *x, struct err *e)
{
	if (x->silent || x->hosted != mpi_hosted(m, m->rank))
		return err_user(e, "mpi: every worker votes in every round; recorded voters are repeated by "
		                   "signsgd simulate");
	if (topology_check("mpi", m->topology, &x->rule, e))
		return -1;
	if (!m->pushes)
		mpi_round_open(m, x);
	return 0;
}

static void mpi_post(void *self, const struct exchange_request *x, int i, size_t begin, size_t end)
{
	struct mpi_self *m = self;
	(void)end;
	if (m->trouble.code || m->left || (!m->head_sent && ready_round(m, x, &m->trouble)))
		return;
	mpi_round_post(m, x, i, (int)(begin / m->bucket), &m->trouble);
}

static enum exchange_end hold_round(struct mpi_self *m, const struct exchange_request *x,
                                    struct exchange_reply *reply, struct err *e)
{
	double start = clock_s();
	if (m->trouble.code) {
		*e = m->trouble;
		return EXCHANGE_FAILED;
	}
	int rc = ready_round(m, x, e) ? -1 : mpi_exchange_heads(m, x, true, e);
	if (rc)
		return rc < 0 ? EXCHANGE_FAILED : EXCHANGE_LEFT;
	reply->flags = heads_flags(m->heads, m->size);
	if (mpi_round(m, x, reply, start, e))
		return EXCHANGE_FAILED;
	m->head_sent = m->heads_here = false;
	reply->n_voters = m->workers;
	return EXCHANGE_DONE;
}

static enum exchange_end mpi_exchange(void *self, const struct exchange_request *x,
                                      struct exchange_reply *reply, struct err *e)
{
	struct mpi_self *m = self;
	exchange_begin(x, reply);
	enum exchange_end end = hold_round(m, x, reply, e);
	m->failed = end == EXCHANGE_FAILED;
	return end;
}

static void mpi_leave(void *self, bool finished, const char *why)
{
	(void)finished, (void)why;
	mpi_last_head(self);
}

static void mpi_fail(int code)
{
	int running = 0;
	MPI_Initialized(&running);
	if (running) /* else the launcher ends the others when this process ends with that code */
		mpi_abort(code);
}

static void mpi_close(void *self)
{
	struct mpi_self *m = self;
	if (m->rank != 0 && !m->left && !m->failed && !m->head_sent)
		mpi_last_head(m);
	if (m->left)
		mpi_promise(false);
	mpi_round_close(m);
	mem_free(m->first);
	mem_free(m->ids);
	mem_free(m->own);
	mem_free(m->heads);
	mem_free(m);
}

/* Of an open link. */
static const struct transport row = {
        .row = {.name = "mpi"},
        .processes = TRANSPORT_LAUNCHED,
        .sync = mpi_sync,
        .post = mpi_post,
        .exchange = mpi_exchange,
        .collect = mpi_collect,
        .leave = mpi_leave,
        .close = mpi_close,
};

static int mpi_open(const void *state, const struct transport_env *env, struct link *link, struct err *e)
{
	const struct mpi_settings *s = state;
	MPI_Comm comm;
	if (mpi_begin(&comm, e))
		return -1;
	struct mpi_self *m = mem_alloc(sizeof *m);
	m->comm = comm;
	MPI_Comm_rank(comm, &m->rank);
	MPI_Comm_size(comm, &m->size);
	m->topology = (enum topology)s->topology;
	m->most_buckets = m->topology == TOPOLOGY_ALLREDUCE ? 1 : (int)s->buckets;
	m->workers = env->workers;
	m->pool = env->pool;
	m->stop = env->stop;
	m->most_hosted = (m->workers + m->size - 1) / m->size;
	m->own = mem_alloc(sizeof *m->own);
	m->heads = mem_array((size_t)m->size, sizeof *m->heads);
	assign_workers(m);
	mpi_promise(true);
	*link = (struct link){.row = &row,
	                      .self = m,
	                      .root = m->rank == 0,
	                      .meets = m->rank == 0 || m->topology == TOPOLOGY_SHARDED,
	                      .meets_apart = m->size > 1 && m->topology == TOPOLOGY_SHARDED,
	                      .count = mpi_hosted(m, m->rank),
	                      .ids = m->ids,
	                      .buckets = m->most_buckets};
	return check_tags(m, e);
}

static int broadcast(void *at, size_t bytes, struct err *e)
{
	MPI_Comm comm;
	if (mpi_begin(&comm, e))
		return -1;
	mpi_promise(true);
	return mpi_broadcast(comm, at, bytes, e);
}

static void mpi_library(char *out, size_t size)
{
	char text[MPI_MAX_LIBRARY_VERSION_STRING];
	int length;
	MPI_Get_library_version(text, &length);
	text[strcspn(text, ",")] = '\0';
	text_first_line(text, out, size); /* MPICH writes "MPICH Version:", a tab, and its number */
}

const MODULE_TABLE struct mpi_module signsgd_module_mpi = {
        .head = {SIGNSGD_VERSION, SIGNSGD_COMMIT},
        .open = mpi_open,
        .broadcast = broadcast,
        .fail = mpi_fail,
        .library = mpi_library,
};
