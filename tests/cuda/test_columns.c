/* Convolutions for which cuDNN has no deterministic algorithm: by products, with the results of ref. */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <criterion/criterion.h>
#include "tests/support/cli.h"
#include "tests/support/guarded.h"
#include "tests/support/image_fixture.h"
#include "tests/support/small_experiments.h"

static struct backend ref, cuda;

extern const struct backend_row backend_ref, backend_cuda;

/* The stand-in then lists no such algorithm. */
static void open_careless(void)
{
	char program[PATH_MAX];
	struct err e = {0};
	cli_open();
	cr_assert(realpath(process_program(), program));
	setenv("SIGNSGD_MODULES", dirname(program), 1);
	setenv("SIGNSGD_STAND_IN_CARELESS", "1", 1);
	cr_assert_eq(backend_ref.open(&ref, NULL, &e), 0);
	cr_assert_eq(backend_cuda.open(&cuda, NULL, &e), 0, "%s", e.text);
}

TestSuite(cuda_columns, .init = open_careless, .fini = cli_close, .timeout = 400);

static void expect_like_ref(const struct image_spec *s)
{
	struct image_run want, got;
	image_run_open(&want, s, 3);
	image_run_open(&got, s, 3);
	image_run_on(&ref, &want);
	image_run_on(&cuda, &got);
	cr_expect_leq(image_run_error(&ref, &want, &got), 1e-5, "%s", image_fixture_shown(s));
	image_run_close(&want);
	image_run_close(&got);
}

Test(cuda_columns, any_shape)
{
	for (int i = 0; i < 48; i++) {
		const int kernel[2] = {1 + i % 3, 1 + i / 3 % 4}, stride[2] = {1 + i % 2, 1 + i / 2 % 3},
		          pad[2] = {i % kernel[0], i / 5 % kernel[1]};
		const struct image in = {1 + i % 2, i % 4 == 3 ? 6 : 1 + i % 5, 5 + i % 4, 4 + i % 7};
		struct image_spec s = image_window_spec(IMAGE_CONV, in, 6, kernel, stride, pad);
		s.groups = i % 4 == 3 ? 3 : 1;
		s.bias = i % 3 > 0;
		s.relu = i % 5 == 0;
		s.back = true;
		s.rows_in = i % 7 == 0;
		s.d_in = !s.rows_in;
		expect_like_ref(&s);
	}
}

/* More rows than are made at once, which end within an image; of one group and of several. */
Test(cuda_columns, of_several_parts)
{
	for (int groups = 1; groups <= 2; groups++) {
		struct image_spec s =
		        image_fixture_square(IMAGE_CONV, (struct image){3 * groups, 32, 65, 41}, 6, 3, 1, 1);
		s.groups = groups;
		s.bias = s.relu = s.back = s.d_in = true;
		expect_like_ref(&s);
	}
}

Test(cuda_columns, a_run_learns)
{
	guarded_run("simulate", small_layers, "--lanes 2", "ref", "ref");
	guarded_run("simulate", small_layers, "--lanes 2", "cuda", "cuda");
	guarded_expect_near("cuda", "ref", "/steps/loss", 1e-3);
}

/* Products are in the precision; what cuDNN would round is not rounded. */
Test(cuda_columns, any_precision_learns)
{
	static const char *const precision[] = {"tf32", "bf16"};
	guarded_run("simulate", small_layers, "", "ref", "ref");
	for (int i = 0; i < 2; i++) {
		char backend[64];
		snprintf(backend, sizeof backend, "'{\"kind\":\"cuda\",\"precision\":\"%s\"}'", precision[i]);
		guarded_run("simulate", small_layers, "", backend, precision[i]);
		guarded_expect_near(precision[i], "ref", "/steps/loss", 0.1);
	}
}
