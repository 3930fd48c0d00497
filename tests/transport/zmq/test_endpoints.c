/* What `train`, `serve` and `work` refuse before anything runs, and what a worker lets a server say. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "experiment/remote.h"
#include "tests/support/served.h"

static void open_endpoints(void)
{
	cli_open();
	cr_assert_eq(cli("keys new server w0 w1 w2 -o %s/keys", cli_folder), 0, "%s", cli_err);
}

TestSuite(endpoints, .init = open_endpoints, .fini = cli_close, .timeout = 60);

#define DEMO  "experiments/demo.json"
#define LOCAL "--listen tcp://127.0.0.1:5999"

Test(endpoints, serve_says_what_is_missing)
{
	cli_expect(2, "serve needs an address, as in --listen tcp://0.0.0.0:5555", "serve " DEMO);
	cli_expect(2, "--keys DIR is missing", "serve " DEMO " " LOCAL " --run 1");
	cli_expect(2, "serve holds one run, and the experiments given make 4",
	           "serve " DEMO " " LOCAL " --keys %s/keys", cli_folder);
	cli_expect(2, "--run: found '5', expected a whole number from 1 to 4",
	           "serve " DEMO " " LOCAL " --keys %s/keys --run 5", cli_folder);
	cli_expect(2, "found the public keys of 3 workers, expected 7",
	           "serve " DEMO " " LOCAL " --keys %s/keys --run 1", cli_folder);
	cli_expect(2, "serve is the server of transport \"zmq\", found \"local\"",
	           "serve " DEMO " " LOCAL " --keys %s/keys --run 1 --set transport=local", cli_folder);
	cli_expect(2, "the folder of keys cannot be opened",
	           "serve " DEMO " " LOCAL " --keys %s/nothing --run 1", cli_folder);
}

Test(endpoints, a_port_is_sixteen_bits)
{
	static const char *const bad[] = {"127.0.0.1:99999", "127.0.0.1", "127.0.0.1:", "127.0.0.1:-1"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cli_expect(2, "expected a number up to 65535",
		           "serve " DEMO " --run 1 --listen tcp://%s --keys %s/keys", bad[i], cli_folder);
}

Test(endpoints, a_quorum_is_a_number_of_workers)
{
	cli_expect(2, "transport.quorum: found 4, expected at most the 3 workers",
	           "serve " DEMO " " LOCAL
	           " --keys %s/keys --workers 3 --adversaries 1 --set transport.quorum=4 --out %s/x.h5",
	           cli_folder, cli_folder);
}

Test(endpoints, the_servers_own_secret_must_be_there)
{
	char path[128];
	snprintf(path, sizeof path, "%s/keys/server.secret", cli_folder);
	cr_assert_eq(unlink(path), 0);
	cli_expect(2, "the server's own secret is missing",
	           "serve " DEMO " " LOCAL " --keys %s/keys --workers 3 --adversaries 1", cli_folder);
}

Test(endpoints, a_secret_that_others_may_read_is_refused)
{
	char path[128];
	snprintf(path, sizeof path, "%s/keys/w1.secret", cli_folder);
	cr_assert_eq(chmod(path, 0640), 0);
	cli_expect(2, "0640", "work --connect tcp://127.0.0.1:5999 --keys %s/keys --name w1", cli_folder);
	cli_expect(2, "w1.secret", "work --connect tcp://127.0.0.1:5999 --keys %s/keys --name w1",
	           cli_folder);
}

Test(endpoints, without_keys_only_on_loopback_unless_one_knows)
{
	static const char *const near[] = {"tcp://127.0.0.1:1", "tcp://localhost:1", "ipc:///tmp/x"};
	cli_expect(2, "others can reach that address",
	           "serve " DEMO " --run 1 --listen tcp://0.0.0.0:5999 --insecure");
	cli_expect(2, "others can reach that address", "work --connect tcp://10.1.2.3:5999 --insecure");
	cli_expect(2, "found 'yes', expected nothing or =yes-i-know",
	           "work --connect tcp://10.1.2.3:5999 --insecure=yes");
	cli_expect(2, "give one of --keys and --insecure",
	           "work --connect tcp://127.0.0.1:5999 --insecure --keys %s/keys", cli_folder);
	cli_expect(2, "others can reach that address", "work --connect tcp://127.example.com:1 --insecure");
	cli_expect(2, "others can reach that address",
	           "work --connect 'tcp://127.0.0.1:0;10.1.2.3:5999' --insecure");
	for (size_t i = 0; i < sizeof near / sizeof *near; i++)
		cli_expect(1, "no connection for 0.2 s", "work --connect %s --insecure --patience 200ms",
		           near[i]);
	cli_expect(1, "no connection for 0.2 s",
	           "work --connect tcp://192.0.2.1:5999 --insecure=yes-i-know --patience 200ms");
}

Test(endpoints, work_says_which_worker_it_could_be)
{
	cli_expect(2, "work needs a server", "work --keys %s/keys", cli_folder);
	cli_expect(2, "--keys DIR is missing", "work --connect tcp://127.0.0.1:5999");
	cli_expect(2, "holds the secrets of 3 workers; choose with --name, or --workers 3",
	           "work --connect tcp://127.0.0.1:5999 --keys %s/keys", cli_folder);
	cli_expect(2, "holds the secrets of 3",
	           "work --connect tcp://127.0.0.1:5999 --keys %s/keys --workers 4", cli_folder);
	cli_expect(2, "holds no such worker's secret",
	           "work --connect tcp://127.0.0.1:5999 --keys %s/keys --name x", cli_folder);
	cli_expect(2, "--name x: ", "work --connect tcp://127.0.0.1:5999 --keys %s/keys --name w0,x",
	           cli_folder);
	cli_expect(2, "work takes no file", "work " DEMO " --connect tcp://127.0.0.1:5999 --keys %s/keys",
	           cli_folder);
	cli_expect(2, "--patience",
	           "work --connect tcp://127.0.0.1:5999 --keys %s/keys --name w0 --patience soon",
	           cli_folder);
}

/* A worker whose server is not there, and a server whose workers are not. */
Test(endpoints, who_waits_for_the_other_side_can_be_interrupted)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		pid_t work =
		        served_start("work.log", "work --connect tcp://127.0.0.1:%d --keys %s/keys --name w0",
		                     served_free_port(), cli_folder);
		pid_t serve =
		        served_start("serve.log",
		                     "serve " DEMO " --listen 'tcp://127.0.0.1:*' --keys %s/keys --workers 3 "
		                     "--adversaries 1 --out %s/wait%zu.h5",
		                     cli_folder, cli_folder, i);
		process_sleep_ms(2000);
		kill(work, signals[i]);
		kill(serve, signals[i]);
		cr_expect_eq(process_wait(work), 128 + signals[i]);
		cr_expect_eq(process_wait(serve), 128 + signals[i]);
	}
}

