/* The options that change an experiment's settings, for every command that reads one. */
#ifndef SIGNSGD_CMD_OVERRIDES_H
#define SIGNSGD_CMD_OVERRIDES_H

#include "cmd/ui/cmd.h"
#include "base/mem.h"
#include "experiment/experiment.h"

/* clang-format off */
/* For the top of an option table. */
#define OVERRIDE_OPTIONS                                                                        \
	{"workers", "M", "workers that vote, Byzantine ones included"},                         \
	{"adversaries", "K", "Byzantine workers"},                                              \
	{"attack", "KIND", "what they do ('signsgd list attacks')"},                            \
	{"steps", "N", "how long to train"},                                                    \
	{"seed", "S", "of every random number"},                                                \
	{"data", "DIR", "folder with the data set's files"},                                    \
	{"out", "PATH", "result file, or folder for several runs; else runs/NAME-ID.h5"},       \
	{"set", "KEY=VALUE", "any key of the experiment, dotted; may be repeated"}
#define MACHINE_OPTION                                                                          \
	{"backend", "NAME", "this machine's kernels, not those of the experiment; or JSON, with keys"}
#define LANES_OPTION {"lanes", "L", "threads that compute the workers; else one a core"}
/* Of commands that run or check whole grids. */
#define GRID_OPTION {"strict", NULL, "refuse a grid with points that a rule is not made for"}
/* clang-format on */

struct overrides {
	struct arena arena;
	struct change *at; /* [count] in the order given */
	size_t count;
};

/*
 * The changes that the command line asks for, behind the command's own: more [n_more]. -1 and a sentence for
 * a
 * --set without KEY=. Free with overrides_clear(), also after -1.
 */
int overrides_init(struct overrides *c, const struct args *a, const struct change *more, size_t n_more,
                   struct err *e);
/*
 * The same where a server sends the experiment: --data and --set alone. --workers is no change there; it says
 * how many of the run's workers are here.
 */
int overrides_remote(struct overrides *c, const struct args *a, struct err *e);
void overrides_clear(struct overrides *c);

/* Read an experiment file with the changes, and as --strict says, of a command with GRID_OPTION. -1 and a
 * sentence. */
int overrides_read(const struct overrides *c, const struct args *a, const char *path, struct runs *out,
                   struct err *e);

/*
 * --backend, with its keys' values in the arena; *out is without a row where it is not given. -1 and a
 * sentence.
 */
int machine_of(const struct args *a, struct arena *arena, struct choice *out, struct err *e);

/*
 * --lanes, or as many as there are cores. Where MPI's launcher or srun has started several processes on the
 * same cores, each takes its share of them.
 */
int lanes_of(const struct args *a, int *lanes, struct err *e);

#endif
