/* The command line from outside: what it says of what was left out, misplaced or meant otherwise. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <signal.h>
#include "h5/h5.h"
#include "tests/support/cli.h"

static void begin(void)
{
	cli_open();
	cli_write("alone.json", "{\"steps\":3,\"batch\":1,\"model\":\"quadratic\"}");
	cli_write("all.json", "{\"steps\":3,\"batch\":1,\"model\":\"quadratic\",\"workers\":3}");
}

TestSuite(cli_words, .init = begin, .fini = cli_close, .timeout = 120);

Test(cli_words, what_a_file_leaves_out_is_told)
{
	cli_expect(0, "no `workers` given: one worker trains alone", "validate %s/alone.json", cli_folder);
	cr_expect_eq(cli("validate %s/alone.json --workers 1", cli_folder), 0);
	cr_expect_null(strstr(cli_err, "`workers`"), "%s", cli_err);
	cli_expect(0, "no `adversaries.attack` given: Byzantine workers do \"invert\"",
	           "validate %s/all.json --adversaries 1", cli_folder);
	cr_expect_eq(cli("validate %s/all.json --adversaries 1 --attack zero", cli_folder), 0);
	cr_expect_null(strstr(cli_err, "attack"), "%s", cli_err);
	cr_expect_eq(cli("validate %s/all.json", cli_folder), 0);
	cr_expect_str_eq(cli_err, "");
}

Test(cli_words, what_a_file_leaves_out_is_told_when_only_errors_are_asked_for)
{
	cli_expect(0, "alone.json: no `workers` given", "simulate %s/alone.json --quiet --out %s/a.h5",
	           cli_folder, cli_folder);
	cli_expect(0, "no `adversaries.attack` given: Byzantine workers do \"invert\"",
	           "simulate %s/all.json --adversaries 1 --quiet --out %s/b.h5", cli_folder, cli_folder);
}

Test(cli_words, an_attack_of_nobody_is_told)
{
	static const char *const said[] = {"--adversaries 1", "--adversaries 0",
	                                   "--set 'sweep={\"adversaries.count\":[0,1]}'"};
	static const char idle[] =
	        "`adversaries.attack` given and no `adversaries.count`: nobody is Byzantine";
	cli_write("idle.json", "{\"steps\":3,\"batch\":1,\"model\":\"quadratic\",\"workers\":3,"
	                       "\"adversaries\":{\"attack\":\"zero\"}}");
	cli_expect(0, idle, "validate %s/idle.json", cli_folder);
	cli_expect(0, idle, "validate %s/all.json --attack zero", cli_folder);
	for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
		cr_expect_eq(cli("validate %s/idle.json %s", cli_folder, said[i]), 0, "%s", cli_err);
		cr_expect_null(strstr(cli_err, "nobody is Byzantine"), "%s: %s", said[i], cli_err);
	}
}

/* Where nothing is shared, or nothing of it drawn. */
Test(cli_words, a_partition_that_changes_nothing_is_told)
{
	static const char partition[] =
	        "`partition` given and no samples to share (data \"none\"): it changes nothing";
	static const char seed[] = "`data_seed` given and no partition that is drawn: it changes nothing";
	static const char glyphs[] = "--set model=softmax --set data=glyphs";
	cli_expect(0, partition, "validate %s/all.json --set partition=label-shards", cli_folder);
	cli_expect(0, seed, "validate %s/all.json --set data_seed=5", cli_folder);
	cli_expect(0, seed, "validate %s/all.json %s --set partition=shards --set data_seed=5", cli_folder,
	           glyphs);
	static const char *const meant[] = {"--set partition=iid --set data_seed=5",
	                                    "--set partition=label-shards",
	                                    "--set data_seed=5 --set 'sweep.partition=[\"iid\",\"shards\"]'"};
	for (size_t i = 0; i < sizeof meant / sizeof *meant; i++) {
		cr_expect_eq(cli("validate %s/all.json %s %s", cli_folder, glyphs, meant[i]), 0, "%s",
		             cli_err);
		cr_expect_str_eq(cli_err, "", "%s", meant[i]);
	}
}

