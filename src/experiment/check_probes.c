/* What `record` asks for and cannot have, with the sentences that say so. */
#include <math.h>
#include "aggregator/rule_run.h"
#include "experiment/check.h"
#include "models/model.h"
#include "registry.h"

/* `epochs` become steps, behind those of `at`. */
static int settle_epochs(struct arena *a, struct settings *s, struct err *e)
{
	struct ints *at = &s->record.noise.at;
	const struct reals *epochs = &s->record.noise.epochs;
	if (epochs->count == 0)
		return 0;
	if (s->steps_per_epoch.over == 0)
		return err_user(e, "gradient_noise.epochs: data \"%s\" has no epochs", s->data.row->name);
	int64_t *all = arena_alloc(a, (at->count + epochs->count) * sizeof *all);
	for (size_t i = 0; i < at->count; i++)
		all[i] = at->at[i];
	for (size_t i = 0; i < epochs->count; i++) {
		int64_t steps = ratio_ceil(epochs->at[i], s->steps_per_epoch);
		if (steps < 0 || steps > s->steps)
			return err_user(e,
			                "gradient_noise.epochs: epoch %g begins after step %.0f, and the run "
			                "ends after step %lld",
			                epochs->at[i], ceil(epochs->at[i] * ratio_value(s->steps_per_epoch)),
			                (long long)s->steps);
		all[at->count + i] = steps;
	}
	*at = (struct ints){at->count + epochs->count, all};
	s->record.noise.epochs = (struct reals){0}; /* the resolved settings say it once, in steps */
	return 0;
}

/*
 * Every time comes once, or one measurement would have several identities. `epochs` are steps by now; `at`
 * gave the first of them, as many as `given`.
 */
static int check_times(const struct settings *s, size_t given, struct err *e)
{
	const struct ints *at = &s->record.noise.at;
	for (size_t i = 0; i < at->count; i++) {
		if (at->at[i] > s->steps)
			return err_user(
			        e,
			        "gradient_noise.at: step %lld is never reached: the run ends after step %lld",
			        (long long)at->at[i], (long long)s->steps);
		for (size_t j = 0; j < i; j++)
			if (at->at[i] == at->at[j])
				return err_user(
				        e,
				        "gradient_noise: step %lld is named twice by %s; give each time once",
				        (long long)at->at[i],
				        i < given    ? "`at`"
				        : j >= given ? "`epochs`"
				                     : "`at` and `epochs`");
	}
	return 0;
}

static int check_weights(const struct settings *s, struct err *e)
{
	const struct ints *weights = &s->record.noise.weights;
	const struct model *model = (const struct model *)s->model.row;
	struct model_env env = settings_model_env(s, NULL);
	size_t n = model->n_params(s->model.state, &env);
	if (weights->count + (size_t)s->record.noise.random == 0)
		return err_user(e, "gradient_noise: no weight is named; give `weights` or `random`");
	for (size_t i = 0; i < weights->count; i++) {
		if (weights->at[i] >= (int64_t)n)
			return err_user(
			        e, "gradient_noise.weights: weight %lld does not exist: weights are 0 to %zu",
			        (long long)weights->at[i], n - 1);
		for (size_t j = 0; j < i; j++)
			if (weights->at[i] == weights->at[j])
				return err_user(e, "gradient_noise.weights: weight %lld is named twice",
				                (long long)weights->at[i]);
	}
	if (weights->count + (size_t)s->record.noise.random > n)
		return err_user(
		        e, "gradient_noise: found %zu weights to watch, expected at most the model's %zu",
		        weights->count + (size_t)s->record.noise.random, n);
	return 0;
}

/* The key that asks for passes. */
static const char *asking(const struct settings *s)
{
	return s->record.snr > 0 ? "snr" : s->record.l1_l2 > 0 ? "l1_l2" : "gradient_noise";
}

static int check_data(const struct settings *s, struct err *e)
{
	if (s->shape.n_train == 0)
		return err_user(e, "%s: a full pass needs training samples, and data \"%s\" has none",
		                asking(s), s->data.row->name);
	if (s->shape.window > 0)
		return err_user(
		        e,
		        "%s: full passes are cut into samples, and data \"%s\" is a running text; leave "
		        "it out",
		        asking(s), s->data.row->name);
	if (settings_pass_batches(s) < 2)
		return err_user(
		        e, "%s: noise is measured between mini-batches, and %zu samples make %zu of %lld",
		        asking(s), s->shape.n_train, settings_pass_batches(s), (long long)s->batch.most);
	return 0;
}

