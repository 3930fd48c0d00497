/*
 * The launcher of worker processes. This process is the server; it starts `signsgd work` for the workers and,
 * where several servers are asked for, `signsgd shard`. They meet at an address that is on no disk, and know
 * each other by keys that are thrown away after the run. The kernel kills them when this process dies, of
 * whatever cause, so no process is ever left behind.
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

/* A process that we started: workers, or a shard. */
struct child {
	pid_t pid;
	bool shard;
	volatile sig_atomic_t gone;
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
};

/* A signal handler sees only what is global. */
static struct child *children; /* [n_children] */
static volatile sig_atomic_t n_children;

/*
 * A child has ended. The run goes on without its workers, and stops when the user has to do something, when a
 * shard has failed, or when no process of workers is left and one of those that ended here has failed.
 */
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

/* --- arguments of a process --------------------------------------------------------------------------- */

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

static int share_of(int workers, int processes, int i)
{
	return (int)((long long)workers * (i + 1) / processes) - (int)((long long)workers * i / processes);
}

/* --- processes ---------------------------------------------------------------------------------------- */

/*
 * In the child: become the program that the arguments ask for, with keys on standard input. A terminal,
 * `timeout` or an init system sends its signals to all processes, but only the parent may act on them: it
 * stops the children once the workers' states are saved.
 */
_Noreturn static void become(const struct arguments *a, int keys, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_WORLD);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	dup2(keys, STDIN_FILENO);
	execv("/proc/self/exe", (char *const *)(uintptr_t)a->at);
	_exit(EXIT_WORLD);
}

/* Send a process the keys of `count` workers from *next on; count 0: a shard gets all keys. */
static int send_keys(const struct launcher *l, int count, int *next, int fd, struct err *e)
{
	if (count == 0)
		return keyring_send_all(&l->ring, fd, e);
	int *workers = mem_array((size_t)count, sizeof(*workers)); /* [count] */
	for (int k = 0; k < count; k++)
		workers[k] = (*next)++;
	int rc = keyring_send(&l->ring, (size_t)count, workers, fd, e);
	mem_free(workers);
	return rc;
}

/* Start a process for `count` workers from *next on (count 0: a shard), and send it its keys. */
static int spawn(const struct launcher *l, const struct arguments *a, int count, int *next, struct err *e)
{
	int ends[2], rc;
	pid_t parent = getpid();
	if (pipe2(ends, O_CLOEXEC))
		return err_world(e, "no pipe to a worker process: %s", strerror(errno));
	sigset_t block, before;
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &before); /* until the handler knows the child */
	pid_t pid = fork();
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		become(a, ends[0], parent);
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
	rc = send_keys(l, count, next, ends[1], e);
	close(ends[1]);
	return rc;
}

/* How many processes: --processes, else one a core; never more than workers. */
static int processes_of(const struct training *t, const struct settings *s)
{
	int wanted = t->processes > 0 ? t->processes : pool_cores();
	return wanted < s->workers ? wanted : (int)s->workers;
}

static int spawn_shards(const struct launcher *l, const char *lanes, struct err *e)
{
	int rc = 0;
	for (int i = 0; i < l->endpoint.n_shards && !rc; i++) {
		struct arguments a = {0};
		add(&a, "signsgd", "shard");
		add(&a, "--listen", l->at[i]);
		add(&a, "--keys", "-");
		add(&a, "--lanes", lanes);
		add(&a, "--quiet", NULL);
		rc = spawn(l, &a, 0, NULL, e);
		arena_clear(&a.arena);
	}
	return rc;
}

static int spawn_all(const struct launcher *l, const struct settings *s, struct err *e)
{
	struct arguments a = {0};
	int count = processes_of(l->training, s), next = 0, rc = 0;
	int lanes = l->training->session.lanes / count;
	const char *threads = arena_format(&a.arena, "%d", lanes > 0 ? lanes : 1);
	add(&a, "signsgd", "work");
	add(&a, "--connect", l->address);
	add(&a, "--keys", "-");
	add(&a, "--lanes", threads);
	add(&a, "--quiet", NULL);
	add_paths(&a, s);
	children = mem_array((size_t)(count + l->endpoint.n_shards), sizeof(*children));
	rc = spawn_shards(l, threads, e);
	for (int i = 0; i < count && !rc; i++)
		rc = spawn(l, &a, share_of((int)s->workers, count, i), &next, e);
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

/* Wait for all children, and kill those that do not end. A shard has nothing to save and is killed at once.
 */
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
	catch_children(true);
	if (!spawn_all(l, s, e))
		return 0;
	take_down();
	out->row->close(out->self);
	launcher_clear(l);
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
	signal(SIGPIPE, SIG_IGN); /* a worker may die before it has read its keys; workers inherit it */
	t->session.job = &job;
	int code = session_run(&t->session, pool);
	session_summary(&t->session);
	return code;
}
