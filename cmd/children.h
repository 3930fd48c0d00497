/*
 * Processes of this program that a run has started, and that are watched until its end. Each gets its keys
 * through a pipe. The kernel kills them when this process dies, of whatever cause.
 *
 * One that dies (killed, out of memory, a machine's failure) is started anew, once. New workers begin as any
 * that come back to a server: with the run's parameters and without momentum (transport/transport.h), in the
 * next round that they reach; new shards get the round's votes again (transport/zmq/shard.h). The run is
 * asked to stop (run_halt()) when a child says that the user has to do something, when a shard fails for the
 * second time, and when no workers are left and one of the processes has failed.
 */
#ifndef SIGNSGD_CMD_CHILDREN_H
#define SIGNSGD_CMD_CHILDREN_H

#include "base/err.h"
#include "transport/keys/keyring.h"

struct child_role {
	const char *const *arguments; /* of the program, its name first, ended by NULL */
	int first, count; /* its workers, whose keys it gets; count 0: a shard, which gets all keys */
	int number;       /* among the machine's processes: its SIGNSGD_LOCAL_RANK (transport/launch.h) */
};

struct children;

/*
 * Start them all. The roles [count], what they point to and the ring are borrowed until children_end(). NULL
 * and a sentence: none is left.
 */
struct children *children_start(const struct child_role *roles, int count, const struct keyring *ring,
                                struct err *e);

/* The run is over: what ends now ends for good, and the run is not to be stopped for it. */
void children_let_go(struct children *c);

/* Wait for all of them, and kill those that do not end. A shard has nothing to save and is killed at once. */
void children_end(struct children *c);

#endif
