/* Transport zmq: a server and its workers in processes of their own. */
#include <criterion/criterion.h>
#include "tests/cli.h"
#include "tests/zmq_peer.h"

/* As many processes as there are hosts; the run from beginning to end; all bits compared. */
static void run_sound(const struct toy *t, enum site_trust trust, const char *address, const char *row,
                      struct toy_host *hosts, int n_hosts)
{
	static struct toy_server s;
	struct err e = {0};
	float *want = mem_array(t->n, sizeof *want);
	for (int i = 0; i < n_hosts; i++)
		toy_host_start(t, hosts, i, trust);
	toy_server_open(&s, t, trust, address, row);
	for (int i = 0; i < n_hosts; i++)
		toy_host_tell(&hosts[i], zmq_server_address(s.link.self),
		              trust == SITE_OPEN ? NULL : &s.ring);
	cr_assert_eq(s.link.row->sync(s.link.self, &s.state.st, &e), 0);
	for (int k = 0; k < t->steps; k++) {
		cr_assert_eq(toy_server_step(&s, 0, &e), EXCHANGE_DONE, "%s", e.text);
		cr_assert_eq(s.n_voters[k], t->workers);
		for (int m = 0; m < t->workers; m++) {
			cr_assert_eq(s.since[k][m], 0);
			cr_assert_eq(s.state.loss[m], m + k);
		}
	}
	s.link.row->leave(s.link.self, true, "done");
	toy_replay(t, t->steps, s.since, want);
	cr_assert_eq(memcmp(want, s.state.x, t->n * sizeof *want), 0, "the server's x is another");
	uint64_t hash, wanted = hash_words(0, want, t->n * sizeof *want);
	for (int i = 0; i < n_hosts; i++) {
		cr_assert_eq(toy_host_end(&hosts[i], &hash), 0);
		cr_assert_eq(hash, wanted, "host %d's x is another", i);
	}
	toy_server_close(&s);
	mem_free(want);
}

Test(zmq, same_bits_over_ipc_with_tokens)
{
	struct toy t;
	toy_open(&t, 3, 20, 1000, "vote");
	struct toy_host hosts[] = {{.count = 1, .first = 0, .fail_at = -1},
	                           {.count = 2, .first = 1, .fail_at = -1}};
	char address[64];
	snprintf(address, sizeof address, "ipc://@signsgd-test-%d", getpid());
	run_sound(&t, SITE_TOKENS, address, NULL, hosts, 2);
}

/* Two planes, running statistics, a last piece that is shorter than the others. */
Test(zmq, same_bits_in_pieces)
{
	static const char *const rows[] = {"{\"kind\":\"zmq\",\"buckets\":2}",
	                                   "{\"kind\":\"zmq\",\"buckets\":64}"};
	for (int i = 0; i < 2; i++) {
		struct toy t;
		toy_open(&t, 3, 20, 10007, "{\"kind\":\"vote\",\"zero\":\"abstain\",\"tie\":\"abstain\"}");
		t.running = 10;
		struct toy_host hosts[] = {{.count = 1, .first = 0, .fail_at = -1},
		                           {.count = 2, .first = 1, .fail_at = -1}};
		run_sound(&t, SITE_KEYS, "tcp://127.0.0.1:*", rows[i], hosts, 2);
	}
}

Test(zmq, same_bits_over_tcp_with_keys)
{
	struct toy t;
	toy_open(&t, 3, 20, 100001, "vote");
	struct toy_host hosts[] = {{.count = 1, .first = 0, .fail_at = -1},
	                           {.count = 1, .first = 1, .fail_at = -1},
	                           {.count = 1, .first = 2, .fail_at = -1}};
	run_sound(&t, SITE_KEYS, "tcp://127.0.0.1:*", NULL, hosts, 3);
}

Test(zmq, same_bits_with_floats_and_without_keys)
{
	struct toy t;
	toy_open(&t, 3, 10, 1100000, "mean"); /* pulls of more than 4 MiB */
	struct toy_host hosts[] = {{.count = 1, .first = 0, .fail_at = -1},
	                           {.count = 2, .first = 1, .fail_at = -1}};
	run_sound(&t, SITE_OPEN, "tcp://127.0.0.1:*", NULL, hosts, 2);
}

/* The program's own bench compares every answer in every process. */
Test(zmq, bench_round_checks_every_answer, .init = cli_open, .fini = cli_close)
{
	cr_expect_eq(cli("bench round --transport zmq --workers 3 -n 70001 --rounds 5 --check"), 0, "%s",
	             cli_err);
	cr_expect_eq(cli("bench round --transport zmq --tcp --workers 2 -n 1000 --rounds 5 --check "
	                 "--aggregator mean"),
	             0, "%s", cli_err);
	cli_expect(2, "--tcp is for", "bench round --tcp -n 1000 --rounds 2");
}
