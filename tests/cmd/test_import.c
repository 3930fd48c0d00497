/* `import byzfl`: what ByzFL's benchmark is asked for becomes an experiment, and nothing is passed over. */
#include <criterion/criterion.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "cmd/import_byzfl.h"
#include "experiment/experiment.h"
#include "tests/support/cli.h"

#define DEFAULT "tests/golden/byzfl-default.json"

TestSuite(import, .init = cli_open, .fini = cli_close);

/* What the default configuration is with one member changed, made from JSON text; NULL and a sentence. */
static const struct json *changed(struct arena *a, const char *key, const char *value, struct err *e)
{
	struct json *config = json_read_file(a, DEFAULT, e);
	const struct json *v = json_read_value(a, "value", value, e);
	cr_assert(config && v && !json_set(a, config, key, v, e), "%s", e->text);
	return import_byzfl(a, config, e);
}

/* ... must say `expected` at `ours`. */
static void gives(const char *key, const char *value, const char *ours, const char *expected)
{
	struct arena a = {0};
	struct err e = {0};
	struct buf b = {0};
	const struct json *out = changed(&a, key, value, &e);
	cr_assert_not_null(out, "%s = %s: %s", key, value, e.text);
	const struct json *sweep = json_member(out, "sweep"), *at = sweep ? json_member(sweep, ours) : NULL;
	at = at ? at : json_at(out, ours);
	if (at)
		json_write(&b, at);
	cr_expect_str_eq(at ? b.text : "nothing", expected, "%s = %s: found %s at %s", key, value,
	                 at ? b.text : "nothing", ours);
	buf_clear(&b);
	arena_clear(&a);
}

static void refuses(const char *key, const char *value, const char *part)
{
	struct arena a = {0};
	struct err e = {0};
	cr_expect_null(changed(&a, key, value, &e), "%s = %s was taken", key, value);
	cr_expect_not_null(strstr(e.text, part), "%s = %s: \"%s\" is not in: %s", key, value, part, e.text);
	arena_clear(&a);
}

/* The default makes as many runs as there, and they are valid. */
Test(import, the_default_configuration)
{
	cr_assert_eq(cli("import byzfl " DEFAULT " -o %s/e.json", cli_folder), 0, "%s", cli_err);
	cr_expect_str_eq(cli_out, "");
	static const char *const said[] = {"288 runs",
	                                   "benchmark_config.device: is not carried over",
	                                   "counts honest workers alone",
	                                   "\"ipm\" with tau 1",
	                                   "data_distribution_seed + 1",
	                                   "model.loss: ",
	                                   "size_train_set",
	                                   "evaluation_and_results.results_directory: "};
	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		cr_expect_not_null(strstr(cli_err, said[i]), "%s is not in %s", said[i], cli_err);
	cr_assert_eq(cli("validate %s/e.json --set seeds=[0] --set 'partition={\"kind\":\"gamma\",\"g\":1}' "
	                 "--no-time",
	                 cli_folder),
	             0, "%s", cli_err);
	cr_expect_not_null(strstr(cli_out, ": 24 runs, of which this is the first"));
	cr_expect_not_null(strstr(cli_out, "1 of 11 workers, ipm"));
}

Test(import, a_file_that_is_there_stays)
{
	cr_assert_eq(cli("import byzfl " DEFAULT " -o %s/e.json --quiet", cli_folder), 0, "%s", cli_err);
	cr_expect_str_eq(cli_err, "");
	cr_assert_eq(cli("import byzfl " DEFAULT " -o %s/e.json", cli_folder), 0, "%s",
	             cli_err); /* the same */
	cli_write("mine.json", "{}");
	cli_expect(2, "is there already", "import byzfl " DEFAULT " -o %s/mine.json", cli_folder);
	cli_expect(1, "cannot be written", "import byzfl " DEFAULT " -o %s/none/e.json", cli_folder);
	cli_expect(2, "import takes a format", "import blades " DEFAULT);
	cli_expect(2, "import takes a format", "import byzfl");
	cli_expect(2, "benchmark_config", "import byzfl experiments/demo.json");
	cli_write("comma.json", "{\"benchmark_config\": {\"f\": 1,},\n \"model\": {}}");
	cli_expect(2,
	           "comma.json:1:30: benchmark_config: found '}', expected a key in double quotes, or no "
	           "comma before it",
	           "import byzfl %s/comma.json", cli_folder);
}

