/* The bounds that the system sets on memory, read where Linux tells them. */
#include "base/machine.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

static void lower(struct machine_memory *m, uint64_t bytes, const char *of)
{
	if (bytes < m->bytes)
		*m = (struct machine_memory){bytes, of};
}

/* The number that a file holds. "max" and what is no number is no bound. */
static uint64_t number_in(const char *path)
{
	unsigned long long bytes;
	FILE *f = fopen(path, "r");
	if (!f)
		return UINT64_MAX;
	int found = fscanf(f, "%llu", &bytes);
	fclose(f);
	return found == 1 ? bytes : UINT64_MAX;
}

/* The limits of a group and of all groups above it: "/a/b", "/a", "". */
static void lower_by_groups(struct machine_memory *m, const char *mount, char *group, const char *file)
{
	char path[PATH_BYTES];
	for (char *end = group + strlen(group);; *end = '\0') {
		snprintf(path, sizeof(path), "%s%s/%s", mount, group, file);
		lower(m, number_in(path), "the memory cgroup");
		end = strrchr(group, '/');
		if (!end)
			return;
	}
}

/* Lines are "NUMBER:CONTROLLERS:PATH", without controllers in version 2. */
static void lower_by_cgroups(struct machine_memory *m)
{
	char line[PATH_BYTES];
	FILE *f = fopen("/proc/self/cgroup", "r");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		char *controllers = strchr(line, ':');
		char *group = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!group)
			continue;
		*group++ = '\0';
		if (controllers[1] == '\0')
			lower_by_groups(m, "/sys/fs/cgroup", group, "memory.max");
		else if (strcmp(controllers + 1, "memory") == 0)
			lower_by_groups(m, "/sys/fs/cgroup/memory", group, "memory.limit_in_bytes");
	}
	if (f)
		fclose(f);
}

/* Bytes of addresses that this process has mapped. */
static uint64_t mapped(void)
{
	unsigned long long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (f && fscanf(f, "%llu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

struct machine_memory machine_memory(void)
{
	struct machine_memory m = {UINT64_MAX, "this machine"};
	struct sysinfo info;
	struct rlimit limit;
	if (sysinfo(&info) == 0)
		lower(&m, ((uint64_t)info.totalram + info.totalswap) * info.mem_unit, "this machine");
	lower_by_cgroups(&m);
	if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
		uint64_t taken = mapped();
		lower(&m, limit.rlim_cur > taken ? limit.rlim_cur - taken : 0, "`ulimit -v`");
	}
	return m;
}

int machine_descriptors(uint64_t more, struct err *e)
{
	struct rlimit limit;
	int lowest_free = dup(STDERR_FILENO);
	if (lowest_free >= 0)
		close(lowest_free);
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	uint64_t used = lowest_free >= 0 ? (uint64_t)lowest_free : (uint64_t)limit.rlim_cur,
	         need = used + more;
	if (need <= limit.rlim_cur)
		return 0;
	if (need > limit.rlim_max)
		return err_world(
		        e,
		        "open files: this needs about %llu at a time, found a limit of %llu; raise it with "
		        "`ulimit -n`",
		        (unsigned long long)need, (unsigned long long)limit.rlim_max);
	limit.rlim_cur = need;
	return setrlimit(RLIMIT_NOFILE, &limit)
	               ? err_world(e, "open files: the limit cannot be raised to %llu",
	                           (unsigned long long)need)
	               : 0;
}

uint64_t machine_peak_bytes(void)
{
	struct rusage usage;
	char line[128];
	unsigned long long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");
	while (f && !kib && fgets(line, sizeof line, f))
		sscanf(line, "VmHWM: %llu kB", &kib);
	if (f)
		fclose(f);
	getrusage(RUSAGE_SELF, &usage);
	return 1024 * (kib ? (uint64_t)kib : (uint64_t)usage.ru_maxrss);
}
