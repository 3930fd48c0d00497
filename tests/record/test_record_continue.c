/* Result files that are continued, killed, out of disk, damaged. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include "tests/support/record_run.h"
#include "tests/support/file.h"
#include "tests/support/process.h"
#include "tests/support/damage.h"
#include "tests/support/h5_files.h"

TestSuite(record_continue, .init = h5_files_begin, .fini = h5_files_end, .timeout = 240);

static void continue_run(const char *path, const struct record_meta *m, int64_t from, int64_t to)
{
	struct err e = {0};
	struct record *r = record_continue(path, m, from, &e);
	int64_t every = m->every ? m->every : 1;
	cr_assert_not_null(r, "%s", e.text);
	cr_expect_eq(record_earlier_s(r), (double)(from / every * every) / 4);
	struct record_run_probe p = record_run_probe_columns(r);
	record_run_steps(r, &p, from, to, every);
	record_run_probe_close(&p);
	cr_assert_eq(record_end(r, RUN_FINISHED, "", &e), 0, "%s", e.text);
	record_close(r);
}

Test(record_continue, a_continued_file_is_like_one_never_interrupted)
{
	const char *path = h5_files_path("a.h5");
	struct record_meta m = record_run_meta;
	uint64_t state = 23;
	for (m.every = 1; m.every <= 7; m.every += 3) {
		for (int i = 0; i < 4; i++) {
			int64_t from = (int64_t)(damage_number(&state) % 1000);
			record_run_write(path, &m, 1000, RUN_INTERRUPTED);
			continue_run(path, &m, from, 1500);
			record_run_expect(path, 1500, m.every);
		}
	}
	record_run_write(path, &record_run_meta, 300, RUN_INTERRUPTED);
	m.every = 0; /* then the file's first row says it */
	continue_run(path, &m, 123, 456);
	record_run_expect(path, 456, 1);
	struct h5 *f = h5_door_open(path);
	record_run_expect_text(f, "state", "finished");
	h5_close(f);
}

Test(record_continue, continuing_keeps_the_start_and_says_running)
{
	const char *path = h5_files_path("a.h5");
	struct err e = {0};
	record_run_write(path, &record_run_meta, 100, RUN_INTERRUPTED);
	struct h5 *f = h5_edit(path, &e);
	h5_set_text(f, "/meta", "start", "2001-02-03T04:05:06Z");
	cr_assert_eq(h5_flush(f, false, &e), 0);
	h5_close(f);
	struct record *r = record_continue(path, &record_run_meta, 100, &e);
	cr_assert_not_null(r, "%s", e.text);
	cr_assert_eq(record_flush(r, &e), 0);
	record_close(r);
	struct run_info info;
	cr_assert_eq(record_info(path, &info, &e), 0, "%s", e.text);
	cr_expect_str_eq(info.state, "running");
	cr_expect_str_eq(info.start, "2001-02-03T04:05:06Z");
	f = h5_door_open(path);
	record_run_expect_text(f, "end", "");
	h5_close(f);
}

/* The last step has a row of its own, also in a file whose run was killed right behind it. */
Test(record_continue, a_row_of_the_end_is_no_later_checkpoint)
{
	const char *path = h5_files_path("a.h5");
	struct err e = {0};
	struct record_meta meta = record_run_meta;
	meta.every = 7;
	struct record *r = record_create(path, &meta);
	for (int64_t step = 7; step <= 35; step += 7) {
		struct step_row row = record_run_step(step < 30 ? step : 30);
		record_step(r, &row);
	}
	cr_assert_eq(record_flush(r, &e), 0);
	record_close(r);
	r = record_continue(path, &meta, 30, &e);
	cr_assert_not_null(r, "%s", e.text);
	record_close(r);
	struct record_extended was = {.step = 30};
	snprintf(was.id, sizeof was.id, "%s", meta.id);
	meta.id = "0123456789ab";
	r = record_extend(path, &meta, &was, 10, &e);
	cr_assert_not_null(r, "%s", e.text);
	cr_assert_eq(record_flush(r, &e), 0);
	record_close(r);
	struct h5 *f = h5_door_open(path);
	cr_expect_eq(h5_door_rows(f, "/steps/step"), 4, "a longer run has no row there");
	record_run_expect_text(f, "id", "0123456789ab");
	h5_close(f);
}

