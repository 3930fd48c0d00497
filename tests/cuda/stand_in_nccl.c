/*
 * A stand-in for NCCL: the functions that the program calls, with the interface of the real ones, between
 * processes of one machine, over shared memory. As in the real one a communicator that was asked not to block
 * is in progress for a while, and work is done in the stream, when all have come.
 *
 * Environment: SIGNSGD_EMULATED_NCCL_FAIL=RANK:N, the N-th group of that rank fails asynchronously;
 * SIGNSGD_EMULATED_NCCL_DIE=RANK:N, that rank is killed in the middle of its N-th group.
 */
#include "transport/nccl/library.h"
#include "tests/cuda/stand_in.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* Results of the real library. */
enum { SYSTEM_ERROR = 2, INVALID_ARGUMENT = 4, INVALID_USAGE = 5, REMOTE_ERROR = 6 };
enum { RANKS = 8, CHANNEL = 1 << 14, MOST_PARTS = 4096, MOST_SETTLING = 3 };

STANDS_IN(nccl, version, ncclGetVersion);
STANDS_IN(nccl, make_id, ncclGetUniqueId);
STANDS_IN(nccl, word, ncclGetErrorString);
STANDS_IN(nccl, last, ncclGetLastError);
STANDS_IN(nccl, open, ncclCommInitRankConfig);
STANDS_IN(nccl, state, ncclCommGetAsyncError);
STANDS_IN(nccl, finalize, ncclCommFinalize);
STANDS_IN(nccl, destroy, ncclCommDestroy);
STANDS_IN(nccl, abort, ncclCommAbort);
STANDS_IN(nccl, begin, ncclGroupStart);
STANDS_IN(nccl, end, ncclGroupEnd);
STANDS_IN(nccl, send, ncclSend);
STANDS_IN(nccl, receive, ncclRecv);
STANDS_IN(nccl, broadcast, ncclBroadcast);
STANDS_IN(nccl, gather, ncclAllGather);
STANDS_IN(nccl, reduce, ncclAllReduce);

/* Bytes on their way from one rank to another: a ring, of which one writes and one reads. */
struct channel {
	atomic_size_t written, read;
	char ring[CHANNEL];
};

struct shared {
	atomic_int joined;
	struct channel channel[RANKS][RANKS]; /* from, to */
};

struct ncclComm {
	int rank, size;
	struct shared *shared;
	char name[128];
	int settling; /* so often it says that it is in progress */
	nccl_result failed;
	bool aborted, destroyed;
	int groups;
};

/* Bytes that a rank sends or receives. */
struct part {
	bool sends;
	int peer;
	char *at;
	size_t bytes, done;
};

/* What was called between the beginning and the end of a group; on the heap, until it is done. */
struct group {
	struct ncclComm *comm;
	struct CUstream_st *stream;
	struct part part[MOST_PARTS];
	int count;
	bool begun, dies;
	/* First this is copied, and at last the sum made, if there are such. */
	const void *from;
	void *to;
	size_t bytes;
	float *scratch; /* [size][floats] */
	size_t floats;
};

static struct group *open_group;

nccl_result ncclGetVersion(int *version)
{
	if (emulated_fails())
		return SYSTEM_ERROR;
	*version = 22809;
	return NCCL_OK;
}

nccl_result ncclGetUniqueId(nccl_id *id)
{
	static int count;
	if (emulated_fails())
		return SYSTEM_ERROR;
	memset(id, 0, sizeof *id);
	snprintf(id->bytes, sizeof id->bytes, "/signsgd-emulated-nccl-%d-%d", (int)getpid(), count++);
	return NCCL_OK;
}

const char *ncclGetErrorString(nccl_result result)
{
	static const char *const words[] = {"no error",
	                                    "unhandled cuda error",
	                                    "unhandled system error",
	                                    "internal error",
	                                    "invalid argument",
	                                    "invalid usage",
	                                    "remote process exited or there was a network error",
	                                    "NCCL operation in progress"};
	return result >= 0 && result < 8 ? words[result] : "unknown result code";
}

const char *ncclGetLastError(nccl_comm comm)
{
	return comm && comm->failed ? "the stand-in was told to fail" : "";
}

nccl_result ncclCommInitRankConfig(nccl_comm *comm, int size, nccl_id id, int rank, nccl_config *config)
{
	if (emulated_fails())
		return SYSTEM_ERROR;
	if (size < 1 || size > RANKS || rank < 0 || rank >= size || config->magic != NCCL_CONFIG_MAGIC ||
	    config->size != sizeof *config || config->blocking != 0)
		return INVALID_ARGUMENT;
	int fd = shm_open(id.bytes, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(struct shared)))
		return SYSTEM_ERROR;
	struct ncclComm *c = work_memory(sizeof *c);
	*c = (struct ncclComm){.rank = rank, .size = size, .settling = MOST_SETTLING};
	memcpy(c->name, id.bytes, sizeof c->name);
	c->shared = mmap(NULL, sizeof *c->shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (c->shared == MAP_FAILED)
		return SYSTEM_ERROR;
	atomic_fetch_add(&c->shared->joined, 1);
	emulated_handles(1);
	*comm = c;
	return NCCL_IN_PROGRESS;
}

