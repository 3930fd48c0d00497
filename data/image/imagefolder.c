/*
 * Data sets `imagefolder` and `imagenet`: images of any size in a folder, one folder a class, or in the file
 * that `signsgd data pack` made of such a folder. They are read and decoded while training runs
 * (data/image/reader.h), by the ImageNet transform (data/image/transform.h). `imagenet` must hold as many
 * images and classes as ILSVRC 2012, so its shape is known without the files.
 */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "data/dataset.h"
#include "data/image/image_set_fingerprint.h"
#include "data/image/reader.h"

enum { CHANNELS = 3, READERS = 2, SIDE_MAX = 4096, COUNT_MAX = 1 << 30 };

enum { BAD_REFUSE, BAD_SKIP };

struct imagefolder {
	struct data_keys all;
	const char *dir;
	int64_t train, test, size, resize, readers;
	struct reals scale, ratio, mean, std;
	bool crop, flip;
	int bad;
};

extern const struct data_source data_imagefolder;

static int check_list(const char *name, const struct reals *list, size_t count, struct err *e)
{
	if (list->count == count)
		return 0;
	return err_user(e, "%s: found %zu numbers, expected %zu", name, list->count, count);
}

static int check_range(const char *name, const struct reals *range, struct err *e)
{
	if (check_list(name, range, 2, e))
		return -1;
	if (range->at[0] <= range->at[1])
		return 0;
	return err_user(e, "%s: found %g before %g, expected the lower one first", name, range->at[0],
	                range->at[1]);
}

static int check_state(const struct imagefolder *f, struct err *e)
{
	if (check_range("scale", &f->scale, e) || check_range("ratio", &f->ratio, e) ||
	    check_list("mean", &f->mean, CHANNELS, e) || check_list("std", &f->std, CHANNELS, e))
		return -1;
	if (f->resize < f->size)
		return err_user(e, "resize: found %lld, expected at least size = %lld", (long long)f->resize,
		                (long long)f->size);
	return 0;
}

/* Keep `wanted` images of a split; 0: all. */
static int thin(struct image_set *p, int split, const char *key, int64_t wanted, struct err *e)
{
	if (wanted == 0)
		return 0;
	if ((uint64_t)wanted > p->n[split])
		return err_user(e, "%s: found %lld, expected at most the %zu images in %s", key,
		                (long long)wanted, p->n[split], p->path);
	image_set_thin(p, split, (size_t)wanted);
	return 0;
}

/* The image set that the settings name. The command line's folder goes before the experiment's. */
static struct image_set *open_list(const struct imagefolder *f, const struct data_env *env, struct err *e)
{
	const char *path = env->dir ? env->dir : f->dir;
	if (check_state(f, e))
		return NULL;
	if (!path || !*path) {
		err_user(e,
		         "a set of images needs `dir` (or --data): a folder with train/ and val/, or a file "
		         "of `signsgd "
		         "data pack`");
		return NULL;
	}
	struct image_set *p = image_set_open(path, e);
	if (p && (thin(p, TRAIN, "train", f->train, e) || thin(p, VAL, "test", f->test, e))) {
		image_set_close(p);
		return NULL;
	}
	return p;
}

static struct data_shape shape_of(const struct imagefolder *f, const struct image_set *p)
{
	return (struct data_shape){.n_train = p->n[TRAIN],
	                           .n_test = p->n[VAL],
	                           .channels = CHANNELS,
	                           .height = (int)f->size,
	                           .width = (int)f->size,
	                           .n_classes = p->n_classes};
}

static int imagefolder_shape(const void *state, const struct data_env *env, struct data_shape *out,
                             struct err *e)
{
	struct image_set *p = open_list(state, env, e);
	if (!p)
		return -1;
	*out = shape_of(state, p);
	image_set_close(p);
	return 0;
}

static int imagefolder_fingerprint(const void *state, const struct data_env *env, char out[DATA_ID_SIZE],
                                   struct err *e)
{
	struct image_set *p = open_list(state, env, e);
	int rc = p ? image_set_fingerprint(p, out, e) : -1;
	image_set_close(p);
	return rc;
}

