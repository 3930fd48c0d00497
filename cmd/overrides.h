/* What simulate and validate share: the options that change an experiment's settings. */
#ifndef SIGNSGD_CMD_OVERRIDES_H
#define SIGNSGD_CMD_OVERRIDES_H

#include "cmd/ui/cmd.h"
#include "base/mem.h"
#include "experiment/experiment.h"

/* clang-format off */
/* For the top of an option table. */
#define CHANGE_OPTIONS                                                                       \
	{"workers", "M", "workers that vote, liars among them"},                             \
	{"adversaries", "K", "workers that lie"},                                            \
	{"attack", "KIND", "what they do ('signsgd list attacks')"},                         \
	{"steps", "N", "how long to train"},                                                 \
	{"seed", "S", "of every random number"},                                             \
	{"data", "DIR", "folder with the data set's files"},                                 \
	{"out", "PATH", "result file, or folder for several runs; else runs/NAME-ID.h5"},    \
	{"set", "KEY=VALUE", "any key of the experiment, dotted; may be repeated"}
#define LANES_OPTION {"lanes", "L", "threads that compute the workers; else one a core"}
/* clang-format on */

struct changes {
	struct arena arena;
	struct change *at; /* [count] in the order given */
	size_t count;
};

/* `more` [n_more] come before those of the command line. -1 and a sentence for a --set without KEY=. Free
 * with changes_clear(), also after -1. */
int changes_init(struct changes *c, const struct args *a, const struct change *more, size_t n_more,
                 struct err *e);
/* Where the experiment is another's: --data and --set alone; --workers says how many of its workers are here.
 */
int changes_remote(struct changes *c, const struct args *a, struct err *e);
void changes_clear(struct changes *c);

/* --lanes, or the cores: of this process, where a launcher has started several on this machine. */
int lanes_of(const struct args *a, int *lanes, struct err *e);

#endif
