/*
 * Data sets `mnist` (LeCun, Cortes and Burges: handwritten digits) and `fashion-mnist` (Xiao, Rasul and
 * Vollgraf 2017: articles of clothing): 60,000 and 10,000 grey images of 28 x 28 in four IDX files, the
 * same for both. A data set's name must mean one thing: the files must have the official content, packed or
 * not. This also keeps the two sets apart, whose files have the same names.
 */
#include "data/dataset.h"

#include "base/mem.h"
#include "data/image/idx.h"

enum { N_TRAIN = 60000, N_TEST = 10000, SIDE = 28, CLASSES = 10 };

struct mnist {
	struct data_keys all;
	int64_t train, test;
	const char *dir;
};

/* An official set. Its files: training images and labels, test images and labels. */
struct edition {
	const struct data_source *source;
	uint32_t crc[4]; /* CRC-32 of the unpacked files */
	float mean, std; /* of the training set's pixels / 255 */
};

extern const struct data_source data_mnist, data_fashion_mnist;

static const struct edition digits = {
        &data_mnist,
        {0xe9f4d8b3, 0xe0cb4ad2, 0x91373bdf, 0x4ab9eff9},
        0.1307f,
        0.3081f,
};
static const struct edition fashion = {
        &data_fashion_mnist,
        {0xb4f29f28, 0x741a4657, 0x678fe0b1, 0x80142c1f},
        0.2860f,
        0.3530f,
};

static size_t wanted(int64_t setting, size_t all)
{
	return setting ? (size_t)setting : all;
}

static int mnist_shape(const void *state, const struct data_env *env, struct data_shape *out, struct err *e)
{
	(void)env;
	(void)e;
	const struct mnist *m = state;
	*out = (struct data_shape){.n_train = wanted(m->train, N_TRAIN),
	                           .n_test = wanted(m->test, N_TEST),
	                           .channels = 1,
	                           .height = SIDE,
	                           .width = SIDE,
	                           .n_classes = CLASSES};
	return 0;
}

static int check_content(const struct edition *x, int file, const char *path, uint32_t crc, struct err *e)
{
	if (crc == x->crc[file])
		return 0;
	return err_user(e,
	                "%s: found content with CRC-32 %08x, expected %08x, the official %s of data set %s",
	                path, crc, x->crc[file], x->source->files[file].name, x->source->row.name);
}

/* Read the first n of `all` samples from files `first` (images) and `first` + 1 (labels). */
static int read_split(const struct edition *x, const char *const dirs[2], int first, size_t all, size_t n,
                      uint8_t *pixels, uint16_t *labels, struct err *e)
{
	const struct idx_shape images = {3, {(uint32_t)all, SIDE, SIDE}}, classes = {1, {(uint32_t)all}};
	const struct data_file *files = x->source->files;
	uint8_t *stored = mem_array(n, 1); /* labels as the file has them */
	uint32_t crc;
	int rc = -1;
	char *image_path = dataset_find(x->source, dirs, &files[first], e);
	char *label_path = image_path ? dataset_find(x->source, dirs, &files[first + 1], e) : NULL;
	if (!label_path)
		goto out;
	if (idx_read(image_path, &images, n, pixels, &crc, e) || check_content(x, first, image_path, crc, e))
		goto out;
	if (idx_read(label_path, &classes, n, stored, &crc, e) ||
	    idx_check_labels(label_path, stored, n, CLASSES, e) ||
	    check_content(x, first + 1, label_path, crc, e))
		goto out;
	for (size_t i = 0; i < n; i++)
		labels[i] = stored[i];
	rc = 0;
out:
	mem_free(stored);
	mem_free(image_path);
	mem_free(label_path);
	return rc;
}

