/*
 * Transport `mpi`: for mpi*.c only. mpi.c is the row, the round's head and the end of a run; mpi_round.c the
 * three ways of the data; mpi_state.c brings state to the hosts and back; mpi_process.c begins and ends MPI
 * itself and moves bytes.
 *
 * A round is: a head, which every process hands to every other (is somebody leaving, do the parameters agree,
 * losses, since when each worker has its state); then the data, all of it non-blocking, in steps: in step s
 * process r sends to r + s and receives from r - s, so that every link carries one flow at a time.
 *
 * If a process dies, the launcher ends the others (Open MPI's mpirun does so by itself, Slurm with srun -K);
 * nothing here waits for it, and nothing survives it but the last checkpoint. A process that fails calls
 * MPI_Abort(), also when it ends by die(). Killed ones do not stay behind: processes die with their launcher.
 *
 * MPI 3.1 and no extension. All calls come from the thread that called first.
 */
#ifndef SIGNSGD_TRANSPORT_MPI_INSIDE_H
#define SIGNSGD_TRANSPORT_MPI_INSIDE_H

#include <mpi.h>
#include "transport/transport.h"

enum mpi_topology { TOPOLOGY_STAR, TOPOLOGY_SHARDED, TOPOLOGY_ALLREDUCE }; /* order of the key's choices */

struct mpi_settings {
	int topology;
};

/* A coordinate range and where its pieces lie in messages. */
struct mpi_range {
	size_t begin, end;
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
	struct train_state *st; /* lent by sync(), NULL before it */

	size_t slots, head_bytes; /* workers that a head has room for */
	unsigned char *head;      /* [head_bytes] this process's */
	unsigned char *heads;     /* [size][head_bytes] */
	int64_t *since;           /* [workers] of the present round */
	bool left, failed;        /* the root's LEAVE was sent or heard; a round could not be held */

	/* made in the first round: */
	size_t n, push_bytes, pull_bytes;
	unsigned char *messages; /* [workers hosted elsewhere][message_stride], mapped */
	size_t message_stride, mapped;
	const void **pushes; /* [workers] whole messages */
	MPI_Request *requests;
	size_t n_requests, room;
};

/*
 * mpi_process.c. Begins MPI unless it was begun; the communicator is the program's own, and errors come back.
 * -1 and a sentence.
 */
int mpi_begin(MPI_Comm *comm, struct err *e);
/* Between open (or tell) and an orderly close the others count on this process: if it ends meanwhile with an
 * exit code that is not 0, they are ended too. */
void mpi_promise(bool open);
/* 0, or -1 and a sentence, of what an MPI call returned. */
int mpi_check(int rc, const char *what, struct err *e);
/* Non-blocking, in pieces that MPI can count; finished by mpi_finish(). -1 and a sentence. */
int mpi_post_send(struct mpi_self *m, const void *from, size_t bytes, int to, struct err *e);
int mpi_post_recv(struct mpi_self *m, void *to, size_t bytes, int from, struct err *e);
int mpi_finish(struct mpi_self *m, struct err *e);
/* From process 0 to all. */
int mpi_broadcast(const struct mpi_self *m, void *at, size_t bytes, struct err *e);
/* Make room for so many requests at once. */
void mpi_room(struct mpi_self *m, size_t requests);
/* Requests that mpi_post_*() makes of so many bytes. */
size_t mpi_pieces(size_t bytes);

/* mpi_round.c. The data of a round whose head is through; fills pull and the bytes. */
int mpi_check_topology(const struct mpi_self *m, const struct exchange *x, struct err *e);
void mpi_round_open(struct mpi_self *m, const struct exchange *x);
void mpi_round_close(struct mpi_self *m);
int mpi_round(struct mpi_self *m, struct exchange *x, struct err *e);

/* mpi_state.c: rows' sync() and collect(). */
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
