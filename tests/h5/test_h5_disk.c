/* The file on disk is whole at any moment: killed writers, full disks, other writers, readers meanwhile. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "h5/h5.h"
#include "tests/support/h5_files.h"
#include "tests/support/process.h"
#include "tests/support/damage.h"

TestSuite(h5_disk, .init = h5_files_begin, .fini = h5_files_end, .timeout = 240);

enum { KILLS = 25, NOBODY = 65534 };

/* A writer, and what it has told of its progress in memory that survives it. */
struct writer {
	const char *path;
	volatile int64_t *flushed; /* rows that a returned h5_flush() has put on disk */
};

/* Two columns that count up, for ever. */
static int write_for_ever(void *ctx)
{
	struct writer *w = ctx;
	struct err e = {0};
	uint64_t state = 11;
	struct h5 *f = h5_create(w->path);
	struct h5_column *a = h5_column(f, "/steps/a", H5_I64, 0, NULL, "1", "the row's number"),
	                 *b = h5_column(f, "/steps/b", H5_F64, 0, NULL, "1", "the row's number");
	for (int64_t row = 0;;) {
		for (uint64_t more = damage_number(&state) % 300; more > 0; more--, row++) {
			double real = (double)row;
			h5_append(a, 1, &row);
			h5_append(b, 1, &real);
		}
		if (h5_flush(f, damage_number(&state) % 8 == 0, &e)) {
			fprintf(stderr, "%s\n", e.text);
			return 1;
		}
		*w->flushed = row;
	}
}

static pid_t start_writer(struct writer *w)
{
	*w->flushed = -1;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(CHILD_SECONDS);
		_exit(write_for_ever(w));
	}
	return pid;
}

/* Rows of a file in which row i must hold i. */
static size_t prefix_rows(const char *path)
{
	struct err e = {0};
	int rank;
	size_t dims[8];
	struct h5 *f = h5_open(path, &e);
	cr_assert_not_null(f, "%s", e.text);
	cr_assert_eq(h5_shape(f, "/steps/a", &rank, dims, &e), 0, "%s", e.text);
	double *a = mem_array(dims[0], sizeof *a), *b = mem_array(dims[0], sizeof *b);
	cr_assert_eq(h5_read(f, "/steps/a", H5_F64, dims[0], a, &e), 0, "%s", e.text);
	cr_assert_eq(h5_read(f, "/steps/b", H5_F64, dims[0], b, &e), 0, "%s", e.text);
	for (size_t i = 0; i < dims[0]; i++)
		cr_assert(a[i] == (double)i && b[i] == (double)i, "row %zu: %g %g", i, a[i], b[i]);
	mem_free(a);
	mem_free(b);
	h5_close(f);
	return dims[0];
}

static volatile int64_t *shared_number(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(at, MAP_FAILED);
	return at;
}

Test(h5_disk, killed_writers_leave_a_whole_file)
{
	uint64_t state = 17;
	int cut_in_writing = 0;
	bool dump = h5_files_have_h5dump();
	char path[H5_FILES_PATH];
	snprintf(path, sizeof path, "%s", h5_files_path("a.h5"));
	struct writer w = {path, shared_number()};
	for (int i = 0; i < KILLS; i++) {
		pid_t pid = start_writer(&w);
		while (*w.flushed < 0)
			process_sleep_us(100);
		process_sleep_us(damage_number(&state) % 30000);
		kill(pid, SIGKILL);
		cr_assert_eq(process_wait(pid), 256 + SIGKILL);
		size_t rows = prefix_rows(w.path);
		cr_expect_geq((int64_t)rows, *w.flushed, "kill %d: %zu rows", i, rows);
		cut_in_writing += file_there(h5_files_path("a.h5.tmp"));
		if (dump)
			cr_expect(process_shell("h5dump -d /steps/a '%s' | grep -q 'SIMPLE { ( %zu )'",
			                        w.path, rows));
	}
	printf("%d of %d kills fell into the writing of the temporary file\n", cut_in_writing, KILLS);
	if (!h5_files_python() || !dump)
		printf("skipped: reading with %s\n", dump ? "h5py" : "h5dump");
	else
		cr_expect(process_shell("'%s' -c \"import h5py; a = h5py.File('%s', 'r')['steps/a'][:]; "
		                        "assert (a == range(len(a))).all()\"",
		                        h5_files_python(), w.path));
}