Test(import, workers_and_what_the_rule_is_told)
{
	gives("benchmark_config.f", "2", "workers", "12");
	gives("benchmark_config.f", "2", "adversaries.count", "2");
	gives("benchmark_config.set_honest_clients_as_clients", "true", "workers,adversaries.count",
	      "[[10,1],[10,2],[10,3],[10,4]]");
	gives("benchmark_config.nb_honest_clients", "[7,9]", "workers,adversaries.count",
	      "[[8,1],[9,2],[10,3],[11,4],[10,1],[11,2],[12,3],[13,4]]");
	gives("benchmark_config.tolerated_f", "2", "workers,adversaries.count", "[[11,1],[12,2]]");
	gives("benchmark_config.tolerated_f", "[2,4]", "except",
	      "[{\"aggregator.f\":2,\"adversaries.count\":[3,4]}]");
	refuses("benchmark_config.tolerated_f", "0", "above tolerated_f");
	refuses("benchmark_config.f", "-1", "benchmark_config.f: found the number -1");
	refuses("benchmark_config.f", "[]", "a list of one or more");
	refuses("benchmark_config.f", "1.5", "whole number");
}

Test(import, rules_and_what_comes_before_them)
{
	gives("pre_aggregators", "[]", "aggregator",
	      "[{\"kind\":\"geometric-median\",\"start\":\"zero\",\"nu\":0.1,\"iterations\":3},{\"kind\":"
	      "\"trimmed-mean\"}]");
	gives("aggregator", "{\"name\":\"Krum\"}", "aggregator",
	      "{\"kind\":\"krum\",\"as\":\"byzfl\",\"before\":[{\"kind\":\"clipping\",\"limit\":2},{\"kind\":"
	      "\"nnm\"}]}");
	gives("aggregator", "{\"name\":\"Average\"}", "aggregator", "{\"kind\":\"mean\"}");
	gives("aggregator", "{\"name\":\"MoNNA\",\"parameters\":{\"idx\":0}}", "aggregator.pivot", "4");
	gives("aggregator", "{\"name\":\"CenteredClipping\",\"parameters\":{\"tau\":[1,2],\"L\":[3,4]}}",
	      "aggregator",
	      "[{\"kind\":\"centered-clipping\",\"iterations\":3,\"tau\":1,\"before\":[{\"kind\":"
	      "\"clipping\","
	      "\"limit\":2},{\"kind\":\"nnm\"}]},{\"kind\":\"centered-clipping\",\"iterations\":4,\"tau\":1,"
	      "\"before\":[{\"kind\":\"clipping\",\"limit\":2},{\"kind\":\"nnm\"}]},{\"kind\":"
	      "\"centered-clipping\",\"iterations\":3,\"tau\":2,\"before\":[{\"kind\":\"clipping\",\"limit\":"
	      "2},"
	      "{\"kind\":\"nnm\"}]},{\"kind\":\"centered-clipping\",\"iterations\":4,\"tau\":2,\"before\":"
	      "[{\"kind\":\"clipping\",\"limit\":2},{\"kind\":\"nnm\"}]}]");
	gives("pre_aggregators", "[[{\"name\":\"ARC\"}],[{\"name\":\"Bucketing\",\"parameters\":{\"s\":2}}]]",
	      "aggregator",
	      "[{\"kind\":\"geometric-median\",\"start\":\"zero\",\"nu\":0.1,\"iterations\":3,\"before\":[{"
	      "\"kind\":\"arc\"}]},"
	      "{\"kind\":\"geometric-median\",\"start\":\"zero\",\"nu\":0.1,\"iterations\":3,\"before\":[{"
	      "\"kind\":"
	      "\"bucketing\",\"s\":2}]},{\"kind\":\"trimmed-mean\",\"before\":[{\"kind\":\"arc\"}]},{"
	      "\"kind\":"
	      "\"trimmed-mean\",\"before\":[{\"kind\":\"bucketing\",\"s\":2}]}]");
	refuses("aggregator", "{\"name\":\"TrMeen\"}", "did you mean \"TrMean\"?");
	refuses("aggregator", "\"TrMean\"", "an object {\"name\"");
	refuses("pre_aggregators", "{}", "list of pre-aggregators");
}

