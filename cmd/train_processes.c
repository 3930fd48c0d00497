/*
 * Workers in processes of our own: `signsgd work` on an address that is on no disk, with keys that are thrown
 * away; and `signsgd shard`, where several servers are asked for. The kernel kills them when this process
 * dies, whatever it dies of, so nothing is ever left behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cmd/train.h"
#include "base/clock.h"
#include "experiment/remote.h"
#include "transport/keys/keyring.h"
#include "transport/zmq/endpoint.h"
#include "transport/transport.h"
#include "transport/zmq/zmq.h"

enum { ADDRESS_BYTES = 64, ARGUMENTS_MAX = 64, SHARDS_MAX = 64, PATIENCE_S = 3, NAP_US = 2000 };

/* A process of workers, or of a shard. */
struct child {
	pid_t pid;
	bool shard;
	volatile sig_atomic_t gone;
};

/* What a run's processes are made of, from start() to finish(). */
struct launcher {
	const struct training *training;
	struct endpoint endpoint;
	struct keyring ring;
	struct buf settings; /* as the workers get them */
	char address[ADDRESS_BYTES];
	char shards[SHARDS_MAX][ADDRESS_BYTES]; /* [endpoint.n_shards] */
	const char *at[SHARDS_MAX];
};

/* A signal handler sees only what is global. */
static struct child *children; /* [n_children] */
static volatile sig_atomic_t n_children;

/* Who ends as asked is only counted. When the user has to do something, nobody is left, or a shard is gone,
 * the run stops. */
static void child_ended(int signal)
{
	int left = 0, bad = 0, earlier = errno;
	(void)signal;
	for (int i = 0; i < n_children; i++) {
		int status;
		if (!children[i].gone && waitpid(children[i].pid, &status, WNOHANG) == children[i].pid) {
			children[i].gone = 1;
			bool failed = !WIFEXITED(status) || WEXITSTATUS(status) != EXIT_DONE;
			bad |= failed;
			if ((failed && children[i].shard) ||
			    (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_USER))
				run_halt();
		}
		left += !children[i].gone && !children[i].shard;
	}
	if (bad && left == 0)
		run_halt();
	errno = earlier;
}

static void catch_children(bool on)
{
	struct sigaction act = {.sa_handler = on ? child_ended : SIG_DFL,
	                        .sa_flags = SA_RESTART | SA_NOCLDSTOP};
	sigemptyset(&act.sa_mask);
	sigaction(SIGCHLD, &act, NULL);
}

/* --- arguments of a worker process -------------------------------------------------------------------- */

struct arguments {
	struct arena arena;
	const char *at[ARGUMENTS_MAX + 1];
	int count;
};

static void add(struct arguments *a, const char *option, const char *value)
{
	if (a->count + 1 >= ARGUMENTS_MAX)
		BUG("too many arguments for a worker process");
	a->at[a->count++] = option;
	if (value)
		a->at[a->count++] = value;
}

/* Paths are no part of what a server tells, but here both are on one machine. */
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

static int share_of(int workers, int processes, int i)
{
	return (int)((long long)workers * (i + 1) / processes) - (int)((long long)workers * i / processes);
}

/* --- processes ---------------------------------------------------------------------------------------- */

/*
 * In the child: keys on standard input. Signals are for the parent alone, although a terminal, `timeout` or
 * an init system sends them to all: it stops when the workers' states are saved.
 */
_Noreturn static void become_worker(const struct arguments *a, int keys, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_WORLD);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_DFL);
	dup2(keys, STDIN_FILENO);
	execv("/proc/self/exe", (char *const *)(uintptr_t)a->at);
	_exit(EXIT_WORLD);
}

/* The keys of `count` workers from *next on; 0: those of a shard, all of them. */
static int hand_keys(const struct launcher *c, int count, int *next, int fd, struct err *e)
{
	if (count == 0)
		return keyring_send_all(&c->ring, fd, e);
	int *workers = mem_array((size_t)count, sizeof(*workers)); /* [count] */
	for (int k = 0; k < count; k++)
		workers[k] = (*next)++;
	int rc = keyring_send(&c->ring, (size_t)count, workers, fd, e);
	mem_free(workers);
	return rc;
}

/* Start another process, which hosts the workers from *next on (count 0: a shard), and hand it its keys. */
static int spawn(const struct launcher *c, const struct arguments *a, int count, int *next, struct err *e)
{
	int ends[2], rc;
	pid_t parent = getpid();
	if (pipe2(ends, O_CLOEXEC))
		return err_world(e, "no pipe to a worker process: %s", strerror(errno));
	sigset_t block, before;
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &before); /* until the handler can know the child */
	pid_t pid = fork();
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		become_worker(a, ends[0], parent);
	}
	if (pid > 0) {
		children[n_children] = (struct child){.pid = pid, .shard = count == 0};
		n_children++;
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		return err_world(e, "cannot start a worker process: %s", strerror(errno));
	}
	rc = hand_keys(c, count, next, ends[1], e);
	close(ends[1]);
	return rc;
}

