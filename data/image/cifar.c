/*
 * Data sets `cifar10` and `cifar100` (Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny
 * Images"): 50,000 and 10,000 colour images of 32 x 32, from the official binary version.
 *
 * A data set's name must mean one thing: the files must be the official ones, by SHA-256. Some copies have
 * pixels that went through JPEG; with "check": false any files of this layout are accepted, and every result
 * made from them says so (data/dataset.h: note). The SHA-256 of archives and files are those that other
 * programs publish and check (TensorFlow Datasets, the Ruby torchvision). Means and deviations are those of
 * the official training pixels.
 */
#include "data/dataset.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "data/fingerprint.h"
#include "data/image/cifar_file.h"

enum { N_TRAIN = 50000, N_TEST = 10000, CHANNELS = 3, PAD = 4 };

struct cifar {
	struct data_keys all;
	int64_t train, test;
	bool check, augment;
	const char *dir;
};

/* An official set. Its files: those of the training set in order, then the one of the test set. */
struct edition {
	const struct data_source *source;
	const char *title;
	struct cifar_layout train, test;
	int train_files;
	float mean[CHANNELS], std[CHANNELS]; /* of the training set's pixels / 255 */
};

extern const struct data_source data_cifar10, data_cifar100;

static const struct edition ten = {
        &data_cifar10,
        "CIFAR-10",
        {1, 10, N_TRAIN / 5},
        {1, 10, N_TEST},
        5,
        {0.4914f, 0.4822f, 0.4465f},
        {0.2470f, 0.2435f, 0.2616f},
};
static const struct edition hundred = {
        &data_cifar100,
        "CIFAR-100",
        {2, 100, N_TRAIN},
        {2, 100, N_TEST},
        1,
        {0.5071f, 0.4865f, 0.4409f},
        {0.2673f, 0.2564f, 0.2762f},
};

static int shape_of(const struct edition *x, const struct cifar *c, struct data_shape *out)
{
	*out = (struct data_shape){.n_train = c->train ? (size_t)c->train : N_TRAIN,
	                           .n_test = c->test ? (size_t)c->test : N_TEST,
	                           .channels = CHANNELS,
	                           .height = CIFAR_SIDE,
	                           .width = CIFAR_SIDE,
	                           .n_classes = x->train.classes};
	return 0;
}

/* The state of a load(). */
struct loading {
	const struct edition *x;
	const struct cifar *c;
	const char *dirs[2];
	struct sha256 *content; /* of the SHA-256 of every file that is read */
	bool official;
};

/* Note what this file is. -1 and a sentence if it is not the official one and must be. */
static int check_file(struct loading *l, int file, const char *path, struct err *e)
{
	const struct edition *x = l->x;
	const struct data_file *f = &x->source->files[file];
	char found[65];
	if (sha256_file(path, found, e))
		return -1;
	sha256_add(l->content, found, sizeof found);
	if (strcmp(found, f->sha256) == 0)
		return 0;
	l->official = false;
	if (!l->c->check)
		return 0;
	return err_user(
	        e,
	        "%s: is not the official %s of %s (found SHA-256 %s, expected %s); \"check\": false in "
	        "`data` takes it as it is, and every result will say so",
	        path, f->name, x->title, found, f->sha256);
}

/* Read `count` files from number `first` on, until there are n samples. */
static int read_files(struct loading *l, int first, int count, const struct cifar_layout *layout, size_t n,
                      uint8_t *pixels, uint16_t *labels, struct err *e)
{
	size_t have = 0, got = 0;
	for (int i = first; i < first + count && have < n; i++, have += got) {
		char *path = dataset_find(l->x->source, l->dirs, &l->x->source->files[i], e);
		int rc = path ? 0 : -1;
		if (!rc)
			rc = check_file(l, i, path, e);
		if (!rc)
			rc = cifar_read(path, layout, n - have, pixels + have * CIFAR_FEATURES, labels + have,
			                &got, e);
		mem_free(path);
		if (rc)
			return -1;
	}
	if (have < n)
		return err_user(e, "data set %s: found %zu samples in %s%s, expected %zu",
		                l->x->source->row.name, have, l->x->source->files[first].name,
		                count > 1 ? " and its fellows" : "", n);
	return 0;
}

