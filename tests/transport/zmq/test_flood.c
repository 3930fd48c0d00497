/* The flood guard when it gets the processor late: the server has read messages of a connection before the
 * guard hears of it. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>
#include "base/mem.h"
#include "transport/zmq/server_flood.h"

enum { TASKS = 64, VOTE = 60000, VOTES = 4, FLOOD = 1 << 20, SETTLED_MS = 60000 };

static volatile sig_atomic_t hold, held;

static void stand_still(int signal)
{
	static const struct timespec moment = {.tv_nsec = 1000000};
	(void)signal;
	held = 1;
	while (hold)
		nanosleep(&moment, NULL);
}

/* The threads of this process. */
static int threads(long out[TASKS])
{
	DIR *dir = opendir("/proc/self/task");
	int count = 0;
	cr_assert_not_null(dir);
	for (struct dirent *d = readdir(dir); d && count < TASKS; d = readdir(dir))
		if (d->d_name[0] != '.')
			out[count++] = strtol(d->d_name, NULL, 10);
	closedir(dir);
	return count;
}

static long new_thread(const long *before, int count)
{
	long now[TASKS];
	int n = threads(now);
	for (int i = 0; i < n; i++) {
		bool known = false;
		for (int j = 0; j < count; j++)
			known |= now[i] == before[j];
		if (!known)
			return now[i];
	}
	cr_assert_fail("no thread of the guard");
	return 0;
}

/* Read a message of the peer, as the server does; its connection's number. */
static int hear(void *router, struct flood *g)
{
	zmq_msg_t route, m;
	zmq_msg_init(&route);
	zmq_msg_init(&m);
	cr_assert(zmq_msg_recv(&route, router, 0) >= 0 && zmq_msg_recv(&m, router, 0) >= 0);
	int fd = zmq_msg_get(&m, ZMQ_SRCFD);
	flood_seen(g, fd, zmq_msg_size(&m));
	zmq_msg_close(&route);
	zmq_msg_close(&m);
	return fd;
}

static uint64_t floods(const struct faults *f, int m)
{
	return __atomic_load_n(&f->counts[(size_t)m * FAULTS + FAULT_FLOOD], __ATOMIC_RELAXED);
}

static void wait_for_connection(void *socket, bool there)
{
	for (int ms = 0;; ms++, usleep(1000)) {
		int events = 0;
		size_t size = sizeof events;
		zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size);
		if (there == ((events & ZMQ_POLLOUT) != 0))
			return;
		cr_assert_lt(ms, SETTLED_MS, "%s", there ? "no connection" : "a flood is not cut off");
	}
}

/* A stranger floods, and is cut off: the guard looks at the connections before in the same turn. */
static void wait_for_look(void *context, const char *address)
{
	static char junk[FLOOD];
	int never = -1, none = 0, yes = 1;
	void *stranger = zmq_socket(context, ZMQ_DEALER);
	zmq_setsockopt(stranger, ZMQ_LINGER, &none, sizeof none);
	zmq_setsockopt(stranger, ZMQ_RECONNECT_IVL, &never, sizeof never);
	zmq_setsockopt(stranger, ZMQ_IMMEDIATE, &yes, sizeof yes);
	zmq_connect(stranger, address);
	wait_for_connection(stranger, true);
	zmq_send(stranger, junk, sizeof junk, 0);
	wait_for_connection(stranger, false);
	zmq_close(stranger);
}

Test(flood, who_was_heard_before_the_guard_knew_is_no_flood)
{
	static char vote[VOTE];
	long before[TASKS];
	char address[64];
	size_t size = sizeof address;
	struct faults f = {.workers = 1};
	f.counts = mem_array(faults_size(&f), sizeof *f.counts);
	void *context = zmq_ctx_new(), *router = zmq_socket(context, ZMQ_ROUTER);
	int count = threads(before), fd = -1, linger = 0;
	struct flood *g = flood_start(context, router, "tcp://127.0.0.1:*", VOTE, &f);
	long guard = new_thread(before, count);
	signal(SIGUSR1, stand_still);
	hold = 1;
	cr_assert_eq(syscall(SYS_tgkill, getpid(), guard, SIGUSR1), 0);
	while (!held)
		usleep(1000);
	cr_assert_eq(zmq_bind(router, "tcp://127.0.0.1:*"), 0);
	zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, address, &size);
	void *worker = zmq_socket(context, ZMQ_DEALER);
	zmq_setsockopt(worker, ZMQ_LINGER, &linger, sizeof linger);
	zmq_connect(worker, address);
	zmq_send(worker, "hello", 5, 0);
	fd = hear(router, g);
	flood_owner(g, fd, 0);
	for (int i = 0; i < VOTES; i++) {
		zmq_send(worker, vote, sizeof vote, 0);
		cr_expect_eq(hear(router, g), fd);
	}
	hold = 0;
	for (int i = 0; i < 2; i++)
		wait_for_look(context, address);
	cr_expect_eq(floods(&f, 0), 0);
	cr_expect_eq(floods(&f, 1), 2, "%d connections were cut off, expected those of the two strangers",
	             (int)floods(&f, 1));
	cr_expect_neq(flood_socket_id(fd), 0);
	flood_stop(g);
	zmq_close(worker);
	zmq_close(router);
	zmq_ctx_term(context);
	mem_free(f.counts);
}
