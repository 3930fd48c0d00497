/* The HDF5 door: what is written is what is read, by us and by h5py. */
#include <criterion/criterion.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/mem.h"
#include "tests/support/h5_door.h"
#include "tests/support/file.h"
#include "tests/support/process.h"
#include "tests/support/damage.h"
#include "tests/support/h5_files.h"

TestSuite(h5, .init = h5_files_begin, .fini = h5_files_end, .timeout = 120);

static void expect_attribute_text(struct h5 *f, const char *name, const char *expected)
{
	struct err e = {0};
	char *text = h5_get_text(f, "/group", name, &e);
	cr_assert_not_null(text, "%s", e.text);
	cr_expect_str_eq(text, expected);
	mem_free(text);
}

Test(h5, attributes_come_back)
{
	const char *path = h5_files_path("a.h5");
	const int64_t ints[] = {0, -1, INT64_MIN, INT64_MAX, (INT64_C(1) << 53) + 1};
	const double reals[] = {0.0, -0.0, 0.1, 5e-324, 1.7976931348623157e308, INFINITY};
	struct err e = {0};
	size_t length = 200000;
	char *longest = mem_alloc(length + 1), name[32];
	memset(longest, 'x', length);
	struct h5 *f = h5_create(path);
	h5_group(f, "/group");
	h5_set_text(f, "/group", "empty", "");
	h5_set_text(f, "/group", "utf8", "grün β \xf0\x9f\x98\x80");
	h5_set_text(f, "/group", "long", longest);
	for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
		snprintf(name, sizeof name, "int%zu", i);
		h5_set_int(f, "/group", name, ints[i]);
	}
	for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
		snprintf(name, sizeof name, "real%zu", i);
		h5_set_real(f, "/group", name, reals[i]);
	}
	h5_set_real(f, "/", "nan", NAN);
	h5_door_save(f);
	h5_close(f);

	f = h5_door_open(path);
	expect_attribute_text(f, "empty", "");
	expect_attribute_text(f, "utf8", "grün β \xf0\x9f\x98\x80");
	expect_attribute_text(f, "long", longest);
	for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
		int64_t value = 7;
		snprintf(name, sizeof name, "int%zu", i);
		cr_assert_eq(h5_get_int(f, "/group", name, &value, &e), 0, "%s", e.text);
		cr_expect_eq(value, ints[i]);
	}
	double value = 7;
	for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
		snprintf(name, sizeof name, "real%zu", i);
		cr_assert_eq(h5_get_real(f, "/group", name, &value, &e), 0, "%s", e.text);
		cr_expect_eq(memcmp(&value, &reals[i], sizeof value), 0, "%g", value);
	}
	cr_assert_eq(h5_get_real(f, "/", "nan", &value, &e), 0);
	cr_expect(isnan(value));
	h5_close(f);
	mem_free(longest);
}

Test(h5, an_attribute_is_written_anew)
{
	const char *path = h5_files_path("a.h5");
	struct err e = {0};
	struct h5 *f = h5_create(path);
	int64_t value = 0;
	h5_group(f, "/group");
	for (int i = 0; i < 1000; i++)
		h5_set_text(f, "/group", "state", i % 2 ? "running" : "finished with a much longer text");
	h5_set_int(f, "/group", "state2", 1);
	h5_set_text(f, "/group", "state2", "text now");
	h5_set_int(f, "/group", "state2", 2);
	h5_door_save(f);
	expect_attribute_text(f, "state", "running");
	cr_expect_eq(h5_get_int(f, "/group", "state2", &value, &e), 0);
	cr_expect_eq(value, 2);
	h5_close(f);
}

Test(h5, a_wrong_or_missing_attribute_has_a_sentence)
{
	const char *path = h5_files_path("a.h5");
	struct h5 *f = h5_create(path);
	int64_t i;
	double d;
	h5_group(f, "/group");
	h5_set_text(f, "/group", "text", "t");
	h5_set_int(f, "/group", "int", 3);
	struct err e = {0};
	cr_expect_eq(h5_get_int(f, "/group", "text", &i, &e), -1);
	h5_door_expect_sentence(&e, EXIT_USER, path, "'text' is not an integer");
	err_clear(&e);
	cr_expect_eq(h5_get_real(f, "/group", "int", &d, &e), -1);
	h5_door_expect_sentence(&e, EXIT_USER, path, "'int' is not a real number");
	err_clear(&e);
	cr_expect_null(h5_get_text(f, "/group", "int", &e));
	h5_door_expect_sentence(&e, EXIT_USER, path, "'int' is not a text");
	err_clear(&e);
	cr_expect_null(h5_get_text(f, "/group", "none", &e));
	h5_door_expect_sentence(&e, EXIT_USER, path, "/group: has no attribute 'none'");
	err_clear(&e);
	cr_expect_null(h5_get_text(f, "/no/such/group", "none", &e));
	h5_door_expect_sentence(&e, EXIT_USER, path, "/no/such/group");
	h5_close(f);
}

