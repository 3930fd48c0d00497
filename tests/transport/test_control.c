/*
 * Control connections between processes that this test forks: what arrives is what was sent; strangers are
 * not let in; a process that dies, that fails, or that runs something else ends all others with a sentence.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "transport/control.h"

enum { SIZE = 4, LARGE = 3 << 20 };

/* What each process does when all are connected; in a child its exit code. */
typedef int part_fn(struct control *c, int rank);

static int pipes[SIZE][2];

static int child(int rank, part_fn *part)
{
	struct control_invitation in;
	struct err e = {0};
	if (read(pipes[rank][0], &in, sizeof in) != sizeof in)
		return 100;
	struct control *c = control_join("test", rank, SIZE, &in, &e);
	int code = c ? part(c, rank) : 101;
	control_close(c);
	return code;
}

/* Runs it in SIZE processes, this one among them. codes [SIZE] of the others; 256 and more: by a signal. */
static int run(part_fn *part, int codes[SIZE], void (*before)(const struct control_invitation *))
{
	pid_t pids[SIZE];
	struct control_invitation in;
	struct err e = {0};
	for (int r = 1; r < SIZE; r++) {
		cr_assert_eq(pipe(pipes[r]), 0);
		pids[r] = fork();
		if (pids[r] == 0)
			_exit(child(r, part));
	}
	struct control *c = control_listen("test", SIZE, &in, &e);
	cr_assert_not_null(c, "%s", e.text);
	if (before)
		before(&in);
	for (int r = 1; r < SIZE; r++)
		cr_assert_eq(write(pipes[r][1], &in, sizeof in), (ssize_t)sizeof in);
	cr_assert_eq(control_accept(c, 60, &e), 0, "%s", e.text);
	int code = part(c, 0);
	control_close(c);
	for (int r = 1; r < SIZE; r++) {
		int status;
		waitpid(pids[r], &status, 0);
		codes[r] = WIFEXITED(status) ? WEXITSTATUS(status) : 256;
	}
	return code;
}

static void expect_all_well(part_fn *part)
{
	int codes[SIZE];
	cr_expect_eq(run(part, codes, NULL), 0);
	for (int r = 1; r < SIZE; r++)
		cr_expect_eq(codes[r], 0, "process %d: %d", r, codes[r]);
}

static int moves(struct control *c, int rank)
{
	struct err e = {0};
	int all[SIZE] = {0}, number = rank == 0 ? 17 : 0;
	unsigned char *large = malloc(LARGE);
	int bad = !large;
	for (int turn = 0; turn < 20 && !bad; turn++) {
		all[rank] = 10 * turn + rank;
		bad |= control_allgather(c, all, sizeof *all, &e) != 0;
		for (int r = 0; r < SIZE; r++)
			bad |= all[r] != 10 * turn + r;
		bad |= control_broadcast(c, &number, sizeof number, &e) || number != 17;
		bad |= control_watch(c, &e) != 0;
	}
	for (int way = 0; way < 2 && !bad; way++) {
		memset(large, rank, LARGE);
		bad |= control_carry(c, large, LARGE, way ? 0 : 2, way ? 2 : 0, &e) != 0;
		if (rank == (way ? 2 : 0))
			bad |= large[0] != (way ? 0 : 2) || large[LARGE - 1] != (way ? 0 : 2);
	}
	free(large);
	bad |= control_allgather(c, all, sizeof *all, &e) != 0; /* nobody leaves before all are done */
	return bad;
}

Test(control, carries_what_is_sent, .timeout = 120)
{
	expect_all_well(moves);
}

static bool says(const struct err *e, const char *words)
{
	if (strstr(e->text, words))
		return true;
	fprintf(stderr, "\"%s\", not \"%s\"\n", words, e->text);
	return false;
}

/* Until something ends it: as a transport waits for its own library. */
static int wait_for_end(struct control *c, struct err *e)
{
	while (control_watch(c, e) == 0)
		usleep(1000);
	control_fail(c, e->text);
	return 0;
}

static int dies(struct control *c, int rank)
{
	struct err e = {0};
	if (rank == 2)
		raise(SIGKILL);
	wait_for_end(c, &e);
	return !says(&e, "process 2 is gone: it died");
}

static int dies_while_others_read(struct control *c, int rank)
{
	struct err e = {0};
	int all[SIZE];
	if (rank == 3)
		raise(SIGKILL);
	if (control_allgather(c, all, sizeof *all, &e) == 0)
		return 1;
	control_fail(c, e.text);
	return !says(&e, "process 3 is gone: it died");
}

static int fails(struct control *c, int rank)
{
	struct err e = {0};
	if (rank == 1) {
		control_fail(c, "it has no more paper");
		return 0;
	}
	wait_for_end(c, &e);
	return !says(&e, "process 1 has ended the job: it has no more paper");
}

static int root_fails(struct control *c, int rank)
{
	struct err e = {0};
	if (rank == 0) {
		control_fail(c, "it has no more paper");
		return 0;
	}
	int number;
	return control_broadcast(c, &number, sizeof number, &e) == 0 || !says(&e, "it has no more paper");
}

static int runs_something_else(struct control *c, int rank)
{
	struct err e = {0};
	char all[SIZE][8] = {{0}};
	if (control_allgather(c, all, rank == 1 ? 8 : 4, &e) == 0)
		return 1;
	control_fail(c, e.text);
	return !says(&e, "process 1 sends 8 bytes where 4 were expected");
}

static void expect_ends(part_fn *part, int victim)
{
	int codes[SIZE];
	cr_expect_eq(run(part, codes, NULL), 0);
	for (int r = 1; r < SIZE; r++)
		cr_expect_eq(codes[r], r == victim ? 256 : 0, "process %d: %d", r, codes[r]);
}

Test(control, a_process_that_dies_ends_all, .timeout = 120)
{
	expect_ends(dies, 2);
	expect_ends(dies_while_others_read, 3);
}

Test(control, a_process_that_fails_says_why_to_all, .timeout = 120)
{
	expect_ends(fails, 0);
	expect_ends(root_fails, 0);
	expect_ends(runs_something_else, 0);
}

/* One says nothing, one does not know the secret, one knows half of it. */
static void visit(const struct control_invitation *in)
{
	for (int kind = 0; kind < 3; kind++) {
		struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(in->port)};
		struct {
			unsigned char secret[CONTROL_SECRET];
			int32_t rank, size;
		} hello = {.rank = 1, .size = SIZE};
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		cr_assert_eq(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
		memcpy(hello.secret, in->secret, kind == 2 ? CONTROL_SECRET / 2 : 0);
		if (kind > 0)
			cr_assert_eq(write(fd, &hello, sizeof hello), (ssize_t)sizeof hello);
	}
}

Test(control, strangers_are_not_let_in, .timeout = 120)
{
	int codes[SIZE];
	cr_expect_eq(run(moves, codes, visit), 0);
	for (int r = 1; r < SIZE; r++)
		cr_expect_eq(codes[r], 0, "process %d: %d", r, codes[r]);
}

Test(control, one_that_does_not_come_is_named, .timeout = 120)
{
	struct control_invitation in;
	struct err e = {0};
	struct control *c = control_listen("test", 2, &in, &e);
	cr_assert_not_null(c, "%s", e.text);
	cr_expect_eq(control_accept(c, 0.2, &e), -1);
	cr_expect(says(&e, "test: process 1 has not connected to process 0 within"));
	control_close(c);
	in.count = 0;
	err_clear(&e);
	cr_expect_null(control_join("test", 1, 2, &in, &e));
	cr_expect(says(&e, "test: process 1 cannot reach process 0 at port"));
}
