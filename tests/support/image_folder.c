#include "tests/support/image_folder.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/train.h"

extern const struct data_source data_imagefolder;

char *image_folder_put(const char *rest, struct made m)
{
	char *path = data_help_put(rest, m.at, m.n);
	free(m.at);
	return path;
}

void image_folder_make(void)
{
	static const char *const classes[CLASSES] = {"ape", "bee", "cow"};
	char name[128];
	for (int c = 0; c < CLASSES; c++)
		for (int i = 0; i < TRAIN_FILES + VAL_FILES; i++) {
			const char *split = i < TRAIN_FILES ? "train" : "val";
			struct jpeg_kind kind = {40 + 9 * i, 60 - 7 * c, JCS_YCbCr, 1 + i % 2,
			                         i % 3 == 0, i % 9,      c % 2};
			snprintf(name, sizeof name, "set/%s/%s/%02d.%s", split, classes[c], i,
			         i % 4 == 3 ? "png"
			         : i % 2    ? "JPEG"
			                    : "jpg");
			image_folder_put(name, i % 4 == 3 ? make_png(33 + i, 47 + c, PNG_COLOR_TYPE_RGB, 8)
			                                  : make_jpeg(&kind));
		}
	data_help_put("set/train/ape/notes.txt", "no image", 8);
}

char *image_folder_pack(const char *rest)
{
	struct err e = {0};
	char *path = data_help_path(rest);
	struct image_set *p = image_set_open(data_help_path("set"), &e);
	cr_assert(p && image_set_pack(p, path, NULL, &e) == 0, "%s", e.text);
	image_set_close(p);
	return path;
}

struct dataset image_folder_open(const char *dir, const char *more)
{
	const struct data_env env = {.dir = dir};
	struct dataset d;
	struct err e = {0};
	char *text = arena_format(&data_help_arena, "{\"size\": %d, \"resize\": 16%s}", SIZE, more);
	cr_assert_eq(data_imagefolder.load(data_help_state(&data_imagefolder.row, text), &env, &d, &e), 0,
	             "%s", e.text);
	return d;
}

char *image_folder_experiment(const char *dir, const char *more)
{
	return arena_format(&data_help_arena,
	                    "{\"workers\":3,\"steps\":12,\"batch\":3,\"lr\":0.01,\"model\":\"softmax\","
	                    "\"data\":{\"kind\":"
	                    "\"imagefolder\",\"size\":12,\"resize\":16%s},\"data_dir\":\"%s\"}",
	                    more, dir);
}

int image_folder_train(const char *text, struct err *e)
{
	struct runs runs;
	struct step_row row;
	struct pool *pool = pool_open(2);
	struct trainer *t = train_open(train_settings(&runs, text), pool);
	int rc = 0;
	for (int i = 0; i < 12 && !rc; i++)
		rc = trainer_step(t, &row, NULL, e);
	trainer_close(t);
	pool_close(pool);
	runs_clear(&runs);
	return rc;
}
