/* A process that may have little: memory, open files, and a library that guesses its processor wrong. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "record/record.h"
#include "tests/support/cli.h"

TestSuite(limits, .init = cli_open, .fini = cli_close, .timeout = 300);

static const char *const mlp = "{\"name\":\"t\",\"data\":\"glyphs\",\"model\":\"mlp\",\"workers\":7,"
                               "\"steps\":20,\"batch\":32,\"lr\":0.001,\"seed\":1}";

/* The program under a limit of the shell: its exit code, or 128 + the signal that ended it. */
static int limited(const char *limit, const char *args)
{
	char log[FOLDER_SIZE + 16], line[2048];
	snprintf(log, sizeof(log), "%s/said", cli_folder);
	snprintf(line, sizeof(line), "(ulimit %s; exec %s %s) >%s 2>&1", limit, process_program(), args, log);
	int status = system(line);
	file_text(log, cli_err, CLI_SIZE);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Test(limits, too_little_memory_ends_with_a_sentence)
{
	char args[512], limit[32];
	if (process_sanitized())
		cr_skip_test("skipped: a sanitizer's memory is not the program's own");
	cli_write("mlp.json", mlp);
	snprintf(args, sizeof(args), "simulate %s/mlp.json --lanes 2 --quiet --overwrite --out %s/r.h5",
	         cli_folder, cli_folder);
	for (int mb = 200; mb <= 600; mb += 25) {
		snprintf(limit, sizeof(limit), "-v %d", mb * 1000);
		int code = limited(limit, args);
		cr_expect(code == EXIT_DONE || code == EXIT_WORLD, "%d MB: exit code %d, %s", mb, code,
		          cli_err);
		cr_expect(mb > 200 || code == EXIT_WORLD, "OpenBLAS's buffers alone take more than 200 MB");
		cr_expect(code == EXIT_DONE || strstr(cli_err, "signsgd: "), "%d MB: no sentence: %s", mb,
		          cli_err);
	}
}

Test(limits, what_cannot_fit_is_refused_before_work_begins)
{
	static const char *const quadratic =
	        "{\"model\":{\"kind\":\"quadratic\",\"dimensions\":1000000000},\"workers\":4096,\"steps\":2}";
	cli_write("big.json", quadratic);
	cli_expect(EXIT_WORLD, "memory: this run needs about 15.4 TiB in this process, found ",
	           "simulate %s/big.json --out %s/r.h5", cli_folder, cli_folder);
	cr_assert_eq(cli("validate %s/big.json", cli_folder), EXIT_DONE, "%s", cli_err);
	cr_expect(strstr(cli_out, "not enough, this run would be refused here"), "%s", cli_out);
}

/* A group of its own with 64 MB, for the shell's line; "" where this machine gives none. */
static void make_group(char join[512])
{
	snprintf(join, 512,
	         "g=/sys/fs/cgroup/signsgd-test-%d; f=memory.max; [ -e /sys/fs/cgroup/cgroup.procs ] || { "
	         "g=/sys/fs/cgroup/memory/signsgd-test-%d; f=memory.limit_in_bytes; }",
	         getpid(), getpid());
	if (!process_shell("%s; mkdir $g && echo 64000000 >$g/$f && [ -e $g/cgroup.procs ]", join))
		join[0] = '\0';
}

Test(limits, a_memory_cgroup_counts)
{
	char join[512];
	make_group(join);
	if (!join[0])
		cr_skip_test("skipped: no memory cgroup can be made here");
	cli_write("mlp.json", mlp);
	bool refused = process_shell(
	        "(%s; echo 0 >$g/cgroup.procs; %s simulate %s/mlp.json --set workers=300 --out %s/r.h5 "
	        "2>%s/said; "
	        "[ $? -eq 1 ]) && grep -q 'memory: this run needs about .* (the memory cgroup)' %s/said",
	        join, process_program(), cli_folder, cli_folder, cli_folder, cli_folder);
	process_shell("%s; rmdir $g", join);
	cr_expect(refused, "the group's 64 MB were not seen");
}

Test(limits, too_few_files_end_with_a_sentence_and_a_low_limit_is_raised)
{
	char args[512];
	cli_write("mlp.json", mlp);
	snprintf(args, sizeof(args), "train --processes 2 %s/mlp.json --quiet --overwrite --out %s/r.h5",
	         cli_folder, cli_folder);
	for (int files = 6; files <= 40; files += files < 12 ? 1 : 7) {
		char limit[32];
		snprintf(limit, sizeof(limit), "-n %d", files);
		cr_expect_eq(limited(limit, args), EXIT_WORLD, "%d files: %s", files, cli_err);
		cr_expect(strstr(cli_err, "pen files"), "%d files: %s", files, cli_err);
	}
	cr_expect_eq(limited("-Sn 16", args), EXIT_DONE, "%s", cli_err);
}

/* Runs `signsgd ARGS` with OPENBLAS_CORETYPE set. NULL: as it is. */
static void with_core(const char *core, const char *args)
{
	const char *was = getenv("OPENBLAS_CORETYPE");
	char *before = was ? strdup(was) : NULL;
	if (core)
		setenv("OPENBLAS_CORETYPE", core, 1);
	cr_assert_eq(cli("%s", args), EXIT_DONE, "%s: %s", core ? core : "as it is", cli_err);
	unsetenv("OPENBLAS_CORETYPE");
	if (before)
		setenv("OPENBLAS_CORETYPE", before, 1);
	free(before);
}

/* The final loss of a run with it. */
static double loss_with(const char *core)
{
	struct run_info info;
	struct err e = {0};
	char path[FOLDER_SIZE + 16], args[512];
	snprintf(path, sizeof(path), "%s/r.h5", cli_folder);
	snprintf(args, sizeof(args), "simulate %s/mlp.json --quiet --overwrite --out %s", cli_folder, path);
	with_core(core, args);
	cr_assert_eq(record_info(path, &info, &e), 0, "%s", e.text);
	return info.final_test_loss;
}

Test(limits, a_library_that_takes_the_processor_for_an_old_one_is_corrected)
{
	static const char *const cores[] = {"Prescott", "Nehalem", "Core2", "Atom", "Sandybridge"};
	with_core("Prescott", "version");
	if (!strstr(cli_out, "avx2") || !strstr(cli_out, "fma"))
		cr_skip_test("skipped: this processor has no wide vectors to be missed");
	cr_expect(strstr(cli_out, strstr(cli_out, "avx512vl") ? "(SkylakeX, after Prescott)"
	                                                      : "(Haswell, after Prescott)"),
	          "%s", cli_out);
	cli_write("mlp.json", mlp);
	double best = loss_with(cores[0]);
	for (size_t i = 1; i < sizeof(cores) / sizeof(*cores); i++)
		cr_expect_eq(loss_with(cores[i]), best, "%s: other kernels were used", cores[i]);
	loss_with(NULL);
}

Test(limits, a_run_says_that_something_slow_had_to_be_taken)
{
	if (cli("version") || !strstr(cli_out, "avx2"))
		cr_skip_test("skipped: this processor has no wide vectors to be missed");
	cli_write("mlp.json", mlp);
	setenv("ONEDNN_MAX_CPU_ISA", "SSE41", 1);
	setenv("DNNL_MAX_CPU_ISA", "SSE41", 1);
	cli_expect(EXIT_DONE, "warning: convolutions are slow",
	           "simulate %s/mlp.json --overwrite --out %s/r.h5", cli_folder, cli_folder);
	unsetenv("ONEDNN_MAX_CPU_ISA");
	unsetenv("DNNL_MAX_CPU_ISA");
}

/* Whatever stops a pack half way, the program says so and does not crash, and no half of a pack stays. */
Test(limits, a_pack_that_finds_no_room_ends_with_a_sentence)
{
	char args[512], limit[32];
	cr_assert(process_shell("mkdir -p %s/set/train/a %s/set/val/a && for i in 1 2 3 4 5 6 7 8; do "
	                        "head -c 50000 /dev/zero >%s/set/train/a/$i.png; done && "
	                        "cp %s/set/train/a/1.png %s/set/val/a",
	                        cli_folder, cli_folder, cli_folder, cli_folder, cli_folder));
	snprintf(args, sizeof(args), "data pack %s/set -o %s/p.h5", cli_folder, cli_folder);
	for (int kib = 1; kib <= 401; kib += 100) {
		snprintf(limit, sizeof(limit), "-f %d", 2 * kib);
		cr_expect_eq(limited(limit, args), EXIT_WORLD, "%d KiB: %s", kib, cli_err);
		cr_expect(strstr(cli_err, "cannot be written"), "%d KiB: %s", kib, cli_err);
		cr_expect(
		        process_shell("test ! -e %s/p.h5 && test ! -e %s/p.h5.part", cli_folder, cli_folder),
		        "%d KiB: half a pack stayed", kib);
	}
	cr_expect_eq(limited("-f 20000", args), EXIT_DONE, "%s", cli_err);
}
