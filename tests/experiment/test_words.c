/* What people bring from other programs: every word is answered with ours, or with why there is none. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "experiment/experiment.h"
#include "registry.h"

static void refuse(const char *text, const struct change *changes, size_t n, struct err *e)
{
	struct runs r;
	*e = (struct err){0};
	cr_assert_eq(experiment_parse(&r, "x.json", text, strlen(text), changes, n, e), -1, "accepted: %s",
	             text);
	cr_expect_eq(e->code, EXIT_USER);
}

static void says(const char *text, const char *phrase)
{
	struct err e;
	refuse(text, NULL, 0, &e);
	cr_expect_not_null(strstr(e.text, phrase), "\"%s\" is not in: %s", phrase, e.text);
}

#define START "{\"model\":\"softmax\",\"data\":\"glyphs\",\"steps\":5,\"workers\":3,"

/* A key of the top level and the key that it means. */
static void key_is(const char *word, const char *ours)
{
	char text[400], phrase[400];
	snprintf(text, sizeof text, START "\"%s\":1}", word);
	snprintf(phrase, sizeof phrase, "\"%s\" is \"%s\" here", word, ours);
	says(text, phrase);
}

Test(words, keys_of_other_programs_name_ours)
{
	static const char *const pairs[][2] = {
	        {"learning_rate", "lr"},
	        {"lr_scheduler", "lr"},
	        {"optim", "optimizer"},
	        {"compression", "compressor"},
	        {"beta", "momentum"},
	        {"l2", "weight_decay"},
	        {"wd", "weight_decay"},
	        {"bs", "batch"},
	        {"iterations", "steps"},
	        {"max_iter", "steps"},
	        {"eval_every", "eval.every"},
	        {"evaluation", "eval"},
	        {"save_every", "checkpoint.every"},
	        {"output_dir", "out"},
	        {"outputDir", "out"},
	        {"random_seed", "seed"},
	        {"device", "backend"},
	        {"clients", "workers"},
	        {"nb_honest_clients", "workers"},
	        {"byzantine", "adversaries"},
	        {"nb_byz", "adversaries.count"},
	        {"f", "adversaries.count"},
	        {"attack", "adversaries.attack"},
	        {"base-lr", "lr"},
	        {"gradient_norm", "record.norms"},
	};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		key_is(pairs[i][0], pairs[i][1]);
}

/* A key of a layer, as PyTorch has it. */
static void layer_key_is(const char *layer, const char *word, const char *ours)
{
	char text[400], phrase[100];
	snprintf(text, sizeof text,
	         "{\"data\":\"glyphs\",\"steps\":5,\"workers\":3,\"model\":{\"kind\":\"sequential\","
	         "\"layers\":[{\"kind\":\"%s\",\"%s\":1}]}}",
	         layer, word);
	snprintf(phrase, sizeof phrase, "\"%s\" is \"%s\" here", word, ours);
	says(text, phrase);
}

Test(words, keys_of_layers_of_other_programs_name_ours)
{
	layer_key_is("linear", "out_features", "width");
	layer_key_is("linear", "out", "width"); /* and not the result file */
	layer_key_is("conv", "out_channels", "channels");
	layer_key_is("conv", "kernel_size", "kernel");
	layer_key_is("max-pool", "kernel_size", "kernel");
	layer_key_is("dropout", "p", "rate");
}

Test(words, keys_without_a_counterpart_are_said_to_have_none)
{
	says(START "\"loss\":1}", "\"loss\" has no counterpart here: a model brings its own loss");
	says(START "\"comment\":1}", "\"comment\" has no counterpart here");
	says(START "\"nesterov\":true}", "\"nesterov\" has no counterpart here");
	says(START "\"transform\":1}",
	     "\"transform\" has no counterpart here: images are changed as \"data\"");
	says(START "\"pre_aggregators\":[]}", "\"pre_aggregators\" is \"aggregator.before\" here");
	says(START "\"aggregator\":{\"kind\":\"mean\",\"before\":[\"nnm\"]}}",
	     "\"before\" is \"aggregator.before\" here, of rules such as \"median\"");
	says(START "\"aggregator\":{\"kind\":\"mean\",\"before\":[\"nnm\"]}}",
	     "is a mean behind \"clipping\" or \"bucketing\", but \"nnm\" and \"arc\" change no mean where f "
	     "is "
	     "0");
	says(START "\"participation\":1}", "\"participation\" has no counterpart here");
}

