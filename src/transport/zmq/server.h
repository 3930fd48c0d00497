/* What the files of the server share: see zmq.h. */
#ifndef SIGNSGD_TRANSPORT_ZMQ_SERVER_H
#define SIGNSGD_TRANSPORT_ZMQ_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <zmq.h>
#include "transport/zmq/frame.h"
#include "base/mem.h"
#include "transport/zmq/zmq.h"

enum {
	ROUTE_SIZE = 255,            /* ZeroMQ's bound of a routing id */
	PARAMS_PIECE = 4 << 20,      /* bytes of parameters in one message */
	SETTINGS_SIZE = 1 << 20,     /* most bytes of settings */
	MEDIAN_ROUNDS = 31,          /* last rounds that the deadline is taken from */
	HEARTBEAT_MS = 1000,         /* ZMTP's own ping, between two machines' kernels */
	HEARTBEAT_TIMEOUT_MS = 5000, /* generous: a machine that computes may be slow to answer */
	HANDSHAKE_MS = 1000,         /* who has not proved its key by then is shut out */
	HIGH_WATER = 4,              /* messages in a queue to a peer: one request is open at most, and
	                                what was wrong is answered too */
	SMALL_MOST = 4096,           /* bytes of a body that a server takes whatever the model's size */
	BACKLOG = 1024,              /* connections that the kernel holds for us */
	BUCKETS_MOST = 64,           /* pieces of a vote */
	SHARDS_MOST = 64,            /* servers of a run */
	ADDRESS_SIZE = 512,          /* bytes of an address */
};

/* Kinds of faults, in the order of fault_names. */
enum fault {
	FAULT_LATE,       /* a vote for a step that is over */
	FAULT_DUPLICATE,  /* a second vote in a round */
	FAULT_WRONG_STEP, /* a vote for a step that has not begun */
	FAULT_WRONG_BORN, /* a state that cannot be that old */
	FAULT_WRONG_HASH, /* other parameters than the server's */
	FAULT_WRONG_LENGTH,
	FAULT_WRONG_ORDER, /* a piece of a vote before those that come before it */
	FAULT_WRONG_RUN,   /* of another experiment */
	FAULT_PADDING,     /* bits behind the last coordinate */
	FAULT_GARBAGE,
	FAULT_VERSION,
	FAULT_DAMAGED,
	FAULT_MULTIPART,   /* several frames in one message */
	FAULT_UNANNOUNCED, /* on a connection without a HELLO */
	FAULT_TAKEOVER,    /* the same key on a second connection */
	FAULT_GREEDY,      /* asks for the parameters too often */
	FAULT_FLOOD,       /* more bytes than messages can hold */
	FAULT_HANDSHAKE,   /* a connection that never proved a key */
	FAULT_UNKNOWN_KEY,
	FAULT_BANNED, /* a banned worker that tried to connect */
	FAULTS
};

extern const char *const fault_names[FAULTS];

struct zmq_settings {
	double deadline_s, patience_s;
	int64_t quorum, max_missed, ban_after, buckets, shards;
};

struct route {
	size_t bytes; /* 0: nowhere */
	unsigned char at[ROUTE_SIZE];
};

/* What an enrolled worker waits for. */
enum want { WANT_NOTHING, WANT_ANSWER };

struct peer {
	struct route route;    /* of its connection; who said HELLO last has the key's vote */
	struct route replaced; /* of the connection before it */
	int fd;                /* of its connection, as the system numbers it; -1: not known */
	bool here;             /* said HELLO, and the connection is not known to be lost */
	bool awaited;
	_Atomic bool banned; /* read by the thread that checks keys */
	int missed;          /* rounds in a row */
	int given_up;        /* times it was no longer awaited for missing too many */
	uint64_t not_before; /* step from which it is awaited again */
	uint64_t offences;
	enum want want; /* the open request, for the present step */
	bool brief;
	int64_t has;  /* when the state began that the process with the open request has; -1: none */
	int64_t born; /* of its state when it was last counted; -1: not counted in the last round */
	bool asked;   /* for parameters before; then at step: */
	uint64_t asked_at;
	int talked; /* requests that cost an answer, in the present step and second: */
	uint64_t talked_step;
	int64_t talked_second;
	/* The vote for the present step. */
	bool voted, with_running;
	double loss;
	int64_t reported_born; /* since */
	uint64_t x_hash;
	zmq_msg_t vote;
	uint64_t number; /* of the vote, among all that the worker may have sent for the step: 2^32 + ... */
	bool complete;   /* all shards have their part of this very vote */
	unsigned char *box; /* [header, push, running] where votes come in pieces or in part; or NULL */
	unsigned n_pieces;  /* of it that are there */
	size_t state_bytes; /* of its state that have come to be saved */
	bool leaving;       /* was told that the run is over, or said BYE */
};

/* The answer to a step that is over. */
struct past {
	bool there;
	uint64_t step;
	int bn_owner; /* of the step after it */
	struct frame head;
	int64_t *born;    /* [workers] of the state from which it spoke; -1: it was not counted */
	zmq_msg_t answer; /* to who was counted: header and pull */
};

