/* `signsgd work`: host workers of a run. The server sends the settings; the data set is this machine's. */
#include <string.h>
#include "cmd/session.h"
#include "cmd/credentials.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "experiment/remote.h"
#include "train/feed.h"
#include "train/trainer.h"
#include "transport/transport.h"
#include "transport/zmq/zmq.h"

enum { WORKERS_MAX = 4096 };

static const double PATIENCE_S = 60;

/* What a server's settings may take here without --memory. */
static const double MEMORY_BYTES = 512 * 0x1p20;

/* What this process holds, from its options to the link. */
struct working {
	const struct args *args;
	struct credentials ring;
	struct endpoint endpoint;
	const struct curve_key **keys; /* [endpoint.count] */
	struct zmq_client *client;
	struct overrides overrides;
	struct choice machine; /* --backend */
	struct runs runs;
	int lanes;
	double memory; /* bytes that the server's settings may take */
};

static bool named(const char *list, const char *name)
{
	size_t length = strlen(name);
	for (const char *p = list; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (!strncmp(p, name, length) && (p[length] == ',' || !p[length]))
			return true;
	}
	return false;
}

/* Is each name of --name among those chosen? */
static int check_names(const struct working *w, const char *list, struct err *e)
{
	for (const char *p = list; p; p = strchr(p, ',')) {
		p += *p == ',';
		int length = (int)strcspn(p, ","), i = 0;
		while (i < w->endpoint.count && ((int)strlen(w->keys[i]->name) != length ||
		                                 strncmp(w->keys[i]->name, p, (size_t)length)))
			i++;
		if (i == w->endpoint.count)
			return err_user(e, "--name %.*s: %s holds no such worker's secret", length, p,
			                w->ring.place);
	}
	return 0;
}

/* Choose among the secrets here: those of --name, or the first --workers of them, or the only one. */
static int choose_keys(struct working *w, struct err *e)
{
	const struct keyring *r = &w->ring.keys;
	const char *names = args_value(w->args, "name");
	bool all = !strcmp(args_value(w->args, "keys"), "-");
	long long wanted = 0;
	size_t secrets = 0, chosen = 0;
	if (args_int(w->args, "workers", 1, WORKERS_MAX, &wanted, e))
		return -1;
	w->keys = mem_alloc((r->count + 1) * sizeof(*w->keys));
	for (size_t i = 0; i < r->count; i++) {
		const struct curve_key *k = &r->at[i];
		if (!k->secret_key[0] || !strcmp(k->name, KEYRING_SERVER))
			continue;
		secrets++;
		if (names ? named(names, k->name) : all || wanted == 0 || (long long)chosen < wanted)
			w->keys[chosen++] = k;
	}
	w->endpoint.count = (int)chosen;
	if (secrets == 0)
		return err_user(e, "%s: holds no worker's secret; 'signsgd keys new NAME' makes one",
		                w->ring.place);
	if (names && check_names(w, names, e))
		return -1;
	if (!names && !all && wanted == 0 && secrets > 1)
		return err_user(
		        e,
		        "%s: holds the secrets of %zu workers; choose with --name, or --workers %zu for "
		        "all of them",
		        w->ring.place, secrets, secrets);
	if (wanted > (long long)chosen)
		return err_user(e, "--workers %lld: %s holds the secrets of %zu", wanted, w->ring.place,
		                chosen);
	return 0;
}

static int patience_of(const struct args *a, double *out, struct err *e)
{
	const char *text = args_value(a, "patience");
	return text ? units_time("--patience", text, out, e) : 0;
}

static int memory_of(const struct args *a, double *out, struct err *e)
{
	const char *text = args_value(a, "memory");
	*out = MEMORY_BYTES;
	return text ? units_memory("--memory", text, out, e) : 0;
}

/* Kernels that are not here are said before a server is asked for anything. */
static int check_machine(const struct choice *machine, struct err *e)
{
	struct backend unused;
	return machine->row ? ((const struct backend_row *)machine->row)->open(&unused, machine->state, e)
	                    : 0;
}

static int prepare(struct working *w, struct err *e)
{
	const struct args *a = w->args;
	w->endpoint = (struct endpoint){.address = args_value(a, "connect"),
	                                .patience_s = PATIENCE_S,
	                                .count = 1,
	                                .stop = run_stop_flag()};
	log_quiet(args_flag(a, "quiet"));
	if (a->n_rest)
		return err_user(e, "work takes no file: the server at --connect says what is run");
	if (!w->endpoint.address)
		return err_user(
		        e, "work needs a server, as in 'signsgd work --connect tcp://host:5555 --keys keys'");
	long long count = 1;
	if (patience_of(a, &w->endpoint.patience_s, e) || memory_of(a, &w->memory, e) ||
	    lanes_of(a, &w->lanes, e) || credentials_trust(a, w->endpoint.address, &w->endpoint.trust, e) ||
	    overrides_remote(&w->overrides, a, e) || machine_of(a, &w->overrides.arena, &w->machine, e) ||
	    check_machine(&w->machine, e))
		return -1;
	if (w->endpoint.trust == ENDPOINT_OPEN) {
		if (args_int(a, "workers", 1, WORKERS_MAX, &count, e))
			return -1;
		w->endpoint.count = (int)count;
		return 0;
	}
	if (credentials_open(&w->ring, a, e) || choose_keys(w, e))
		return -1;
	w->endpoint.ring = &w->ring.keys;
	w->endpoint.keys = w->keys;
	return 0;
}

/*
 * Are the data here those of the server? Where the data set's name says what it is, they must be. A folder of
 * images and a text are each worker's own: workers that keep their data to themselves have different ones.
 */
