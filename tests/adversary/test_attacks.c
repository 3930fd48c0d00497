/* Attacks: each against its formula, randomness against theory; and none knows more than its own view. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "adversary/crowd.h"
#include "registry.h"
#include "tests/support/chance.h"
#include "tests/support/crowd_help.h"
#include "tests/support/machines.h"

enum { GUARD = 16 }; /* floats after a buffer, which must not be written */

static const uint32_t guard_bits = 0x7fc0beef;

struct forger {
	struct arena arena;
	const struct attack *attack;
	void *state;
	struct backend be;
	size_t n;
	size_t memory_floats;
	float *v, *out, *memory; /* [n], [n], [memory_floats], each with a guard behind it */
};

static void fill_bits(float *at, size_t count, uint32_t bits)
{
	for (size_t i = 0; i < count; i++)
		memcpy(at + i, &bits, sizeof bits);
}

static float *guarded(size_t n)
{
	float *at = mem_array(n + GUARD, sizeof *at);
	fill_bits(at + n, GUARD, guard_bits);
	return at;
}

static bool guard_holds(const float *at, size_t n)
{
	float want[GUARD];
	fill_bits(want, GUARD, guard_bits);
	return memcmp(at + n, want, sizeof want) == 0;
}

static size_t memory_floats(const struct attack *a, const void *state, size_t n)
{
	const struct crowd_attack *crowd = crowd_attack_of(a);
	size_t (*floats)(const void *, size_t) = crowd ? crowd->memory_floats : a->memory_floats;
	return floats ? floats(state, n) : 0;
}

/* `json`: {"kind": ...} or a name in quotes, as in an experiment. */
static void forger_init(struct forger *l, const char *json, size_t n)
{
	struct err e = {0};
	struct choice c = {0};
	memset(l, 0, sizeof *l);
	const struct backend_row *ref = (const struct backend_row *)family_find(&family_backends, "ref");
	cr_assert_eq(ref->open(&l->be, NULL, &e), 0, "%s", e.text);
	cr_assert_eq(choice_parse(&family_attacks, &c, NULL, json, &l->arena, &e), 0, "%s: %s", json, e.text);
	l->attack = (const struct attack *)c.row;
	l->state = c.state;
	l->n = n;
	l->memory_floats = memory_floats(l->attack, l->state, n);
	l->v = guarded(n);
	l->out = guarded(n);
	l->memory = guarded(l->memory_floats);
}

static void forger_clear(struct forger *l)
{
	mem_free(l->v);
	mem_free(l->out);
	mem_free(l->memory);
	arena_clear(&l->arena);
}

static void forger_forge(struct forger *l, uint32_t worker, uint64_t step)
{
	const struct crowd_attack *crowd = crowd_attack_of(l->attack);
	if (crowd) {
		crowd_help_alone(&l->be, crowd, l->state, l->v, l->n, step, l->memory, l->out);
		return;
	}
	struct own_view view = {
	        .be = &l->be,
	        .n = l->n,
	        .v = l->v,
	        .step = step,
	        .age = step,
	        .stream = stream_of(4711, RNG_ATTACK, worker, step),
	        .memory = l->attack->memory_floats ? l->memory : NULL,
	};
	l->attack->forge(l->state, &view, l->out);
}

/* Some honest-looking vector, another one for each `salt`. */
static void fill_honest(float *v, size_t n, uint64_t salt)
{
	struct stream s = stream_of(99, RNG_TEST, 1, salt);
	for (size_t i = 0; i < n; i++)
		v[i] = stream_uniform(&s, i) * 4 - 2;
}

/* `"NAME"`, for choice_parse(). */
static const char *quoted(const struct row *row, char out[64])
{
	snprintf(out, 64, "\"%s\"", row->name);
	return out;
}

/* Does it make a vector of a vector? Others have tests of their own: test_blind.c. */
static bool forges(const struct row *row)
{
	const struct attack *a = (const struct attack *)row;
	return a->forge || crowd_attack_of(a);
}

static double count_negative(const float *v, size_t n)
{
	double count = 0;
	for (size_t i = 0; i < n; i++)
		count += v[i] < 0;
	return count;
}

