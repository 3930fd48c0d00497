/*
 * The kernels of one machine (--backend): what the run is, and the bits of kernels that have the same, do not
 * change; another machine's backend need not open here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "h5/h5.h"
#include "record/record.h"
#include "tests/support/served.h"

TestSuite(machine, .init = cli_open, .fini = cli_close, .timeout = 240);

/* `guarded` has the bits of `ref`. */
static const char ref[] = "{\"name\":\"m\",\"seed\":5,\"workers\":3,\"steps\":4,\"batch\":4,\"lr\":0.01,"
                          "\"momentum\":0.9,\"backend\":\"ref\",\"model\":{\"kind\":\"mlp\",\"hidden\":[9]},"
                          "\"data\":{\"kind\":\"glyphs\",\"train\":40,\"test\":10},\"eval\":{\"every\":2}}";

static char *path_of(const char *name)
{
	return mem_format("%s/%s.h5", cli_folder, name);
}

static char *backend_of(const char *path)
{
	struct err e = {0};
	struct h5 *f = h5_open(path, &e);
	cr_assert(f, "%s", e.text);
	char *found = h5_get_text(f, "/meta", "backend", &e);
	cr_assert(found, "%s", e.text);
	h5_close(f);
	return found;
}

/* The run of NAME.h5 is that of ref.h5, bit for bit, and these kernels have written it. */
static void expect_machine(const char *name, const char *backend)
{
	struct run_info info, own;
	struct err e = {0};
	char *path = path_of(name), *other = path_of("ref"), *found = backend_of(path), different[128] = "";
	cr_assert_eq(record_info(other, &own, &e), 0, "%s", e.text);
	cr_assert_eq(record_info(path, &info, &e), 0, "%s", e.text);
	cr_expect_str_eq(info.id, own.id);
	cr_expect_str_eq(info.state, "finished");
	cr_expect_str_eq(found, backend);
	cr_expect_eq(record_same_final(other, path, different, sizeof different, &e), 1, "%s: %s %s", name,
	             different, e.text);
	mem_free(found);
	mem_free(path);
	mem_free(other);
}

static void train_ref(void)
{
	cli_write("e.json", ref);
	cr_assert_eq(cli("simulate %s/e.json --out %s/ref.h5 --quiet", cli_folder, cli_folder), 0, "%s",
	             cli_err);
}

Test(machine, processes_of_a_run_use_the_kernels_that_are_asked_for)
{
	train_ref();
	cr_assert_eq(cli("train %s/e.json --processes 2 --backend guarded --out %s/own.h5 --quiet",
	                 cli_folder, cli_folder),
	             0, "%s", cli_err);
	expect_machine("own", "guarded");
	cr_assert_eq(cli("train %s/e.json --processes 2 --set transport.shards=2 --backend guarded --out "
	                 "%s/shards.h5 --quiet",
	                 cli_folder, cli_folder),
	             0, "%s", cli_err);
	expect_machine("shards", "guarded");
}

/* options: of the server and of the worker. */
static void serve(const char *name, const char *server_options, const char *work_options)
{
	int port = served_free_port();
	char log[32];
	snprintf(log, sizeof log, "%s.log", name);
	pid_t server = served_start(
	        log, "serve %s/e.json --listen tcp://127.0.0.1:%d --insecure --out %s/%s.h5 --quiet %s",
	        cli_folder, port, cli_folder, name, server_options);
	pid_t work = served_start("work.log",
	                          "work --connect tcp://127.0.0.1:%d --insecure --workers 3 --quiet %s", port,
	                          work_options);
	static char said[2][4000];
	cr_expect_eq(process_wait(work), 0, "%s", served_log("work.log", said[0], sizeof said[0]));
	cr_expect_eq(process_wait(server), 0, "%s", served_log(log, said[1], sizeof said[1]));
}

Test(machine, a_server_and_workers_each_have_their_own)
{
	train_ref();
	serve("worker", "", "--backend guarded");
	expect_machine("worker", "ref");
	serve("server", "--backend '{\"kind\":\"guarded\"}'", "");
	expect_machine("server", "guarded");
}

Test(machine, wrong_names_and_keys_get_a_sentence)
{
	cli_write("e.json", ref);
	cli_expect(2, "--backend: found the string \"guardd\", expected one of",
	           "train %s/e.json --backend guardd", cli_folder);
	cli_expect(2, "did you mean \"cpu\"?", "work --connect tcp://127.0.0.1:1 --insecure --backend cpv");
	cli_expect(2, "--backend: device: found an unknown key",
	           "serve %s/e.json --listen tcp://127.0.0.1:0 --insecure --backend '{\"kind\":\"cpu\","
	           "\"device\":1}'",
	           cli_folder);
}