static bool in_progress(struct ncclComm *c)
{
	if (atomic_load(&c->shared->joined) < c->size)
		return true;
	return c->settling > 0 && c->settling-- > 0;
}

nccl_result ncclCommGetAsyncError(nccl_comm comm, nccl_result *at)
{
	if (emulated_fails())
		return SYSTEM_ERROR;
	if (!comm || comm->aborted || comm->destroyed)
		emulated_bug("ncclCommGetAsyncError of a communicator that is no more");
	*at = comm->failed ? comm->failed : in_progress(comm) ? NCCL_IN_PROGRESS : NCCL_OK;
	return NCCL_OK;
}

/* Work in streams may still name it. */
static void let_go(struct ncclComm *c)
{
	shm_unlink(c->name);
	emulated_handles(-1);
}

nccl_result ncclCommFinalize(nccl_comm comm)
{
	if (emulated_fails())
		return SYSTEM_ERROR;
	comm->settling = 1;
	return NCCL_IN_PROGRESS;
}

nccl_result ncclCommDestroy(nccl_comm comm)
{
	if (emulated_fails())
		return SYSTEM_ERROR;
	comm->destroyed = true;
	let_go(comm);
	return NCCL_OK;
}

nccl_result ncclCommAbort(nccl_comm comm)
{
	comm->aborted = true;
	let_go(comm);
	return NCCL_OK;
}

/* --- work --------------------------------------------------------------------------------------------- */

static void move(struct ncclComm *c, struct part *p)
{
	struct channel *ch =
	        p->sends ? &c->shared->channel[c->rank][p->peer] : &c->shared->channel[p->peer][c->rank];
	size_t written = atomic_load(&ch->written), read = atomic_load(&ch->read);
	size_t room = p->sends ? CHANNEL - (written - read) : written - read, left = p->bytes - p->done;
	size_t count = room < left ? room : left, from = p->sends ? written : read;
	for (size_t i = 0; i < count; i++) {
		char *place = &ch->ring[(from + i) % CHANNEL];
		if (p->sends)
			*place = p->at[p->done + i];
		else
			p->at[p->done + i] = *place;
	}
	p->done += count;
	atomic_fetch_add(p->sends ? &ch->written : &ch->read, count);
}

/* Parts of one direction with one rank go one after the other. */
static bool move_all(struct group *g)
{
	bool busy[2][RANKS] = {{false}}, done = true;
	for (int i = 0; i < g->count; i++) {
		struct part *p = &g->part[i];
		if (p->done < p->bytes && !busy[p->sends][p->peer])
			move(g->comm, p);
		if (p->done < p->bytes) {
			busy[p->sends][p->peer] = true;
			done = false;
		}
	}
	return done;
}

/* In an order of its own, which is that of nobody else: the last rank first. */
static void add_up(const struct group *g)
{
	float *sum = g->to;
	memcpy(g->scratch + (size_t)g->comm->rank * g->floats, g->from, g->bytes);
	for (size_t k = 0; k < g->floats; k++) {
		float all = 0;
		for (int r = g->comm->size - 1; r >= 0; r--)
			all += g->scratch[(size_t)r * g->floats + k];
		sum[k] = all;
	}
}

static bool attempt(void *arguments)
{
	struct group *g = *(struct group **)arguments;
	if (g->comm->aborted) {
		free(g->scratch);
		free(g);
		return true;
	}
	if (g->comm->failed)
		return false;
	if (!g->begun && g->from && !g->scratch && g->from != g->to)
		memcpy(g->to, g->from, g->bytes);
	g->begun = true;
	bool done = move_all(g);
	if (g->dies)
		raise(SIGKILL);
	if (!done)
		return false;
	if (g->scratch)
		add_up(g);
	free(g->scratch);
	free(g);
	return true;
}

/* Is it this rank's turn, as the variable says? */
static bool told(const char *name, const struct ncclComm *c)
{
	int rank, number;
	const char *text = getenv(name);
	return text && sscanf(text, "%d:%d", &rank, &number) == 2 && rank == c->rank && number == c->groups;
}

/* --- calls -------------------------------------------------------------------------------------------- */

nccl_result ncclGroupStart(void)
{
	if (emulated_fails())
		return SYSTEM_ERROR;
	if (open_group)
		emulated_bug("ncclGroupStart in a group");
	open_group = work_memory(sizeof *open_group);
	return NCCL_OK;
}