Test(h5, texts_of_any_length_come_back)
{
	const char *path = h5_files_path("a.h5");
	const size_t lengths[] = {0, 1, 4095, 4096, 1 << 20};
	char name[32];
	struct h5 *f = h5_create(path);
	for (size_t i = 0; i < 5; i++) {
		char *text = mem_alloc(lengths[i] + 1);
		memset(text, 'a' + (int)i, lengths[i]);
		snprintf(name, sizeof name, "/config/deep/%zu", i);
		h5_write_text(f, name, "an earlier text");
		h5_write_text(f, name, text);
		mem_free(text);
	}
	h5_door_save(f);
	h5_close(f);
	f = h5_door_open(path);
	for (size_t i = 0; i < 5; i++) {
		struct err e = {0};
		snprintf(name, sizeof name, "/config/deep/%zu", i);
		char *text = h5_read_text(f, name, &e);
		cr_assert_not_null(text, "%s", e.text);
		cr_expect_eq(strlen(text), lengths[i]);
		cr_expect_eq(strspn(text, (char[]){(char)('a' + i), 0}), lengths[i]);
		mem_free(text);
	}
	struct err e = {0};
	cr_expect_null(h5_read_text(f, "/config/none", &e));
	h5_door_expect_sentence(&e, EXIT_USER, path, "has no dataset /config/none");
	err_clear(&e);
	cr_expect_null(h5_read_text(f, "/config", &e));
	h5_close(f);
}

Test(h5, datasets_of_every_type_and_rank_come_back)
{
	const char *path = h5_files_path("a.h5");
	const size_t bytes[] = {
	        [H5_F64] = 8, [H5_F32] = 4, [H5_I64] = 8, [H5_U64] = 8, [H5_I32] = 4, [H5_U8] = 1};
	const size_t dims[8] = {2, 3, 1, 2, 1, 1, 2, 2};
	unsigned char values[48 * 8], back[48 * 8];
	char name[32];
	uint64_t state = 1;
	struct err e = {0};
	for (size_t i = 0; i < sizeof values; i++)
		values[i] = (unsigned char)(damage_number(&state) & 0x3F); /* as floats: never NaN */
	struct h5 *f = h5_create(path);
	for (int type = H5_F64; type <= H5_U8; type++)
		for (int rank = 0; rank <= 8; rank++) {
			snprintf(name, sizeof name, "/data/%d/%d", type, rank);
			h5_write(f, name, (enum h5_type)type, rank, dims, values);
		}
	h5_door_save(f);
	h5_close(f);
	f = h5_door_open(path);
	for (int type = H5_F64; type <= H5_U8; type++) {
		size_t count = 1;
		for (int rank = 0; rank <= 8; count *= rank < 8 ? dims[rank] : 1, rank++) {
			int found;
			size_t shape[8];
			snprintf(name, sizeof name, "/data/%d/%d", type, rank);
			cr_assert_eq(h5_shape(f, name, &found, shape, &e), 0, "%s", e.text);
			cr_expect_eq(found, rank);
			for (int i = 0; i < rank; i++)
				cr_expect_eq(shape[i], dims[i]);
			cr_assert_eq(h5_read(f, name, (enum h5_type)type, count, back, &e), 0, "%s", e.text);
			cr_expect_eq(memcmp(back, values, count * bytes[type]), 0, "%s", name);
		}
	}
	h5_close(f);
}

