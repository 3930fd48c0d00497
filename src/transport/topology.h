/* Where votes meet, for transports whose processes a launcher starts: what their key `topology` says. */
#ifndef SIGNSGD_TRANSPORT_TOPOLOGY_H
#define SIGNSGD_TRANSPORT_TOPOLOGY_H

#include "transport/transport.h"

/* In the order of the key's choices. */
enum topology { TOPOLOGY_STAR, TOPOLOGY_SHARDED, TOPOLOGY_ALLREDUCE };

#define TOPOLOGY_NAMES                                                                                       \
	(const char *const[])                                                                                \
	{                                                                                                    \
		"star", "sharded", "allreduce", NULL                                                         \
	}

/* 0, or -1 and a sentence: does the topology of the transport `name` suit the rule? */
int topology_check(const char *name, enum topology topology, const struct exchange_rule *rule, struct err *e);

/*
 * How workers are dealt to processes: first [processes + 1], process r has the workers first[r] ..
 * first[r + 1] - 1. Shares differ by at most one worker; process 0, which also evaluates, never has a larger
 * one than others. Free it with mem_free().
 */
int *topology_deal(int workers, int processes);
/* The process that has a worker. */
int topology_dealt(const int *first, int worker);

#endif
