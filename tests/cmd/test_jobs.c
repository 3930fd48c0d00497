/*
 * A grid over processes: `simulate --jobs`, `--part`, mpirun, and what happens when processes die. Whatever
 * happens, the results have the bits of runs that were done one after the other.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "record/record.h"
#include "tests/support/cli.h"
#include "tests/support/h5_door.h"
#include "tests/support/mpirun.h"
#include "tests/support/process.h"

TestSuite(jobs, .init = cli_open, .fini = cli_close, .timeout = 300);

enum { MANY = 200, KILLS = 5, PATH_BYTES = 512, TEXT_BYTES = 4096 };

static char names[MANY][64]; /* of the results, in the order of the points */
static size_t n_points;

/* Writes e.json with these members more, and learns the results' names from `validate`. */
static void write_grid(const char *more)
{
	static char text[TEXT_BYTES];
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	snprintf(text, sizeof text,
	         "{\"name\":\"grid\",\"workers\":3,\"batch\":1,\"lr\":0.01,"
	         "\"model\":{\"kind\":\"quadratic\",\"dimensions\":50},%s}",
	         more);
	cli_write("e.json", text);
	cr_assert_eq(cli("validate --json %s/e.json", cli_folder), 0, "%s", cli_err);
	n_points = cli_json_lines(&a, lines);
	for (size_t i = 0; i < n_points; i++)
		snprintf(names[i], sizeof names[i], "grid-%.12s.h5", json_member(lines[i], "id")->string);
	arena_clear(&a);
}

static const char *path_of(const char *folder, size_t i)
{
	static char path[PATH_BYTES];
	snprintf(path, sizeof path, "%s/%s/%s", cli_folder, folder, names[i]);
	return path;
}

static const char *state(const char *folder, size_t i)
{
	static struct run_info info;
	struct err e = {0};
	return record_info(path_of(folder, i), &info, &e) ? "absent" : info.state;
}

static size_t count_states(const char *folder, const char *wanted)
{
	size_t count = 0;
	for (size_t i = 0; i < n_points; i++)
		count += strcmp(state(folder, i), wanted) == 0;
	return count;
}

/* A grid in the folder, with more options: the exit code. */
static int grid(const char *folder, const char *options)
{
	return cli("simulate %s/e.json --out %s/%s %s", cli_folder, cli_folder, folder, options);
}

/* The same, begun. What it says goes to cli_folder/log. */
static pid_t begin(const char *folder, const char *options)
{
	char args[4 * FOLDER_SIZE], log[FOLDER_SIZE + 8];
	snprintf(args, sizeof args, "simulate %s/e.json --out %s/%s %s", cli_folder, cli_folder, folder,
	         options);
	snprintf(log, sizeof log, "%s/log", cli_folder);
	return process_start(args, log, 0);
}

static const char *log_text(void)
{
	static char text[1 << 16];
	char path[FOLDER_SIZE + 8];
	snprintf(path, sizeof path, "%s/log", cli_folder);
	return file_text(path, text, sizeof text);
}

static bool is_clock(const char *column)
{
	size_t length = strlen(column);
	return length > 2 && strcmp(column + length - 2, "_s") == 0;
}

static void expect_same_column(const char *group, const char *column, const char *path, const char *other)
{
	char name[128];
	size_t count, count_other;
	snprintf(name, sizeof name, "%s/%s", group, column);
	double *a = h5_door_numbers(path, name, &count), *b = h5_door_numbers(other, name, &count_other);
	cr_assert_eq(count, count_other, "%s of %s: %zu and %zu", name, path, count, count_other);
	cr_expect_arr_eq(a, b, count * sizeof *a, "%s of %s", name, path);
	mem_free(a);
	mem_free(b);
}

