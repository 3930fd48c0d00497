/*
 * Faults between a server and its workers, with the program itself: processes that are killed, stopped and
 * started again, strangers and half-open connections at the door. Each run must end with the bits that
 * `simulate --replay` finds for its voters.
 */
#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>
#include "record/record.h"
#include "base/rng.h"
#include "tests/support/gate.h"
#include "tests/support/served.h"
#include "transport/keys/keyring.h"

enum { WORKERS = 3, HALF_OPEN = 500, DRIP_MS = 50, OVERSIZE = 10000, OVERSIZE_BYTES = 100000 };

/*
 * Votes for 120 steps of all workers, of which the file then shows 100, or 180 steps of a quorum: not all of
 * a run. Twice that, and the 250 after which a worker is seen to be back, are not all of a long one.
 */
enum { LONG = 700, VOTE_BYTES = 1100, SOME_STEPS = 120, SOME_BYTES = WORKERS * SOME_STEPS * VOTE_BYTES };

#define LONG_STEPS "--steps 700" /* as LONG says */

/*
 * A run of three workers, of which two are a quorum. They come through a gate, so that no run is over before
 * its test has done to it what it means to.
 */
struct scene {
	int port, door; /* the server's; the gate's, where workers connect */
	struct gate *gate;
	pid_t server, workers[WORKERS];
};

static struct scene scene;

static void scene_open(void)
{
	cli_open();
	cli_write("e.json",
	          "{\"name\":\"faults\",\"workers\":3,\"steps\":350,\"batch\":8,\"model\":\"softmax\","
	          "\"data\":{\"kind\":\"glyphs\",\"train\":300,\"test\":30},\"lr\":0.001,\"momentum\":0.9,"
	          "\"checkpoint\":{\"every\":50},\"eval\":{\"every\":500,\"train\":30},"
	          "\"transport\":{\"kind\":\"zmq\",\"deadline_s\":0.3}}");
	cr_assert_eq(cli("keys new server w0 w1 w2 -o %s/keys", cli_folder), 0, "%s", cli_err);
	scene = (struct scene){.port = served_free_port(), .door = served_free_port()};
	scene.gate = gate_open(scene.door, scene.port);
}

/* Whatever a test that failed has left. */
static void scene_close(void)
{
	for (int i = 0; i <= WORKERS; i++) {
		pid_t pid = i < WORKERS ? scene.workers[i] : scene.server;
		if (pid <= 0)
			continue;
		kill(pid, SIGKILL);
		process_wait(pid);
	}
	gate_close(scene.gate);
	cli_close();
}

TestSuite(faults, .init = scene_open, .fini = scene_close, .timeout = 240);

static void serve(const char *options)
{
	scene.server = served_start("serve.log",
	                            "serve %s/e.json --listen tcp://127.0.0.1:%d --keys %s/keys --out "
	                            "%s/run.h5 %s",
	                            cli_folder, scene.port, cli_folder, cli_folder, options);
}

static void serve_again(void)
{
	scene.server =
	        served_start("again.log",
	                     "serve --resume %s/run.h5 --listen tcp://127.0.0.1:%d --keys %s/keys --set "
	                     "transport.patience_s=60",
	                     cli_folder, scene.port, cli_folder);
}

static void work(int m)
{
	char log[16];
	snprintf(log, sizeof log, "w%d.log", m);
	scene.workers[m] =
	        served_start(log, "work --connect tcp://127.0.0.1:%d --keys %s/keys --name w%d --lanes 1",
	                     scene.door, cli_folder, m);
}

static void work_all(void)
{
	for (int m = 0; m < WORKERS; m++)
		work(m);
}

/* Until the file shows steps. The run is not over then: there are no votes for that. */
static void train_for_a_while(void)
{
	gate_allow(scene.gate, SOME_BYTES);
	served_wait_for_steps("run", 50);
}

static void kill_hard(pid_t *pid)
{
	kill(*pid, SIGKILL);
	cr_assert_eq(process_wait(*pid), 256 + SIGKILL);
	*pid = 0;
}

/* What a process of that log has said; in cli_err. */
static void expect_said(const char *log, const char *part)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", cli_folder, log);
	file_text(path, cli_err, sizeof cli_err);
	cr_expect_not_null(strstr(cli_err, part), "%s: '%s' does not say '%s'", log, cli_err, part);
}

