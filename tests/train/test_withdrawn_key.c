/*
 * A key that is withdrawn from the server's folder while a run goes on: it counts until the server is started
 * again, and is refused from then on.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "record/record.h"
#include "tests/support/process.h"
#include "tests/support/served.h"

TestSuite(withdrawn_key, .init = cli_open, .fini = cli_close, .timeout = 240);

enum { WORKERS = 3, W2 = 2 };

static const char experiment[] = "{\"name\":\"long\",\"workers\":3,\"steps\":3000,\"batch\":8,\"model\":"
                                 "\"softmax\",\"data\":{\"kind\":"
                                 "\"glyphs\",\"train\":300,\"test\":30},\"lr\":0.001,\"checkpoint\":{"
                                 "\"every\":50},\"eval\":{\"every\":"
                                 "50,\"train\":30}}";

static pid_t serve(const char *log, const char *what, int port)
{
	return served_start(log, "serve %s --listen tcp://127.0.0.1:%d --keys %s/server", what, port,
	                    cli_folder);
}

/* In how many of the steps after `since` was w2 counted? */
static int counted(long long since)
{
	char path[128];
	int64_t steps;
	int32_t *born;
	int count = 0;
	struct err e = {0};
	snprintf(path, sizeof path, "%s/own.h5", cli_folder);
	cr_assert_eq(record_read_voters(path, WORKERS, &steps, &born, &e), 0, "%s", e.text);
	for (int64_t k = since; k < steps; k++)
		count += born[k * WORKERS + W2] >= 0;
	mem_free(born);
	return count;
}

static void make_keys(void)
{
	cr_assert_eq(cli("keys new server w0 w1 w2 -o %s/workers", cli_folder), 0, "%s", cli_err);
	cr_assert_eq(cli("keys new w2 -o %s/new", cli_folder), 0, "%s", cli_err);
	cr_assert(process_shell("cd %s && mkdir -m 700 server && mv workers/server.secret server && "
	                        "cp workers/*.public server && cp workers/server.public new",
	                        cli_folder));
}

Test(withdrawn_key, counts_until_the_server_is_started_again)
{
	int port = served_free_port();
	char what[256], said[4096];
	make_keys();
	cli_write("e.json", experiment);
	snprintf(what, sizeof what, "%s/e.json --out %s/own.h5", cli_folder, cli_folder);
	pid_t server = serve("serve.log", what, port);
	pid_t two = served_start("two.log", "work --connect tcp://127.0.0.1:%d --keys %s/workers --workers 2",
	                         port, cli_folder);
	pid_t old = served_start("old.log", "work --connect tcp://127.0.0.1:%d --keys %s/workers --name w2",
	                         port, cli_folder);
	served_wait_for_steps("own", 0);
	cr_assert(process_shell("rm %s/server/w2.public", cli_folder));
	long long since = served_steps("own");
	served_wait_for_steps("own", since);
	kill(server, SIGINT);
	cr_assert_eq(process_wait(server), 130);
	cr_expect_gt(counted(since), 0);

	cli_expect(2, "found the public keys of 2 workers, expected 3",
	           "serve --resume %s/own.h5 --listen tcp://127.0.0.1:%d --keys %s/server", cli_folder, port,
	           cli_folder);
	cr_assert(process_shell("cp %s/new/w2.public %s/server", cli_folder, cli_folder));
	snprintf(what, sizeof what, "--resume %s/own.h5", cli_folder);
	server = serve("again.log", what, port);
	cr_expect_eq(process_wait(old), 2);
	served_log("old.log", said, sizeof said);
	cr_expect_not_null(strstr(said, "it does not let in the key of w2"), "%s", said);
	pid_t new = served_start("new.log", "work --connect tcp://127.0.0.1:%d --keys %s/new --name w2", port,
	                         cli_folder);
	cr_expect_eq(process_wait(two), 0);
	cr_expect_eq(process_wait(new), 0);
	cr_expect_eq(process_wait(server), 0);

	/* the others kept their states, and said of them what was recorded */
	cr_assert_eq(cli("show %s/own.h5", cli_folder), 0, "%s", cli_err);
	cr_expect_null(strstr(cli_out, "wrong_since"), "%s", cli_out);
	cr_expect_eq(cli("simulate --replay %s/own.h5 --quiet", cli_folder), 0, "%s", cli_err);
}