/* All numbers of all results, but for clocks. */
static void expect_same(const char *folder, const char *other_folder)
{
	static const char *const groups[] = {"/steps", "/evals", "/final"};
	for (size_t i = 0; i < n_points; i++) {
		char path[PATH_BYTES], other[PATH_BYTES];
		snprintf(path, sizeof path, "%s", path_of(folder, i));
		snprintf(other, sizeof other, "%s", path_of(other_folder, i));
		cr_assert_str_eq(state(folder, i), "finished", "%s", path);
		struct h5 *f = h5_door_open(path);
		for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
			size_t count;
			char **columns = h5_names(f, groups[g], &count);
			for (size_t c = 0; c < count; c++)
				if (!is_clock(columns[c]))
					expect_same_column(groups[g], columns[c], path, other);
			mem_free(columns);
		}
		h5_close(f);
	}
}

static const char *const three = "\"steps\":40,\"sweep\":{\"adversaries.count\":[0,1],\"seed\":[1,2]}";

Test(jobs, the_files_are_the_same_for_any_number_at_once)
{
	write_grid(three);
	for (int jobs = 1; jobs <= 3; jobs++) {
		char folder[8], options[32];
		snprintf(folder, sizeof folder, "j%d", jobs);
		snprintf(options, sizeof options, "--jobs %d --json", jobs);
		cr_expect_eq(grid(folder, options), 0, "%s", cli_err);
		struct arena a = {0};
		struct json *lines[CLI_LINES];
		cr_assert_eq(cli_json_lines(&a, lines), n_points);
		for (size_t i = 0; i < n_points; i++) /* in the order of the points */
			cr_expect(strstr(names[i], json_member(lines[i], "id")->string));
		arena_clear(&a);
	}
	expect_same("j2", "j1");
	expect_same("j3", "j1");
	static const char *const wrong[] = {"--jobs=0", "--jobs=0 --run 1", "--jobs=0 --set sweep={}"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		cli_expect(2, "--jobs: found '0', expected a whole number from 1", "simulate %s/e.json %s",
		           cli_folder, wrong[i]);
}

/* The first takes longer than all others together, and its line comes first. */
Test(jobs, lines_of_json_are_in_the_order_of_the_points)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	write_grid("\"sweep\":{\"steps\":[20000,10,20]}");
	cr_expect_eq(grid("r", "--jobs 2 --lanes 1 --json"), 0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 3);
	cr_expect_eq(cli_number(lines[0], "steps"), 20000);
	cr_expect_eq(cli_number(lines[1], "steps"), 10);
	cr_expect_eq(cli_number(lines[2], "steps"), 20);
	arena_clear(&a);
}

/* What the children need is told to them: the file is read once, and may change or be a pipe. */
Test(jobs, the_experiment_is_read_once)
{
	write_grid(three);
	cr_expect(process_shell("cat %s/e.json | %s simulate /dev/stdin --quiet --jobs 2 --out %s/r",
	                        cli_folder, process_program(), cli_folder));
	cr_expect_eq(count_states("r", "finished"), n_points);
}

static size_t times_said(const char *text, const char *part)
{
	size_t count = 0;
	for (const char *at = text; (at = strstr(at, part)); at++)
		count++;
	return count;
}

Test(jobs, what_fails_all_of_them_is_said_when_it_happens_and_at_the_end)
{
	cli_write("e.json", "{\"name\":\"e\",\"workers\":3,\"steps\":2,\"model\":\"softmax\",\"data\":{"
	                    "\"kind\":\"mnist\"},"
	                    "\"sweep\":{\"aggregator\":[\"vote\",\"mean\",\"median\"]}}");
	setenv("SIGNSGD_DATA", cli_folder, 1);
	setenv("XDG_CACHE_HOME", cli_folder, 1);
	cr_expect_eq(grid("r", "--jobs 2"), 2, "%s", cli_err);
	cr_expect_eq(times_said(cli_err, "found no file"), 2, "%s", cli_err);
	cr_expect_not_null(strstr(cli_err, "1 of 3 and 2 others: failed: "), "%s", cli_err);
}

