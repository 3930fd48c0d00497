/* The bytes that `list compressors` tells of are those of messages: its arithmetic is read, and done. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "registry.h"
#include "tests/support/train.h"

/* What the letters stand for, and where the text is read. */
struct reading {
	double n, d, r, k, s, e;
	const char *at;
};

static double sum_of(struct reading *t);

static bool takes(struct reading *t, const char *word)
{
	t->at += strspn(t->at, " ");
	size_t length = strlen(word);
	if (strncmp(t->at, word, length) != 0 ||
	    (isalpha((unsigned char)*word) && isalpha((unsigned char)t->at[length])))
		return false;
	t->at += length;
	return true;
}

/* A number, a letter, a function or brackets. False: none of them comes next. */
static bool factor_of(struct reading *t, double *out)
{
	const struct {
		const char *name;
		double value;
	} letters[] = {{"n", t->n}, {"d", t->d}, {"r", t->r}, {"k", t->k}, {"s", t->s}, {"e", t->e}};
	static const struct {
		const char *name;
		double (*of)(double);
	} functions[] = {{"ceil(", ceil}, {"floor(", floor}, {"log2(", log2}, {"(", NULL}};
	t->at += strspn(t->at, " ");
	if (isdigit((unsigned char)*t->at)) {
		char *end;
		*out = strtod(t->at, &end);
		t->at = end;
		return true;
	}
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
		if (strncmp(t->at, functions[i].name, strlen(functions[i].name)) == 0) {
			t->at += strlen(functions[i].name);
			*out = sum_of(t);
			cr_assert(takes(t, ")"), "no bracket at: %s", t->at);
			*out = functions[i].of ? functions[i].of(*out) : *out;
			return true;
		}
	for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
		if (takes(t, letters[i].name)) {
			*out = letters[i].value;
			return true;
		}
	return false;
}

/* Factors that stand side by side are multiplied. */
static double product_of(struct reading *t)
{
	double product, next;
	cr_assert(factor_of(t, &product), "no number at: %s", t->at);
	for (;;) {
		if (takes(t, "/") && factor_of(t, &next))
			product /= next;
		else if (takes(t, "mod") && factor_of(t, &next))
			product = fmod(product, next);
		else if (factor_of(t, &next))
			product *= next;
		else
			return product;
	}
}

static double sum_of(struct reading *t)
{
	double sum = product_of(t);
	while (takes(t, "+"))
		sum += product_of(t);
	return sum;
}

/* "... bytes", or "... bytes and of each range ... bytes", of a message of one range. */
static double bytes_of(struct reading *t)
{
	double bytes = sum_of(t);
	cr_assert(takes(t, "bytes"), "no \"bytes\" at: %s", t->at);
	if (!takes(t, "and of each range"))
		return bytes;
	bytes += sum_of(t);
	cr_assert(takes(t, "bytes"), "no \"bytes\" at: %s", t->at);
	return bytes;
}

/* Elias' code of 4 is 10 100 0, of 1 it is 0. */
static const struct {
	const char *compressor, *before;
	double s, e, share;
} forms[] = {
        {"\"none\"", "Up: ", 0, 0, 0},
        {"\"sign\"", "Up: ", 0, 0, 0},
        {"{\"kind\":\"sign\",\"zero\":\"abstain\"}", "where zero is \"abstain\": ", 0, 0, 0},
        {"\"ef-sign\"", "Up: ", 0, 0, 0},
        {"\"scaled-sign\"", "Up: ", 0, 0, 0},
        {"\"one-bit\"", "Up: ", 0, 0, 0},
        {"\"ssdm\"", "Up: ", 0, 0, 0},
        {"{\"kind\":\"sto-sign\",\"b\":1}", "Up: ", 0, 0, 0},
        {"{\"kind\":\"dp-sign\",\"clip\":1,\"epsilon\":0.5}", "Up: ", 0, 0, 0},
        {"{\"kind\":\"noisy-sign\",\"b\":1}", "Up: ", 0, 0, 0},
        {"\"terngrad\"", "Up: ", 0, 0, 0},
        {"{\"kind\":\"terngrad\",\"packing\":\"trits\"}", "with \"trits\": ", 0, 0, 0},
        {"\"qsgd\"", "Up: ", 4, 0, 0},
        {"{\"kind\":\"qsgd\",\"levels\":1,\"norm\":\"max\"}", "Up: ", 1, 0, 0},
        {"{\"kind\":\"qsgd\",\"coding\":\"elias\"}", "with \"elias\": ", 4, 6, 0},
        {"{\"kind\":\"qsgd\",\"levels\":1,\"coding\":\"elias\"}", "with \"elias\": ", 1, 1, 0},
        {"\"top-k\"", "Up: ", 0, 0, 0.01},
        {"{\"kind\":\"top-k\",\"share\":0.3,\"sends\":\"signs\"}", "with \"signs\": ", 0, 0, 0.3},
};

Test(formula_bytes, are_those_of_messages)
{
	static const size_t sizes[] = {1, 63, 512, 1000, 1025};
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
			char text[400];
			struct runs runs;
			snprintf(text, sizeof text,
			         "{\"workers\":1,\"steps\":1,\"model\":{\"kind\":\"quadratic\","
			         "\"dimensions\":%zu},"
			         "\"compressor\":%s}",
			         sizes[j], forms[i].compressor);
			const struct settings *s = train_settings(&runs, text);
			const struct method m = settings_method(s);
			const char *formula = m.compressor->row.formula,
			           *from = strstr(formula, forms[i].before);
			double n = (double)sizes[j];
			struct reading t = {.n = n,
			                    .d = n,
			                    .r = 1,
			                    .k = fmax(1, floor(forms[i].share * n)),
			                    .s = forms[i].s,
			                    .e = forms[i].e};
			cr_assert_not_null(from, "no %s in %s", forms[i].before, formula);
			t.at = from + strlen(forms[i].before);
			cr_expect_eq(bytes_of(&t), (double)method_push_bytes(&m, sizes[j]), "%s of %zu",
			             forms[i].compressor, sizes[j]);
			runs_clear(&runs);
		}
}

Test(formula_bytes, are_told_of_every_compressor)
{
	for (const struct row *const *row = family_compressors.rows; *row; row++) {
		char name[64];
		bool there = false;
		snprintf(name, sizeof name, "\"%s\"", (*row)->name);
		for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
			there = there || strstr(forms[i].compressor, name);
		cr_expect(there, "%s", name);
	}
}
