/*
 * Transport `mpi`: for the files of this folder only, which are built as a module of their own
 * (base/module.h); its row is in the program (transport/mpi_row.h). The files by layer, highest first: mpi.c
 * has the table, and the beginning and end of a run; round.c exchanges a round's data, sum.c does so by
 * all-reduce; meet.c holds the meeting of a rule that must see all messages at once; state.c sends the root's
 * state to the other ranks and workers' own states back; head.c exchanges the heads of a round; plan.c
 * assigns workers and coordinates to ranks; process.c starts and ends MPI itself and moves bytes.
 *
 * At the beginning of a round every rank sends its head to all others; the heads show whether the root leaves
 * and whether the parameters agree. The data are exchanged after that, all by non-blocking calls. The vector
 * is cut into buckets, and each bucket into shares. Every rank owns one share of each bucket (star: rank 0
 * owns the whole bucket): it receives all workers' votes on its shares, combines them, and sends the answer
 * to all ranks. Rank r sends first to rank r + 1, then to rank r + 2 and so on, so that the ranks do not all
 * send to the same rank first.
 *
 * With several buckets, the trainer posts each bucket of a worker's vote as soon as it is final (post()), the
 * last bucket first. Votes that have arrived are combined and answered while earlier layers still compute.
 * MPI makes no progress by itself, so every post() also advances the buckets that were posted before.
 *
 * If a process dies, the launcher ends the others (Open MPI's mpirun does so by itself, Slurm with srun -K).
 * This code does not handle the loss of a process: only the last checkpoint survives. A process that fails
 * calls mpi_abort(); one that ends by die() is missed by the launcher. Processes end when their launcher is
 * killed, so none is left over.
 *
 * MPI 3.1 and no extension. All calls must come from the thread that made the first one.
 */
#ifndef SIGNSGD_TRANSPORT_MPI_MPI_INTERNAL_H
#define SIGNSGD_TRANSPORT_MPI_MPI_INTERNAL_H

#include <mpi.h>
#include "transport/head.h"
#include "transport/mpi_row.h"

/* Requests that are not finished. */
struct mpi_requests {
	MPI_Request *at; /* [size] */
	int count, size;
};

struct mpi_bucket {
	size_t begin, end; /* coordinates */
	int sent;          /* number of own workers whose votes were sent */
	enum mpi_stage { STAGE_UP, STAGE_DOWN, STAGE_DONE } stage;
	struct mpi_requests requests; /* of its stage */
};

struct mpi_self {
	MPI_Comm comm;
	int rank, size; /* number of this process; number of processes */
	enum topology topology;
	int workers;
	struct pool *pool;
	const volatile sig_atomic_t *stop; /* or NULL */
	int *first;                        /* [size + 1] rank r has workers first[r] .. first[r + 1] - 1 */
	int *ids;                          /* [own workers] */
	int most_hosted;                   /* the largest number of workers of a rank */
	struct train_state *st;            /* lent by sync(), NULL before it */

	struct round_head *own;   /* this rank's head in the current round */
	struct round_head *heads; /* [size] */
	MPI_Request head;         /* of the exchange of heads, until it is done */
	bool head_sent;           /* this rank's head was sent in the current round */
	bool heads_here;          /* all heads of the current round were received */
	bool votes_expected;      /* receives for the votes of the current round are posted */
	bool left, failed;        /* this rank sent or received the root's LEAVE; a round failed */
	struct err trouble;       /* an error in post(), which exchange() reports */

	/* allocated in the first round: */
	size_t n, push_bytes, pull_bytes, bucket; /* coordinates of a bucket */
	struct mpi_bucket *buckets;               /* [n_buckets] */
	int n_buckets, most_buckets;
	int *ready, *gone;       /* [own workers] from this bucket on, the vote is final; was sent */
	unsigned char *messages; /* [workers of other ranks][message_stride], mapped */
	size_t message_stride, mapped;
	const void **pushes;        /* [workers] whole messages */
	struct mpi_report *reports; /* [workers] */
	uint64_t *lengths; /* [workers] bytes of messages that vary; at the root of all, behind the reports */
	struct mpi_requests other_requests; /* requests for reports, running statistics and state */
	uint64_t bytes_up, bytes_down;      /* in each round; down: answers, in a round that has one */
	uint64_t *moved, *answered; /* [size] that each rank sends and receives: all but answers; answers */
	/* for a rule that must see all messages at once: */
	bool whole;          /* shares are whole blocks of coordinates; answers wait for the last bucket */
	int *ids_of_all;     /* [workers] 0, 1, ... */
	uint64_t *gathered;  /* [size] bytes of the sums that each rank gave to the others in this round */
	int *sums, *sums_at; /* [size] how many of the sums each rank has, and where they begin */
	bool *removed;       /* [workers] of the present round */
};

/* A rank's share of a bucket, a range of coordinates. */
struct mpi_share {
	size_t begin, end;
};

/* A range of a message, in bytes. */
struct mpi_range {
	size_t at, bytes;
};

/* What a rank says of a step whose messages it has seen, or nothing. */
struct mpi_verdict {
	int32_t answered, withheld;
};

/* A worker's report to the root, which records it. It is sent in addition to the vote. */
struct mpi_report {
	double loss;
	int64_t born;
};

