/*
 * The server's inside: what its files share. See zmq.h for what it does.
 *
 * From the bottom to the top; a file calls only those above it in this list:
 */
/* clang-format off */
/*
 *   server_flood, server_auth   two threads: connections, keys
 *   server_send                 messages to a peer
 *   server_answer               answers to the last steps, and sending them
 *   server_bucket               votes from buckets and shards
 *   server_vote                 the vote of a peer: checked, kept, forgotten
 *   server_faults               faults of a peer, and bans
 *   server_round                requests of workers in a round, and its end
 *   server_params               parameters to workers, their states from them
 *   server_listen               incoming messages: who sent them, which file handles them
 *   server_wait, server_collect loops that wait: for votes; for states, and for workers to leave
 *   server_open                 sockets and memory
 *   server                      the row: its keys, a round from begin to end
 */
/* clang-format on */
/*
 * shard_links.c (a main server's connections to its shards) and shard.c (a shard) stand above server_round.c.
 * The files above reach them only through struct server_role, which is handed in when a server is opened.
 */
#ifndef SIGNSGD_TRANSPORT_ZMQ_SERVER_H
#define SIGNSGD_TRANSPORT_ZMQ_SERVER_H

#include "base/mem.h"
#include "transport/zmq/server_faults.h"
#include "transport/zmq/wire.h"
#include "transport/zmq/zmq.h"

enum {
	ROUTE_SIZE = 255,   /* ZeroMQ's limit of a routing id */
	MEDIAN_ROUNDS = 31, /* the last rounds, from which the deadline is computed */
};

/* The row's keys. */
struct zmq_settings {
	double deadline_s, patience_s;
	int64_t quorum, max_missed, ban_after, buckets, shards;
};

/* --- a worker, as the server knows it ------------------------------------------------------------------- */

/* ZeroMQ's name of a connection. */
struct route {
	size_t bytes; /* 0: none */
	unsigned char at[ROUTE_SIZE];
};

/* The worker's connection, and whether rounds wait for the worker. */
struct presence {
	struct route route;    /* of the connection from which HELLO came last */
	struct route replaced; /* of the connection before that one */
	int fd;                /* the connection's socket, which the flood guard knows; -1: not known */
	bool connected;        /* HELLO came, and the connection is not known to be lost */
	bool leaving;          /* it was told that the run is over, or said BYE */
	bool awaited;          /* rounds wait for its vote */
	int missed;            /* rounds in a row, while awaited */
	int given_up;          /* how many times it missed too many and was no longer awaited */
	uint64_t not_before;   /* the step from which it may be awaited again */
};

/* What the worker sent for the present step. */
struct vote {
	bool kept;         /* the vote is here and in order (of a shard: its range of the vote) */
	bool complete;     /* and every shard has its range of the same attempt: the vote will be counted */
	double loss;       /* of its batch, as the worker says */
	int64_t born;      /* step at which its own state (momentum) began, as the worker says */
	uint64_t x_hash;   /* of its parameters; 0: not said */
	uint64_t attempt;  /* 2^32 + number of the attempt to vote: one worker may send several in a step */
	zmq_msg_t message; /* of a kept vote: header, push, running statistics */
	unsigned char *buffer; /* [header, push, running] where a vote comes in several messages; or NULL */
	unsigned n_buckets;    /* how many are in the buffer */
};

/* The worker's request for the answer of the present step. */
struct open_request {
	bool open;    /* it waits for that answer */
	bool no_pull; /* it wants the answer without the pull */
	int64_t born; /* step at which the state began that its process voted with; -1: it did not vote */
};

/* How often the worker has asked for something that costs the server time or memory. */
struct quota {
	bool snapshot; /* it asked for parameters before, in this step: */
	uint64_t snapshot_step;
	int requests; /* how many came in this step and second: */
	uint64_t step;
	int64_t second;
};

struct peer {
	struct presence presence;
	struct vote vote;
	struct open_request request;
	struct quota quota;
	int64_t born;       /* step at which its state began, if it was counted in the last round; else -1 */
	size_t saved_bytes; /* of its own state, received so far, to be saved */
};

/* --- the server ----------------------------------------------------------------------------------------- */