Test(jobs, a_point_that_fails_stops_no_other_and_is_named)
{
	char lock[PATH_BYTES + 8];
	write_grid(three);
	snprintf(lock, sizeof lock, "%s/r", cli_folder);
	mkdir(lock, 0700);
	snprintf(lock, sizeof lock, "%s.lock", path_of("r", 1));
	mkdir(lock, 0700); /* it cannot be written, by whoever */
	cr_expect_eq(grid("r", "--jobs 2 --json"), 1, "%s", cli_err);
	cr_expect_eq(count_states("r", "finished"), n_points - 1);
	cr_expect_not_null(strstr(cli_err, "2 of 4: failed: "), "%s", cli_err);
	cr_expect_not_null(strstr(cli_err, "cannot be written"), "%s", cli_err);
	cr_expect_not_null(strstr(cli_err, "1 of 4 runs failed, and the same command tries them again"), "%s",
	                   cli_err);
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	cr_expect_eq(cli_json_lines(&a, lines), n_points - 1);
	arena_clear(&a);
	rmdir(lock);
	cr_expect_eq(grid("r", "--jobs 2 --quiet"), 0, "%s", cli_err);
	cr_expect_null(strstr(cli_err, "failed"), "%s", cli_err);
	cr_expect_eq(count_states("r", "finished"), n_points);
}

/* Kernels of an old processor are slow on this one, which every process finds out. */
Test(jobs, what_all_of_them_warn_of_is_said_once)
{
	write_grid(three);
	setenv("OPENBLAS_CORETYPE", "Prescott", 1);
	cr_expect_eq(grid("one", "--run 1"), 0, "%s", cli_err);
	size_t here = times_said(cli_err, "matrix products are slow");
	cr_expect_eq(grid("r", "--jobs 2"), 0, "%s", cli_err);
	cr_expect_eq(times_said(cli_err, "matrix products are slow"), here, "%s", cli_err);
	cr_expect_eq(times_said(cli_err, "no `adversaries.attack` given"), 1, "by the parent: %s", cli_err);
	for (const char *line = cli_err; *line; line += strcspn(line, "\n") + 1)
		cr_expect(strncmp(line, "signsgd: warning: ", 18) == 0 || strstr(line, " of 4: ") == line + 1,
		          "whole lines, each with its name: %.80s", line);
}

/* What the user has to mend is exit 2, as for a single run. */
Test(jobs, what_is_in_the_way_is_the_users)
{
	write_grid(three);
	cr_expect_eq(grid("r", "--part 1/4 --quiet"), 0, "%s", cli_err);
	char third[PATH_BYTES];
	snprintf(third, sizeof third, "%s", path_of("r", 2));
	cr_assert_eq(rename(path_of("r", 0), third), 0);
	cr_expect_eq(grid("r", "--jobs 2 --quiet"), 2, "%s", cli_err);
	cr_expect_not_null(strstr(cli_err, "3 of 4: failed: "), "%s", cli_err);
	cr_expect_not_null(strstr(cli_err, "holds another run"), "%s", cli_err);
	cr_expect_eq(count_states("r", "finished"), n_points, "the others, and that in the way");
}

