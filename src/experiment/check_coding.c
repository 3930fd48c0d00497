/* What election coding needs of its run, and who then has which parts. */
#include <string.h>
#include "direction/direction.h"
#include "experiment/check_internal.h"
#include "models/model.h"

static int check_momentum(const struct settings *s, const struct json *root, struct err *e)
{
	bool later = s->momentum_at.count > 0;
	if (s->momentum <= 0 && !later)
		return 0;
	return json_say(e, check_place(root, later ? "momentum_at" : "momentum"),
	                "with `coding` a worker sends the majority of the signs of gradients, which have no "
	                "momentum; expected \"momentum\": 0, and no `momentum_at`");
}

static int check_data(const struct settings *s, const struct json *root, struct err *e)
{
	const struct model *model = (const struct model *)s->model.row;
	const struct model_env env = settings_model_env(s, NULL);
	if (model->carry_floats && model->carry_floats(s->model.state, &env) > 0)
		return json_say(e, check_place(root, "coding"),
		                "model \"%s\" carries a state from batch to batch, which workers that share "
		                "parts of the data do not; expected a model without one",
		                model->row.name);
	for (int64_t w = 0; w < s->workers; w++)
		if (s->batch.of[w] == 0)
			return json_say(
			        e, check_place(root, "coding"),
			        "each worker's shard is a part that others compute too, and worker "
			        "%lld has none; expected \"data\": \"own\" of adversaries, and batches "
			        "above 0",
			        (long long)w);
	return 0;
}

int check_coding(struct arena *a, struct settings *s, const struct json *root, struct err *e)
{
	const struct coding *coding = (const struct coding *)s->coding.row;
	if (!coding)
		return 0;
	if (coding->check && coding->check(s->coding.state, (int)s->workers, e))
		return check_say_at(e, root, "coding");
	if (strcmp(s->compressor.row->name, "sign") != 0)
		return json_say(e, check_place(root, "coding"),
		                "a worker sends the majority of signs, and compressor \"%s\" says something "
		                "else; expected compressor \"sign\"",
		                s->compressor.row->name);
	if (!((const struct direction *)s->direction.row)->in_place)
		return json_say(
		        e, check_place(root, "direction"),
		        "with `coding` a worker sends the majority of the signs of gradients, of which "
		        "\"%s\" makes no vector; expected \"momentum\", with \"momentum\": 0",
		        s->direction.row->name);
	if (s->record.norms > 0)
		return json_say(
		        e, check_place(root, "record.norms"),
		        "with `coding` a worker has gradients of several batches, and no norm of one; "
		        "leave it out");
	if (check_momentum(s, root, e) || check_data(s, root, e))
		return -1;
	s->parts = parts_make(a, &s->coding, s->seed, (int)s->workers);
	return 0;
}