/* Who is Byzantine and what the rule is told of it are two numbers; fewer than there are is said. */
Test(cli_words, f_and_the_byzantine_are_both_said)
{
	static const char said[] =
	        "more workers are Byzantine than the aggregator is told: adversaries.count = "
	        "2 and aggregator.f = 1";
	cli_write(
	        "f.json",
	        "{\"steps\":3,\"batch\":1,\"model\":\"quadratic\",\"workers\":9,\"adversaries\":{\"count\":2,"
	        "\"attack\":\"zero\"},\"aggregator\":{\"kind\":\"krum\",\"f\":1,\"before\":[\"arc\",\"nnm\"]}"
	        "}");
	cli_expect(0, said, "validate %s/f.json", cli_folder);
	cr_expect_not_null(strstr(cli_out, "method       arc+nnm+krum, f = 1\n"), "%s", cli_out);
	cr_expect_not_null(strstr(cli_out, "Byzantine    2 of 9 workers, zero\n"), "%s", cli_out);
	cli_expect(0, said, "simulate %s/f.json --out %s/f.h5", cli_folder, cli_folder);
	cr_expect_eq(cli("show %s/f.h5", cli_folder), 0);
	cr_expect_not_null(strstr(cli_out, "arc+nnm+krum of 9 workers"), "%s", cli_out);
	cr_expect_eq(cli("validate %s/f.json --json", cli_folder), 0);
	cr_expect_not_null(
	        strstr(cli_out, "\"method\":\"arc+nnm+krum\",\"workers\":9,\"adversaries\":2,\"f\":1"), "%s",
	        cli_out);
	for (int f = 2; f < 4; f++) {
		cr_expect_eq(cli("validate %s/f.json --set aggregator.f=%d --set aggregator.before=nnm",
		                 cli_folder, f),
		             0, "%s", cli_err);
		cr_expect_null(strstr(cli_err, "more workers"), "%s", cli_err);
	}
	cli_expect(0, "in 2 of 4 runs more workers",
	           "validate %s/f.json --set 'sweep={\"adversaries.count\":[0,1,2,3]}'", cli_folder);
	cr_expect_not_null(strstr(cli_err, "f = 1 in the first of them"), "%s", cli_err);
	cr_expect_eq(cli("validate %s/all.json --json", cli_folder), 0);
	cr_expect_null(strstr(cli_out, "\"f\":"), "%s", cli_out);
}

Test(cli_words, an_empty_value_of_an_option_is_refused)
{
	static const char *const options[] = {"--out \"\"", "--out=", "--data \"\"",
	                                      "--resume=", "--set \"\""};
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		cli_expect(2, "found an empty one", "simulate %s/all.json %s", cli_folder, options[i]);
	cli_expect(2, "-o needs a value (FILE), found an empty one", "plot curves x.h5 -o \"\"");
}

/* Not by each process that the settings are sent to. */
Test(cli_words, a_warning_is_said_once_in_several_processes)
{
	static const char said[] = "more workers are Byzantine than the aggregator is told";
	cli_write("once.json",
	          "{\"steps\":2,\"batch\":1,\"model\":\"quadratic\",\"workers\":6,\"adversaries\":"
	          "{\"count\":2,\"attack\":\"zero\"},\"aggregator\":{\"kind\":\"krum\",\"f\":1}}");
	cli_expect(0, said, "train %s/once.json --processes 2 --quiet --out %s/once.h5", cli_folder,
	           cli_folder);
	cr_expect_null(strstr(strstr(cli_err, said) + 1, said), "%s", cli_err);
	cr_expect_null(strstr(cli_err, "settings of"), "%s", cli_err);
}

Test(cli_words, an_empty_path_is_called_that)
{
	static const char *const json[] = {"simulate", "train", "validate", "estimate"};
	for (size_t i = 0; i < sizeof json / sizeof *json; i++)
		cli_expect(2, "found an empty path, expected a JSON file", "%s \"\"", json[i]);
	cli_expect(2, "found an empty path, expected an HDF5 file", "show \"\"");
	cli_expect(2, "init.path: found an empty path, expected a file",
	           "validate %s/all.json --set init.kind=file --set init.path=", cli_folder);
}

Test(cli_words, keys_into_a_file_are_the_users_input)
{
	cli_write("plain.txt", "mine\n");
	cli_expect(2, "plain.txt: found a file, expected a folder for the keys", "keys new a -o %s/plain.txt",
	           cli_folder);
}

Test(cli_words, a_file_of_parameters_that_is_not_there_is_said_with_its_line)
{
	cli_write("start.json", "{\"steps\":3,\"batch\":1,\"model\":\"quadratic\",\"workers\":3,\n"
	                        "\"init\":{\"kind\":\"file\",\"path\":\"none.h5\"}}");
	cli_expect(2, "/start.json:2:30: init.path: none.h5: cannot be opened", "validate %s/start.json",
	           cli_folder);
}

Test(cli_words, a_sweep_to_a_file_that_is_no_folder_is_the_users_input)
{
	cli_write("plain", "mine\n");
	cli_expect(2, "found a file at",
	           "simulate %s/all.json --set seed=1 --set sweep={\\\"batch\\\":[1,2]} --out %s/plain",
	           cli_folder, cli_folder);
	cli_expect(2, "/plain, expected a folder", "simulate %s/all.json --out %s/plain/below/r.h5",
	           cli_folder, cli_folder);
}

/* How often a part is in a text. */
static int times(const char *text, const char *part)
{
	int count = 0;
	for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
		count++;
	return count;
}

Test(cli_words, the_path_is_not_named_twice)
{
	char path[512];
	struct h5 *f;
	snprintf(path, sizeof path, "%s/bare.h5", cli_folder);
	f = h5_create(path);
	h5_write_text(f, "/config/other", "{}");
	struct err e = {0};
	cr_assert_eq(h5_flush(f, false, &e), 0, "%s", e.text);
	h5_close(f);
	cr_expect_eq(cli("simulate --resume %s", path), 2);
	cr_expect_eq(times(cli_err, path), 1, "%s", cli_err);
}

