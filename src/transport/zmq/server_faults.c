/* Faults of a peer, and bans: see server_faults.h. */
#include "transport/zmq/server_flood.h"
#include "transport/zmq/server.h"

const char *const fault_names[FAULTS] = {
        [FAULT_LATE] = "late",
        [FAULT_DUPLICATE] = "duplicate",
        [FAULT_WRONG_STEP] = "wrong_step",
        [FAULT_WRONG_BORN] = "wrong_since",
        [FAULT_WRONG_HASH] = "wrong_hash",
        [FAULT_WRONG_LENGTH] = "wrong_length",
        [FAULT_WRONG_ORDER] = "wrong_order",
        [FAULT_WRONG_RUN] = "wrong_run",
        [FAULT_PADDING] = "padding",
        [FAULT_GARBAGE] = "garbage",
        [FAULT_VERSION] = "other_version",
        [FAULT_DAMAGED] = "damaged",
        [FAULT_MULTIPART] = "multipart",
        [FAULT_UNANNOUNCED] = "unannounced",
        [FAULT_TAKEOVER] = "takeover",
        [FAULT_GREEDY] = "greedy",
        [FAULT_FLOOD] = "flood",
        [FAULT_HANDSHAKE] = "handshake",
        [FAULT_UNKNOWN_KEY] = "unknown_key",
        [FAULT_BANNED] = "banned",
        [FAULT_WRONG_LOSS] = "wrong_loss",
        [FAULT_NOT_FINITE] = "not_finite",
        [FAULT_WRONG_MESSAGE] = "wrong_message",
        [FAULT_WRONG_RUNNING] = "wrong_running",
};

/* A fault that can happen to an honest worker is no offence. */
static bool is_offence(enum fault fault)
{
	return fault != FAULT_LATE && fault != FAULT_WRONG_HASH && fault != FAULT_UNANNOUNCED &&
	       fault != FAULT_TAKEOVER && fault != FAULT_WRONG_RUN;
}

static void ban(struct server *s, int m)
{
	struct peer *p = &s->peers[m];
	atomic_store(&s->faults.banned[m], true);
	if (s->role->main) /* a vote at a shard may already be part of a decision */
		vote_forget(s, m);
	server_sentence(s, &p->presence.route, FRAME_REFUSED,
	                "this worker sent too much that is against the protocol");
	p->presence.connected = p->presence.awaited = false;
	p->request.open = false;
	later_forget(s, m);
	flood_cut(s->flood, p->presence.fd, m);
}

void server_offend(struct server *s, int m, enum fault fault)
{
	faults_count(&s->faults, m, fault);
	if (m < 0 || !is_offence(fault))
		return;
	s->faults.offences[m]++;
	if (s->faults.offences[m] >= (uint64_t)s->set.ban_after && !atomic_load(&s->faults.banned[m]))
		ban(s, m);
}
