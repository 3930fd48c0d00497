/* For tests that run the program itself: start it, wait for it, read what it said. */
#ifndef SIGNSGD_TESTS_SUPPORT_PROCESS_H
#define SIGNSGD_TESTS_SUPPORT_PROCESS_H

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static inline const char *program_path(void)
{
	const char *path = getenv("SIGNSGD_BIN");
	return path && path[0] ? path : "./signsgd";
}

/* Built with a sanitizer? Then memory and limits are not the program's own. */
static inline bool program_sanitized(void)
{
	const char *variant = getenv("SIGNSGD_VARIANT");
	return variant && strcmp(variant, "release") != 0 && strcmp(variant, "dev") != 0;
}

/*
 * Start `signsgd ARGS` (a shell's words) with both outputs into the file `log`. limit_bytes > 0 limits the
 * size of the files it may write. Returns the process.
 */
static inline pid_t program_start(const char *args, const char *log, size_t limit_bytes)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	char command[4096];
	int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(fd, 1);
	dup2(fd, 2);
	struct rlimit limit = {limit_bytes, limit_bytes};
	if (limit_bytes > 0)
		setrlimit(RLIMIT_FSIZE, &limit);
	snprintf(command, sizeof command, "exec %s %s", program_path(), args);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* The exit code, or 256 + the signal that ended it. */
static inline int program_wait(pid_t pid)
{
	int status = 0;
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static inline int program_run(const char *args, const char *log)
{
	return program_wait(program_start(args, log, 0));
}

/* A file's content, cut at room - 1 bytes. */
static inline const char *file_text(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "rb");
	size_t length = f ? fread(out, 1, size - 1, f) : 0;
	out[length] = 0;
	if (f)
		fclose(f);
	return out;
}

static inline void folder_remove(const char *path)
{
	char command[4200];
	snprintf(command, sizeof command, "rm -rf '%s'", path);
	if (system(command) != 0)
		fprintf(stderr, "could not remove %s\n", path);
}

#endif
