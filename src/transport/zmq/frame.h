/*
 * Messages between a server, its workers and its shards: version 1 of the protocol. These are pure functions
 * on bytes; they allocate nothing and trust nothing.
 *
 * A message is one ZeroMQ frame: a header of 72 bytes, then `bytes` bytes of body. All numbers are
 * little-endian. Offset, type and meaning of the header's fields:
 */
/* clang-format off */
/*
 *    0 u32 magic "SGN1"
 *    4 u8  version, 1
 *    5 u8  type           enum frame_type
 *    6 u16 flags          enum frame_flag
 *    8 u64 run            the experiment, as the first 8 bytes of the SHA-256 of its settings
 *   16 u64 step
 *   24 i64 born           step at which the worker's own state began; some types use it for another number
 *   32 u64 x_hash         hash of the parameters
 *   40 u16 index          which bucket, chunk or shard this is, ...
 *   42 u16 count          ... out of how many
 *   44 u32 worker
 *   48 f64 value          loss of the batch
 *   56 u64 bytes          length of the body
 *   64 u64 seal           checksum of all that stands before it and of the body
 */
/* clang-format on */
/*
 * seal = hash_words(hash_words(0, body), the 64 bytes before the seal). So the hash of a body can be computed
 * once for many messages with the same body, and the seal still covers the header. The seal finds accidents
 * and broken programs; only CURVE protects against an attacker (docs/SECURITY.md).
 *
 * The protocol is strictly request and reply. A worker has at most one request open (a vote in several
 * buckets is one request), and the server sends at most one message for each request, so no queue grows.
 */
#ifndef SIGNSGD_TRANSPORT_ZMQ_FRAME_H
#define SIGNSGD_TRANSPORT_ZMQ_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_HEADER_BYTES = 72, FRAME_VERSION = 1 };

enum frame_type {
	/* --- From a worker to a server. --- */
	/*
	 * The first message on every connection; sent again when nothing was received for a while. step: of
	 * the worker's parameters (FRAME_NOWHERE: it has none); worker: its number (UINT32_MAX: it has none
	 * yet); body: the program's version, at most FRAME_VERSION_TEXT bytes.
	 */
	FRAME_HELLO = 1,
	/*
	 * A vote for `step`, with born, x_hash and value = loss. Body: the push, followed by the running
	 * statistics if FRAME_HAS_RUNNING is set.
	 *
	 * A vote in k buckets is k + 1 messages with count = k + 1. Messages 0 to k - 1 hold one bucket of
	 * the push each, the last coordinates first (server_bucket.c), and get no reply. Message k closes the
	 * vote: it alone carries everything but the push.
	 *
	 * Where several servers share the coordinates, each gets its shard of the push in one message, and
	 * `worker` is the number of this attempt to vote; each attempt has another number.
	 */
	FRAME_PUSH = 2,
	/*
	 * Asks for the answer of `step` without a vote. born: that of a vote sent before; -1: none was sent.
	 * With count, the number of servers: asks the main server for what shard `index` should have sent.
	 */
	FRAME_FETCH = 3,
	/*
	 * Asks for chunk `index` of the parameters of `step` (FRAME_NOWHERE: of any step); with
	 * FRAME_OWN_STATE, of the state that the server saved for this worker.
	 */
	FRAME_SNAPSHOT = 4,
	/* Chunk `index` of the worker's own state. After an answer with FRAME_SAVE, then as ASK_STATE asks.
	 */
	FRAME_STATE = 5,
	/* The worker leaves. There is no reply. */
	FRAME_BYE = 6,

	/* --- From a server to a worker. --- */
	/*
	 * Reply to HELLO. worker: its number; step: of the run; x_hash: of the parameters, if the worker is
	 * at the same step; born: the server's instance, another number for each server process; count: the
	 * number of buckets that the server wants a push in (0: whole); body: the settings as JSON, then the
	 * addresses of the shards, a zero byte before each.
	 */
	FRAME_WELCOME = 16,
	/*
	 * Chunk `index` of the shared state: x, memory of the optimizer, running statistics, one after the
	 * other, in chunks as long as the first, but the last. step, born and x_hash: as in WELCOME; worker:
	 * the owner of the running statistics at that step. With FRAME_OWN_STATE: of the worker's own state,
	 * and born is its own; without FRAME_HAS_STATE there is none.
	 */
	FRAME_PARAMS = 17,
	/*
	 * The answer of `step`. worker: owner of the running statistics in the next step; born: the step at
	 * which the server is; body: the pull unless FRAME_NO_PULL or FRAME_WITHHELD is set, then the
	 * running statistics if FRAME_HAS_RUNNING is. With count, the number of servers: nothing but the
	 * range of shard `index`.
	 */
	FRAME_ANSWER = 18,
	/* Asks for chunk `index` of the worker's own state. count = 0: the server needs no more. */
	FRAME_ASK_STATE = 19,
	/* The worker must end, with the sentence in the body. */
	FRAME_REFUSED = 20,
	/* The run is over. Body: a sentence. */
	FRAME_DONE = 21,