Test(cli_words, addresses_are_answered_with_what_is_wrong)
{
	static const struct {
		const char *address, *part;
	} list[] = {
	        {"127.0.0.1:5609", "found no protocol, expected tcp://127.0.0.1:5609"},
	        {"localhost:5609", "found no protocol, expected tcp://localhost:5609"},
	        {"5609", "found no protocol and host, expected tcp://HOST:PORT"},
	        {"udp://127.0.0.1:5609", "found the protocol udp, expected tcp://HOST:PORT or ipc://PATH"},
	        {"tcp://:5609", "found no host"},
	        {"tcp://127.0.0.1", "found no port"},
	        {"tcp://127.0.0.1:", "found no port"},
	        {"tcp://[::1]", "found no port"},
	        {"tcp://127.0.0.1:99999", "found '99999' for a port, expected a number up to 65535"},
	        {"tcp://127.0.0.1:x", "found 'x' for a port"},
	        {"tcp://127.0.0.1:5606/", "found '5606/' for a port"},
	        {"tcp://127.0.0.1:-1", "found '-1' for a port"},
	};
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		cli_expect(2, list[i].part, "serve %s/all.json --insecure --listen %s", cli_folder,
		           list[i].address);
		cli_expect(2, list[i].part, "work --insecure --connect %s", list[i].address);
		cli_expect(2, list[i].part,
		           "serve %s/all.json --insecure --listen tcp://127.0.0.1:5609 --shards %s",
		           cli_folder, list[i].address);
	}
}

Test(cli_words, checkpoints_among_results_are_passed_over)
{
	cr_assert_eq(
	        cli("simulate %s/all.json --out %s/r.h5 --set checkpoint.keep=true", cli_folder, cli_folder),
	        0, "%s", cli_err);
	cli_expect(0, "r.checkpoint.h5: a checkpoint of a run, no result: passed over", "show %s/*.h5",
	           cli_folder);
	cr_expect_not_null(strstr(cli_out, "all"), "%s", cli_out);
}

Test(cli_words, a_checkpoint_alone_is_said_to_be_one)
{
	char found[300];
	cr_assert_eq(cli("simulate %s/all.json --out %s/r.h5 --json --set checkpoint.keep=true", cli_folder,
	                 cli_folder),
	             0, "%s", cli_err);
	const char *id = strstr(cli_out, "\"id\": \"");
	id = id ? id + 7 : strstr(cli_out, "\"id\":\"") + 6;
	snprintf(found, sizeof found,
	         "r.checkpoint.h5: is the checkpoint of run %.12s after step 3, no result; that stands in "
	         "%s/r.h5",
	         id, cli_folder);
	cli_expect(2, found, "show %s/r.checkpoint.h5", cli_folder);
	cli_expect(2, found, "show %s/r.checkpoint.h5 %s/r.checkpoint.h5", cli_folder, cli_folder);
	cr_expect_null(strstr(cli_err, "passed over"), "%s", cli_err);
	cli_expect(2, "show needs a result file", "show");
}

Test(cli_words, validate_looks_into_a_file_of_parameters)
{
	char path[512];
	struct err e = {0};
	const float two[2] = {1, 2};
	snprintf(path, sizeof path, "%s/start.h5", cli_folder);
	struct h5 *f = h5_create(path);
	h5_write(f, "/x", H5_F32, 1, (const size_t[]){2}, two);
	cr_assert_eq(h5_flush(f, false, &e), 0, "%s", e.text);
	h5_close(f);
	cli_expect(2, "all.json: init: ", "validate %s/all.json --set init.kind=file --set init.path=%s",
	           cli_folder, path);
	cli_expect(2, "tensor \"/x\" is 2, expected 1000",
	           "validate %s/all.json --set init.kind=file --set init.path=%s", cli_folder, path);
	cr_expect_eq(
	        cli("validate %s/all.json --set init.kind=file --set init.path=%s --set model.dimensions=2",
	            cli_folder, path),
	        0, "%s", cli_err);
}

Test(cli_words, validate_prints_settings_once_and_of_a_sweep_what_differs)
{
	cli_write("sweep.json",
	          "{\"steps\":3,\"batch\":1,\"model\":\"quadratic\",\"workers\":3,\"seeds\":[7,8],"
	          "\"sweep\":{\"momentum\":[0,0.5],\"aggregator\":[\"vote\",\"sign-mean\"]}}");
	cr_expect_eq(cli("validate %s/sweep.json", cli_folder), 0, "%s", cli_err);
	cr_expect_eq(times(cli_out, "\"weight_decay\""), 1, "%s", cli_out);
	cr_expect_eq(times(cli_out, ".h5"), 1 + 8, "%s", cli_out);
	const char *head = strstr(cli_out, "  id  ");
	cr_assert_not_null(head, "%s", cli_out);
	for (const char *const *key = (const char *const[]){"seed", "momentum", "aggregator", "output", NULL};
	     *key; key++)
		cr_expect_not_null(strstr(head, *key), "%s: %s", *key, head);
	cr_expect_null(strstr(head, "workers"), "the same in all runs: %s", head);
	cr_expect_eq(times(head, "sign-mean"), 4, "%s", head);
}
