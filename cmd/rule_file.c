/* Rules in files of their own: see rule_file.h. */
#include "cmd/rule_file.h"
#include "aggregator/method.h"
#include "experiment/spelling.h"
#include "registry.h"

static const struct key rule_file_keys[] = {
        {.name = "aggregator",
         .also = "rule, aggregation_rule, gar",
         .kind = KEY_FAMILY,
         .offset = offsetof(struct rule_file, aggregator),
         .family = &family_aggregators,
         .help = "what is made of the vectors"},
        {.name = "compressor",
         .kind = KEY_FAMILY,
         .offset = offsetof(struct rule_file, compressor),
         .default_json = "null",
         .family = &family_compressors,
         .help = "what is said of them first; null: what the aggregator has by itself"},
        {.name = "seed",
         .kind = KEY_SEED,
         .offset = offsetof(struct rule_file, seed),
         .default_json = "1",
         .help = "of every random number"},
        {.name = "step",
         .kind = KEY_INT,
         .offset = offsetof(struct rule_file, step),
         .default_json = "0",
         .lowest = 0,
         .highest = 9007199254740992.0,
         .help = "whose random numbers are drawn"},
        {0},
};

int rule_file_read(struct rule_file *out, const char *path, struct arena *a, struct err *e)
{
	struct json *root = json_read_file(a, path, e);
	if (!root)
		return -1;
	*out = (struct rule_file){0};
	if (root->type == JSON_STRING || (root->type == JSON_OBJECT && json_member(root, "kind"))) {
		const struct json *alone = root;
		root = json_read_text(a, path, "{}", 2, e);
		if (!root || json_set(a, root, "aggregator", alone, e))
			return -1;
	}
	if (root->type != JSON_OBJECT)
		return json_bad(e, root,
		                "an object with \"aggregator\", or an aggregator alone, as in "
		                "{\"kind\": \"median\"}");
	if (spelling_today(a, root, e) || spelling_usual_rule(a, root, e))
		return -1;
	json_remove(root, "optimizer"); /* what an answer does to parameters is not asked */
	if (keys_parse(rule_file_keys, out, root, a, e))
		return -1;
	struct choice none = {0};
	spelling_complete(a, &out->aggregator, &out->compressor, &none);
	const struct method m = method_of(&out->compressor, &out->aggregator, NULL, NULL);
	if (m.compressor->memory_floats)
		return err_user(
		        e,
		        "%s: compressor \"%s\" says what it remembers of a run and of its learning rate, "
		        "and here is neither; expected \"none\" or \"sign\"",
		        path, m.compressor->row.name);
	return method_check_messages(&m, e) ? err_prefix(e, "%s", path) : 0;
}