/*
 * process.c. The first call starts MPI. The communicator is the program's own and returns errors. -1 and a
 * sentence.
 */
int mpi_begin(MPI_Comm *comm, struct err *e);
/*
 * open = true: from now on, if this rank ends with an exit code other than 0, the other ranks are ended too.
 * Set it at open() or broadcast(); clear it at an orderly close().
 */
void mpi_promise(bool open);
/* Ends all ranks with that code, after the launcher has read what this one said: else it may drop that. */
void mpi_abort(int code);
/* 0, or -1 and a sentence, from the result of an MPI call. */
int mpi_check(int rc, const char *what, struct err *e);
/* Non-blocking, in chunks that MPI can count; the requests are added to *r. -1 and a sentence. */
int mpi_post_send(const struct mpi_self *m, struct mpi_requests *r, const void *from, size_t bytes, int to,
                  int tag, struct err *e);
/* The same of `bytes` of at most `most`, for which the other rank has posted a receive. */
int mpi_post_send_some(const struct mpi_self *m, struct mpi_requests *r, const void *from, size_t bytes,
                       size_t most, int to, int tag, struct err *e);
int mpi_post_recv(const struct mpi_self *m, struct mpi_requests *r, void *to, size_t bytes, int from, int tag,
                  struct err *e);
/* Wait until all requests are done; then *r is empty. -1 and a sentence. */
int mpi_finish(struct mpi_requests *r, struct err *e);
/* Advance the requests. Returns 1 if all are done, and *r is then empty; 0 if not; -1 and a sentence. */
int mpi_done(struct mpi_requests *r, struct err *e);
/* Broadcast from rank 0 to all ranks. */
int mpi_broadcast(MPI_Comm comm, void *at, size_t bytes, struct err *e);
/* Allocate space in *r for this many unfinished requests. */
void mpi_reserve(struct mpi_requests *r, size_t requests);
/* The number of requests that mpi_post_*() makes for this many bytes. */
size_t mpi_chunks(size_t bytes);

/*
 * head.c. Send this rank's head if it was not sent, and receive all heads. wait: return only when all have
 * come; otherwise m->heads_here says whether they have. Returns 0; 1 if the root has left; -1 and a sentence.
 */
int mpi_exchange_heads(struct mpi_self *m, const struct exchange_request *x, bool wait, struct err *e);

/* The last head of a run: the root sends it to say that the run is over, and the other ranks receive it. */
void mpi_last_head(struct mpi_self *m);

/* plan.c. The memory of all rounds, allocated in the first one. */
void mpi_round_open(struct mpi_self *m, const struct exchange_request *x);
void mpi_round_close(struct mpi_self *m);
struct mpi_share mpi_share_of(const struct mpi_self *m, const struct mpi_bucket *b, int r);
/* The number of planes. A message that cannot be cut counts as one plane, which belongs to one share. */
int mpi_planes_in(const struct planes *p);
/* The range of plane k that belongs to the share, in a message of this many bytes. */
struct mpi_range mpi_range_of(const struct mpi_self *m, const struct planes *p, size_t message_bytes,
                              const struct mpi_share *s, int k);
/* The bytes of this round, into the reply; at the root, all reports must be here. withheld: there was no
 * answer. Where messages vary in length, only the root knows them all. */
void mpi_count_round(struct mpi_self *m, const struct exchange_request *x, bool withheld,
                     struct exchange_reply *reply);
/* Of rank r: its first block of coordinates, if shares are whole blocks; r = size: the number of blocks. */
size_t mpi_first_block(const struct mpi_self *m, int r);
/* Bytes of the running statistics that another rank sends to the root in every round. */
size_t mpi_running_bytes(const struct mpi_self *m, const struct exchange_request *x);

/*
 * round.c. Note that push `i` of this rank is final in that bucket. Advances the round. -1 and a sentence.
 */
int mpi_round_post(struct mpi_self *m, const struct exchange_request *x, int i, int bucket, struct err *e);
/*
 * Exchange the round's data, after the heads. Fills pull, and in the reply the bytes and wait_s (counted from
 * `start`). -1 and a sentence.
 */
int mpi_round(struct mpi_self *m, const struct exchange_request *x, struct exchange_reply *reply,
              double start, struct err *e);

/* sum.c: exchange the round's data by MPI's own sum. */
int mpi_sum(struct mpi_self *m, const struct exchange_request *x, struct err *e);

/*
 * meet.c: let the rule make this rank's share of the answer, from all messages. All ranks must call it, and
 * all get the same: MEETING_WITHHELD, or MEETING_ANSWERED. MEETING_FAILED and a sentence.
 */
enum meeting_end mpi_meet(struct mpi_self *m, const struct exchange_request *x, struct err *e);

/* state.c: sync() and collect() of the row. */
int mpi_sync(void *self, struct train_state *st, struct err *e);
int mpi_collect(void *self, struct train_state *st, struct err *e);

/* plan.c: the rank that has a worker. */
int mpi_rank_of(const struct mpi_self *m, int worker);
/* How many workers rank r has. */
static inline int mpi_hosted(const struct mpi_self *m, int r)
{
	return m->first[r + 1] - m->first[r];
}

#endif
