/* What ByzFL's benchmark calls things, and their parameters there: see import_byzfl_things.h. */
#include <string.h>
#include "cmd/import_byzfl_things.h"
#include "base/text.h"

enum { NAMES_MOST = 24 };

#define PARAMETERS(...) ((const struct byzfl_param[]){__VA_ARGS__, {0}})

#define SEARCH                                                                                               \
	PARAMETERS({"evals", "evals", "20"}, {"start", "start", "0"}, {"delta", "delta", "10"},              \
	           {"ratio", "ratio", "0.8"})

const struct byzfl_name byzfl_aggregators[] = {
        {.theirs = "Average", .ours = "mean", .plain = true},
        {.theirs = "Median", .ours = "median"},
        {.theirs = "TrMean", .ours = "trimmed-mean"},
        {.theirs = "GeometricMedian",
         .ours = "geometric-median",
         .fixed = "\"start\":\"zero\"",
         .parameters = PARAMETERS({"nu", "nu", "0.1"}, {"T", "iterations", "3"})},
        {.theirs = "Krum", .ours = "krum", .fixed = "\"as\":\"byzfl\""},
        {.theirs = "MultiKrum", .ours = "multi-krum", .fixed = "\"as\":\"byzfl\""},
        {.theirs = "CenteredClipping",
         .ours = "centered-clipping",
         .parameters = PARAMETERS({"L", "iterations", "1"}, {"tau", "tau", "100"}, {"m", NULL, NULL})},
        {.theirs = "MDA", .ours = "mda"},
        {.theirs = "MoNNA",
         .ours = "monna",
         .parameters = PARAMETERS({"idx", NULL, "0"}),
         .trusts = true,
         .says = "`pivot`, the trusted worker, is one that is honest in all runs: Byzantine workers have the "
                 "lowest "
                 "numbers here, and the highest there"},
        {.theirs = "Meamed", .ours = "meamed"},
        {.theirs = "CAF",
         .ours = "caf",
         .says = "eigenvectors are computed here; there they are guessed at random"},
        {.theirs = "SMEA",
         .ours = "smea",
         .says = "eigenvalues are computed here; there they are guessed at random"},
        {0}};

const struct byzfl_name byzfl_pre_aggregators[] = {
        {.theirs = "NNM", .ours = "nnm"},
        {.theirs = "ARC", .ours = "arc"},
        {.theirs = "Clipping", .ours = "clipping", .parameters = PARAMETERS({"c", "limit", "2"})},
        {.theirs = "Bucketing", .ours = "bucketing", .parameters = PARAMETERS({"s", "s", "1"})},
        {0}};

const struct byzfl_name byzfl_attacks[] = {
        {.theirs = "NoAttack"},
        {.theirs = "SignFlipping",
         .ours = "ipm",
         .fixed = "\"tau\":1",
         .says = "is \"ipm\" with tau 1: all send the honest mean reversed (\"invert\", here, reverses a "
                 "worker's own "
                 "vector)"},
        {.theirs = "InnerProductManipulation", .ours = "ipm", .parameters = PARAMETERS({"tau", "tau", "2"})},
        {.theirs = "Optimal_InnerProductManipulation", .ours = "opt-ipm", .parameters = SEARCH},
        {.theirs = "ALittleIsEnough",
         .ours = "alie",
         .fixed = "\"as\":\"byzfl\"",
         .parameters = PARAMETERS({"tau", "z", "1.5"})},
        {.theirs = "Optimal_ALittleIsEnough",
         .ours = "opt-alie",
         .fixed = "\"as\":\"byzfl\"",
         .parameters = SEARCH},
        {.theirs = "Mimic", .ours = "mimic", .parameters = PARAMETERS({"epsilon", "target", "0"})},
        {.theirs = "Inf", .ours = "nan", .fixed = "\"value\":\"inf\""},
        {.theirs = "Gaussian",
         .ours = "gaussian",
         .parameters = PARAMETERS({"sigma", "sigma", "1"}, {"mu", NULL, "0"}),
         .own = true,
         .says = "here noise takes the place of a worker's gradient, before its momentum, and each worker "
                 "has its "
                 "own; there one vector of noise is the message of all"},
        {.theirs = "LabelFlipping",
         .ours = "label-flip",
         .own = true,
         .says = "here Byzantine workers train on wrong labels of data of their own; there all send the mean "
                 "of what "
                 "the honest ones would compute with wrong labels"},
        {0}};

