/*
 * Internals of the client, shared by its files. zmq.h says what a client does.
 *
 * The files by layer, lowest first; a file calls only files above it in this list:
 */
/* clang-format off */
/*
 *   client_request   messages to a server: votes, requests for answers
 *   client_bucket    votes in buckets
 *   client           connections: made, watched, made again after a loss; settings
 *   client_shards    connections to the shards
 *   client_state     downloads of parameters and own states, uploads of own states
 *   client_round     the row: a round from beginning to end
 */
/* clang-format on */
/*
 * A client does one thing at a time: it holds a round, downloads state or uploads state. client.c passes
 * messages to the file that does it through struct client_phase.
 */
#ifndef SIGNSGD_TRANSPORT_ZMQ_CLIENT_H
#define SIGNSGD_TRANSPORT_ZMQ_CLIENT_H

#include "transport/zmq/wire.h"
#include "transport/zmq/zmq.h"

struct connection;

/* How the client handles messages in its present phase: a round, a download or an upload. */
struct client_phase {
	/* Handle a message of the main server; client.c itself handles WELCOME, REFUSED and DONE. */
	void (*take)(struct connection *c, const struct frame *f, const unsigned char *body);
	/* WELCOME came again after a loss or a silence: repeat the request that is not answered. */
	void (*resume)(struct connection *c, const struct frame *welcome);
};

/* A connection of one worker to one server. */
/* A vote as it was sent to a shard. */
struct vote_copy {
	uint64_t step;
	size_t bytes;           /* 0: none */
	unsigned char *message; /* [bytes] header and vote */
};

struct connection {
	struct zmq_client *client;
	const char *address;
	int shard;                   /* 0: the main server */
	const struct curve_key *key; /* NULL: none is needed */
	int id;                      /* the worker's number; -1: the server has not sent it yet */
	/* Handles messages of a shard. NULL (main server): client_phase handles them. */
	void (*take)(struct connection *c, const struct frame *f, const unsigned char *body);
	void *socket, *monitor;
	bool connected, welcomed;  /* welcomed: WELCOME came on the present connection */
	bool hello_due;            /* the connection is new, and HELLO was not sent yet */
	double hello_at, heard_at; /* when HELLO was last sent; when a message was last received */
	double hello_wait_s;       /* from a HELLO to the next one */
	/* The present round. */
	const void *push;
	bool no_pull; /* another connection of this process receives the pull */
	bool answered;
	bool gone;                  /* the shard has no such answer any more: the main server has its range */
	unsigned char *buffer;      /* [header, push, running] the vote while it is sent */
	_Atomic bool sending;       /* ZeroMQ still reads from the buffer */
	unsigned n_posted;          /* buckets of the vote that were sent */
	struct vote_copy copies[2]; /* at a shard: the votes of the last two steps, by step % 2 */
	/* Uploading the worker's own state. */
	unsigned next_chunk;
	bool uploaded;
};

/* The run, as described by the first WELCOME. */
struct client_run {
	char *settings; /* NULL: no WELCOME yet */
	uint64_t number;
	int64_t instance; /* of the server process that sent our parameters */
	bool given;       /* the settings alone do not determine the parameters */
	unsigned buckets; /* in how many the server wants a vote; 0 or 1: votes are sent whole */
	int n_shards;     /* servers, including the main server */
	char (*addresses)[ADDRESS_SIZE]; /* [n_shards - 1] */
};

/* The present round. */
struct client_round {
	const struct exchange_request *request; /* NULL: no round */
	struct exchange_reply *reply;
	bool stale;       /* the server no longer has the answer: download its parameters */
	uint32_t attempt; /* number of this attempt to vote */
};

