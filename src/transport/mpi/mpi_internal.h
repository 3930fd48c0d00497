/*
 * Transport `mpi`: for mpi*.c only. mpi.c is the row, the round's head and the end of a run;
 * transport/mpi/plan.c says who owns what, transport/mpi/round.c moves a round's data, transport/mpi/sum.c
 * makes that of an all-reduce; transport/mpi/state.c brings state to the hosts and back;
 * transport/mpi/process.c begins and ends MPI itself and moves bytes.
 *
 * A round is: a head, which every process hands to every other (is the root leaving, do the parameters
 * agree); then the data, all of it non-blocking. The vector is cut in `buckets`, each bucket in shares, of
 * which every process owns one (star: process 0 owns all of it): a process gets all workers' votes on its
 * shares, combines them, and sends the answer to everybody. What is sent to many goes first to the next
 * process, then to the one behind it and so on, so that no process is everybody's first.
 *
 * Several buckets: the trainer hands over a bucket of a worker's vote as soon as it is final (post()), the
 * last one first; what has arrived by then is combined and answered while earlier layers still compute.
 * Nothing moves by itself inside MPI: every post() is also the moment in which earlier ones are brought
 * forward.
 *
 * If a process dies, the launcher ends the others (Open MPI's mpirun does so by itself, Slurm with srun -K);
 * nothing here waits for it, and nothing survives it but the last checkpoint. A process that fails calls
 * MPI_Abort(), also when it ends by die(). Killed ones do not stay behind: processes die with their launcher.
 *
 * MPI 3.1 and no extension. All calls come from the thread that called first.
 */
#ifndef SIGNSGD_TRANSPORT_MPI_MPI_INTERNAL_H
#define SIGNSGD_TRANSPORT_MPI_MPI_INTERNAL_H

#include <mpi.h>
#include "transport/transport.h"

enum mpi_topology { TOPOLOGY_STAR, TOPOLOGY_SHARDED, TOPOLOGY_ALLREDUCE }; /* order of the key's choices */

struct mpi_settings {
	int topology;
	int64_t buckets;
};

/* Requests under way. */
struct mpi_requests {
	MPI_Request *at; /* [room] */
	int count, size;
};

struct mpi_bucket {
	size_t begin, end; /* coordinates */
	int sent;          /* hosted workers whose votes are on their way */
	enum mpi_stage { STAGE_UP, STAGE_DOWN, STAGE_DONE } stage;
	struct mpi_requests requests; /* of its stage */
};

struct mpi_self {
	MPI_Comm comm;
	int rank, size; /* of this process; processes */
	enum mpi_topology topology;
	int workers;
	struct pool *pool;
	const volatile sig_atomic_t *stop; /* or NULL */
	int *first;             /* [size + 1] process r hosts workers first[r] .. first[r + 1] - 1 */
	int *ids;               /* [hosted here] */
	int slots;              /* workers of the process that hosts most */
	struct train_state *st; /* lent by sync(), NULL before it */

	struct mpi_head *own;   /* this process's, of the present round */
	struct mpi_head *heads; /* [size] */
	MPI_Request head;       /* under way */
	bool begun;             /* the present round: its head was sent */
	bool headed;            /* all heads are here */
	bool expecting;         /* votes may come */
	bool left, failed;      /* the root's LEAVE was sent or heard; a round could not be held */
	struct err trouble;     /* met in post(), told by exchange() */

	/* made in the first round: */
	size_t n, push_bytes, pull_bytes, bucket; /* coordinates of a bucket */
	struct mpi_bucket *buckets;               /* [n_buckets] */
	int n_buckets, most_buckets;
	int *ready, *gone;       /* [hosted here] from which bucket on a vote is final; is on its way */
	unsigned char *messages; /* [workers hosted elsewhere][message_stride], mapped */
	size_t message_stride, mapped;
	const void **pushes;                          /* [workers] whole messages */
	struct mpi_command *words;                    /* [workers] what is said beside a vote */
	struct mpi_requests aside;                    /* of words, running statistics and state */
	uint64_t bytes_up, bytes_down, bytes_busiest; /* of every round */
};

/* A process's share of a bucket, a range of coordinates. */
struct mpi_share {
	size_t begin, end;
};