Test(h5, a_dataset_is_replaced_and_converted)
{
	const char *path = h5_files_path("a.h5");
	struct err e = {0};
	struct h5 *f = h5_create(path);
	const float before[4] = {1, 2, 3, 4};
	const int64_t after[3] = {-1, 0, INT64_C(1) << 40};
	double back[3];
	h5_write(f, "/x", H5_F32, 1, (size_t[]){4}, before);
	h5_write(f, "/x", H5_I64, 1, (size_t[]){3}, after);
	h5_write(f, "/none", H5_F32, 1, (size_t[]){0}, before);
	cr_assert_eq(h5_read(f, "/x", H5_F64, 3, back, &e), 0, "%s", e.text);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(back[i], (double)after[i]);
	cr_expect_eq(h5_read(f, "/none", H5_F64, 0, back, &e), 0, "%s", e.text);
	h5_close(f);
}

Test(h5, a_wrong_dataset_has_a_sentence)
{
	const char *path = h5_files_path("a.h5");
	struct h5 *f = h5_create(path);
	float x[4] = {0};
	int rank;
	size_t dims[8];
	h5_write(f, "/group/x", H5_F32, 1, (size_t[]){4}, x);
	h5_write_text(f, "/text", "t");
	struct err e = {0};
	cr_expect_eq(h5_read(f, "/group/x", H5_F32, 3, x, &e), -1);
	h5_door_expect_sentence(&e, EXIT_USER, path, "/group/x: found 4 values, expected 3");
	err_clear(&e);
	cr_expect_eq(h5_read(f, "/group/y", H5_F32, 4, x, &e), -1);
	h5_door_expect_sentence(&e, EXIT_USER, path, "has no dataset /group/y");
	err_clear(&e);
	cr_expect_eq(h5_read(f, "/group", H5_F32, 4, x, &e), -1);
	h5_door_expect_sentence(&e, EXIT_USER, path, "has no dataset /group");
	err_clear(&e);
	cr_expect_eq(h5_read(f, "/text", H5_F32, 1, x, &e), -1);
	h5_door_expect_sentence(&e, EXIT_USER, path, "/text: holds no numbers");
	err_clear(&e);
	cr_expect_eq(h5_shape(f, "/missing/one", &rank, dims, &e), -1);
	h5_door_expect_sentence(&e, EXIT_USER, path, "/missing/one");
	h5_close(f);
}

/* A shape that no file of that size can hold must not reach a caller, who would allocate for it. */
Test(h5, an_impossible_shape_is_refused)
{
	const char *path = h5_files_path("a.h5");
	const hsize_t dims[2] = {UINT64_C(1) << 40, UINT64_C(1) << 40}, chunk[2] = {1, 1};
	hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
	hid_t space = H5Screate_simple(2, dims, NULL), made = H5Pcreate(H5P_DATASET_CREATE);
	H5Pset_chunk(made, 2, chunk);
	H5Dclose(H5Dcreate2(file, "/x", H5T_STD_U8LE, space, H5P_DEFAULT, made, H5P_DEFAULT));
	H5Pclose(made);
	H5Sclose(space);
	H5Fclose(file);
	struct err e = {0};
	struct h5 *f = h5_door_open(path);
	int rank;
	size_t found[8];
	cr_expect_eq(h5_shape(f, "/x", &rank, found, &e), -1);
	h5_door_expect_sentence(&e, EXIT_USER, path, "/x: found more values than");
	h5_close(f);
}

Test(h5, columns_grow_are_cut_and_are_continued)
{
	const char *path = h5_files_path("a.h5");
	uint64_t state = 3;
	struct err e = {0};
	struct h5 *f = h5_create(path);
	struct h5_column *c = h5_column(f, "/steps/step", H5_I64, 0, NULL, "steps", "steps done");
	cr_expect_eq(h5_rows(c), 0);
	h5_append(c, 0, NULL);
	h5_door_append_up_to(c, 10000, &state);
	h5_column_close(c);
	h5_door_save(f);
	h5_close(f);
	for (size_t kept = 9000, length = 10000; kept > 0; length = kept + 5000, kept /= 2) {
		f = h5_door_edit(path);
		h5_door_expect_count_up(f, "/steps/step", length);
		cr_assert_eq(h5_truncate(f, "/steps/step", kept, &e), 0, "%s", e.text);
		h5_door_expect_count_up(f, "/steps/step", kept);
		c = h5_column(f, "/steps/step", H5_I64, 0, NULL, "steps", "steps done");
		cr_expect_eq(h5_rows(c), kept);
		h5_door_append_up_to(c, kept + 5000, &state);
		h5_column_close(c);
		h5_door_save(f);
		h5_close(f);
	}
}

