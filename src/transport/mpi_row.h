/*
 * The transport `mpi` as the program knows it without MPI: the row, its keys, and what the module
 * signsgd-mpi.so (transport/mpi) has to offer. The module is opened when the row is used, or by
 * mpi_launched_broadcast().
 */
#ifndef SIGNSGD_TRANSPORT_MPI_ROW_H
#define SIGNSGD_TRANSPORT_MPI_ROW_H

#include "base/module.h"
#include "transport/topology.h"

struct mpi_settings {
	int topology; /* enum topology */
	int64_t buckets;
};

/* The module's table. */
struct mpi_module {
	struct module_head head;
	/* As in struct transport. */
	int (*open)(const void *state, const struct transport_env *env, struct link *link, struct err *e);
	/* mpi_launched_broadcast(). */
	int (*broadcast)(void *at, size_t bytes, struct err *e);
	void (*fail)(int code);
	void (*library)(char *out, size_t size);
};

#endif
