/*
 * Transport `nccl`: for the files of this folder only, which are a part of the module signsgd-cuda.so with a
 * table of their own (transport/nccl_row.h). The files by layer, highest first: nccl.c has the table, and the
 * beginning and end of a run; round.c exchanges a round's data; meet.c holds the meeting of a rule that must
 * see all messages at once; plan.c says who has which coordinates, and where what arrives lies; comm.c begins
 * and ends NCCL and waits for it; library.c opens it.
 *
 * Two ways lead from process to process. Messages and answers go from device to device by NCCL. What is on
 * the host goes by control connections (transport/control.h): heads, losses, states, sums of a rule, and why
 * a process failed. The invitation to both, with NCCL's unique id, is broadcast by the launcher's means:
 * MPI's module, which nothing else of a round needs.
 *
 * Nobody waits in NCCL or in CUDA: the communicator is a non-blocking one, and while it or the stream has not
 * come to an end its asynchronous errors and the control connections are looked at. A process that sees an
 * error there aborts the communicator, tells the others why, and ends the run with a sentence.
 *
 * Shares are equal, the last ones perhaps shorter or empty, as ncclAllGather() wants them.
 */
#ifndef SIGNSGD_TRANSPORT_NCCL_NCCL_H
#define SIGNSGD_TRANSPORT_NCCL_NCCL_H

#include "transport/control.h"
#include "transport/head.h"
#include "transport/nccl/library.h"
#include "transport/nccl_row.h"

struct queue;

struct nccl_self {
	const struct nccl *library;
	struct control *control; /* NULL: there is one process */
	nccl_id id;
	nccl_comm comm;      /* NULL: not open, or aborted */
	struct queue *queue; /* in which NCCL works, and copies; NULL before sync() */
	int rank, size;
	enum topology topology;
	int workers;
	struct pool *pool;
	const volatile sig_atomic_t *stop; /* or NULL */
	int *first;                        /* [size + 1] see topology_deal() */
	int *ids;                          /* [own workers] */
	struct train_state *st;            /* lent by sync(), NULL before it */
	struct round_head *heads;          /* [size] */
	bool left, failed;                 /* the root has left; a round failed */

	/* allocated in the first round: */
	size_t n, push_bytes, pull_bytes, share; /* coordinates; share: of a process */
	struct planes push, pull;
	bool whole;          /* shares are whole blocks of coordinates */
	const void **pushes; /* [workers] where whole messages would lie, of which the share is there */
	char *received;      /* the device's; NULL: nothing is received here */
	char *answers;       /* the device's [planes][size][answer_bytes]; NULL: not sharded */
	size_t answer_bytes; /* of a plane of a share */
	struct nccl_report *reports;   /* [workers] */
	struct nccl_verdict *verdicts; /* [size] */
	uint64_t bytes_up, bytes_down; /* in each round; down: answers, in a round that has one */
	uint64_t *moved,
	        *answered; /* [size] that each process sends and receives: all but answers; answers */
	uint64_t gathered; /* bytes of the sums of this round */
	/* for a rule that must see all messages at once: */
	int *ids_of_all; /* [workers] 0, 1, ... */
	bool *removed;   /* [workers] of the present round */
};

/* A worker's report to the root, which records it. */
struct nccl_report {
	double loss;
	int64_t born;
};

/* What a process says of a step whose messages it has seen, or nothing. */
struct nccl_verdict {
	int32_t answered, withheld;
};

/* A process's share of the coordinates. */
struct nccl_share {
	size_t begin, end;
};

/* A range of a message, in bytes. */
struct nccl_range {
	size_t at, bytes;
};

/* comm.c. Meet the other processes, before anything of CUDA is open. -1 and a sentence. */
int nccl_meet_others(struct nccl_self *s, struct err *e);
/* Open the communicator on the device of the backend, which is open. All processes call it. */
int nccl_open_comm(struct nccl_self *s, struct err *e);
/* 0, or -1 and a sentence, from the result of a call. */
int nccl_said(const struct nccl_self *s, nccl_result result, const char *what, struct err *e);
/* Wait until the communicator has taken what it was given. -1 and a sentence. */
int nccl_settle(struct nccl_self *s, const char *what, struct err *e);
/* Wait until the queue is done. -1 and a sentence. */
int nccl_finish(struct nccl_self *s, const char *what, struct err *e);
/* The run has failed: let go of all that waits, and tell the others why. */
void nccl_give_up(struct nccl_self *s, const char *why);
void nccl_close_comm(struct nccl_self *s);

/* plan.c. The memory of all rounds, allocated in the first one. -1 and a sentence. */
int nccl_round_open(struct nccl_self *s, const struct exchange_request *x, struct err *e);
void nccl_round_close(struct nccl_self *s);
struct nccl_share nccl_share_of(const struct nccl_self *s, int r);
/* A message that cannot be cut counts as one plane, which belongs to every share. */
int nccl_planes_in(const struct planes *p);
struct nccl_range nccl_range_of(const struct nccl_self *s, const struct planes *p, size_t message_bytes,
                                const struct nccl_share *share, int k);
/* The bytes of this round, into the reply. withheld: there was no answer. */
void nccl_count_round(const struct nccl_self *s, bool withheld, struct exchange_reply *reply);
/* Bytes of the running statistics that another process sends to the root in every round. */
size_t nccl_running_bytes(const struct nccl_self *s, const struct exchange_request *x);

/* round.c: exchange the round's data, after the heads. -1 and a sentence. */
int nccl_round(struct nccl_self *s, const struct exchange_request *x, struct exchange_reply *reply,
               double start, struct err *e);

/* meet.c: as mpi_meet() of transport/mpi. */
enum meeting_end nccl_meet(struct nccl_self *s, const struct exchange_request *x, struct err *e);

static inline int nccl_hosted(const struct nccl_self *s, int r)
{
	return s->first[r + 1] - s->first[r];
}

#endif