/* How votes and answers lie in messages. Known from the first round on. */
struct layout {
	struct message_shape shape; /* of whole messages */
	size_t running_bytes;
	int n_shards, shard;           /* servers of this run; which one this is: 0, the main server */
	size_t begin, end;             /* the coordinates of this server's shard */
	size_t shard_push, shard_pull; /* bytes of the shard in a push and in a pull */
	size_t bucket;                 /* coordinates in a bucket of a vote; 0: votes come whole */
	unsigned n_buckets;
};

/* The present round. */
struct round {
	uint64_t step;
	int bn_owner;
	bool first;             /* no round of this process is over yet */
	int n_votes;            /* complete ones */
	uint64_t expected_hash; /* of the parameters; 0: not known yet, or not computed */
	double begun;           /* when it began to wait */
	bool warned;            /* that votes are missing */
	const void **pushes;    /* [workers] of the complete votes */
};

/* How long the last rounds took. */
struct round_times {
	double at[MEDIAN_ROUNDS];
	size_t count; /* of all rounds */
};

/* The answer to a step that is over. */
struct answer {
	bool there;
	uint64_t step;
	int bn_owner; /* of the step after it */
	struct frame head;
	int64_t *born; /* [workers] step at which a counted worker's state began; -1: it was not counted */
	zmq_msg_t message; /* to a worker that was counted: header and pull */
};

/* The answers to the last steps. */
struct answer_log {
	struct answer *at; /* [count] the answer to step k is at k % count */
	size_t count;
};

/* A copy of the shared state, from which every worker that asks is served. */
struct params_copy {
	bool there;
	uint64_t step, x_hash;
	int bn_owner;
	unsigned char *bytes; /* [size] */
	size_t size;
};

/* The hash of the parameters, computed once a step. */
struct known_hash {
	bool there;
	uint64_t step, x_hash;
};

/* The end of a run. */
struct ending {
	bool collecting; /* workers' own states are being collected */
	bool finished;   /* the reply to everything is DONE with this sentence: */
	const char *why;
};

/* Whether workers are answered. A shard that does not know its run yet cannot answer them. */
enum handshake {
	HANDSHAKE_DONE,  /* it knows the run */
	HANDSHAKE_HELLO, /* HELLO is accepted, and answered later */
	HANDSHAKE_NONE,  /* workers are ignored */
};

struct server;

/* A message that was received. */
struct incoming {
	int from; /* worker; [workers] the main server (shards only); -1: not known */
	int fd;   /* of the connection */
	struct route route;
	struct frame frame;
	zmq_msg_t message;
};

/* What a server on its own, a main server with shards and a shard do differently. NULL: nothing to do. */
struct server_role {
	bool main; /* it holds the parameters and decides which votes count */
	/* Of a shard. A message of the main server came; a vote was kept; a connection was lost. */
	void (*hear)(struct server *s, struct incoming *in);
	void (*have)(struct server *s);
	void (*lost)(struct server *s, int fd);
	/* Of a main server with shards. Does every shard have its range of the vote that worker m sent here?
	 */
	bool (*complete)(const struct server *s, int m);
	/* The votes are in: end the round here and at the shards, and get their ranges of the pull. */
	enum exchange_end (*decide)(struct server *s, const struct exchange_request *x,
	                            struct exchange_reply *reply, struct err *e);
	/* Write the sockets to poll to items, and say how many. Handle what came on them. */
	int (*poll)(const struct server *s, zmq_pollitem_t *items);
	void (*serve)(struct server *s);
	/* Has a shard refused? -1 and a sentence if one has refused or does not answer. */
	bool (*refused)(const struct server *s);
	int (*trouble)(const struct server *s, struct err *e);
	/* Tell the shards that the run is over. */
	void (*leave)(struct server *s);
};

struct auth;
struct flood;
struct shard;
struct shard_links;

