/* What the files of a host share: see zmq.h. */
#ifndef SIGNSGD_TRANSPORT_ZMQ_CLIENT_H
#define SIGNSGD_TRANSPORT_ZMQ_CLIENT_H

#include "transport/zmq/server.h"

/* What a host is doing, which says what it makes of a message. */
enum phase { PHASE_JOINING, PHASE_IDLE, PHASE_VOTING, PHASE_TAKING, PHASE_SAVING };

/* One worker's place: its connection. Another one to each server of a part of the coordinates. */
struct seat {
	struct zmq_host *host;
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
	struct seat *from;
	bool own, done, none; /* none: the server has no state of this worker */
	unsigned piece, pieces;
	uint64_t step, x_hash;
	int64_t since;
	uint32_t keeper;
	bool has_state;
};

struct zmq_host {
	const struct site *site;
	struct transport_env env;
	void *context;
	struct seat *seats;              /* [count] in order of worker, once joined */
	struct seat *branches;           /* [n_parts - 1][count] to the other parts' servers; NULL: not yet */
	zmq_pollitem_t *items;           /* [count] of seats, then of branches */
	int *ids;                        /* [count] */
	int count, n_parts, n_opened;    /* n_opened: sockets so far */
	char (*addresses)[ADDRESS_ROOM]; /* [n_parts - 1] */
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
	struct exchange *x;
	bool stale;
	struct taking taking;
	size_t push_bytes, running_bytes;
	unsigned buckets; /* pieces that the server wants votes in; 0, 1: it wants them whole */
	uint64_t up, down;
	double usual_s; /* that an answer takes to come, a mean in which older ones fade */
};

/* client.c: connections. One look at all seats. -1 and a sentence when there is no going on. */
int host_pump(struct zmq_host *h, struct err *e);
void seat_open(struct zmq_host *h, struct seat *seat);
/* f->run, bytes and body_hash are filled in. What cannot be sent now is sent again after a WELCOME. */
void seat_say(struct seat *seat, struct frame *f, const void *body, size_t bytes);
/* Takes over *m. False: it was not sent. */
bool seat_send(struct seat *seat, zmq_msg_t *m);
void host_bye(struct zmq_host *h);
/* Messages with bodies as long as this are to be had. -1 and a sentence. */
int host_limit(struct zmq_host *h, size_t body_bytes, struct err *e);
/* Seats and branches: how many, and one of them. */
int host_seats(const struct zmq_host *h);
struct seat *host_seat(const struct zmq_host *h, int i);
int seat_connect(const struct seat *seat, struct err *e);
void host_refused(struct zmq_host *h, const struct frame *f, const unsigned char *body);

/* client_round.c: rounds. A message while voting. */
void voting_take(struct seat *seat, const struct frame *f, const unsigned char *body);
/* A worker is known again on a new connection. */
void voting_resume(struct seat *seat, const struct frame *welcome);

/* The part's coordinates. */
void seat_range(const struct seat *seat, size_t *begin, size_t *end);
/* The present vote, or the wish for an answer without one. */
void seat_request(struct seat *seat);

/* client_shards.c: connections to the servers of other parts. */
int branches_open(struct zmq_host *h, struct err *e);
void branch_take(struct seat *seat, const struct frame *f, const unsigned char *body);
/* The servers' addresses behind the settings, `bytes` bytes. False: they are none. */
bool branches_read(struct zmq_host *h, const unsigned char *at, size_t bytes);

/* client_bucket.c: votes in pieces. */
void host_post(struct zmq_host *h, const struct exchange *x, int i, size_t begin, size_t end);
/* Send what closes the vote in pieces that was posted. False: it was not posted, or not all of it. */
bool host_post_close(struct seat *seat);

/* client_state.c */
int host_sync(struct zmq_host *h, struct train_state *st, struct err *e);
int host_collect(struct zmq_host *h, struct train_state *st, struct err *e);
/* The server's parameters in place of ours. */
int host_take_over(struct zmq_host *h, struct seat *from, struct err *e);
void taking_take(struct seat *seat, const struct frame *f, const unsigned char *body);
void taking_resume(struct seat *seat);
void saving_take(struct seat *seat, const struct frame *f);
void saving_resume(struct seat *seat);

extern const struct transport transport_zmq_host;

#endif
