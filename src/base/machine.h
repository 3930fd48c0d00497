/* How much memory and how many open files this process may have. */
#ifndef SIGNSGD_BASE_MACHINE_H
#define SIGNSGD_BASE_MACHINE_H

#include <stdint.h>
#include "base/err.h"

struct machine_memory {
	uint64_t bytes; /* UINT64_MAX: nothing is known */
	const char *of; /* what sets this bound: "this machine", "the memory cgroup", "`ulimit -v`" */
};

/*
 * The least of: the machine's memory with its swap, the limits of the control group and of those above it
 * (version 1 and 2), and what the limit on addresses (RLIMIT_AS) leaves beyond what is mapped already.
 */
struct machine_memory machine_memory(void);

/*
 * See to it that so many more files (sockets, pipes) can be opened: raise the limit of this process if the
 * system allows it. -1 and a sentence if it does not. For libraries that abort where a descriptor is refused.
 */
int machine_descriptors(uint64_t more, struct err *e);

/*
 * Bytes that this program held at its peak. The kernel's VmHWM counts from the program's start; the peak of
 * getrusage() includes the program that started this one.
 */
uint64_t machine_peak_bytes(void);

#endif
