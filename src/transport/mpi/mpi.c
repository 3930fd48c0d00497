/* Transport `mpi`: its row, the head of a round, and how a run ends. See transport/mpi/mpi_internal.h. */
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "transport/mpi/mpi_internal.h"

extern const struct transport transport_mpi;

/* Beside enum exchange_flag, in heads only. */
enum {
	HEAD_LEAVE = 1 << 8, /* the root: the run is over */
	HEAD_GONE = 1 << 9,  /* a host: no round will be held by this process any more */
	HEAD_SHARED = EXCHANGE_SAVE | EXCHANGE_STOP,
};

int mpi_host(const struct mpi_self *m, int worker)
{
	int r = 0;
	while (worker >= m->first[r + 1])
		r++;
	return r;
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

/* Tags tell votes apart by worker and bucket; the standard lets a library have as few as 32767. */
static int check_tags(const struct mpi_self *m, struct err *e)
{
	int *most, found = 0;
	MPI_Comm_get_attr(m->comm, MPI_TAG_UB, &most, &found);
	if (!found || (int64_t)m->most_buckets * (m->slots + 1) < *most)
		return 0;
	return err_user(e,
	                "mpi: %d buckets of %d workers a process are more messages than this MPI tells apart",
	                m->most_buckets, m->slots);
}

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
	m->topology = (enum mpi_topology)s->topology;
	m->most_buckets = m->topology == TOPOLOGY_ALLREDUCE ? 1 : (int)s->buckets;
	m->workers = env->workers;
	m->pool = env->pool;
	m->stop = env->stop;
	m->slots = (m->workers + m->size - 1) / m->size;
	m->own = mem_alloc(sizeof *m->own);
	m->heads = mem_array((size_t)m->size, sizeof *m->heads);
	deal(m);
	mpi_promise(true);
	*link = (struct link){.row = &transport_mpi,
	                      .self = m,
	                      .root = m->rank == 0,
	                      .count = mpi_hosted(m, m->rank),
	                      .ids = m->ids,
	                      .buckets = m->most_buckets};
	return check_tags(m, e);
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

static void fill_head(struct mpi_self *m, const struct exchange_request *x)
{
	*m->own = (struct mpi_head){.step = x->step,
	                            .x_hash = x->x_hash,
	                            .n = x->shape.n,
	                            .push_bytes = x->shape.push_bytes,
	                            .pull_bytes = x->shape.pull_bytes,
	                            .flags = x->flags & HEAD_SHARED};
	if (m->stop && *m->stop)
		m->own->flags |= EXCHANGE_STOP;
}

static int hear_heads(struct mpi_self *m, bool wait, struct err *e)
{
	int done = 1;
	int rc = wait ? MPI_Wait(&m->head, MPI_STATUS_IGNORE) : MPI_Test(&m->head, &done, MPI_STATUS_IGNORE);
	m->headed = done;
	return mpi_check(rc, wait ? "MPI_Wait" : "MPI_Test", e);
}

/*
 * Send the head; wait for all of them, or hear of them later. All processes must make the same call: with
 * buckets the one that can be heard of later, else the one that libraries have made fast.
 */
static int begin_heads(struct mpi_self *m, bool wait, struct err *e)
{
	int bytes = sizeof *m->own;
	m->begun = true;
	m->headed = m->most_buckets == 1;
	if (m->headed)
		return mpi_check(MPI_Allgather(m->own, bytes, MPI_BYTE, m->heads, bytes, MPI_BYTE, m->comm),
		                 "MPI_Allgather", e);
	int rc = MPI_Iallgather(m->own, bytes, MPI_BYTE, m->heads, bytes, MPI_BYTE, m->comm, &m->head);
	return mpi_check(rc, "MPI_Iallgather", e) || (wait && hear_heads(m, true, e)) ? -1 : 0;
}

/* All processes compare all heads, so that all end with the same sentence. */
static int compare_heads(const struct mpi_self *m, struct err *e)
{
	const struct mpi_head *root = &m->heads[0];
	for (int r = 1; r < m->size; r++) {
		const struct mpi_head *h = &m->heads[r];
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

int mpi_hold_head(struct mpi_self *m, const struct exchange_request *x, bool wait, struct err *e)
{
	if (m->headed)
		return m->left;
	if (!m->begun)
		fill_head(m, x);
	if (m->begun ? hear_heads(m, wait, e) : begin_heads(m, wait, e))
		return -1;
	if (!m->headed)
		return 0;
	m->left = m->heads[0].flags & HEAD_LEAVE;
	return m->left ? 1 : compare_heads(m, e);
}

static int check_topology(int topology, bool separable, bool float_mean, struct err *e)
{
	if (topology == TOPOLOGY_SHARDED && !separable)
		return err_user(e, "mpi: topology 'sharded' needs an aggregator that treats every coordinate "
		                   "by itself; this one needs 'star'");
	if (topology == TOPOLOGY_ALLREDUCE && !float_mean)
		return err_user(e,
		                "mpi: topology 'allreduce' needs an aggregator whose answer is the mean of "
		                "floats (mean, adam); this one needs 'sharded' or 'star'");
	return 0;
}

/* Before anything is sent in a round. */
static int ready_round(struct mpi_self *m, const struct exchange_request *x, struct err *e)
{
	if (x->silent || x->hosted != mpi_hosted(m, m->rank))
		return err_user(e, "mpi: every worker votes in every round; recorded voters are repeated by "
		                   "signsgd simulate");
	if (check_topology(m->topology, x->rule.separable, x->rule.float_mean, e))
		return -1;
	if (!m->pushes)
		mpi_round_open(m, x);
	return 0;
}

static void mpi_post(void *self, const struct exchange_request *x, int i, size_t begin, size_t end)
{
	struct mpi_self *m = self;
	(void)end;
	if (m->trouble.code || m->left || (!m->begun && ready_round(m, x, &m->trouble)))
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
	int rc = ready_round(m, x, e) ? -1 : mpi_hold_head(m, x, true, e);
	if (rc)
		return rc < 0 ? EXCHANGE_FAILED : EXCHANGE_LEFT;
	reply->flags = 0;
	for (int r = 0; r < m->size; r++)
		reply->flags |= (int)m->heads[r].flags & HEAD_SHARED;
	if (mpi_round(m, x, reply, start, e))
		return EXCHANGE_FAILED;
	m->begun = m->headed = false;
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

/* The last head of a run: the root says that it is over, the hosts hear it. */
static void last_head(struct mpi_self *m)
{
	struct err ignored = {0};
	*m->own = (struct mpi_head){.flags = m->rank == 0 ? HEAD_LEAVE : HEAD_GONE};
	if (begin_heads(m, true, &ignored) == 0)
		m->left = m->heads[0].flags & HEAD_LEAVE;
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
	if (m->rank != 0 && !m->left && !m->failed && !m->begun)
		last_head(m);
	if (m->left)
		mpi_promise(false);
	mpi_round_close(m);
	mem_free(m->first);
	mem_free(m->ids);
	mem_free(m->own);
	mem_free(m->heads);
	mem_free(m);
}

static const struct key mpi_keys[] = {
        {.name = "topology",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct mpi_settings, topology),
         .default_json = "\"sharded\"",
         .choices = (const char *const[]){"star", "sharded", "allreduce", NULL},
         .not_identity = true,
         .help = "star: votes meet at process 0, as in the paper; sharded: each process counts its share of "
                 "the coordinates; allreduce: MPI's own sum, for means of floats only"},
        {.name = "buckets",
         .kind = KEY_INT,
         .offset = offsetof(struct mpi_settings, buckets),
         .default_json = "1",
         .lowest = 1,
         .highest = 256,
         .not_identity = true,
         .help = "pieces in which votes are sent while earlier layers still compute, the last layer's first; "
                 "not of allreduce"},
        {0},
};

static void mpi_library(char *out, size_t size)
{
	char text[MPI_MAX_LIBRARY_VERSION_STRING];
	int length;
	MPI_Get_library_version(text, &length);
	snprintf(out, size, "%.*s", (int)strcspn(text, ",\n"), text);
}

static int row_check(const void *state, bool separable, bool float_mean, struct err *e)
{
	return check_topology(((const struct mpi_settings *)state)->topology, separable, float_mean, e);
}

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
        .processes = TRANSPORT_LAUNCHED,
        .no_train = "needs MPI's launcher, as in 'mpirun -n 4 signsgd train FILE.json'",
        .library = mpi_library,
        .check = row_check,
        .open = mpi_open,
        .tell = mpi_tell,
        .sync = mpi_sync,
        .post = mpi_post,
        .exchange = mpi_exchange,
        .collect = mpi_collect,
        .leave = mpi_leave,
        .fail = mpi_fail,
        .close = mpi_close,
};
