/* Starting and ending MPI, and moving any number of bytes: see transport/mpi/mpi_internal.h. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mem.h"
#include "transport/mpi/mpi_internal.h"
#include "transport/launch.h"

static const size_t CHUNK_BYTES = (size_t)1 << 30; /* of one request, because MPI counts in int */

enum { LAST_WORDS_MS = 1000 };

static MPI_Comm own = MPI_COMM_NULL;
static bool promised; /* other ranks depend on this process */

/*
 * Settings for Open MPI, unless the user has set them. Waiting processes yield to others on the same cores
 * (otherwise 8 processes on 2 cores take two to seven times as long for a round), and all-reduce uses a ring
 * (half the time of the default at 4 MB over 100 Mbit/s). Other libraries ignore them.
 */
static void ask_open_mpi(void)
{
	bool chosen = getenv("OMPI_MCA_coll_tuned_use_dynamic_rules") ||
	              getenv("OMPI_MCA_coll_tuned_allreduce_algorithm");
	setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
	if (chosen)
		return;
	setenv("OMPI_MCA_coll_tuned_use_dynamic_rules", "1", 0);
	setenv("OMPI_MCA_coll_tuned_allreduce_algorithm", "4", 0);
}

/* Die when the launcher dies; it may be gone already. */
static void die_with_launcher(void)
{
	pid_t parent = getppid();
	if (mpi_launched() == 0 || prctl(PR_SET_PDEATHSIG, SIGKILL))
		return;
	if (getppid() != parent)
		_exit(EXIT_WORLD);
}

static void library_name(char out[MPI_MAX_LIBRARY_VERSION_STRING])
{
	int length;
	MPI_Get_library_version(out, &length);
	out[strcspn(out, ",\n\t")] = '\0';
}

/*
 * Open MPI understands PMI-2, one of srun's protocols, only where it was built so; elsewhere it ends the
 * process within MPI_Init(), by _exit(), with words about its build. So it is said before.
 */
static void warn_of_pmi2(void)
{
	char library[MPI_MAX_LIBRARY_VERSION_STRING] = "";
	if (!getenv("SLURM_STEP_ID") || !getenv("PMI_RANK") || getenv("PMIX_RANK") ||
	    getenv("OMPI_COMM_WORLD_SIZE") || mpi_launched_rank() > 0)
		return;
	library_name(library);
	if (strncmp(library, "Open MPI", 8) == 0)
		log_warn("srun speaks PMI-2, which few builds of %s understand; if MPI_Init fails now, give "
		         "srun --mpi=pmix, or use mpirun",
		         library);
}

/* A library that does not speak the launcher's protocol takes every process for the only one. */
static int check_size(struct err *e)
{
	char library[MPI_MAX_LIBRARY_VERSION_STRING] = "";
	int size = 1;
	MPI_Comm_size(MPI_COMM_WORLD, &size);
	if (size > 1 || mpi_launched() <= 1)
		return 0;
	library_name(library);
	return err_user(e,
	                "the launcher started %d processes, but this program's MPI library (%s) does not "
	                "speak its protocol and sees one; use the mpirun of that library, or another --mpi "
	                "of srun ('srun --mpi=list' shows which there are)",
	                mpi_launched(), library);
}

/* Is there something in the pipe `fd` that nobody has read? */
static bool unread(int fd)
{
	struct stat st;
	int bytes = 0;
	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0;
}

void mpi_abort(int code)
{
	fflush(NULL);
	for (int i = 0; i < LAST_WORDS_MS && (unread(STDOUT_FILENO) || unread(STDERR_FILENO)); i++)
		usleep(1000);
	MPI_Abort(MPI_COMM_WORLD, code);
}

/* If other ranks may be waiting for this one, MPI_Finalize() would hang: abort them instead. */
static void at_exit(int code, void *unused)
{
	(void)unused;
	if (code != EXIT_DONE && promised)
		mpi_abort(code);
	else
		MPI_Finalize();
}

