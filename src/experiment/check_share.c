/* Who shares the training set: the batch of each worker, and whether its shard has one. */
#include "adversary/attack.h"
#include "data/hold_out.h"
#include "data/text/text_walk.h"
#include "experiment/check_internal.h"
#include "models/model.h"
#include "registry.h"

int check_data_seed(struct settings *s, const struct json *root, struct err *e)
{
	const struct json *given = json_member(root, "data_seed");
	if (given && given->type != JSON_NULL && s->data_seed == 0 && s->seed != 0)
		return json_bad(e, given, "a seed above 0, or none, which means `seed`");
	if (s->data_seed == s->seed)
		s->data_seed = 0;
	return 0;
}

int check_validation(struct settings *s, const struct json *root, struct err *e)
{
	double share = hold_out_share(&s->data);
	size_t all = s->shape.n_train, count = hold_out_count(all, share);
	const char *unit = s->shape.window > 0 ? "tokens" : "samples";
	if (share == 0)
		return 0;
	if (count == 0 || count == all)
		return json_say(e, check_place(root, "data.validation"),
		                "a share of %g of %zu training %s leaves none to %s; expected a share that "
		                "is at least "
		                "one of them, and not all",
		                share, all, unit, count ? "train on" : "validate on");
	s->shape.n_validation = count;
	s->shape.n_train = all - count;
	return 0;
}

/* Byzantine workers without data have no gradient to forge from, or to be honest with for a while. */
static int check_without_data(const struct settings *s, const struct json *root, struct err *e)
{
	const struct attack *attack = (const struct attack *)s->adversaries.attack.row;
	struct buf names = {0};
	if (attack->without_data)
		return 0;
	for (const struct row *const *r = family_attacks.rows; *r; r++)
		if (((const struct attack *)*r)->without_data)
			buf_format(&names, "%s\"%s\"", names.length ? ", " : "", (*r)->name);
	json_say(e, check_place(root, "adversaries.data"),
	         "attack \"%s\" needs the worker's own gradient, and with \"none\" there are no data to make "
	         "it of; "
	         "expected \"own\", or one of the attacks that need none: %s",
	         attack->row.name, names.text);
	buf_clear(&names);
	return -1;
}

int check_batches(struct arena *a, struct settings *s, const struct json *root, struct err *e)
{
	const struct ints *given = &s->batch.given;
	const struct json *list = json_member(root, "batch");
	size_t workers = (size_t)s->workers;
	if (list && list->type == JSON_ARRAY && given->count != workers)
		return json_say(e, list,
		                "found %zu batches, expected one number, or one for each of %zu workers",
		                given->count, workers);
	bool idle = s->adversaries.count > 0 && s->adversaries.data == ADVERSARIES_NONE;
	if (idle && check_without_data(s, root, e))
		return -1;
	int64_t *of = arena_alloc(a, workers * sizeof *of);
	s->batch.most = s->batch.all = 0;
	for (size_t w = 0; w < workers; w++) {
		if (!idle || !settings_is_byzantine(s, (int)w))
			of[w] = given->at[given->count == 1 ? 0 : w];
		s->batch.all += of[w];
		if (of[w] > s->batch.most)
			s->batch.most = of[w];
	}
	s->batch.of = of;
	return 0;
}

/* Workers that have data. */
static int64_t sharers(const struct settings *s)
{
	int64_t count = 0;
	for (int64_t w = 0; w < s->workers; w++)
		count += s->batch.of[w] > 0;
	return count;
}

/* A batch that is more than its worker's shard. */
static int say_small(const struct settings *s, const struct json *root, const size_t *size, int64_t w,
                     struct err *e)
{
	bool same = s->batch.given.count == 1;
	for (int64_t i = 0; i < s->workers; i++)
		same = same && (s->batch.of[i] == 0 || size[i] == size[w]);
	if (same)
		return json_say(e, check_place(root, "batch"),
		                "a batch of %lld is more than a worker's shard of %zu samples (%zu over %lld "
		                "workers)",
		                (long long)s->batch.of[w], size[w], s->shape.n_train, (long long)sharers(s));
	return json_say(
	        e, check_place(root, "batch"),
	        "a batch of %lld is more than the shard of worker %lld, which partition \"%s\" gives %zu "
	        "samples",
	        (long long)s->batch.of[w], (long long)w, s->partition.row->name, size[w]);
}

int check_shards(struct arena *a, struct settings *s, const struct json *root, struct err *e)
{
	const struct partition_share share = settings_share(s);
	size_t *size = arena_alloc(a, (size_t)s->workers * sizeof *size);
	int64_t used = (int64_t)s->shape.n_train;
	int rc = partition_sizes(&share, &s->shape, size, e);
	if (rc < 0)
		return check_say_at(e, root, "partition");
	if (rc == 0) {
		used = 0;
		for (int64_t w = 0; w < s->workers; w++) {
			if ((size_t)s->batch.of[w] > size[w])
				return say_small(s, root, size, w, e);
			used += (int64_t)size[w];
		}
	} else if (s->batch.all > used) {
		return json_say(
		        e, check_place(root, "batch"),
		        "the batches of a step are %lld samples, more than the %lld of the training set",
		        (long long)s->batch.all, (long long)used);
	}
	s->steps_per_epoch = (struct ratio){used, s->batch.all};
	return 0;
}

/* A text is cut into one column for each sequence of each worker. */
int check_text(struct settings *s, const struct json *root, struct err *e)
{
	const struct row *shards = family_find(&family_partitions, "shards");
	size_t columns = (size_t)s->batch.all, batch = (size_t)s->batch.most;
	if (!((const struct model *)s->model.row)->build)
		return json_say(e, check_place(root, "model"),
		                "model \"%s\" reads images, and data \"%s\" is text", s->model.row->name,
		                s->data.row->name);
	if (json_member(root, "partition") && s->partition.row != shards)
		return json_say(e, check_place(root, "partition"),
		                "a text is divided into one contiguous shard for each worker; expected "
		                "\"shards\", or no `partition`");
	s->partition = (struct choice){.row = shards};
	if (s->record.sign_failure > 0)
		return json_say(e, check_place(root, "record.sign_failure"),
		                "a text has no full-data gradient, because its sequences carry a state");
	if (text_positions(s->shape.n_train, columns) == 0)
		return s->batch.given.count == 1
		               ? json_say(e, check_place(root, "batch"),
		                          "%zu training tokens are too few for %lld workers with %lld "
		                          "sequences each",
		                          s->shape.n_train, (long long)sharers(s), (long long)s->batch.most)
		               : json_say(e, check_place(root, "batch"),
		                          "%zu training tokens are too few for %lld sequences",
		                          s->shape.n_train, (long long)s->batch.all);
	if (s->shape.n_validation > 0 && text_positions(s->shape.n_validation, batch) == 0)
		return json_say(e, check_place(root, "data.validation"),
		                "%zu validation tokens are too few for %lld sequences", s->shape.n_validation,
		                (long long)s->batch.most);
	if (text_positions(s->shape.n_test, batch) == 0)
		return json_say(e, check_place(root, "batch"),
		                "%zu test tokens are too few for %lld sequences", s->shape.n_test,
		                (long long)s->batch.most);
	s->steps_per_epoch = (struct ratio){(int64_t)text_walk_steps(&s->shape, columns, s->seed), 1};
	return 0;
}