Test(attacks, every_row_describes_itself)
{
	for (const struct row *const *r = family_attacks.rows; *r; r++) {
		const struct attack *a = (const struct attack *)*r;
		cr_assert((*r)->name[0] && (*r)->about[0] && (*r)->formula && (*r)->formula[0]);
		const struct crowd_attack *crowd = crowd_attack_of(a);
		cr_assert_eq(a->sees == ATTACK_CROWD, crowd != NULL, "%s", (*r)->name);
		cr_assert_eq(a->forge != NULL,
		             !crowd && (a->acts_on == ATTACK_GRADIENT || a->acts_on == ATTACK_MESSAGE), "%s",
		             (*r)->name);
		cr_assert_eq(a->relabel != NULL, a->acts_on == ATTACK_DATA, "%s", (*r)->name);
		cr_assert_eq(a->corrupt != NULL, a->acts_on == ATTACK_PACKED, "%s", (*r)->name);
		cr_assert_eq(a->then != NULL, a->acts_on == ATTACK_ACTS_THEN, "%s", (*r)->name);
		cr_assert_eq(a->then != NULL, a->sees == ATTACK_SEES_THEN, "%s", (*r)->name);
		cr_assert(!a->multiplicative || a->sees == ATTACK_OWN, "%s: Definition 1 is blind",
		          (*r)->name);
		cr_assert(!crowd || (crowd->forge && a->acts_on == ATTACK_MESSAGE && !a->memory_floats), "%s",
		          (*r)->name);
		cr_assert(!crowd || (!crowd->rounds == !crowd->plan && !crowd->sums == !crowd->measure), "%s",
		          (*r)->name);
		cr_assert_eq((*r)->keys == NULL, (*r)->state_bytes == 0, "%s", (*r)->name);
	}
}

/* One forge writes all of out and nothing else, and is a function of its view. */
static void check_writes(struct forger *l, uint64_t step)
{
	size_t bytes = l->n * sizeof(float), memory_bytes = l->memory_floats * sizeof(float);
	float *memory = guarded(l->memory_floats), *first = guarded(l->n), *v = guarded(l->n);
	memcpy(memory, l->memory, memory_bytes);
	memcpy(v, l->v, bytes);
	fill_bits(l->out, l->n, 0x12345678);
	forger_forge(l, 2, step);
	memcpy(first, l->out, bytes);
	memcpy(l->memory, memory, memory_bytes);
	fill_bits(l->out, l->n, 0xdeadbeef);
	forger_forge(l, 2, step);
	cr_assert_eq(memcmp(first, l->out, bytes), 0, "%s, n = %zu: not a function of the view",
	             l->attack->row.name, l->n);
	cr_assert_eq(memcmp(v, l->v, bytes), 0, "%s writes to its own vector", l->attack->row.name);
	cr_assert(guard_holds(l->out, l->n) && guard_holds(l->memory, l->memory_floats) &&
	                  guard_holds(l->v, l->n),
	          "%s, n = %zu: writes behind its buffers", l->attack->row.name, l->n);
	mem_free(memory);
	mem_free(first);
	mem_free(v);
}

Test(attacks, every_row_writes_all_of_out_and_nothing_else)
{
	char name[64];
	for (const struct row *const *r = family_attacks.rows; *r; r++) {
		if (!forges(*r))
			continue;
		for (size_t n = 0; n <= 130; n++) {
			struct forger l;
			forger_init(&l, quoted(*r, name), n);
			for (uint64_t step = 0; step < 12; step++) {
				fill_honest(l.v, n, step);
				check_writes(&l, step);
			}
			forger_clear(&l);
		}
	}
}

/* What others do in between leaves no trace: there is no place where workers could agree on anything. */
Test(attacks, every_row_forgets_other_workers)
{
	char name[64];
	enum { N = 200 };
	for (const struct row *const *r = family_attacks.rows; *r; r++) {
		if (!forges(*r))
			continue;
		struct forger one, other;
		float before[N];
		forger_init(&one, quoted(*r, name), N);
		fill_honest(one.v, N, 0);
		forger_forge(&one, 0, 0);
		memcpy(before, one.out, sizeof before);
		for (uint32_t worker = 1; worker < 6; worker++) {
			forger_init(&other, quoted(*r, name), N);
			fill_honest(other.v, N, worker);
			forger_forge(&other, worker, 0);
			forger_clear(&other);
		}
		memset(one.memory, 0, one.memory_floats * sizeof(float));
		forger_forge(&one, 0, 0);
		cr_assert_eq(memcmp(before, one.out, sizeof before), 0, "%s", (*r)->name);
		forger_clear(&one);
	}
}

