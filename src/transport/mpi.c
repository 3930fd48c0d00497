/* Transport `mpi`: its row, the head of a round, and how a run ends. See mpi_inside.h. */
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "transport/mpi_inside.h"

extern const struct transport transport_mpi;

/* Beside enum exchange_flag, in heads only. */
enum {
	HEAD_LEAVE = 1 << 8, /* the root: the run is over */
	HEAD_GONE = 1 << 9,  /* a host: no round will be held by this process any more */
	HEAD_SHARED = EXCHANGE_SAVE | EXCHANGE_STOP,
};

/* What every process tells every other before a round's data. */
struct head {
	uint64_t step, x_hash, n, push_bytes, pull_bytes;
	int64_t flags;
	struct head_worker {
		double loss;
		int64_t since;
	} worker[]; /* [slots] the first ones are used */
};

int mpi_host(const struct mpi_self *m, int worker)
{
	int r = 0;
	while (worker >= m->first[r + 1])
		r++;
	return r;
}

static struct head *head_of(const struct mpi_self *m, int r)
{
	return (struct head *)(void *)(m->heads + (size_t)r * m->head_bytes);
}

/* Contiguous shares in ascending order, of which none has two workers more than another; the root, which
 * evaluates too, has none of the greater ones unless all are equal. */
static void deal(struct mpi_self *m)
{
	m->first = mem_array((size_t)m->size + 1, sizeof *m->first);
	for (int r = 0; r <= m->size; r++)
		m->first[r] = (int)((int64_t)m->workers * r / m->size);
	int count = mpi_hosted(m, m->rank);
	m->ids = mem_array((size_t)count, sizeof *m->ids);
	for (int i = 0; i < count; i++)
		m->ids[i] = m->first[m->rank] + i;
}

static int mpi_open(const void *state, const struct transport_env *env, struct link *link, struct err *e)
{
	MPI_Comm comm;
	if (mpi_begin(&comm, e))
		return -1;
	struct mpi_self *m = mem_alloc(sizeof *m);
	m->comm = comm;
	MPI_Comm_rank(comm, &m->rank);
	MPI_Comm_size(comm, &m->size);
	m->topology = (enum mpi_topology)((const struct mpi_settings *)state)->topology;
	m->workers = env->workers;
	m->pool = env->pool;
	m->stop = env->stop;
	deal(m);
	m->slots = ((size_t)m->workers + (size_t)m->size - 1) / (size_t)m->size;
	m->head_bytes = sizeof(struct head) + m->slots * sizeof(struct head_worker);
	m->head = mem_array(m->head_bytes, 1);
	m->heads = mem_array((size_t)m->size, m->head_bytes);
	m->since = mem_array((size_t)m->workers, sizeof *m->since);
	mpi_promise(true);
	*link = (struct link){.row = &transport_mpi,
	                      .self = m,
	                      .root = m->rank == 0,
	                      .count = mpi_hosted(m, m->rank),
	                      .ids = m->ids};
	return 0;
}

static int mpi_tell(void *self, int64_t *value, struct err *e)
{
	(void)self;
	MPI_Comm comm;
	if (mpi_begin(&comm, e))
		return -1;
	mpi_promise(true);
	return mpi_check(MPI_Bcast(value, sizeof *value, MPI_BYTE, 0, comm), "MPI_Bcast", e);
}

static int pass_heads(struct mpi_self *m, struct err *e)
{
	int bytes = (int)m->head_bytes;
	return mpi_check(MPI_Allgather(m->head, bytes, MPI_BYTE, m->heads, bytes, MPI_BYTE, m->comm),
	                 "MPI_Allgather", e);
}

static void fill_head(struct mpi_self *m, const struct exchange *x)
{
	struct head *h = (struct head *)(void *)m->head;
	*h = (struct head){.step = x->step,
	                   .x_hash = x->x_hash,
	                   .n = x->n,
	                   .push_bytes = x->push_bytes,
	                   .pull_bytes = x->pull_bytes,
	                   .flags = x->flags & HEAD_SHARED};
	if (m->stop && *m->stop)
		h->flags |= EXCHANGE_STOP;
	for (int i = 0; i < mpi_hosted(m, m->rank); i++) {
		int w = m->ids[i];
		h->worker[i] = (struct head_worker){.loss = x->loss[w], .since = x->since[w]};
	}
}

/* All processes compare all heads, so that all end with the same sentence. */
static int compare_heads(const struct mpi_self *m, struct err *e)
{
	const struct head *root = head_of(m, 0);
	for (int r = 1; r < m->size; r++) {
		const struct head *h = head_of(m, r);
		if (h->flags & HEAD_GONE)
			return err_world(e, "mpi: process %d has ended its part of the run", r);
		if (h->step != root->step)
			return err_world(e, "mpi: process %d is at step %llu, process 0 at step %llu", r,
			                 (unsigned long long)h->step, (unsigned long long)root->step);
		if (h->n != root->n || h->push_bytes != root->push_bytes || h->pull_bytes != root->pull_bytes)
			return err_world(e, "mpi: process %d and process 0 run different experiments", r);
		if (h->x_hash != root->x_hash)
			return err_world(
			        e,
			        "mpi: before step %llu the parameters of process %d differ from those "
			        "of process 0; do all run the same program on the same kind of machine?",
			        (unsigned long long)root->step + 1, r);
	}
	return 0;
}

