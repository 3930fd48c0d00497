/* The layers that settings derive (compressor/layers.h): the parameter tensors of the model, all of x. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "experiment/experiment.h"
#include "models/model.h"

#define GLYPHS "\"data\":{\"kind\":\"glyphs\",\"train\":200,\"test\":50},"

static void read_one(struct runs *r, const char *model)
{
	struct err e = {0};
	char text[512];
	snprintf(text, sizeof text, "{\"name\":\"t\",\"steps\":2,\"workers\":3,\"batch\":4,%s}", model);
	cr_assert_eq(experiment_parse(r, "x.json", text, strlen(text), NULL, 0, &e), 0, "%s", e.text);
	cr_assert_eq(r->count, 1);
}

Test(layers, are_all_of_x_without_gaps)
{
	static const char *const models[] = {
	        "\"model\":{\"kind\":\"quadratic\",\"dimensions\":70}",
	        GLYPHS "\"model\":{\"kind\":\"mlp\",\"hidden\":[30,20]}",
	        GLYPHS "\"model\":\"cnn\"",
	        GLYPHS "\"model\":{\"kind\":\"sequential\",\"layers\":[{\"kind\":\"conv\",\"channels\":6,"
	               "\"kernel\":5},\"norm\",\"relu\"]}",
	};
	for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
		struct runs r;
		read_one(&r, models[i]);
		const struct settings *s = &r.at[0];
		const struct model_env env = settings_model_env(s, NULL);
		size_t at = 0;
		for (size_t l = 0; l < s->layers->count; l++) {
			const struct layer_range *layer = &s->layers->at[l];
			cr_expect_eq(layer->begin, at);
			cr_assert_gt(layer->end, layer->begin);
			at = layer->end;
			cr_expect(layer->rows == 0 || (at - layer->begin) % layer->rows == 0);
		}
		cr_expect_eq(at, env.model->n_params(s->model.state, &env), "%s", models[i]);
		runs_clear(&r);
	}
}

/* A convolution is a row an output channel, its bias no matrix. */
Test(layers, know_which_are_matrices)
{
	struct runs r;
	read_one(&r, GLYPHS "\"model\":{\"kind\":\"mlp\",\"hidden\":[30]}");
	const struct layers *l = r.at[0].layers;
	cr_assert_eq(l->count, 4);
	cr_expect_eq(l->at[0].rows, 30);
	cr_expect_eq(l->at[1].rows, 0);
	cr_expect_eq(l->at[1].end - l->at[1].begin, 30);
	cr_expect_eq(l->at[3].rows, 0);
	runs_clear(&r);
}
