/*
 * The budget of a worker: how many messages it may send, apart from its votes, and how many bytes may be sent
 * to it. It is what an honest worker can need, twice:
 *
 *   once       it joins or has fallen far behind: two HELLOs (a client connects again when it knows how long
 *              messages will be), all chunks of the parameters and of its own state, and then the answers of
 *              all L steps that the server keeps, and ranges of one answer in place of all its shards
 *   a round    one answer, in the round or later; a second message, as after a lost connection; all buckets
 *              of a vote that is late; and an L-th of the parameters, because who has just got them needs
 *              them again after L rounds at the earliest. In bytes the larger one of answer and parameters
 *   a second   two connections that are lost and made again, a HELLO and the request again for each: so often
 *              a client says HELLO when an attacker cuts its connections (client.c)
 *
 * What a worker has spent is paid back with the rounds and seconds that pass. A message beyond the budget is
 * dropped. If they go on until as much again is spent, each one is an offence. Votes cost nothing, unless
 * they are late or made with other parameters: those of a round are offences by themselves where they are
 * wrong. A chunk of a state that the server itself asks for costs nothing either.
 *
 * When it gets what it has asked for is server_later.c's affair.
 */
#ifndef SIGNSGD_TRANSPORT_ZMQ_SERVER_BUDGET_H
#define SIGNSGD_TRANSPORT_ZMQ_SERVER_BUDGET_H

#include "transport/zmq/frame.h"

/* What one worker may cost the server: messages that it sends, bytes that are sent to it. */
struct allowance {
	double messages, bytes;
};

/* The budget of each worker. */
struct budget {
	struct allowance once, a_round, a_second;
};

/* What the worker has asked for, less what rounds and time have paid back since. */
struct spending {
	double messages, bytes;
	uint64_t step; /* when it was last paid back */
	double at;
};

/* What was sent to the worker, and what has to wait (server_later.c). */
struct outbox {
	bool waits;           /* the reply to `request` is big and waits */
	struct frame request; /* SNAPSHOT, or whatever asked for the answer of a step that is over */
	bool in_round;        /* an answer of the last round may still be on its way */
	uint64_t end;         /* bytes that the connection has carried when all that was sent is out */
};

/* The replies that wait. */
struct later {
	int count;          /* of workers whose reply waits */
	int next;           /* the first worker to look at */
	int in_flight;      /* the worker that was last sent one; -1: nobody yet */
	double sent_at;     /* when */
	double answered_at; /* when the last round was answered; 0: none was yet */
	int n_answers;      /* of it */
	bool waited, out;   /* since then: some were seen on their way; all are out */
	double round_s;     /* moving average (exponential) of the time between answers */
	double out_s;       /* the same of the time until they are out */
	double share;       /* bytes that may be sent where the line is not free */
};

#endif