Test(import, attacks)
{
	gives("attack", "{\"name\":\"ALittleIsEnough\",\"parameters\":{\"tau\":2.5}}", "adversaries.attack",
	      "{\"kind\":\"alie\",\"as\":\"byzfl\",\"z\":2.5}");
	gives("attack", "{\"name\":\"Mimic\"}", "adversaries.attack", "{\"kind\":\"mimic\",\"target\":0}");
	gives("attack", "{\"name\":\"Mimic\"}", "adversaries.data", "\"none\"");
	gives("attack", "{\"name\":\"InnerProductManipulation\",\"parameters\":{\"tau\":[0.5,3]}}",
	      "adversaries.attack,adversaries.data",
	      "[[{\"kind\":\"ipm\",\"tau\":0.5},\"none\"],[{\"kind\":\"ipm\",\"tau\":3},\"none\"]]");
	gives("attack", "{\"name\":\"LabelFlipping\"}", "adversaries.data", "\"own\"");
	gives("attack", "{\"name\":\"Inf\"}", "adversaries.attack", "{\"kind\":\"nan\",\"value\":\"inf\"}");
	refuses("attack", "{\"name\":\"NoAttack\"}", "NoAttack with f > 0");
	refuses("attack", "{\"name\":\"ALIE\"}", "has no attack \"ALIE\"");
}

Test(import, data_model_rate_and_seeds)
{
	gives("model.name", "fc_mnist", "model", "{\"kind\":\"mlp\",\"hidden\":[100]}");
	gives("model.dataset_name", "[\"mnist\",\"fashionmnist\"]", "data",
	      "[{\"kind\":\"mnist\",\"validation\":0.2},{\"kind\":\"fashion-mnist\",\"validation\":0.2}]");
	gives("benchmark_config.size_train_set", "1", "data", "{\"kind\":\"mnist\"}");
	gives("benchmark_config.size_train_set", "[0.9,1]", "data",
	      "[{\"kind\":\"mnist\",\"validation\":0.1},{\"kind\":\"mnist\"}]");
	refuses("benchmark_config.size_train_set", "80", "above 0 and at most 1");
	refuses("model.dataset_name", "emnist", "\"emnist\" has no counterpart");
	refuses("model.name", "ResNet101", "\"resnet50\"");
	refuses("model.name", "cnn_mnst", "did you mean \"cnn_mnist\"?");
	gives("model.learning_rate", "[0.1,0.2]", "lr",
	      "[{\"kind\":\"constant\",\"rate\":0.1},{\"kind\":\"constant\",\"rate\":0.2}]");
	gives("model.milestones", "[200,400]", "lr",
	      "{\"kind\":\"constant\",\"rate\":0.1}"); /* the decay is 1 */
	gives("benchmark_config.training_seed", "5", "seeds", "[5,6,7]");
	gives("benchmark_config.training_seed", "[5,7]", "seeds", "[5,6,7,8,9]");
	gives("benchmark_config.nb_training_seeds", "1", "seed", "0");
	gives("benchmark_config.nb_data_distribution_seeds", "2", "data_seed", "[1,2]");
	gives("benchmark_config.data_distribution", "{\"name\":\"iid\"}", "partition", "{\"kind\":\"iid\"}");
	gives("benchmark_config.data_distribution",
	      "{\"name\":\"dirichlet_niid\",\"distribution_parameter\":0.5}", "partition",
	      "{\"kind\":\"dirichlet\",\"alpha\":0.5}");
	gives("benchmark_config.data_distribution", "[{\"name\":\"extreme_niid\"}]", "partition",
	      "{\"kind\":\"gamma\",\"g\":0}");
	refuses("benchmark_config.training_algorithm.name", "FedAvg", "\"DSGD\"");
	refuses("benchmark_config.training_algorithm", "[]", "DSGD");
	gives("honest_clients.momentum", "[0,0.9]", "momentum", "[0,0.9]");
	gives("evaluation_and_results.store_models", "true", "record.snapshots", "50");
}