static int check_data(const struct settings *s, const char *address, const char *theirs, struct err *e)
{
	const struct data_source *source = (const struct data_source *)s->data.row;
	char ours[DATA_ID_SIZE];
	if (feed_fingerprint(s, ours, e))
		return -1;
	if (!theirs[0] || !strcmp(ours, theirs))
		return 0;
	if (!source->own)
		return err_user(
		        e,
		        "the server at %s has another content of data set \"%s\" (found data_id %s, "
		        "here it is %s); expected the same, as its name says; --data names another folder",
		        address, source->row.name, theirs, ours);
	log_say("%s-%s: trains on data of its own (data_id %s; the server's is %s)", s->name, s->id, ours,
	        theirs);
	return 0;
}

/*
 * The settings that the server sent, with this machine's paths. A server elsewhere does not decide how much
 * memory is taken here; the process that started us is this user's.
 */
static int understand(struct working *w, struct err *e)
{
	bool foreign = w->endpoint.trust != ENDPOINT_TOKENS;
	char source[256], data_id[DATA_ID_SIZE];
	struct plan plan;
	snprintf(source, sizeof(source), "settings of %s", w->endpoint.address);
	if (experiment_remote(&w->runs, data_id, source, zmq_client_settings(w->client), foreign,
	                      w->overrides.at, w->overrides.count, e))
		return -1;
	w->runs.at[0].machine = w->machine;
	trainer_plan_hosted(&w->runs.at[0], w->lanes, w->endpoint.count, &plan);
	if (plan.guessed.text[0]) {
		*e = plan.guessed;
		return -1;
	}
	if (foreign && plan_check(&plan, w->memory, source, e))
		return -1;
	return check_data(&w->runs.at[0], w->endpoint.address, data_id, e);
}

static int client(struct working *w, struct pool *pool, enum run_outcome *outcome, struct err *e)
{
	const struct settings *s = &w->runs.at[0];
	struct transport_env env = {
	        .workers = (int)s->workers, .pool = pool, .stop = run_stop_flag(), .endpoint = &w->endpoint};
	struct link link;
	if (zmq_client_link(w->client, &env, &link, e))
		return -1;
	for (int i = 0; i < link.count; i++)
		log_say("%s-%s: worker %d of %lld", s->name, s->id, link.ids[i], (long long)s->workers);
	int rc = run_follow(s, pool, &link, outcome, e);
	link.row->close(link.self);
	w->client = NULL;
	return rc;
}

/* The sentence, and its exit code; after a signal that of the signal. */
static int failed(const struct err *e)
{
	int code = cmd_fail(e);
	return run_signal() ? session_stopped() : code;
}

static int run(struct working *w, struct err *e)
{
	enum run_outcome outcome = RUN_DID;
	if (prepare(w, e))
		return cmd_fail(e);
	if (w->endpoint.trust !=
	    ENDPOINT_TOKENS) /* otherwise the process that started us says when to stop */
		run_catch_signals();
	run_may_end(NULL);
	w->client = zmq_client_join(&w->endpoint, e);
	if (!w->client || understand(w, e))
		return failed(e);
	struct pool *pool = pool_open(w->lanes);
	int rc = client(w, pool, &outcome, e);
	pool_close(pool);
	if (rc)
		return failed(e);
	return outcome == RUN_STOPPED || run_signal() ? session_stopped() : EXIT_DONE;
}

static int work(const struct args *a)
{
	struct working w = {.args = a};
	struct err e = {0};
	int code = run(&w, &e);
	if (w.client)
		zmq_client_close(w.client);
	runs_clear(&w.runs);
	overrides_clear(&w.overrides);
	mem_free(w.keys);
	credentials_close(&w.ring);
	return code;
}

static const struct option options[] = {
        {"connect", "ADDRESS", "the server's, as in tcp://host:5555"},
        CREDENTIALS_OPTIONS,
        {"name", "NAME", "the worker to be; several with commas between"},
        {"workers", "K", "host the first K workers whose secrets are there"},
        {"data", "DIR", "folder with the data set's files"},
        {"set", "KEY=VALUE", "a path of the data set, as in --set data.path=/images"},
        {"patience", "TIME", "how long to wait for a server that is away (default: 60s)"},
        {"memory", "SIZE", "most that the server's settings may take here (default: 512MiB)"},
        MACHINE_OPTION,
        LANES_OPTION,
        {"quiet", NULL, "say only warnings and errors"},
        {NULL, NULL, NULL},
};

const struct command cmd_work = {
        .name = "work",
        .about = "host workers of a run that a server elsewhere holds",
        .usage = "work --connect ADDRESS --keys DIR [OPTION]...",
        .details =
                "Needs no experiment file: the server sends the settings, and this machine has the data "
                "set. The settings are read as strictly as a file, and cannot name a file of this "
                "machine: its paths are given here, and its kernels by --backend, where they are not to "
                "be those of the experiment. A worker may come, go and come back at any time; it "
                "gets the "
                "run's parameters and votes from the next step on. While the server is away it "
                "waits. Settings that need more memory than --memory are refused before anything is "
                "made; `signsgd validate` counts in the same way.\n"
                "Exit code: 0 when the run is over, 1 when the server stayed away, 2 when it refused "
                "us or an option was wrong, 129, 130, 138 and 143 after SIGHUP, SIGINT, SIGUSR1 and SIGTERM, "
                "half a second after them at the latest: a worker has nothing to save.",
        .example = "signsgd work --connect tcp://host:5555 --keys keys --name w0\n"
                   "signsgd work --connect tcp://host:5555 --keys keys --workers 2 --data /data",
        .options = options,
        .run = work,
};