Test(endpoints, train_says_what_does_not_fit)
{
	cli_expect(2, "transport \"local\" has all workers in one process",
	           "train " DEMO " --transport local");
	cli_expect(2, "\"zmq\"", "train " DEMO " --transport zm");
	cli_expect(2, "--processes: found '0'", "train " DEMO " --processes 0");
	cli_expect(2, "train needs an experiment file", "train");
	if (cli("list transports mpi") == 0)
		cli_expect(2, "needs MPI's launcher", "train " DEMO " --transport mpi");
}

#define DATA_ID "0123456789ab"

static const char experiment[] =
        "{\"name\":\"x\",\"workers\":3,\"steps\":5,\"model\":\"softmax\",\"data\":{\"kind\":\"cifar10\"},"
        "\"lr\":0.1,"
        "\"data_dir\":\"/"
        "here\",\"out\":\"x.h5\",\"transport\":{\"kind\":\"zmq\",\"quorum\":3}}";

/* Parse `text` as what a server sent, with one change of our own or none. */
static int remote(const char *text, const char *key, const char *value, struct err *e)
{
	struct runs runs;
	char data_id[DATA_ID_SIZE];
	const struct change change = {key, value, "--set"};
	int rc = experiment_remote(&runs, data_id, "server", text, true, &change, key != NULL, e);
	if (!rc)
		runs_clear(&runs);
	return rc;
}

Test(endpoints, settings_travel_without_paths_and_are_taken_with_none)
{
	struct runs runs;
	struct err e = {0};
	struct buf text = {0};
	cr_assert_eq(experiment_parse(&runs, "test", experiment, strlen(experiment), NULL, 0, &e), 0, "%s",
	             e.text);
	settings_remote(&runs.at[0], DATA_ID, &text);
	cr_expect_null(strstr(text.text, "/here"), "%s", text.text);
	cr_expect_null(strstr(text.text, "x.h5"));
	cr_expect_null(strstr(text.text, "quorum"));
	cr_expect_eq(remote(text.text, NULL, NULL, &e), 0, "%s", e.text);
	cr_expect_eq(remote(text.text, "data_dir", "\"/mine\"", &e), 0, "%s", e.text);
	cr_expect_eq(remote(text.text, "data.dir", "\"/mine\"", &e), 0, "%s", e.text);
	cr_expect_eq(remote(text.text, "steps", "6", &e), -1, "a change of the experiment");
	e = (struct err){0};
	cr_expect_eq(remote(experiment, NULL, NULL, &e), -1, "paths");
	cr_expect_not_null(strstr(e.text, "server: found settings that this version would write otherwise"),
	                   "%s", e.text);
	buf_clear(&text);
	runs_clear(&runs);
}