Test(words, sweep_and_seeds_are_among_the_names_meant)
{
	says(START "\"sweeps\":{}}", "did you mean \"sweep\"?");
	says(START "\"seedz\":[1]}", "did you mean \"seeds\"?");
}

Test(words, a_key_at_the_wrong_level_is_sent_to_its_own)
{
	says(START "\"rate\":0.1}", "\"rate\" is \"lr.rate\" here");
	says(START "\"optimizer\":{\"kind\":\"sgd\",\"lr\":0.1}}", "\"lr\" is \"lr.rate\" at the top");
	says(START "\"lr\":{\"kind\":\"cosine\",\"base_lr\":0.1}}", "\"base_lr\" is \"rate\" here");
	says(START "\"adversaries\":{\"count\":1,\"batch\":1}}", "\"batch\" is \"batch\" at the top");
	says(START "\"adversaries\":{\"count\":1,\"lerning\":1}}", "expected one of \"count\"");
}

Test(words, a_key_of_another_row_is_sent_to_it)
{
	says(START "\"partition\":{\"kind\":\"iid\",\"alpha\":0.1}}", "\"alpha\" is a key of \"dirichlet\"");
	says(START "\"partition\":{\"kind\":\"iid\",\"concentration\":1}}",
	     "\"alpha\" is a key of \"dirichlet\"");
	says(START "\"adversaries\":{\"count\":1,\"attack\":{\"kind\":\"invert\",\"eval\":3}}}",
	     "\"evals\" is a key of \"opt-ipm\", \"opt-alie\"");
	says(START "\"aggregator\":{\"kind\":\"signsgd-fd\",\"zero\":\"positive\"}}",
	     "\"zero\" is \"compressor.zero\" here, a key of \"sign\"");
	says(START "\"adversaries\":{\"count\":1,\"attack\":{\"kind\":\"opt-ipm\",\"eval\":3}}}",
	     "did you mean \"evals\"?");
}

/* A row, by where it is chosen. */
static void value_says(const char *where, const char *word, const char *phrase)
{
	char text[400];
	snprintf(text, sizeof text, START "%s\"%s\"}", where, word);
	if (strchr(where, '{'))
		snprintf(text, sizeof text, START "%s\"%s\"}}", where, word);
	says(text, phrase);
}

#define AGGREGATOR "\"aggregator\":"
#define OPTIMIZER  "\"optimizer\":"
#define DIRECTION  "\"direction\":"
#define ATTACK     "\"adversaries\":{\"count\":1,\"attack\":"