/*
 * The full gradient takes what is left of the training set as a batch of that size (models/graph/net.c),
 * which a network with normalisation may refuse.
 */
static int check_leftover(const struct settings *s, struct err *e)
{
	const struct model *model = (const struct model *)s->model.row;
	struct model_env env = settings_model_env(s, NULL);
	env.batch = (int)(s->shape.n_train % (size_t)s->batch.most);
	if (s->record.sign_failure == 0 || env.batch == 0 || !model->check ||
	    !model->check(s->model.state, &env, e))
		return 0;
	return err_prefix(e, "sign_failure: the full gradient of %zu samples by %lld ends with a batch of %d",
	                  s->shape.n_train, (long long)s->batch.most, env.batch);
}

static int check_rule_weights(const struct settings *s, struct err *e)
{
	const struct aggregator *agg = (const struct aggregator *)s->aggregator.row;
	struct rule_says says = rule_says(agg, s->aggregator.state);
	if (s->record.weights == 0 || says.weights || says.chosen || says.buckets)
		return 0;
	return err_user(e,
	                "weights: aggregator \"%s\" makes each coordinate by itself, so that no worker has a "
	                "weight in its answer; expected one that weighs messages, such as \"krum\"",
	                agg->row.name);
}

/* Does a compressor say its vector, in the same measure? */
static bool says_vectors(const struct compressor *c)
{
	return c->says != MESSAGE_SIGNS && !c->lr_inside;
}

/* "none", "one-bit" or "qsgd": those that do. */
static const char *saying_vectors(struct arena *a)
{
	const char *names = "";
	for (const struct row *const *r = family_compressors.rows; *r; r++)
		if (says_vectors((const struct compressor *)*r))
			names = arena_format(a, "%s%s\"%s\"", names, *names ? ", " : "", (*r)->name);
	return names;
}

/* Answer and honest vectors must be vectors of one size. */
static int check_kappa(struct arena *a, const struct settings *s, struct err *e)
{
	const struct method m = settings_method(s);
	if (s->record.kappa == 0 || (says_vectors(m.compressor) && m.pull.kind == MESSAGE_FLOATS))
		return 0;
	return err_user(
	        e,
	        "kappa: compressor \"%s\" sends %s, and kappa compares the answer with the honest "
	        "workers' vectors themselves; expected one of the compressors %s, and an aggregator that "
	        "takes floats",
	        m.compressor->row.name,
	        m.push.kind == MESSAGE_SIGNS ? "signs" : "what has the learning rate in it",
	        saying_vectors(a));
}

static int check_certificate(const struct settings *s, struct err *e)
{
	const struct aggregator *agg = (const struct aggregator *)s->aggregator.row;
	if (s->record.certificate == 0)
		return 0;
	if (!agg->majority)
		return err_user(e,
		                "certificate: it says how many voters could turn a majority, and aggregator "
		                "\"%s\" takes none; expected \"vote\"",
		                agg->row.name);
	if (s->workers < 2)
		return err_user(e, "certificate: it goes up to half of the workers, found 1 worker, expected "
		                   "2 or more");
	return 0;
}

int experiment_check_probes(struct arena *a, struct settings *s, struct err *e)
{
	const size_t given = s->record.noise.at.count;
	if (settle_epochs(a, s, e) || check_leftover(s, e) || check_rule_weights(s, e) ||
	    check_kappa(a, s, e) || check_certificate(s, e))
		return -1;
	bool noise = s->record.noise.every > 0 || s->record.noise.at.count > 0;
	if (!noise && s->record.noise.weights.count + (size_t)s->record.noise.random > 0)
		return err_user(e, "gradient_noise: weights without a time to measure them; give `at`, "
		                   "`epochs` or `every`");
	if (!settings_has_passes(s))
		return 0;
	return check_data(s, e) || (noise && (check_times(s, given, e) || check_weights(s, e))) ? -1 : 0;
}
