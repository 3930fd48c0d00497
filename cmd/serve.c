/* `signsgd serve`: the server of a run whose workers are on other machines. */
#include <stdio.h>
#include <string.h>
#include "cmd/session.h"
#include "cmd/credentials.h"
#include "base/log.h"
#include "base/mem.h"
#include "experiment/remote.h"
#include "train/trainer.h"
#include "transport/transport.h"
#include "transport/zmq/zmq.h"

enum { SHARDS_SIZE = 64 };

struct serving {
	const struct args *args;
	struct session session;
	struct change changes[2];    /* the command's own */
	char *shards, number[16];    /* --shards, cut at its commas; how many servers */
	const char *at[SHARDS_SIZE]; /* [endpoint.n_shards] into it */
	struct credentials ring;
	struct endpoint endpoint;
	struct buf settings; /* as workers get them */
};

/* There must be as many keys as workers: every key is one worker, and one vote. */
static int check_keys(const struct serving *v, const struct settings *s, struct err *e)
{
	const struct curve_key *own = keyring_find(&v->ring.keys, KEYRING_SERVER);
	int enrolled = keyring_workers(&v->ring.keys);
	if (!own || !own->secret_key[0])
		return err_user(
		        e, "%s: the server's own secret is missing; 'signsgd keys new %s -o %s' makes it",
		        v->ring.place, KEYRING_SERVER, v->ring.place);
	if (enrolled != s->workers)
		return err_user(
		        e,
		        "%s: found the public keys of %d workers, expected %lld, as many as `workers` of "
		        "the experiment says (--workers changes it)",
		        v->ring.place, enrolled, (long long)s->workers);
	return 0;
}

static int start(void *ctx, const struct settings *s, const char *data_id, struct pool *pool,
                 struct link *out, struct err *e)
{
	struct serving *v = ctx;
	struct transport_env env = {
	        .workers = (int)s->workers, .pool = pool, .stop = run_stop_flag(), .endpoint = &v->endpoint};
	const struct transport *row = (const struct transport *)s->transport.row;
	settings_remote(s, data_id, &v->settings);
	v->endpoint.settings = v->settings.text;
	if (row->open(s->transport.state, &env, out, e)) {
		buf_clear(&v->settings); /* without a link there is no finish() */
		return -1;
	}
	log_say("%s-%s: waiting for %lld workers at %s%s", s->name, s->id, (long long)s->workers,
	        zmq_server_address(out->self), v->endpoint.trust == ENDPOINT_OPEN ? ", without keys" : "");
	return 0;
}

static void finish(void *ctx, struct link *link)
{
	struct serving *v = ctx;
	link->row->close(link->self);
	buf_clear(&v->settings);
}

/* serve holds one run. */
static int check_one(const struct session *s, struct err *e)
{
	if (s->total == 1)
		return 0;
	return err_user(e,
	                "serve holds one run, and the experiments given make %zu; choose one with --run 1 to "
	                "--run %zu ('signsgd validate --json' lists them, a line each)",
	                s->total, s->total);
}

/* The addresses of --shards. */
static int read_shards(struct serving *v, struct err *e)
{
	const char *list = args_value(v->args, "shards");
	v->shards = list ? mem_string(list) : NULL;
	for (char *at = v->shards; at;) {
		char *comma = strchr(at, ',');
		if (v->endpoint.n_shards == SHARDS_SIZE - 1)
			return err_user(e, "--shards: more than %d addresses", SHARDS_SIZE - 1);
		v->at[v->endpoint.n_shards++] = at;
		if (comma)
			*comma++ = 0;
		if (credentials_address(at, e))
			return -1;
		at = comma;
	}
	v->endpoint.shards = v->at;
	return 0;
}

/* What the command itself sets of the transport; options come later and win. */
static void add_changes(struct serving *v)
{
	struct session *s = &v->session;
	s->more = v->changes;
	if (!session_names_transport(v->args, transport_zmq.row.name))
		v->changes[s->n_more++] = (struct change){"transport", transport_zmq.row.name, "serve"};
	if (!v->shards)
		return;
	snprintf(v->number, sizeof(v->number), "%d", 1 + v->endpoint.n_shards);
	v->changes[s->n_more++] = (struct change){"transport.shards", v->number, "--shards"};
}

static int prepare(struct serving *v, struct err *e)
{
	const struct args *a = v->args;
	struct session *s = &v->session;
	v->endpoint = (struct endpoint){.address = args_value(a, "listen")};
	if (read_shards(v, e))
		return -1;
	add_changes(v);
	if (!v->endpoint.address)
		return err_user(e, "serve needs an address, as in --listen tcp://0.0.0.0:5555");
	if (session_prepare(s, "serve", a, e) ||
	    credentials_trust(a, v->endpoint.address, &v->endpoint.trust, e))
		return -1;
	if (check_one(s, e))
		return -1;
	const struct settings *run = session_run_at(s, 1);
	if (run->transport.row != &transport_zmq.row)
		return err_user(e, "%s: serve is the server of transport \"%s\", found \"%s\"", run->source,
		                transport_zmq.row.name, run->transport.row->name);
	if (trainer_check_transport(run, e) || settings_check_names(run, run->source, e))
		return -1;
	if (v->endpoint.trust == ENDPOINT_OPEN)
		return 0;
	v->endpoint.ring = &v->ring.keys;
	return credentials_open(&v->ring, a, e) || check_keys(v, run, e) ? -1 : 0;
}

static int serve(const struct args *a)
{
	struct serving v = {.args = a};
	struct err e = {0};
	int code;
	if (prepare(&v, &e)) {
		code = cmd_fail(&e);
	} else {
		struct run_job job = {
		        .row = (const struct transport *)session_run_at(&v.session, 1)->transport.row,
		        .start = start,
		        .finish = finish,
		        .ctx = &v};
		struct pool *pool = pool_open(v.session.lanes);
		v.session.job = &job;
		code = session_run(&v.session, pool);
		session_summary(&v.session);
		pool_close(pool);
	}
	session_clear(&v.session);
	mem_free(v.shards);
	credentials_close(&v.ring);
	return code;
}

static const struct option options[] = {
        {"listen", "ADDRESS", "where workers connect, as in tcp://0.0.0.0:5555"},
        {"shards", "ADDRESS,...", "the run's other servers ('signsgd shard'), where workers connect too"},
        CREDENTIALS_OPTIONS,
        MACHINE_OPTION,
        SESSION_OPTIONS,
        {NULL, NULL, NULL},
};

const struct command cmd_serve = {
        .name = "serve",
        .about = "be the server of a run, for workers on untrusted machines",
        .usage = "serve FILE.json --listen ADDRESS --keys DIR [OPTION]...\nserve --resume RUN.h5 --listen "
                 "ADDRESS --keys DIR [OPTION]...",
        .details = "The server of a run: it counts the votes, answers, evaluates, records and saves. It "
                   "knows its workers by keys, one vote a key; they are `signsgd work` elsewhere. "
                   "A worker that is late or lost abstains, and the run goes on while more than half of "
                   "the workers vote (`transport.quorum`); below that the server waits for "
                   "`transport.patience_s`, saves, and exits with 1. Killed at any moment, --resume "
                   "continues from the last checkpoint, and workers that are still there go on with "
                   "it.\n"
                   "Exit code: as `simulate`.",
        .example = "signsgd keys new server w0 w1 w2 -o keys\n"
                   "signsgd serve experiments/demo.json --listen tcp://0.0.0.0:5555 --keys keys \\\n"
                   "    --workers 3 --adversaries 1 --out served.h5",
        .options = options,
        .run = serve,
};
