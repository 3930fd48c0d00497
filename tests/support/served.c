#include "tests/support/served.h"
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "record/record.h"
#include "tests/support/file.h"
#include "tests/support/process.h"

/* Is nobody listening on this port of 127.0.0.1? */
static bool port_is_free(int port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
	                         .sin_port = htons((uint16_t)port),
	                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int yes = 1;
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), 0);
	bool bound = bind(s, (struct sockaddr *)&at, sizeof at) == 0;
	close(s);
	return bound;
}

/* Keep the port from other tests until this process ends: a name of the network namespace stands for it. */
static bool port_is_taken_by_us(int port)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int length = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "signsgd-test-port-%d", port);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s, (struct sockaddr *)&name,
	         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) == 0)
		return true;
	close(s);
	return false;
}

int served_free_port(void)
{
	enum { LOWEST = 10240, PORTS = 22528, STRIDE = 7919 };
	int low = 32768, high = 60999, port = (int)(getpid() % PORTS);
	char range[64];
	sscanf(file_text("/proc/sys/net/ipv4/ip_local_port_range", range, sizeof range), "%d %d", &low,
	       &high);
	for (int i = 0; i < PORTS; i++) {
		port = (port + STRIDE) % PORTS;
		int at = LOWEST + port;
		if ((at < low || at > high) && port_is_free(at) && port_is_taken_by_us(at))
			return at;
	}
	cr_assert_fail("no port is free from %d to %d", LOWEST, LOWEST + PORTS - 1);
	return -1;
}

void served_address(char out[SERVED_ADDRESS], bool tcp)
{
	static int count;
	if (tcp)
		snprintf(out, SERVED_ADDRESS, "tcp://127.0.0.1:%d", served_free_port());
	else
		snprintf(out, SERVED_ADDRESS, "ipc://@signsgd-test-%d-%d", getpid(), count++);
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