	/* --- From the main server to a shard (shard.h); DONE too. --- */
	/*
	 * The first message on every connection; sent again when nothing was received for a while. index,
	 * count: which shard of how many; step: of the next decision; born: instance of the main server;
	 * x_hash: number of coordinates; worker: number of workers; value: ban_after; body: the settings.
	 */
	FRAME_ATTACH = 32,
	/* Which votes are counted in `step`: a u64 for each worker, as in HAVE; 0: it is not counted. */
	FRAME_DECIDE = 33,

	/* --- From a shard to the main server; REFUSED too. --- */
	/* Reply to ATTACH. born: the shard's instance. */
	FRAME_READY = 48,
	/* Which votes for `step` are here: a u64 for each worker, 2^32 + number of the attempt; 0: none. */
	FRAME_HAVE = 49,
	/*
	 * Two u64, the bytes up and down at this shard since the last RANGE; then the shard of the pull of
	 * `step`.
	 */
	FRAME_RANGE = 50,
	/* All counts of the shard's fault table, a u64 each. */
	FRAME_FAULTS = 51,
};

enum frame_flag {
	FRAME_HAS_RUNNING = 1, /* PUSH, PARAMS, ANSWER: the running statistics are there */
	FRAME_NO_PULL = 2,     /* PUSH, FETCH: leave out the pull, another worker of this process gets it */
	FRAME_OWN_STATE = 2,   /* SNAPSHOT, PARAMS: of this worker's own state, not of the shared one */
	FRAME_HAVE_VOTE = 4,   /* WELCOME: the server has this worker's vote for this step */
	FRAME_GIVEN = 8,       /* WELCOME: the settings do not determine the parameters; send SNAPSHOT */
	FRAME_HAS_STATE = 16,  /* PARAMS: the server has this worker's own state */
	FRAME_COUNTED = 32,    /* ANSWER: this worker's vote was counted */
	FRAME_SAVE = 64,       /* ANSWER: the server wants all state after this step */
	FRAME_STOP = 128,      /* ANSWER: this is the last step before the run ends or is interrupted */
	FRAME_STALE = 256,     /* ANSWER: no body, the worker is too far from the run; send SNAPSHOT */
	FRAME_WITHHELD = 512,  /* ANSWER: the step has no answer, and there is no pull; parameters stay */
};

/* The step of a worker that has no parameters yet. */
#define FRAME_NOWHERE UINT64_MAX

enum { FRAME_VERSION_TEXT = 64, FRAME_SENTENCE = 1024 };

struct frame {
	enum frame_type type;
	unsigned flags; /* of enum frame_flag */
	uint64_t run;   /* 0: not known yet */
	uint64_t step;
	int64_t born;
	uint64_t x_hash;
	unsigned index, count; /* index < count < 65536, or both 0 */
	uint32_t worker;
	double value;
	uint64_t bytes;     /* of the body */
	uint64_t body_hash; /* hash_words(0, body, bytes) */
};

/* Why bytes are not a message. Each is a kind of fault of the peer that sent them. */
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
/* Is this a type that workers send? One that a main server sends to a shard? */
bool frame_from_worker(enum frame_type type);
bool frame_to_shard(enum frame_type type);

/* Write the header. A frame that frame_read() would refuse is a BUG(). f->body_hash must be set. */
void frame_write(const struct frame *f, unsigned char out[FRAME_HEADER_BYTES]);

/*
 * Check a message of `count` bytes (at any address) and fill *f; the body is the f->bytes bytes at bytes +
 * FRAME_HEADER_BYTES. Anything but FRAME_SOUND leaves *f undefined. The length that a type needs is not
 * checked here: compare f->bytes before you use the body.
 */
enum frame_fault frame_read(struct frame *f, const void *bytes, size_t count);

#endif
