/* `signsgd bench model` and `simulate --profile` from outside. */
#include <stdio.h>
#include <string.h>
#include "tests/support/cli.h"
#include "h5/h5.h"
#include "registry.h"
#include "models/model.h"

TestSuite(bench_model, .init = cli_open, .fini = cli_close, .timeout = 120);

Test(bench_model, a_line_says_what_was_measured)
{
	struct arena a = {0};
	struct json *lines[CLI_LINES];
	cr_assert_eq(cli("bench model cnn --batch 2 --lanes 2 --seconds 0.01 --json"), 0, "%s", cli_err);
	cr_assert_eq(cli_json_lines(&a, lines), 1);
	cr_expect_eq(cli_number(lines[0], "parameters"), 431080);
	cr_expect_eq(cli_number(lines[0], "batch"), 2);
	cr_expect_eq(cli_number(lines[0], "lanes"), 2);
	/* images a second are those of all lanes in a median round */
	cr_expect_float_eq(cli_number(lines[0], "samples_per_s") * cli_number(lines[0], "round_s"), 4, 1e-6);
	/* forward 2.3 million multiply-adds an image of 28 x 28, back twice that but for the first layer */
	double macs = 20.0 * 25 * 576 + 50.0 * 500 * 64 + 800 * 500 + 500 * 10;
	double flops = 2 * (3 * macs - 20.0 * 25 * 576) * 4;
	cr_expect_float_eq(cli_number(lines[0], "gflops") * cli_number(lines[0], "round_s"), flops / 1e9,
	                   1e-9);
	cr_expect_gt(cli_number(lines[0], "share"), 0);
	cr_expect_gt(cli_number(lines[0], "lane_bytes"), 0);
	cr_expect_geq(cli_number(lines[0], "peak_bytes"), 2 * cli_number(lines[0], "lane_bytes"));
	const struct json *layers = json_member(lines[0], "layers");
	cr_assert_not_null(layers);
	cr_expect_gt(layers->count, 5);
	for (const struct json *l = layers->child; l; l = l->next)
		cr_expect_geq(cli_number(l, "forward_s"), 0);
	arena_clear(&a);
}

Test(bench_model, a_person_gets_a_table)
{
	cr_assert_eq(cli("bench model resnet20 --batch 2 --input 3x8x8 --classes 5 --lanes 1 --seconds 0.01"),
	             0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, "images/s"));
	cr_expect_not_null(strstr(cli_out, "272149 parameters"));
	cr_expect_not_null(strstr(cli_out, "layer3.2.conv2"));
}

Test(bench_model, every_model_that_learns_from_data_is_timed_or_says_why_not)
{
	for (const struct row *const *row = family_models.rows; *row; row++) {
		const struct model *m = (const struct model *)*row;
		if (!m->wants_data)
			cli_expect(2, "makes its own gradients", "bench model %s --seconds 0.01",
			           (*row)->name);
		else if (m->usual.n_classes == 0)
			cli_expect(2, "give --input and --classes", "bench model %s --seconds 0.01",
			           (*row)->name);
	}
}

Test(bench_model, wrong_words_get_a_sentence)
{
	cli_expect(2, "there is no model 'resnet21'; did you mean \"resnet20\"?", "bench model resnet21");
	cli_expect(2, "takes one name", "bench model");
	cli_expect(2, "takes one name", "bench model cnn mlp");
	cli_expect(2, "--input: found '3x32'", "bench model cnn --input 3x32");
	cli_expect(2, "--input: found '0x8x8'", "bench model cnn --input 0x8x8");
	cli_expect(2, "--input: found '1x8x8x'", "bench model cnn --input 1x8x8x");
	cli_expect(2, "does not fit an image", "bench model cnn --input 1x4x4");
	cli_expect(2, "--backend: found the string \"cpx\", expected one of",
	           "bench model cnn --backend cpx");
	cli_expect(2, "--batch: found '0'", "bench model cnn --batch 0");
	cli_expect(2, "choose kernels", "bench model cnn --kernel gemm");
}

static void expect_profile(const char *path, bool there)
{
	struct err e = {0};
	struct h5 *f = h5_open(path, &e);
	cr_assert_not_null(f, "%s", e.text);
	cr_expect_eq(h5_has(f, "/profile"), there);
	if (there) {
		int rank;
		size_t dims[8], lines = 0;
		char *layers = h5_read_text(f, "/profile/layers", &e);
		cr_assert_not_null(layers, "%s", e.text);
		for (const char *p = layers; *p; p++)
			lines += *p == '\n';
		cr_assert_eq(h5_shape(f, "/profile/forward_s", &rank, dims, &e), 0, "%s", e.text);
		cr_expect_eq(rank, 1);
		cr_expect_eq(dims[0], lines);
		double *seconds = mem_array(lines, sizeof *seconds), sum = 0;
		cr_assert_eq(h5_read(f, "/profile/forward_s", H5_F64, lines, seconds, &e), 0, "%s", e.text);
		for (size_t i = 0; i < lines; i++)
			sum += seconds[i];
		cr_expect_gt(sum, 0);
		mem_free(seconds);
		mem_free(layers);
	}
	h5_close(f);
}

Test(bench_model, a_profile_is_written_when_asked_for)
{
	static const char experiment[] =
	        "{\"name\":\"p\",\"workers\":2,\"steps\":3,\"batch\":4,\"model\":\"cnn\",\"data\":"
	        "{\"kind\":\"glyphs\",\"train\":40,\"test\":10},\"lr\":0.001}";
	char path[128];
	cli_write("p.json", experiment);
	for (int profile = 0; profile < 2; profile++) {
		snprintf(path, sizeof path, "%s/p%d.h5", cli_folder, profile);
		cr_assert_eq(cli("simulate %s/p.json --out %s %s --quiet", cli_folder, path,
		                 profile ? "--profile" : ""),
		             0, "%s", cli_err);
		expect_profile(path, profile);
	}
}