/* Standard deviation of channel c of the training pixels / 255. */
static double deviation(const struct dataset *d, size_t c)
{
	const size_t plane = CIFAR_SIDE * CIFAR_SIDE;
	uint64_t sum = 0, squares = 0, n = d->shape.n_train * plane;
	for (size_t i = 0; i < d->shape.n_train; i++) {
		const uint8_t *p = d->train_pixels + i * CIFAR_FEATURES + c * plane;
		for (size_t k = 0; k < plane; k++) {
			sum += p[k];
			squares += (uint64_t)p[k] * p[k];
		}
	}
	double mean = (double)sum / (double)n;
	return sqrt((double)squares / (double)n - mean * mean) / 255;
}

static char *say_other_pixels(const struct edition *x, const struct dataset *d)
{
	return mem_format(
	        "not the official files of %s: deviations of red, green, blue in the training pixels used "
	        "%.4f %.4f %.4f, in all official ones %.4f %.4f %.4f",
	        x->title, deviation(d, 0), deviation(d, 1), deviation(d, 2), (double)x->std[0],
	        (double)x->std[1], (double)x->std[2]);
}

/* Load, and say which content it is. */
static int load_known(const struct edition *x, const struct cifar *c, const struct data_env *env,
                      struct dataset *out, char id[DATA_ID_SIZE], struct err *e)
{
	struct loading l = {
	        .x = x, .c = c, .dirs = {env->dir, c->dir}, .content = sha256_begin(), .official = true};
	*out = (struct dataset){0};
	shape_of(x, c, &out->shape);
	memcpy(out->mean, x->mean, sizeof x->mean);
	memcpy(out->std, x->std, sizeof x->std);
	if (c->augment)
		out->augment = (struct augment){.pad = PAD, .flip = true};
	dataset_alloc(out);
	int rc = read_files(&l, 0, x->train_files, &x->train, out->shape.n_train, out->train_pixels,
	                    out->train_labels, e) ||
	                         read_files(&l, x->train_files, 1, &x->test, out->shape.n_test,
	                                    out->test_pixels, out->test_labels, e)
	                 ? -1
	                 : 0;
	data_fingerprint_end(l.content, id);
	if (rc)
		dataset_clear(out);
	else if (l.official)
		data_fingerprint_official(x->source, id);
	else
		out->note = say_other_pixels(x, out);
	return rc;
}

static int load(const struct edition *x, const struct cifar *c, const struct data_env *env,
                struct dataset *out, struct err *e)
{
	char id[DATA_ID_SIZE];
	return load_known(x, c, env, out, id, e);
}

/* Files that need not be the official ones must be read; which of them are used depends on their lengths. */
static int fingerprint(const struct edition *x, const struct cifar *c, const struct data_env *env,
                       char out[DATA_ID_SIZE], struct err *e)
{
	struct dataset d;
	data_fingerprint_official(x->source, out);
	if (c->check)
		return 0;
	if (load_known(x, c, env, &d, out, e))
		return -1;
	dataset_clear(&d);
	return 0;
}

static int ten_shape(const void *state, const struct data_env *env, struct data_shape *out, struct err *e)
{
	(void)env;
	(void)e;
	return shape_of(&ten, state, out);
}

static int hundred_shape(const void *state, const struct data_env *env, struct data_shape *out, struct err *e)
{
	(void)env;
	(void)e;
	return shape_of(&hundred, state, out);
}

static int ten_load(const void *state, const struct data_env *env, struct dataset *out, struct err *e)
{
	return load(&ten, state, env, out, e);
}

static int hundred_load(const void *state, const struct data_env *env, struct dataset *out, struct err *e)
{
	return load(&hundred, state, env, out, e);
}

static int ten_fingerprint(const void *state, const struct data_env *env, char out[DATA_ID_SIZE],
                           struct err *e)
{
	return fingerprint(&ten, state, env, out, e);
}

static int hundred_fingerprint(const void *state, const struct data_env *env, char out[DATA_ID_SIZE],
                               struct err *e)
{
	return fingerprint(&hundred, state, env, out, e);
}

