/*
 * Data set `text`: any text, from one file that is cut in two, or from two files. The shape follows from the
 * files, so shape() reads them whole.
 */
#include "data/text/text.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "data/fingerprint.h"
#include "data/text/text_walk.h"

enum { NAME_MAX_BYTES = 200, TOKENS_AT_ONCE = 1024 };

struct files {
	struct text_windows windows;
	const char *train, *test;
	double share;
	int level; /* enum text_level */
};

extern const struct data_source data_text;

void text_parts_clear(struct text_parts *p)
{
	vocabulary_clear(&p->vocabulary);
	mem_free(p->train.token);
	mem_free(p->test.token);
	*p = (struct text_parts){0};
}

struct data_shape text_shape(const struct text_windows *w, size_t n_train, size_t n_test, int32_t vocabulary)
{
	return (struct data_shape){.n_train = n_train,
	                           .n_test = n_test,
	                           .n_classes = vocabulary,
	                           .window = text_window((int)w->bptt, w->random_length),
	                           .bptt = (int)w->bptt,
	                           .random_length = w->random_length};
}

/* The number of different training tokens: numbers are given in the order of appearance, training text first.
 */
static int32_t trained_words(const struct text *train)
{
	int32_t most = -1;
	for (size_t i = 0; i < train->count; i++)
		most = train->token[i] > most ? train->token[i] : most;
	return most + 1;
}

void text_finish(struct text_parts *p, const struct text_windows *w, struct dataset *out)
{
	static const char unk[] = "<unk>";
	int32_t words = trained_words(&p->train),
	        unknown = vocabulary_find(&p->vocabulary, unk, sizeof unk - 1);
	bool there = unknown >= 0 && unknown < words, needed = false;
	for (size_t i = 0; i < p->test.count; i++) {
		if (p->test.token[i] < words)
			continue;
		p->test.token[i] = there ? unknown : words;
		needed = true;
	}
	*out = (struct dataset){
	        .shape = text_shape(w, p->train.count, p->test.count, words + (needed && !there)),
	        .train_tokens = p->train.token,
	        .test_tokens = p->test.token};
	p->train.token = p->test.token = NULL;
}

/* Tokens as little-endian words, so that every machine has the same. */
static void add_tokens(struct sha256 *digest, const struct text *t)
{
	unsigned char bytes[4 * TOKENS_AT_ONCE];
	for (size_t begin = 0; begin < t->count; begin += TOKENS_AT_ONCE) {
		size_t left = t->count - begin, n = left < TOKENS_AT_ONCE ? left : TOKENS_AT_ONCE;
		for (size_t i = 0; i < 4 * n; i++)
			bytes[i] = (unsigned char)((uint32_t)t->token[begin + i / 4] >> 8 * (i % 4));
		sha256_add(digest, bytes, 4 * n);
	}
}

void text_fingerprint(const struct text_parts *p, char out[DATA_ID_SIZE])
{
	char lengths[96];
	const struct vocabulary *v = &p->vocabulary;
	struct sha256 *digest = sha256_begin();
	snprintf(lengths, sizeof lengths, "%d %zu %zu", v->count, p->train.count, p->test.count);
	sha256_add(digest, lengths, strlen(lengths) + 1);
	for (int32_t i = 0; i < v->count; i++) {
		sha256_add(digest, v->bytes + v->begin[i], v->begin[i + 1] - v->begin[i]);
		sha256_add(digest, "", 1); /* no text has a zero byte */
	}
	add_tokens(digest, &p->train);
	add_tokens(digest, &p->test);
	data_fingerprint_end(digest, out);
}

void text_split(struct text_parts *p, size_t kept)
{
	p->test.count = p->train.count - kept;
	p->test.token = mem_alloc(p->test.count * sizeof *p->test.token);
	memcpy(p->test.token, p->train.token + kept, p->test.count * sizeof *p->test.token);
	p->train.count = kept;
}

