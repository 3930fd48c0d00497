/*
 * Texts whose content is known, so that their shape is known without the files: `wikitext-2` and
 * `wikitext-103` (Merity, Xiong, Bradbury and Socher 2016, "Pointer sentinel mixture models": Wikipedia
 * articles, tokenised, rare words replaced by <unk>), and `tinyshakespeare` (Karpathy's char-rnn: 40,000
 * lines of Shakespeare). A data set's name must mean one thing: WikiText must have the published counts of
 * tokens and of different tokens, and tinyshakespeare the published content.
 */
#include "data/text/text.h"

#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"

enum split { SPLIT_VALID, SPLIT_TEST };

struct wikitext {
	struct text_windows windows;
	const char *dir;
	int eval; /* enum split */
};

/* Names of a split's file: the official one, and that of PyTorch's examples. */
static const char *const file_names[3][2] = {
        {"wiki.train.tokens", "train.txt"},
        {"wiki.valid.tokens", "valid.txt"},
        {"wiki.test.tokens", "test.txt"},
};

/* An official set, its tokens with an <eos> a line. The test splits are the same for both. */
struct edition {
	const struct data_source *source;
	size_t n_train;
	int32_t vocabulary;
};

enum { N_VALID = 217646, N_TEST = 245569 };

extern const struct data_source data_wikitext2, data_wikitext103, data_tinyshakespeare;

static const struct edition two = {&data_wikitext2, 2088628, 33278};
static const struct edition many = {&data_wikitext103, 103227021, 267735};

static size_t eval_tokens(const struct wikitext *t)
{
	return t->eval == SPLIT_VALID ? N_VALID : N_TEST;
}

static char *find(const struct edition *x, const struct wikitext *t, const struct data_env *env, int split,
                  struct err *e)
{
	const char *const dirs[2] = {env->dir, t->dir};
	struct err other = {0};
	const struct data_file official = {.name = file_names[split][0]},
	                       plain = {.name = file_names[split][1]};
	char *path = dataset_find(x->source, dirs, &plain, &other);
	return path ? path : dataset_find(x->source, dirs, &official, e);
}

/* Read one split, which must have the expected number of tokens. */
static int read_split(const struct edition *x, const struct wikitext *t, const struct data_env *env,
                      int split, size_t expected, struct vocabulary *v, struct text *out, struct err *e)
{
	char *path = find(x, t, env, split, e);
	int rc = path ? text_read(path, TEXT_WORD, v, out, e) : -1;
	if (rc == 0 && out->count != expected)
		rc = err_user(e, "%s: found %zu tokens, expected %zu, the official %s of data set %s", path,
		              out->count, expected, file_names[split][0], x->source->row.name);
	mem_free(path);
	return rc;
}

/* *p is to be freed in any case. */
static int read_wikitext(const struct edition *x, const struct wikitext *t, const struct data_env *env,
                         struct text_parts *p, struct err *e)
{
	int rc = read_split(x, t, env, 0, x->n_train, &p->vocabulary, &p->train, e);
	if (rc == 0 && p->vocabulary.count != x->vocabulary)
		rc = err_user(e, "data set %s: found %d different tokens in the training text, expected %d",
		              x->source->row.name, p->vocabulary.count, x->vocabulary);
	if (rc == 0)
		rc = read_split(x, t, env, 1 + t->eval, eval_tokens(t), &p->vocabulary, &p->test, e);
	return rc;
}

static int load_wikitext(const struct edition *x, const struct wikitext *t, const struct data_env *env,
                         struct dataset *out, struct err *e)
{
	struct text_parts p = {0};
	*out = (struct dataset){0};
	int rc = read_wikitext(x, t, env, &p, e);
	if (rc == 0)
		text_finish(&p, &t->windows, out);
	text_parts_clear(&p);
	return rc;
}

/* The published counts say what WikiText is, but not every word. */
static int fingerprint_wikitext(const struct edition *x, const struct wikitext *t, const struct data_env *env,
                                char out[DATA_ID_SIZE], struct err *e)
{
	struct text_parts p = {0};
	int rc = read_wikitext(x, t, env, &p, e);
	if (rc == 0)
		text_fingerprint(&p, out);
	text_parts_clear(&p);
	return rc;
}

static int shape_two(const void *state, const struct data_env *env, struct data_shape *out, struct err *e)
{
	const struct wikitext *t = state;
	(void)env, (void)e;
	*out = text_shape(&t->windows, two.n_train, eval_tokens(t), two.vocabulary);
	return 0;
}

static int shape_many(const void *state, const struct data_env *env, struct data_shape *out, struct err *e)
{
	const struct wikitext *t = state;
	(void)env, (void)e;
	*out = text_shape(&t->windows, many.n_train, eval_tokens(t), many.vocabulary);
	return 0;
}

static int load_two(const void *state, const struct data_env *env, struct dataset *out, struct err *e)
{
	return load_wikitext(&two, state, env, out, e);
}

static int load_many(const void *state, const struct data_env *env, struct dataset *out, struct err *e)
{
	return load_wikitext(&many, state, env, out, e);
}

static int fingerprint_two(const void *state, const struct data_env *env, char out[DATA_ID_SIZE],
                           struct err *e)
{
	return fingerprint_wikitext(&two, state, env, out, e);
}

