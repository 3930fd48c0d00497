/* `signsgd combine`: an aggregator's answer to vectors from a file. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "cmd/combination.h"
#include "cmd/rule_file.h"
#include "cmd/ui/cmd.h"
#include "cmd/ui/json_line.h"
#include "cmd/ui/table.h"
#include "h5/h5.h"
#include "h5/h5_replace.h"

enum { SHOWN = 8, PATH_SHOWN = 256 };

/* The numbers of the vectors that are true in `which` [count]; how many. NULL: none. */
static size_t numbers_of(const struct combination *c, const bool *which, int64_t *out)
{
	size_t count = 0;
	for (size_t i = 0; which && i < c->in->count; i++)
		if (which[i])
			out[count++] = (int64_t)i;
	return count;
}

static int64_t f_of(const struct combination *c)
{
	return ((const struct rule_keys *)c->method.aggregator_state)->f;
}

/* --- the file ----------------------------------------------------------------------------------------- */

static void write_numbers(const struct combination *c, struct h5 *f, const char *path, const bool *which)
{
	int64_t *numbers = mem_array(c->in->count, sizeof *numbers);
	size_t count = numbers_of(c, which, numbers);
	if (which)
		h5_write(f, path, H5_I64, 1, &count, numbers);
	mem_free(numbers);
}

static void write_question(const struct combination *c, struct h5 *f)
{
	struct buf keys = {0};
	char seed[32];
	if (c->method.aggregator->row.keys)
		keys_write(&keys, c->method.aggregator->row.keys, c->method.aggregator_state, KEYS_RESOLVED);
	snprintf(seed, sizeof seed, "%llu", (unsigned long long)c->seed);
	h5_set_text(f, "/", "kind", "signsgd answer");
	h5_set_text(f, "/", "aggregator", c->method.aggregator->row.name);
	h5_set_text(f, "/", "keys", keys.text ? keys.text : "{}");
	h5_set_text(f, "/", "seed", seed);
	h5_set_int(f, "/", "step", c->step);
	buf_clear(&keys);
}

static int write_answer(const struct combination *c, const char *path, struct err *e)
{
	struct h5 *f = h5_create(path);
	write_question(c, f);
	h5_write(f, "/answer", H5_F32, 1, &c->in->n, c->answer);
	if (c->weights)
		h5_write(f, "/weights", H5_F64, 1, &c->in->count, c->weights);
	if (c->scores)
		h5_write(f, "/scores", H5_F64, 1, &c->in->count, c->scores);
	write_numbers(c, f, "/chosen", c->chosen);
	write_numbers(c, f, "/removed", c->removed);
	int rc = h5_flush(f, false, e);
	h5_close(f);
	return rc;
}

/* --- what is printed ---------------------------------------------------------------------------------- */

static void add_reals(struct buf *line, const char *key, const double *values, size_t count)
{
	struct buf b = {0};
	for (size_t i = 0; values && i < count; i++) {
		buf_add(&b, i ? "," : "[");
		json_write_number(&b, values[i]);
	}
	buf_add(&b, values ? "]" : "null");
	line_raw(line, key, b.text);
	buf_clear(&b);
}

static void add_numbers(struct buf *line, const struct combination *c, const char *key, const bool *which)
{
	int64_t *numbers = mem_array(c->in->count, sizeof *numbers);
	size_t count = numbers_of(c, which, numbers);
	struct buf b = {0};
	buf_add(&b, which ? "[" : "null");
	for (size_t i = 0; i < count; i++)
		buf_format(&b, "%s%lld", i ? "," : "", (long long)numbers[i]);
	buf_add(&b, which ? "]" : "");
	line_raw(line, key, b.text);
	buf_clear(&b);
	mem_free(numbers);
}

static void add_answer(struct buf *line, const struct combination *c)
{
	struct buf b = {0};
	for (size_t j = 0; j < c->in->n; j++) {
		buf_add(&b, j ? "," : "[");
		json_write_number(&b, (double)c->answer[j]);
	}
	buf_add(&b, "]");
	line_raw(line, "answer", b.text);
	buf_clear(&b);
}

static void print_json(const struct combination *c)
{
	struct buf b = {0};
	line_text(&b, "aggregator", c->method.aggregator->row.name);
	line_count(&b, "vectors", c->in->count);
	line_count(&b, "coordinates", c->in->n);
	if (c->method.aggregator->rule)
		line_int(&b, "f", f_of(c));
	line_count(&b, "seed", c->seed);
	line_int(&b, "step", c->step);
	add_answer(&b, c);
	add_reals(&b, "weights", c->weights, c->in->count);
	add_reals(&b, "scores", c->scores, c->in->count);
	add_numbers(&b, c, "chosen", c->chosen);
	add_numbers(&b, c, "removed", c->removed);
	line_print(&b, stdout);
}

/* A number of vector i, "-" where it is none; without numbers, an empty cell. */
static void number_cell(struct table *t, const double *values, size_t i)
{
	if (!values)
		table_cell(t, "%s", "");
	else if (isnan(values[i]))
		table_cell(t, "-");
	else
		table_cell(t, "%.6g", values[i]);
}

static void print_vectors(const struct combination *c)
{
	struct table t;
	table_init(&t, "rrrl");
	table_cell(&t, "vector");
	table_cell(&t, "%s", c->weights ? "weight" : "");
	table_cell(&t, "%s", c->scores ? "score" : "");
	table_cell(&t, "%s", "");
	for (size_t i = 0; i < c->in->count; i++) {
		table_cell(&t, "%zu", i);
		number_cell(&t, c->weights, i);
		number_cell(&t, c->scores, i);
		table_cell(&t, "%s",
		           c->removed && c->removed[i] ? "not finite: removed"
		           : c->chosen && c->chosen[i] ? "chosen"
		                                       : "");
	}
	table_print(&t, stdout, 0);
	table_clear(&t);
}