Test(attacks, every_row_is_the_same_on_every_backend)
{
	char name[64];
	enum { N = 1003 };
	for (const struct row *const *b = machines_on_host(); *b; b++) {
		struct backend be;
		struct err e = {0};
		cr_assert_eq(((const struct backend_row *)*b)->open(&be, NULL, &e), 0);
		for (const struct row *const *r = family_attacks.rows; *r; r++) {
			if (!forges(*r))
				continue;
			struct forger l;
			float want[N];
			forger_init(&l, quoted(*r, name), N);
			fill_honest(l.v, N, 3);
			forger_forge(&l, 3, 0);
			memcpy(want, l.out, sizeof want);
			l.be = be;
			forger_forge(&l, 3, 0);
			cr_assert_eq(memcmp(want, l.out, sizeof want), 0, "%s on %s", (*r)->name, be.name);
			forger_clear(&l);
		}
	}
}

/* Random attacks draw from their own stream: no two workers or steps agree more than chance has it. */
Test(attacks, random_rows_differ_by_worker_and_step)
{
	static const char *const random_rows[] = {"\"random-sign\"", "\"gaussian\"", "\"flip\""};
	enum { N = 20000 };
	float *first = mem_array(N, sizeof *first);
	for (size_t r = 0; r < 3; r++) {
		struct forger l;
		forger_init(&l, random_rows[r], N);
		fill_honest(l.v, N, 0);
		forger_forge(&l, 0, 5);
		memcpy(first, l.out, N * sizeof *first);
		for (uint32_t k = 1; k < 4; k++) {
			double by_worker = 0, by_step = 0;
			forger_forge(&l, k, 5);
			for (size_t i = 0; i < N; i++)
				by_worker += (first[i] < 0) == (l.out[i] < 0);
			forger_forge(&l, 0, 5 + k);
			for (size_t i = 0; i < N; i++)
				by_step += (first[i] < 0) == (l.out[i] < 0);
			cr_assert(chance_binomial(by_worker, N, 0.5), "%s: workers agree on %g",
			          random_rows[r], by_worker);
			cr_assert(chance_binomial(by_step, N, 0.5), "%s: steps agree on %g", random_rows[r],
			          by_step);
		}
		forger_clear(&l);
	}
	mem_free(first);
}

/* Nor do coordinates: fair signs `lag` apart agree half the time. */
Test(attacks, random_rows_are_independent_by_coordinate)
{
	static const char *const random_rows[] = {"\"random-sign\"", "\"gaussian\"", "\"flip\""};
	enum { N = 20000, LAGS = 130 };
	for (size_t r = 0; r < 3; r++) {
		struct forger l;
		forger_init(&l, random_rows[r], N);
		for (size_t i = 0; i < N; i++)
			l.v[i] = 1;
		forger_forge(&l, 0, 0);
		for (size_t lag = 1; lag <= LAGS; lag++) {
			double agree = 0;
			for (size_t i = lag; i < N; i++)
				agree += (l.out[i] < 0) == (l.out[i - lag] < 0);
			cr_assert(chance_binomial(agree, (double)(N - lag), 0.5), "%s, lag %zu: %g",
			          random_rows[r], lag, agree);
		}
		forger_clear(&l);
	}
}

Test(attacks, invert_is_minus_v)
{
	static const float v[] = {1, -2, 0, -0.0F, INFINITY, -INFINITY, 1e-45F, 3.4e38F, NAN};
	struct forger l;
	forger_init(&l, "\"invert\"", 9);
	cr_assert_eq(l.attack->acts_on, ATTACK_MESSAGE);
	memcpy(l.v, v, sizeof v);
	forger_forge(&l, 0, 0);
	for (size_t i = 0; i < 8; i++)
		cr_assert(l.out[i] == -v[i] && !signbit(l.out[i]) != !signbit(v[i]), "v = %g", (double)v[i]);
	cr_assert(isnan(l.out[8]));
	forger_clear(&l);
}

