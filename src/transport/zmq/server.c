/* The row: its keys, the settings that it refuses, a round from beginning to end. See zmq.h, server.h. */
#include <stdio.h>
#include <string.h>
#include "transport/zmq/server.h"

static const struct server_role role_alone = {.main = true};

/* --- opening -------------------------------------------------------------------------------------------- */

static int check_keys(const struct transport_env *env, struct err *e)
{
	const struct endpoint *endpoint = env->endpoint;
	if (endpoint->trust == ENDPOINT_OPEN)
		return 0;
	if (endpoint->trust == ENDPOINT_KEYS &&
	    (!keyring_find(endpoint->ring, KEYRING_SERVER) ||
	     !keyring_find(endpoint->ring, KEYRING_SERVER)->secret_key[0]))
		return err_user(
		        e, "keys: found no secret of the server, expected %s.secret (`signsgd keys new %s`)",
		        KEYRING_SERVER, KEYRING_SERVER);
	if (keyring_workers(endpoint->ring) != env->workers)
		return err_user(e,
		                "keys: found those of %d workers, expected %d (the experiment's `workers`)",
		                keyring_workers(endpoint->ring), env->workers);
	return 0;
}

static int check_endpoint(const struct zmq_settings *set, const struct transport_env *env, struct err *e)
{
	const struct endpoint *endpoint = env->endpoint;
	if (!endpoint)
		return err_user(e, "transport zmq: only for `train`, `serve` and `work`");
	if (strlen(endpoint->settings) > SETTINGS_SIZE)
		return err_user(e, "settings: found %zu bytes, expected at most %d",
		                strlen(endpoint->settings), SETTINGS_SIZE);
	if (set->quorum > env->workers)
		return err_user(e, "transport.quorum: found %lld, expected at most the %d workers",
		                (long long)set->quorum, env->workers);
	return check_keys(env, e);
}

static int check_shards(const struct zmq_settings *set, const struct endpoint *endpoint, struct err *e)
{
	if (set->shards != 1 + endpoint->n_shards)
		return err_user(e,
		                "transport.shards: found %lld, expected %d: the main server and those that "
		                "--shards names",
		                (long long)set->shards, 1 + endpoint->n_shards);
	for (int i = 0; i < endpoint->n_shards; i++)
		if (strlen(endpoint->shards[i]) >= ADDRESS_SIZE || !endpoint->shards[i][0])
			return err_user(e, "shards: address %d has %zu bytes, expected 1 to %d", i + 1,
			                strlen(endpoint->shards[i]), ADDRESS_SIZE - 1);
	if (set->shards > 1 && set->buckets > 1)
		return err_user(e,
		                "transport: found %lld shards and %lld buckets, expected one of them to be 1",
		                (long long)set->shards, (long long)set->buckets);
	return 0;
}

static int row_open(const void *state, const struct transport_env *env, struct link *link, struct err *e)
{
	const struct zmq_settings *set = state;
	if (check_endpoint(set, env, e) || check_shards(set, env->endpoint, e))
		return -1;
	struct server *s = server_open(set, env, set->shards > 1 ? &server_role_links : &role_alone, e);
	*link = (struct link){.row = &transport_zmq,
	                      .self = s,
	                      .root = true,
	                      .meets = true,
	                      .untrusted = env->endpoint->trust != ENDPOINT_TOKENS};
	return s ? 0 : -1;
}

/* --- a round -------------------------------------------------------------------------------------------- */

static int refuse_shards(long long shards, const struct exchange_rule *rule, struct err *e)
{
	if (rule->one_piece)
		return err_user(
		        e,
		        "transport.shards: found %lld, expected 1: a message of compressor \"%s\" is one "
		        "piece, which servers cannot share",
		        shards, rule->one_piece);
	return err_user(e,
	                "transport.shards: found %lld, expected 1: aggregator \"%s\" does not treat every "
	                "coordinate by itself, and needs whole messages at one server",
	                shards, rule->name);
}

static int row_check(const void *state, const struct exchange_rule *rule, struct err *e)
{
	const struct zmq_settings *set = state;
	bool whole = !rule->separable || rule->one_piece;
	return set->shards > 1 && whole ? refuse_shards(set->shards, rule, e) : 0;
}