Test(jobs, parts_are_the_whole_without_overlap)
{
	write_grid(three);
	cr_expect_eq(grid("r", "--part 1/3"), 0, "%s", cli_err);
	cr_expect_str_eq(state("r", 0), "finished");
	cr_expect_str_eq(state("r", 1), "absent");
	cr_expect_str_eq(state("r", 2), "absent");
	cr_expect_str_eq(state("r", 3), "finished");
	cr_expect_eq(grid("r", "--part=2/3"), 0, "%s", cli_err);
	cr_expect_null(strstr(cli_err, "skipped"), "%s", cli_err);
	cr_expect_eq(grid("r", "--part=3/3"), 0, "%s", cli_err);
	cr_expect_null(strstr(cli_err, "skipped"), "%s", cli_err);
	cr_expect_eq(grid("whole", "--quiet"), 0, "%s", cli_err);
	expect_same("r", "whole");
	cr_expect_eq(grid("r", "--part=5/6"), 0, "a job may have more tasks than points");
	cr_expect_not_null(strstr(cli_err, "make 4 runs, and none is in this part"), "%s", cli_err);
	static const char *const wrong[] = {"0/3", "4/3", "3", "1/2/3", "1/3x", "-1/3", "/"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		cli_expect(2, "expected a part and how many there are, from 1/N to N/N",
		           "simulate %s/e.json --part=%s", cli_folder, wrong[i]);
	cli_expect(2, "--part chooses among the runs of a sweep; leave out --run",
	           "simulate %s/e.json --part 1/2 --run 1", cli_folder);
}

/* Each begins with its own; the first waits for all, and speaks for all. */
Test(jobs, processes_of_a_job_share_the_points)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	if (!mpirun_here())
		cr_skip_test("skipped: there is no MPI");
	write_grid("\"steps\":2000,\"sweep\":{\"adversaries.count\":[0,1],\"seed\":[1,2,3]}");
	cr_expect_eq(mpirun(2, "simulate %s/e.json --out %s/r --json", cli_folder, cli_folder), 0, "%s",
	             cli_err);
	cr_expect_eq(count_states("r", "finished"), n_points);
	cr_assert_eq(cli_json_lines(&a, lines), n_points, "%s", cli_out);
	for (size_t i = 0; i < n_points; i++)
		cr_expect(strstr(names[i], json_member(lines[i], "id")->string));
	cr_expect_null(strstr(cli_err, "another process"), "%s", cli_err);
	arena_clear(&a);
	cr_expect_eq(mpirun(3, "simulate %s/e.json --out %s/r/ --run 2", cli_folder, cli_folder), 0, "%s",
	             cli_err);
	cr_expect_eq(times_said(cli_err, "done already"), 1, "by the first: %s", cli_err);
	cr_expect_eq(mpirun(3, "simulate %s/e.json --out %s/run/ --run 2", cli_folder, cli_folder), 0,
	             "one does it: %s", cli_err);
	cr_expect_eq(mpirun(2, "simulate --resume %s --set checkpoint.keep=true", path_of("run", 1)), 0,
	             "the first does it: %s", cli_err);
	cr_expect_eq(mpirun(2, "simulate %s/e.json --out %s/r --overwrite", cli_folder, cli_folder), 2);
	cr_expect_not_null(strstr(cli_err, "each of the 2 processes of this job"), "%s", cli_err);
	cr_expect_eq(mpirun(2, "simulate %s/e.json --out %s/bad --attack nan --set aggregator=mean",
	                    cli_folder, cli_folder),
	             1, "what diverged is found by the first: %s", cli_err);
}

Test(jobs, of_two_processes_one_does_a_point_and_the_other_leaves_it)
{
	write_grid("\"steps\":2000,\"sweep\":{\"adversaries.count\":[0,1],\"seed\":[1,2,3]}");
	pid_t first = begin("r", "--jobs 2 --lanes 1");
	cr_expect_eq(grid("r", "--jobs 2 --lanes 1"), 0, "%s", cli_err);
	cr_expect_eq(process_wait(first), 0, "%s", log_text());
	cr_expect_eq(count_states("r", "finished"), n_points);
	cr_expect_null(strstr(log_text(), "failed"), "%s", log_text());
	cr_expect_null(strstr(cli_err, "failed"), "%s", cli_err);
}

/* A child of the process `parent`; 0: it has none now. */
static pid_t child_of(pid_t parent)
{
	struct dirent *entry;
	pid_t found = 0;
	DIR *proc = opendir("/proc");
	cr_assert_not_null(proc);
	while (!found && (entry = readdir(proc))) {
		char path[300];
		int pid, ppid = 0;
		snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
		FILE *f = atoi(entry->d_name) > 0 ? fopen(path, "r") : NULL;
		if (f && fscanf(f, "%d (%*[^)]) %*c %d", &pid, &ppid) == 2 && ppid == parent)
			found = pid;
		if (f)
			fclose(f);
	}
	closedir(proc);
	return found;
}

