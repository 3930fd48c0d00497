/*
 * `signsgd combine`: whatever aggregator stands in the first line and whatever vectors behind it, there is an
 * answer, the same for one lane and for three, or a sentence. A rule's answer is finite, and what it removes
 * is what is not. The vectors are a JSON text where they begin with '[', and else as many coordinates as the
 * first byte says, of floats of any bits.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cmd/combination.h"
#include "experiment/spelling.h"
#include "registry.h"
#include "tests/fuzz/fuzz.h"

enum { LINE_MOST = 400, COORDINATES_MOST = 20, VECTORS_MOST = 8 };

/* Links are followed when they are opened, so the name stays good for other bytes. */
static const char vectors_path[] = "build/fuzz/vectors.json";

static void link_vectors(const char *path)
{
	static bool done;
	if (done)
		return;
	(void)unlink(vectors_path);
	fuzz_check(!symlink(path, vectors_path), "cannot be made", vectors_path);
	done = true;
}

static int read_json(struct vectors *v, const uint8_t *data, size_t size)
{
	struct err e = {0};
	link_vectors(fuzz_file(data, size));
	int rc = vectors_read(v, vectors_path, VECTORS_MOST, &e);
	fuzz_check(rc ? strncmp(e.text, vectors_path, strlen(vectors_path)) == 0 : e.text[0] == '\0',
	           "not the right sentence", e.text);
	return rc;
}

static int take_floats(struct vectors *v, const uint8_t *data, size_t size)
{
	size_t n = 1 + data[0] % COORDINATES_MOST, count = (size - 1) / sizeof(float) / n;
	if (count == 0)
		return -1;
	count = count < VECTORS_MOST ? count : VECTORS_MOST;
	*v = (struct vectors){.count = count, .n = n, .at = mem_array(count * n, sizeof(float))};
	memcpy(v->at, data + 1, count * n * sizeof(float));
	return 0;
}

static bool all_finite(const float *x, size_t n)
{
	bool all = true;
	for (size_t i = 0; i < n; i++)
		all = all && isfinite(x[i]);
	return all;
}

static void look(const struct combination *c)
{
	if (!c->method.aggregator->rule)
		return;
	fuzz_check(all_finite(c->answer, c->in->n), "an answer that is not finite",
	           c->method.aggregator->row.name);
	for (size_t i = 0; i < c->in->count; i++)
		fuzz_check(c->removed[i] == !all_finite(c->in->at + i * c->in->n, c->in->n),
		           "wrongly removed, or not", c->method.aggregator->row.name);
}

static int make(struct combination *c, struct err *e)
{
	return combination_open(c, e) || combination_make(c, e) ? -1 : 0;
}

static void combine(const struct method *m, const struct vectors *in)
{
	struct combination one = {.method = *m, .seed = 1, .lanes = 1, .in = in},
	                   more = {.method = *m, .seed = 1, .lanes = 3, .in = in};
	struct err e = {0}, again = {0};
	int rc = make(&one, &e);
	fuzz_check(make(&more, &again) == rc, "another verdict of three lanes", again.text);
	fuzz_check(strcmp(e.text, again.text) == 0 && (rc != 0) == (e.text[0] != '\0'),
	           "not the right sentence", e.text);
	if (!rc) {
		look(&one);
		fuzz_check(!memcmp(one.answer, more.answer, in->n * sizeof(float)),
		           "other bits of three lanes", m->aggregator->row.name);
	}
	combination_clear(&one);
	combination_clear(&more);
}

static int read_rule(struct arena *a, const char *line, struct method *out)
{
	struct choice aggregator = {0}, compressor = {0}, none = {0};
	struct err e = {0};
	const struct json *text = json_read_text(a, "rule", line, strlen(line), &e);
	if (!text || choice_parse(&family_aggregators, &aggregator, text, NULL, a, &e)) {
		fuzz_check(e.text[0] != '\0', "refused without a word", line);
		return -1;
	}
	spelling_complete(a, &aggregator, &compressor, &none);
	*out = method_of(&compressor, &aggregator, NULL, NULL);
	rule_resolve(out->aggregator, aggregator.state, 0);
	return method_check_messages(out, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
	char line[LINE_MOST] = "";
	size_t length = end ? (size_t)(end - data) : 0, left = size - length - 1;
	struct arena a = {0};
	struct vectors in = {0};
	struct method m;
	if (!end || length >= LINE_MOST || left == 0)
		return 0;
	memcpy(line, data, length);
	if (!read_rule(&a, line, &m) &&
	    !(end[1] == '[' ? read_json(&in, end + 1, left) : take_floats(&in, end + 1, left)))
		combine(&m, &in);
	vectors_clear(&in);
	arena_clear(&a);
	return 0;
}
