/* See transport/nccl/library.h. */
#include "transport/nccl/library.h"

#include <pthread.h>
#include <stdio.h>

#include "backend/cuda/find.h"

static struct nccl nccl;
static const struct library_function functions[] = {
        {"ncclGetVersion", &nccl.version},
        {"ncclGetUniqueId", &nccl.make_id},
        {"ncclGetErrorString", &nccl.word},
        {"ncclGetLastError", &nccl.last},
        {"ncclCommInitRankConfig", &nccl.open},
        {"ncclCommGetAsyncError", &nccl.state},
        {"ncclCommFinalize", &nccl.finalize},
        {"ncclCommDestroy", &nccl.destroy},
        {"ncclCommAbort", &nccl.abort},
        {"ncclGroupStart", &nccl.begin},
        {"ncclGroupEnd", &nccl.end},
        {"ncclSend", &nccl.send},
        {"ncclRecv", &nccl.receive},
        {"ncclBroadcast", &nccl.broadcast},
        {"ncclAllGather", &nccl.gather},
        {"ncclAllReduce", &nccl.reduce},
};

/* Before 2.9 it counted 2804 for 2.8.4. */
static bool know(struct library *l)
{
	int v = 0;
	if (nccl.version(&v) != NCCL_OK) {
		err_world(&l->why, "%s (%s) does not say its version", l->name, l->file);
		return false;
	}
	int base = v < 10000 ? 1000 : 10000;
	snprintf(l->version, sizeof l->version, "%d.%d.%d", v / base, v % base / 100, v % 100);
	return library_between(l, v, 21400, 30000, "2.14 or a later 2");
}

static struct library library = {.name = "NCCL",
                                 .files = {"libnccl.so.2"},
                                 .functions = functions,
                                 .count = sizeof functions / sizeof *functions,
                                 .know = know};

static void open_it(void)
{
	library_open(&library);
}

static const struct library *opened(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, open_it);
	return &library;
}

const struct nccl *library_nccl(struct err *e)
{
	return library_table(opened(), &nccl, e);
}

void library_nccl_text(size_t size, char text[])
{
	library_text(opened(), size, text);
}
