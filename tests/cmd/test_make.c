/* The Makefile and its scripts from outside: what they say where something is missing, and what they name. */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "registry.h"
#include "tests/support/cli.h"

TestSuite(make, .init = cli_open, .fini = cli_close, .timeout = 120);

/* What a line of the shell says on both outputs; its exit code. */
static int shell(const char *fmt, ...)
{
	char line[2048], command[2304], log[FOLDER_SIZE + 16];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	snprintf(log, sizeof(log), "%s/said", cli_folder);
	snprintf(command, sizeof(command),
	         "unset MAKEFLAGS MAKELEVEL CC NVCC CUDA_HOME CUDA_ARCH; (%s) >%s 2>&1", line, log);
	int status = system(command);
	file_text(log, cli_out, CLI_SIZE);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256;
}

static bool git_is_there(void)
{
	return process_shell("git -c safe.directory=* rev-parse HEAD >/dev/null 2>&1");
}

Test(make, help_lists_the_two_commands)
{
	cr_assert_eq(shell("make help"), 0, "%s", cli_out);
	cr_expect(strstr(cli_out, "make demo") && strstr(cli_out, "make test") &&
	                  strstr(cli_out, "make uninstall"),
	          "%s", cli_out);
}

Test(make, what_is_missing_is_called_by_its_name)
{
	cr_expect_neq(shell("make -n CC=no-such-compiler all"), 0);
	cr_expect(strstr(cli_out, "not found: the compiler 'no-such-compiler'"), "%s", cli_out);
	cr_expect_neq(shell("mkdir %s/bin && for p in gcc cc sh git find sed; do ln -s $(command -v $p) "
	                    "%s/bin/; done; "
	                    "make=$(command -v make); PATH=%s/bin $make -n all",
	                    cli_folder, cli_folder, cli_folder),
	              0);
	cr_expect(strstr(cli_out, "not found: pkg-config"), "%s", cli_out);
}

/* `make` names the flags of a build in a file: a prefix must not be among them, or all is compiled anew. */
Test(make, another_prefix_does_not_compile_all_anew)
{
	cr_assert_eq(shell("make -n -p PREFIX=/somewhere/else all | grep '^FLAGS = '"), 0, "%s", cli_out);
	cr_expect(!strstr(cli_out, "PREFIX"), "%s", cli_out);
}

Test(make, an_archive_knows_its_commit_wherever_it_is_unpacked)
{
	char head[64];
	if (!git_is_there())
		cr_skip_test("skipped: this is no git repository");
	cr_assert_eq(shell("git -c safe.directory=* rev-parse --short HEAD"), 0);
	snprintf(head, sizeof(head), "%.*s", (int)strcspn(cli_out, "\n"), cli_out);
	cr_assert_eq(shell("git init -q %s/around && mkdir %s/around/ours && git -c safe.directory=* archive "
	                   "HEAD mk | "
	                   "tar -x -C %s/around/ours && %s/around/ours/mk/commit.sh",
	                   cli_folder, cli_folder, cli_folder, cli_folder),
	             0, "%s", cli_out);
	cr_expect(strncmp(cli_out, head, 7) == 0, "found %s, expected %s", cli_out, head);
	cr_assert_eq(
	        shell("rm %s/around/ours/mk/commit; %s/around/ours/mk/commit.sh", cli_folder, cli_folder), 0);
	cr_expect_str_eq(cli_out, "unknown\n");
}

Test(make, what_is_installed_is_removed_again)
{
	if (process_sanitized())
		cr_skip_test("skipped: a build with a sanitizer is not installed");
	cr_assert_eq(
	        shell("cp -r Makefile mk docs plots reports experiments %s/ && cd %s && touch signsgd && "
	              "for d in release dev; do mkdir -p build/$d && touch build/$d/signsgd-mpi.so "
	              "build/$d/signsgd-cuda.so; done && "
	              "make -o all install DESTDIR=%s/root PREFIX=/usr && find root -name '*.so'",
	              cli_folder, cli_folder, cli_folder),
	        0, "%s", cli_out);
	if (family_find(&family_transports, "mpi"))
		cr_expect(strstr(cli_out, "root/usr/lib/signsgd/signsgd-mpi.so"), "%s", cli_out);
	if (shell("make -p -n all | grep -q '^CUDA_ARCHS := [0-9]'") == 0)
		cr_expect_eq(shell("ls %s/root/usr/lib/signsgd/signsgd-cuda.so", cli_folder), 0);
	cr_assert_eq(shell("cd %s && make uninstall DESTDIR=%s/root PREFIX=/usr", cli_folder, cli_folder), 0,
	             "%s", cli_out);
	cr_assert_eq(shell("find %s/root -type f; find %s/root -name signsgd", cli_folder, cli_folder), 0);
	cr_expect_str_empty(cli_out);
}