Test(h5, what_is_no_column_is_not_cut)
{
	const char *path = h5_files_path("a.h5");
	struct err e = {0};
	struct h5 *f = h5_create(path);
	h5_write(f, "/fixed", H5_I64, 1, (size_t[]){3}, (int64_t[]){0, 1, 2});
	cr_expect_eq(h5_truncate(f, "/fixed", 2, &e), -1);
	h5_door_expect_sentence(&e, EXIT_USER, path, "/fixed: cannot be cut");
	err_clear(&e);
	cr_expect_eq(h5_truncate(f, "/fixed", 4, &e), -1);
	h5_door_expect_sentence(&e, EXIT_USER, path, "/fixed: found 3 rows, expected at least 4");
	h5_door_expect_count_up(f, "/fixed", 3);
	h5_close(f);
}

Test(h5, a_column_of_wide_rows)
{
	const char *path = h5_files_path("a.h5");
	struct err e = {0};
	const size_t row[2] = {70, 50}; /* 14000 bytes, more than a chunk is meant to have */
	float *values = mem_array(3 * 3500, sizeof *values), *back = mem_array(3 * 3500, sizeof *back);
	int rank;
	size_t dims[8];
	for (int i = 0; i < 3 * 3500; i++)
		values[i] = (float)i;
	struct h5 *f = h5_create(path);
	struct h5_column *c = h5_column(f, "/probes/x", H5_F32, 2, row, "1", "x");
	h5_append(c, 1, values);
	h5_append(c, 2, values + 3500);
	h5_column_close(c);
	h5_door_save(f);
	h5_close(f);
	f = h5_door_open(path);
	cr_assert_eq(h5_shape(f, "/probes/x", &rank, dims, &e), 0);
	cr_expect(rank == 3 && dims[0] == 3 && dims[1] == 70 && dims[2] == 50);
	cr_assert_eq(h5_read(f, "/probes/x", H5_F32, 3 * 3500, back, &e), 0, "%s", e.text);
	cr_expect_eq(memcmp(values, back, 3 * 3500 * sizeof *back), 0);
	h5_close(f);
	mem_free(values);
	mem_free(back);
}

Test(h5, names_are_sorted_and_groups_are_found)
{
	struct h5 *f = h5_create(h5_files_path("a.h5"));
	size_t count;
	h5_group(f, "/z/y/x");
	h5_group(f, "/z/y/x");
	h5_group(f, "/z/b");
	h5_write_text(f, "/z/a", "t");
	char **names = h5_names(f, "/z", &count);
	cr_assert_eq(count, 3);
	cr_expect_str_eq(names[0], "a");
	cr_expect_str_eq(names[1], "b");
	cr_expect_str_eq(names[2], "y");
	cr_expect_null(names[3]);
	mem_free(names);
	names = h5_names(f, "/z/b", &count);
	cr_expect_not_null(names);
	cr_expect_eq(count, 0);
	mem_free(names);
	cr_expect_null(h5_names(f, "/none", &count));
	cr_expect_eq(count, 0);
	cr_expect(h5_has(f, "/") && h5_has(f, "/z/y/x") && h5_has(f, "/z/a"));
	cr_expect(!h5_has(f, "/z/c") && !h5_has(f, "/none/at/all"));
	h5_close(f);
}

static size_t open_ids(void)
{
	const H5I_type_t types[] = {H5I_FILE,    H5I_GROUP, H5I_DATATYPE,   H5I_DATASPACE,
	                            H5I_DATASET, H5I_ATTR,  H5I_GENPROP_LST};
	hsize_t count, all = 0;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (H5Inmembers(types[i], &count) >= 0)
			all += count;
	return (size_t)all;
}

static void use_everything(const char *path)
{
	struct err e = {0};
	int64_t one = 1;
	double real;
	size_t count;
	struct h5 *f = h5_create(path);
	struct h5_column *a = h5_column(f, "/t/a", H5_I64, 0, NULL, "u", "a"),
	                 *b = h5_column(f, "/t/b", H5_I64, 0, NULL, "u", "b");
	h5_append(a, 1, &one);
	h5_append(b, 1, &one);
	h5_scale(f, "/t/b", "/t/a");
	h5_scale(f, "/t/b", "/t/a"); /* once more changes nothing */
	h5_column_close(a);
	h5_column_close(b);
	h5_write(f, "/x", H5_I64, 1, (size_t[]){1}, &one);
	h5_write_text(f, "/text", "t");
	h5_set_real(f, "/x", "real", 1);
	mem_free(h5_names(f, "/t", &count));
	h5_door_save(f);
	h5_close(f);
	f = h5_door_edit(path);
	mem_free(h5_read_text(f, "/text", &e));
	mem_free(h5_read_text(f, "/x", &e));
	mem_free(h5_get_text(f, "/t/a", "unit", &e));
	mem_free(h5_get_text(f, "/x", "real", &e));
	h5_get_real(f, "/x", "real", &real, &e);
	h5_get_int(f, "/x", "real", &one, &e);
	h5_read(f, "/x", H5_I64, 2, &one, &e);
	h5_read(f, "/text", H5_I64, 1, &one, &e);
	h5_truncate(f, "/t/a", 0, &e);
	h5_truncate(f, "/x", 0, &e);
	h5_close(f);
	h5_close(NULL);
}

