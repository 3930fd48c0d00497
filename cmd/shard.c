/* `signsgd shard`: the server of one shard of a run's coordinates; the main server is elsewhere. */
#include "cmd/overrides.h"
#include "cmd/session.h"
#include "cmd/credentials.h"
#include "base/log.h"
#include "base/units.h"
#include "train/shard.h"

static const double PATIENCE_S = 60;

static int prepare(const struct args *a, struct endpoint *endpoint, struct credentials *ring, struct err *e)
{
	const char *patience = args_value(a, "patience");
	*endpoint = (struct endpoint){
	        .address = args_value(a, "listen"), .patience_s = PATIENCE_S, .stop = run_stop_flag()};
	log_quiet(args_flag(a, "quiet"));
	if (a->n_rest)
		return err_user(e, "shard takes no file: the main server says what is run");
	if (!endpoint->address)
		return err_user(e, "shard needs an address, as in --listen tcp://0.0.0.0:5556");
	if ((patience && units_time("--patience", patience, &endpoint->patience_s, e)) ||
	    credentials_trust(a, endpoint->address, &endpoint->trust, e))
		return -1;
	if (endpoint->trust == ENDPOINT_OPEN)
		return 0;
	if (credentials_open(ring, a, e))
		return -1;
	const struct curve_key *own = keyring_find(&ring->keys, KEYRING_SERVER);
	if (!own || !own->secret_key[0])
		return err_user(e, "%s: the secret of the run's server is missing; a shard has the same keys",
		                ring->place);
	endpoint->ring = &ring->keys;
	return 0;
}

static int run(const struct args *a, struct endpoint *endpoint, struct credentials *ring, struct err *e)
{
	int lanes;
	if (prepare(a, endpoint, ring, e) || lanes_of(a, &lanes, e))
		return cmd_fail(e);
	if (endpoint->trust != ENDPOINT_TOKENS) /* otherwise the process that started us says when to stop */
		run_catch_signals();
	struct zmq_shard *h = zmq_shard_open(endpoint, e);
	if (!h)
		return cmd_fail(e);
	log_say("waiting for the main server at %s", zmq_shard_address(h));
	struct pool *pool = pool_open(lanes);
	int failed = shard_run(h, pool, e);
	pool_close(pool);
	zmq_shard_close(h);
	if (failed && run_signal())
		return session_stopped();
	return failed ? cmd_fail(e) : EXIT_DONE;
}

static int shard(const struct args *a)
{
	struct endpoint endpoint;
	struct credentials ring = {0};
	struct err e = {0};
	int code = run(a, &endpoint, &ring, &e);
	credentials_close(&ring);
	return code;
}

static const struct option options[] = {
        {"listen", "ADDRESS", "where the main server and workers connect"},
        CREDENTIALS_OPTIONS,
        {"patience", "TIME", "how long to wait for a main server that is away (default: 60s)"},
        LANES_OPTION,
        {"quiet", NULL, "say only warnings and errors"},
        {NULL, NULL, NULL},
};

const struct command cmd_shard = {
        .name = "shard",
        .about = "serve a shard of a run's coordinates, for a main server elsewhere",
        .usage = "shard --listen ADDRESS --keys DIR [OPTION]...",
        .details = "With several servers, none has a link that carries every vote: each counts those on its "
                   "share of the coordinates. Start one `signsgd shard` on each of the other machines, with "
                   "the very keys of the main server (its secret and all workers' public keys), then "
                   "`signsgd serve` with --shards and their addresses, as workers can reach them. Workers "
                   "need not be told. Needs neither an experiment file nor data; ends with the run.\n"
                   "Exit code: 0 when the run is over, 1 when the main server stayed away, 2 when an option "
                   "was wrong, 129, 130, 138 and 143 after SIGHUP, SIGINT, SIGUSR1 and SIGTERM.",
        .example = "signsgd shard --listen tcp://0.0.0.0:5556 --keys keys\n"
                   "signsgd serve experiments/demo.json --listen tcp://0.0.0.0:5555 --keys keys \\\n"
                   "    --shards tcp://beta:5556,tcp://gamma:5556",
        .options = options,
        .run = shard,
};