/* A rate that falls. */
Test(import, a_rate_that_falls)
{
	struct arena a = {0};
	struct err e = {0};
	struct json *config = json_read_file(&a, DEFAULT, &e);
	cr_assert(!json_set(&a, config, "model.milestones", json_read_value(&a, "x", "[200,400]", &e), &e));
	cr_assert(
	        !json_set(&a, config, "model.learning_rate_decay", json_read_value(&a, "x", "0.5", &e), &e));
	const struct json *out = import_byzfl(&a, config, &e);
	struct buf b = {0};
	cr_assert_not_null(out, "%s", e.text);
	json_write(&b, json_member(out, "lr"));
	cr_expect_str_eq(b.text, "{\"kind\":\"multi-step\",\"rate\":0.1,\"factor\":0.5,\"at\":[200,400]}");
	buf_clear(&b);
	arena_clear(&a);
}

/* Every key that they do not read, wherever it stands, is said; so is what has no counterpart. */
Test(import, says_what_it_does_not_carry_over)
{
	static const char *const keys[] = {"surprise", "model.surprise", "benchmark_config.surprise",
	                                   "honest_clients.surprise", "evaluation_and_results.surprise"};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct arena a = {0};
		struct err e = {0};
		struct buf b = {0};
		char expected[80];
		struct json *config = json_read_file(&a, DEFAULT, &e);
		cr_assert(!json_set(&a, config, keys[i], json_read_value(&a, "x", "[1]", &e), &e));
		json_write(&b, config);
		cli_write("c.json", b.text);
		snprintf(expected, sizeof expected, "%s: is no key", keys[i]);
		cli_expect(0, expected, "import byzfl %s/c.json", cli_folder);
		buf_clear(&b);
		arena_clear(&a);
	}
	cli_write("c.json",
	          "{\"benchmark_config\":{\"f\":1,\"nb_workers\":3},\"model\":{\"optimizer_name\":\"Adam\"},"
	          "\"attack\":{\"name\":\"Gaussian\",\"parameters\":{\"mu\":1,\"nu\":2}},"
	          "\"aggregator\":{\"name\":\"Krum\",\"parameters\":{\"f\":3},\"more\":1}}");
	cli_expect(0, "benchmark_config.nb_workers: is computed there", "import byzfl %s/c.json", cli_folder);
	static const char *const said[] = {"model.optimizer_name: is not carried over",
	                                   "attack.parameters.mu: has no counterpart",
	                                   "attack.parameters.nu: is no parameter",
	                                   "aggregator.parameters.f: is replaced",
	                                   "aggregator.more: is no key",
	                                   "attack.name: here noise takes the place"};
	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		cr_expect_not_null(strstr(cli_err, said[i]), "%s is not in %s", said[i], cli_err);
}

/* Take the default with one value of it replaced: an experiment, or a sentence. */
static void damage(const char *path, const char *value)
{
	struct arena a = {0};
	struct err e = {0};
	struct json *config = json_read_file(&a, DEFAULT, &e);
	cr_assert(!json_set(&a, config, path, json_read_value(&a, "x", value, &e), &e), "%s", e.text);
	const struct json *out = import_byzfl(&a, config, &e);
	cr_expect((out != NULL) != (e.text[0] != 0), "%s = %s: %s", path, value, e.text);
	if (!out)
		cr_expect_eq(e.code, EXIT_USER);
	arena_clear(&a);
}

static void damage_all(const struct json *object, const char *before)
{
	static const char *const values[] = {"null",
	                                     "-1",
	                                     "1e300",
	                                     "[]",
	                                     "{}",
	                                     "[[]]",
	                                     "\"\"",
	                                     "true",
	                                     "[1,\"x\",{}]",
	                                     "{\"name\":[]}",
	                                     "{\"name\":\"TrMean\",\"parameters\":[]}"};
	for (const struct json *m = object->child; m; m = m->next) {
		char path[200];
		snprintf(path, sizeof path, "%s%s%s", before, *before ? "." : "", m->key);
		for (size_t i = 0; i < sizeof values / sizeof *values; i++)
			damage(path, values[i]);
		if (m->type == JSON_OBJECT)
			damage_all(m, path);
	}
}

Test(import, survives_any_value_anywhere)
{
	struct arena a = {0};
	struct err e = {0};
	log_quiet(true);
	damage_all(json_read_file(&a, DEFAULT, &e), "");
	arena_clear(&a);
}
