/*
 * The launcher of worker processes. This process is the server; it starts `signsgd work` for the workers and,
 * where several servers are asked for, `signsgd shard`. They meet at an address that is on no disk, and know
 * each other by keys that are thrown away after the run. The kernel kills them when this process dies, of
 * whatever cause, so no process is ever left behind.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "cmd/train.h"
#include "cmd/children.h"
#include "experiment/remote.h"
#include "transport/keys/keyring.h"
#include "transport/zmq/endpoint.h"
#include "transport/transport.h"
#include "transport/zmq/zmq.h"

enum { ADDRESS_BYTES = 64, ARGUMENTS_MAX = 64, SHARDS_MAX = 64 };

struct arguments {
	struct arena arena;
	const char *at[ARGUMENTS_MAX + 1];
	int count;
};

/* What the processes of one run need, from start() to finish(). */
struct launcher {
	const struct training *training;
	struct endpoint endpoint;
	struct keyring ring;
	struct buf settings; /* as the server sends them to the workers */
	char address[ADDRESS_BYTES];
	char shards[SHARDS_MAX][ADDRESS_BYTES]; /* [endpoint.n_shards] */
	const char *at[SHARDS_MAX];
	struct arguments work, shard[SHARDS_MAX];
	struct child_role *roles; /* [count] the shards first */
	struct children *children;
};

/* --- arguments of a process --------------------------------------------------------------------------- */

static void add(struct arguments *a, const char *option, const char *value)
{
	if (a->count + 1 >= ARGUMENTS_MAX)
		BUG("too many arguments for a worker process");
	a->at[a->count++] = option;
	if (value)
		a->at[a->count++] = value;
}

/* A server sends no paths to its workers. Here both are on one machine, so the paths go as options. */
static void add_paths(struct arguments *a, const struct settings *s)
{
	const struct row *row = s->data.row;
	if (s->data_dir[0])
		add(a, "--data", s->data_dir);
	for (const struct key *k = row->keys; k && k->name; k++) {
		const char *path;
		if (k->kind != KEY_PATH)
			continue;
		memcpy(&path, (const char *)s->data.state + k->offset, sizeof(path));
		if (!path || !path[0])
			continue;
		struct buf quoted = {0};
		json_write_string(&quoted, path);
		add(a, "--set", arena_format(&a->arena, "data.%s=%s", k->name, quoted.text));
		buf_clear(&quoted);
	}
}

/*
 * Nor does it send keys of the backend that change no result (which GPU, how work is given to it), because
 * they are a machine's own; they go as an option too, unless one says the backend.
 */
static void add_backend(struct arguments *a, const char *given, const struct settings *s)
{
	const struct row *row = s->backend.row;
	struct buf keys = {0};
	if (given) {
		add(a, "--backend", given);
	} else if (row->keys) {
		keys_write(&keys, row->keys, s->backend.state, KEYS_RESOLVED);
		add(a, "--backend", arena_format(&a->arena, "{\"kind\":\"%s\",%s", row->name, keys.text + 1));
	}
	buf_clear(&keys);
}

/* Nor how many of a process's workers share a pass, which changes no result either. */
static void add_fuse(struct arguments *a, const struct settings *s)
{
	if (s->fuse > 1)
		add(a, "--set", arena_format(&a->arena, "fuse=%lld", (long long)s->fuse));
}

static int share_of(int workers, int processes, int i)
{
	return (int)((long long)workers * (i + 1) / processes) - (int)((long long)workers * i / processes);
}

/* How many processes: --processes, else one a core; never more than workers. */
static int processes_of(const struct training *t, const struct settings *s)
{
	int wanted = t->processes > 0 ? t->processes : pool_cores();
	return wanted < s->workers ? wanted : (int)s->workers;
}

/* What every process of ours gets: its place, keys, threads. */
static void add_usual(struct arguments *a, const char *command, const char *place, const char *address,
                      int lanes)
{
	add(a, "signsgd", command);
	add(a, place, address);
	add(a, "--keys", "-");
	add(a, "--lanes", arena_format(&a->arena, "%d", lanes > 0 ? lanes : 1));
	add(a, "--quiet", NULL);
}

