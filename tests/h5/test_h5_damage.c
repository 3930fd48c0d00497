/* Files that are no good: foreign, cut, damaged, changed by others. Nothing crashes the door and nothing
 * lies. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>
#include "base/mem.h"
#include "h5/h5_seal.h"
#include "tests/support/h5_door.h"
#include "tests/support/file.h"
#include "tests/support/process.h"
#include "tests/support/damage.h"
#include "tests/support/h5_files.h"

TestSuite(h5_damage, .init = h5_files_begin, .fini = h5_files_end, .timeout = 120);

/* A small file with something of every kind; 200 rows that count up. */
static void write_sample(const char *path)
{
	uint64_t state = 5;
	struct h5 *f = h5_create(path);
	struct h5_column *c = h5_column(f, "/steps/step", H5_I64, 0, NULL, "steps", "steps done");
	h5_door_append_up_to(c, 200, &state);
	h5_column_close(c);
	h5_write_text(f, "/config/given", "{}");
	h5_set_text(f, "/steps", "text", "words");
	h5_set_int(f, "/", "version", 1);
	h5_door_save(f);
	h5_close(f);
}

static void expect_refused(const char *path, const char *what)
{
	struct err e = {0};
	cr_expect_null(h5_open(path, &e));
	h5_door_expect_sentence(&e, EXIT_USER, path, what);
}

Test(h5_damage, what_is_no_hdf5_file_has_a_sentence)
{
	expect_refused(h5_files_path("missing.h5"), "No such file");
	expect_refused(h5_files_folder, "is a folder");
	file_put(h5_files_path("empty.h5"), "", 0);
	expect_refused(h5_files_path("empty.h5"), "is no HDF5 file");
	file_put(h5_files_path("text.h5"), "{\"name\": 1}", 11);
	expect_refused(h5_files_path("text.h5"), "is no HDF5 file");
	file_put(h5_files_path("signature.h5"), "\211HDF\r\n\032\n", 8);
	expect_refused(h5_files_path("signature.h5"), "cut short");
	cr_assert_eq(mkfifo(h5_files_path("pipe.h5"), 0600), 0);
	expect_refused(h5_files_path("pipe.h5"), "a device or pipe");
	expect_refused("/dev/zero", "a device or pipe");
}

Test(h5_damage, a_file_cut_anywhere_is_refused_or_whole)
{
	const char *path = h5_files_path("a.h5"), *cut = h5_files_path("cut.h5");
	size_t count;
	write_sample(path);
	unsigned char *bytes = file_bytes(path, &count);
	for (size_t length = 0; length < count; length += length < count - 64 ? 37 : 1) {
		struct err e = {0};
		file_put(cut, bytes, length);
		struct h5 *f = h5_open(cut, &e);
		if (length != count - H5_SEAL_BYTES) {
			cr_assert_null(f, "%zu of %zu bytes", length, count);
			cr_assert_not_null(strstr(e.text, cut), "%s", e.text);
		} else { /* the whole seal is missing, and nothing of the data */
			cr_assert_not_null(f, "%s", e.text);
			h5_door_expect_count_up(f, "/steps/step", 200);
			h5_close(f);
			cr_assert_null(h5_open_sealed(cut, &e));
		}
	}
	mem_free(bytes);
}

struct damaged {
	const char *path;
	const unsigned char *bytes;
	size_t count;
	uint64_t state;
};

/* Whatever the damage: a sentence, or all the right values. Several damages a process, for speed. */
static int read_damaged(void *ctx)
{
	struct damaged *d = ctx;
	for (int i = 0; i < 20; i++) {
		struct err e = {0};
		unsigned char *bytes = mem_alloc(d->count);
		memcpy(bytes, d->bytes, d->count);
		file_put(d->path, bytes, damage_bytes(bytes, d->count, &d->state));
		struct h5 *f = h5_open(d->path, &e);
		if (f) {
			int64_t values[200];
			char *text = h5_read_text(f, "/config/given", &e);
			if (h5_read(f, "/steps/step", H5_I64, 200, values, &e) || !text)
				return 2;
			for (int64_t k = 0; k < 200; k++)
				if (values[k] != k)
					return 3;
			mem_free(text);
			h5_close(f);
		} else if (!strstr(e.text, d->path)) {
			return 4;
		}
		mem_free(bytes);
	}
	return 0;
}

Test(h5_damage, damaged_files_never_crash_us_and_never_lie)
{
	const char *path = h5_files_path("a.h5");
	size_t count;
	write_sample(path);
	unsigned char *bytes = file_bytes(path, &count);
	struct damaged d = {h5_files_path("damaged.h5"), bytes, count, 0};
	for (d.state = 0; d.state < 30 * 1000; d.state += 1000) {
		int rc = process_in_child(read_damaged, &d);
		cr_expect_eq(rc, 0, "damage from state %llu on: %d", (unsigned long long)d.state, rc);
	}
	mem_free(bytes);
}

Test(h5_damage, the_seal_is_a_crc32_over_all_that_stands_before_it)
{
	/* The published check value of CRC-32; then our file, by the definition: length and sum at its end.
	 */
	cr_expect_eq(h5_crc32(0, "123456789", 9), UINT32_C(0xCBF43926));
	cr_expect_eq(h5_crc32(h5_crc32(0, "1234", 4), "56789", 5), UINT32_C(0xCBF43926));
	const char *path = h5_files_path("a.h5");
	size_t count;
	write_sample(path);
	unsigned char *bytes = file_bytes(path, &count);
	uint64_t length;
	uint32_t sum;
	memcpy(&length, bytes + count - 12, 8);
	memcpy(&sum, bytes + count - 4, 4);
	cr_expect_eq(length, count - H5_SEAL_BYTES);
	cr_expect_eq(sum, h5_crc32(0, bytes, count - 4));
	mem_free(bytes);
}

Test(h5_damage, a_file_changed_by_another_program_is_still_read)
{
	const char *path = h5_files_path("a.h5"), *python = h5_files_python();
	if (!python)
		cr_skip_test("skipped: no Python with h5py");
	write_sample(path);
	cr_assert(process_shell(
	        "'%s' -c \"import h5py; f = h5py.File('%s', 'r+'); f.attrs['mine'] = 1; f.close()\"", python,
	        path));
	struct h5 *f = h5_door_open(path);
	struct err e = {0};
	int64_t mine = 0;
	h5_door_expect_count_up(f, "/steps/step", 200);
	cr_expect_eq(h5_get_int(f, "/", "mine", &mine, &e), 0, "%s", e.text);
	h5_close(f);
	cr_expect_null(h5_open_sealed(path, &e));
	h5_door_expect_sentence(&e, EXIT_USER, path, "changed by another program");
}
