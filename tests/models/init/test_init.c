/* How parameters begin: files and the sentences about them, and the schemes. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "registry.h"
#include "h5/h5.h"
#include "tests/support/model_fixture.h"
#include "models/init/init_row.h"
#include "tests/support/train.h"
#include "tests/support/file.h"

static char folder[FOLDER_SIZE], path[128];

static void make_folder(void)
{
	folder_make(folder);
	snprintf(path, sizeof path, "%s/init.h5", folder);
}

static void remove_folder(void)
{
	folder_remove(folder);
}

TestSuite(init, .init = make_folder, .fini = remove_folder);

/* An mlp of 784, 3 and 10 numbers on glyphs; its tensors, in their order. */
enum { N_TENSORS = 4, N_MLP = 3 * 784 + 3 + 10 * 3 + 10 };

static const struct {
	const char *name;
	int rank;
	size_t dims[2];
} tensors[N_TENSORS] = {
        {"fc1.weight", 2, {3, 784}}, {"fc1.bias", 1, {3}}, {"fc2.weight", 2, {10, 3}}, {"fc2.bias", 1, {10}}};

static const char *experiment(void)
{
	static char text[512];
	snprintf(text, sizeof text,
	         "{\"steps\":1,\"batch\":5,\"model\":{\"kind\":\"mlp\",\"hidden\":[3]},\"data\":{\"kind\":"
	         "\"glyphs\","
	         "\"train\":50,\"test\":20},\"init\":{\"kind\":\"file\",\"path\":\"%s\"}}",
	         path);
	return text;
}

/* Number i of the file's parameters. */
static double number(size_t i)
{
	return (double)(i % 1000) / 256 - 1;
}

/* The tensors in a group of the file, but the one of number `without`. */
static struct h5 *begin_file(const char *group, bool doubles, int without)
{
	double wide[3 * 784];
	float narrow[3 * 784];
	struct h5 *f = h5_create(path);
	for (size_t t = 0, place = 0; t < N_TENSORS; t++) {
		char where[64];
		size_t count = tensors[t].dims[0] * (tensors[t].rank > 1 ? tensors[t].dims[1] : 1);
		for (size_t i = 0; i < count; i++, place++) {
			wide[i] = number(place);
			narrow[i] = (float)wide[i];
		}
		snprintf(where, sizeof where, "%s/%s", group, tensors[t].name);
		if ((int)t != without)
			h5_write(f, where, doubles ? H5_F64 : H5_F32, tensors[t].rank, tensors[t].dims,
			         doubles ? (const void *)wide : narrow);
	}
	return f;
}

static void end_file(struct h5 *f)
{
	struct err e = {0};
	cr_assert_eq(h5_flush(f, false, &e), 0, "%s", e.text);
	h5_close(f);
}

static void expect_read(void)
{
	struct runs runs;
	struct pool *pool = pool_open(1);
	struct trainer *t = train_open(train_settings(&runs, experiment()), pool);
	size_t n;
	const float *x = trainer_x(t, &n);
	cr_assert_eq(n, N_MLP);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq((double)x[i], number(i), "x[%zu]", i);
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
}

Test(init, files_are_read_from_the_top_and_from_a_group)
{
	const int64_t batches = 17;
	end_file(begin_file("", false, -1));
	expect_read();
	end_file(begin_file("/model", true, -1));
	expect_read();
	struct h5 *f = begin_file("/final", false, -1); /* as in a result file, beside other groups */
	h5_write(f, "/steps/lr", H5_F64, 1, (const size_t[]){1}, (const double[]){1});
	h5_write(f, "/final/bn1.num_batches_tracked", H5_I64, 0, NULL, &batches);
	h5_write_text(f, "/final/note", "no numbers");
	end_file(f);
	expect_read();
}