struct server {
	/* What it is. */
	const struct server_role *role;
	struct zmq_settings set;
	struct transport_env env;
	const struct endpoint *endpoint;
	int workers;
	uint64_t run;
	int64_t instance;   /* another number for each server process */
	struct buf welcome; /* body of a WELCOME */
	enum handshake handshake;
	/* Sockets. */
	void *context, *router; /* router: NULL before the first round */
	char address[ADDRESS_SIZE];
	struct auth *auth;
	struct flood *flood;
	uint64_t up, down;   /* bytes since the last round */
	uint64_t link_bytes; /* the same, between this server and its shards */
	/* What it knows. */
	struct peer *peers; /* [workers] */
	struct faults faults;
	struct fault_table fault_table;
	struct train_state *st; /* lent by sync() */
	struct layout layout;
	struct round round;
	struct round_times times;
	struct answer_log log;
	struct params_copy copy;
	struct known_hash hash;
	struct ending ending;
	int running_of;      /* the worker that sent the running statistics in st; -1: none of them has yet */
	float *next_running; /* those of a vote, to be judged; NULL: they are not */
	/* Other servers of the run. */
	struct shard_links *links; /* of a main server with shards, once the sizes are known */
	struct shard *shard;       /* of a shard */
};

/* --- server_open.c -------------------------------------------------------------------------------------- */

/* A server that does not listen yet; its address is only tried. NULL and a sentence. */
struct server *server_open(const struct zmq_settings *set, const struct transport_env *env,
                           const struct server_role *role, struct err *e);
/* Listen, and accept bodies of at most so many bytes; watch: with the flood guard. -1 and a sentence. */
int server_bind(struct server *s, size_t body_bytes, bool watch, struct err *e);
void server_close(struct server *s);

/* --- server_send.c -------------------------------------------------------------------------------------- */

/* Takes over *m. False: the peer cannot be reached, or its queue is full. */
bool server_send(struct server *s, const struct route *to, zmq_msg_t *m);
/* A message with header *f and this body. Sets f->run, bytes and body_hash. */
bool server_say(struct server *s, const struct route *to, struct frame *f, const void *body, size_t bytes);
/* A message that is a sentence: REFUSED or DONE. */
void server_sentence(struct server *s, const struct route *to, enum frame_type type, const char *sentence);
/* Tell worker m where the run is. x_hash: of the parameters, where the worker may compare them; else 0. */
void server_welcome(struct server *s, int m, uint64_t x_hash);
/* Tell worker m that it is too far from the run to get the answer of `step`. */
void server_stale(struct server *s, int m, uint64_t step);
/* Tell worker m that the run is over. */
void server_done(struct server *s, int m);

/* --- server_answer.c ------------------------------------------------------------------------------------ */

void answers_open(struct server *s);
void answers_close(struct answer_log *log);
/* The answer to a step that is over. NULL: it is not kept any more. */
struct answer *answers_find(const struct answer_log *log, uint64_t step);
/* Keep the answer that x->pull holds. */
struct answer *answers_add(struct server *s, const struct exchange_request *x,
                           const struct exchange_reply *reply);
/* Send an answer to worker m, as *r wants it. */
void answer_send(struct server *s, int m, struct answer *a, const struct open_request *r);
/* The same to a worker that waited for it: most get the same message, without a copy. */
void answer_send_open(struct server *s, int m, struct answer *a);

/* --- server_bucket.c ------------------------------------------------------------------------------------ */

/* The sizes of messages, from the first round's request. */
void layout_init(struct layout *l, const struct exchange_request *x, size_t running_bytes, int64_t buckets);
/* Memory in which the votes of a peer are assembled, where they come in several messages. */
void bucket_open(const struct layout *l, struct vote *v);
/* Is this the message that closes a vote in buckets? */
bool bucket_closes(const struct layout *l, const struct frame *f);
/* A bucket of a vote. FAULTS, or what is wrong with it. */
enum fault bucket_add(const struct layout *l, struct vote *v, uint64_t step, const struct frame *f,
                      const unsigned char *body);
/* *message holds this server's shard of a vote: put it into its place in the buffer. */
void bucket_place_shard(const struct layout *l, struct vote *v, zmq_msg_t *message);
/*
 * The push is in the buffer. Make *message the whole vote: the buffer, with the running statistics that the
 * message has from `offset` on.
 */
void bucket_assemble(const struct layout *l, struct vote *v, zmq_msg_t *message, size_t offset);

/* --- server_vote.c -------------------------------------------------------------------------------------- */