/* One copy of the parameters, from which all that ask are served. */
struct shared_copy {
	bool there;
	uint64_t step, x_hash;
	int bn_owner;
	unsigned char *bytes; /* [size] shared parts, one behind the other */
	size_t size;
};

struct guard;
struct shard;
struct links;

struct server {
	struct zmq_settings set;
	struct transport_env env;
	const struct endpoint *endpoint;
	int workers;
	void *context, *router, *notices; /* notices: of lost connections, from the guard */
	char address[ADDRESS_SIZE];
	void *zap_socket;
	pthread_t zap;
	struct guard *guard;
	uint64_t run;
	int64_t life;     /* another number for each server process */
	uint64_t *counts; /* [workers + 1][FAULTS] */
	struct fault_table faults;
	struct peer *peers; /* [workers] */
	struct train_state *st;
	size_t push_bytes, pull_bytes, running_bytes, n;
	struct planes push_planes;
	size_t bucket;     /* coordinates of a piece; 0: votes come whole */
	unsigned n_pieces; /* of a vote */
	/* Servers of a run, each of a range of the coordinates; 1: this one alone, of all. */
	int n_parts, part;
	size_t begin, end;               /* the range that is this server's */
	size_t part_bytes, answer_bytes; /* of it, in a push and in a pull */
	struct links *links;             /* of the main server, part 0, to the others; or NULL */
	uint64_t link_bytes;             /* on them since the last round */
	struct shard *shard;             /* of another than the main server; or NULL */
	/* It does not know its main server yet: workers are not heard; or their HELLO is, and answered later.
	 */
	enum { HANDSHAKE_DONE, HANDSHAKE_HELLO, HANDSHAKE_NONE } handshake;
	struct buf welcome; /* what a WELCOME says */
	bool first;         /* first: no round was held yet */
	uint64_t step;      /* the present one */
	int bn_owner;       /* of the present step */
	int holder;         /* the worker whose running statistics are the server's; -1: all */
	int n_votes;
	bool finished; /* the run is over: DONE is the answer to everything */
	const char *why;
	bool collecting;
	uint64_t x_hash, x_hash_step; /* of the parameters at x_hash_step; step + 1 never taken */
	bool hashed;
	struct past *log; /* [log_count] the answer to step k is in k % log_count */
	size_t log_count;
	struct shared_copy copy;
	const void **pushes; /* [workers] */
	uint64_t up, down;   /* bytes since the last round */
	double times[MEDIAN_ROUNDS];
	size_t n_times;
	double begun;           /* the present round */
	uint64_t expected_hash; /* of its parameters; 0: not known, or not taken */
	bool warned;
};

/* wire.c. A message of header *f, in which run, bytes and body_hash are filled in, and its body. */
void message_make(zmq_msg_t *m, struct frame *f, uint64_t run, const void *body, size_t bytes);
/*
 * Right behind a send that failed: is there really no room? A queue counts as full until the library has
 * looked at what its other end took, and in quick succession it does not look; asked for the events, it does.
 */
bool message_queue_full(void *socket);
/* Takes over *m. False: it cannot be sent now. */
bool message_send(zmq_msg_t *m, void *socket);

/* server_listen.c: messages. Wait up to `ms` for one, then handle those that are there. */
void server_serve(struct server *s, int ms);
/* Takes over *m. False: it cannot be reached. */
bool server_send(struct server *s, const struct route *to, zmq_msg_t *m);
/* f->run, bytes and body_hash are filled in. */
bool server_say(struct server *s, const struct route *to, struct frame *f, const void *body, size_t bytes);
/* Count a fault of worker m (-1: of nobody known). Safe in all threads. */
void server_fault(struct server *s, int m, enum fault fault);
/* The same for a message of worker m: who offends `ban_after` times is shut out. */
void server_offend(struct server *s, int m, enum fault fault);
void server_ban(struct server *s, int m);
/* Tell worker m where the run is. x_hash: of the parameters, where it may compare them; or 0. */
void server_welcome(struct server *s, int m, uint64_t x_hash);
/* Tell worker m that the run is over. */
void server_done(struct server *s, int m);
/* Of the parameters at the present step. */
uint64_t server_x_hash(struct server *s);

/* server.c. A server that does not listen yet; its address is tried. NULL and a sentence. */
struct server *server_open(const struct zmq_settings *set, const struct transport_env *env, struct err *e);
/* Listen, for messages of at most so many bytes; watch: with a guard. -1 and a sentence. */
int server_bind(struct server *s, size_t most_bytes, bool watch, struct err *e);
void server_close(struct server *s);
/* Another number for each process. */
int64_t zmq_life(void);
/* To connect to another server in the name of this one. */
void *server_dealer(const struct server *s, const char *address);

/* server_round.c: votes and answers. */
enum exchange_end round_exchange(struct server *s, const struct exchange_request *x,
                                 struct exchange_reply *reply, struct err *e);
/* Seconds that others are given for something that takes no longer than a round: two usual ones, or `least`.
 */