static const struct key keys[] = {
        {.name = "train",
         .kind = KEY_INT,
         .offset = offsetof(struct cifar, train),
         .default_json = "0",
         .lowest = 0,
         .highest = N_TRAIN,
         .unit = "samples",
         .help = "training samples used, the first ones of the files; 0: all 50000"},
        {.name = "test",
         .kind = KEY_INT,
         .offset = offsetof(struct cifar, test),
         .default_json = "0",
         .lowest = 0,
         .highest = N_TEST,
         .unit = "samples",
         .help = "test samples used, the first ones of the file; 0: all 10000"},
        {.name = "augment",
         .kind = KEY_BOOL,
         .offset = offsetof(struct cifar, augment),
         .default_json = "true",
         .help = "training batches only: a random 32 x 32 part of the image with 4 black pixels around it, "
                 "mirrored or not"},
        {.name = "check",
         .kind = KEY_BOOL,
         .offset = offsetof(struct cifar, check),
         .default_json = "true",
         .help = "take the official files only, by SHA-256; false: any files of this layout, and results say "
                 "so"},
        {.name = "dir",
         .kind = KEY_PATH,
         .offset = offsetof(struct cifar, dir),
         .default_json = "null",
         .help = "folder that holds the files, or holds the folder of the official archive with them; "
                 "searched "
                 "after --data and before SIGNSGD_DATA and the cache"},
        DATA_KEYS,
        {0},
};

#define TORONTO     "https://www.cs.toronto.edu/~kriz/"
#define BATCH_BYTES 30730000
#define MEMBER(file, sum, length)                                                                            \
	{                                                                                                    \
		.name = file, .sha256 = sum, .bytes = length                                                 \
	}

static const struct data_file ten_files[] = {
        MEMBER("data_batch_1.bin", "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
               BATCH_BYTES),
        MEMBER("data_batch_2.bin", "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
               BATCH_BYTES),
        MEMBER("data_batch_3.bin", "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
               BATCH_BYTES),
        MEMBER("data_batch_4.bin", "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
               BATCH_BYTES),
        MEMBER("data_batch_5.bin", "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
               BATCH_BYTES),
        MEMBER("test_batch.bin", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
               BATCH_BYTES),
        {0},
};

static const struct data_file hundred_files[] = {
        MEMBER("train.bin", "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29", 153700000),
        MEMBER("test.bin", "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a", 30740000),
        {0},
};

static const struct data_file ten_archive = {
        "cifar-10-binary.tar.gz",
        {TORONTO "cifar-10-binary.tar.gz"},
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        170052171,
};

static const struct data_file hundred_archive = {
        "cifar-100-binary.tar.gz",
        {TORONTO "cifar-100-binary.tar.gz"},
        "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        168513733,
};

const struct data_source data_cifar10 = {
        .row = {.name = "cifar10",
                .about = "CIFAR-10: 50,000 and 10,000 colour images of 10 classes, 32 x 32",
                .formula =
                        "official binary files; pixels / 255, then minus 0.4914 0.4822 0.4465, over 0.2470 "
                        "0.2435 0.2616",
                .keys = keys,
                .state_bytes = sizeof(struct cifar)},
        .shape = ten_shape,
        .load = ten_load,
        .fingerprint = ten_fingerprint,
        .folder = "cifar-10-batches-bin",
        .files = ten_files,
        .archive = &ten_archive,
};

const struct data_source data_cifar100 = {
        .row = {.name = "cifar100",
                .about = "CIFAR-100: 50,000 and 10,000 colour images of 100 classes, 32 x 32",
                .formula =
                        "official binary files, fine labels; pixels / 255, then minus 0.5071 0.4865 0.4409, "
                        "over 0.2673 0.2564 0.2762",
                .keys = keys,
                .state_bytes = sizeof(struct cifar)},
        .shape = hundred_shape,
        .load = hundred_load,
        .fingerprint = hundred_fingerprint,
        .folder = "cifar-100-binary",
        .files = hundred_files,
        .archive = &hundred_archive,
};