static void expect_no_continuing(const char *path, int64_t step, const char *what)
{
	struct err e = {0};
	cr_expect_null(record_continue(path, &record_run_meta, step, &e));
	cr_expect_not_null(strstr(e.text, path), "'%s' does not name %s", e.text, path);
	cr_expect_not_null(strstr(e.text, what), "'%s' does not say '%s'", e.text, what);
}

/* Change the file behind our back, through the door. */
static void change(const char *path, void (*how)(struct h5 *f))
{
	struct err e = {0};
	struct h5 *f = h5_edit(path, &e);
	cr_assert_not_null(f, "%s", e.text);
	how(f);
	cr_assert_eq(h5_flush(f, false, &e), 0, "%s", e.text);
	h5_close(f);
}

static void change_id(struct h5 *f)
{
	h5_set_text(f, "/meta", "id", "ba9876543210");
}

static void change_version(struct h5 *f)
{
	h5_set_int(f, "/format", "version", 3);
}

static void shorten_loss(struct h5 *f)
{
	struct err e = {0};
	cr_assert_eq(h5_truncate(f, "/steps/loss", 99, &e), 0);
}

static void shorten_probe(struct h5 *f)
{
	struct err e = {0};
	cr_assert_eq(h5_truncate(f, "/probes/pairs/pair", 3, &e), 0);
}

static void turn_steps_back(struct h5 *f)
{
	int64_t steps[100];
	for (int64_t i = 0; i < 100; i++)
		steps[i] = i == 50 ? 50 : i + 1;
	h5_write(f, "/steps/step", H5_I64, 1, (size_t[]){100}, steps);
}

static void add_group_without_steps(struct h5 *f)
{
	h5_group(f, "/probes/mine");
}

Test(record_continue, what_cannot_be_continued_has_a_sentence)
{
	const char *path = h5_files_path("a.h5");
	const struct {
		void (*how)(struct h5 *f);
		int64_t step;
		const char *what;
	} changes[] = {
	        {change_id, 50, "found id ba9876543210, expected 0123456789ab"},
	        {change_version, 50, "found layout version 3, this one reads 1 to 2"},
	        {shorten_loss, 50, "/steps/loss: the file is damaged: found 99 rows, expected 100"},
	        {shorten_probe, 50, "/probes/pairs/pair: the file is damaged: found 3 rows, expected 20"},
	        {turn_steps_back, 70, "/steps/step: the file is damaged: row 50"},
	        {add_group_without_steps, 50, "has no dataset /probes/mine/step"},
	};
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		record_run_write(path, &record_run_meta, 100, RUN_INTERRUPTED);
		change(path, changes[i].how);
		expect_no_continuing(path, changes[i].step, changes[i].what);
	}
	record_run_write(path, &record_run_meta, 100, RUN_INTERRUPTED);
	expect_no_continuing(path, 101, "found 100 rows up to step 101, expected 101");
	record_run_expect(path, 100, 1); /* a refusal changes nothing */
	expect_no_continuing(h5_files_path("missing.h5"), 5, "No such file");
	struct h5 *f = h5_create(h5_files_path("other.h5"));
	struct err e = {0};
	cr_assert_eq(h5_flush(f, false, &e), 0);
	h5_close(f);
	expect_no_continuing(h5_files_path("other.h5"), 5, "no result of signsgd");
}

/* --- bad moments ------------------------------------------------------------------------------------ */

struct killed {
	const char *path;
	volatile int64_t *flushed;
	uint64_t state;
};

static int record_for_ever(void *ctx)
{
	struct killed *k = ctx;
	struct err e = {0};
	struct record *r = record_create(k->path, &record_run_meta);
	struct record_run_probe p = record_run_probe_columns(r);
	struct eval_row first = record_run_eval(0);
	record_eval(r, &first);
	for (int64_t done = 0;;) {
		int64_t more = (int64_t)(damage_number(&k->state) % 2000);
		record_run_steps(r, &p, done, done + more, 1);
		done += more;
		if (record_flush(r, &e))
			return 1;
		*k->flushed = done;
	}
}

