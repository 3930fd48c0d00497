/*
 * Internals of the server, shared by its files. zmq.h says what the server does.
 *
 * The files by layer, lowest first; a file calls only files above it in this list:
 */
/* clang-format off */
/*
 *   server_flood, server_auth   two threads: connections, keys
 *   server_chunk                chunks of state: their sizes, and which one is meant
 *   server_later                which replies wait until the round's messages are out
 *   server_send                 messages to a peer
 *   server_answer               the answers to the last steps: kept and sent
 *   server_bucket               votes from buckets and shards
 *   server_vote                 the vote of a peer: check, keep, forget
 *   server_faults               faults of a peer, and bans
 *   server_budget               what a worker may ask for
 *   server_round                workers' requests in a round, and the end of a round
 *   server_params               parameters to workers, workers' own states to be saved
 *   server_listen               incoming messages: who sent them, which file handles them
 *   server_wait, server_collect loops that wait: for votes; for own states, and for workers to leave
 *   server_open                 sockets and memory
 *   server                      the row: its keys, a round from beginning to end
 */
/* clang-format on */
/* shard_links.c (a main server's connections to its shards) and shard.c (a shard) call the files of this
 * list. These files call them only through struct server_role, which server_open() is given. */
#ifndef SIGNSGD_TRANSPORT_ZMQ_SERVER_H
#define SIGNSGD_TRANSPORT_ZMQ_SERVER_H

#include "base/mem.h"
#include "transport/zmq/server_budget.h"
#include "transport/zmq/server_faults.h"
#include "transport/zmq/wire.h"
#include "transport/zmq/zmq.h"

enum {
	ROUTE_SIZE = 255,   /* ZeroMQ's limit of a routing id */
	MEDIAN_ROUNDS = 31, /* the last rounds, from which the deadline is computed */
};

/* The values of the row's keys (server.c). */
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
	struct route route;    /* of the connection that sent the last HELLO */
	struct route replaced; /* of the connection before that one */
	int fd;                /* the connection's socket, by which the flood guard knows it; -1: not known */
	uint64_t socket_id;    /* flood_socket_id() of it when HELLO came */
	bool connected;        /* the server has received HELLO and no news that the connection is lost */
	bool leaving;          /* the worker was told that the run is over, or sent BYE */
	bool awaited;          /* rounds wait for its vote */
	int missed;            /* rounds in a row, while awaited */
	int given_up;        /* how many times the worker missed too many rounds and was no longer awaited */
	uint64_t not_before; /* the first step at which the worker may be awaited again */
};

/* What the worker sent for the present step. */
struct peer_vote {
	bool kept; /* the server has the vote and it passed the checks (at a shard: its range of the vote) */
	bool complete; /* kept, and every shard has its range of the same attempt: the vote will be counted */
	size_t push_bytes; /* of the whole push in `message` */
	double loss;       /* of its batch, as the worker reports */
	int64_t born;      /* step at which the worker's own state (momentum) began, as the worker reports */
	uint64_t x_hash;   /* of the worker's parameters; 0: not sent */
	uint64_t attempt;  /* 2^32 + number of the attempt: a worker may send several in a step */
	zmq_msg_t message; /* the message of a kept vote: header, push, running statistics */
	unsigned char *buffer; /* [header, push, running] for a vote in several messages; or NULL */
	unsigned n_buckets;    /* buckets in the buffer */
};

/* The worker's request for the answer of the present step. */
struct open_request {
	bool open;    /* the worker waits for that answer */
	bool no_pull; /* send the answer without the pull */
	int64_t born; /* born of the vote that the asking process sent; -1: it sent none */
};

/* The worker's download of the parameters. */
struct delivery {
	bool begun;
	uint64_t from;  /* the step in which it began */
	unsigned chunk; /* that follows those which it was sent in order */
};

struct peer {
	struct presence presence;
	struct peer_vote vote;
	struct open_request request;
	struct spending spending;
	struct outbox outbox;
	struct delivery delivery;
	uint64_t answered; /* the step whose answer follows what it was sent last: answer or parameters */
	int64_t born; /* step at which its own state began, if it was counted in the last round; else -1 */
	size_t saved_bytes; /* bytes of its own state that were received so far, to be saved */
};

