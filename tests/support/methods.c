#include "tests/support/methods.h"
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "experiment/spelling.h"
#include "registry.h"

enum { METHODS_MOST = 256 };

static int read_text(struct arena *a, const char *text, struct method *out, struct err *e)
{
	struct json *root = json_read_text(a, "{}", "{}", 2, e);
	struct json *value = root ? json_read_text(a, text, text, strlen(text), e) : NULL;
	if (!value)
		return -1;
	if (value->type == JSON_OBJECT && !json_member(value, "kind"))
		root = value;
	else if (json_set(a, root, "aggregator", value, e))
		return -1;
	return spelling_method(a, root, out, e);
}

struct method methods_read(struct arena *a, const char *text)
{
	struct method m;
	struct err e = {0};
	if (read_text(a, text, &m, &e))
		die("%s", e.text);
	return m;
}

static bool fits(const char *text)
{
	struct arena a = {0};
	struct method m;
	struct err e = {0};
	bool good = read_text(&a, text, &m, &e) == 0;
	arena_clear(&a);
	return good;
}

/* The keys of an aggregator that must be given. */
static const char *needed_of(const char *name)
{
	return strcmp(name, "centered-clipping") == 0 ? ",\"tau\":100"
	       : strcmp(name, "monna") == 0           ? ",\"pivot\":2"
	                                              : NULL;
}

/* Keys with which a compressor leaves the signs of vectors of some size alone, where its noise would not. */
static const char *quiet_of(const char *name)
{
	return strcmp(name, "noisy-sign") == 0 ? ",\"b\":0.5,\"noise\":\"uniform\""
	       : strcmp(name, "sto-sign") == 0 ? ",\"b\":0.5"
	       : strcmp(name, "dp-sign") == 0  ? ",\"clip\":1,\"epsilon\":1e6"
	       : strcmp(name, "qsgd") == 0     ? ",\"norm\":\"max\",\"levels\":15"
	       : strcmp(name, "top-k") == 0    ? ",\"share\":1"
	                                       : NULL;
}

static void write_choice(char *out, size_t size, const char *name, const char *keys)
{
	snprintf(out, size, keys ? "{\"kind\":\"%s\"%s}" : "\"%s\"", name, keys);
}

/* Rules read the floats of any message alike: most are taken with two compressors, one with all. */
static bool is_taken(const char *compressor, const char *aggregator, bool rule)
{
	return !rule || strcmp(aggregator, "median") == 0 || strcmp(compressor, "none") == 0 ||
	       strcmp(compressor, "ef-sign") == 0;
}

/* The three rows, where they fit each other. */
static bool put_together(struct method_text *t, const struct row *compressor, const struct row *aggregator,
                         const struct row *optimizer)
{
	bool own = ((const struct optimizer *)(const void *)optimizer)->own_momentum;
	char rule[64], said[96];
	write_choice(rule, sizeof rule, aggregator->name, needed_of(aggregator->name));
	write_choice(said, sizeof said, compressor->name, quiet_of(compressor->name));
	snprintf(t->json, sizeof t->json, "{\"compressor\":%s,\"aggregator\":%s,\"optimizer\":\"%s\"}", said,
	         rule, optimizer->name);
	snprintf(t->options, sizeof t->options,
	         "--set 'compressor=%s' --set 'aggregator=%s' --set optimizer=%s%s", said, rule,
	         optimizer->name, own ? " --set momentum=0" : "");
	t->drawn = strcmp(compressor->name, "ssdm") == 0; /* whose noise is as large as the vector */
	const struct aggregator *agg = (const struct aggregator *)(const void *)aggregator;
	t->rule = aggregator_meets(agg);
	return fits(t->json) && is_taken(compressor->name, aggregator->name, agg->rule);
}

const struct method_text *methods_all(void)
{
	static struct method_text all[METHODS_MOST + 1];
	size_t n = 0;
	for (const struct row *const *g = family_aggregators.rows; *g; g++)
		for (const struct row *const *c = family_compressors.rows; *c; c++)
			for (const struct row *const *o = family_optimizers.rows; *o; o++) {
				if (n == METHODS_MOST)
					die("more methods than this holds");
				n += put_together(&all[n], *c, *g, *o);
			}
	all[n].json[0] = '\0';
	return all;
}
