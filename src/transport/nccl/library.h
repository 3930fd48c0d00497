/*
 * The door to NCCL (2.14 and later): the part of its C interface that we call, under names of ours. Its
 * header is not needed: the library is opened when the transport is, and looked for as cuBLAS is
 * (backend/cuda/find.h). tests/transport/test_nccl_library.c compares what stands here with the real header.
 */
#ifndef SIGNSGD_TRANSPORT_NCCL_LIBRARY_H
#define SIGNSGD_TRANSPORT_NCCL_LIBRARY_H

#include <stddef.h>

#include "base/err.h"

struct CUstream_st; /* what CUDA's runtime calls cudaStream_t */

/* How the library's types are passed. The test that compares function types says the real ones instead. */
#ifndef NCCL_LIBRARY_TYPES
typedef int nccl_result, nccl_type, nccl_operation;
typedef struct ncclComm *nccl_comm;
typedef struct {
	char bytes[128];
} nccl_id;
/* As of 2.14: the library takes what it has of it, by size and version. */
typedef struct {
	size_t size;
	unsigned magic, version;
	int blocking, unknown;
} nccl_config;
#endif

enum { NCCL_OK = 0, NCCL_IN_PROGRESS = 7 };
enum { NCCL_BYTES = 1, NCCL_FLOATS = 7 };
enum { NCCL_SUM = 0 };
static const unsigned NCCL_CONFIG_MAGIC = 0xcafebeef, NCCL_CONFIG_VERSION = 21400;

/* Each member is the function whose name stands behind it. */
struct nccl {
	nccl_result (*version)(int *version);    /* ncclGetVersion: 22809 is 2.28.9 */
	nccl_result (*make_id)(nccl_id *id);     /* ncclGetUniqueId */
	const char *(*word)(nccl_result result); /* ncclGetErrorString */
	const char *(*last)(nccl_comm comm);     /* ncclGetLastError */
	nccl_result (*open)(nccl_comm *comm, int size, nccl_id id, int rank,
	                    nccl_config *config);              /* ncclCommInitRankConfig */
	nccl_result (*state)(nccl_comm comm, nccl_result *at); /* ncclCommGetAsyncError */
	nccl_result (*finalize)(nccl_comm comm);               /* ncclCommFinalize */
	nccl_result (*destroy)(nccl_comm comm);                /* ncclCommDestroy */
	nccl_result (*abort)(nccl_comm comm);                  /* ncclCommAbort */
	nccl_result (*begin)(void);                            /* ncclGroupStart */
	nccl_result (*end)(void);                              /* ncclGroupEnd */
	/* ncclSend, ncclRecv */
	nccl_result (*send)(const void *from, size_t count, nccl_type type, int to, nccl_comm comm,
	                    struct CUstream_st *stream);
	nccl_result (*receive)(void *to, size_t count, nccl_type type, int from, nccl_comm comm,
	                       struct CUstream_st *stream);
	/* ncclBroadcast, ncclAllGather, ncclAllReduce */
	nccl_result (*broadcast)(const void *from, void *to, size_t count, nccl_type type, int root,
	                         nccl_comm comm, struct CUstream_st *stream);
	nccl_result (*gather)(const void *from, void *to, size_t count, nccl_type type, nccl_comm comm,
	                      struct CUstream_st *stream);
	nccl_result (*reduce)(const void *from, void *to, size_t count, nccl_type type, nccl_operation how,
	                      nccl_comm comm, struct CUstream_st *stream);
};

/*
 * The library's functions, opened at the first call; NULL and a sentence (exit code 1) where it is not there,
 * is of another version, or lacks a function. It stays open.
 */
const struct nccl *library_nccl(struct err *e);

/* "2.28.9 (/usr/lib/libnccl.so.2)", or the sentence. */
void library_nccl_text(size_t size, char text[]);

#endif