static int fingerprint_many(const void *state, const struct data_env *env, char out[DATA_ID_SIZE],
                            struct err *e)
{
	return fingerprint_wikitext(&many, state, env, out, e);
}

static const char *const split_names[] = {"valid", "test", NULL}; /* order of enum split */

#define DIR_KEY(state)                                                                                       \
	{                                                                                                    \
		.name = "dir", .kind = KEY_PATH, .offset = offsetof(state, dir), .default_json = "null",     \
		.help = "folder that holds the files, or a folder of the data set's name with them; "        \
		        "searched after --data and before SIGNSGD_DATA and the cache"                        \
	}

static const struct key wikitext_keys[] = {
        TEXT_KEYS("70"),
        DIR_KEY(struct wikitext),
        {.name = "eval",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct wikitext, eval),
         .default_json = "\"valid\"",
         .choices = split_names,
         .help = "the text that evaluations are made on"},
        DATA_KEYS,
        {0},
};

const struct data_source data_wikitext2 = {
        .row = {.name = "wikitext-2",
                .about = "WikiText-2: 2,088,628 words of Wikipedia, 33,278 different ones",
                .formula = "words and an <eos> a line, in the official tokenisation",
                .keys = wikitext_keys,
                .state_bytes = sizeof(struct wikitext)},
        .shape = shape_two,
        .load = load_two,
        .fingerprint = fingerprint_two,
        .folder = "wikitext-2",
        .by_hand = "unpack wikitext-2-v1.zip of its authors into the data folder",
};

const struct data_source data_wikitext103 = {
        .row = {.name = "wikitext-103",
                .about = "WikiText-103: 103,227,021 words of Wikipedia, 267,735 different ones",
                .formula = "words and an <eos> a line, in the official tokenisation",
                .keys = wikitext_keys,
                .state_bytes = sizeof(struct wikitext)},
        .shape = shape_many,
        .load = load_many,
        .fingerprint = fingerprint_many,
        .folder = "wikitext-103",
        .by_hand = "unpack wikitext-103-v1.zip of its authors into the data folder",
};

/* --- tinyshakespeare ------------------------------------------------------------------------------------ */

/* Nine tenths for training, as is usual. */
enum { SHAKESPEARE_TRAIN = 1003854, SHAKESPEARE_TEST = 111540, SHAKESPEARE_CHARACTERS = 65 };

struct shakespeare {
	struct text_windows windows;
	const char *dir;
};

#define KARPATHY "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/"

static const struct data_file shakespeare_files[] = {
        {"input.txt",
         {KARPATHY "input.txt"},
         "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
         SHAKESPEARE_TRAIN + SHAKESPEARE_TEST},
        {0},
};

static int shakespeare_shape(const void *state, const struct data_env *env, struct data_shape *out,
                             struct err *e)
{
	const struct shakespeare *t = state;
	(void)env, (void)e;
	*out = text_shape(&t->windows, SHAKESPEARE_TRAIN, SHAKESPEARE_TEST, SHAKESPEARE_CHARACTERS);
	return 0;
}

/* Its characters are bytes, so the content can be rebuilt from tokens and vocabulary. */
static int check_content(const char *path, const struct text_parts *p, struct err *e)
{
	const struct data_file *f = &shakespeare_files[0];
	char found[65], *content = mem_alloc(p->train.count);
	for (size_t i = 0; i < p->train.count; i++)
		content[i] = p->vocabulary.bytes[p->vocabulary.begin[p->train.token[i]]];
	sha256_hex(content, p->train.count, found);
	mem_free(content);
	if (p->train.count == f->bytes && strcmp(found, f->sha256) == 0)
		return 0;
	return err_user(e,
	                "%s: is not the official %s of data set tinyshakespeare (found %zu characters, "
	                "SHA-256 %s, expected %zu and %s); data set \"text\" takes any text",
	                path, f->name, p->train.count, found, f->bytes, f->sha256);
}

static int shakespeare_load(const void *state, const struct data_env *env, struct dataset *out, struct err *e)
{
	const struct shakespeare *t = state;
	const char *const dirs[2] = {env->dir, t->dir};
	struct text_parts p = {0};
	*out = (struct dataset){0};
	char *path = dataset_find(&data_tinyshakespeare, dirs, &shakespeare_files[0], e);
	int rc = path ? text_read(path, TEXT_CHAR, &p.vocabulary, &p.train, e) : -1;
	if (rc == 0)
		rc = check_content(path, &p, e);
	if (rc == 0) {
		text_split(&p, SHAKESPEARE_TRAIN);
		text_finish(&p, &t->windows, out);
	}
	text_parts_clear(&p);
	mem_free(path);
	return rc;
}

static const struct key shakespeare_keys[] = {
        TEXT_KEYS("100"),
        DIR_KEY(struct shakespeare),
        DATA_KEYS,
        {0},
};

const struct data_source data_tinyshakespeare = {
        .row = {.name = "tinyshakespeare",
                .also = "shakespeare",
                .about = "Tiny Shakespeare: 1,003,854 characters to train on and 111,540 to test, 65 "
                         "different",
                .formula = "characters of Karpathy's input.txt, the first nine tenths for training",
                .keys = shakespeare_keys,
                .state_bytes = sizeof(struct shakespeare)},
        .shape = shakespeare_shape,
        .load = shakespeare_load,
        .folder = "tinyshakespeare",
        .files = shakespeare_files,
};