Test(words, values_of_other_programs_name_ours)
{
	value_says(AGGREGATOR, "signsgd", "\"signsgd\" is \"vote\" here");
	value_says(AGGREGATOR, "majority", "\"majority\" is \"vote\" here");
	value_says(AGGREGATOR, "signum", "\"signum\" is \"vote\" here, with `momentum`");
	value_says(AGGREGATOR, "sgd", "\"sgd\" is \"mean\" here");
	value_says(OPTIMIZER, "signSGD", "\"signSGD\" is \"sgd\" here, with aggregator \"vote\"");
	value_says(OPTIMIZER, "SGDM", "\"SGDM\" is \"sgd\" here, with `momentum`");
	value_says(OPTIMIZER, "AdamW", "\"AdamW\" is \"adam\" here");
	value_says(OPTIMIZER, "Lion", "\"Lion\" is \"sgd\" here, with `direction`: \"lion\" or \"muon\"");
	value_says(AGGREGATOR, "SignMuon", "\"SignMuon\" is \"vote\" here, with `direction`");
	value_says(DIRECTION, "distributed-lion", "\"distributed-lion\" is \"lion\" here");
	value_says(DIRECTION, "DLion", "\"DLion\" is \"lion\" here");
	value_says(DIRECTION, "SignMuon", "\"SignMuon\" is \"muon\" here");
	value_says(DIRECTION, "signum", "\"signum\" is \"momentum\" here");
	value_says("\"compressor\":", "fp32", "\"fp32\" is \"none\" here");
	value_says("\"compressor\":", "EF-signSGD", "\"EF-signSGD\" is \"ef-sign\" here");
	value_says("\"compressor\":", "QSGD", "did you mean \"qsgd\"?");
	value_says("\"compressor\":", "s3gd-mv", "\"s3gd-mv\" is \"top-k\" here");
	says(START "\"compressor\":{\"kind\":\"top-k\",\"ratio\":0.1}}", "\"ratio\" is \"share\" here");
	value_says("\"compressor\":", "error_feedback", "\"error_feedback\" is \"ef-sign\" here");
	value_says(AGGREGATOR, "average", "\"average\" is \"mean\" here");
	value_says(AGGREGATOR, "MajorityVote", "\"MajorityVote\" is \"vote\" here");
	value_says(ATTACK, "SignFlipping", "\"SignFlipping\" is \"invert\" here");
	value_says(ATTACK, "sign_flip", "\"sign_flip\" is \"invert\" here");
	value_says(ATTACK, "sign-flipping", "\"sign-flipping\" is \"invert\" here");
	value_says(ATTACK, "SignFlipping", "of the honest mean, is \"ipm\" with \"tau\": 1");
	value_says(ATTACK, "InnerProductManipulation", "\"InnerProductManipulation\" is \"ipm\" here");
	value_says(ATTACK, "FOE", "\"FOE\" is \"ipm\" here");
	value_says(ATTACK, "fall-of-empires", "\"fall-of-empires\" is \"ipm\" here");
	value_says(ATTACK, "empire", "\"empire\" is \"ipm\" here");
	value_says(ATTACK, "IPM", "did you mean \"ipm\"?");
	value_says(ATTACK, "LabelFlipping", "\"LabelFlipping\" is \"label-flip\" here");
	value_says(ATTACK, "label_flip", "did you mean \"label-flip\"?");
	value_says(ATTACK, "BitFlipping",
	           "\"BitFlipping\" is \"invert\" here, which is what papers mean by it; bits of packed "
	           "messages are flipped by \"bit-flip\"");
	value_says(ATTACK, "negative", "\"negative\" is \"scale\" here, with \"factor\": -10");
	value_says(ATTACK, "SignFlipAdversary", "\"SignFlipAdversary\" is \"invert\" here");
	value_says(ATTACK, "LabelFlipAdversary", "\"LabelFlipAdversary\" is \"label-flip\" here");
	value_says(ATTACK, "BadNets", "no counterpart here: the one attack here on data is \"label-flip\"");
	value_says(ATTACK, "straggler", "\"stale\" sends messages of earlier steps");
	says(START ATTACK "{\"kind\":\"sleeper\",\"attack\":\"zero\"}}}", "\"attack\" is \"then\" here");
	says(START ATTACK "{\"kind\":\"flip\",\"p\":0.1}}}", "\"p\" is \"probability\" here");
	value_says(ATTACK, "bit_flip", "did you mean \"bit-flip\"?");
	says(START ATTACK "{\"kind\":\"sleeper\",\"then\":\"FOE\"}}}", "\"FOE\" is \"ipm\" here");
	value_says(ATTACK, "Optimal_InnerProductManipulation", "is \"opt-ipm\" here");
	value_says(ATTACK, "ALittleIsEnough", "\"ALittleIsEnough\" is \"alie\" here");
	value_says(ATTACK, "Auto_ALIE", "\"Auto_ALIE\" is \"opt-alie\" here");
	value_says(ATTACK, "MinMax", "did you mean \"min-max\"?");
	value_says(ATTACK, "FangAttack", "\"FangAttack\" is \"fang\" here");
	value_says(ATTACK, "Random_Sign", "did you mean \"random-sign\"?");
	value_says("\"partition\":", "noniid", "\"noniid\" is \"label-shards\" here");
	value_says("\"partition\":", "non-iid", "\"non-iid\" is \"label-shards\" here");
	value_says("\"partition\":", "niid", "\"niid\" is \"label-shards\" here");
	value_says("\"partition\":", "n-iid", "\"n-iid\" is \"label-shards\" here");
	value_says("\"partition\":", "not_iid", "\"not_iid\" is \"label-shards\" here");
	value_says("\"partition\":", "dirichlet_niid", "\"dirichlet_niid\" is \"dirichlet\" here");
	value_says("\"partition\":", "gamma_similarity_niid", "\"gamma_similarity_niid\" is \"gamma\" here");
	value_says("\"lr\":", "CosineAnnealingLR", "\"CosineAnnealingLR\" is \"cosine\" here");
	value_says("\"init\":", "kaiming", "\"kaiming\" is \"he\" here");
	/* what stands elsewhere in a method */
	value_says(AGGREGATOR, "ef-sign", "\"ef-sign\" is one of the compressors here");
	value_says(AGGREGATOR, "IPM", "\"IPM\" is one of the attacks here");
	value_says(AGGREGATOR, "InnerProductManipulation", "is one of the attacks here");
	value_says(ATTACK, "krum", "\"krum\" is one of the aggregators here");
	value_says("\"compressor\":", "vote", "\"vote\" is one of the aggregators here");
	value_says(OPTIMIZER, "krum", "\"krum\" is one of the aggregators here");
}

