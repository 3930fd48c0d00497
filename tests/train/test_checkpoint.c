/* Checkpoints: all bits come back or nothing does. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/mem.h"
#include "h5/h5.h"
#include "train/checkpoint.h"
#include "tests/support/h5_files.h"
#include "tests/support/process.h"
#include "tests/support/damage.h"

TestSuite(checkpoint, .init = h5_files_begin, .fini = h5_files_end, .timeout = 240);

enum { N = 1000 };

static const char *const id = "0123456789ab";

/* The state of a small run. */
struct state {
	float x[N], momentum[2][N], optimiser[7];
	int64_t step;
	struct checkpoint_array arrays[5];
};

static void name_arrays(struct state *s)
{
	s->arrays[0] = (struct checkpoint_array){.name = "x", .count = N, .at = s->x};
	s->arrays[1] = (struct checkpoint_array){.name = "momentum/0", .count = N, .at = s->momentum[0]};
	s->arrays[2] = (struct checkpoint_array){.name = "momentum/1", .count = N, .at = s->momentum[1]};
	s->arrays[3] = (struct checkpoint_array){.name = "optimiser", .count = 7, .at = s->optimiser};
	s->arrays[4] = (struct checkpoint_array){.name = "nothing", .count = 0, .at = s->optimiser};
}

/* All patterns of bits: NaNs with and without payload, infinities, -0, denormals. */
static void fill(struct state *s, uint64_t number)
{
	static const uint32_t special[] = {0x7FC00001, 0xFF812345, 0x7F800000, 0xFF800000, 0x80000000, 1};
	memset(s, 0, sizeof *s);
	float *const arrays[] = {s->x, s->momentum[0], s->momentum[1], s->optimiser};
	for (int a = 0; a < 4; a++)
		for (size_t i = 0; i < (a < 3 ? N : 7); i++) {
			uint32_t bits = i < 6 ? special[i] : (uint32_t)damage_number(&number);
			memcpy(&arrays[a][i], &bits, sizeof bits);
		}
	s->step = 41;
	name_arrays(s);
}

static bool same(const struct state *a, const struct state *b)
{
	return a->step == b->step && memcmp(a->x, b->x, sizeof a->x) == 0 &&
	       memcmp(a->momentum, b->momentum, sizeof a->momentum) == 0 &&
	       memcmp(a->optimiser, b->optimiser, sizeof a->optimiser) == 0;
}

static void save(const char *path, const struct state *s)
{
	struct err e = {0};
	cr_assert_eq(checkpoint_write(path, id, s->step, 5, s->arrays, &e), 0, "%s", e.text);
}

Test(checkpoint, its_path_stands_beside_the_result)
{
	char out[64];
	checkpoint_path("runs/x.h5", out, sizeof out);
	cr_expect_str_eq(out, "runs/x.checkpoint.h5");
	checkpoint_path("runs/x", out, sizeof out);
	cr_expect_str_eq(out, "runs/x.checkpoint.h5");
	checkpoint_path(".h5", out, sizeof out);
	cr_expect_str_eq(out, ".h5.checkpoint.h5");
}

Test(checkpoint, all_bits_come_back)
{
	const char *path = h5_files_path("new/folder/a.checkpoint.h5");
	struct err e = {0};
	struct state written, read;
	for (uint64_t i = 0; i < 3; i++) {
		fill(&written, i);
		fill(&read, 100);
		written.step = (int64_t)i << 40;
		save(path, &written);
		cr_assert_eq(checkpoint_read(path, id, &read.step, 5, read.arrays, &e), 0, "%s", e.text);
		cr_expect(same(&written, &read));
		cr_expect(!file_there(h5_files_path("new/folder/a.checkpoint.h5.tmp")));
	}
}

/* Reading must fail, say this, and leave every array and the step as they were. */
static void expect_refusal(const char *path, const char *run_id, size_t count,
                           struct checkpoint_array *arrays, struct state *s, const char *what)
{
	struct err e = {0};
	struct state before = *s;
	cr_expect_eq(checkpoint_read(path, run_id, &s->step, count, arrays ? arrays : s->arrays, &e), -1);
	cr_expect_eq(e.code, EXIT_USER);
	cr_expect_not_null(strstr(e.text, path), "'%s' does not name %s", e.text, path);
	cr_expect_not_null(strstr(e.text, what), "'%s' does not say '%s'", e.text, what);
	cr_expect(same(s, &before), "changed by a refused checkpoint: %s", e.text);
}