static void expect_end(pid_t *pid, const char *log, int code)
{
	int found = process_wait(*pid);
	char path[128];
	*pid = 0;
	snprintf(path, sizeof path, "%s/%s", cli_folder, log);
	cr_expect_eq(found, code, "%s: exit %d, expected %d: %s", log, found, code,
	             file_text(path, cli_err, sizeof cli_err));
}

/* The server and these workers end well, and the run is what its voters make it. */
static void expect_good_end(const char *server_log, int first, int last)
{
	char log[16];
	expect_end(&scene.server, server_log, 0);
	for (int m = first; m <= last; m++) {
		snprintf(log, sizeof log, "w%d.log", m);
		expect_end(&scene.workers[m], log, 0);
	}
	cr_expect_eq(cli("simulate --replay %s/run.h5 --out %s/replay.h5 --quiet", cli_folder, cli_folder), 0,
	             "%s", cli_err);
}

/* In how many steps a worker was counted, and when its last state began. */
static int counted(int m, int32_t *born)
{
	char path[128];
	int64_t steps = 0;
	int32_t *voters = NULL;
	struct err e = {0};
	int count = 0;
	snprintf(path, sizeof path, "%s/run.h5", cli_folder);
	cr_assert_eq(record_read_voters(path, WORKERS, &steps, &voters, &e), 0, "%s", e.text);
	cr_assert_eq(steps, LONG);
	for (int64_t k = 0; k < steps; k++) {
		if (voters[k * WORKERS + m] < 0)
			continue;
		*born = voters[k * WORKERS + m];
		count++;
	}
	mem_free(voters);
	return count;
}

/*
 * The run goes on without a worker that was killed. Then a second one stands still, and it waits, so that the
 * first is there again before it is over, however fast it is.
 */
Test(faults, a_killed_worker_is_missed_by_none_and_comes_back)
{
	int32_t born = 0;
	serve(LONG_STEPS);
	work_all();
	train_for_a_while();
	kill_hard(&scene.workers[2]);
	long long without = served_steps("run") + 100;
	gate_allow(scene.gate, SOME_BYTES);
	served_wait_for_steps("run", without);
	kill(scene.workers[1], SIGSTOP);
	work(2);
	gate_lift(scene.gate);
	served_wait_for_steps("run", served_steps("run") + 200);
	kill(scene.workers[1], SIGCONT);
	process_wait(scene.workers[1]); /* well, or the server has gone before it knew */
	scene.workers[1] = 0;
	expect_end(&scene.workers[0], "w0.log", 0);
	expect_good_end("serve.log", 2, 2);
	int count = counted(2, &born);
	cr_expect_gt(born, without - 100, "it goes on with a state that it cannot have");
	cr_expect(count >= 50 && count <= LONG - 50, "worker 2 was counted %d times", count);
}

Test(faults, below_quorum_the_server_saves_and_says_why)
{
	work_all();
	/* All three come in time on a busy machine too: they are started before the server is. */
	serve("--set transport.patience_s=12");
	train_for_a_while();
	kill_hard(&scene.workers[1]);
	kill_hard(&scene.workers[2]);
	gate_lift(scene.gate);
	expect_end(&scene.server, "serve.log", 1);
	expect_said("serve.log", "1 votes of 2 that it needs; waiting up to 12 s for more");
	expect_said("serve.log", "found 1 votes after 12 s, expected at least 2 of 3 (the quorum)");
	cli_expect(0, "", "show %s/run.h5", cli_folder);
	/* The keys of its transport are those that it began with. */
	cli_expect(1, "after 12 s, expected at least 2 of 3 (the quorum)",
	           "serve --resume %s/run.h5 --listen tcp://127.0.0.1:%d --keys %s/keys", cli_folder,
	           scene.port, cli_folder);
	work(1);
	work(2);
	serve_again();
	expect_good_end("again.log", 0, 2);
}

Test(faults, workers_wait_for_a_server_that_was_killed)
{
	serve("");
	work_all();
	train_for_a_while();
	kill_hard(&scene.server);
	gate_lift(scene.gate);
	process_sleep_ms(500);
	serve_again();
	expect_good_end("again.log", 0, 2);
	expect_said("again.log", "resumed after step");
}

