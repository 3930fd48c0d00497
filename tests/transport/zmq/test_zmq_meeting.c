/* Transport zmq before the first round: servers that cannot be opened, clients that find nobody or are not
 * let in. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "tests/support/zmq_byzantine.h"

enum { WORKERS = 3, SETTLED_MS = 60000 };

Test(zmq_meeting, too_few_votes_end_the_round_with_a_sentence)
{
	struct err e = {0};
	struct toy toy;
	static struct toy_server server;
	toy_open(&toy, WORKERS, 10, 100, "vote");
	toy_server_open(&server, &toy, ENDPOINT_KEYS, "tcp://127.0.0.1:*",
	                "{\"kind\": \"zmq\", \"patience_s\": 0.2}");
	server.link.row->sync(server.link.self, &server.state.st, &e);
	cr_assert_eq(toy_server_step(&server, 0, &e), EXCHANGE_FAILED);
	cr_expect_str_eq(e.text, "step 1: found 0 votes after 0.2 s, expected at least 2 of 3 (the quorum)");
	cr_expect_eq(e.code, EXIT_WORLD);
	toy_server_close(&server);
	toy_close(&toy);
}

/* Its connection is lost before the server reads its HELLO: no news of that comes later. */
Test(zmq_meeting, who_dies_right_after_hello_is_not_taken_for_present)
{
	struct err e = {0};
	struct toy toy;
	static struct toy_server server;
	struct byzantine b;
	toy_open(&toy, WORKERS, 10, 100, "vote");
	toy_server_open(&server, &toy, ENDPOINT_OPEN, "tcp://127.0.0.1:*", NULL);
	server.link.row->sync(server.link.self, &server.state.st, &e);
	toy_server_listen(&server);
	struct server *s = server.link.self;
	zmq_pollitem_t hello = {.socket = s->router, .events = ZMQ_POLLIN};
	byzantine_open(&b, &toy, 0, zmq_server_address(s), NULL, NULL);
	byzantine_say(&b, (struct frame){.type = FRAME_HELLO, .step = FRAME_NOWHERE}, "dies", 4, -1);
	cr_assert_eq(zmq_poll(&hello, 1, SETTLED_MS), 1);
	byzantine_close(&b);
	for (int ms = 0; toy_server_fault(&server, -1, "handshake") == 0; ms++, usleep(1000))
		cr_assert_lt(ms, SETTLED_MS, "nobody saw that it is gone");
	/* ZeroMQ reports a loss a moment before it closes the socket: the server may find it open at first.
	 */
	const struct presence *p = &s->peers[0].presence;
	for (int ms = 0; p->route.bytes == 0 || p->connected; ms += 10) {
		cr_assert_lt(ms, SETTLED_MS, "it is taken for present");
		server_serve(s, 10);
	}
	for (int m = 0; m < WORKERS; m++)
		cr_expect(!s->peers[m].presence.connected && !s->peers[m].presence.awaited);
	toy_server_close(&server);
	toy_close(&toy);
}

Test(zmq_meeting, what_cannot_be_opened_says_why)
{
	struct err e = {0};
	struct keyring ring = {0};
	struct link link;
	struct pool *pool = pool_open(1);
	struct zmq_settings set = {.patience_s = 1, .buckets = 1, .shards = 1};
	struct endpoint endpoint = {.address = "tcp://127.0.0.1:*", .ring = &ring, .settings = "{}"};
	struct transport_env env = {.workers = 3, .pool = pool, .endpoint = &endpoint};
	cr_expect_eq(transport_zmq.open(&set, &env, &link, &e), -1);
	cr_expect(strstr(e.text, "server.secret"), "%s", e.text);
	keyring_make(&ring, 2);
	err_clear(&e);
	cr_expect_eq(transport_zmq.open(&set, &env, &link, &e), -1);
	cr_expect(strstr(e.text, "found those of 2 workers, expected 3"), "%s", e.text);
	env.workers = 2;
	endpoint.address = "tcp://203.0.113.1:5555"; /* nobody's (RFC 5737) */
	err_clear(&e);
	cr_expect_eq(transport_zmq.open(&set, &env, &link, &e), -1);
	cr_expect(strstr(e.text, "cannot listen on tcp://203.0.113.1:5555"), "%s", e.text);
	cr_expect(strstr(e.text, "no interface of this machine has that address"), "%s", e.text);
	endpoint.address = "tcp://no..such..host:5555";
	err_clear(&e);
	cr_expect_eq(transport_zmq.open(&set, &env, &link, &e), -1);
	cr_expect(strstr(e.text, "\"no..such..host\" is neither an address, nor a name"), "%s", e.text);
	keyring_clear(&ring);
	pool_close(pool);
}

/* ZeroMQ alone takes a name for an interface. */
Test(zmq_meeting, a_server_listens_at_the_name_of_a_host)
{
	struct toy toy;
	static struct toy_server server;
	toy_open(&toy, WORKERS, 10, 100, "vote");
	toy_server_open(&server, &toy, ENDPOINT_KEYS, "tcp://localhost:*", NULL);
	toy_server_close(&server);
	toy_close(&toy);
}

/* A client whose server is not there, or does not let it in, gives up within its patience. */
Test(zmq_meeting, nobody_there_is_a_sentence)
{
	struct err e = {0};
	struct keyring ring;
	keyring_make(&ring, 1);
	const struct curve_key *key = keyring_worker(&ring, 0);
	struct endpoint endpoint = {
	        .address = "tcp://127.0.0.1:1", .ring = &ring, .count = 1, .keys = &key, .patience_s = 0.3};
	cr_expect_null(zmq_client_join(&endpoint, &e));
	cr_expect(strstr(e.text, "server tcp://127.0.0.1:1: no connection for 0.3 s"), "%s", e.text);
	cr_expect_eq(e.code, EXIT_WORLD);
	keyring_clear(&ring);
}

/* Whose key the server does not know hears so at once. */
Test(zmq_meeting, a_key_that_is_not_known_is_a_sentence)
{
	struct err e = {0};
	struct toy_client client = {.count = 1, .first = 0, .fail_at = -1};
	struct toy toy;
	struct keyring others;
	static struct toy_server server;
	uint64_t hash;
	toy_open(&toy, 2, 10, 100, "vote");
	toy_client_start(&toy, &client, 0, ENDPOINT_KEYS);
	toy_server_open(&server, &toy, ENDPOINT_KEYS, "tcp://127.0.0.1:*", NULL);
	server.link.row->sync(server.link.self, &server.state.st, &e);
	keyring_make(&others, 1);
	others.at[0] = *keyring_find(&server.ring, KEYRING_SERVER);
	toy_client_tell(&client, zmq_server_address(server.link.self), &others);
	toy_server_listen(&server);
	cr_expect_eq(toy_client_end(&client, &hash), EXIT_WORLD); /* die() of the toy */
	cr_expect_geq(toy_server_fault(&server, -1, "unknown_key"), 1);
	toy_server_close(&server);
	toy_close(&toy);
	keyring_clear(&others);
}
