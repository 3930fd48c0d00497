/*
 * What every network must do: a walk through the registry. What all other models must do is in
 * tests/models/test_models.c; numbers of PyTorch are in tests/models/graph/test_golden_nets.c.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include "registry.h"
#include "tests/support/machines.h"
#include "tests/support/net_fixture.h"

static void both_machines(const struct net_suit *s, void (*try)(struct net_fixture *t))
{
	for (const struct row *const *machine = machines_on_host(); *machine; machine++) {
		struct net_fixture t;
		if (s->heavy && strcmp((*machine)->name, "ref") == 0)
			continue;
		net_fixture_open(&t, s, (*machine)->name, NET_BATCH);
		try(&t);
		net_fixture_close(&t);
	}
}

static void same_bits(const struct net_fixture *t, const float *a, const float *b, const char *than)
{
	cr_expect_eq(memcmp(a, b, t->f.n * sizeof *a), 0, "%s: other bits than %s", t->what, than);
}

/* --- sizes --------------------------------------------------------------------------------------------- */

typedef bool tensor_of(const void *state, const struct model_env *env, size_t index, struct tensor *t);

static void expect_no_gaps(const struct net_fixture *f, tensor_of *tensor, size_t all)
{
	struct tensor t;
	size_t n = 0, index = 0;
	for (; tensor(f->f.choice.state, &f->f.env, index, &t); index++) {
		size_t count = 1;
		cr_assert(t.rank >= 1 && t.rank <= 4, "%s: rank %d", f->what, t.rank);
		for (int d = 0; d < t.rank; d++)
			count *= t.dims[d];
		cr_expect_eq(t.offset, n, "%s: %s begins at %zu, expected %zu", f->what, t.name, t.offset, n);
		cr_expect_eq(t.count, count, "%s: %s", f->what, t.name);
		cr_expect(t.name[0]);
		n += t.count;
	}
	cr_expect_eq(n, all, "%s: tensors hold %zu numbers of %zu", f->what, n, all);
}

static void try_sizes(struct net_fixture *t)
{
	const struct model *m = t->f.model;
	size_t correct, lane = m->lane_bytes(t->f.choice.state, &t->f.env),
	                shared = m->shared_bytes(t->f.choice.state, &t->f.env);
	expect_no_gaps(t, m->tensor, t->f.n);
	expect_no_gaps(t, m->running, t->running_floats);
	cr_expect_eq(fixture_alloc_bytes, lane + shared, "%s: took %zu bytes, announced %zu", t->what,
	             fixture_alloc_bytes, lane + shared);
	struct model_env env = t->f.env;
	env.sibling = t->f.instance;
	void *sibling = m->create(t->f.choice.state, &env);
	cr_expect_eq(fixture_alloc_bytes, 2 * lane + shared, "%s: a sibling takes more than a lane", t->what);
	m->destroy(sibling);
	size_t before = fixture_alloc_bytes;
	net_grad(t);
	net_eval(t, 0, NET_BATCH, &correct);
	net_eval(t, 0, 1, &correct);
	cr_expect_eq(fixture_alloc_bytes, before, "%s: allocates after create()", t->what);
}

static void suit_sizes(const struct net_suit *s)
{
	both_machines(s, try_sizes);
}

Test(nets, tensors_cover_the_parameters_and_instances_take_what_was_announced)
{
	net_each_suit(true, suit_sizes);
}

/* Layers in words: their parameters are the network's, and there is work in them. */
static void suit_words(const struct net_suit *s)
{
	struct fixture f;
	struct model_env env = net_suit_env(s, NET_BATCH);
	struct layer_info info;
	size_t index = 0, params = 0;
	double work = 0;
	fixture_settings(&f, s->json, &env);
	for (; f.model->layer(f.choice.state, &f.env, NULL, index, &info); index++) {
		params += info.params;
		work += info.multiply_adds;
		cr_expect(info.kind[0] && info.shape[0], "%s: layer %zu", s->json, index);
	}
	cr_expect_eq(params, f.model->n_params(f.choice.state, &f.env), "%s", s->json);
	cr_expect_geq(work, (double)params / 50, "%s", s->json);
	fixture_close(&f);
}