/* A download of the shared state or of a worker's own state. */
struct download {
	struct connection *from;
	bool own;        /* the worker's own state */
	bool done, none; /* none: the server has no state of this worker */
	bool has_state;  /* of shared state: the server also has the worker's own state */
	unsigned index, count;
	size_t chunk; /* bytes of all chunks but the last */
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
	size_t most_body;               /* bytes of the longest body that is accepted */
	uint64_t up, down;              /* bytes since the last round */
	double checked_at;              /* when the connections were last checked */
	double connected_at;            /* when the main server was last connected */
	double usual_answer_s;          /* moving average (exponential) of the time until an answer comes */
	struct client_run run;
	bool over;                        /* the server has said that the run is over */
	char refusal[FRAME_SENTENCE + 1]; /* why the server refuses us; "": it does not */
	struct train_state *st;           /* lent by sync() */
	uint64_t step;                    /* of our parameters */
	size_t push_bytes, running_bytes;
	const struct client_phase *phase; /* NULL: messages are ignored */
	struct client_round round;
	struct download download;
};

/* --- client_request.c ----------------------------------------------------------------------------------- */

/* Takes ownership of *m. False: it was not sent. */
bool connection_send(struct connection *c, zmq_msg_t *m);
/* Send a message with header *f and this body. A request that fails is repeated after the next WELCOME. */
void connection_say(struct connection *c, struct frame *f, const void *body, size_t bytes);
/* The range of coordinates of the connection's server. */
void connection_range(const struct connection *c, size_t *begin, size_t *end);
/* Bytes of these coordinates in a pull. */
size_t connection_pull_bytes(const struct connection *c);
/* Ask for the answer of the present round without a vote. */
void connection_fetch(struct connection *c);
/* Ask the main server for the range of the answer that this shard should have sent. */
void connection_fetch_range(struct connection *c, int shard);
/* Send the vote of the present round. If this process does not vote, ask for the answer. */
void connection_request(struct connection *c);

/* Was a vote of this step sent on this connection to a shard? Send it once more. */
bool connection_voted(const struct connection *c, uint64_t step);
void connection_repeat(struct connection *c, uint64_t step);

/* --- client_bucket.c ------------------------------------------------------------------------------------ */

/* The row's post(): send coordinates [begin, end) of push i. */
void client_post(struct zmq_client *h, const struct exchange_request *x, int i, size_t begin, size_t end);
/* Close a vote whose buckets were all posted. False: some were not, and the vote must be sent whole. */
bool client_post_close(struct connection *c);

/* --- client.c ------------------------------------------------------------------------------------------- */

/*
 * Handle messages, and check all connections now and then. -1 and a sentence when the client was refused or
 * had no connection for too long.
 */
int client_pump(struct zmq_client *h, struct err *e);
/* The number of connections, including those to shards; connection number i. */
int client_connections(const struct zmq_client *h);
struct connection *client_connection(const struct zmq_client *h, int i);
/* Open the socket and connect. -1 and a sentence. */
int connection_open(struct connection *c, struct err *e);

/*
 * Have the files for so many connections more, or say that this process may not. ZeroMQ aborts the program
 * where it is refused one.
 */
int client_allow_files(int connections, struct err *e);
/* Accept bodies of up to body_bytes. A higher limit than before needs new connections. -1 and a sentence. */
int client_limit(struct zmq_client *h, size_t body_bytes, struct err *e);

/* --- client_shards.c ------------------------------------------------------------------------------------ */

/* Connect every worker to every shard. -1 and a sentence. */
int shards_open(struct zmq_client *h, struct err *e);
/* Ask the main server for a range that its shard has no more, if there is one and nothing else is asked for.
 */
void shards_fetch(struct zmq_client *h);
/* Is a range asked for? The main server has sent it. */
bool shards_fetching(const struct zmq_client *h);
void shards_take_range(struct zmq_client *h, const struct frame *f, const unsigned char *body);

/* --- client_state.c ------------------------------------------------------------------------------------- */

int client_sync(struct zmq_client *h, struct train_state *st, struct err *e);
int client_collect(struct zmq_client *h, struct train_state *st, struct err *e);
/* Replace the shared state with the server's. -1 and a sentence. */
int client_download(struct zmq_client *h, struct err *e);

#endif