static int load(const struct edition *x, const struct mnist *m, const struct data_env *env,
                struct dataset *out, struct err *e)
{
	const char *const dirs[2] = {env->dir, m->dir}; /* the command line before the experiment */
	*out = (struct dataset){.mean = {x->mean}, .std = {x->std}};
	if (mnist_shape(m, env, &out->shape, e))
		return -1;
	size_t n_train = out->shape.n_train, n_test = out->shape.n_test;
	dataset_alloc(out);
	if (read_split(x, dirs, 0, N_TRAIN, n_train, out->train_pixels, out->train_labels, e) == 0 &&
	    read_split(x, dirs, 2, N_TEST, n_test, out->test_pixels, out->test_labels, e) == 0)
		return 0;
	dataset_clear(out);
	return -1;
}

static const struct key keys[] = {
        {.name = "train",
         .kind = KEY_INT,
         .offset = offsetof(struct mnist, train),
         .default_json = "0",
         .lowest = 0,
         .highest = N_TRAIN,
         .unit = "samples",
         .help = "training samples used, the first ones of the file; 0: all 60000"},
        {.name = "test",
         .kind = KEY_INT,
         .offset = offsetof(struct mnist, test),
         .default_json = "0",
         .lowest = 0,
         .highest = N_TEST,
         .unit = "samples",
         .help = "test samples used, the first ones of the file; 0: all 10000"},
        {.name = "dir",
         .kind = KEY_PATH,
         .offset = offsetof(struct mnist, dir),
         .default_json = "null",
         .help = "folder that holds the files, or holds a folder of the data set's name with them; searched "
                 "after --data and before SIGNSGD_DATA and the cache"},
        DATA_KEYS,
        {0},
};

#define OSSCI   "https://ossci-datasets.s3.amazonaws.com/mnist/"
#define CVDF    "https://storage.googleapis.com/cvdf-datasets/mnist/"
#define ZALANDO "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
#define TRAIN_X "train-images-idx3-ubyte.gz"
#define TRAIN_Y "train-labels-idx1-ubyte.gz"
#define TEST_X  "t10k-images-idx3-ubyte.gz"
#define TEST_Y  "t10k-labels-idx1-ubyte.gz"

static const struct data_file mnist_files[] = {
        {TRAIN_X,
         {OSSCI TRAIN_X, CVDF TRAIN_X},
         "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
         9912422},
        {TRAIN_Y,
         {OSSCI TRAIN_Y, CVDF TRAIN_Y},
         "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
         28881},
        {TEST_X,
         {OSSCI TEST_X, CVDF TEST_X},
         "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
         1648877},
        {TEST_Y,
         {OSSCI TEST_Y, CVDF TEST_Y},
         "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
         4542},
        {0},
};

static const struct data_file fashion_files[] = {
        {TRAIN_X,
         {ZALANDO TRAIN_X},
         "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
         26421880},
        {TRAIN_Y,
         {ZALANDO TRAIN_Y},
         "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
         29515},
        {TEST_X,
         {ZALANDO TEST_X},
         "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
         4422102},
        {TEST_Y, {ZALANDO TEST_Y}, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5148},
        {0},
};

static int mnist_load(const void *state, const struct data_env *env, struct dataset *out, struct err *e)
{
	return load(&digits, state, env, out, e);
}

static int fashion_load(const void *state, const struct data_env *env, struct dataset *out, struct err *e)
{
	return load(&fashion, state, env, out, e);
}

const struct data_source data_mnist = {
        .row = {.name = "mnist",
                .about = "MNIST: 60,000 and 10,000 handwritten digits, 28 x 28 grey",
                .formula = "official IDX files; pixels / 255, then minus 0.1307, over 0.3081",
                .keys = keys,
                .state_bytes = sizeof(struct mnist)},
        .shape = mnist_shape,
        .load = mnist_load,
        .folder = "mnist",
        .files = mnist_files,
};

const struct data_source data_fashion_mnist = {
        .row = {.name = "fashion-mnist",
                .also = "fmnist, fashion, mnist_fashion",
                .about = "Fashion-MNIST: 60,000 and 10,000 articles of clothing, 28 x 28 grey",
                .formula = "official IDX files; pixels / 255, then minus 0.2860, over 0.3530",
                .keys = keys,
                .state_bytes = sizeof(struct mnist)},
        .shape = mnist_shape,
        .load = fashion_load,
        .folder = "fashion-mnist",
        .files = fashion_files,
};