static void refuse_backend(const char *name, struct err *e)
{
	char text[400];
	snprintf(text, sizeof text, START "\"backend\":\"%s\"}", name);
	refuse(text, NULL, 0, e);
}

/* As START, of data sets. */
static void data_says(const char *name, const char *phrase)
{
	char text[400];
	snprintf(text, sizeof text, "{\"model\":\"softmax\",\"steps\":5,\"workers\":3,\"data\":\"%s\"}",
	         name);
	says(text, phrase);
}

Test(words, data_sets_of_other_names)
{
	data_says("fmnist", "\"fmnist\" is \"fashion-mnist\" here");
	data_says("F-MNIST", "\"F-MNIST\" is \"fashion-mnist\" here");
	data_says("FashionMNIST", "did you mean \"fashion-mnist\"?");
	data_says("mnist-c", "\"mnist-c\" has no counterpart here");
	data_says("imagenette", "\"imagenette\" has no counterpart here");
}

Test(words, values_without_a_counterpart_are_said_to_have_none)
{
	struct err e;
	value_says(ATTACK, "backdoor", "\"backdoor\" has no counterpart here");
	value_says(OPTIMIZER, "lamb", "\"lamb\" has no counterpart here: there are \"sgd\" and \"adam\"");
	value_says(DIRECTION, "SOAP", "there are \"momentum\", \"lion\" and \"muon\"");
	value_says(DIRECTION, "adamw", "\"adam\" is an optimizer here");
	value_says("\"compressor\":", "PowerSGD", "\"PowerSGD\" has no counterpart here");
	value_says(AGGREGATOR, "Bulyan", "did you mean \"bulyan\"?");
	value_says(AGGREGATOR, "SignGuard", "\"SignGuard\" has no counterpart here");
	value_says(AGGREGATOR, "minimum_diameter_averaging", "is \"mda\" here");
	value_says(AGGREGATOR, "CGE", "all of these but \"mean\" stand against Byzantine workers");
	value_says(AGGREGATOR, "MeaMed", "did you mean \"meamed\"?");
	value_says(AGGREGATOR, "TrMean", "\"TrMean\" is \"trimmed-mean\" here");
	refuse(START ATTACK "\"backdoor\"}}", NULL, 0, &e);
	cr_expect_null(strstr(e.text, "did you mean"), "%s", e.text);
	static const char *const machines[] = {"cuda:1", "metal", "mps", "npu", "xpu:12"};
	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
		refuse_backend(machines[i], &e);
		cr_expect_null(strstr(e.text, "did you mean"), "%s", e.text);
		cr_expect(strstr(e.text, "has no counterpart here") || strstr(e.text, "\" is \"cuda\" here"),
		          "%s", e.text);
	}
	value_says("\"backend\":", "gpu", "\"gpu\" is \"cuda\" here");
	value_says("\"backend\":", "cuda:1", "\"cuda:1\" is \"cuda\" here, with \"device\": 1");
}

/* A word that names two rows, or that is a name of ours besides, would send people to the wrong one. */
static void one_owner(const struct family *f, const char *word, const struct row *owner)
{
	char said[FAMILY_MEANT], expected[FAMILY_MEANT];
	snprintf(expected, sizeof expected, "\"%s\" is \"%s\" here", word, owner->name);
	cr_expect_null(family_find(f, word), "%s of %s is a row itself", word, f->name);
	cr_expect_str_eq(family_meant(f, word, said), expected);
}

static size_t each_other_name(const struct family *f, const struct row *row)
{
	char list[400], *save = NULL;
	size_t count = 0;
	snprintf(list, sizeof list, "%s", row->also ? row->also : "");
	for (char *word = strtok_r(list, ", ", &save); word; word = strtok_r(NULL, ", ", &save), count++)
		one_owner(f, word, row);
	return count;
}