nccl_result ncclGroupEnd(void)
{
	struct group *g = open_group;
	open_group = NULL;
	if (!g)
		return INVALID_USAGE;
	if (emulated_fails() || !g->comm) {
		bool empty = !g->comm;
		free(g->scratch);
		free(g);
		return empty ? NCCL_OK : SYSTEM_ERROR;
	}
	struct ncclComm *c = g->comm;
	c->groups++;
	if (told("SIGNSGD_EMULATED_NCCL_FAIL", c))
		c->failed = REMOTE_ERROR;
	g->dies = told("SIGNSGD_EMULATED_NCCL_DIE", c);
	c->settling = c->groups % (MOST_SETTLING + 1);
	emulated_enqueue_until(g->stream, attempt, &g, sizeof g);
	return c->settling > 0 ? NCCL_IN_PROGRESS : NCCL_OK;
}

/* The group that a call belongs to. */
static struct group *group_of(nccl_comm comm, struct CUstream_st *stream, const char *who)
{
	if (!open_group)
		emulated_bug("%s outside of a group", who);
	if (!comm || comm->aborted || comm->destroyed || comm->settling > 0)
		emulated_bug("%s with a communicator that is not ready", who);
	if (open_group->comm && (open_group->comm != comm || open_group->stream != stream))
		emulated_bug("%s: a group with two communicators or streams", who);
	open_group->comm = comm;
	open_group->stream = stream;
	return open_group;
}

static void add(struct group *g, bool sends, int peer, const void *at, size_t bytes)
{
	if (g->count == MOST_PARTS)
		emulated_bug("a group of more calls than the stand-in has room for");
	g->part[g->count++] =
	        (struct part){.sends = sends, .peer = peer, .at = (char *)(uintptr_t)at, .bytes = bytes};
}

static size_t bytes_of(size_t count, nccl_type type)
{
	return type == NCCL_FLOATS ? count * sizeof(float) : count;
}

nccl_result ncclSend(const void *from, size_t count, nccl_type type, int to, nccl_comm comm,
                     struct CUstream_st *stream)
{
	if (emulated_fails())
		return SYSTEM_ERROR;
	add(group_of(comm, stream, "ncclSend"), true, to, emulated_at(from, "ncclSend"),
	    bytes_of(count, type));
	return NCCL_OK;
}

nccl_result ncclRecv(void *to, size_t count, nccl_type type, int from, nccl_comm comm,
                     struct CUstream_st *stream)
{
	if (emulated_fails())
		return SYSTEM_ERROR;
	add(group_of(comm, stream, "ncclRecv"), false, from, emulated_at(to, "ncclRecv"),
	    bytes_of(count, type));
	return NCCL_OK;
}

nccl_result ncclBroadcast(const void *from, void *to, size_t count, nccl_type type, int root, nccl_comm comm,
                          struct CUstream_st *stream)
{
	struct group *g = group_of(comm, stream, "ncclBroadcast");
	size_t bytes = bytes_of(count, type);
	if (emulated_fails())
		return SYSTEM_ERROR;
	char *in = emulated_at(from, "ncclBroadcast"), *out = emulated_at(to, "ncclBroadcast");
	for (int r = 0; r < comm->size && comm->rank == root; r++)
		if (r != root)
			add(g, true, r, in, bytes);
	if (comm->rank != root)
		add(g, false, root, out, bytes);
	return in == out ? NCCL_OK : INVALID_USAGE; /* the program has no other */
}

nccl_result ncclAllGather(const void *from, void *to, size_t count, nccl_type type, nccl_comm comm,
                          struct CUstream_st *stream)
{
	struct group *g = group_of(comm, stream, "ncclAllGather");
	size_t bytes = bytes_of(count, type);
	if (emulated_fails())
		return SYSTEM_ERROR;
	char *in = emulated_at(from, "ncclAllGather"), *out = emulated_at(to, "ncclAllGather");
	for (int r = 0; r < comm->size; r++)
		if (r != comm->rank) {
			add(g, true, r, in, bytes);
			add(g, false, r, out + (size_t)r * bytes, bytes);
		}
	return in == out + (size_t)comm->rank * bytes ? NCCL_OK : INVALID_USAGE;
}

nccl_result ncclAllReduce(const void *from, void *to, size_t count, nccl_type type, nccl_operation how,
                          nccl_comm comm, struct CUstream_st *stream)
{
	struct group *g = group_of(comm, stream, "ncclAllReduce");
	if (emulated_fails())
		return SYSTEM_ERROR;
	if (type != NCCL_FLOATS || how != NCCL_SUM || g->scratch)
		return INVALID_ARGUMENT;
	g->from = emulated_at(from, "ncclAllReduce");
	g->to = emulated_at(to, "ncclAllReduce");
	g->floats = count;
	g->bytes = count * sizeof(float);
	g->scratch = work_memory((size_t)comm->size * g->bytes);
	for (int r = 0; r < comm->size; r++)
		if (r != comm->rank) {
			add(g, true, r, g->from, g->bytes);
			add(g, false, r, g->scratch + (size_t)r * count, g->bytes);
		}
	return NCCL_OK;
}