static void expect_refused(const char *expected)
{
	struct runs runs;
	struct err e = {0};
	struct pool *pool = pool_open(1);
	struct trainer *t = trainer_open(train_settings(&runs, experiment()), pool, NULL, &e);
	cr_expect_null(t);
	cr_expect_eq(e.code, EXIT_USER);
	cr_expect_not_null(strstr(e.text, path), "%s", e.text);
	cr_expect_not_null(strstr(e.text, expected), "found \"%s\", expected \"%s\" in it", e.text, expected);
	pool_close(pool);
	runs_clear(&runs);
}

static void expect_sentence(const char *init, const char *expected)
{
	char text[512];
	struct runs runs;
	struct err e = {0};
	snprintf(text, sizeof text,
	         "{\"steps\":1,\"model\":\"mlp\",\"data\":{\"kind\":\"glyphs\",\"train\":50,\"test\":20},"
	         "\"init\":%s}",
	         init);
	cr_expect_eq(experiment_parse(&runs, "test", text, strlen(text), NULL, 0, &e), -1, "%s", init);
	cr_expect_not_null(strstr(e.text, expected), "found \"%s\", expected \"%s\" in it", e.text, expected);
}

Test(init, files_that_do_not_fit_are_refused_by_tensor_and_shape)
{
	const float two[6] = {0}, nan3[3] = {0, NAN, 0};
	char init[512];
	snprintf(init, sizeof init, "{\"kind\":\"file\",\"path\":\"%s\"}", path);
	expect_sentence(init, "cannot be opened");
	struct h5 *f = begin_file("/model", false, 1);
	h5_write(f, "/model/fc1.bais", H5_F32, 1, (const size_t[]){3}, two);
	end_file(f);
	expect_refused(
	        "found no tensor \"fc1.bias\" in group \"/model/\", expected one of 3; the nearest there is "
	        "\"fc1.bais\"");
	f = begin_file("", false, 2);
	h5_write(f, "/fc2.weight", H5_F32, 2, (const size_t[]){3, 2}, two);
	end_file(f);
	expect_refused("tensor \"/fc2.weight\" is 3 x 2, expected 10 x 3");
	f = begin_file("", false, 1);
	h5_write(f, "/fc1.bias", H5_F32, 0, NULL, two);
	end_file(f);
	expect_refused("tensor \"/fc1.bias\" is a single number, expected 3");
	f = begin_file("", false, 1);
	h5_write(f, "/fc1.bias", H5_F32, 1, (const size_t[]){3}, nan3);
	end_file(f);
	expect_refused("tensor \"/fc1.bias\" has nan at place 1");
	f = begin_file("", false, 1);
	h5_write_text(f, "/fc1.bias", "three");
	end_file(f);
	expect_refused("/fc1.bias: holds no numbers");
	f = begin_file("", false, -1);
	h5_write(f, "/fc3.bias", H5_F32, 1, (const size_t[]){3}, two);
	end_file(f);
	expect_refused("found a tensor \"/fc3.bias\" that the model does not have; the nearest there is "
	               "\"fc1.bias\"");
	f = h5_create(path);
	h5_write(f, "/other/thing", H5_F32, 1, (const size_t[]){3}, two);
	end_file(f);
	expect_refused("found none of the model's tensors (\"fc1.weight\", ...)");
}

Test(init, path_and_content_are_part_of_a_runs_identity)
{
	struct runs a, b, c;
	end_file(begin_file("", false, -1));
	const struct settings *first = train_settings(&a, experiment());
	end_file(begin_file("", true, -1));
	const struct settings *second = train_settings(&b, experiment());
	cr_expect_str_neq(first->id, second->id, "other content, the same identity");
	unlink(path);
	snprintf(path, sizeof path, "%s/other.h5", folder);
	end_file(begin_file("", true, -1));
	const struct settings *third = train_settings(&c, experiment());
	cr_expect_str_neq(second->id, third->id, "another path, the same identity");
	runs_clear(&a);
	runs_clear(&b);
	runs_clear(&c);
}