Test(h5_disk, a_file_is_read_while_it_is_written)
{
	char path[H5_FILES_PATH];
	snprintf(path, sizeof path, "%s", h5_files_path("a.h5"));
	struct writer w = {path, shared_number()};
	pid_t pid = start_writer(&w);
	size_t before = 0;
	while (*w.flushed < 0)
		process_sleep_us(100);
	for (int i = 0; i < 100; i++) {
		int64_t flushed = *w.flushed;
		size_t rows = prefix_rows(path);
		cr_expect_geq(rows, before);
		cr_expect_geq((int64_t)rows, flushed);
		before = rows;
	}
	kill(pid, SIGKILL);
	cr_assert_eq(process_wait(pid), 256 + SIGKILL, "the writer ended by itself");
}

/* h5py locks what it reads, so a lock of ours on the file would show here. */
Test(h5_disk, h5py_reads_a_file_while_it_is_written)
{
	char path[H5_FILES_PATH];
	snprintf(path, sizeof path, "%s", h5_files_path("a.h5"));
	struct writer w = {path, shared_number()};
	const char *python = h5_files_python();
	if (!python)
		cr_skip_test("skipped: no Python with h5py");
	pid_t pid = start_writer(&w);
	while (*w.flushed < 0)
		process_sleep_us(100);
	cr_expect(process_shell("'%s' -c \"\nimport h5py\nfor i in range(200):\n f = h5py.File('%s', 'r')\n"
	                        " a = f['steps/a'][:]\n assert (a == range(len(a))).all()\n f.close()\n\"",
	                        python, path));
	kill(pid, SIGKILL);
	cr_assert_eq(process_wait(pid), 256 + SIGKILL, "the writer ended by itself");
}

/* --- a disk that refuses --------------------------------------------------------------------------- */

static void save_numbers(const char *path, size_t count)
{
	struct err e = {0};
	int64_t *values = mem_array(count, sizeof *values);
	for (size_t i = 0; i < count; i++)
		values[i] = (int64_t)i;
	struct h5 *f = h5_create(path);
	h5_write(f, "/x", H5_I64, 1, &count, values);
	cr_assert_eq(h5_flush(f, true, &e), 0, "%s", e.text);
	h5_close(f);
	mem_free(values);
}

static void expect_numbers(const char *path, size_t count)
{
	struct err e = {0};
	int64_t *values = mem_array(count, sizeof *values);
	struct h5 *f = h5_open(path, &e);
	cr_assert_not_null(f, "%s", e.text);
	cr_assert_eq(h5_read(f, "/x", H5_I64, count, values, &e), 0, "%s", e.text);
	for (size_t i = 0; i < count; i++)
		cr_assert_eq(values[i], (int64_t)i);
	h5_close(f);
	mem_free(values);
}

/* A flush that must fail with this reason; the process goes on, and a smaller file can be written. */
struct refusal {
	const char *path, *reason;
	size_t count;
	int code;
};

static int expect_refusal(void *ctx)
{
	const struct refusal *r = ctx;
	struct err e = {0};
	int64_t *values = mem_array(r->count, sizeof *values);
	struct h5 *f = h5_create(r->path);
	h5_write(f, "/x", H5_I64, 1, &r->count, values);
	for (int i = 0; i < 2; i++) {
		err_clear(&e);
		if (h5_flush(f, false, &e) != -1 || e.code != r->code)
			return 2;
		if (!strstr(e.text, r->path) || !strstr(e.text, r->reason)) {
			fprintf(stderr, "'%s' does not say '%s'\n", e.text, r->reason);
			return 3;
		}
	}
	h5_close(f);
	mem_free(values);
	return 0;
}

static int with_size_limit(void *ctx)
{
	const struct rlimit limit = {100000, 100000};
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	return expect_refusal(ctx);
}

Test(h5_disk, beyond_a_size_limit_the_earlier_file_stays)
{
	struct refusal r = {h5_files_path("a.h5"), "File too large", 50000, EXIT_WORLD};
	save_numbers(r.path, 1000);
	cr_expect_eq(process_in_child(with_size_limit, &r), 0);
	expect_numbers(r.path, 1000);
	cr_expect(!file_there(h5_files_path("a.h5.tmp")));
}

