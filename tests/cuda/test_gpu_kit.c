/* The folder of `make gpu-kit`, made of this build and tried on the stand-in for a GPU, and on none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/support/cli.h"
#include "tests/support/process.h"

TestSuite(gpu_kit, .init = cli_open, .fini = cli_close, .timeout = 900);

static char said[1 << 16];

/* The folder of the program and its modules. */
static const char *build(void)
{
	static char folder[512];
	snprintf(folder, sizeof folder, "%s", process_program());
	*strrchr(folder, '/') = '\0';
	return folder;
}

static void make_kit(void)
{
	cr_assert(process_shell("mk/gpu_kit.sh %s %s/kit '' ${CC:-cc} >%s/said 2>&1", build(), cli_folder,
	                        cli_folder));
}

static bool run(const char *options)
{
	char path[FOLDER_SIZE + 16];
	snprintf(path, sizeof path, "%s/said", cli_folder);
	bool well = process_shell("env -u SIGNSGD_MODULES %s/kit/run.sh %s %s/out >%s/said 2>&1", cli_folder,
	                          options, cli_folder, cli_folder);
	file_text(path, said, sizeof said);
	return well;
}

static void expect_said(const char *words)
{
	cr_expect_not_null(strstr(said, words), "\"%s\" is not in %s", words, said);
}

Test(gpu_kit, says_that_there_is_no_gpu)
{
	make_kit();
	setenv("SIGNSGD_EMULATED_DEVICES", "0", 1);
	cr_expect_not(run(""));
	expect_said("no GPU: no GPU was found");
}

/* What needs PyTorch with a GPU, or compute-sanitizer, is left out here; nothing else is. */
Test(gpu_kit, checks_and_measures_and_shows_a_table)
{
	static const char *const parts[] = {"check", "kernels", "models", "mlp", "steps", "rules"};
	char line[64];
	make_kit();
	cr_expect(run("--small"), "%s", said);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		snprintf(line, sizeof line, "\n%s: done", parts[i]);
		expect_said(line);
	}
	expect_said("## GPU 0 Emulated, compute capability 8.0");
	expect_said(", of them wrong: 0");
	expect_said("| majority | 4096 |");
	expect_said("| resnet20 | 1 | fp32 |");
	expect_said("| multi-krum | 11 |");
}
