/* What networks are made of: parameter counts, and tensors as torchvision's state_dicts have them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "tests/support/model_fixture.h"

static const struct model_env
        grey = {.data = {.channels = 1, .height = 28, .width = 28, .n_classes = 10}, .batch = 1},
        cifar = {.data = {.channels = 3, .height = 32, .width = 32, .n_classes = 10}, .batch = 1},
        imagenet = {.data = {.channels = 3, .height = 224, .width = 224, .n_classes = 1000}, .batch = 1};

static void expect_count(const char *json, const struct model_env *env, size_t expected)
{
	struct fixture f;
	struct err e = {0};
	fixture_settings(&f, json, env);
	cr_assert_eq(f.model->check(f.choice.state, &f.env, &e), 0, "%s: %s", json, e.text);
	size_t n = f.model->n_params(f.choice.state, &f.env);
	cr_expect_eq(n, expected, "%s: found %zu parameters, expected %zu", json, n, expected);
	fixture_close(&f);
}

Test(net_names, small_networks_have_their_parameters)
{
	expect_count("\"cnn\"", &grey, 431080);
	expect_count("\"resnet20\"", &cifar, 272474);
	expect_count("\"resnet32\"", &cifar, 466906);
	expect_count("\"resnet44\"", &cifar, 661338);
	expect_count("\"resnet56\"", &cifar, 855770);
	expect_count("\"resnet110\"", &cifar, 1730714);
	expect_count("{\"kind\":\"resnet20\",\"shortcut\":\"A\"}", &cifar, 269722);
	expect_count("{\"kind\":\"resnet32\",\"shortcut\":\"A\"}", &cifar, 464154);
	expect_count("{\"kind\":\"resnet44\",\"shortcut\":\"A\"}", &cifar, 658586);
	expect_count("{\"kind\":\"resnet56\",\"shortcut\":\"A\"}", &cifar, 853018);
	expect_count("{\"kind\":\"resnet110\",\"shortcut\":\"A\"}", &cifar, 1727962);
	expect_count("\"resnet18\"", &cifar, 11173962);
}

Test(net_names, networks_for_imagenet_have_their_parameters)
{
	expect_count("\"resnet18\"", &imagenet, 11689512);
	expect_count("\"resnet34\"", &imagenet, 21797672);
	expect_count("\"resnet50\"", &imagenet, 25557032);
	expect_count("\"alexnet\"", &imagenet, 61100840);
	expect_count("\"vgg11\"", &imagenet, 132863336);
}

/* cnn and the small resnet, spelt out layer by layer. */
Test(net_names, sequential_makes_what_the_list_says)
{
	expect_count("{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"conv\",\"channels\":20,\"kernel\":5},"
	             "\"relu\","
	             "{\"kind\":\"max-pool\",\"kernel\":2},{\"kind\":\"conv\",\"channels\":50,\"kernel\":5},"
	             "\"relu\","
	             "{\"kind\":\"max-pool\",\"kernel\":2},\"flatten\",{\"kind\":\"linear\",\"width\":500},"
	             "\"relu\"]}",
	             &grey, 431080);
	expect_count(
	        "{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"conv\",\"channels\":16,\"kernel\":3,"
	        "\"padding\":1,\"bias\":false},\"norm\",\"relu\",{\"kind\":\"block\",\"channels\":16},"
	        "{\"kind\":\"block\",\"channels\":16},{\"kind\":\"block\",\"channels\":16},"
	        "{\"kind\":\"block\",\"channels\":32,\"stride\":2},{\"kind\":\"block\",\"channels\":32},"
	        "{\"kind\":\"block\",\"channels\":32},{\"kind\":\"block\",\"channels\":64,\"stride\":2},"
	        "{\"kind\":\"block\",\"channels\":64},{\"kind\":\"block\",\"channels\":64},\"global-mean\"]}",
	        &cifar, 272474);
	expect_count("\"sequential\"", &grey, 7850);
	const struct model_env text = {.data = {.n_classes = 50, .window = 7}, .batch = 2};
	expect_count("{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"embed\",\"width\":8},{\"kind\":"
	             "\"qrnn\",\"width\":9,"
	             "\"window\":2},{\"kind\":\"dropout\",\"variational\":true},{\"kind\":\"qrnn\",\"width\":"
	             "10}]}",
	             &text, 50 * 8 + 3 * 9 * (2 * 8 + 1) + 3 * 10 * (9 + 1) + 50 * (10 + 1));
}

/* --- torchvision's lists -------------------------------------------------------------------------------- */

/* The model that the list in names.txt is about, and how far it has been compared. */
struct list {
	struct fixture f;
	size_t tensors, running;
};

static void list_end(struct list *l)
{
	struct tensor t;
	if (!l->f.model)
		return;
	cr_expect(!l->f.model->tensor(l->f.choice.state, &l->f.env, l->tensors, &t), "%s: has %s besides",
	          l->f.model->row.name, t.name);
	cr_expect(!l->f.model->running(l->f.choice.state, &l->f.env, l->running, &t), "%s: has %s besides",
	          l->f.model->row.name, t.name);
	fixture_close(&l->f);
}

static void list_begin(struct list *l, const char *line)
{
	char name[64], json[80];
	size_t n;
	list_end(l);
	cr_assert_eq(sscanf(line, "model %63s %zu", name, &n), 2, "%s", line);
	snprintf(json, sizeof json, "\"%s\"", name);
	*l = (struct list){0};
	fixture_settings(&l->f, json, &imagenet);
	cr_expect_eq(l->f.model->n_params(l->f.choice.state, &l->f.env), n, "%s", name);
}