static int imagefolder_load(const void *state, const struct data_env *env, struct dataset *out, struct err *e)
{
	const struct imagefolder *f = state;
	struct image_set *p = open_list(f, env, e);
	*out = (struct dataset){0};
	if (!p)
		return -1;
	image_set_warn(p);
	out->shape = shape_of(f, p);
	dataset_alloc_labels(out);
	for (size_t i = 0; i < p->n[TRAIN]; i++)
		out->train_labels[i] = p->at[TRAIN][i].label;
	for (size_t i = 0; i < p->n[VAL]; i++)
		out->test_labels[i] = p->at[VAL][i].label;
	for (int c = 0; c < CHANNELS; c++) {
		out->mean[c] = (float)f->mean.at[c];
		out->std[c] = (float)f->std.at[c];
	}
	out->close_lazy_images = lazy_images_close;
	out->hold_out_lazy_images = lazy_images_hold_out;
	out->lazy_images = mem_alloc(sizeof *out->lazy_images);
	*out->lazy_images = (struct lazy_images){.image_set = p,
	                                         .skip = f->bad == BAD_SKIP,
	                                         .transform = {.size = (int)f->size,
	                                                       .resize = (int)f->resize,
	                                                       .scale = {f->scale.at[0], f->scale.at[1]},
	                                                       .ratio = {f->ratio.at[0], f->ratio.at[1]},
	                                                       .crop = f->crop,
	                                                       .flip = f->flip}};
	return 0;
}

enum { IMAGENET_TRAIN = 1281167, IMAGENET_VAL = 50000, IMAGENET_CLASSES = 1000 };

static int imagenet_shape(const void *state, const struct data_env *env, struct data_shape *out,
                          struct err *e)
{
	const struct imagefolder *f = state;
	(void)env;
	if (check_state(f, e))
		return -1;
	*out = (struct data_shape){.n_train = f->train ? (size_t)f->train : IMAGENET_TRAIN,
	                           .n_test = f->test ? (size_t)f->test : IMAGENET_VAL,
	                           .channels = CHANNELS,
	                           .height = (int)f->size,
	                           .width = (int)f->size,
	                           .n_classes = IMAGENET_CLASSES};
	return 0;
}

static int imagenet_load(const void *state, const struct data_env *env, struct dataset *out, struct err *e)
{
	struct data_shape expected;
	if (imagenet_shape(state, env, &expected, e) || imagefolder_load(state, env, out, e))
		return -1;
	const struct data_shape *found = &out->shape;
	if (found->n_train == expected.n_train && found->n_test == expected.n_test &&
	    found->n_classes == expected.n_classes)
		return 0;
	err_user(e,
	         "%s: found %zu and %zu images of %d classes, expected ImageNet's %zu and %zu of %d; data "
	         "\"imagefolder\" takes any folder",
	         out->lazy_images->image_set->path, found->n_train, found->n_test, found->n_classes,
	         expected.n_train, expected.n_test, expected.n_classes);
	dataset_clear(out);
	return -1;
}

static int imagefolder_readers(const void *state)
{
	const struct imagefolder *f = state;
	return f->readers ? (int)f->readers : READERS;
}

