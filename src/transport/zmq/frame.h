/*
 * What crosses the wire between a server and its workers: version 1 of the protocol. Pure functions on
 * bytes; they allocate nothing and trust nothing.
 *
 * A message is one frame: a header of 72 bytes, then `bytes` bytes of body. All numbers are little-endian.
 *
 *    0 u32 magic "SGN1"     8 u64 run       40 u16 piece      48 f64 number
 *    4 u8  version, 1      16 u64 step      42 u16 pieces     56 u64 bytes
 *    5 u8  type            24 i64 since     44 u32 worker     64 u64 seal
 *    6 u16 flags           32 u64 x_hash
 *
 * seal = hash_words(hash_words(0, body), the 64 bytes before the seal): the body's hash can be taken once for
 * many messages of the same body, and the seal still covers the header. It finds accidents and programs that
 * are wrong; against who means it, there is CURVE (docs/SECURITY.md).
 *
 * It is strictly request and reply: a worker has at most one request open (a vote in pieces is one), and the
 * server sends at most one message a request, so no queue grows.
 */
#ifndef SIGNSGD_TRANSPORT_ZMQ_FRAME_H
#define SIGNSGD_TRANSPORT_ZMQ_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_HEADER_BYTES = 72, FRAME_VERSION = 1 };

enum frame_type {
	/*
	 * From a worker. HELLO comes first on every connection, and after silence. Its step is where the
	 * worker is (FRAME_NOWHERE: it has no parameters), its worker the number it had (UINT32_MAX: none
	 * yet), its body the program's version, at most FRAME_VERSION_TEXT bytes. PUSH is a vote for `step`
	 * with since, x_hash and number = loss; body: the push, and behind it running statistics where the
	 * flag says so. With pieces = k + 1 it is cut in k: body of piece 0 .. k - 1: coordinates of the
	 * push, the last ones first (server_bucket.c), to which nothing is replied; then piece k, which alone
	 * has all that stands beside a push and behind it. Where several servers share the coordinates, each
	 * gets its range of the push, and worker = a number of this vote, another one each time. FETCH wants
	 * the answer of `step` without a vote, since = as in a vote that was said before it (-1: there was
	 * none). SNAPSHOT wants part `piece` of the parameters of `step` (FRAME_NOWHERE: of any), or of the
	 * worker's own state where BRIEF. STATE replies to ASK_STATE, or begins what comes of an answer with
	 * SAVE; body: part `piece` of the worker's own state. BYE has no reply.
	 */
	FRAME_HELLO = 1,
	FRAME_PUSH = 2,
	FRAME_FETCH = 3,
	FRAME_SNAPSHOT = 4,
	FRAME_STATE = 5,
	FRAME_BYE = 6,
	/*
	 * From the server. WELCOME says the worker's number, the run's step and, where that is the worker's
	 * too, x_hash = hash of x; since is another number for each life of the server; pieces: in how many
	 * it wants a push (0: in one); body: the settings as JSON. PARAMS: part `piece` of x, optimiser's
	 * memory and running statistics, one behind the other; step, since and x_hash as before, worker =
	 * BN owner of the step; with BRIEF, of the worker's own state, begun at since (without HAS_STATE:
	 * there is none). ANSWER: step, worker = BN owner of the next step, since = the server's step; body:
	 * the pull (BRIEF: without), then running statistics where the flag says so. ASK_STATE wants part
	 * `piece` of the worker's own state (pieces = 0: no more). REFUSED: the worker ends with the sentence
	 * in the body. DONE: the run is over, with a sentence.
	 */
	FRAME_WELCOME = 16,
	FRAME_PARAMS = 17,
	FRAME_ANSWER = 18,
	FRAME_ASK_STATE = 19,
	FRAME_REFUSED = 20,
	FRAME_DONE = 21,
	/*
	 * From a run's main server to the server of a part of the coordinates (shard.h); DONE too. ATTACH
	 * comes first on every connection, and after silence: piece of pieces = which part of how many, step
	 * = of the decision that comes, since = the life of the main server, x_hash = n, worker = workers,
	 * number = ban_after; body: the settings. DECIDE: a u64 for each worker, as in HAVE: the
	 * vote for `step` that was counted, or 0.
	 */
	FRAME_ATTACH = 32,
	FRAME_DECIDE = 33,
	/*
	 * And back; REFUSED too. READY: since = the shard's own life. HAVE: a u64 for each worker: 0, or 2^32
	 * + the number of its vote for `step` (a PUSH's `worker`) that is here. RANGE: the part of the pull
	 * of `step`, behind two u64: bytes up and down at the shard since the one before. FAULTS: all counts
	 * of its fault table, each a u64.
	 */
	FRAME_READY = 48,
	FRAME_HAVE = 49,
	FRAME_RANGE = 50,
	FRAME_FAULTS = 51,
};