/* --- the server ----------------------------------------------------------------------------------------- */

/* The layout of votes and answers in messages. Known from the first round on. */
struct layout {
	struct message_shape shape; /* of whole messages */
	size_t running_bytes;
	int n_shards, shard; /* servers of this run; the number of this one, 0 for the main server */
	size_t begin, end;   /* the coordinates of this server's shard */
	size_t shard_push, shard_pull; /* bytes of the shard in a push and in a pull */
	size_t bucket;                 /* coordinates in a bucket of a vote; 0: votes come whole */
	unsigned n_buckets;
	bool judged; /* the rule leaves out messages that no compressor can have made */
};

/* The present round. */
struct server_round {
	uint64_t step;
	int bn_owner;
	bool first;             /* no round of this process is over yet */
	int n_votes;            /* complete votes */
	uint64_t expected_hash; /* of the parameters; 0: not known yet, or not computed */
	double begun;           /* when the server began to wait for votes */
	bool warned;            /* a warning was given that votes are missing */
	const void **pushes;    /* [workers] the first n_votes: pushes of the complete votes */
	int *voters;            /* [workers] likewise: whose they are */
	bool *removed;          /* [workers] likewise: left out by the rule, because it is not finite */
};

/* How long the server waited for the votes of each of the last rounds. */
struct round_times {
	double at[MEDIAN_ROUNDS];
	size_t count; /* of all rounds */
};

/* The answer to a step that is over. */
struct answer {
	bool there;
	uint64_t step;
	int bn_owner; /* owner of the running statistics in the next step */
	struct frame head;
	int64_t *born; /* [workers] step at which a counted worker's state began; -1: it was not counted */
	zmq_msg_t message; /* the message to a worker that was counted: header and pull */
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
	bool collecting; /* the server is collecting the workers' own states */
	bool finished;   /* every message is answered with DONE and the sentence `why` */
	const char *why;
};

/* Whether the server answers workers. A shard cannot answer them until it knows its run. */
enum handshake {
	HANDSHAKE_DONE,  /* the server knows the run and answers workers */
	HANDSHAKE_HELLO, /* HELLO is accepted, and answered later */
	HANDSHAKE_NONE,  /* workers are ignored */
};

struct server;

/* A message that was received. */
struct incoming {
	int from; /* the worker; at a shard, `workers` stands for the main server; -1: not known */
	int fd;   /* of the connection */
	struct route route;
	struct frame frame;
	zmq_msg_t message;
};

/*
 * What differs between a single server, a main server with shards, and a shard. A function may be NULL: the
 * server does nothing there.
 */
struct server_role {
	bool main; /* this server holds the parameters and decides which votes count */
	/* For a shard. The main server sent a message; a vote was kept; a connection was lost. */
	void (*hear)(struct server *s, struct incoming *in);
	void (*have)(struct server *s);
	void (*lost)(struct server *s, int fd);
	/* For a main server with shards. Does every shard have its range of worker m's vote? */
	bool (*complete)(const struct server *s, int m);
	/* There are enough votes: end the round here and at the shards, and get their ranges of the pull. */
	enum exchange_end (*decide)(struct server *s, const struct exchange_request *x,
	                            struct exchange_reply *reply, struct err *e);
	/* Write the sockets to poll into items; returns how many. Handle the messages that came on them. */
	int (*poll)(const struct server *s, zmq_pollitem_t *items);
	void (*serve)(struct server *s);
	/* Has a shard refused the run? -1 and a sentence if a shard has refused it or does not answer. */
	bool (*refused)(const struct server *s);
	int (*trouble)(const struct server *s, struct err *e);
	/* Send worker m the range of shard f->index in the answer of f->step. False: it is not here. */
	bool (*range)(struct server *s, int m, const struct frame *f);
	/* Tell the shards that the run is over. */
	void (*leave)(struct server *s);
};

struct auth;
struct flood;
struct shard;
struct shard_links;