double round_patience_s(const struct server *s, double least);
/* The worker follows what has been, and will be in step: wait for it, unless it was given up lately. */
void round_await(struct server *s, int m);
void round_push(struct server *s, int m, const struct frame *f, zmq_msg_t *message);
void round_fetch(struct server *s, int m, const struct frame *f);
void round_close(struct server *s);
/* The sizes, from *x, when they are known first. */
void round_open(struct server *s, const struct exchange_request *x);
/* The complete votes' pushes in order of worker, and what was said beside them. How many. */
int round_gather(struct server *s, const struct exchange_request *x);
/* Combine them and answer who waits; the next step begins. */
void round_finish(struct server *s, const struct exchange_request *x, const struct exchange_reply *reply,
                  int count);
/* Is the vote of worker m there with all its parts? Counts it, or counts it no more. */
void round_judge(struct server *s, int m);
/* Worker m has no vote in this round any more. */
void round_forget(struct server *s, int m);
/* The answer to a step that is over, as it went to who was counted; or NULL. */
zmq_msg_t *round_past(struct server *s, uint64_t step);

/* server_wait.c: until there are enough votes, or no hope of them. */
enum verdict { ROUND_OPEN, ROUND_ENOUGH, ROUND_TOO_FEW, ROUND_STOPPED };
enum verdict round_wait(struct server *s, struct exchange_reply *reply);

/* shard_links.c: a main server's connections to the servers of the other parts. */
void links_open(struct server *s);
void links_close(struct server *s);
/* Handle what came. */
void links_serve(struct server *s);
int links_poll(const struct server *s, zmq_pollitem_t *items);
/* Is vote `number` of worker m there, at all of them? */
bool links_have(const struct server *s, int m, uint64_t number);
/* Who was counted in x->step is known: the other parts of the answer into x->pull. */
enum exchange_end links_decide(struct server *s, const struct exchange_request *x,
                               struct exchange_reply *reply, struct err *e);
void links_done(struct server *s);
/* Has one of them refused? */
bool links_refused(const struct server *s);
/* -1 and a sentence if one has refused, or does not answer. */
int links_trouble(const struct server *s, struct err *e);

/* Numbers in messages' bodies. */
void wire_put(unsigned char *at, uint64_t value);
uint64_t wire_get(const unsigned char *at);

/* shard.c: what a server of a part does otherwise. */
void shard_hear(struct server *s, int m, const struct route *from, int fd, const struct frame *f,
                const unsigned char *body);
void shard_have(struct server *s);
void shard_lost(struct server *s, int fd);

/* server_bucket.c: votes in pieces, at the server. Once the sizes are known, and at the end. */
void pieces_open(struct server *s, const struct exchange_request *x);
void pieces_close(struct server *s);
/* A message with a piece of a push. */
void pieces_push(struct server *s, int m, const struct frame *f, const unsigned char *body);
/* Is this the message that closes a vote in pieces? */
bool pieces_closing(const struct server *s, const struct frame *f);
/* *message holds this server's range of a vote: put it into its place. */
void pieces_part(const struct server *s, const struct peer *p, zmq_msg_t *message);
/* All of a push is in its place, and running statistics, if any, in *message's body from `offset` on: make it
 * the whole vote. */
void pieces_whole(const struct server *s, struct peer *p, zmq_msg_t *message, size_t offset);

/* server_params.c: parameters to workers, their states from them. */
void params_snapshot(struct server *s, int m, const struct frame *f);
void params_state(struct server *s, int m, const struct frame *f, const unsigned char *body);
int params_collect(struct server *s, struct train_state *st, struct err *e);
void params_leave(struct server *s, bool finished, const char *why);
/* Bytes of a worker's own state in one message: no more than the server takes anyway. */
size_t state_piece(size_t push_bytes);

/*
 * server_flood.c: the thread that watches connections, known by the system's number of their socket. What the
 * server says to it: so many bytes came as messages; it is worker m's; it is to be cut off.
 */
void guard_start(struct server *s, size_t most_bytes);
void guard_seen(struct server *s, int fd, uint64_t bytes);
void guard_owner(struct server *s, int fd, int m);
/* Cut off this connection if it (still) is worker m's; m -1: whosever it is. */
void guard_shut(struct server *s, int fd, int m);
void guard_stop(struct server *s);

/* server_auth.c: the thread that checks keys. It ends with the context. */
void zap_start(struct server *s);

/* The socket's options that both sides need, and its security. */
void zmq_socket_set(void *socket, int option, int value);
void *zmq_socket_open(void *context, int type, const char *address);
/* To connect to a server as `own` (NULL: as nobody). */
void zmq_socket_secure(void *socket, const struct endpoint *endpoint, const struct curve_key *own);
/* Messages of more than `payload` bytes end their connection. To be set before there is any. */
void zmq_socket_limit(void *socket, enum endpoint_trust trust, size_t payload);

/* Of the settings' text. */
uint64_t zmq_run_number(const char *settings);

/* The arrays of *st that all processes hold, laid one behind the other; `bytes` of them from `offset` on. */
void shared_copy_in(const struct train_state *st, size_t offset, const void *in, size_t bytes);
size_t shared_bytes(const struct train_state *st);
size_t piece_count(size_t bytes, size_t piece);

#endif