static void print_answer(const struct combination *c)
{
	double square = 0;
	printf("answer:");
	for (size_t j = 0; j < c->in->n; j++) {
		if (j < SHOWN)
			printf(" %.9g", (double)c->answer[j]);
		square += (double)c->answer[j] * (double)c->answer[j];
	}
	printf("%s\nits length is %.6g\n", c->in->n > SHOWN ? " ..." : "", sqrt(square));
}

static void print_page(const struct combination *c, bool f_said, const char *out)
{
	char shown[PATH_SHOWN];
	printf("%s of %zu vectors of %zu coordinates", c->method.aggregator->row.name, c->in->count,
	       c->in->n);
	if (c->method.aggregator->rule)
		printf(", f = %lld%s", (long long)f_of(c),
		       f_said ? "" : " (it does not say f: none is taken to be Byzantine)");
	puts("");
	print_answer(c);
	if (c->weights || c->scores || c->removed) {
		puts("");
		print_vectors(c);
	}
	if (out)
		printf("\nthe whole answer is in %s\n", text_shown(out, shown, sizeof shown));
}

/* --- the command -------------------------------------------------------------------------------------- */

static const char *output_of(const struct args *a)
{
	const char *out = args_value(a, "o");
	return out ? out : args_value(a, "out");
}

/* An answer is a file of ours, and so may be what it is made of: one must not replace the other. */
static int check_output(const struct args *a, struct err *e)
{
	const char *out = output_of(a);
	struct stat there, here;
	char shown[PATH_SHOWN];
	if (args_value(a, "o") && args_value(a, "out"))
		return err_user(e, "found both -o and --out, which are the same; give one of them");
	for (size_t i = 0; out && i < a->n_rest; i++)
		if (!stat(out, &there) && !stat(a->rest[i], &here) && there.st_ino == here.st_ino &&
		    there.st_dev == here.st_dev)
			return err_user(e, "-o %s: that is the file which is read; expected another one",
			                text_shown(out, shown, sizeof shown));
	return 0;
}

/* From the files' content to what is printed. */
static int run(const struct args *a, const struct rule_file *rule, const struct vectors *in, char *target,
               struct err *e)
{
	const char *out = output_of(a);
	char shown[PATH_SHOWN];
	struct combination c = {.method = method_of(&rule->compressor, &rule->aggregator, NULL, NULL),
	                        .seed = rule->seed,
	                        .step = rule->step,
	                        .lanes = pool_cores(),
	                        .in = in};
	bool f_said = c.method.aggregator->rule && f_of(&c) != RULE_F_OPEN;
	rule_resolve(c.method.aggregator, rule->aggregator.state, 0);
	int rc = combination_open(&c, e);
	rc = rc ? rc : combination_make(&c, e);
	if (rc)
		err_prefix(e, "%s", text_shown(a->rest[1], shown, sizeof shown));
	if (!rc && target)
		rc = write_answer(&c, target, e);
	if (!rc && args_flag(a, "json") && c.method.aggregator->rule && !f_said)
		log_warn("%s: it does not say f: none of the vectors is taken to be Byzantine",
		         text_shown(a->rest[0], shown, sizeof shown));
	if (!rc && args_flag(a, "json"))
		print_json(&c);
	else if (!rc)
		print_page(&c, f_said, out);
	combination_clear(&c);
	return rc;
}

static int combine(const struct args *a)
{
	struct arena arena = {0};
	struct rule_file rule;
	struct vectors in = {0};
	struct err e = {0};
	char *target = NULL;
	const char *out = output_of(a);
	if (a->n_rest != 2)
		err_user(&e,
		         "combine takes a rule and vectors, as in 'signsgd combine rule.json vectors.h5'");
	if (e.code || rule_file_read(&rule, a->rest[0], &arena, &e) ||
	    (out && h5_may_replace(out, H5_ANSWER, &target, &e) < 0) || check_output(a, &e) ||
	    vectors_read(&in, a->rest[1], RULE_FILE_VECTORS_MOST, &e) || run(a, &rule, &in, target, &e))
		cmd_fail(&e);
	vectors_clear(&in);
	mem_free(target);
	arena_clear(&arena);
	return e.code;
}

static const struct option options[] = {
        {"o", "ANSWER.h5", "write the answer here, with weights, scores and choices"},
        {"out", "ANSWER.h5", "the same as -o"},
        {"json", NULL, "one line of JSON, with the whole answer"},
        {NULL, NULL, NULL},
};

const struct command cmd_combine = {
        .name = "combine",
        .about = "an aggregator's answer to vectors of your own",
        .usage = "combine RULE.json VECTORS.h5|VECTORS.json [OPTION]...",
        .details =
                "RULE.json: an aggregator, as in an experiment, or {\"aggregator\": ..., \"seed\": 1, "
                "\"step\": 0}. A rule that does not say f takes none to be Byzantine.\n"
                "VECTORS.h5: the dataset /vectors [vectors][coordinates]; a JSON file: an array of arrays. "
                "Numbers are taken as floats of 32 bits.\n"
                "ANSWER.h5: /answer [coordinates] and, where the rule has them, /weights [vectors], /scores "
                "[vectors], and the numbers of the vectors that were /chosen or, as not finite, /removed.\n"
                "Exit code 2 where the rule's precondition does not hold.",
        .example = "echo '{\"kind\": \"krum\", \"f\": 1}' >rule.json\n"
                   "echo '[[1, 2], [1.1, 2], [0.9, 2.1], [9, -9], [1, 1.9]]' >vectors.json\n"
                   "signsgd combine rule.json vectors.json -o answer.h5",
        .options = options,
        .run = combine,
};