/* In a mount space of its own, so that nobody else sees the small disk. 77: not allowed here. */
static int on_a_small_disk(void *ctx)
{
	struct refusal *r = ctx;
	char folder[H5_FILES_PATH];
	snprintf(folder, sizeof folder, "%s", h5_files_path("disk"));
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", folder, "tmpfs", 0, "size=256k"))
		return 77;
	save_numbers(r->path, 1000);
	int rc = expect_refusal(r);
	expect_numbers(r->path, 1000);
	if (file_there(h5_files_path("disk/a.h5.tmp")))
		rc = 4;
	save_numbers(r->path, 2000); /* what fits is written as before */
	expect_numbers(r->path, 2000);
	return rc;
}

Test(h5_disk, on_a_full_disk_the_earlier_file_stays)
{
	struct refusal r = {h5_files_path("disk/a.h5"), "No space left", 50000, EXIT_WORLD};
	cr_assert_eq(mkdir(h5_files_path("disk"), 0700), 0);
	int rc = process_in_child(on_a_small_disk, &r);
	if (rc == 77)
		cr_skip_test("skipped: a small disk cannot be mounted here");
	cr_expect_eq(rc, 0);
}

Test(h5_disk, a_path_that_is_a_folder)
{
	struct refusal r = {h5_files_path("folder"), "Is a directory", 10, EXIT_WORLD};
	cr_assert_eq(mkdir(r.path, 0700), 0);
	cr_expect_eq(process_in_child(expect_refusal, &r), 0);
	cr_expect(!file_there(h5_files_path("folder.tmp")));
}

Test(h5_disk, a_folder_that_is_a_file)
{
	struct refusal r = {h5_files_path("file/a.h5"), "found a file at", 10, EXIT_USER};
	file_put(h5_files_path("file"), "x", 1);
	cr_expect_eq(process_in_child(expect_refusal, &r), 0);
	r.path = h5_files_path("file/deeper/a.h5");
	cr_expect_eq(process_in_child(expect_refusal, &r), 0);
}

/* Root may write everywhere, so root becomes somebody else. */
static int as_nobody(void *ctx)
{
	if (geteuid() == 0 && (setegid(NOBODY) || seteuid(NOBODY)))
		return 77;
	return expect_refusal(ctx);
}

Test(h5_disk, a_folder_without_permission)
{
	struct refusal r = {h5_files_path("closed/a.h5"), "Permission denied", 10, EXIT_WORLD};
	cr_assert_eq(chmod(h5_files_folder, 0755), 0);
	cr_assert_eq(mkdir(h5_files_path("closed"), 0555), 0);
	int rc = process_in_child(as_nobody, &r);
	if (rc == 77)
		cr_skip_test("skipped: cannot give up root's rights here");
	cr_expect_eq(rc, 0);
	r.path = h5_files_path("closed/new/a.h5");
	cr_expect_eq(process_in_child(as_nobody, &r), 0);
}

/* --- other writers --------------------------------------------------------------------------------- */

Test(h5_disk, a_file_that_another_process_is_writing)
{
	struct refusal r = {h5_files_path("a.h5"), "another process is writing", 10, EXIT_WORLD};
	save_numbers(r.path, 5);
	int fd = open(h5_files_path("a.h5.tmp"), O_RDWR | O_CREAT, 0600);
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	cr_assert_eq(fcntl(fd, F_OFD_SETLK, &whole), 0);
	cr_expect_eq(process_in_child(expect_refusal, &r), 0);
	cr_expect(file_there(h5_files_path("a.h5.tmp")), "the other's temporary file was taken away");
	expect_numbers(r.path, 5);
	close(fd); /* as a kill does: the file stays, nobody holds it */
	save_numbers(r.path, 20);
	expect_numbers(r.path, 20);
	cr_expect(!file_there(h5_files_path("a.h5.tmp")));
}