int mpi_check(int rc, const char *what, struct err *e)
{
	char text[MPI_MAX_ERROR_STRING] = "";
	int length;
	if (rc == MPI_SUCCESS)
		return 0;
	MPI_Error_string(rc, text, &length);
	return err_world(e, "MPI: %s failed: %s", what, text);
}

int mpi_begin(MPI_Comm *comm, struct err *e)
{
	int level;
	if (own == MPI_COMM_NULL) {
		ask_open_mpi();
		die_with_launcher();
		warn_of_pmi2();
		if (mpi_check(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level), "MPI_Init_thread", e))
			return -1;
		on_exit(at_exit, NULL);
		if (check_size(e) || mpi_check(MPI_Comm_dup(MPI_COMM_WORLD, &own), "MPI_Comm_dup", e))
			return -1;
		MPI_Comm_set_errhandler(own, MPI_ERRORS_RETURN);
	}
	*comm = own;
	return 0;
}

void mpi_promise(bool open)
{
	promised = open;
}

size_t mpi_chunks(size_t bytes)
{
	return (bytes + CHUNK_BYTES - 1) / CHUNK_BYTES;
}

static size_t chunk_at(size_t at, size_t bytes)
{
	return bytes - at < CHUNK_BYTES ? bytes - at : CHUNK_BYTES;
}

void mpi_reserve(struct mpi_requests *r, size_t requests)
{
	if (r->count > 0)
		BUG("requests are under way");
	if (requests > INT_MAX)
		die("MPI: %zu messages at once are more than it can count", requests);
	if ((int)requests <= r->size)
		return;
	mem_free(r->at);
	r->at = mem_array(requests, sizeof *r->at);
	r->size = (int)requests;
}

static MPI_Request *next_request(struct mpi_requests *r)
{
	if (r->count == r->size)
		BUG("more requests than were reserved");
	return &r->at[r->count++];
}

/* A receive is posted for every chunk of the most: those that are left over are empty. */
int mpi_post_send_some(const struct mpi_self *m, struct mpi_requests *r, const void *from, size_t bytes,
                       size_t most, int to, int tag, struct err *e)
{
	for (size_t at = 0; at < most; at += CHUNK_BYTES) {
		size_t begin = at < bytes ? at : bytes;
		int rc = MPI_Isend((const char *)from + begin, (int)chunk_at(begin, bytes), MPI_BYTE, to, tag,
		                   m->comm, next_request(r));
		if (mpi_check(rc, "MPI_Isend", e))
			return -1;
	}
	return 0;
}

int mpi_post_send(const struct mpi_self *m, struct mpi_requests *r, const void *from, size_t bytes, int to,
                  int tag, struct err *e)
{
	return mpi_post_send_some(m, r, from, bytes, bytes, to, tag, e);
}

int mpi_post_recv(const struct mpi_self *m, struct mpi_requests *r, void *to, size_t bytes, int from, int tag,
                  struct err *e)
{
	for (size_t at = 0; at < bytes; at += CHUNK_BYTES) {
		int rc = MPI_Irecv((char *)to + at, (int)chunk_at(at, bytes), MPI_BYTE, from, tag, m->comm,
		                   next_request(r));
		if (mpi_check(rc, "MPI_Irecv", e))
			return -1;
	}
	return 0;
}

int mpi_finish(struct mpi_requests *r, struct err *e)
{
	int count = r->count;
	r->count = 0;
	return mpi_check(MPI_Waitall(count, r->at, MPI_STATUSES_IGNORE), "MPI_Waitall", e);
}

int mpi_done(struct mpi_requests *r, struct err *e)
{
	int done = 1;
	if (mpi_check(MPI_Testall(r->count, r->at, &done, MPI_STATUSES_IGNORE), "MPI_Testall", e))
		return -1;
	if (done)
		r->count = 0;
	return done;
}

int mpi_broadcast(MPI_Comm comm, void *at, size_t bytes, struct err *e)
{
	for (size_t i = 0; i < bytes; i += CHUNK_BYTES)
		if (mpi_check(MPI_Bcast((char *)at + i, (int)chunk_at(i, bytes), MPI_BYTE, 0, comm),
		              "MPI_Bcast", e))
			return -1;
	return 0;
}