static int check_cut(const struct layout *l, const struct exchange_request *x, struct err *e)
{
	const struct message_shape *shape = &x->shape;
	size_t range = planes_bucket(shape->n, (size_t)l->n_shards);
	if (l->n_shards > 1 &&
	    (!x->rule.separable || shape->push_planes.count == 0 || shape->pull_planes.count == 0))
		return refuse_shards(l->n_shards, &x->rule, e);
	if (chunk_count(shape->n, range) < (size_t)l->n_shards)
		return err_user(e, "transport.shards: found %d, expected at most %zu for %zu parameters",
		                l->n_shards, chunk_count(shape->n, 64), shape->n);
	return 0;
}

/* The first step determines the sizes of messages; workers may connect only after that. */
static int first_round(struct server *s, const struct exchange_request *x, struct err *e)
{
	if (check_cut(&s->layout, x, e))
		return -1;
	round_open(s, x);
	if (s->layout.n_shards > 1)
		links_open(s);
	size_t most = s->layout.shard_push + s->layout.running_bytes;
	return server_bind(s, most > SMALL_BODY ? most : SMALL_BODY, true, e);
}

/* The owner of the running statistics sends them with its vote. */
static void take_running(struct server *s)
{
	struct peer_vote *v = &s->peers[s->round.bn_owner].vote;
	if (!v->complete || s->layout.running_bytes == 0)
		return;
	memcpy(s->st->running.at, message_body(&v->message) + v->push_bytes, s->layout.running_bytes);
	s->running_of = s->round.bn_owner;
}

static enum exchange_end end_round(struct server *s, const struct exchange_request *x,
                                   struct exchange_reply *reply, struct err *e)
{
	enum exchange_end end = EXCHANGE_DONE;
	reply->n_voters = round_gather(s, x);
	take_running(s);
	reply->bn_owner = bn_owner_next(x->bn_owner, s->workers, x->born, x->honest);
	if (s->role->decide)
		end = s->role->decide(s, x, reply, e);
	else if (round_combine(s, x, reply, reply->n_voters, e))
		return EXCHANGE_FAILED;
	else
		round_answer(s, x, reply);
	if (s->endpoint->trust != ENDPOINT_TOKENS)
		round_judge_losses(s, x);
	round_judge_messages(s, reply->n_voters);
	uint64_t own = s->up + s->down + s->link_bytes;
	reply->bytes_up += s->up;
	reply->bytes_down += s->down;
	reply->bytes_busiest = own > reply->bytes_busiest ? own : reply->bytes_busiest;
	s->up = s->down = s->link_bytes = 0;
	return end;
}

static int too_few(const struct server *s, struct err *e)
{
	if (s->role->trouble && s->role->trouble(s, e))
		return -1;
	return err_world(e, "step %llu: found %d votes after %g s, expected at least %lld of %d (the quorum)",
	                 (unsigned long long)s->round.step + 1, s->round.n_votes, round_hope_s(s),
	                 (long long)s->set.quorum, s->workers);
}

static enum exchange_end row_exchange(void *self, const struct exchange_request *x,
                                      struct exchange_reply *reply, struct err *e)
{
	struct server *s = self;
	exchange_begin(x, reply);
	if (!s->router && first_round(s, x, e))
		return EXCHANGE_FAILED;
	round_begin(s, x);
	enum verdict v = round_wait(s, reply);
	s->round.expected_hash = 0;
	if (v == ROUND_STOPPED)
		return EXCHANGE_LEFT;
	if (v == ROUND_TOO_FEW) {
		too_few(s, e);
		return EXCHANGE_FAILED;
	}
	return end_round(s, x, reply, e);
}

/* --- the row -------------------------------------------------------------------------------------------- */

static void row_close(void *self)
{
	server_close(self);
}

static int row_sync(void *self, struct train_state *st, struct err *e)
{
	struct server *s = self;
	(void)e;
	s->st = st;
	s->round.step = (uint64_t)st->step;
	return 0;
}

static int row_collect(void *self, struct train_state *st, struct err *e)
{
	(void)e;
	server_collect(self, st);
	return 0;
}

static void row_leave(void *self, bool finished, const char *why)
{
	server_leave(self, finished, why);
}