Test(init, what_is_no_beginning_is_refused)
{
	expect_sentence("\"he\"",
	                "model \"mlp\" begins in its own way, and \"he\" is a way to begin the layers");
	expect_sentence("\"file\"", "found no key \"path\"");
	expect_sentence("\"glorto\"", "did you mean \"glorot\"?");
}

/* --- schemes ------------------------------------------------------------------------------------------- */

/* A convolution of 3 x 3 from 3 to 96 channels, a layer of 60 numbers, 10 classes: fans and roles of tensors.
 */
enum { FAN_CONV = 27, FAN_OUT_CONV = 96 * 9, FAN_LINEAR = 96 * 4, WIDTH = 60, CLASSES = 10 };

static const struct model_env scheme_env = {
        .data = {.channels = 3, .height = 4, .width = 4, .n_classes = CLASSES},
        .batch = 2,
        .workers = 1,
        .seed = 11};

static const char schemed[] =
        "{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"conv\",\"channels\":96,\"kernel\":3},"
        "\"relu\",{\"kind\":\"linear\",\"width\":60},\"norm\"]}";

/* Root mean square of each tensor under the scheme of that name; *largest of all sizes relative to it. */
static void measure(const char *scheme, double rms[], double largest[])
{
	struct fixture f;
	struct tensor t;
	struct model_env env = scheme_env;
	env.init = (int)((const struct init_row *)family_find(&family_inits, scheme))->scheme;
	fixture_open(&f, schemed, "ref", &env);
	for (size_t i = 0; f.model->tensor(f.choice.state, &f.env, i, &t); i++) {
		double sum = 0, most = 0;
		for (size_t k = t.offset; k < t.offset + t.count; k++) {
			sum += (double)f.x[k] * (double)f.x[k];
			most = fmax(most, fabs((double)f.x[k]));
		}
		rms[i] = sqrt(sum / (double)t.count);
		largest[i] = rms[i] > 0 ? most / rms[i] : 0;
	}
	fixture_close(&f);
}

/* Tensors: convolution, linear, norm's weight and bias, classes. Uniform numbers end at sqrt(3) deviations.
 */
static void expect_scheme(const char *scheme, double conv, double linear, double bias, bool normal)
{
	enum { TENSORS = 8 };
	double rms[TENSORS], largest[TENSORS];
	measure(scheme, rms, largest);
	cr_expect_float_eq(rms[0], conv, 0.06 * conv, "%s: convolution %g, expected %g", scheme, rms[0],
	                   conv);
	cr_expect_float_eq(rms[2], linear, 0.03 * linear, "%s: linear %g, expected %g", scheme, rms[2],
	                   linear);
	cr_expect_float_eq(rms[3], bias, 0.3 * bias + 1e-12, "%s: bias %g, expected %g", scheme, rms[3],
	                   bias);
	cr_expect_float_eq(rms[4], 1, 0, "%s: norm", scheme);
	cr_expect_float_eq(rms[5], 0, 0, "%s: norm", scheme);
	cr_expect_eq(largest[0] > 2.2, normal, "%s: the largest weight is %g deviations", scheme, largest[0]);
}

Test(init, schemes_have_the_deviations_that_they_promise)
{
	const double fan = 1 / sqrt(3.0 * FAN_LINEAR), conv = 1 / sqrt(3.0 * FAN_CONV);
	expect_scheme("pytorch", conv, fan, fan, false);
	expect_scheme("model", conv, fan, fan, false);
	expect_scheme("awd", conv, fan, fan, false);
	expect_scheme("resnet", sqrt(2.0 / FAN_OUT_CONV), fan, fan, true);
	expect_scheme("vgg", sqrt(2.0 / FAN_OUT_CONV), 0.01, 0, true);
	expect_scheme("he", sqrt(2.0 / FAN_CONV), sqrt(2.0 / FAN_LINEAR), 0, true);
	expect_scheme("glorot", sqrt(2.0 / (FAN_CONV + FAN_OUT_CONV)), sqrt(2.0 / (FAN_LINEAR + WIDTH)), 0,
	              false);
}