/* Where a piece of a message lies, in bytes. */
struct mpi_piece {
	size_t at, bytes;
};

/* What every process tells every other before a round's data. */
struct mpi_head {
	uint64_t step, x_hash, n, push_bytes, pull_bytes;
	int64_t flags;
};

/* What a worker's host tells the root beside its vote. */
struct mpi_command {
	double loss;
	int64_t born;
};

/*
 * transport/mpi/process.c. Begins MPI unless it was begun; the communicator is the program's own, and errors
 * come back. -1 and a sentence.
 */
int mpi_begin(MPI_Comm *comm, struct err *e);
/* Between open (or tell) and an orderly close the others count on this process: if it ends meanwhile with an
 * exit code that is not 0, they are ended too. */
void mpi_promise(bool open);
/* 0, or -1 and a sentence, of what an MPI call returned. */
int mpi_check(int rc, const char *what, struct err *e);
/* Non-blocking, in pieces that MPI can count, added to *r. -1 and a sentence. */
int mpi_post_send(const struct mpi_self *m, struct mpi_requests *r, const void *from, size_t bytes, int to,
                  int tag, struct err *e);
int mpi_post_recv(const struct mpi_self *m, struct mpi_requests *r, void *to, size_t bytes, int from, int tag,
                  struct err *e);
/* Until all of them are done; then *r is empty. */
int mpi_finish(struct mpi_requests *r, struct err *e);
/* Are they done? Brings them forward. If so, *r is empty. -1 and a sentence. */
int mpi_done(struct mpi_requests *r, struct err *e);
/* From process 0 to all. */
int mpi_broadcast(const struct mpi_self *m, void *at, size_t bytes, struct err *e);
/* Make room for so many requests at once. */
void mpi_scratch(struct mpi_requests *r, size_t requests);
/* Requests that mpi_post_*() makes of so many bytes. */
size_t mpi_pieces(size_t bytes);

/* mpi.c. Send this process's head unless it was sent; wait: and take all heads. 0; 1 where the root has left;
 * -1 and a sentence. Without waiting, m->headed says whether all are here. */
int mpi_hold_head(struct mpi_self *m, const struct exchange_request *x, bool wait, struct err *e);

/* transport/mpi/plan.c. The rounds' memory, from the first one on. */
void mpi_round_open(struct mpi_self *m, const struct exchange_request *x);
void mpi_round_close(struct mpi_self *m);
struct mpi_share mpi_share_of(const struct mpi_self *m, const struct mpi_bucket *b, int r);
/* Planes of a message; one that cannot be cut counts as a single plane, which is shared whole or not at all.
 */
int mpi_planes_in(const struct planes *p);
/* What the share has of plane k of a message of so many bytes. */
struct mpi_piece mpi_piece_of(const struct mpi_self *m, const struct planes *p, size_t message_bytes,
                              const struct mpi_share *s, int k);
/* Bytes of the running statistics that go from another process to the root in every round. */
size_t mpi_running_bytes(const struct mpi_self *m, const struct exchange_request *x);

/* transport/mpi/round.c. Push `i` of this process is final in that bucket. Brings the round forward. -1 and a
 * sentence.
 */
int mpi_round_post(struct mpi_self *m, const struct exchange_request *x, int i, int bucket, struct err *e);
/* All of it, after the heads: fills pull, bytes, wait_s (from `start` on). -1 and a sentence. */
int mpi_round(struct mpi_self *m, const struct exchange_request *x, struct exchange_reply *reply,
              double start, struct err *e);

/* transport/mpi/sum.c: the same by MPI's own sum. */
int mpi_sum(struct mpi_self *m, const struct exchange_request *x, struct err *e);

/* transport/mpi/state.c: rows' sync() and collect(). */
int mpi_sync(void *self, struct train_state *st, struct err *e);
int mpi_collect(void *self, struct train_state *st, struct err *e);

/* The process that hosts a worker. */
int mpi_host(const struct mpi_self *m, int worker);
/* How many workers process r hosts. */
static inline int mpi_hosted(const struct mpi_self *m, int r)
{
	return m->first[r + 1] - m->first[r];
}

#endif