/* Its last word is often read when its connection is gone already; it was there, and is counted as no fault.
 */
Test(faults, a_worker_that_leaves_has_no_fault)
{
	serve("");
	work_all();
	train_for_a_while();
	gate_allow(scene.gate, SOME_BYTES);
	kill(scene.workers[2], SIGTERM);
	expect_end(&scene.workers[2], "w2.log", 128 + SIGTERM);
	served_wait_for_steps("run", 100);
	kill(scene.server, SIGTERM);
	expect_end(&scene.server, "serve.log", 128 + SIGTERM);
	cli_expect(0, "", "show %s/run.h5", cli_folder);
	cr_expect_null(strstr(cli_out, "unannounced"), "%s", cli_out);
}

/* The run's file has counted such a fault: in its own words, which `show` breaks into lines. */
static void expect_counted(const char *fault)
{
	char path[256];
	struct buf said = {0};
	struct err e = {0};
	snprintf(path, sizeof path, "%s/run.h5", cli_folder);
	cr_assert_eq(record_say_faults(path, &said, &e), 0, "%s", e.text);
	cr_expect_not_null(strstr(said.text, fault), "expected \"%s\", found \"%s\"", fault, said.text);
	buf_clear(&said);
}

/* The last process that connects with a key speaks for it; the one before it is told, and ends. */
Test(faults, the_same_worker_on_another_machine_takes_its_place)
{
	serve("");
	work_all();
	train_for_a_while();
	kill(scene.workers[0], SIGSTOP); /* until it is here, the run waits: two are a quorum */
	kill(scene.workers[1], SIGSTOP);
	gate_lift(scene.gate);
	pid_t first = scene.workers[2];
	scene.workers[2] =
	        served_start("other.log", "work --connect tcp://127.0.0.1:%d --keys %s/keys --name w2",
	                     scene.door, cli_folder);
	expect_end(&first, "w2.log", 2);
	expect_said("w2.log", "another process has connected with the key of this worker");
	kill(scene.workers[0], SIGCONT);
	kill(scene.workers[1], SIGCONT);
	expect_end(&scene.workers[2], "other.log", 0);
	expect_good_end("serve.log", 0, 1);
	expect_counted("takeover: 1 of worker 2");
}

/* Whose key is not on the list learns nothing, and gives up by itself. */
Test(faults, strangers_stay_outside)
{
	serve("");
	cr_assert_eq(cli("keys new stranger -o %s/other", cli_folder), 0, "%s", cli_err);
	char copy[256];
	snprintf(copy, sizeof copy, "cp %s/keys/server.public %s/other/", cli_folder, cli_folder);
	cr_assert_eq(system(copy), 0);
	cli_expect(2, "does not let in the key of stranger",
	           "work --connect tcp://127.0.0.1:%d --keys %s/other --patience 2s", scene.port, cli_folder);
	cli_expect(1, "no connection for 2 s", "work --connect tcp://127.0.0.1:%d --insecure --patience 2s",
	           scene.port);
	work_all();
	gate_lift(scene.gate);
	expect_good_end("serve.log", 0, 2);
	expect_counted("unknown_key: ");
}

/* --- at the door ---------------------------------------------------------------------------------------- */

static int knock(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	                         .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	for (int ms = 0; fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to); ms += SERVED_POLL_MS) {
		if (ms > SERVED_PATIENCE_MS)
			return -1;
		process_sleep_ms(SERVED_POLL_MS);
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

/* The greeting of ZeroMQ's protocol, of which each connection below says some. */
static const unsigned char greeting[64] = {0xff, [9] = 0x7f, [10] = 3, [12] = 'C', 'U', 'R', 'V', 'E'};

/* Connection i: says nothing; or a byte of the greeting now and then; or random bytes. False: it is shut. */
static bool drip(int fd, int i, int turn, const struct stream *random)
{
	unsigned char junk[256], byte;
	ssize_t sent = 0;
	for (size_t k = 0; k < sizeof junk; k++)
		junk[k] = (unsigned char)stream_bits(random, (uint64_t)turn * sizeof junk + k);
	if (i % 10 == 0)
		sent = send(fd, &greeting[turn % 64], 1, MSG_NOSIGNAL);
	else if (i % 10 == 1)
		sent = send(fd, junk, sizeof junk, MSG_NOSIGNAL);
	return sent >= 0 && recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) != 0;
}

