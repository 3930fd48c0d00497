/*
 * MPI's module: commands that need no MPI neither open it nor its library, a missing, foreign or broken
 * module ends in a sentence where it is needed and nowhere else, and a program finds it where it was
 * installed.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "registry.h"
#include "tests/support/cli.h"
#include "tests/support/launcher.h"

static void open_module_test(void)
{
	cli_open();
	if (!family_find(&family_transports, "mpi")) {
		cli_close();
		cr_skip_test("skipped: built without MPI");
	}
	launcher_forgive_leaks();
}

TestSuite(module, .init = open_module_test, .fini = cli_close, .timeout = 300);

/* Runs `signsgd ARGS`, which must end well. Did the loader open a file whose name has this in it? */
static bool opens(const char *part, const char *args)
{
	char line[1024], log[FOLDER_SIZE + 64], command[FOLDER_SIZE + 128];
	snprintf(log, sizeof(log), "%s/loader", cli_folder);
	process_shell("rm -f %s.*", log);
	setenv("LD_DEBUG", "files", 1);
	setenv("LD_DEBUG_OUTPUT", log, 1);
	snprintf(line, sizeof(line), "%s", args);
	int code = cli("%s", line);
	unsetenv("LD_DEBUG");
	unsetenv("LD_DEBUG_OUTPUT");
	cr_assert_eq(code, 0, "%s: %s", args, cli_err);
	snprintf(command, sizeof(command), "cat %s.* | grep -q 'file=.*libhdf5'", log);
	cr_assert(process_shell("%s", command), "the loader wrote no log");
	return process_shell("cat %s.* | grep -q 'file=.*%s'", log, part);
}

Test(module, is_opened_by_those_alone_who_need_it)
{
	char simulate[1024];
	cli_write("q.json", "{\"name\":\"q\",\"workers\":3,\"steps\":4,\"model\":{\"kind\":\"quadratic\","
	                    "\"dimensions\":10}}");
	snprintf(simulate, sizeof(simulate), "simulate %s/q.json --out %s/q.h5 --quiet", cli_folder,
	         cli_folder);
	const char *const without[] = {simulate, "version", "list transports",
	                               "validate experiments/demo.json", "bench round --rounds 1 -n 100"};
	for (size_t i = 0; i < sizeof(without) / sizeof(*without); i++) {
		cr_expect(!opens("signsgd-mpi", without[i]), "%s opens the module", without[i]);
		cr_expect(!opens("libmpi", without[i]) && !opens("libmpich", without[i]), "%s opens MPI",
		          without[i]);
	}
	cr_expect(opens("signsgd-mpi", "version --devices"));
	cr_expect(opens("libmpi", "version --devices"));
	cr_expect(opens("libmpi", "bench round --transport mpi --rounds 1 -n 100"));
}

/* What `version` says behind a name; "": it does not say the name. */
static const char *word_of(const char *name)
{
	const char *line = strstr(cli_out, name);
	return line ? line + strlen(name) + strspn(line + strlen(name), " ") : "";
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

Test(module, version_opens_it_only_if_asked)
{
	cr_assert_eq(cli("version"), 0, "%s", cli_err);
	cr_expect(begins(word_of("transport mpi "), "built with "), "%s", cli_out);
	cr_assert_eq(cli("version --devices"), 0, "%s", cli_err);
	const char *line = word_of("transport mpi ");
	cr_expect(!begins(line, "built with "), "%s", cli_out);
	cr_expect(line && strstr(line, "MPI"), "the library's own name: %s", cli_out);
	cr_expect(line && !memchr(line, '\t', strcspn(line, "\n")), "%s", cli_out);
}

static void expect_refused(const char *part)
{
	cli_expect(1, part, "bench round --transport mpi --rounds 1 -n 100");
	const char *end = strchr(cli_err, '\n');
	cr_expect(end && !end[1], "more than one line: %s", cli_err);
	cr_expect_eq(cli("version --devices"), 0, "%s", cli_err);
	cr_expect_eq(cli("bench round --rounds 1 -n 100"), 0, "%s", cli_err);
	cr_assert_eq(cli("list transports mpi"), 0, "%s", cli_err);
	cr_expect(strstr(cli_out, "topology") && strstr(cli_out, "buckets"), "%s", cli_out);
}

Test(module, that_is_missing_is_missed_where_it_is_needed)
{
	setenv("SIGNSGD_MODULES", cli_folder, 1);
	expect_refused("mpi: the module signsgd-mpi.so is not in ");
	unsetenv("SIGNSGD_MODULES");
	cr_assert(process_shell("mkdir -p %s/bin && cp %s %s/bin/signsgd", cli_folder, process_program(),
	                        cli_folder));
	char program[FOLDER_SIZE + 32];
	const char *was = getenv("SIGNSGD_BIN");
	char *before = was ? strdup(was) : NULL;
	snprintf(program, sizeof(program), "%s/bin/signsgd", cli_folder);
	setenv("SIGNSGD_BIN", program, 1);
	expect_refused("mpi: the module signsgd-mpi.so was not found beside the program nor in ");
	if (before)
		setenv("SIGNSGD_BIN", before, 1);
	free(before);
}

/* A module that a test writes; with it SIGNSGD_MODULES names the test's folder. */
static void write_module(const char *code)
{
	cli_write("m.c", code);
	cr_assert(process_shell("cc -shared -fPIC -o %s/signsgd-mpi.so %s/m.c", cli_folder, cli_folder));
	setenv("SIGNSGD_MODULES", cli_folder, 1);
}

Test(module, of_another_build_is_refused)
{
	write_module("struct { const char *version, *commit; } signsgd_module_mpi = {\"0.0.9\", \"abc\"};");
	expect_refused("is of another build: found 0.0.9, commit abc, expected the program's ");
	write_module("int nothing;");
	expect_refused("is no module of this program");
	cli_write("signsgd-mpi.so", "text");
	expect_refused("could not be opened");
	unsetenv("SIGNSGD_MODULES");
}

/* Beside the program, and in PREFIX/lib/signsgd of a program in PREFIX/bin, wherever that was moved to. */
Test(module, is_found_where_it_was_put)
{
	static const char *const places[] = {"bin", "lib/signsgd"};
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		cr_assert(process_shell("cd %s && rm -rf bin lib && mkdir -p bin %s", cli_folder, places[i]));
		cr_assert(process_shell("cp %s %s/bin/signsgd && cp %s/signsgd-mpi.so %s/%s/",
		                        process_program(), cli_folder, launcher_modules(), cli_folder,
		                        places[i]));
		cr_expect(process_shell("%s/bin/signsgd version --devices >%s/said", cli_folder, cli_folder));
		char path[FOLDER_SIZE + 16];
		snprintf(path, sizeof(path), "%s/said", cli_folder);
		file_text(path, cli_out, CLI_SIZE);
		cr_expect(strstr(cli_out, "transport mpi  ") && !strstr(cli_out, "signsgd-mpi.so"), "%s: %s",
		          places[i], cli_out);
	}
}