struct server {
	/* Identity. */
	const struct server_role *role;
	struct zmq_settings set;
	struct transport_env env;
	const struct endpoint *endpoint;
	int workers;
	uint64_t run;
	int64_t instance;   /* a different number for each server process */
	struct buf welcome; /* body of a WELCOME */
	enum handshake handshake;
	/* Sockets. */
	void *context, *router; /* router: NULL before the first round */
	char address[ADDRESS_SIZE];
	struct auth *auth;
	struct flood *flood;
	double connections_checked; /* when */
	uint64_t up, down;          /* bytes since the last round */
	uint64_t link_bytes;        /* the same, between this server and its shards */
	/* State. */
	struct peer *peers; /* [workers] */
	struct faults faults;
	struct fault_table fault_table;
	struct train_state *st; /* lent by sync() */
	struct layout layout;
	struct server_round round;
	struct round_times times;
	struct answer_log log;
	struct params_copy copy;
	struct budget budget;
	struct later later;
	struct known_hash hash;
	struct ending ending;
	int running_of;      /* the worker that sent the running statistics in st; -1: none has yet */
	float *next_running; /* those of a vote, to be judged; NULL: they are not */
	/* The other servers of the run. */
	struct shard_links *links; /* of a main server with shards, once the sizes are known */
	struct shard *shard;       /* of a shard */
};

/* --- server_address.c ----------------------------------------------------------------------------------- */

/*
 * zmq_bind() that also takes the name of a host, "tcp://localhost:5555". 0, or -1 and a sentence that says
 * what is wrong with the address.
 */
int server_bind_address(void *router, const char *address, struct err *e);

/* --- server_open.c -------------------------------------------------------------------------------------- */

/* Make a server. It does not listen yet, but checks that its address is free. NULL and a sentence. */
struct server *server_open(const struct zmq_settings *set, const struct transport_env *env,
                           const struct server_role *role, struct err *e);
/* Listen, and accept bodies of at most body_bytes. watch: start the flood guard. -1 and a sentence. */
int server_bind(struct server *s, size_t body_bytes, bool watch, struct err *e);
/* Listen no more, and wait until nobody can be connected; it may be bound again, if it was without `watch`.
 */
void server_unbind(struct server *s);
void server_close(struct server *s);

/* --- server_later.c ------------------------------------------------------------------------------------- */

/* The reply to request *f of worker m has to wait. A worker has one request open: it replaces an earlier one.
 */
void later_put(struct server *s, int m, const struct frame *f);
/* Whatever waits for worker m is not needed any more. */
void later_forget(struct server *s, int m);
/* The worker whose reply may be sent now; it is in *f what it had asked for. -1: there is none. */
int later_next(struct server *s, struct frame *f);
/* The answers of a round are about to be sent. */
void later_round(struct server *s);
/* Before and after a message of so many bytes on the wire is sent to worker m. */
void later_before(struct server *s, int m);
void later_after(struct server *s, int m, uint64_t bytes);

/* --- server_send.c -------------------------------------------------------------------------------------- */

/*
 * Send *message to worker m on its present connection; takes ownership. False: it cannot be reached, or its
 * queue is full.
 */
bool server_post(struct server *s, int m, zmq_msg_t *message);
/* Send a message with header *f and this body. Sets f->run, f->bytes and f->body_hash. */
bool server_say(struct server *s, const struct route *to, struct frame *f, const void *body, size_t bytes);
/* Send a message whose body is a sentence: REFUSED or DONE. */
void server_sentence(struct server *s, const struct route *to, enum frame_type type, const char *sentence);
/*
 * Send worker m a WELCOME with the run's step. x_hash: hash of the parameters, if the worker is at the same
 * step and can compare its own; else 0.
 */
void server_welcome(struct server *s, int m, uint64_t x_hash);
/* Tell worker m that it cannot get the answer of `step` and must ask for the parameters. */
void server_stale(struct server *s, int m, uint64_t step);
/* Tell worker m that the run is over. */
void server_done(struct server *s, int m);

/* --- server_answer.c ------------------------------------------------------------------------------------ */

void answers_open(struct server *s);
void answers_close(struct answer_log *log);
/* The answer to a step that is over. NULL: the server no longer keeps it. */
struct answer *answers_find(const struct answer_log *log, uint64_t step);
/* Add the answer of this round, from x->pull, to the log. */
struct answer *answers_add(struct server *s, const struct exchange_request *x,
                           const struct exchange_reply *reply);
