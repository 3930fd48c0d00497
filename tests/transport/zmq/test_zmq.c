/* Transport zmq: a server and its workers in processes of their own. */
#include <criterion/criterion.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/hash.h"
#include "tests/support/cli.h"
#include "tests/support/zmq_peer.h"

/* As many processes as there are clients; the run from beginning to end; all bits compared. */
static void run_sound(const struct toy *t, enum endpoint_trust trust, const char *address, const char *row,
                      struct toy_client *clients, int n_clients)
{
	static struct toy_server s;
	struct err e = {0};
	float *want = mem_array(t->n, sizeof *want);
	for (int i = 0; i < n_clients; i++)
		toy_client_start(t, clients, i, trust);
	toy_server_open(&s, t, trust, address, row);
	for (int i = 0; i < n_clients; i++)
		toy_client_tell(&clients[i], zmq_server_address(s.link.self),
		                trust == ENDPOINT_OPEN ? NULL : &s.ring);
	cr_assert_eq(s.link.row->sync(s.link.self, &s.state.st, &e), 0);
	for (int k = 0; k < t->steps; k++) {
		cr_assert_eq(toy_server_step(&s, 0, &e), EXCHANGE_DONE, "%s", e.text);
		cr_assert_eq(s.n_voters[k], t->workers);
		for (int m = 0; m < t->workers; m++) {
			cr_assert_eq(s.born[k][m], 0);
			cr_assert_eq(s.state.loss[m], m + k);
		}
	}
	s.link.row->leave(s.link.self, true, "done");
	toy_replay(t, t->steps, s.born, want);
	cr_assert_eq(memcmp(want, s.state.x, t->n * sizeof *want), 0, "the server's x is another");
	uint64_t hash, wanted = hash_words(0, want, t->n * sizeof *want);
	for (int i = 0; i < n_clients; i++) {
		cr_assert_eq(toy_client_end(&clients[i], &hash), 0);
		cr_assert_eq(hash, wanted, "client %d's x is another", i);
	}
	toy_server_close(&s);
	mem_free(want);
}

Test(zmq, same_bits_over_ipc_with_tokens)
{
	struct toy t;
	toy_open(&t, 3, 20, 1000, "vote");
	struct toy_client clients[] = {{.count = 1, .first = 0, .fail_at = -1},
	                               {.count = 2, .first = 1, .fail_at = -1}};
	char address[64];
	snprintf(address, sizeof address, "ipc://@signsgd-test-%d", getpid());
	run_sound(&t, ENDPOINT_TOKENS, address, NULL, clients, 2);
	toy_close(&t);
}

/* Two planes, running statistics, a last bucket that is shorter than the others. */
Test(zmq, same_bits_in_buckets)
{
	static const char *const rows[] = {"{\"kind\":\"zmq\",\"buckets\":2}",
	                                   "{\"kind\":\"zmq\",\"buckets\":64}"};
	for (int i = 0; i < 2; i++) {
		struct toy t;
		toy_open(&t, 3, 20, 10007, "{\"kind\":\"vote\",\"zero\":\"abstain\",\"tie\":\"abstain\"}");
		t.running = 10;
		struct toy_client clients[] = {{.count = 1, .first = 0, .fail_at = -1},
		                               {.count = 2, .first = 1, .fail_at = -1}};
		run_sound(&t, ENDPOINT_KEYS, "tcp://127.0.0.1:*", rows[i], clients, 2);
		toy_close(&t);
	}
}

Test(zmq, same_bits_over_tcp_with_keys)
{
	struct toy t;
	toy_open(&t, 3, 20, 100001, "vote");
	struct toy_client clients[] = {{.count = 1, .first = 0, .fail_at = -1},
	                               {.count = 1, .first = 1, .fail_at = -1},
	                               {.count = 1, .first = 2, .fail_at = -1}};
	run_sound(&t, ENDPOINT_KEYS, "tcp://127.0.0.1:*", NULL, clients, 3);
	toy_close(&t);
}

