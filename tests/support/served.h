/* For tests that run a server and its workers as processes of the program. */
#ifndef SIGNSGD_TESTS_SUPPORT_SERVED_H
#define SIGNSGD_TESTS_SUPPORT_SERVED_H

#include <arpa/inet.h>
#include <sys/socket.h>
#include <time.h>
#include "record/record.h"
#include "tests/support/cli.h"

enum { SERVED_POLL_MS = 20, SERVED_PATIENCE_MS = 60000 };

static inline void served_nap(int ms)
{
	struct timespec nap = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	nanosleep(&nap, NULL);
}

/* A port that nobody listens at just now. */
static inline int free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	int s = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(s, (struct sockaddr *)&at, sizeof at), 0);
	cr_assert_eq(getsockname(s, (struct sockaddr *)&at, &size), 0);
	close(s);
	return ntohs(at.sin_port);
}

/* `signsgd ARGS` with both outputs into a file of the test's folder. */
__attribute__((format(printf, 2, 3))) static inline pid_t start(const char *log, const char *fmt, ...)
{
	char args[1024], path[128];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(args, sizeof args, fmt, ap);
	va_end(ap);
	snprintf(path, sizeof path, "%s/%s", cli_folder, log);
	return program_start(args, path, 0);
}

/* Steps that NAME.h5 in the test's folder holds; -1: there is no such file yet. */
static inline long long steps_of(const char *name)
{
	char path[128];
	struct run_info info;
	struct err e = {0};
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, name);
	if (access(path, F_OK) || record_info(path, &info, &e))
		return -1;
	return (long long)info.steps_done;
}

/* Until NAME.h5 holds more than so many steps. */
static inline void wait_for_steps(const char *name, long long steps)
{
	for (int ms = 0; ms < SERVED_PATIENCE_MS; ms += SERVED_POLL_MS) {
		if (steps_of(name) > steps)
			return;
		served_nap(SERVED_POLL_MS);
	}
	cr_assert_fail("%s: no step %lld in %d s", name, steps + 1, SERVED_PATIENCE_MS / 1000);
}

#endif