Test(attacks, scale_is_factor_times_v)
{
	static const struct {
		const char *json;
		float factor;
	} cases[] = {{"\"scale\"", -10},
	             {"{\"kind\": \"scale\", \"factor\": 0.1}", 0.1F},
	             {"{\"kind\": \"scale\", \"factor\": -1e30}", -1e30F}};
	for (size_t c = 0; c < 3; c++) {
		struct forger l;
		forger_init(&l, cases[c].json, 100);
		cr_assert_eq(l.attack->acts_on, ATTACK_MESSAGE);
		fill_honest(l.v, 100, c);
		forger_forge(&l, 0, 0);
		for (size_t i = 0; i < 100; i++)
			cr_assert_eq(l.out[i], cases[c].factor * l.v[i]);
		forger_clear(&l);
	}
}

Test(attacks, random_sign_keeps_magnitudes_and_is_fair)
{
	enum { N = 64, STEPS = 2000 };
	double flips[N] = {0}, all = 0;
	struct forger l;
	forger_init(&l, "\"random-sign\"", N);
	cr_assert_eq(l.attack->acts_on, ATTACK_MESSAGE);
	for (uint64_t step = 0; step < STEPS; step++) {
		fill_honest(l.v, N, step);
		forger_forge(&l, 1, step);
		for (size_t i = 0; i < N; i++) {
			bool flipped = l.out[i] == -l.v[i];
			cr_assert(flipped || l.out[i] == l.v[i]);
			flips[i] += flipped;
			all += flipped;
		}
	}
	for (size_t i = 0; i < N; i++)
		cr_assert(chance_binomial(flips[i], STEPS, 0.5), "coordinate %zu: %g of %d", i, flips[i],
		          STEPS);
	cr_assert(chance_binomial(all, (double)N * STEPS, 0.5));
	forger_clear(&l);
}

Test(attacks, flip_has_its_rate)
{
	static const double rates[] = {0, 0.01, 0.1, 0.25, 0.5, 0.9, 1};
	enum { N = 50001 };
	for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
		char json[80];
		double flips = 0;
		struct forger l;
		snprintf(json, sizeof json, "{\"kind\": \"flip\", \"probability\": %g}", rates[r]);
		forger_init(&l, json, N);
		cr_assert_eq(l.attack->acts_on, ATTACK_MESSAGE);
		fill_honest(l.v, N, 0);
		forger_forge(&l, 0, 7);
		for (size_t i = 0; i < N; i++) {
			cr_assert(l.out[i] == l.v[i] || l.out[i] == -l.v[i]);
			flips += l.out[i] != l.v[i];
		}
		cr_assert(chance_binomial(flips, N, rates[r]), "r = %g: %g of %d", rates[r], flips, N);
		forger_clear(&l);
	}
}

/* Moments of N(0, sigma^2): m2 = sigma^2, m4 = 3 sigma^4, their errors sqrt(2/n) and sqrt(96/n). */
Test(attacks, gaussian_has_the_moments_of_its_normal)
{
	enum { N = 200000 };
	const double sigma = 2.5;
	double sum = 0, square = 0, fourth = 0, neighbours = 0;
	struct forger l;
	forger_init(&l, "{\"kind\": \"gaussian\", \"sigma\": 2.5}", N);
	cr_assert_eq(l.attack->acts_on, ATTACK_GRADIENT);
	fill_bits(l.v, N, 0x7fc00000); /* NaN: its own gradient plays no part */
	forger_forge(&l, 4, 9);
	for (size_t i = 0; i < N; i++) {
		double z = l.out[i] / sigma;
		sum += z;
		square += z * z;
		fourth += z * z * z * z;
		neighbours += i > 0 ? z * l.out[i - 1] / sigma : 0;
	}
	cr_assert_float_eq(sum / N, 0, 5 / sqrt(N));
	cr_assert_float_eq(square / N, 1, 5 * sqrt(2.0 / N));
	cr_assert_float_eq(fourth / N, 3, 5 * sqrt(96.0 / N));
	cr_assert_float_eq(neighbours / N, 0, 5 / sqrt(N));
	cr_assert(chance_binomial(count_negative(l.out, N), N, 0.5));
	forger_clear(&l);
}

