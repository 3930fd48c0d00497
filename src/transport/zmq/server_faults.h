/*
 * What peers do against the protocol, counted for each worker and kind (columns of /faults in a result file).
 * Some kinds can happen to honest workers; the others are offences, and a worker that offends `ban_after`
 * times is banned. The threads of server_auth.c and server_flood.c count too.
 */
#ifndef SIGNSGD_TRANSPORT_ZMQ_SERVER_FAULTS_H
#define SIGNSGD_TRANSPORT_ZMQ_SERVER_FAULTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Kinds of faults, in the order of fault_names. */
enum fault {
	FAULT_LATE,       /* a vote for a step that is over */
	FAULT_DUPLICATE,  /* a second vote in a round */
	FAULT_WRONG_STEP, /* a vote for a step that has not begun */
	FAULT_WRONG_BORN, /* the worker says that its state began when it cannot have */
	FAULT_WRONG_HASH, /* the worker has other parameters than the server */
	FAULT_WRONG_LENGTH,
	FAULT_WRONG_ORDER, /* a bucket of a vote before an earlier one */
	FAULT_WRONG_RUN,   /* a message of another experiment */
	FAULT_PADDING,     /* bits set after the last coordinate */
	FAULT_GARBAGE,
	FAULT_VERSION,
	FAULT_DAMAGED,
	FAULT_MULTIPART,   /* several frames in one message */
	FAULT_UNANNOUNCED, /* a message before HELLO */
	FAULT_TAKEOVER,    /* a second connection with the same key */
	FAULT_GREEDY,      /* too many requests for parameters or answers */
	FAULT_FLOOD,       /* more bytes than messages can hold */
	FAULT_HANDSHAKE,   /* a connection that never proved a key */
	FAULT_UNKNOWN_KEY,
	FAULT_BANNED,        /* a banned worker tried to connect or to say something */
	FAULT_WRONG_LOSS,    /* of a vote that counts: a loss that is not finite, or beyond LOSS_MOST */
	FAULT_NOT_FINITE,    /* of a vote that counts: floats that are not finite, which the rule left out */
	FAULT_WRONG_MESSAGE, /* of a vote that counts: a code or a scale that no compressor can have made */
	FAULT_WRONG_RUNNING, /* a vote with running statistics that no honest batch can have made */
	FAULTS               /* how many kinds; also the result of a check that found none */
};

extern const char *const fault_names[FAULTS];

struct faults {
	int workers;
	uint64_t *counts;     /* [workers + 1][FAULTS]; the last row: of peers that are not known */
	uint64_t *offences;   /* [workers] */
	_Atomic bool *banned; /* [workers] */
};

/* Numbers in a table of counts. */
static inline size_t faults_size(const struct faults *f)
{
	return ((size_t)f->workers + 1) * FAULTS;
}

/* Count a fault of worker m, or of a peer that is not known (-1). Safe in all threads. */
static inline void faults_count(struct faults *f, int m, enum fault fault)
{
	size_t row = (size_t)(m >= 0 ? m : f->workers);
	__atomic_fetch_add(&f->counts[row * FAULTS + fault], 1, __ATOMIC_RELAXED);
}

#endif