Test(checkpoint, what_does_not_fit_has_a_sentence)
{
	const char *path = h5_files_path("a.checkpoint.h5");
	struct state s;
	fill(&s, 1);
	save(path, &s);
	fill(&s, 2);
	expect_refusal(path, "ba9876543210", 5, NULL, &s, "found id 0123456789ab, expected ba9876543210");
	struct checkpoint_array longer[] = {{.name = "x", .count = N, .at = s.x},
	                                    {.name = "momentum/0", .count = N + 1, .at = s.momentum[0]}};
	expect_refusal(path, id, 2, longer, &s, "/state/momentum/0: found 1000 values, expected 1001");
	struct checkpoint_array missing[] = {{.name = "x", .count = N, .at = s.x},
	                                     {.name = "momentum/2", .count = N, .at = s.momentum[0]}};
	expect_refusal(path, id, 2, missing, &s, "has no dataset /state/momentum/2");
	expect_refusal(h5_files_path("none.checkpoint.h5"), id, 5, NULL, &s, "No such file");
	file_put(h5_files_path("text"), "{}", 2);
	expect_refusal(h5_files_path("text"), id, 5, NULL, &s, "is no HDF5 file");
}

/* A whole file whose content is wrong: made through the door, so that its seal holds. */
static void change(const char *path, const char *at, const char *name, int64_t value)
{
	struct err e = {0};
	struct h5 *f = h5_edit(path, &e);
	cr_assert_not_null(f, "%s", e.text);
	h5_set_int(f, at, name, value);
	cr_assert_eq(h5_flush(f, false, &e), 0, "%s", e.text);
	h5_close(f);
}

Test(checkpoint, a_wrong_checksum_names_the_array)
{
	const char *path = h5_files_path("a.checkpoint.h5");
	struct state s;
	fill(&s, 1);
	save(path, &s);
	change(path, "/state/optimiser", "crc32", 7);
	fill(&s, 2);
	expect_refusal(path, id, 5, NULL, &s, "/state/optimiser: the array is damaged");
	save(path, &s);
	change(path, "/", "checkpoint_version", 2);
	expect_refusal(path, id, 5, NULL, &s, "found checkpoint version 2, expected 1");
	save(path, &s);
	change(path, "/", "step", -1);
	expect_refusal(path, id, 5, NULL, &s, "found step -1");
}

Test(checkpoint, a_cut_file_is_refused_wherever_it_is_cut)
{
	const char *path = h5_files_path("a.checkpoint.h5"), *cut = h5_files_path("cut.checkpoint.h5");
	struct state s;
	size_t count;
	fill(&s, 1);
	save(path, &s);
	unsigned char *bytes = file_bytes(path, &count);
	for (size_t length = 0; length < count; length += length < count - 64 ? 101 : 1) {
		file_put(cut, bytes, length);
		expect_refusal(cut, id, 5, NULL, &s, "");
	}
	mem_free(bytes);
}

struct damaged {
	const char *path;
	unsigned char *bytes;
	size_t count, from;
	uint64_t
	        random; /* 0: flip one bit of every 7th byte from `from` on; else: damage() from this state */
};

/* Every change of any byte is refused. */
static int read_damaged(void *ctx)
{
	struct damaged *d = ctx;
	struct state s, before;
	fill(&s, 3);
	before = s;
	unsigned char *bytes = mem_alloc(d->count);
	for (size_t i = 0; i < 100; i++) {
		struct err e = {0};
		size_t count = d->count, at = (d->from + 7 * i) % d->count;
		memcpy(bytes, d->bytes, d->count);
		if (d->random)
			count = damage_bytes(bytes, d->count, &d->random);
		else
			bytes[at] ^= (unsigned char)(1u << i % 8);
		if (count == d->count && memcmp(bytes, d->bytes, count) == 0)
			continue; /* zeros over zeros */
		file_put(d->path, bytes, count);
		if (checkpoint_read(d->path, id, &s.step, 5, s.arrays, &e) != -1 || !same(&s, &before))
			return 2;
		if (!strstr(e.text, d->path))
			return 3;
	}
	mem_free(bytes);
	return 0;
}

Test(checkpoint, any_damage_is_refused)
{
	char *path = mem_string(h5_files_path("a.checkpoint.h5")),
	     *other = mem_string(h5_files_path("d.checkpoint.h5"));
	struct state s;
	struct damaged d = {.path = other};
	fill(&s, 1);
	save(path, &s);
	d.bytes = file_bytes(path, &d.count);
	for (d.from = 0; d.from < d.count; d.from += 700)
		cr_expect_eq(process_in_child(read_damaged, &d), 0, "flipped bits from byte %zu on", d.from);
	for (d.random = 1; d.random < 8000; d.random += 1000)
		cr_expect_eq(process_in_child(read_damaged, &d), 0, "damage from state %llu on",
		             (unsigned long long)d.random);
	mem_free(d.bytes);
	mem_free(path);
	mem_free(other);
}

