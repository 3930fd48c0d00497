/* The table of the transport `nccl`, and the beginning and end of a run. See transport/nccl/nccl.h. */
#include <stdio.h>
#include "backend/cuda/cuda.h"
#include "base/clock.h"
#include "base/mem.h"
#include "transport/carrier.h"
#include "transport/launch.h"
#include "transport/nccl/nccl.h"

/* What the program knows of the module. */
extern const struct nccl_module signsgd_module_nccl;

/* --- states ------------------------------------------------------------------------------------------- */

static int broadcast(void *self, void *at, size_t bytes, struct err *e)
{
	const struct nccl_self *s = self;
	return s->control ? control_broadcast(s->control, at, bytes, e) : 0;
}

static int carry(void *self, void *at, size_t bytes, int from, int to, struct err *e)
{
	const struct nccl_self *s = self;
	return control_carry(s->control, at, bytes, from, to, e);
}

/* Only of a run that has held a round. */
static void share(const void *self, size_t n, int r, size_t *begin, size_t *end)
{
	const struct nccl_self *s = self;
	struct nccl_share of = nccl_share_of(s, r);
	(void)n;
	*begin = of.begin;
	*end = of.end;
}

static struct carrier carrier_of(struct nccl_self *s)
{
	return (struct carrier){.self = s,
	                        .rank = s->rank,
	                        .size = s->size,
	                        .workers = s->workers,
	                        .first = s->first,
	                        .shares = s->topology == TOPOLOGY_SHARDED,
	                        .broadcast = broadcast,
	                        .carry = carry,
	                        .share = share};
}

/* What fails ends the run, in all processes. */
static int ended(struct nccl_self *s, int rc, const struct err *e)
{
	if (rc < 0)
		nccl_give_up(s, e->text);
	return rc;
}

static int nccl_sync(void *self, struct train_state *st, struct err *e)
{
	struct nccl_self *s = self;
	const struct carrier c = carrier_of(s);
	s->st = st;
	return ended(s, nccl_open_comm(s, e) || carrier_sync(&c, st, e) ? -1 : 0, e);
}

static int nccl_collect(void *self, struct train_state *st, struct err *e)
{
	const struct carrier c = carrier_of(self);
	return ended(self, carrier_collect(&c, st, e), e);
}

/* --- rounds ------------------------------------------------------------------------------------------- */

/* 0; 1: the root has left; -1 and a sentence. */
static int exchange_heads(struct nccl_self *s, struct round_head own, struct err *e)
{
	s->heads[s->rank] = own;
	if (s->control && control_allgather(s->control, s->heads, sizeof own, e))
		return -1;
	int rc = heads_compare("nccl", s->heads, s->size, e);
	s->left = rc > 0;
	return rc;
}

static int ready(struct nccl_self *s, const struct exchange_request *x, struct err *e)
{
	if (x->silent || x->hosted != nccl_hosted(s, s->rank))
		return err_user(e, "nccl: every worker votes in every round; recorded voters are repeated by "
		                   "signsgd simulate");
	if (topology_check("nccl", s->topology, &x->rule, e))
		return -1;
	return s->pushes ? 0 : nccl_round_open(s, x, e);
}

static enum exchange_end hold_round(struct nccl_self *s, const struct exchange_request *x,
                                    struct exchange_reply *reply, struct err *e)
{
	double start = clock_s();
	int rc = ready(s, x, e) ? -1 : exchange_heads(s, head_of(x, s->stop), e);
	if (rc)
		return rc < 0 ? EXCHANGE_FAILED : EXCHANGE_LEFT;
	reply->flags = heads_flags(s->heads, s->size);
	if (nccl_round(s, x, reply, start, e))
		return EXCHANGE_FAILED;
	reply->n_voters = s->workers;
	return EXCHANGE_DONE;
}