/* A device that no machine has, with the module or without it. */
#define NO_GPU "'{\"kind\":\"cuda\",\"device\":1023}'"

Test(machine, a_backend_that_is_not_here_is_the_worlds)
{
	cli_write("e.json", ref);
	cli_expect(1, "cuda: ", "check --backend " NO_GPU);
	cr_expect_str_eq(cli_out, "");
	cli_expect(1, "cuda: ", "train %s/e.json --processes 1 --out %s/t.h5 --backend " NO_GPU, cli_folder,
	           cli_folder);
}

/* A server and workers without a GPU do a run that is made for one. */
Test(machine, an_experiment_for_another_machine_runs_by_options)
{
	struct run_info info, own;
	struct err e = {0};
	char *path, *found;
	cli_write("e.json", ref);
	cr_assert_eq(cli("simulate %s/e.json --out %s/ref.h5 --quiet", cli_folder, cli_folder), 0, "%s",
	             cli_err);
	cr_assert_eq(cli("validate %s/e.json --json --set backend=" NO_GPU, cli_folder), 0, "%s", cli_err);
	char options[] = "--set backend=" NO_GPU " --backend ref";
	serve("gpu", options, "--backend guarded");
	char *other = path_of("ref"), different[128] = "";
	path = path_of("gpu");
	cr_assert_eq(record_info(other, &own, &e), 0, "%s", e.text);
	cr_assert_eq(record_info(path, &info, &e), 0, "%s", e.text);
	found = backend_of(path);
	cr_expect_str_neq(info.id, own.id);
	cr_expect_str_eq(found, "ref");
	cr_expect_eq(record_same_final(other, path, different, sizeof different, &e), 1, "%s %s", different,
	             e.text);
	mem_free(found);
	mem_free(path);
	mem_free(other);
}

/* `device` is where, `precision` is what. */
Test(machine, a_gpus_number_is_no_part_of_an_id)
{
	static const char *const backends[] = {"cuda", NO_GPU, "'{\"kind\":\"cuda\",\"precision\":\"fp32\"}'",
	                                       "'{\"kind\":\"cuda\",\"precision\":\"tf32\"}'"};
	char ids[4][16];
	cli_write("e.json", ref);
	for (int i = 0; i < 4; i++) {
		struct arena a = {0};
		struct json *lines[CLI_LINES];
		cr_assert_eq(cli("validate %s/e.json --json --set backend=%s", cli_folder, backends[i]), 0,
		             "%s", cli_err);
		cr_assert_eq(cli_json_lines(&a, lines), 1);
		snprintf(ids[i], sizeof ids[i], "%s", json_member(lines[0], "id")->string);
		arena_clear(&a);
	}
	cr_expect_str_eq(ids[0], ids[1]);
	cr_expect_str_eq(ids[0], ids[2]);
	cr_expect_str_neq(ids[0], ids[3]);
	cli_expect(2, "did you mean \"precision\"?",
	           "validate %s/e.json --set backend='{\"kind\":\"cuda\",\"precison\":\"tf32\"}'",
	           cli_folder);
	cli_expect(2, "one of \"fp32\", \"tf32\", \"bf16\"",
	           "validate %s/e.json --set backend='{\"kind\":\"cuda\",\"precision\":\"fp16\"}'",
	           cli_folder);
}

/* Of both memories, before anything is trained. */
Test(machine, memory_of_a_device_is_announced_and_too_little_refused)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	cli_write("e.json", ref);
	cr_assert_eq(cli("validate %s/e.json --set backend=guarded", cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "; guarded has "));
	cr_expect_not_null(strstr(cli_out, "of it on the device"));
	cr_expect_not_null(strstr(cli_out, "of it on the host"));
	cr_assert_eq(cli("validate %s/e.json --json --set backend=guarded", cli_folder), 0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 1);
	const struct json *memory = json_member(lines[0], "memory");
	cr_expect_gt(cli_number(memory, "device"), 0);
	cr_expect_eq(cli_number(memory, "device") + cli_number(memory, "host"), cli_number(memory, "total"));
	arena_clear(&a);
	setenv("SIGNSGD_GUARDED_BYTES", "1000", 1);
	cli_expect(1, "of the memory of backend \"guarded\", found 1000 B free of 1000 B",
	           "simulate %s/e.json --set backend=guarded --out %s/t.h5", cli_folder, cli_folder);
	cr_assert_eq(cli("validate %s/e.json --set backend=guarded", cli_folder), 0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "not enough, this run would be refused here"));
	unsetenv("SIGNSGD_GUARDED_BYTES");
}