Test(checkpoint, a_file_rewritten_by_another_program_is_refused)
{
	const char *path = h5_files_path("a.checkpoint.h5"), *python = h5_files_python();
	struct state s;
	if (!python)
		cr_skip_test("skipped: no Python with h5py");
	fill(&s, 1);
	save(path, &s);
	cr_expect(
	        process_shell("'%s' -c \"\nimport h5py, zlib\nf = h5py.File('%s', 'r')\n"
	                      "assert f.attrs['run_id'] == '%s' and f.attrs['step'] == 41\n"
	                      "m = f['state/momentum/1']\nassert m.shape == (%d,) and m.dtype == 'float32'\n"
	                      "assert zlib.crc32(m[:].tobytes()) == m.attrs['crc32']\n\"",
	                      python, path, id, N));
	expect_refusal(path, "other", 5, NULL, &s, "found id"); /* reading changed nothing */
	cr_expect(process_shell("'%s' -c \"import h5py; h5py.File('%s', 'r+')['state/x'][0] = 1\"", python,
	                        path));
	expect_refusal(path, id, 5, NULL, &s, "has no seal");
}

/* --- bad moments ----------------------------------------------------------------------------------- */

struct writer {
	const char *path;
	volatile int64_t *saved; /* the last step that a returned checkpoint_write() has saved */
};

/* Checkpoint after checkpoint; every value of a checkpoint is its step. */
static int save_for_ever(void *ctx)
{
	struct writer *w = ctx;
	struct err e = {0};
	static struct state s;
	name_arrays(&s);
	for (int64_t step = 1;; step++) {
		for (int p = 0; p < 4; p++)
			for (size_t i = 0; i < s.arrays[p].count; i++)
				s.arrays[p].at[i] = (float)step;
		if (checkpoint_write(w->path, id, step, 5, s.arrays, &e))
			return 1;
		*w->saved = step;
	}
}

Test(checkpoint, killed_writers_leave_a_whole_checkpoint)
{
	struct writer w = {mem_string(h5_files_path("a.checkpoint.h5")),
	                   mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)};
	uint64_t state = 7;
	for (int k = 0; k < 20; k++) {
		*w.saved = 0;
		fflush(NULL);
		pid_t pid = fork();
		if (pid == 0) {
			alarm(CHILD_SECONDS);
			_exit(save_for_ever(&w));
		}
		while (*w.saved == 0)
			process_sleep_us(100);
		process_sleep_us(damage_number(&state) % 20000);
		kill(pid, SIGKILL);
		cr_assert_eq(process_wait(pid), 256 + SIGKILL);
		struct err e = {0};
		struct state s;
		fill(&s, 1);
		cr_assert_eq(checkpoint_read(w.path, id, &s.step, 5, s.arrays, &e), 0, "%s", e.text);
		cr_expect_geq(s.step, *w.saved);
		for (int p = 0; p < 4; p++)
			for (size_t i = 0; i < s.arrays[p].count; i++)
				cr_assert_eq(s.arrays[p].at[i], (float)s.step);
	}
	mem_free((void *)w.path);
}

static int save_beyond_the_limit(void *ctx)
{
	const struct rlimit limit = {20000, 20000};
	struct err e = {0};
	float *x = mem_array(100000, sizeof *x);
	struct checkpoint_array array = {.name = "x", .count = 100000, .at = x};
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	if (checkpoint_write(ctx, id, 99, 1, &array, &e) != -1 || e.code != EXIT_WORLD)
		return 2;
	mem_free(x);
	return strstr(e.text, ctx) && strstr(e.text, "File too large") ? 0 : 3;
}

Test(checkpoint, a_full_disk_leaves_the_earlier_one)
{
	char *path = mem_string(h5_files_path("a.checkpoint.h5"));
	struct err e = {0};
	struct state written, read;
	fill(&written, 1);
	fill(&read, 2);
	save(path, &written);
	cr_expect_eq(process_in_child(save_beyond_the_limit, path), 0);
	cr_assert_eq(checkpoint_read(path, id, &read.step, 5, read.arrays, &e), 0, "%s", e.text);
	cr_expect(same(&written, &read));
	mem_free(path);
}
