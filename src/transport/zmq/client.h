/* What the files of a host share: see zmq.h. */
#ifndef SIGNSGD_TRANSPORT_ZMQ_CLIENT_H
#define SIGNSGD_TRANSPORT_ZMQ_CLIENT_H

#include "transport/zmq/server.h"

/* What a host is doing, which says what it makes of a message. */
enum phase { PHASE_JOINING, PHASE_IDLE, PHASE_VOTING, PHASE_TAKING, PHASE_SAVING };

/* One worker's place: its connection. Another one to each server of a part of the coordinates. */
struct connection {
	struct zmq_client *client;
	const char *address;
	int part; /* 0: of the main server */
	void *socket, *monitor;
	const struct curve_key *key; /* NULL: none is needed */
	int id;                      /* the worker's number; -1: not told yet */
	bool connected, welcomed;    /* welcomed: on the present connection */
	double said, heard;          /* the last HELLO, the last message */
	/* voting */
	const void *push;
	bool brief, answered;
	unsigned char *box; /* [header, push, running] what is being sent */
	_Atomic bool busy;  /* ZeroMQ still reads it */
	unsigned n_posted;  /* pieces of the vote that are on their way already */
	/* saving */
	unsigned piece;
	bool saved;
};

/* Parameters, or a worker's own state, on their way. */
struct taking {
	struct connection *from;
	bool own, done, none; /* none: the server has no state of this worker */
	unsigned piece, pieces;
	uint64_t step, x_hash;
	int64_t born;
	uint32_t bn_owner;
	bool has_state;
};

struct zmq_client {
	const struct endpoint *endpoint;
	struct transport_env env;
	void *context;
	struct connection *connections;  /* [count] in order of worker, once joined */
	struct connection *branches;     /* [n_parts - 1][count] to the other parts' servers; NULL: not yet */
	zmq_pollitem_t *items;           /* [count] of connections, then of branches */
	int *ids;                        /* [count] */
	int count, n_parts, n_opened;    /* n_opened: sockets so far */
	char (*addresses)[ADDRESS_SIZE]; /* [n_parts - 1] */
	uint32_t number;                 /* of what is said in this round */
	size_t most_bytes;               /* of a message */
	char *settings;
	uint64_t run;
	int64_t life;     /* of the server that our parameters come from */
	bool given, over; /* over: the server says that the run is */
	char refusal[FRAME_SENTENCE + 1];
	double looked, reached; /* reached: the last time that there was a connection */
	struct train_state *st;
	uint64_t step; /* where our parameters are */
	enum phase phase;
	const struct exchange_request *x;
	struct exchange_reply *reply;
	bool stale;
	struct taking taking;
	size_t push_bytes, running_bytes;
	unsigned buckets; /* pieces that the server wants votes in; 0, 1: it wants them whole */
	uint64_t up, down;
	double usual_s; /* that an answer takes to come, a mean in which older ones fade */
};

/* client.c: connections. One look at all connections. -1 and a sentence when there is no going on. */
int client_pump(struct zmq_client *h, struct err *e);
void connection_open(struct zmq_client *h, struct connection *connection);
/* f->run, bytes and body_hash are filled in. What cannot be sent now is sent again after a WELCOME. */
void connection_say(struct connection *connection, struct frame *f, const void *body, size_t bytes);
/* Takes over *m. False: it was not sent. */
bool connection_send(struct connection *connection, zmq_msg_t *m);
void client_bye(struct zmq_client *h);
/* Messages with bodies as long as this are to be had. -1 and a sentence. */
int client_limit(struct zmq_client *h, size_t body_bytes, struct err *e);
/* Seats and branches: how many, and one of them. */
int client_connections(const struct zmq_client *h);
struct connection *client_connection(const struct zmq_client *h, int i);
int connection_connect(const struct connection *connection, struct err *e);
void client_refused(struct zmq_client *h, const struct frame *f, const unsigned char *body);

/* client_round.c: rounds. A message while voting. */
void voting_take(struct connection *connection, const struct frame *f, const unsigned char *body);
/* A worker is known again on a new connection. */
void voting_resume(struct connection *connection, const struct frame *welcome);

/* The part's coordinates. */
void connection_range(const struct connection *connection, size_t *begin, size_t *end);
/* The present vote, or the wish for an answer without one. */
void connection_request(struct connection *connection);

/* client_shards.c: connections to the servers of other parts. */
int branches_open(struct zmq_client *h, struct err *e);
void branch_take(struct connection *connection, const struct frame *f, const unsigned char *body);
/* The servers' addresses behind the settings, `bytes` bytes. False: they are none. */
bool branches_read(struct zmq_client *h, const unsigned char *at, size_t bytes);

/* client_bucket.c: votes in pieces. */
void client_post(struct zmq_client *h, const struct exchange_request *x, int i, size_t begin, size_t end);
/* Send what closes the vote in pieces that was posted. False: it was not posted, or not all of it. */
bool client_post_close(struct connection *connection);

/* client_state.c */
int client_sync(struct zmq_client *h, struct train_state *st, struct err *e);
int client_collect(struct zmq_client *h, struct train_state *st, struct err *e);
/* The server's parameters in place of ours. */
int client_take_over(struct zmq_client *h, struct connection *from, struct err *e);
void taking_take(struct connection *connection, const struct frame *f, const unsigned char *body);
void taking_resume(struct connection *connection);
void saving_take(struct connection *connection, const struct frame *f);
void saving_resume(struct connection *connection);

extern const struct transport transport_zmq_client;

#endif
