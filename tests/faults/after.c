/* What must be true when a day is over. */
#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "tests/faults/day.h"
#include "record/record.h"

static const double ACCURACY_RANGE = 0.05;

static void path_of(const struct day *d, const char *name, char out[2 * DAY_PATH])
{
	snprintf(out, 2 * DAY_PATH, "%s/%s", d->folder, name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in a folder, in order, each with a space behind it. */
static size_t list(const char *folder, const char *part, char *out, size_t size)
{
	char *names[1024];
	size_t count = 0, at = 0;
	DIR *dir = opendir(folder);
	out[0] = 0;
	if (!dir)
		return 0;
	for (struct dirent *entry = readdir(dir); entry && count < 1024; entry = readdir(dir))
		if (entry->d_name[0] != '.' && strstr(entry->d_name, part))
			names[count++] = strdup(entry->d_name);
	closedir(dir);
	qsort(names, count, sizeof *names, by_name);
	for (size_t i = 0; i < count; i++) {
		at += (size_t)snprintf(out + at, at < size ? size - at : 0, "%s ", names[i]);
		free(names[i]);
	}
	return count;
}

/* In a network of nodes the folder is theirs alone; otherwise other programs use it too. */
size_t after_shared(const struct day *d, char *out, size_t size)
{
	return list("/dev/shm", d->nodes ? "" : "signsgd", out, size);
}

static void check_shared(struct day *d, const char *before)
{
	char now[4096];
	after_shared(d, now, sizeof now);
	if (strcmp(now, before))
		day_fail(d, "/dev/shm: found %s, expected %s as before", now, before);
}

static void check_files(struct day *d)
{
	char found[4096];
	static const char expected[] =
	        "e.json keys replay.h5 replay.log run.h5 serve.log show.log simulate.h5 "
	        "simulate.log keys.log w0.log w1.log w2.log w3.log w4.log w5.log w6.log ";
	list(d->folder, "", found, sizeof found);
	for (char *name = strtok(found, " "); name; name = strtok(NULL, " ")) {
		char whole[64];
		snprintf(whole, sizeof whole, "%s ", name);
		if (!strstr(expected, whole))
			day_fail(d, "%s: found the file %s, which nobody needs", d->folder, name);
	}
}

/* Every command line of ours names the folder. */
static void check_processes(struct day *d)
{
	DIR *dir = opendir("/proc");
	char path[300], line[4096];
	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
		FILE *f = fopen(path, "r");
		size_t bytes = f ? fread(line, 1, sizeof line - 1, f) : 0;
		if (f)
			fclose(f);
		for (size_t i = 0; i < bytes; i++)
			line[i] = line[i] ? line[i] : ' ';
		line[bytes] = 0;
		if (strstr(line, d->folder))
			day_fail(d, "process %s is left: %s", entry->d_name, line);
	}
	if (dir)
		closedir(dir);
}

/* The kernel's table of the server's node. */
static void check_port(struct day *d)
{
	pid_t pid = cast_fork(d, 0);
	if (pid == 0) {
		char line[512];
		unsigned port, state;
		FILE *f = fopen("/proc/self/net/tcp", "r");
		while (f && fgets(line, sizeof line, f))
			if (sscanf(line, " %*d: %*x:%x %*x:%*x %x", &port, &state) == 2 &&
			    port == (unsigned)d->port && state == 10) /* TCP_LISTEN */
				_exit(1);
		_exit(f ? 0 : 2);
	}
	int code = cast_wait(pid);
	if (code)
		day_fail(d, code == 1 ? "port %d: somebody still listens" : "port %d: cannot be looked up",
		         d->port);
}

static void check_result(struct day *d)
{
	struct run_info run, faultless;
	struct err e = {0};
	char path[2 * DAY_PATH];
	path_of(d, "simulate.h5", path);
	if (record_info(path, &faultless, &e)) {
		day_fail(d, "%s", e.text);
		return;
	}
	path_of(d, "run.h5", path);
	if (record_info(path, &run, &e)) {
		day_fail(d, "%s", e.text);
		return;
	}
	if (strcmp(run.state, "finished") || run.steps_done != run.steps)
		day_fail(d, "run.h5: %s after %lld of %lld steps", run.state, (long long)run.steps_done,
		         (long long)run.steps);
	printf("accuracy: %.4f, without faults %.4f\n", run.final_test_accuracy,
	       faultless.final_test_accuracy);
	if (!(fabs(run.final_test_accuracy - faultless.final_test_accuracy) <= ACCURACY_RANGE))
		day_fail(d, "accuracy: found %.4f, expected within %.2f of %.4f", run.final_test_accuracy,
		         ACCURACY_RANGE, faultless.final_test_accuracy);
	if (cast_run(d, "show.log", "show %s", path))
		day_fail(d, "`signsgd show` does not read run.h5: see show.log");
	if (cast_run(d, "replay.log", "simulate --replay %s --out %s/replay.h5 --quiet", path, d->folder))
		day_fail(d, "repeating the run gives other bits: see replay.log");
}

/* How often each worker was counted, and in how many steps all were. One was shut out. */
static void check_voters(struct day *d, int shut_out)
{
	char path[2 * DAY_PATH];
	int64_t steps = 0, counted[DAY_WORKERS] = {0}, full = 0;
	int32_t *born = NULL;
	struct err e = {0};
	path_of(d, "run.h5", path);
	if (record_read_voters(path, DAY_WORKERS, &steps, &born, &e)) {
		day_fail(d, "%s", e.text);
		return;
	}
	for (int64_t k = 0; k < steps; k++) {
		int voters = 0;
		for (int m = 0; m < DAY_WORKERS; m++)
			voters += born[k * DAY_WORKERS + m] >= 0;
		for (int m = 0; m < DAY_WORKERS; m++)
			counted[m] += born[k * DAY_WORKERS + m] >= 0;
		full += voters == DAY_WORKERS;
		if (voters < DAY_QUORUM)
			day_fail(d, "step %lld: %d voters are no quorum", (long long)k + 1, voters);
	}
	printf("voters: all %d in %lld of %lld steps; each in", DAY_WORKERS, (long long)full,
	       (long long)steps);
	for (int m = 0; m < DAY_WORKERS; m++)
		printf(" %lld", (long long)counted[m]);
	printf("\n");
	for (int m = 0; m < DAY_WORKERS; m++)
		if (counted[m] < (m == shut_out ? 1 : steps / 4))
			day_fail(d, "worker %d was counted in %lld of %lld steps alone", m,
			         (long long)counted[m], (long long)steps);
	if (full == steps)
		day_fail(d, "nobody was ever missed: nothing has happened this day");
	mem_free(born);
}

static void check_faults(struct day *d, const struct event *plan, size_t events)
{
	static const char *const names[KINDS] = {
	        [FLOOD] = "unannounced", [REPLAY] = "late",         [OVERSIZE] = "handshake",
	        [GARBAGE] = "handshake", [HALF_OPEN] = "handshake", [STRANGER] = "unknown_key",
	        [OFFEND] = "banned"};
	char path[2 * DAY_PATH], wanted[64];
	struct buf text = {0};
	struct err e = {0};
	path_of(d, "run.h5", path);
	if (record_say_faults(path, &text, &e))
		day_fail(d, "%s", e.text);
	printf("faults: %s\n", text.text ? text.text : "");
	for (size_t i = 0; text.text && i < events; i++) {
		if (!plan[i].begun || !names[plan[i].kind])
			continue;
		snprintf(wanted, sizeof wanted, "%s: ", names[plan[i].kind]);
		if (!strstr(text.text, wanted))
			day_fail(d, "no fault was counted as %s", names[plan[i].kind]);
	}
	buf_clear(&text);
}

void after_check(struct day *d, const struct event *plan, size_t events, const char *shared)
{
	int shut_out = -1;
	check_processes(d);
	check_port(d);
	check_shared(d, shared);
	check_result(d);
	for (size_t i = 0; i < events; i++)
		shut_out = plan[i].kind == OFFEND ? plan[i].worker : shut_out;
	check_voters(d, shut_out);
	check_faults(d, plan, events);
	check_files(d);
}