Test(words, every_other_name_of_a_row_has_one_owner)
{
	size_t count = 0;
	for (size_t i = 0; registry_families[i]; i++)
		for (const struct row *const *r = registry_families[i]->rows; *r; r++)
			count += each_other_name(registry_families[i], *r);
	cr_assert_gt(count, 50);
}

/* The same of every key of the top level and of the objects below it. */
static size_t each_other_key(const struct key *keys, const char *prefix)
{
	size_t count = 0;
	for (const struct key *k = keys; k->name; k++) {
		char list[600], path[200], *save = NULL;
		snprintf(list, sizeof list, "%s", k->also ? k->also : "");
		snprintf(path, sizeof path, "%.90s%s%.90s", prefix, *prefix ? "." : "", k->name);
		for (char *w = strtok_r(list, ", ", &save); w; w = strtok_r(NULL, ", ", &save), count++)
			key_is(w, path);
		if (k->kind == KEY_OBJECT)
			count += each_other_key(k->keys, path);
	}
	return count;
}

Test(words, every_other_name_of_a_key_has_one_owner)
{
	cr_assert_gt(each_other_key(experiment_keys, ""), 100);
}

Test(words, several_values_name_seeds_and_sweep)
{
	says(START "\"seed\":[1,2]}", "\"seeds\": [...]");
	says(START "\"lr\":[0.1,0.2]}", "\"sweep\": {\"lr\": [...]}");
	says(START "\"momentum\":[0,0.9]}", "\"sweep\": {\"momentum\": [...]}");
	says(START "\"partition\":[\"iid\",\"shards\"]}", "\"sweep\": {\"partition\": [...]}");
	says(START "\"adversaries\":[0,1,2]}", "\"sweep\": {\"adversaries.count\": [...]}");
	says(START "\"adversaries\":[\"invert\",\"zero\"]}", "\"sweep\": {\"adversaries.attack\": [...]}");
	says(START "\"eval\":[{\"every\":3}]}", "\"sweep\": {\"eval\": [...]}");
	says(START "\"sweep\":{\"seeds\":[1,2]}}",
	     "found `seeds` in `sweep`, expected it at the top of the file");
	says(START "\"sweep\":{\"lr,seeds\":[[1,2]]}}", "found `seeds` in `sweep`");
	says(START "\"sweep\":{\"sweep\":[{}]}}", "found `sweep` in `sweep`");
	says(START "\"adversaries\":2}", "expected an object, as in {\"count\": 2}");
	says(START "\"adversaries\":\"invert\"}", "expected an object, as in {\"attack\": \"invert\"}");
}

/* The words of options and sweeps are words of the file. */
Test(words, options_and_sweeps_are_answered_alike)
{
	const struct change change = {"learning_rate", "0.1", "--set learning_rate=0.1"};
	struct err e;
	refuse(START "\"momentum\":0}", &change, 1, &e);
	cr_expect_not_null(strstr(e.text, "--set learning_rate=0.1"), "%s", e.text);
	cr_expect_not_null(strstr(e.text, "\"learning_rate\" is \"lr\" here"), "%s", e.text);
	says(START "\"sweep\":{\"nb_byz\":[0,1]}}", "\"nb_byz\" is \"adversaries.count\" here");
	says(START "\"sweep\":{\"adversaries.nb_byz\":[0,1]}}", "\"nb_byz\" is \"count\" here");
	says(START "\"sweep\":{\"aggregator\":[\"signsgd\"]}}", "\"signsgd\" is \"vote\" here");
}

Test(words, all_of_a_file_are_said_at_once)
{
	struct err e;
	refuse(START "\"learning_rate\":1,\"adversaries\":{\"f\":1},\"sweep\":{\"bs\":[1,2]},\"sweeps\":{}}",
	       NULL, 0, &e);
	cr_expect_not_null(strstr(e.text, "found 4 unknown keys"), "%s", e.text);
	static const char *const phrases[] = {"\"learning_rate\" is \"lr\"", "\"f\" is \"count\"",
	                                      "\"bs\" is \"batch\"", "did you mean \"sweep\"?"};
	for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
		cr_expect_not_null(strstr(e.text, phrases[i]), "%s", e.text);
}