/* Keep so many connections open that never prove a key: whichever is shut comes again. Until killed. */
_Noreturn static void crowd(int port, int ready)
{
	static int fds[HALF_OPEN];
	struct stream random = stream_of(4, RNG_TEST, 0, 0);
	for (int i = 0; i < HALF_OPEN; i++)
		fds[i] = knock(port);
	if (write(ready, "r", 1) != 1)
		_exit(1);
	for (int turn = 0;; turn++) {
		for (int i = 0; i < HALF_OPEN; i++) {
			if (drip(fds[i], i, turn, &random))
				continue;
			close(fds[i]);
			fds[i] = knock(port);
		}
		process_sleep_ms(DRIP_MS);
	}
}

/*
 * Run with somebody at the door, a process that says when it is in full swing: all workers vote in every
 * round, and the third one comes only then.
 */
static void run_besieged(void (*besiege)(int port, int ready))
{
	int ready[2];
	char byte;
	serve(LONG_STEPS " --set transport.quorum=3");
	gate_lift(scene.gate);
	work(0);
	work(1);
	cr_assert_eq(pipe(ready), 0);
	fflush(NULL);
	pid_t foe = fork();
	if (foe == 0)
		besiege(scene.port, ready[1]);
	close(ready[1]);
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	work(2);
	expect_end(&scene.server, "serve.log", 0);
	kill(foe, SIGKILL);
	cr_expect_eq(process_wait(foe), 256 + SIGKILL, "the foe went away by itself");
	close(ready[0]);
	for (int m = 0; m < WORKERS; m++)
		expect_end(&scene.workers[m], "w0.log", 0);
	cr_expect_eq(cli("simulate --replay %s/run.h5 --out %s/replay.h5 --quiet", cli_folder, cli_folder), 0,
	             "%s", cli_err);
	expect_counted("handshake: ");
}

/* With 500 half-open connections, among them slow and chattering ones, workers join and hold the run. */
Test(faults, a_crowd_at_the_door_keeps_nobody_out)
{
	run_besieged(crowd);
}

/* With a worker's key: each message that is longer than any may be ends the connection that it came on. */
_Noreturn static void send_oversize(int port, int ready)
{
	static char message[OVERSIZE_BYTES];
	char address[64], keys[128];
	struct keyring ring;
	struct err e = {0};
	int second = 1000;
	snprintf(address, sizeof address, "tcp://127.0.0.1:%d", port);
	snprintf(keys, sizeof keys, "%s/keys", cli_folder);
	void *dealer = zmq_socket(zmq_ctx_new(), ZMQ_DEALER);
	if (keyring_read(&ring, keys, &e))
		_exit(1);
	const struct curve_key *own = keyring_find(&ring, "w1");
	zmq_setsockopt(dealer, ZMQ_CURVE_SERVERKEY, keyring_find(&ring, KEYRING_SERVER)->public_key,
	               CURVE_TEXT + 1);
	zmq_setsockopt(dealer, ZMQ_CURVE_PUBLICKEY, own->public_key, CURVE_TEXT + 1);
	zmq_setsockopt(dealer, ZMQ_CURVE_SECRETKEY, own->secret_key, CURVE_TEXT + 1);
	zmq_setsockopt(dealer, ZMQ_SNDTIMEO, &second, sizeof second);
	zmq_setsockopt(dealer, ZMQ_RECONNECT_IVL, &(int){1}, sizeof(int));
	zmq_connect(dealer, address);
	for (int i = 0; i < OVERSIZE; i++)
		while (zmq_send(dealer, message, sizeof message, 0) < 0)
			continue;
	if (write(ready, "r", 1) != 1)
		_exit(1);
	for (;;)
		zmq_send(dealer, message, sizeof message, 0);
}

Test(faults, ten_thousand_oversize_messages_change_nothing)
{
	run_besieged(send_oversize);
}