Test(zmq, same_bits_with_floats_and_without_keys)
{
	struct toy t;
	toy_open(&t, 3, 10, 1100000, "mean"); /* pulls of more than 4 MiB */
	struct toy_client clients[] = {{.count = 1, .first = 0, .fail_at = -1},
	                               {.count = 2, .first = 1, .fail_at = -1}};
	run_sound(&t, ENDPOINT_OPEN, "tcp://127.0.0.1:*", NULL, clients, 2);
	toy_close(&t);
}

/* Bytes that the kernel has received on the connection of the message that comes next. */
static uint64_t received(void *router)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof info;
	zmq_msg_t m;
	zmq_msg_init(&m);
	cr_assert_geq(zmq_msg_recv(&m, router, 0), 0); /* route */
	cr_assert_geq(zmq_msg_recv(&m, router, 0), 0);
	int fd = zmq_msg_get(&m, ZMQ_SRCFD);
	cr_assert_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
	zmq_msg_close(&m);
	return info.tcpi_bytes_received;
}

static void check_wire(enum endpoint_trust trust)
{
	static const size_t sizes[] = {0, 72, 221, 222, 223, 255, 256, 100000};
	static char payload[100000];
	char address[256], server[2][CURVE_TEXT + 1], own[2][CURVE_TEXT + 1];
	size_t size = sizeof address;
	void *context = zmq_ctx_new();
	void *router = zmq_socket(context, ZMQ_ROUTER), *dealer = zmq_socket(context, ZMQ_DEALER);
	if (trust == ENDPOINT_KEYS) {
		zmq_curve_keypair(server[0], server[1]);
		zmq_curve_keypair(own[0], own[1]);
		zmq_socket_set(router, ZMQ_CURVE_SERVER, 1);
		zmq_setsockopt(router, ZMQ_CURVE_SECRETKEY, server[1], CURVE_TEXT + 1);
		zmq_setsockopt(dealer, ZMQ_CURVE_SERVERKEY, server[0], CURVE_TEXT + 1);
		zmq_setsockopt(dealer, ZMQ_CURVE_PUBLICKEY, own[0], CURVE_TEXT + 1);
		zmq_setsockopt(dealer, ZMQ_CURVE_SECRETKEY, own[1], CURVE_TEXT + 1);
	}
	cr_assert_eq(zmq_bind(router, "tcp://127.0.0.1:*"), 0);
	zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, address, &size);
	cr_assert_eq(zmq_connect(dealer, address), 0);
	zmq_send(dealer, payload, 1, 0);
	uint64_t before = received(router);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		zmq_send(dealer, payload, sizes[i], 0);
		uint64_t now = received(router);
		cr_expect_eq(now - before, zmq_wire_bytes(trust, sizes[i]), "%zu bytes are %llu", sizes[i],
		             (unsigned long long)(now - before));
		before = now;
	}
	zmq_close(dealer);
	zmq_close(router);
	zmq_ctx_term(context);
}

Test(zmq, bytes_are_those_that_the_kernel_counts)
{
	check_wire(ENDPOINT_OPEN);
	check_wire(ENDPOINT_KEYS);
}

/* The program's own bench compares every answer in every process. */
Test(zmq, bench_round_checks_every_answer, .init = cli_open, .fini = cli_close)
{
	cr_expect_eq(cli("bench round --transport zmq --workers 3 -n 70001 --rounds 5 --check"), 0, "%s",
	             cli_err);
	cr_expect_eq(cli("bench round --transport zmq --aggregator median --workers 3 -n 70001 --rounds 3 "
	                 "--check"),
	             0, "%s", cli_err);
	cr_expect_eq(cli("bench round --transport zmq --tcp --workers 2 -n 1000 --rounds 5 --check "
	                 "--aggregator mean"),
	             0, "%s", cli_err);
	cli_expect(2, "--tcp is for", "bench round --tcp -n 1000 --rounds 2");
}
