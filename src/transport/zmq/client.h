/*
 * The client's inside: what its files share. See zmq.h for what it does.
 *
 * From the bottom to the top; a file calls only those above it in this list:
 */
/* clang-format off */
/*
 *   client_request   messages to a server: votes, requests for answers
 *   client_bucket    votes in buckets
 *   client           connections: made, watched, lost and made again; settings
 *   client_shards    connections to the shards
 *   client_state     parameters and own states from the server, own states to it
 *   client_round     the row: a round from begin to end
 */
/* clang-format on */
/*
 * client.c hands messages to the files above it through struct client_phase: what is done with a message
 * depends on what the client is doing, and only one thing is done at a time.
 */
#ifndef SIGNSGD_TRANSPORT_ZMQ_CLIENT_H
#define SIGNSGD_TRANSPORT_ZMQ_CLIENT_H

#include "transport/zmq/wire.h"
#include "transport/zmq/zmq.h"

struct connection;

/* What a client does now: hold a round, download state, upload state. */
struct client_phase {
	/* A message of the main server, other than those of the connection itself. */
	void (*take)(struct connection *c, const struct frame *f, const unsigned char *body);
	/* A worker is welcome again after its connection was lost or silent: repeat what is not answered. */
	void (*resume)(struct connection *c, const struct frame *welcome);
};

/* Of one worker, to one server. */
struct connection {
	struct zmq_client *client;
	const char *address;
	int shard;                   /* 0: the main server */
	const struct curve_key *key; /* NULL: none is needed */
	int id;                      /* the worker's number; -1: not told yet */
	/* To a shard: its messages. NULL: they go to the phase. */
	void (*take)(struct connection *c, const struct frame *f, const unsigned char *body);
	void *socket, *monitor;
	bool connected, welcomed;  /* welcomed: on the present connection */
	double hello_at, heard_at; /* the last HELLO; the last message */
	/* The present round. */
	const void *push;
	bool no_pull; /* another connection gets the pull for this process */
	bool answered;
	unsigned char *buffer; /* [header, push, running] the vote that is being sent */
	_Atomic bool sending;  /* ZeroMQ still reads the buffer */
	unsigned n_posted;     /* buckets of the vote that were sent already */
	/* Uploading the worker's own state. */
	unsigned next_chunk;
	bool uploaded;
};

/* The run, as the first WELCOME says. */
struct client_run {
	char *settings; /* NULL: no WELCOME yet */
	uint64_t number;
	int64_t instance;                /* of the server process that our parameters come from */
	bool given;                      /* the settings alone do not determine the parameters */
	unsigned buckets;                /* that the server wants votes in; 0, 1: whole */
	int n_shards;                    /* servers, with the main one */
	char (*addresses)[ADDRESS_SIZE]; /* [n_shards - 1] */
};

/* The present round. */
struct client_round {
	const struct exchange_request *request; /* NULL: there is none */
	struct exchange_reply *reply;
	bool stale;       /* the server has no answer for us: we need its parameters */
	uint32_t attempt; /* number of this attempt to vote */
};

/* Shared state, or a worker's own state, on its way from the server. */
struct download {
	struct connection *from;
	bool own;        /* the worker's own state */
	bool done, none; /* none: the server has no state of this worker */
	bool has_state;  /* of shared state: the server has own states too */
	unsigned index, count;
	uint64_t step, x_hash;
	int64_t born;
	uint32_t bn_owner;
};

struct zmq_client {
	const struct endpoint *endpoint;
	struct transport_env env;
	void *context;
	int count;                      /* workers of this process */
	struct connection *connections; /* [count] to the main server; once joined, in order of worker */
	struct connection *to_shards;   /* [n_shards - 1][count]; NULL: not opened yet */
	zmq_pollitem_t *items;          /* [count n_shards] */
	int *ids;                       /* [count] */
	int n_opened;                   /* sockets so far */
	size_t most_body;               /* the longest body that is accepted */
	uint64_t up, down;              /* bytes since the last round */
	double checked_at;              /* connections were checked */
	double connected_at;            /* the main server was connected */
	double usual_answer_s;          /* an answer takes, as a mean in which older ones fade */
	struct client_run run;
	bool over;                        /* the server says that the run is over */
	char refusal[FRAME_SENTENCE + 1]; /* or why there is no going on */
	struct train_state *st;           /* lent by sync() */
	uint64_t step;                    /* of our parameters */
	size_t push_bytes, running_bytes;
	const struct client_phase *phase; /* NULL: messages are ignored */
	struct client_round round;
	struct download download;
};

/* --- client_request.c ----------------------------------------------------------------------------------- */

/* Takes over *m. False: it was not sent. */
bool connection_send(struct connection *c, zmq_msg_t *m);
/* A message with header *f and this body. If it cannot be sent now, it is repeated after the next WELCOME. */
void connection_say(struct connection *c, struct frame *f, const void *body, size_t bytes);
/* The coordinates of the connection's server. */
void connection_range(const struct connection *c, size_t *begin, size_t *end);
/* Bytes of them in a pull. */
size_t connection_pull_bytes(const struct connection *c);
/* Ask for the answer of the present round without a vote. */
void connection_fetch(struct connection *c);
/* Send the present vote; in a silent round, ask for the answer. */
void connection_request(struct connection *c);

/* --- client_bucket.c ------------------------------------------------------------------------------------ */

/* Send coordinates [begin, end) of push i. The row's post(). */
void client_post(struct zmq_client *h, const struct exchange_request *x, int i, size_t begin, size_t end);
/* Close the vote whose buckets were posted. False: they were not, or not all of them; the vote must be sent
 * whole. */
bool client_post_close(struct connection *c);

/* --- client.c ------------------------------------------------------------------------------------------- */

/* Handle messages, and check all connections now and then. -1 and a sentence when there is no going on. */
int client_pump(struct zmq_client *h, struct err *e);
/* All connections, those to shards too: how many, and one of them. */
int client_connections(const struct zmq_client *h);
struct connection *client_connection(const struct zmq_client *h, int i);
/* Make the socket and connect. -1 and a sentence. */
int connection_open(struct connection *c, struct err *e);
/* Accept messages with bodies as long as this; connects again if that is more than before. -1 and a sentence.
 */
int client_limit(struct zmq_client *h, size_t body_bytes, struct err *e);

/* --- client_shards.c ------------------------------------------------------------------------------------ */

/* Connect every worker to every shard. -1 and a sentence. */
int shards_open(struct zmq_client *h, struct err *e);

/* --- client_state.c ------------------------------------------------------------------------------------- */

int client_sync(struct zmq_client *h, struct train_state *st, struct err *e);
int client_collect(struct zmq_client *h, struct train_state *st, struct err *e);
/* Replace the shared state by the server's. -1 and a sentence. */
int client_download(struct zmq_client *h, struct err *e);

#endif