Test(record_continue, a_killed_run_is_continued_from_its_last_flush)
{
	struct killed k = {h5_files_path("a.h5"), NULL, 31};
	k.path = mem_string(k.path);
	k.flushed = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 10; i++) {
		*k.flushed = -1;
		k.state += 1;
		fflush(NULL);
		pid_t pid = fork();
		if (pid == 0) {
			alarm(CHILD_SECONDS);
			_exit(record_for_ever(&k));
		}
		while (*k.flushed < 0)
			process_sleep_us(100);
		process_sleep_us(damage_number(&k.state) % 30000);
		kill(pid, SIGKILL);
		cr_assert_eq(process_wait(pid), 256 + SIGKILL);
		struct err e = {0};
		struct run_info info;
		cr_assert_eq(record_info(k.path, &info, &e), 0, "%s", e.text);
		cr_expect_geq(info.steps_done, *k.flushed);
		cr_expect_str_eq(info.state, "running");
		continue_run(k.path, &record_run_meta, *k.flushed, *k.flushed + 77);
		record_run_expect(k.path, *k.flushed + 77, 1);
	}
	mem_free((void *)k.path);
}

static int run_into_the_limit(void *ctx)
{
	const struct rlimit limit = {400000, 400000};
	struct err e = {0};
	struct record *r = record_create(ctx, &record_run_meta);
	struct record_run_probe p = record_run_probe_columns(r);
	struct eval_row first = record_run_eval(0);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	record_eval(r, &first);
	record_run_steps(r, &p, 0, 100, 1);
	if (record_flush(r, &e))
		return 2;
	record_run_steps(r, &p, 100, 20000, 1);
	if (record_flush(r, &e) != -1 || !strstr(e.text, "File too large"))
		return 3;
	err_clear(&e);
	record_run_probe_close(&p);
	if (record_end(r, RUN_FAILED, "the disk is full", &e) != -1)
		return 4;
	record_close(r);
	return 0;
}

Test(record_continue, a_full_disk_leaves_what_was_recorded)
{
	char *path = mem_string(h5_files_path("a.h5"));
	cr_expect_eq(process_in_child(run_into_the_limit, path), 0);
	record_run_expect(path, 100, 1);
	mem_free(path);
}

struct damaged {
	const char *path;
	const unsigned char *bytes;
	size_t count;
	const struct run_info *right;
	uint64_t state;
};

static int look_at_damaged(void *ctx)
{
	struct damaged *d = ctx;
	for (int i = 0; i < 15; i++) {
		struct err e = {0};
		struct run_info info;
		unsigned char *bytes = mem_alloc(d->count);
		memcpy(bytes, d->bytes, d->count);
		file_put(d->path, bytes, damage_bytes(bytes, d->count, &d->state));
		if (record_info(d->path, &info, &e)) {
			if (!strstr(e.text, d->path))
				return 2;
		} else if (strcmp(info.id, d->right->id) != 0 || info.steps_done != d->right->steps_done ||
		           info.wall_s != d->right->wall_s) {
			return 3;
		}
		err_clear(&e);
		struct record *r = record_continue(d->path, &record_run_meta, 50, &e);
		if (r)
			record_close(r);
		else if (!strstr(e.text, d->path))
			return 4;
		mem_free(bytes);
	}
	return 0;
}

Test(record_continue, damaged_results_never_crash_us_and_never_lie)
{
	char *path = mem_string(h5_files_path("a.h5")), *other = mem_string(h5_files_path("damaged.h5"));
	struct err e = {0};
	struct run_info right;
	size_t count;
	record_run_write(path, &record_run_meta, 100, RUN_FINISHED);
	cr_assert_eq(record_info(path, &right, &e), 0);
	unsigned char *bytes = file_bytes(path, &count);
	struct damaged d = {other, bytes, count, &right, 0};
	for (d.state = 1; d.state < 25 * 1000; d.state += 1000) {
		int rc = process_in_child(look_at_damaged, &d);
		cr_expect_eq(rc, 0, "damage from state %llu on: %d", (unsigned long long)d.state, rc);
	}
	mem_free(bytes);
	mem_free(path);
	mem_free(other);
}