const struct byzfl_name byzfl_partitions[] = {
        {.theirs = "iid", .ours = "iid"},
        {.theirs = "extreme_niid", .ours = "gamma", .fixed = "\"g\":0"},
        {.theirs = "gamma_similarity_niid",
         .ours = "gamma",
         .parameters = PARAMETERS({"distribution_parameter", "g", "1"})},
        {.theirs = "dirichlet_niid",
         .ours = "dirichlet",
         .parameters = PARAMETERS({"distribution_parameter", "alpha", "1"})},
        {0}};

#define NORM_SAYS                                                                                            \
	"normalisation layers have running statistics here; there the server's stay at 0 and 1, and it "     \
	"evaluates with those"

const struct byzfl_name byzfl_models[] = {
        {.theirs = "cnn_mnist", .ours = "cnn"},
        {.theirs = "fc_mnist", .ours = "mlp", .fixed = "\"hidden\":[100]"},
        {.theirs = "logreg_mnist",
         .ours = "softmax",
         .says = "here its outputs go to softmax as they are; there a sigmoid comes first"},
        {.theirs = "cnn_cifar",
         .ours = "sequential",
         .fixed = "\"layers\":[{\"kind\":\"conv\",\"channels\":20,\"kernel\":5,\"padding\":2},\"relu\","
                  "{\"kind\":\"max-pool\",\"kernel\":2,\"stride\":2},{\"kind\":\"conv\",\"channels\":100,"
                  "\"kernel\":5,\"padding\":2},\"relu\",{\"kind\":\"max-pool\",\"kernel\":2,\"stride\":2},"
                  "{\"kind\":\"conv\",\"channels\":200,\"kernel\":5,\"padding\":2},\"relu\","
                  "{\"kind\":\"max-pool\",\"kernel\":2,\"stride\":2},{\"kind\":\"linear\",\"width\":512},"
                  "\"relu\",{\"kind\":\"linear\",\"width\":256},\"relu\"]"},
        {.theirs = "ResNet18", .ours = "resnet18", .says = NORM_SAYS},
        {.theirs = "ResNet34", .ours = "resnet34", .says = NORM_SAYS},
        {.theirs = "ResNet50", .ours = "resnet50", .says = NORM_SAYS},
        {.theirs = "ResNet101", .says = "the deepest such network here is \"resnet50\""},
        {.theirs = "ResNet152", .says = "the deepest such network here is \"resnet50\""},
        {0}};

#define AUGMENT_SAYS                                                                                         \
	"training images are cut out and mirrored at random, as is meant there; what byzfl 0.0.11 does is "  \
	"train without, because one data set has both transforms (\"augment\": false)"

const struct byzfl_name byzfl_data[] = {
        {.theirs = "mnist", .ours = "mnist"},
        {.theirs = "fashionmnist",
         .ours = "fashion-mnist",
         .says = "pixels are normalised here and not mirrored; there they are mirrored at random and not "
                 "normalised"},
        {.theirs = "cifar10", .ours = "cifar10", .says = AUGMENT_SAYS},
        {.theirs = "cifar100", .ours = "cifar100", .says = AUGMENT_SAYS},
        {.theirs = "emnist", .says = "its files are none that are read here"},
        {.theirs = "imagenet",
         .says = "as a folder of images it is data \"imagefolder\", which needs its place"},
        {0}};

const struct byzfl_name *byzfl_find(const struct byzfl_name *names, const struct json *value,
                                    const char *what, struct err *e)
{
	const char *all[NAMES_MOST], *near;
	char shown[80];
	size_t n = 0;
	if (value->type != JSON_STRING) {
		json_bad(e, value, "the name of %s", what);
		return NULL;
	}
	for (const struct byzfl_name *at = names; at->theirs; at++) {
		if (strcmp(at->theirs, value->string) != 0) {
			all[n++] = at->theirs;
		} else if (at->ours || names == byzfl_attacks) {
			return at;
		} else {
			json_say(e, value, "\"%s\" has no counterpart here: %s", at->theirs, at->says);
			return NULL;
		}
	}
	near = text_nearest(value->string, all, n);
	text_shown(value->string, shown, sizeof shown);
	json_say(e, value, "byzfl 0.0.11 has no %s \"%s\"%s%s%s", what, shown,
	         near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	return NULL;
}