/* How many processes: --processes, else one a core; never more than workers. */
static int processes_of(const struct training *t, const struct settings *s)
{
	int wanted = t->processes > 0 ? t->processes : pool_cores();
	return wanted < s->workers ? wanted : (int)s->workers;
}

static int spawn_shards(const struct launcher *c, const char *lanes, struct err *e)
{
	int rc = 0;
	for (int i = 0; i < c->endpoint.n_shards && !rc; i++) {
		struct arguments a = {0};
		add(&a, "signsgd", "shard");
		add(&a, "--listen", c->at[i]);
		add(&a, "--keys", "-");
		add(&a, "--lanes", lanes);
		add(&a, "--quiet", NULL);
		rc = spawn(c, &a, 0, NULL, e);
		arena_clear(&a.arena);
	}
	return rc;
}

static int spawn_all(const struct launcher *c, const struct settings *s, struct err *e)
{
	struct arguments a = {0};
	int count = processes_of(c->training, s), next = 0, rc = 0;
	int lanes = c->training->session.lanes / count;
	const char *threads = arena_format(&a.arena, "%d", lanes > 0 ? lanes : 1);
	add(&a, "signsgd", "work");
	add(&a, "--connect", c->address);
	add(&a, "--keys", "-");
	add(&a, "--lanes", threads);
	add(&a, "--quiet", NULL);
	add_paths(&a, s);
	children = mem_array((size_t)(count + c->endpoint.n_shards), sizeof(*children));
	rc = spawn_shards(c, threads, e);
	for (int i = 0; i < count && !rc; i++)
		rc = spawn(c, &a, share_of((int)s->workers, count, i), &next, e);
	arena_clear(&a.arena);
	return rc;
}

static bool all_gone(void)
{
	bool gone = true;
	child_ended(SIGCHLD);
	for (int i = 0; i < n_children; i++)
		gone = gone && children[i].gone;
	return gone;
}

/* Wait for them; who stays is made to go, and a shard at once: it has nothing that were to be saved. */
static void take_down(void)
{
	double until = clock_s() + PATIENCE_S;
	catch_children(false);
	for (int i = 0; i < n_children; i++)
		if (!children[i].gone && children[i].shard)
			kill(children[i].pid, SIGKILL);
	while (!all_gone() && clock_s() < until)
		usleep(NAP_US);
	for (int i = 0; i < n_children; i++)
		if (!children[i].gone)
			kill(children[i].pid, SIGKILL);
	while (!all_gone())
		usleep(NAP_US);
	n_children = 0;
	mem_free(children);
	children = NULL;
}

/* A name that nobody else has and nobody can guess; `@`: it is on no disk. */
static void choose_address(char out[ADDRESS_BYTES])
{
	uint64_t chance;
	if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
		die("the system gave no random number: %s", strerror(errno));
	snprintf(out, ADDRESS_BYTES, "ipc://@signsgd-%ld-%016llx", (long)getpid(),
	         (unsigned long long)chance);
}

static void launcher_clear(struct launcher *c)
{
	buf_clear(&c->settings);
	keyring_clear(&c->ring);
}

static int start(void *ctx, const struct settings *s, struct pool *pool, struct link *out, struct err *e)
{
	struct launcher *c = ctx;
	struct transport_env env = {
	        .workers = (int)s->workers, .pool = pool, .stop = run_stop_flag(), .endpoint = &c->endpoint};
	keyring_make(&c->ring, (int)s->workers);
	settings_remote(s, &c->settings);
	choose_address(c->address);
	c->endpoint = (struct endpoint){.trust = ENDPOINT_TOKENS,
	                                .address = c->address,
	                                .ring = &c->ring,
	                                .settings = c->settings.text,
	                                .collect = true,
	                                .shards = c->at,
	                                .n_shards = zmq_shards(s->transport.state) - 1};
	for (int i = 0; i < c->endpoint.n_shards; i++) {
		choose_address(c->shards[i]);
		c->at[i] = c->shards[i];
	}
	const struct transport *row = (const struct transport *)s->transport.row;
	if (row->open(s->transport.state, &env, out, e)) {
		launcher_clear(c);
		return -1;
	}
	catch_children(true);
	if (!spawn_all(c, s, e))
		return 0;
	take_down();
	out->row->close(out->self);
	launcher_clear(c);
	return -1;
}

static void finish(void *ctx, struct link *link)
{
	link->row->close(link->self);
	take_down();
	launcher_clear(ctx);
}

int train_processes(struct training *t, struct pool *pool)
{
	struct launcher launcher = {.training = t};
	struct run_job job = {.row = t->row, .start = start, .finish = finish, .ctx = &launcher};
	signal(SIGPIPE, SIG_IGN); /* a worker that dies while it is handed its keys is no end of ours */
	t->session.job = &job;
	int code = session_run(&t->session, pool);
	session_summary(&t->session);
	return code;
}