/*
 * A vote of worker m for the present step: FAULTS, or why it is not counted. A vote that comes with false
 * running statistics is not counted: then the next worker owns them, as /voters alone is enough to tell when
 * the run is repeated.
 */
enum fault vote_check(struct server *s, int m, const struct frame *f, zmq_msg_t *message);
/* Is the length right, for a vote of any step? */
bool vote_length_holds(const struct server *s, int m, const struct frame *f);
/* Are these the parameters of the present step, as far as both sides know? */
bool vote_hash_holds(const struct server *s, uint64_t x_hash);
/* Keep the vote, which vote_check() found good. Takes the content of *message. */
void vote_keep(struct server *s, int m, const struct frame *f, zmq_msg_t *message);
/* Whether the vote of worker m is complete may have changed: count again. */
void vote_recount(struct server *s, int m);
/* Worker m has no vote in this round any more. */
void vote_forget(struct server *s, int m);
/* The round is over: forget the vote and release its message. */
void vote_clear(struct vote *v);

/* --- server_faults.c ------------------------------------------------------------------------------------ */

/* Count a fault in a message of worker m (-1: not known); a worker that has offended too often is banned. */
void server_offend(struct server *s, int m, enum fault fault);

/* --- server_round.c ------------------------------------------------------------------------------------- */

/* The sizes, from the first round's request, and the memory that depends on them. */
void round_open(struct server *s, const struct exchange_request *x);
/* The round of x->step begins. Votes may have come before its parameters were known: check them. */
void round_begin(struct server *s, const struct exchange_request *x);
/* Messages of worker m. */
void round_push(struct server *s, int m, const struct frame *f, zmq_msg_t *message);
void round_fetch(struct server *s, int m, const struct frame *f);
/* Worker m has caught up: let rounds wait for it, unless it was given up lately. */
void round_await(struct server *s, int m);
/*
 * Collect the complete votes' pushes in order of worker, and their loss and born in *x. How many. Where
 * nobody vouches for the workers, a loss that cannot be believed becomes NAN.
 */
int round_gather(struct server *s, const struct exchange_request *x);
/* The round is over: count the losses that round_gather() has dropped. */
void round_judge_losses(struct server *s, const struct exchange_request *x);
/* Combine the gathered votes and answer every worker that waits. The next step begins. */
void round_finish(struct server *s, const struct exchange_request *x, const struct exchange_reply *reply,
                  int count);

/* --- server_params.c ------------------------------------------------------------------------------------ */

/* The hash of the parameters at the present step. */
uint64_t params_hash(struct server *s);
/* Messages of worker m: it asks for parameters or for its own state; it sends a chunk of its own state. */
void params_snapshot(struct server *s, int m, const struct frame *f);
void params_state(struct server *s, int m, const struct frame *f, const unsigned char *body);

/* --- server_listen.c ------------------------------------------------------------------------------------ */

/* Wait up to `ms` milliseconds for a message, then handle those that are there. */
void server_serve(struct server *s, int ms);

/* --- server_wait.c -------------------------------------------------------------------------------------- */

enum verdict {
	ROUND_OPEN,    /* it goes on */
	ROUND_ENOUGH,  /* its votes are counted */
	ROUND_TOO_FEW, /* there is no hope of a quorum */
	ROUND_STOPPED, /* a signal came, and there is no quorum */
};

/* Handle messages until there are enough votes, or no hope of them. */
enum verdict round_wait(struct server *s, struct exchange_reply *reply);
/* Seconds that a round without a quorum waits. */
double round_hope_s(const struct server *s);
/* Seconds to wait for something that takes no longer than a round: two usual ones, at least `least`. */
double round_patience_s(const struct server *s, double least);

/* --- server_collect.c ----------------------------------------------------------------------------------- */

void server_collect(struct server *s, struct train_state *st);
/* Tell every worker that the run is over, and wait a moment until all have heard it. */
void server_leave(struct server *s, bool finished, const char *why);

/* --- shard_links.c -------------------------------------------------------------------------------------- */

/* The role of a main server with shards; its connections, once the sizes are known. */
extern const struct server_role server_role_links;
void links_open(struct server *s);
void links_close(struct shard_links *l);

#endif