/* Flags for all; losses and states' ages at the root; whose batches count next. */
static void take_heads(struct mpi_self *m, struct exchange *x)
{
	x->flags = 0;
	for (int r = 0; r < m->size; r++) {
		const struct head *h = head_of(m, r);
		x->flags |= (int)h->flags & HEAD_SHARED;
		for (int w = m->first[r]; w < m->first[r + 1]; w++) {
			const struct head_worker *said = &h->worker[w - m->first[r]];
			m->since[w] = said->since;
			if (m->rank != 0)
				continue;
			x->loss[w] = said->loss;
			x->since[w] = said->since;
		}
	}
}

/* 0; 1 where the root has left; -1 and a sentence. */
static int hold_head(struct mpi_self *m, struct exchange *x, struct err *e)
{
	fill_head(m, x);
	if (pass_heads(m, e))
		return -1;
	m->left = head_of(m, 0)->flags & HEAD_LEAVE;
	if (m->left)
		return 1;
	if (compare_heads(m, e))
		return -1;
	take_heads(m, x);
	return 0;
}

static enum exchange_end hold_round(struct mpi_self *m, struct exchange *x, struct err *e)
{
	double start = clock_s();
	if (x->silent || x->hosted != mpi_hosted(m, m->rank))
		return err_user(e, "mpi: every worker votes in every round; recorded voters are repeated by "
		                   "signsgd simulate");
	if (mpi_check_topology(m, x, e))
		return EXCHANGE_FAILED;
	if (!m->pushes)
		mpi_round_open(m, x);
	int rc = hold_head(m, x, e);
	if (rc)
		return rc < 0 ? EXCHANGE_FAILED : EXCHANGE_LEFT;
	x->wait_s = clock_s() - start;
	if (mpi_round(m, x, e))
		return EXCHANGE_FAILED;
	x->n_voters = m->workers;
	x->keeper = keeper_next(x->keeper, m->workers, m->since, x->honest);
	x->behind = false;
	return EXCHANGE_DONE;
}

static enum exchange_end mpi_exchange(void *self, struct exchange *x, struct err *e)
{
	struct mpi_self *m = self;
	enum exchange_end end = hold_round(m, x, e);
	m->failed = end == EXCHANGE_FAILED;
	return end;
}

/* The last head of a run: the root says that it is over, the hosts hear it. */
static void last_head(struct mpi_self *m)
{
	struct err unheard = {0};
	memset(m->head, 0, m->head_bytes);
	((struct head *)(void *)m->head)->flags = m->rank == 0 ? HEAD_LEAVE : HEAD_GONE;
	if (pass_heads(m, &unheard) == 0)
		m->left = head_of(m, 0)->flags & HEAD_LEAVE;
}

static void mpi_leave(void *self, bool finished, const char *why)
{
	(void)finished, (void)why;
	last_head(self);
}

static void mpi_fail(void *self, int code)
{
	int running = 0;
	(void)self;
	MPI_Initialized(&running);
	if (running) /* else the launcher sees to it, when this process ends with that code */
		MPI_Abort(MPI_COMM_WORLD, code);
}

static void mpi_close(void *self)
{
	struct mpi_self *m = self;
	if (m->rank != 0 && !m->left && !m->failed)
		last_head(m);
	if (m->left)
		mpi_promise(false);
	mpi_round_close(m);
	mem_free(m->first);
	mem_free(m->ids);
	mem_free(m->head);
	mem_free(m->heads);
	mem_free(m->since);
	mem_free(m);
}

static const struct key mpi_keys[] = {
        {.name = "topology",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct mpi_settings, topology),
         .preset = "\"sharded\"",
         .choices = (const char *const[]){"star", "sharded", "allreduce", NULL},
         .aside = true,
         .help = "star: votes meet at process 0, as in the paper; sharded: each process counts its share of "
                 "the coordinates; allreduce: MPI's own sum, for means of floats only"},
        {0},
};

const struct transport transport_mpi = {
        .row = {.name = "mpi",
                .about = "processes started by mpirun or srun, on machines that trust each other",
                .formula = "With P processes, busiest link: star M push_bytes + (P - 1) pull_bytes; sharded "
                           "about 2 (P - 1)/P of each of its workers' push_bytes and of pull_bytes; "
                           "allreduce 4 (P - 1)/P of 4 n bytes. Same bits as local in star and sharded; "
                           "allreduce adds floats in another order, so its bits are other ones. If a process "
                           "dies, the launcher ends the job (mpirun by itself, srun with -K), and the run "
                           "continues from its last checkpoint, with any number of processes",
                .keys = mpi_keys,
                .state_bytes = sizeof(struct mpi_settings)},
        .open = mpi_open,
        .tell = mpi_tell,
        .sync = mpi_sync,
        .exchange = mpi_exchange,
        .collect = mpi_collect,
        .leave = mpi_leave,
        .fail = mpi_fail,
        .close = mpi_close,
};
