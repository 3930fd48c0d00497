#include "tests/support/process.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COMMAND_SIZE = 8192, POLL_MS = 20 };

const char *process_program(void)
{
	const char *path = getenv("SIGNSGD_BIN");
	return path && path[0] ? path : "./signsgd";
}

bool process_sanitized(void)
{
	const char *variant = getenv("SIGNSGD_VARIANT");
	static const char *const plain[] = {"release", "dev", "emulated"};
	for (size_t i = 0; variant && i < sizeof plain / sizeof *plain; i++)
		if (strcmp(variant, plain[i]) == 0)
			return false;
	return variant;
}

pid_t process_start(const char *args, const char *log, size_t limit_bytes)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	char command[COMMAND_SIZE];
	int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(fd, 1);
	dup2(fd, 2);
	struct rlimit limit = {limit_bytes, limit_bytes};
	if (limit_bytes > 0)
		setrlimit(RLIMIT_FSIZE, &limit);
	snprintf(command, sizeof command, "exec %s %s", process_program(), args);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

int process_run(const char *args, const char *log)
{
	return process_wait(process_start(args, log, 0));
}

int process_wait(pid_t pid)
{
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

void process_adopt_orphans(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

bool process_none_left(void)
{
	for (int ms = 0; ms < CHILD_SECONDS * 1000; ms += POLL_MS) {
		pid_t gone;
		while ((gone = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (gone < 0 && errno == ECHILD)
			return true;
		process_sleep_ms(POLL_MS);
	}
	return false;
}

int process_in_child(int (*work)(void *ctx), void *ctx)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(CHILD_SECONDS); /* a hang is a crash too */
		_exit(work(ctx));
	}
	return process_wait(pid);
}

bool process_shell(const char *fmt, ...)
{
	char line[COMMAND_SIZE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	return system(line) == 0;
}

void process_sleep_us(uint64_t us)
{
	struct timespec t = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
	nanosleep(&t, NULL);
}

void process_sleep_ms(int ms)
{
	process_sleep_us((uint64_t)ms * 1000);
}