/* A toolkit of which nothing but its compiler's words is there. */
static void write_nvcc(const char *host)
{
	char text[1024];
	snprintf(text, sizeof text,
	         "#!/bin/sh\n"
	         "case $1 in\n"
	         "--dryrun) printf '%%s\\n' '#$ INCLUDES=\"-I/toolkit/include\"  ' "
	         "'#$ LIBRARIES=  \"-L/toolkit/lib/stubs\" \"-L/toolkit/lib\"' "
	         "'#$ %s -D__CUDACC__ -D__CUDACC_VER_MAJOR__=12 -D__CUDACC_VER_MINOR__=4 -E' ;;\n"
	         "--list-gpu-code) printf '%%s\\n' sm_52 sm_61 sm_100 sm_70 sm_90 sm_90a ;;\n"
	         "esac\n",
	         host);
	cli_write("nvcc", text);
	cr_assert_eq(shell("chmod +x %s/nvcc", cli_folder), 0);
}

Test(make, a_cuda_toolkit_is_asked_for_what_it_has)
{
	write_nvcc("gcc");
	if (shell("[ \"$(gcc -print-prog-name=cc1plus)\" != cc1plus ]"))
		cr_skip_test("skipped: no g++");
	cr_assert_eq(shell("mk/cuda.sh %s/nvcc", cli_folder), 0);
	cr_expect_str_eq(cli_out, "release=12.4\ninclude=/toolkit/include\nlib=/toolkit/lib\n"
	                          "arch=70\narch=90\narch=100\n"
	                          "-gencode=arch=compute_70,code=sm_70\n"
	                          "-gencode=arch=compute_90,code=sm_90\n"
	                          "-gencode=arch=compute_100,code=[sm_100,compute_100]\n");
	cr_assert_eq(shell("mk/cuda.sh %s/nvcc 9.0 sm_70 | grep -e '^arch' -e compute_90", cli_folder), 0);
	cr_expect_str_eq(cli_out, "arch=70\narch=90\n-gencode=arch=compute_90,code=[sm_90,compute_90]\n");
	cr_assert_eq(shell("mk/cuda.sh %s/nvcc one | grep ^arch", cli_folder), 0);
	cr_expect_str_eq(cli_out, "arch=90\n");
	cr_assert_eq(shell("mk/cuda.sh %s/nvcc 61", cli_folder), 0);
	cr_expect(strstr(cli_out, "no CUDA: CUDA_ARCH has 61, and "), "%s", cli_out);
	cr_expect(strstr(cli_out, "nvcc knows 70 90 100\n"), "%s", cli_out);
	cr_expect_neq(shell("make -n NVCC=%s/nvcc CUDA_ARCH=61 all", cli_folder), 0);
	cr_expect(strstr(cli_out, "CUDA_ARCH has 61"), "%s", cli_out);
}

Test(make, without_a_cuda_toolkit_all_else_is_built)
{
	static const char *const without[] = {"WITHOUT_CUDA=1", "NVCC=", "CUDA_HOME=/nowhere", "NVCC=false"};
	for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
		cr_assert_eq(shell("make -n -p %s all | grep '^MODULES := '", without[i]), 0, "%s", cli_out);
		cr_expect(!strstr(cli_out, "signsgd-cuda.so"), "%s: %s", without[i], cli_out);
	}
	write_nvcc("no-such-compiler");
	cr_assert_eq(shell("mk/cuda.sh %s/nvcc", cli_folder), 0);
	cr_expect(strstr(cli_out, "no CUDA: "), "%s", cli_out);
	cr_expect(strstr(cli_out, "wants a C++ compiler, and no-such-compiler is none"), "%s", cli_out);
}

/* ./signsgd is for its user: never one that takes the processor for a GPU, or that looks for faults. */
Test(make, the_program_here_is_a_real_one)
{
	static const char *const real[] = {"DEV=1", "WITHOUT_CUDA=1"}, *const not_real[] = {
	                                                                       "EMULATED_CUDA=1",
	                                                                       "DEV=1 EMULATED_CUDA=1",
	                                                                       "SANITIZE=thread"};
	for (size_t i = 0; i < sizeof real / sizeof *real; i++)
		cr_expect_eq(shell("make -n -p %s all | grep '^all: signsgd '", real[i]), 0, "%s", real[i]);
	for (size_t i = 0; i < sizeof not_real / sizeof *not_real; i++)
		cr_expect_eq(shell("make -n -p %s all | grep '^all: build/[^ ]*/signsgd '", not_real[i]), 0,
		             "%s", not_real[i]);
}

/* A root that cannot be made: said, and nothing of it stays, neither files nor mounts. */
Test(make, test_distros_leaves_nothing_behind)
{
	if (geteuid() || !process_shell("command -v debootstrap unshare >/dev/null"))
		cr_skip_test("skipped: not root, or no debootstrap");
	cr_assert_eq(shell("mkdir %s/roots && TMPDIR=%s/roots LOGS=%s/logs MIRROR=file:///nowhere "
	                   "make test-distros DISTROS=trixie",
	                   cli_folder, cli_folder, cli_folder),
	             2, "%s", cli_out);
	cr_expect(strstr(cli_out, "test-distros: trixie FAILED"), "%s", cli_out);
	cr_assert_eq(shell("ls -A %s/roots; grep %s /proc/mounts", cli_folder, cli_folder), 1);
	cr_expect_str_empty(cli_out, "left behind: %s", cli_out);
}