/* Members that a malicious server may add to sound settings; each is refused, and no file is looked at. */
Test(endpoints, a_server_names_no_file_and_no_second_run)
{
	static const char *const members[] = {"\"data_dir\":\"/etc\"",
	                                      "\"out\":\"/etc/passwd\"",
	                                      "\"sweep\":{\"seed\":[1,2]}",
	                                      "\"seeds\":[1,2]",
	                                      "\"unknown\":1",
	                                      "\"transport\":\"local\"",
	                                      "\"steps\":5"};
	struct runs runs;
	struct err e = {0};
	struct buf text = {0};
	static const char head[] = "{\"data_id\":\"" DATA_ID "\",";
	cr_assert_eq(experiment_parse(&runs, "test", experiment, strlen(experiment), NULL, 0, &e), 0);
	settings_remote(&runs.at[0], DATA_ID, &text);
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		struct buf bad = {0};
		struct err said = {0};
		buf_format(&bad, "%s%s,%s", head, members[i], text.text + sizeof head - 1);
		cr_expect_eq(remote(bad.text, NULL, NULL, &said), -1, "%s was taken", members[i]);
		cr_expect_not_null(strstr(said.text, "server"), "%s: %s", members[i], said.text);
		buf_clear(&bad);
	}
	static const char file[] =
	        "{\"name\":\"x\",\"workers\":3,\"steps\":5,\"model\":\"softmax\",\"data\":\"glyphs\","
	        "\"lr\":0.1,\"init\":{\"kind\":\"file\",\"path\":\"/etc/passwd\"}}";
	struct err said = {0};
	cr_expect_eq(remote(file, NULL, NULL, &said), -1);
	buf_clear(&text);
	runs_clear(&runs);
}

/* Was anything opened that stands in the folder, or the folder itself, since the watch began? */
static bool opened(int watch)
{
	char events[4096];
	return read(watch, events, sizeof events) > 0;
}

static void write_file(const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", cli_folder, name);
	FILE *f = fopen(path, "w");
	cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* A picture folder without pictures, a text, and something that nobody may see. */
static int folder_open(void)
{
	struct buf words = {0};
	char folder[128];
	for (int i = 0; i < 200; i++)
		buf_add(&words, "a word or two ");
	write_file("words.txt", words.text);
	write_file("private", "secret");
	buf_clear(&words);
	static const char *const made[] = {"", "/train", "/val", "/train/a", "/val/a"};
	for (size_t i = 1; i < sizeof made / sizeof *made; i++) {
		snprintf(folder, sizeof folder, "%s%s", cli_folder, made[i]);
		cr_assert_eq(mkdir(folder, 0700), 0);
	}
	int watch = inotify_init1(IN_NONBLOCK);
	cr_assert_geq(watch, 0);
	for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
		snprintf(folder, sizeof folder, "%s%s", cli_folder, made[i]);
		cr_assert_geq(inotify_add_watch(watch, folder, IN_OPEN), 0);
	}
	return watch;
}

/* What a server of ours sends of this text, with `from`, if not NULL, become `to`. mem_free() it. */
static char *sent(const char *text, const char *from, const char *to)
{
	struct runs runs;
	struct err e = {0};
	struct buf b = {0};
	cr_assert_eq(experiment_parse(&runs, "test", text, strlen(text), NULL, 0, &e), 0, "%s", e.text);
	settings_remote(&runs.at[0], DATA_ID, &b);
	char *at = from ? strstr(b.text, from) : b.text;
	cr_assert_not_null(at, "no %s in %s", from, b.text);
	char *out = from ? mem_format("%.*s%s%s", (int)(at - b.text), b.text, to, at + strlen(from))
	                 : mem_string(b.text);
	buf_clear(&b);
	runs_clear(&runs);
	return out;
}

