/* A signal that comes before the first step: there is nothing to save, and the program ends at once. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "tests/support/process.h"
#include "tests/support/served.h"

TestSuite(run_signals, .init = cli_open, .fini = cli_close, .timeout = 120);

/* Drawing them takes minutes. */
static const char drawn[] = "{\"name\":\"x\",\"workers\":3,\"steps\":5,\"lr\":0.1,\"model\":\"softmax\","
                            "\"data\":{\"kind\":\"glyphs\",\"train\":1000000,\"clutter\":100}}";

/* Wait until the run has its place, stop it, and see that it leaves nothing there. */
static void stops(pid_t pid, int signal, const char *name)
{
	static const char *const left[] = {"x.h5", "x.h5.lock", "x.checkpoint.h5"};
	char said[4096], sentence[64];
	served_wait_for_file("x.h5.lock");
	kill(pid, signal);
	cr_expect_eq(process_wait(pid), 128 + signal);
	snprintf(sentence, sizeof sentence, "signsgd: ended at once by %s, as there was nothing to save",
	         name);
	served_log("log", said, sizeof said);
	cr_expect_not_null(strstr(said, sentence), "%s", said);
	for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
		char path[128];
		snprintf(path, sizeof path, "%s/%s", cli_folder, left[i]);
		cr_expect_not(file_there(path), "%s was left", path);
	}
}

Test(run_signals, end_each_command_while_it_makes_data)
{
	cli_write("x.json", drawn);
	stops(served_start("log", "simulate %s/x.json --out %s/x.h5", cli_folder, cli_folder), SIGTERM,
	      "SIGTERM");
	stops(served_start("log", "train %s/x.json --processes 2 --out %s/x.h5", cli_folder, cli_folder),
	      SIGINT, "SIGINT");
	stops(served_start("log", "serve %s/x.json --listen 'tcp://127.0.0.1:*' --insecure --out %s/x.h5",
	                   cli_folder, cli_folder),
	      SIGHUP, "SIGHUP");
}