/* Send worker m an answer to the request *r. */
void answer_send(struct server *s, int m, struct answer *a, const struct open_request *r);
/* Answer the open request of worker m. Most workers get one common message, which is not copied. */
void answer_send_open(struct server *s, int m, struct answer *a);

/* --- server_bucket.c ------------------------------------------------------------------------------------ */

/* The sizes of messages, from the first round's request. */
void layout_init(struct layout *l, const struct exchange_request *x, size_t running_bytes, int64_t buckets);
/* Allocate the buffer in which a vote is assembled, if votes come in several messages. */
void bucket_open(const struct layout *l, struct peer_vote *v);
/* Is this the message that closes a vote in buckets? */
bool bucket_closes(const struct layout *l, const struct frame *f);
/* Add a bucket to a vote. Returns what is wrong with the bucket; FAULTS: nothing. */
enum fault bucket_add(const struct layout *l, struct peer_vote *v, uint64_t step, const struct frame *f,
                      const unsigned char *body);
/* *message holds this server's shard of a vote: copy it to its place in the buffer. */
void bucket_place_shard(const struct layout *l, struct peer_vote *v, zmq_msg_t *message);
/*
 * The buffer holds the push. Append the running statistics, which begin at `offset` in the body of *message,
 * and make *message the whole vote.
 */
void bucket_assemble(const struct layout *l, struct peer_vote *v, zmq_msg_t *message, size_t offset);

/* --- server_vote.c -------------------------------------------------------------------------------------- */

/*
 * Check a vote of worker m for the present step. Returns why it is not counted; FAULTS: it is. A vote with
 * false running statistics is not counted. The next worker then owns them, and /voters alone is enough to
 * repeat the run.
 */
enum fault vote_check(struct server *s, int m, const struct frame *f, zmq_msg_t *message);
/* Is the length of a vote right? The vote may be for any step. */
bool vote_length_holds(const struct server *s, int m, const struct frame *f, const unsigned char *body);
/* Does the hash match the parameters of the present step? True if either side does not know its hash. */
bool vote_hash_holds(const struct server *s, uint64_t x_hash);
/* Keep a vote that passed vote_check(). Takes ownership of the content of *message. */
void vote_keep(struct server *s, int m, const struct frame *f, zmq_msg_t *message);
/* Check again whether the vote of worker m is complete, and correct the number of votes. */
void vote_recount(struct server *s, int m);
/* Drop worker m's vote for this round. */
void vote_forget(struct server *s, int m);
/* The round is over: forget the vote and release its message. */
void vote_clear(struct peer_vote *v);

/* --- server_faults.c ------------------------------------------------------------------------------------ */

/* Count a fault in a message of worker m (-1: not known), and ban a worker that has offended too often. */
void server_offend(struct server *s, int m, enum fault fault);

/* --- server_chunk.c ------------------------------------------------------------------------------------- */

/* Bytes of a chunk of parameters or of an own state on the way to a worker. */
size_t chunk_down(const struct server *s);
/* Has the server the worker's saved own state? Only until the first round of this process is over. */
bool chunk_has_own(const struct server *s, int m);
/* Its bytes; 0: there is none. */
size_t chunk_own(const struct server *s, int m);
/* Is this SNAPSHOT for a later chunk of the copy that is there? */
bool chunk_of_copy(const struct server *s, const struct frame *f);
/* Bytes of the reply to a SNAPSHOT of worker m. */
size_t chunk_reply(const struct server *s, int m, const struct frame *f);
/* Does the server still need anything of worker m's own state, which this STATE is a chunk of? */
bool chunk_collects(const struct server *s, int m, const struct frame *f);
/* Is it the chunk that the server has asked for? */
bool chunk_wanted(const struct server *s, int m, const struct frame *f);

/* --- server_budget.c ------------------------------------------------------------------------------------ */

/* Compute the budget of a worker; the sizes of messages are known. */
void budget_open(struct server *s);
/*
 * Worker m (-1: not known, it has no budget) has sent message *f: take what it costs from its budget. False:
 * the budget does not suffice, and the message must be dropped. That is counted, and an offence if it goes
 * on.
 */