Test(nets, layers_in_words_hold_all_parameters)
{
	net_each_suit(true, suit_words);
}

/*
 * Make what residual blocks add small: deep networks with normalisation over few samples turn the rounding of
 * their first layers into differences of several per cent otherwise, on any machine.
 */
static void calm(struct net_fixture *t)
{
	struct tensor tensor;
	for (size_t k = 0; t->f.model->tensor(t->f.choice.state, &t->f.env, k, &tensor); k++)
		if (strstr(tensor.name, ".bn2.weight") || strstr(tensor.name, ".bn3.weight"))
			for (size_t i = 0; i < tensor.count; i++)
				t->f.x[tensor.offset + i] = 0.125f;
	t->f.model->load(t->f.instance, t->f.x);
}

/* --- start and gradients ------------------------------------------------------------------------------- */

static void try_start(struct net_fixture *t)
{
	struct model_env env = t->f.env;
	float *again = mem_array(t->f.n, sizeof *again);
	void *twin = t->f.model->create(t->f.choice.state, &env);
	memset(again, 0xff, t->f.n * sizeof *again);
	t->f.model->init(twin, again);
	same_bits(t, again, t->f.x, "with the same seed");
	t->f.model->destroy(twin);
	env.seed = 2;
	twin = t->f.model->create(t->f.choice.state, &env);
	t->f.model->init(twin, again);
	cr_expect_neq(memcmp(again, t->f.x, t->f.n * sizeof *again), 0, "%s: another seed, same start",
	              t->what);
	t->f.model->destroy(twin);
	mem_free(again);
}

static void suit_start(const struct net_suit *s)
{
	both_machines(s, try_start);
}

Test(nets, the_start_is_a_function_of_the_seed)
{
	net_each_suit(false, suit_start);
}

static void try_bits(struct net_fixture *t)
{
	struct model_env env = t->f.env;
	const struct model *m = t->f.model;
	size_t correct;
	float *first = mem_array(t->f.n, sizeof *first);
	memset(t->f.g, 0xff, t->f.n * sizeof *t->f.g); /* NaN */
	double loss = net_grad(t);
	cr_expect(isfinite(loss), "%s: loss %g", t->what, loss);
	for (size_t i = 0; i < t->f.n; i++)
		cr_assert(isfinite(t->f.g[i]), "%s: g[%zu] was not written", t->what, i);
	memcpy(first, t->f.g, t->f.n * sizeof *first);
	net_eval(t, 3, 4, &correct);
	cr_expect_eq(net_grad(t), loss);
	same_bits(t, t->f.g, first, "before an evaluation");
	env.sibling = t->f.instance; /* which is not loaded, and shares what the first has made */
	env.profile = true;
	void *sibling = m->create(t->f.choice.state, &env);
	memset(t->f.g, 0xff, t->f.n * sizeof *t->f.g);
	cr_expect_eq(m->grad(sibling, t->f.x, &t->batch, t->f.g), loss);
	same_bits(t, t->f.g, first, "without a profile, and by the first of siblings");
	struct layer_info info;
	double spent = 0;
	for (size_t i = 0; m->layer(t->f.choice.state, &env, sibling, i, &info); i++)
		spent += info.forward_s + info.backward_s;
	cr_expect_gt(spent, 0, "%s: a profile without times", t->what);
	m->destroy(sibling);
	mem_free(first);
}

static void suit_bits(const struct net_suit *s)
{
	both_machines(s, try_bits);
}

Test(nets, a_gradient_depends_on_the_batch_alone)
{
	net_each_suit(true, suit_bits);
}