/* As its formula says: momentum brings the variance to (1 - beta) / (1 + beta) of the noise's. */
Test(attacks, gaussian_is_smoothed_by_momentum)
{
	enum { N = 20000 };
	float *v = mem_array(N, sizeof *v);
	double square = 0;
	struct forger l;
	forger_init(&l, "\"gaussian\"", N);
	for (uint64_t step = 0; step < 120; step++) {
		forger_forge(&l, 0, step);
		l.be.momentum(NULL, N, 0.9F, l.out, v);
	}
	for (size_t i = 0; i < N; i++)
		square += (double)v[i] * v[i] / N;
	cr_assert_float_eq(square / (0.1 / 1.9), 1, 5 * sqrt(2.0 / N));
	forger_clear(&l);
	mem_free(v);
}

Test(attacks, zero_ones_and_nan_send_their_value)
{
	static const struct {
		const char *json;
		float value;
	} cases[] = {{"\"zero\"", 0},
	             {"\"ones\"", -1},
	             {"{\"kind\": \"ones\", \"sign\": \"minus\"}", -1},
	             {"{\"kind\": \"ones\", \"sign\": \"plus\"}", 1},
	             {"\"nan\"", NAN},
	             {"{\"kind\": \"nan\", \"value\": \"nan\"}", NAN},
	             {"{\"kind\": \"nan\", \"value\": \"inf\"}", INFINITY},
	             {"{\"kind\": \"nan\", \"value\": \"-inf\"}", -INFINITY}};
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		struct forger l;
		forger_init(&l, cases[c].json, 77);
		cr_assert_eq(l.attack->acts_on, ATTACK_MESSAGE);
		fill_honest(l.v, 77, c);
		forger_forge(&l, 0, 0);
		for (size_t i = 0; i < 77; i++)
			cr_assert(isnan(cases[c].value)
			                  ? isnan(l.out[i])
			                  : l.out[i] == cases[c].value && !(signbit(l.out[i]) && c == 0),
			          "%s", cases[c].json);
		forger_clear(&l);
	}
}

Test(attacks, stale_sends_the_message_of_k_steps_ago)
{
	static const uint64_t delays[] = {1, 2, 3, 10, 1000};
	enum { N = 5 };
	for (size_t d = 0; d < sizeof delays / sizeof *delays; d++) {
		uint64_t k = delays[d];
		char json[80];
		struct forger l;
		snprintf(json, sizeof json, "{\"kind\": \"stale\", \"delay\": %d}", (int)k);
		forger_init(&l, json, N);
		cr_assert_eq(l.memory_floats, k * N);
		for (uint64_t step = 0; step < 3 * k + 4; step++) {
			for (size_t i = 0; i < N; i++)
				l.v[i] = (float)(step * N + i);
			forger_forge(&l, 0, step);
			uint64_t said = step < k ? 0 : step - k;
			for (size_t i = 0; i < N; i++)
				cr_assert_eq(l.out[i], (float)(said * N + i), "k = %d, step %d", (int)k,
				             (int)step);
		}
		forger_clear(&l);
	}
}

Test(attacks, stale_waits_ten_steps_unless_told)
{
	struct forger l;
	forger_init(&l, "\"stale\"", 3);
	cr_assert_eq(l.memory_floats, 30);
	forger_clear(&l);
}

/* Law 4: all that it knows is in its memory, so a copy of it goes on as the original would have. */
Test(attacks, stale_goes_on_from_its_memory)
{
	enum { N = 9 };
	struct forger one, resumed;
	forger_init(&one, "{\"kind\": \"stale\", \"delay\": 4}", N);
	forger_init(&resumed, "{\"kind\": \"stale\", \"delay\": 4}", N);
	for (uint64_t step = 0; step < 20; step++) {
		fill_honest(one.v, N, step);
		fill_honest(resumed.v, N, step);
		memcpy(resumed.memory, one.memory, one.memory_floats * sizeof(float));
		forger_forge(&one, 0, step);
		forger_forge(&resumed, 0, step);
		cr_assert_eq(memcmp(one.out, resumed.out, N * sizeof(float)), 0);
	}
	forger_clear(&one);
	forger_clear(&resumed);
}
