/* One process writes a path: locks that die with their process and say who holds them. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "h5/h5_lock.h"
#include "tests/support/h5_files.h"
#include "tests/support/process.h"

TestSuite(h5_lock, .init = h5_files_begin, .fini = h5_files_end, .timeout = 120);

static char note[64];

/* The child tells by a byte that it has the lock, and keeps it. */
static pid_t start_holder(const char *path)
{
	int ends[2];
	char byte = 0;
	cr_assert_eq(pipe(ends), 0);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		struct h5_lock lock;
		struct err e = {0};
		alarm(CHILD_SECONDS);
		byte = h5_lock_take(&lock, path, &e) == 0;
		if (write(ends[1], &byte, 1) == 1)
			pause();
		_exit(0);
	}
	cr_assert(read(ends[0], &byte, 1) == 1 && byte == 1, "the child has no lock");
	close(ends[0]);
	close(ends[1]);
	snprintf(note, sizeof note, "process %ld on host ", (long)pid);
	return pid;
}

static int refused(void *path)
{
	struct h5_lock lock;
	struct err e = {0};
	if (h5_lock_take(&lock, path, &e) != -1 || e.code != EXIT_WORLD || lock.path)
		return 2;
	return strstr(e.text, "another process writes this file") && strstr(e.text, note) ? 0 : 3;
}

Test(h5_lock, the_second_is_told_who_holds_it_until_that_process_is_killed)
{
	struct h5_lock lock;
	struct err e = {0};
	char *path = (char *)h5_files_path("new/folder/a.h5");
	pid_t pid = start_holder(path);
	cr_expect_eq(refused(path), 0);
	/* Closing the file elsewhere in this process, and in a child, drops no lock of the holder. */
	cr_expect_eq(process_in_child(refused, path), 0);
	kill(pid, SIGKILL);
	process_wait(pid);
	cr_expect(file_there(h5_files_path("new/folder/a.h5.lock")), "nobody tidies up after kill -9");
	cr_assert_eq(h5_lock_take(&lock, path, &e), 0, "%s", e.text);
	h5_lock_release(&lock);
	cr_expect(!file_there(h5_files_path("new/folder/a.h5.lock")));
}

/* A record lock of the process would be gone once this process has read the file and closed it. */
Test(h5_lock, is_not_dropped_when_the_holder_reads_the_file)
{
	struct h5_lock lock;
	struct err e = {0};
	char *path = (char *)h5_files_path("a.h5"), text[512];
	cr_assert_eq(h5_lock_take(&lock, path, &e), 0, "%s", e.text);
	file_text(h5_files_path("a.h5.lock"), text, sizeof text);
	snprintf(note, sizeof note, "process %ld on host ", (long)getpid());
	cr_expect(strstr(text, note), "%s", text);
	cr_expect_eq(process_in_child(refused, path), 0);
	h5_lock_release(&lock);
}

Test(h5_lock, a_file_of_others_of_that_name_stays)
{
	struct h5_lock lock;
	struct err e = {0};
	char text[32];
	file_put_text(h5_files_path("a.h5.lock"), "my thesis");
	cr_expect_eq(h5_lock_take(&lock, h5_files_path("a.h5"), &e), -1);
	cr_expect(e.code == EXIT_USER && strstr(e.text, "a.h5.lock is in the way"), "%s", e.text);
	cr_expect_str_eq(file_text(h5_files_path("a.h5.lock"), text, sizeof text), "my thesis");
}

enum { ROUNDS = 300 };

/* Take and let go; in between a number in the file is read, changed and written, which two would spoil. */
static int count_up(void *path)
{
	char at[512];
	snprintf(at, sizeof at, "%s.count", (const char *)path);
	for (int done = 0; done < ROUNDS;) {
		struct h5_lock lock;
		struct err e = {0};
		if (h5_lock_take(&lock, path, &e))
			continue;
		char text[32];
		long number = strtol(file_text(at, text, sizeof text), NULL, 10);
		snprintf(text, sizeof text, "%ld", number + 1);
		file_put_text(at, text);
		h5_lock_release(&lock);
		done++;
	}
	return 0;
}

Test(h5_lock, of_four_processes_one_has_it_at_a_time)
{
	char *path = (char *)h5_files_path("a.h5"), text[32];
	pid_t pids[4];
	fflush(NULL);
	for (int i = 0; i < 4; i++)
		if ((pids[i] = fork()) == 0) {
			alarm(CHILD_SECONDS);
			_exit(count_up(path));
		}
	for (int i = 0; i < 4; i++)
		cr_expect_eq(process_wait(pids[i]), 0);
	file_text(h5_files_path("a.h5.count"), text, sizeof text);
	cr_expect_eq(atoi(text), 4 * ROUNDS, "%s", text);
}