/* Relative error of every tensor of g against `right`. */
static void expect_near(const struct net_fixture *t, const float *right, double most, const char *than)
{
	struct tensor tensor;
	for (size_t k = 0; t->f.model->tensor(t->f.choice.state, &t->f.env, k, &tensor); k++) {
		double wrong = 0, norm = 0, all = 0;
		for (size_t i = tensor.offset; i < tensor.offset + tensor.count; i++) {
			double d = (double)t->f.g[i] - (double)right[i];
			wrong += d * d;
			norm += (double)right[i] * (double)right[i];
		}
		for (size_t i = 0; i < t->f.n; i++)
			all += (double)right[i] * (double)right[i];
		/* some gradients are zero but for rounding: of a bias before a normalisation */
		cr_expect_leq(sqrt(wrong), most * sqrt(norm) + 1e-7 * sqrt(all), "%s: %s is off by %.2g, %s",
		              t->what, tensor.name, sqrt(wrong / norm), than);
	}
}

static void suit_machines(const struct net_suit *s)
{
	struct net_fixture ref, cpu;
	net_fixture_open(&ref, s, "ref", NET_BATCH);
	net_fixture_open(&cpu, s, "cpu", NET_BATCH);
	calm(&ref);
	calm(&cpu);
	ref.batch.running = ref.running;
	cpu.batch.running = cpu.running;
	double right = net_grad(&ref), found = net_grad(&cpu);
	cr_expect_float_eq(found, right, 1e-5 * right, "%s: loss %.9g, ref has %.9g", cpu.what, found, right);
	expect_near(&cpu, ref.f.g, 1e-3, "against ref");
	for (size_t i = 0; i < ref.running_floats; i++)
		cr_expect_float_eq(cpu.running[i], ref.running[i], 1e-4f * (1 + fabsf(ref.running[i])),
		                   "%s: running[%zu] is %g, ref has %g", cpu.what, i, (double)cpu.running[i],
		                   (double)ref.running[i]);
	net_fixture_close(&ref);
	net_fixture_close(&cpu);
}

Test(nets, cpu_is_what_ref_says)
{
	net_each_suit(false, suit_machines);
}

/* --- slopes -------------------------------------------------------------------------------------------- */

/*
 * Differences of the training loss, under the masks of one step, against the gradient: for some coordinates
 * of every tensor. Kinks and curvature part the slopes to either side; the gradient must lie between them.
 */
static void try_slope(struct net_fixture *t, size_t i, double gradient, double here, double largest)
{
	const double h = 0x1p-10;
	float x = t->f.x[i], up = (float)((double)x + h), down = (float)((double)x - h);
	t->f.x[i] = up;
	t->f.model->load(t->f.instance, t->f.x);
	double above = (net_grad(t) - here) / ((double)up - (double)x);
	t->f.x[i] = down;
	t->f.model->load(t->f.instance, t->f.x);
	double below = (here - net_grad(t)) / ((double)x - (double)down);
	t->f.x[i] = x;
	double error = fabs(0.5 * (above + below) - gradient) - 0.5 * fabs(above - below);
	cr_expect_lt(error, 3e-3 * largest, "%s: g[%zu] = %g is off by %g, slopes %g and %g", t->what, i,
	             gradient, error, below, above);
}

enum { SLOPES = 60 }; /* of a network, one a tensor at least */

static void suit_slopes(const struct net_suit *s)
{
	struct net_fixture t;
	struct tensor tensor;
	size_t tensors = 0;
	double largest = 0;
	net_fixture_open(&t, s, "ref", NET_BATCH);
	calm(&t);
	while (t.f.model->tensor(t.f.choice.state, &t.f.env, tensors, &tensor))
		tensors++;
	double here = net_grad(&t);
	float *g = mem_array(t.f.n, sizeof *g);
	memcpy(g, t.f.g, t.f.n * sizeof *g);
	for (size_t i = 0; i < t.f.n; i++)
		largest = fmax(largest, fabs((double)g[i]));
	cr_expect_gt(largest, 0, "%s: no slope anywhere", t.what);
	struct stream pick = stream_of(5, RNG_TEST, 0, 0);
	for (size_t k = 0; t.f.model->tensor(t.f.choice.state, &t.f.env, k, &tensor); k++)
		for (size_t j = 0; j == 0 || j < SLOPES / tensors; j++) {
			size_t i =
			        tensor.offset + stream_below(&pick, k * SLOPES + j, (uint32_t)tensor.count);
			try_slope(&t, i, (double)g[i], here, largest);
		}
	mem_free(g);
	net_fixture_close(&t);
}