Test(h5, everything_opened_is_closed)
{
	use_everything(h5_files_path("a.h5"));
	size_t before = open_ids();
	for (int i = 0; i < 3; i++)
		use_everything(h5_files_path("a.h5"));
	cr_expect_eq(open_ids(), before);
	cr_expect_eq(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
}

Test(h5, files_of_one_path_do_not_meet_in_memory)
{
	const char *path = h5_files_path("a.h5");
	struct h5 *first = h5_create(path), *second = h5_create(path);
	h5_set_int(first, "/", "which", 1);
	h5_set_int(second, "/", "which", 2);
	h5_door_save(second);
	struct h5 *third = h5_door_open(path);
	h5_door_save(first);
	struct err e = {0};
	int64_t which = 0;
	cr_expect_eq(h5_get_int(third, "/", "which", &which, &e), 0);
	cr_expect_eq(which, 2);
	h5_close(first);
	h5_close(second);
	h5_close(third);
	third = h5_door_open(path);
	cr_expect_eq(h5_get_int(third, "/", "which", &which, &e), 0);
	cr_expect_eq(which, 1);
	h5_close(third);
}

Test(h5, nothing_is_on_disk_before_the_first_flush_and_folders_are_made)
{
	const char *path = h5_files_path("runs/of/today/a.h5");
	struct h5 *f = h5_create(path);
	h5_set_int(f, "/", "x", 1);
	cr_expect(!file_there(h5_files_path("runs")));
	struct err e = {0};
	cr_assert_eq(h5_flush(f, true, &e), 0, "%s", e.text);
	struct stat st;
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq((size_t)st.st_size, h5_image_bytes(f));
	cr_expect(!file_there(h5_files_path("runs/of/today/a.h5.tmp")));
	h5_close(f);
}

Test(h5, texts_scales_and_units_are_what_h5py_expects)
{
	const char *path = h5_files_path("a.h5"), *python = h5_files_python();
	if (!python)
		cr_skip_test("skipped: no Python with h5py");
	struct h5 *f = h5_create(path);
	struct h5_column *step = h5_column(f, "/steps/step", H5_I64, 0, NULL, "steps", "steps done"),
	                 *loss = h5_column(f, "/steps/loss", H5_F64, 0, NULL, "1", "grün");
	h5_append(step, 3, (int64_t[]){1, 2, 3});
	h5_append(loss, 3, (double[]){0.5, 0.25, NAN});
	h5_scale(f, "/steps/loss", "/steps/step");
	h5_column_close(step);
	h5_column_close(loss);
	h5_write_text(f, "/config/given", "{\"name\": \"grün\"}");
	h5_set_text(f, "/", "empty", "");
	h5_door_save(f);
	h5_close(f);
	cr_expect(process_shell(
	        "'%s' -c \"\nimport h5py, math\nf = h5py.File('%s', 'r')\nloss = f['steps/loss']\n"
	        "assert loss.attrs['unit'] == '1' and loss.attrs['about'] == 'gr\\u00fcn'\n"
	        "assert f.attrs['empty'] == ''\n"
	        "assert list(loss[:2]) == [0.5, 0.25] and math.isnan(loss[2])\n"
	        "assert list(loss.dims[0][0][:]) == [1, 2, 3]\n"
	        "assert h5py.h5ds.is_scale(f['steps/step'].id) and f['steps/step'].dtype == 'int64'\n"
	        "assert f['config/given'].asstr()[()] == '{\\\"name\\\": \\\"gr\\u00fcn\\\"}'\n"
	        "assert loss.maxshape == (None,)\n\"",
	        python, path));
}