enum frame_flag {
	FRAME_HAS_RUNNING = 1, /* PUSH, PARAMS, ANSWER: running statistics are there */
	FRAME_BRIEF = 2,       /* PUSH, FETCH: no pull in the answer; another worker of my process gets it */
	FRAME_HAVE_VOTE = 4,   /* WELCOME: your vote for this step is here */
	FRAME_GIVEN = 8,       /* WELCOME: the settings do not tell the parameters; ask for a SNAPSHOT */
	FRAME_HAS_STATE = 16,  /* PARAMS: the server has this worker's own state */
	FRAME_COUNTED = 32,    /* ANSWER: your vote was counted */
	FRAME_SAVE = 64,       /* ANSWER: all state is wanted after this step. PUSH: this process wants it */
	FRAME_STOP = 128,      /* ANSWER: the last step of this life of the run. PUSH: of this process's */
	FRAME_STALE = 256,     /* ANSWER: no body, you are too far from the run; ask for a SNAPSHOT */
};

/* The step of who has no parameters yet. */
#define FRAME_NOWHERE UINT64_MAX

enum { FRAME_VERSION_TEXT = 64, FRAME_SENTENCE = 1024 };

struct frame {
	enum frame_type type;
	unsigned flags; /* of enum frame_flag */
	uint64_t run;   /* the first 8 bytes of the SHA-256 of its settings' text; 0: not known yet */
	uint64_t step;
	int64_t born;
	uint64_t x_hash;
	unsigned piece, pieces; /* piece < pieces < 65536, or both 0 */
	uint32_t worker;
	double number;
	uint64_t bytes;     /* of the body */
	uint64_t body_hash; /* hash_words(0, body, bytes) */
};

/* Why bytes are no message. Each is one kind of fault of the peer's. */
enum frame_fault {
	FRAME_SOUND = 0,
	FRAME_GARBAGE,       /* shorter than a header, not our magic, or what version 1 never writes */
	FRAME_OTHER_VERSION, /* our magic, another version of the protocol */
	FRAME_WRONG_LENGTH,  /* `bytes` is not what follows the header */
	FRAME_DAMAGED,       /* the seal does not fit */
};

/* "garbage", "other_version", "wrong_length", "damaged"; "sound". */
const char *frame_fault_name(enum frame_fault fault);
/* "HELLO", ...; NULL: there is no such type. */
const char *frame_type_name(enum frame_type type);
/* Is it for workers to say? For the main server, to a shard? */
bool frame_from_worker(enum frame_type type);
bool frame_to_shard(enum frame_type type);

/* The header's bytes. What frame_read() would refuse is a BUG(). f->body_hash must have been taken. */
void frame_write(const struct frame *f, unsigned char out[FRAME_HEADER_BYTES]);

/*
 * Check all of a message of `count` bytes, at any address, and fill *f; body: f->bytes bytes at
 * bytes + FRAME_HEADER_BYTES (which need not be aligned). Anything but FRAME_SOUND leaves *f unsaid. Only
 * the type's own rules of length are not known here: compare f->bytes before the body is used.
 */
enum frame_fault frame_read(struct frame *f, const void *bytes, size_t count);

#endif
