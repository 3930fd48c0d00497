#include "tests/support/served.h"
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "record/record.h"
#include "tests/support/process.h"

int served_free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	int s = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(s, (struct sockaddr *)&at, sizeof at), 0);
	cr_assert_eq(getsockname(s, (struct sockaddr *)&at, &size), 0);
	close(s);
	return ntohs(at.sin_port);
}

pid_t served_start(const char *log, const char *fmt, ...)
{
	char args[1024], path[128];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(args, sizeof args, fmt, ap);
	va_end(ap);
	snprintf(path, sizeof path, "%s/%s", cli_folder, log);
	return process_start(args, path, 0);
}

const char *served_log(const char *log, char *out, size_t size)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", cli_folder, log);
	return file_text(path, out, size);
}

void served_wait_for_words(const char *log, const char *words)
{
	static char said[1 << 16];
	for (int ms = 0; ms < SERVED_PATIENCE_MS; ms += SERVED_POLL_MS) {
		if (strstr(served_log(log, said, sizeof said), words))
			return;
		process_sleep_ms(SERVED_POLL_MS);
	}
	cr_assert_fail("%s does not say '%s' in %d s: %s", log, words, SERVED_PATIENCE_MS / 1000, said);
}

void served_wait_for_file(const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", cli_folder, name);
	for (int ms = 0; ms < SERVED_PATIENCE_MS; ms += SERVED_POLL_MS) {
		if (file_there(path))
			return;
		process_sleep_ms(SERVED_POLL_MS);
	}
	cr_assert_fail("no %s in %d s", name, SERVED_PATIENCE_MS / 1000);
}

long long served_steps(const char *name)
{
	char path[128];
	struct run_info info;
	struct err e = {0};
	snprintf(path, sizeof path, "%s/%s.h5", cli_folder, name);
	if (!file_there(path) || record_info(path, &info, &e))
		return -1;
	return (long long)info.steps_done;
}

void served_wait_for_steps(const char *name, long long steps)
{
	for (int ms = 0; ms < SERVED_PATIENCE_MS; ms += SERVED_POLL_MS) {
		if (served_steps(name) > steps)
			return;
		process_sleep_ms(SERVED_POLL_MS);
	}
	cr_assert_fail("%s: no step %lld in %d s", name, steps + 1, SERVED_PATIENCE_MS / 1000);
}