#define IMAGES                                                                                               \
	"{\"workers\":1,\"steps\":5,\"model\":\"softmax\",\"lr\":0.1,\"data\":\"imagenet\",\"batch\":2}"

/* Each in settings that are otherwise those of an honest server; the worker's own folder is not even opened.
 */
Test(endpoints, a_path_in_settings_is_refused_before_it_is_looked_at)
{
	const struct {
		const char *from, *before, *after; /* between these the folder */
	} lies[] = {
	        {"\"name\"", "\"data_dir\":\"", "\",\"name\""},
	        {"\"partition\"", "\"data_dir\":\"", "\",\"partition\""},
	        {"\"kind\":\"imagenet\"", "\"kind\":\"imagefolder\",\"dir\":\"", "\""},
	        {"\"kind\":\"imagenet\"", "\"kind\":\"imagenet\",\"dir\":\"", "\""},
	        {"\"init\":{\"kind\":\"model\"}", "\"init\":{\"kind\":\"file\",\"path\":\"", "/private\"}"},
	        {"\"name\"", "\"out\":\"", "/private\",\"name\""},
	};
	int watch = folder_open();
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		char to[256];
		struct err e = {0};
		snprintf(to, sizeof to, "%s%s%s", lies[i].before, cli_folder, lies[i].after);
		char *text = sent(IMAGES, lies[i].from, to);
		cr_expect_eq(remote(text, NULL, NULL, &e), -1, "%s", text);
		cr_expect_not_null(strstr(e.text, "would write otherwise"), "%s", e.text);
		cr_expect_not(opened(watch), "%s: a file of ours was opened", to);
		mem_free(text);
	}
	close(watch);
}

/* A text is known by its name, which is part of what is run. */
Test(endpoints, a_text_that_a_server_names_lies_in_the_data_folders)
{
	static const char words[] = "{\"workers\":1,\"steps\":5,\"lr\":0.1,\"batch\":2,"
	                            "\"model\":{\"kind\":\"qrnn\",\"hidden\":8,\"embedding\":8},\"data\":{"
	                            "\"kind\":\"text\",\"train\":\"words.txt\"}}";
	char here[128], quoted[128];
	struct err e = {0};
	struct runs runs;
	int watch = folder_open();
	cr_assert_eq(chdir(cli_folder), 0);
	snprintf(here, sizeof here, "\"train\":\"%s/words.txt\"", cli_folder);
	snprintf(quoted, sizeof quoted, "\"%s\"", cli_folder);
	char *name = sent(words, NULL, NULL), *path = sent(words, "\"train\":\"words.txt\"", here);
	char *above = sent(words, "\"train\":\"words.txt\"", "\"train\":\"../words.txt\"");
	char *test = sent(words, "\"train\":\"words.txt\"", "\"train\":\"words.txt\",\"test\":\"./private\"");
	while (opened(watch))
		continue;
	const char *const bad[] = {path, above, test};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		e = (struct err){0};
		cr_expect_eq(remote(bad[i], "data_dir", quoted, &e), -1, "%s", bad[i]);
		cr_expect_not_null(strstr(e.text, "expected the name of a file, without a folder"), "%s",
		                   e.text);
	}
	e = (struct err){0};
	cr_expect_eq(remote(name, NULL, NULL, &e), -1, "the working folder is no data folder");
	cr_expect_not_null(strstr(e.text, "found no file words.txt"), "%s", e.text);
	cr_expect_not(opened(watch), "a file of ours was opened");
	e = (struct err){0};
	cr_expect_eq(remote(name, "data_dir", quoted, &e), 0, "%s", e.text);
	char data_id[DATA_ID_SIZE];
	/* processes of one run on one machine name what they like */
	cr_expect_eq(experiment_remote(&runs, data_id, "server", path, false, NULL, 0, &e), 0, "%s", e.text);
	runs_clear(&runs);
	mem_free(name);
	mem_free(path);
	mem_free(above);
	mem_free(test);
	close(watch);
}

Test(endpoints, serve_says_that_a_path_cannot_be_sent)
{
	cli_write("t.json",
	          "{\"workers\":3,\"steps\":5,\"lr\":0.1,\"batch\":2,\"model\":{\"kind\":\"qrnn\","
	          "\"hidden\":8,\"embedding\":8},\"data\":{\"kind\":\"text\",\"train\":\"./README.md\"}}");
	cli_expect(2, "data.train: found './README.md', expected the name of a file, without a folder",
	           "serve %s/t.json " LOCAL " --keys %s/keys", cli_folder, cli_folder);
}
