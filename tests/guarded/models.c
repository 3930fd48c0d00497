/*
 * `make test-guarded`: one step of every model that tests/train/test_guarded.c leaves out, on `guarded` and
 * on `ref`. Small images and two samples, because `ref` is slow: minutes in all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "models/model.h"
#include "registry.h"
#include "tests/support/bitmap_files.h"
#include "tests/support/cli.h"
#include "tests/support/guarded.h"

TestSuite(guarded_models, .init = cli_open, .fini = cli_close, .timeout = 3600);

/* The smallest sides that models for large images take. */
static const struct {
	const char *model;
	int side;
} sides[] = {{"alexnet", 63}, {"vgg11", 32}};

enum { USUAL_SIDE = 8 };

/* In test_guarded.c, or a matter of what an experiment lists. */
static const char *const left_out[] = {"quadratic", "median-toy", "sign-trap", "mlp",
                                       "cnn",       "qrnn",       "sequential"};

static bool is_left_out(const char *model)
{
	for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
		if (strcmp(left_out[i], model) == 0)
			return true;
	return false;
}

static int side_of(const char *model)
{
	for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
		if (strcmp(sides[i].model, model) == 0)
			return sides[i].side;
	return USUAL_SIDE;
}

/* FOLDER/images/{train,val}/{ape,bee}/N.jpg */
static void make_images(void)
{
	static const char *const splits[] = {"train", "val"}, *const classes[] = {"ape", "bee"};
	for (int i = 0; i < 4; i++) {
		const struct jpeg_kind kind = {
		        .width = 70, .height = 66 + i, .stored = JCS_YCbCr, .sampling = 1};
		struct made m = make_jpeg(&kind);
		char path[256];
		snprintf(path, sizeof path, "%s/images/%s/%s/%d.jpg", cli_folder, splits[i / 2],
		         classes[i % 2], i);
		folder_make_parents(path);
		file_put(path, m.at, m.n);
		free(m.at);
	}
}

Test(guarded_models, one_step_of_every_model)
{
	make_images();
	for (const struct row *const *row = family_models.rows; *row; row++) {
		const char *name = (*row)->name;
		char experiment[1024];
		if (is_left_out(name))
			continue;
		int side = side_of(name);
		snprintf(experiment, sizeof experiment,
		         "{\"name\":\"m\",\"workers\":1,\"steps\":1,\"batch\":2,\"lr\":0.01,\"momentum\":0.9,"
		         "\"model\":\"%s\",\"data\":{\"kind\":\"imagefolder\",\"dir\":\"%s/"
		         "images\",\"size\":%d,"
		         "\"resize\":%d},\"eval\":{\"every\":0,\"train\":2}}",
		         name, cli_folder, side, side + 2);
		fprintf(stderr, "%s\n", name);
		guarded_expect_as_ref(experiment, "--lanes 1");
	}
}
