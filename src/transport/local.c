/*
 * Transport `local`: all workers are in this process, and the votes meet in its memory. Nothing is copied.
 * The lanes combine ranges of coordinates; how the ranges are cut does not change the bits.
 */
#include "base/mem.h"
#include "transport/lanes.h"
#include "transport/transport.h"

extern const struct transport transport_local;

struct local {
	int workers;
	struct pool *pool;
	int *ids;    /* [workers] */
	int *voters; /* [workers] those that are counted in the present step */
};

static int local_open(const void *state, const struct transport_env *env, struct link *link, struct err *e)
{
	(void)state, (void)e;
	struct local *l = mem_alloc(sizeof *l);
	l->workers = env->workers;
	l->pool = env->pool;
	l->ids = mem_array((size_t)env->workers, sizeof *l->ids);
	l->voters = mem_array((size_t)env->workers, sizeof *l->voters);
	for (int m = 0; m < env->workers; m++)
		l->ids[m] = m;
	*link = (struct link){.row = &transport_local,
	                      .self = l,
	                      .root = true,
	                      .meets = true,
	                      .count = env->workers,
	                      .ids = l->ids};
	return 0;
}

static enum exchange_end local_exchange(void *self, const struct exchange_request *request,
                                        struct exchange_reply *reply, struct err *e)
{
	const struct local *l = self;
	uint64_t hosted = (uint64_t)request->hosted;
	exchange_voters(request->born, l->workers, l->voters);
	struct meeting m = {.count = request->hosted,
	                    .ids = l->voters,
	                    .pushes = request->pushes,
	                    .end = request->shape.n,
	                    .pool = l->pool};
	enum meeting_end end = lanes_meet(request, &m, e);
	if (end == MEETING_FAILED)
		return EXCHANGE_FAILED;
	exchange_begin(request, reply);
	reply->n_voters = request->hosted;
	reply->bn_owner = bn_owner_next(request->bn_owner, l->workers, request->born, request->honest);
	const struct message_shape *shape = &request->shape;
	for (int i = 0; i < request->hosted; i++)
		reply->bytes_up += message_length(shape->push_varies, shape->push_bytes, request->pushes[i]);
	if (end == MEETING_WITHHELD)
		reply->flags |= EXCHANGE_WITHHELD;
	else
		reply->bytes_down =
		        hosted * message_length(shape->pull_varies, shape->pull_bytes, request->pull);
	reply->bytes_busiest = reply->bytes_up + reply->bytes_down;
	return EXCHANGE_DONE;
}

static void local_close(void *self)
{
	struct local *l = self;
	mem_free(l->ids);
	mem_free(l->voters);
	mem_free(l);
}

const struct transport transport_local = {
        .row = {.name = "local",
                .also = "in_process, simulated, threads",
                .about = "all workers in this process; the votes meet in its memory",
                .formula = "bytes up and down are what the M workers would send to a server and get back: M "
                           "push_bytes and M pull_bytes a step"},
        .processes = TRANSPORT_ALONE,
        .on_machine = true,
        .no_train = "has all workers in one process, which is what `signsgd simulate` does; leave it out, or "
                    "choose mpi or zmq",
        .open = local_open,
        .exchange = local_exchange,
        .close = local_close,
};
