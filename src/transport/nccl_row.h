/*
 * The transport `nccl` as the program knows it without CUDA and NCCL: the row, its keys, and what the module
 * signsgd-cuda.so (transport/nccl is a part of it) has to offer. The module is opened when the row is used.
 */
#ifndef SIGNSGD_TRANSPORT_NCCL_ROW_H
#define SIGNSGD_TRANSPORT_NCCL_ROW_H

#include "base/module.h"
#include "transport/topology.h"

struct nccl_settings {
	int topology; /* enum topology */
};

/* The second table of the module `cuda`. */
struct nccl_module {
	struct module_head head;
	/* As in struct transport. */
	int (*open)(const void *state, const struct transport_env *env, struct link *link, struct err *e);
	/* "NCCL 2.28.9 (/usr/lib/libnccl.so.2)", or why not. Opens the library. */
	void (*library)(char *out, size_t size);
};

#endif