Test(nets, gradients_are_the_slopes_of_the_training_loss)
{
	net_each_suit(false, suit_slopes);
}

/* --- short batches ------------------------------------------------------------------------------------- */

static void try_short_eval(struct net_fixture *t)
{
	size_t correct, one, sum_correct = 0;
	double sum = 0;
	t->batch.running = t->running;
	net_grad(t); /* statistics that are not the first ones */
	double all = net_eval(t, 0, NET_BATCH, &correct);
	for (int i = 0; i < NET_BATCH; i++) {
		sum += net_eval(t, i, 1, &one);
		sum_correct += one;
	}
	cr_expect_float_eq(sum, all, 1e-5 * all, "%s: one by one %.9g, together %.9g", t->what, sum, all);
	cr_expect_eq(sum_correct, correct, "%s", t->what);
}

static void suit_short_eval(const struct net_suit *s)
{
	both_machines(s, try_short_eval);
}

Test(nets, evaluation_takes_fewer_samples_than_planned)
{
	net_each_suit(true, suit_short_eval);
}

static void try_short_grad(struct net_fixture *t)
{
	struct model_env env = t->f.env;
	const struct model *m = t->f.model;
	float *right = mem_array(t->f.n, sizeof *right);
	env.batch = t->batch.count = 3;
	void *planned = m->create(t->f.choice.state, &env);
	m->load(planned, t->f.x);
	double loss = m->grad(planned, t->f.x, &t->batch, right), found = net_grad(t);
	cr_expect_float_eq(found, loss, 1e-6 * loss, "%s: loss %.9g, planned for 3 %.9g", t->what, found,
	                   loss);
	expect_near(t, right, 1e-4, "against a network planned for 3");
	m->destroy(planned);
	mem_free(right);
}

static void suit_short_grad(const struct net_suit *s)
{
	/* without dropout, whose numbers are counted by place in the batch */
	if (!strstr(s->json, "dropout"))
		both_machines(s, try_short_grad);
}

Test(nets, a_gradient_of_fewer_samples_is_that_of_a_network_planned_for_them)
{
	net_each_suit(false, suit_short_grad);
}

/* --- learning ------------------------------------------------------------------------------------------ */

enum { TEN = 10, LEARNING_STEPS = 6 };

/* Steps of -lr sign(g), which need no rate of the model's own. */
static void suit_learning(const struct net_suit *s)
{
	struct net_fixture t;
	double first = 0, last = 0;
	net_fixture_open(&t, s, "cpu", TEN);
	uint64_t *signs = mem_array(sign_plane_bytes(t.f.n), 1);
	for (int step = 0; step <= LEARNING_STEPS; step++) {
		last = net_grad(&t);
		first = step ? first : last;
		t.f.be.sign_pack(NULL, t.f.n, t.f.g, SIGN_POSITIVE, NULL, 0, signs, NULL);
		t.f.be.sign_apply(NULL, t.f.n, signs, NULL, s->heavy ? 2e-4f : 2e-3f, 0, t.f.x);
		t.f.model->load(t.f.instance, t.f.x);
	}
	cr_expect_lt(last, 0.97 * first, "%s: loss %g after %d steps, %g before", t.what, last,
	             LEARNING_STEPS, first);
	mem_free(signs);
	net_fixture_close(&t);
}

Test(nets, the_loss_on_ten_samples_falls)
{
	net_each_suit(true, suit_learning);
}