/* A file by its path, or below one of the data folders; for a stranger below those alone. */
static char *find(const char *name, const struct data_env *env, struct err *e)
{
	const char *const dirs[2] = {env->dir, NULL};
	const struct data_file file = {.name = name};
	struct stat st;
	if (!env->foreign && stat(name, &st) == 0)
		return mem_string(name);
	if (!*name || strlen(name) > NAME_MAX_BYTES) {
		err_user(e, "data set text: no file has a name of %zu bytes; expected 1 to %d", strlen(name),
		         NAME_MAX_BYTES);
		return NULL;
	}
	return dataset_find(&data_text, dirs, &file, e);
}

static int read_file(const struct files *f, const char *name, const struct data_env *env,
                     struct vocabulary *v, struct text *out, struct err *e)
{
	char *path = find(name, env, e);
	int rc = path ? text_read(path, (enum text_level)f->level, v, out, e) : -1;
	mem_free(path);
	return rc;
}

/* *p is to be freed in any case. */
static int read_parts(const struct files *f, const struct data_env *env, struct text_parts *p, struct err *e)
{
	int rc = read_file(f, f->train, env, &p->vocabulary, &p->train, e);
	if (rc == 0 && f->test)
		rc = read_file(f, f->test, env, &p->vocabulary, &p->test, e);
	else if (rc == 0)
		text_split(p, (size_t)(f->share * (double)p->train.count));
	if (rc == 0 && (p->train.count == 0 || p->test.count == 0))
		rc = err_user(e, "%s: %zu tokens are too few to be cut in two", f->train,
		              p->train.count + p->test.count);
	return rc;
}

static int text_load(const void *state, const struct data_env *env, struct dataset *out, struct err *e)
{
	const struct files *f = state;
	struct text_parts p = {0};
	*out = (struct dataset){0};
	int rc = read_parts(f, env, &p, e);
	if (rc == 0)
		text_finish(&p, &f->windows, out);
	text_parts_clear(&p);
	return rc;
}

static int fingerprint_of_text(const void *state, const struct data_env *env, char out[DATA_ID_SIZE],
                               struct err *e)
{
	struct text_parts p = {0};
	int rc = read_parts(state, env, &p, e);
	if (rc == 0)
		text_fingerprint(&p, out);
	text_parts_clear(&p);
	return rc;
}

static int shape_of_text(const void *state, const struct data_env *env, struct data_shape *out, struct err *e)
{
	struct dataset d;
	if (text_load(state, env, &d, e))
		return -1;
	*out = d.shape;
	dataset_clear(&d);
	return 0;
}

static const char *const level_names[] = {"char", "word", NULL}; /* order of enum text_level */

static const struct key keys[] = {
        TEXT_KEYS("70"),
        {.name = "train",
         .kind = KEY_STRING,
         .offset = offsetof(struct files, train),
         .default_json = NULL,
         .file = true,
         .help = "the training text, plain or packed with gzip: a path, or a name below a data folder"},
        {.name = "test",
         .kind = KEY_STRING,
         .offset = offsetof(struct files, test),
         .default_json = "null",
         .file = true,
         .help = "the text for evaluations; absent: the last part of the training text"},
        {.name = "share",
         .kind = KEY_REAL,
         .offset = offsetof(struct files, share),
         .default_json = "0.9",
         .lowest = 0,
         .highest = 1,
         .above = true,
         .below = true,
         .help = "share of the tokens that are trained on where there is one file"},
        {.name = "level",
         .kind = KEY_CHOICE,
         .offset = offsetof(struct files, level),
         .default_json = "\"char\"",
         .choices = level_names,
         .help = "what a token is: a character, or a word (with <eos> at each line's end)"},
        DATA_KEYS,
        {0},
};

const struct data_source data_text = {
        .row = {.name = "text",
                .about = "Any text, by characters or words, from one or two files",
                .formula = "vocabulary: the training text's tokens in the order of first appearance; others "
                           "of the test text are <unk>",
                .keys = keys,
                .state_bytes = sizeof(struct files)},
        .shape = shape_of_text,
        .load = text_load,
        .fingerprint = fingerprint_of_text,
        .own = true,
        .folder = "text",
        .by_hand = "`train` and `test` name your own files",
};