static int start_children(struct launcher *l, const struct settings *s, struct err *e)
{
	int count = processes_of(l->training, s), shards = l->endpoint.n_shards;
	int lanes = l->training->session.lanes / count, next = 0;
	l->roles = mem_array((size_t)(count + shards), sizeof(*l->roles));
	for (int i = 0; i < shards; i++) {
		add_usual(&l->shard[i], "shard", "--listen", l->at[i], lanes);
		l->roles[i] = (struct child_role){.arguments = l->shard[i].at};
	}
	add_usual(&l->work, "work", "--connect", l->address, lanes);
	add_backend(&l->work, args_value(l->training->args, "backend"), s);
	add_fuse(&l->work, s);
	add_paths(&l->work, s);
	for (int i = 0; i < count; i++) {
		int share = share_of((int)s->workers, count, i);
		l->roles[shards + i] = (struct child_role){
		        .arguments = l->work.at, .first = next, .count = share, .number = i};
		next += share;
	}
	l->children = children_start(l->roles, count + shards, &l->ring, e);
	return l->children ? 0 : -1;
}

/* A name that nobody else uses and nobody can guess. `@`: it is on no disk. */
static void choose_address(char out[ADDRESS_BYTES])
{
	uint64_t chance;
	if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
		die("the system gave no random number: %s", strerror(errno));
	snprintf(out, ADDRESS_BYTES, "ipc://@signsgd-%ld-%016llx", (long)getpid(),
	         (unsigned long long)chance);
}

static void launcher_clear(struct launcher *l)
{
	for (int i = 0; i < l->endpoint.n_shards; i++)
		arena_clear(&l->shard[i].arena);
	arena_clear(&l->work.arena);
	mem_free(l->roles);
	l->work = (struct arguments){0};
	memset(l->shard, 0, sizeof(l->shard));
	l->roles = NULL;
	buf_clear(&l->settings);
	keyring_clear(&l->ring);
}

static int start(void *ctx, const struct settings *s, const char *data_id, struct pool *pool,
                 struct link *out, struct err *e)
{
	struct launcher *l = ctx;
	struct transport_env env = {
	        .workers = (int)s->workers, .pool = pool, .stop = run_stop_flag(), .endpoint = &l->endpoint};
	keyring_make(&l->ring, (int)s->workers);
	settings_remote(s, data_id, &l->settings);
	choose_address(l->address);
	l->endpoint = (struct endpoint){.trust = ENDPOINT_TOKENS,
	                                .address = l->address,
	                                .ring = &l->ring,
	                                .settings = l->settings.text,
	                                .collect = true,
	                                .shards = l->at,
	                                .n_shards = zmq_shards(s->transport.state) - 1};
	for (int i = 0; i < l->endpoint.n_shards; i++) {
		choose_address(l->shards[i]);
		l->at[i] = l->shards[i];
	}
	const struct transport *row = (const struct transport *)s->transport.row;
	if (row->open(s->transport.state, &env, out, e)) {
		launcher_clear(l);
		return -1;
	}
	if (!start_children(l, s, e))
		return 0;
	out->row->close(out->self);
	launcher_clear(l);
	return -1;
}

static void finish(void *ctx, struct link *link)
{
	struct launcher *l = ctx;
	children_let_go(l->children);
	link->row->close(link->self);
	children_end(l->children);
	launcher_clear(l);
}

int train_processes(struct training *t, struct pool *pool)
{
	struct launcher launcher = {.training = t};
	struct run_job job = {.row = t->row, .start = start, .finish = finish, .ctx = &launcher};
	signal(SIGPIPE, SIG_IGN); /* a worker may die before it has read its keys; workers inherit it */
	t->session.job = &job;
	int code = session_run(&t->session, pool);
	session_summary(&t->session);
	return code;
}