static void wait_for_file(const char *path)
{
	while (!file_there(path))
		process_sleep_ms(2);
}

/* SIGTERM lets all of them save; a child that is killed is a failed point; the same command goes on. */
Test(jobs, stopped_or_killed_they_go_on_and_end_the_same)
{
	char more[128];
	snprintf(more, sizeof more, "\"steps\":%d,\"sweep\":{\"seed\":[1,2,3]}",
	         process_sanitized() ? 5000 : 60000);
	write_grid(more);
	pid_t pid = begin("r", "--jobs 2 --lanes 1");
	wait_for_file(path_of("r", 0));
	wait_for_file(path_of("r", 1));
	kill(pid, SIGTERM);
	cr_expect_eq(process_wait(pid), 143, "%s", log_text());
	cr_expect_str_eq(state("r", 0), "interrupted", "%s", log_text());
	cr_expect_str_eq(state("r", 1), "interrupted", "%s", log_text());
	cr_expect_str_eq(state("r", 2), "absent");
	cr_expect_not_null(strstr(log_text(), "SIGTERM came after step"), "%s", log_text());

	pid = begin("r", "--jobs 2 --lanes 1");
	pid_t child;
	while (!(child = child_of(pid)))
		process_sleep_ms(1);
	kill(child, SIGKILL);
	cr_expect_eq(process_wait(pid), 1, "%s", log_text());
	cr_expect_not_null(strstr(log_text(), "failed: its process ended by signal 9 (Killed)"), "%s",
	                   log_text());
	cr_expect_eq(count_states("r", "finished"), 2, "%s", log_text());

	cr_expect_eq(grid("r", ""), 0, "%s", cli_err);
	cr_expect_eq(grid("whole", "--jobs 3 --quiet"), 0, "%s", cli_err);
	expect_same("r", "whole");
}

/* Those whose names end so. */
static size_t files_in(const char *folder, const char *ending)
{
	char path[FOLDER_SIZE + 16];
	size_t count = 0, wanted = strlen(ending);
	snprintf(path, sizeof path, "%s/%s", cli_folder, folder);
	DIR *d = opendir(path);
	for (struct dirent *entry = d ? readdir(d) : NULL; entry; entry = readdir(d)) {
		size_t length = strlen(entry->d_name);
		count += entry->d_name[0] != '.' && length >= wanted &&
		         strcmp(entry->d_name + length - wanted, ending) == 0;
	}
	if (d)
		closedir(d);
	return count;
}

/* Five times, when so many results are there as chance says; nothing runs on without its parent. */
Test(jobs, a_grid_that_is_killed_at_any_moment_ends_as_an_undisturbed_one)
{
	char more[TEXT_BYTES] =
	        "\"steps\":5,\"checkpoint\":{\"every\":2},\"sweep\":{\"adversaries.count\":[0,1],"
	        "\"seed\":[1";
	const size_t points = process_sanitized() ? 20 : MANY;
	srandom((unsigned)getpid());
	for (size_t i = 2; i <= points / 2; i++)
		snprintf(more + strlen(more), sizeof more - strlen(more), ",%zu", i);
	strcat(more, "]}");
	write_grid(more);
	cr_assert_eq(n_points, points);
	process_adopt_orphans();
	for (size_t k = 0; k < KILLS; k++) {
		size_t until = (k * points + (size_t)random() % points) / (KILLS + 1);
		pid_t pid = begin("r", "--jobs 2");
		while (files_in("r", ".h5") <= until)
			process_sleep_us(200 + (uint64_t)random() % 2000);
		kill(pid, SIGKILL);
		cr_expect_eq(process_wait(pid), 256 + SIGKILL);
		cr_expect(process_none_left());
	}
	cr_expect_eq(grid("r", "--jobs 2 --quiet"), 0, "%s", cli_err);
	cr_expect_eq(grid("whole", "--jobs 2 --quiet"), 0, "%s", cli_err);
	expect_same("r", "whole");
	cr_expect_eq(files_in("r", ""), points, "no checkpoint, lock or temporary file is left");
}