Test(h5_disk, what_a_killed_writer_left_is_written_over)
{
	char junk[50000];
	memset(junk, 'j', sizeof junk);
	memcpy(junk, "signsgd: not written to its end", 32);
	file_put(h5_files_path("a.h5.tmp"), junk, sizeof junk); /* longer than the new file */
	save_numbers(h5_files_path("a.h5"), 10);
	expect_numbers(h5_files_path("a.h5"), 10);
	cr_expect(!file_there(h5_files_path("a.h5.tmp")));
}

/* Killed between the last byte and the renaming. */
Test(h5_disk, a_whole_file_that_was_not_renamed_is_written_over)
{
	save_numbers(h5_files_path("a.h5"), 5);
	cr_assert_eq(rename(h5_files_path("a.h5"), h5_files_path("b.h5.tmp")), 0);
	save_numbers(h5_files_path("b.h5"), 10);
	expect_numbers(h5_files_path("b.h5"), 10);
	cr_expect(!file_there(h5_files_path("b.h5.tmp")));
}

/* HDF5 itself wrote it, as h5py does: it has no seal. */
Test(h5_disk, an_hdf5_file_of_others_in_place_of_the_temporary_one_stays)
{
	struct err e = {0};
	struct h5 *f = h5_create(h5_files_path("a.h5"));
	char theirs[64] = "\x89HDF\r\n\x1A\n", found[64];
	file_put(h5_files_path("a.h5.tmp"), theirs, sizeof theirs);
	cr_expect_eq(h5_flush(f, false, &e), -1);
	cr_expect(e.code == EXIT_USER && strstr(e.text, "a.h5.tmp is in the way"), "%s", e.text);
	cr_expect_not_null(strstr(e.text, "it stays (rm "), "%s", e.text);
	h5_close(f);
	FILE *file = fopen(h5_files_path("a.h5.tmp"), "rb");
	cr_assert(file && fread(found, 1, sizeof found, file) == sizeof found && fgetc(file) == EOF);
	fclose(file);
	cr_expect_arr_eq(found, theirs, sizeof theirs);
}

Test(h5_disk, a_file_of_others_in_place_of_the_temporary_one_stays)
{
	struct err e = {0};
	char text[16];
	file_put_text(h5_files_path("a.h5.tmp"), "my thesis");
	struct h5 *f = h5_create(h5_files_path("a.h5"));
	cr_expect_eq(h5_flush(f, false, &e), -1);
	cr_expect(e.code == EXIT_USER && strstr(e.text, "a.h5.tmp is in the way"), "%s", e.text);
	h5_close(f);
	cr_expect_str_eq(file_text(h5_files_path("a.h5.tmp"), text, sizeof text), "my thesis");
}

Test(h5_disk, a_link_in_place_of_the_temporary_file_is_not_followed)
{
	struct refusal r = {h5_files_path("a.h5"), "a.h5.tmp", 10, EXIT_WORLD};
	file_put(h5_files_path("precious"), "words", 5);
	cr_assert_eq(symlink(h5_files_path("precious"), h5_files_path("a.h5.tmp")), 0);
	cr_expect_eq(process_in_child(expect_refusal, &r), 0);
	char text[16];
	cr_expect_str_eq(file_text(h5_files_path("precious"), text, sizeof text), "words");
}

/* Eight processes, one path: every write is refused or whole, and the file is whole at the end. */
static int race(void *ctx)
{
	for (size_t i = 1; i <= 40; i++) {
		struct err e = {0};
		size_t count = 500;
		int64_t values[500];
		for (int64_t k = 0; k < 500; k++)
			values[k] = k;
		struct h5 *f = h5_create(ctx);
		h5_write(f, "/x", H5_I64, 1, &count, values);
		if (h5_flush(f, false, &e) && !strstr(e.text, "another process is writing"))
			return 2;
		h5_close(f);
		expect_numbers(ctx, 500);
	}
	return 0;
}

Test(h5_disk, writers_of_one_path_do_not_harm_each_other)
{
	char *path = mem_string(h5_files_path("a.h5"));
	pid_t pids[8];
	save_numbers(path, 500);
	fflush(NULL);
	for (int i = 0; i < 8; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(race(path));
	}
	for (int i = 0; i < 8; i++)
		cr_expect_eq(process_wait(pids[i]), 0);
	expect_numbers(path, 500);
	mem_free(path);
}
