#include "tests/support/mpirun.h"
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include "tests/support/process.h"

void mpirun_open(void)
{
	cli_open();
	if (!mpirun_here()) {
		printf("skipped: no mpirun, or built without MPI\n");
		cli_close();
		cr_skip_test("no MPI");
	}
	launcher_forgive_leaks();
}

/* MPI's library keeps memory for the life of the process: that is no leak to the address sanitizer. */
static int mpirun_line(const char *args)
{
	char line[3072], path[128];
	snprintf(line, sizeof line,
	         "ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 timeout -k 5 300 mpirun %s >%s/out 2>%s/err",
	         args, cli_folder, cli_folder);
	int status = system(line);
	snprintf(path, sizeof path, "%s/out", cli_folder);
	file_text(path, cli_out, sizeof cli_out);
	snprintf(path, sizeof path, "%s/err", cli_folder);
	file_text(path, cli_err, sizeof cli_err);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256;
}

int mpirun(int processes, const char *fmt, ...)
{
	char args[1536], line[2560];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(args, sizeof args, fmt, ap);
	va_end(ap);
	snprintf(line, sizeof line, "-n %d %s %s", processes, process_program(), args);
	return mpirun_line(line);
}

int mpirun_two(const char *first, const char *second)
{
	char script[4096], line[128];
	snprintf(script, sizeof script,
	         "case ${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-$PMIX_RANK}} in\n0) exec %s ;;\n*) exec %s "
	         ";;\nesac\n",
	         first, second);
	cli_write("two.sh", script);
	snprintf(line, sizeof line, "-n 2 sh %s/two.sh", cli_folder);
	return mpirun_line(line);
}

int mpirun_processes(const char *mark, pid_t *last)
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
		    strcmp(words, process_program()))
			continue;
		*last = (pid_t)atoi(entry->d_name);
		count++;
	}
	closedir(proc);
	return count;
}

bool mpirun_wait_until(const char *mark, int count)
{
	pid_t last;
	for (int i = 0; i < 3000; i++) {
		if (mpirun_processes(mark, &last) == count)
			return true;
		process_sleep_ms(50);
	}
	return false;
}