static void list_compare(struct list *l, const char *line)
{
	struct tensor t;
	bool running = strstr(line, "running_") != NULL;
	size_t *index = running ? &l->running : &l->tensors;
	bool there = running ? l->f.model->running(l->f.choice.state, &l->f.env, *index, &t)
	                     : l->f.model->tensor(l->f.choice.state, &l->f.env, *index, &t);
	cr_assert(there, "%s: nothing where torchvision has %s", l->f.model->row.name, line);
	char found[200];
	int used = snprintf(found, sizeof found, "%s", t.name);
	for (int i = 0; i < t.rank; i++)
		used += snprintf(found + used, sizeof found - (size_t)used, " %zu", t.dims[i]);
	cr_expect_str_eq(found, line, "%s", l->f.model->row.name);
	++*index;
}

Test(net_names, tensors_are_torchvisions)
{
	struct list l = {0};
	char line[200];
	int lines = 0;
	FILE *file = fopen("tests/golden/names.txt", "r");
	cr_assert_not_null(file);
	while (fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = 0;
		if (strncmp(line, "model ", 6) == 0)
			list_begin(&l, line);
		else
			list_compare(&l, line);
		lines++;
	}
	list_end(&l);
	fclose(file);
	cr_expect_gt(lines, 500);
}

/* --- refusals ------------------------------------------------------------------------------------------ */

static void expect_refused(const char *json, const struct model_env *env, const char *expected)
{
	struct fixture f;
	struct err e = {0};
	fixture_settings(&f, json, env);
	cr_expect_eq(f.model->check(f.choice.state, &f.env, &e), -1, "%s was accepted", json);
	cr_expect(strstr(e.text, expected), "%s: found \"%s\", expected \"%s\" in it", json, e.text,
	          expected);
	fixture_close(&f);
}

Test(net_names, what_does_not_fit_is_refused_by_its_layer)
{
	struct model_env text = {.data = {.n_classes = 50, .window = 7}, .batch = 2};
	expect_refused("\"alexnet\"", &cifar, "a window of 3 x 3 (stride 2, padding 0) does not fit");
	expect_refused("\"vgg11\"", &grey, "does not fit");
	expect_refused("{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"conv\",\"channels\":6,\"kernel\":3,"
	               "\"groups\":"
	               "2}]}",
	               &cifar, "layer \"0\": 2 groups do not divide its 3 input and 6 output channels");
	expect_refused("{\"kind\":\"sequential\",\"layers\":[\"relu\",{\"kind\":\"conv\",\"channels\":6,"
	               "\"kernel\":40}]}",
	               &cifar, "layer \"1\": a window of 40 x 40");
	expect_refused("{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"block\",\"channels\":2,\"shortcut\":"
	               "\"A\"}]}",
	               &cifar, "a shortcut cannot lead from 3 to 2 channels");
	expect_refused("\"sequential\"", &text, "an embedding must come first");
	expect_refused("{\"kind\":\"sequential\",\"layers\":[\"relu\"]}", &text,
	               "an embedding must come first");
	expect_refused("{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"embed\",\"width\":3},{\"kind\":"
	               "\"embed\",\"width\":3}]}",
	               &text, "layer \"1\": an embedding reads tokens");
	expect_refused("\"cnn\"", &text, "sequence of tokens");
}

static void expect_accepted(const char *json, const struct model_env *env)
{
	struct fixture f;
	struct err e = {0};
	fixture_settings(&f, json, env);
	cr_expect_eq(f.model->check(f.choice.state, &f.env, &e), 0, "%s: %s", json, e.text);
	fixture_close(&f);
}

#define LAYERS(list) "{\"kind\":\"sequential\",\"layers\":[" list "]}"

/* As torch.nn.BatchNorm2d: "Expected more than 1 value per channel when training". */
Test(net_names, normalisation_over_one_value_a_channel_is_refused_by_its_layer)
{
	static const char one[] = "found one value a channel (a batch of 1 and images of 1 x 1)";
	static const char *const to_one[] = {
	        LAYERS("\"flatten\",{\"kind\":\"linear\",\"width\":5},\"norm\""),
	        LAYERS("\"relu\",{\"kind\":\"conv\",\"channels\":5,\"kernel\":8},\"norm\""),
	        LAYERS("\"relu\",\"global-mean\",\"norm\""),
	        LAYERS("{\"kind\":\"max-pool\",\"kernel\":8},\"relu\",\"norm\",\"relu\""),
	};
	struct model_env env = {.data = {.channels = 3, .height = 8, .width = 8, .n_classes = 10},
	                        .batch = 1};
	for (size_t i = 0; i < sizeof to_one / sizeof *to_one; i++) {
		env.batch = 1;
		expect_refused(to_one[i], &env, "layer \"2\"");
		expect_refused(to_one[i], &env, one);
		env.batch = 2;
		expect_accepted(to_one[i], &env);
	}
	env.batch = 1;
	expect_refused(LAYERS("{\"kind\":\"max-pool\",\"kernel\":8},{\"kind\":\"block\",\"channels\":4}"),
	               &env, one);
	expect_refused("\"resnet18\"", &env, "layer \"layer4.0.bn1\": found one value a channel");
	expect_accepted(LAYERS("{\"kind\":\"max-pool\",\"kernel\":4},\"norm\""), &env);
	env.data.width = 16;
	expect_accepted(LAYERS("{\"kind\":\"max-pool\",\"kernel\":8},\"norm\""), &env);
}