static const struct fault_table *row_faults(void *self)
{
	return &((struct server *)self)->fault_table;
}

static bool row_remark(const void *state, char *out, size_t size)
{
	const struct zmq_settings *set = state;
	if (set->deadline_s <= set->patience_s)
		return false;
	snprintf(out, size,
	         "transport.deadline_s (%g s) is longer than transport.patience_s (%g s): a round with a "
	         "quorum "
	         "ends at its deadline, but one without a quorum ends the run before that",
	         set->deadline_s, set->patience_s);
	return true;
}

int zmq_shards(const void *state)
{
	return (int)((const struct zmq_settings *)state)->shards;
}

static bool row_apart(const void *state)
{
	return zmq_shards(state) > 1;
}

const char *zmq_server_address(const void *self)
{
	return ((const struct server *)self)->address;
}

static const struct key zmq_keys[] = {
        {.name = "deadline_s",
         .kind = KEY_REAL,
         .offset = offsetof(struct zmq_settings, deadline_s),
         .default_json = "0",
         .highest = 1e6,
         .unit = "s",
         .help = "when a round ends although awaited votes are missing, if there is a quorum; 0: five times "
                 "the median of the last 31 rounds, at least 2 s, or 60 s for train --processes"},
        {.name = "quorum",
         .kind = KEY_INT,
         .offset = offsetof(struct zmq_settings, quorum),
         .default_json = "0",
         .highest = 1e6,
         .help = "votes that a round needs; 0: more than half of the workers"},
        {.name = "patience_s",
         .kind = KEY_REAL,
         .offset = offsetof(struct zmq_settings, patience_s),
         .default_json = "60",
         .highest = 1e6,
         .above = true,
         .unit = "s",
         .help = "how long the server waits for a quorum before it saves and ends (at least as long as the "
                 "deadline that it computes), and before its first round for all workers"},
        {.name = "max_missed",
         .kind = KEY_INT,
         .offset = offsetof(struct zmq_settings, max_missed),
         .default_json = "3",
         .lowest = 1,
         .highest = 1e6,
         .help = "rounds missed in a row after which a worker is no longer waited for"},
        {.name = "ban_after",
         .kind = KEY_INT,
         .offset = offsetof(struct zmq_settings, ban_after),
         .default_json = "100",
         .lowest = 1,
         .highest = 1e9,
         .help = "messages against the protocol after which a worker is shut out"},
        {.name = "buckets",
         .kind = KEY_INT,
         .offset = offsetof(struct zmq_settings, buckets),
         .default_json = "1",
         .lowest = 1,
         .highest = BUCKETS_MOST,
         .not_identity = true,
         .help = "buckets in which votes are sent while earlier layers still compute, the last layer's "
                 "first"},
        {.name = "shards",
         .kind = KEY_INT,
         .offset = offsetof(struct zmq_settings, shards),
         .default_json = "1",
         .lowest = 1,
         .highest = SHARDS_MOST,
         .not_identity = true,
         .help = "servers, each of which counts the votes of its share of the coordinates, so that no "
                 "server's link carries everything"},
        {0},
};

static void row_library(bool load, char *out, size_t size)
{
	(void)load;
	int major, minor, patch;
	zmq_version(&major, &minor, &patch);
	snprintf(out, size, "ZeroMQ %d.%d.%d, %s CURVE", major, minor, patch,
	         zmq_has("curve") ? "with" : "without");
}

const struct transport transport_zmq = {
        .row = {.name = "zmq",
                .also = "zeromq, tcp, rpc, grpc",
                .about = "a server over ZeroMQ, for workers on untrusted machines: one key, one vote",
                .formula = "bytes up and down are all messages' on the server's sockets, with ZMTP's frame "
                           "headers and what CURVE adds",
                .keys = zmq_keys,
                .state_bytes = sizeof(struct zmq_settings)},
        .processes = TRANSPORT_SERVED,
        .library = row_library,
        .check = row_check,
        .remark = row_remark,
        .apart = row_apart,
        .open = row_open,
        .sync = row_sync,
        .exchange = row_exchange,
        .collect = row_collect,
        .leave = row_leave,
        .faults = row_faults,
        .close = row_close,
};
