/* For tests that start the program by MPI's launcher. */
#ifndef SIGNSGD_TESTS_SUPPORT_MPIRUN_H
#define SIGNSGD_TESTS_SUPPORT_MPIRUN_H

#include <criterion/criterion.h>
#include <time.h>
#include "registry.h"
#include "tests/support/cli.h"

/* Skips the test, with a word, where there is no mpirun or the program was built without MPI. */
static inline void open_mpi(void)
{
	cli_open();
	if (!family_find(&family_transports, "mpi") || system("command -v mpirun >/dev/null") != 0) {
		printf("skipped: no mpirun, or built without MPI\n");
		cli_close();
		cr_skip_test("no MPI");
	}
	setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
	setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
	setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 1);
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* the library's own, kept for its life */
}

/* `mpirun LINE`: the exit code, 124 when it did not end; its words are in cli_out and cli_err. */
__attribute__((format(printf, 1, 2))) static inline int mpirun_line(const char *fmt, ...)
{
	char args[2048], line[3072], path[128];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(args, sizeof args, fmt, ap);
	va_end(ap);
	snprintf(line, sizeof line, "timeout -k 5 60 mpirun %s >%s/out 2>%s/err", args, cli_folder,
	         cli_folder);
	int status = system(line);
	snprintf(path, sizeof path, "%s/out", cli_folder);
	file_text(path, cli_out, sizeof cli_out);
	snprintf(path, sizeof path, "%s/err", cli_folder);
	file_text(path, cli_err, sizeof cli_err);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256;
}

/* `mpirun -n P signsgd ARGS`, likewise. */
__attribute__((format(printf, 2, 3))) static inline int mpirun(int processes, const char *fmt, ...)
{
	char args[1536];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(args, sizeof args, fmt, ap);
	va_end(ap);
	return mpirun_line("-n %d %s %s", processes, program_path(), args);
}

/* The program's processes that have `mark` as their last argument; *last is one of them. */
static inline int processes_with(const char *mark, pid_t *last)
{
	struct dirent *entry;
	int count = 0;
	DIR *proc = opendir("/proc");
	cr_assert_not_null(proc);
	while ((entry = readdir(proc))) {
		char path[300], words[4096] = "";
		snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
		FILE *f = atoi(entry->d_name) > 0 ? fopen(path, "rb") : NULL;
		size_t length = f ? fread(words, 1, sizeof words - 1, f) : 0;
		if (f)
			fclose(f);
		if (length <= strlen(mark) + 1 || strcmp(words + length - strlen(mark) - 1, mark) ||
		    strcmp(words, program_path()))
			continue;
		*last = (pid_t)atoi(entry->d_name);
		count++;
	}
	closedir(proc);
	return count;
}

static inline bool wait_until(const char *mark, int count)
{
	pid_t last;
	for (int i = 0; i < 600; i++) {
		if (processes_with(mark, &last) == count)
			return true;
		nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	}
	return false;
}

#endif