static const struct key keys[] = {
        {.name = "dir",
         .kind = KEY_PATH,
         .offset = offsetof(struct imagefolder, dir),
         .default_json = "null",
         .help = "folder with images in train/CLASS/ and val/CLASS/, or a file of `signsgd data pack`; "
                 "--data goes "
                 "before it"},
        {.name = "train",
         .kind = KEY_INT,
         .offset = offsetof(struct imagefolder, train),
         .default_json = "0",
         .lowest = 0,
         .highest = COUNT_MAX,
         .unit = "samples",
         .help = "training images used, evenly spread over the sorted list; 0: all"},
        {.name = "test",
         .kind = KEY_INT,
         .offset = offsetof(struct imagefolder, test),
         .default_json = "0",
         .lowest = 0,
         .highest = COUNT_MAX,
         .unit = "samples",
         .help = "validation images used, evenly spread over the sorted list; 0: all"},
        {.name = "size",
         .kind = KEY_INT,
         .offset = offsetof(struct imagefolder, size),
         .default_json = "224",
         .lowest = 1,
         .highest = SIDE_MAX,
         .unit = "pixels",
         .help = "side of the square that the network sees"},
        {.name = "resize",
         .kind = KEY_INT,
         .offset = offsetof(struct imagefolder, resize),
         .default_json = "256",
         .lowest = 1,
         .highest = SIDE_MAX,
         .unit = "pixels",
         .help = "length of the short side before the middle is cut out, in evaluations and without crop"},
        {.name = "crop",
         .kind = KEY_BOOL,
         .offset = offsetof(struct imagefolder, crop),
         .default_json = "true",
         .help = "training batches: a random rectangle, resized to size x size"},
        {.name = "scale",
         .kind = KEY_REALS,
         .offset = offsetof(struct imagefolder, scale),
         .default_json = "[0.08, 1]",
         .lowest = 0,
         .highest = 1,
         .above = true,
         .help = "lowest and highest share of the image's area that a random rectangle has"},
        {.name = "ratio",
         .kind = KEY_REALS,
         .offset = offsetof(struct imagefolder, ratio),
         .default_json = "[0.75, 1.3333333333333333]",
         .lowest = 0.01,
         .highest = 100,
         .help = "lowest and highest ratio of width to height that a random rectangle has"},
        {.name = "flip",
         .kind = KEY_BOOL,
         .offset = offsetof(struct imagefolder, flip),
         .default_json = "true",
         .help = "training batches: mirrored with probability 1/2"},
        {.name = "mean",
         .kind = KEY_REALS,
         .offset = offsetof(struct imagefolder, mean),
         .default_json = "[0.485, 0.456, 0.406]",
         .lowest = 0,
         .highest = 1,
         .help = "of red, green, blue / 255, subtracted from them; the default is ImageNet's"},
        {.name = "std",
         .kind = KEY_REALS,
         .offset = offsetof(struct imagefolder, std),
         .default_json = "[0.229, 0.224, 0.225]",
         .lowest = 0,
         .highest = 1,
         .above = true,
         .help = "the result is divided by this"},
        {.name = "bad",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct imagefolder, bad),
         .default_json = "\"refuse\"",
         .choices = (const char *const[]){"refuse", "skip", NULL},
         .help = "a file that is no image, or a damaged one: refuse: the run ends and names it; skip: the "
                 "next "
                 "file of the list takes its place, with a warning"},
        {.name = "readers",
         .kind = KEY_INT,
         .offset = offsetof(struct imagefolder, readers),
         .default_json = "null",
         .lowest = 1,
         .highest = 256,
         .unit = "threads",
         .not_identity = true,
         .help = "threads that read and decode ahead; 2 if absent; any number gives the same bits"},
        DATA_KEYS,
        {0},
};

const struct data_source data_imagefolder = {
        .row = {.name = "imagefolder",
                .also = "folder, images",
                .about = "Images in a folder with one folder a class, as ImageNet comes",
                .formula = "{train,val}/CLASS/...; random rectangle or middle, resized to size x size; "
                           "pixels / "
                           "255, then minus mean, over std",
                .keys = keys,
                .state_bytes = sizeof(struct imagefolder)},
        .shape = imagefolder_shape,
        .load = imagefolder_load,
        .fingerprint = imagefolder_fingerprint,
        .own = true,
        .readers = imagefolder_readers,
};

const struct data_source data_imagenet = {
        .row = {.name = "imagenet",
                .also = "ilsvrc, ilsvrc2012, imagenet1k",
                .about = "ImageNet (ILSVRC 2012): 1,281,167 and 50,000 images of 1000 classes",
                .formula = "as imagefolder, and refused if the folder does not hold so many",
                .keys = keys,
                .state_bytes = sizeof(struct imagefolder)},
        .shape = imagenet_shape,
        .load = imagenet_load,
        .fingerprint = imagefolder_fingerprint,
        .readers = imagefolder_readers,
};