bool budget_pay(struct server *s, int m, const struct frame *f);
/* The same for a message that is free as far as its kind goes, and turns out to ask for something. */
bool budget_pay_message(struct server *s, int m);
/* Worker m is sent the answer of a round, which takes this many bytes: it costs, but is always sent. */
void budget_note(struct server *s, int m, size_t bytes);

/* --- server_round.c ------------------------------------------------------------------------------------- */

/* Set the sizes from the first round's request, and allocate the memory that depends on them. */
void round_open(struct server *s, const struct exchange_request *x);
/* Begin the round of x->step. Checks earlier votes, since the hash of the parameters is known only now. */
void round_begin(struct server *s, const struct exchange_request *x);
/* Handle a PUSH or FETCH of worker m. */
void round_push(struct server *s, int m, const struct frame *f, zmq_msg_t *message);
void round_fetch(struct server *s, int m, const struct frame *f);
/* Answer a request for the answer of a step that is over. */
void round_past(struct server *s, int m, const struct frame *f);
/* Worker m has caught up: let rounds wait for it, unless it was given up recently (presence.not_before). */
void round_await(struct server *s, int m);
/*
 * List the pushes of the complete votes in order of worker; writes their loss and born. Returns how many.
 * Where nobody vouches for the workers, a loss that cannot be believed becomes NAN.
 */
int round_gather(struct server *s, const struct exchange_request *x);
/* After the round: count the losses that round_gather() has dropped. */
void round_judge_losses(struct server *s, const struct exchange_request *x);
/* After the round: count the messages, of `count`, that the rule has left out because they are not finite. */
void round_judge_messages(struct server *s, int count);
/*
 * For a server that has whole messages: combine the gathered votes. Sets WITHHELD in reply->flags if the rule
 * gives no answer. -1 and a sentence.
 */
int round_combine(struct server *s, const struct exchange_request *x, struct exchange_reply *reply, int count,
                  struct err *e);
/* Answer every worker that waits with what x->pull holds, and go to the next step. */
void round_answer(struct server *s, const struct exchange_request *x, const struct exchange_reply *reply);
/* For a server of a shard, or with shards: combine the gathered votes, then the same. */
void round_finish(struct server *s, const struct exchange_request *x, const struct exchange_reply *reply,
                  int count);

/* --- server_params.c ------------------------------------------------------------------------------------ */

/* The hash of the parameters at the present step. */
uint64_t params_hash(struct server *s);
/* Handle worker m's SNAPSHOT (a request for parameters or its own state) or STATE (a chunk of its own). */
void params_snapshot(struct server *s, int m, const struct frame *f);
/* Send what a SNAPSHOT asks for. */
void params_send(struct server *s, int m, const struct frame *f);
void params_state(struct server *s, int m, const struct frame *f, const unsigned char *body);

/* --- server_listen.c ------------------------------------------------------------------------------------ */

/* Wait up to `ms` milliseconds for a message, then handle the messages that have come. */
void server_serve(struct server *s, int ms);

/* --- server_wait.c -------------------------------------------------------------------------------------- */

enum verdict {
	ROUND_OPEN,    /* the round goes on */
	ROUND_ENOUGH,  /* the round ends, and its votes are counted */
	ROUND_TOO_FEW, /* the round fails: no quorum within patience_s, or a shard has refused */
	ROUND_STOPPED, /* a signal came, and there is no quorum */
};

/* Handle messages until the round can end or has failed. Sets wait_s and, after a signal, STOP in *reply. */
enum verdict round_wait(struct server *s, struct exchange_reply *reply);
/* Seconds that a round without a quorum waits. */
double round_hope_s(const struct server *s);
/* Seconds to wait for something that takes no longer than a round: two median rounds, at least `least`. */
double round_patience_s(const struct server *s, double least);

/* --- server_collect.c ----------------------------------------------------------------------------------- */

/* Collect the workers' own states into st->workers. A state that does not come is freed and set to NULL. */
void server_collect(struct server *s, struct train_state *st);
/* Tell every worker that the run is over, and wait a moment until all have been told. */
void server_leave(struct server *s, bool finished, const char *why);

/* --- shard_links.c -------------------------------------------------------------------------------------- */

/* The role of a main server with shards. links_open() connects to the shards once the sizes are known. */
extern const struct server_role server_role_links;
void links_open(struct server *s);
void links_close(struct shard_links *l);

#endif