static enum exchange_end nccl_exchange(void *self, const struct exchange_request *x,
                                       struct exchange_reply *reply, struct err *e)
{
	struct nccl_self *s = self;
	exchange_begin(x, reply);
	enum exchange_end end = hold_round(s, x, reply, e);
	ended(s, end == EXCHANGE_FAILED ? -1 : 0, e);
	return end;
}

/* Of what plan.c allocates, up to what is rounded up. */
static size_t nccl_round_bytes(const void *self, size_t push_bytes, size_t pull_bytes)
{
	const struct nccl_self *s = self;
	size_t elsewhere = (size_t)(s->workers - nccl_hosted(s, s->rank)), size = (size_t)s->size;
	if (s->topology == TOPOLOGY_SHARDED)
		return size > 1 ? elsewhere * (push_bytes / size) + pull_bytes : 0;
	return s->topology == TOPOLOGY_STAR && s->rank == 0 ? elsewhere * push_bytes : 0;
}

/* --- the end ------------------------------------------------------------------------------------------ */

static void nccl_leave(void *self, bool finished, const char *why)
{
	struct nccl_self *s = self;
	struct err ignored = {0};
	(void)finished, (void)why;
	if (!s->failed && exchange_heads(s, (struct round_head){.flags = HEAD_LEAVE}, &ignored) < 0)
		s->failed = true;
}

static void nccl_close(void *self)
{
	struct nccl_self *s = self;
	struct err ignored = {0};
	if (s->rank != 0 && s->queue && !s->left && !s->failed)
		exchange_heads(s, (struct round_head){.flags = HEAD_GONE}, &ignored);
	nccl_close_comm(s);
	nccl_round_close(s);
	if (s->queue)
		cuda_memory.queue_close(s->queue);
	control_close(s->control);
	mem_free(s->heads);
	mem_free(s->first);
	mem_free(s->ids);
	mem_free(s);
}

/* Of an open link. */
static const struct transport row = {
        .row = {.name = "nccl"},
        .processes = TRANSPORT_LAUNCHED,
        .on_machine = true,
        .round_bytes = nccl_round_bytes,
        .sync = nccl_sync,
        .exchange = nccl_exchange,
        .collect = nccl_collect,
        .leave = nccl_leave,
        .close = nccl_close,
};

static int nccl_open(const void *state, const struct transport_env *env, struct link *link, struct err *e)
{
	const struct nccl_settings *set = state;
	const struct nccl *library = library_nccl(e);
	if (!library)
		return err_prefix(e, "nccl");
	struct nccl_self *s = mem_alloc(sizeof *s);
	s->library = library;
	s->rank = mpi_launched_rank();
	s->size = mpi_launched() > 0 ? mpi_launched() : 1;
	s->topology = (enum topology)set->topology;
	s->workers = env->workers;
	s->pool = env->pool;
	s->stop = env->stop;
	if (nccl_meet_others(s, e)) {
		control_close(s->control);
		mem_free(s);
		return -1;
	}
	s->heads = mem_array((size_t)s->size, sizeof *s->heads);
	s->first = topology_deal(s->workers, s->size);
	s->ids = mem_array((size_t)nccl_hosted(s, s->rank), sizeof *s->ids);
	for (int i = 0; i < nccl_hosted(s, s->rank); i++)
		s->ids[i] = s->first[s->rank] + i;
	*link = (struct link){.row = &row,
	                      .self = s,
	                      .root = s->rank == 0,
	                      .meets = s->rank == 0 || s->topology == TOPOLOGY_SHARDED,
	                      .meets_apart = s->size > 1 && s->topology == TOPOLOGY_SHARDED,
	                      .count = nccl_hosted(s, s->rank),
	                      .ids = s->ids};
	return 0;
}

static void nccl_library(char *out, size_t size)
{
	library_nccl_text(size, out);
}

MODULE_TABLE const struct nccl_module signsgd_module_nccl = {
        .head = {SIGNSGD_VERSION, SIGNSGD_COMMIT},
        .open = nccl_open,
        .library = nccl_library,
};
