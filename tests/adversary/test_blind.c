/* Attacks that forge no vector: on labels, on the packed message, and the one that becomes another. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "adversary/sleeper.h"
#include "base/mem.h"
#include "registry.h"
#include "tests/support/chance.h"
#include "tests/support/json_help.h"

static struct choice attack_read(struct arena *a, const char *json)
{
	struct err e = {0};
	struct choice c = {0};
	cr_assert_eq(choice_parse(&family_attacks, &c, NULL, json, a, &e), 0, "%s: %s", json, e.text);
	return c;
}

/* --- label-flip ---------------------------------------------------------------------------------------- */

static void relabel(const char *json, int classes, int32_t *label, size_t count)
{
	struct arena arena = {0};
	struct choice c = attack_read(&arena, json);
	((const struct attack *)c.row)->relabel(c.state, classes, count, label);
	arena_clear(&arena);
}

Test(label_flip, turns_every_label_round)
{
	int32_t label[] = {0, 1, 2, 3, 6, 0};
	static const int32_t want[] = {6, 5, 4, 3, 0, 6}, back[] = {0, 1, 2, 3, 6, 0};
	relabel("\"label-flip\"", 7, label, 6);
	cr_expect_arr_eq(label, want, sizeof want);
	relabel("\"label-flip\"", 7, label, 6);
	cr_expect_arr_eq(label, back, sizeof back, "twice is never");
}

Test(label_flip, of_one_class_alone)
{
	int32_t label[] = {0, 1, 2, 3, 6, 0};
	static const int32_t want[] = {2, 1, 2, 3, 6, 2};
	relabel("{\"kind\":\"label-flip\",\"from\":0,\"to\":2}", 7, label, 6);
	cr_expect_arr_eq(label, want, sizeof want);
}

static void says(const char *json, const struct attack_env *env, const char *part)
{
	struct arena arena = {0};
	struct err e = {0};
	struct choice c = attack_read(&arena, json);
	int rc = ((const struct attack *)c.row)->check(c.state, env, &e);
	cr_expect_eq(rc, part ? -1 : 0, "%s: %s", json, e.text);
	if (part)
		cr_expect(e.code == EXIT_USER && strstr(e.text, part), "%s: \"%s\"", json, e.text);
	arena_clear(&arena);
}

Test(label_flip, refuses_what_it_cannot_do)
{
	static const struct attack_env digits = {.workers = 5,
	                                         .byzantine = 2,
	                                         .classes = 10,
	                                         .data = "mnist"},
	                               none = {.workers = 5, .byzantine = 2, .data = "none"};
	says("\"label-flip\"", &digits, NULL);
	says("{\"kind\":\"label-flip\",\"from\":9,\"to\":0}", &digits, NULL);
	says("\"label-flip\"", &none, "data \"none\" has none; expected a data set of images");
	says("{\"kind\":\"label-flip\",\"from\":3}", &digits,
	     "found `from` alone, expected both `from` and `to`, or neither");
	says("{\"kind\":\"label-flip\",\"to\":0}", &digits, "found `to` alone");
	says("{\"kind\":\"label-flip\",\"from\":3,\"to\":3}", &digits, "no label changes");
	says("{\"kind\":\"label-flip\",\"from\":10,\"to\":3}", &digits,
	     "`from`: found class 10, and data \"mnist\" has classes 0 to 9");
	says("{\"kind\":\"label-flip\",\"from\":3,\"to\":10}", &digits, "`to`: found class 10");
}

/* --- bit-flip ------------------------------------------------------------------------------------------ */

enum { GUARD = 64 }; /* bytes behind a message, which must not be written */

/* A message of a kind: `planes` sign planes of n coordinates, then whole floats. */
struct kind {
	const char *name;
	int planes;
	bool floats, scale;
};

static const struct kind kinds[] = {{"votes", 1, false, false},
                                    {"votes and abstentions", 2, false, false},
                                    {"votes and a scale", 1, false, true},
                                    {"floats", 0, true, false}};

enum { KINDS = sizeof kinds / sizeof *kinds };

static size_t bytes_of(const struct kind *k, size_t n)
{
	return (size_t)k->planes * sign_plane_bytes(n) + (k->floats ? n : k->scale ? 1 : 0) * sizeof(float);
}

static void open_backend(struct backend *be, const char *name)
{
	struct err e = {0};
	const struct backend_row *row =
	        (const struct backend_row *)(const void *)family_find(&family_backends, name);
	cr_assert_eq(row->open(be, NULL, &e), 0, "%s", e.text);
}

/* The message [bytes], in memory of the machine and back, after worker `worker` has attacked in `step`. */
static void corrupt(const struct backend *be, const struct kind *k, size_t n, double p, uint32_t worker,
                    uint64_t step, char *message)
{
	char json[80];
	struct arena arena = {0};
	snprintf(json, sizeof json, "{\"kind\":\"bit-flip\",\"probability\":%.17g}", p);
	struct choice c = attack_read(&arena, json);
	size_t bytes = bytes_of(k, n);
	struct queue *q = be->memory->queue_open();
	const struct packed_view view = {.be = be,
	                                 .queue = q,
	                                 .n = n,
	                                 .planes = k->planes,
	                                 .bytes = bytes,
	                                 .stream = stream_of(4711, RNG_ATTACK, worker, step)};
	char *own = be->memory->alloc(bytes + GUARD, "message");
	be->memory->upload(q, own, message, bytes);
	((const struct attack *)c.row)->corrupt(c.state, &view, own);
	be->memory->download(q, message, own, bytes);
	char behind[GUARD], zeros[GUARD] = {0};
	be->memory->download(q, behind, own + bytes, GUARD);
	cr_assert_arr_eq(behind, zeros, GUARD, "%s, n = %zu: writes behind its message", k->name, n);
	be->memory->release(own);
	be->memory->queue_close(q);
	arena_clear(&arena);
}

/* A valid message with random content. */
static void fill_message(const struct kind *k, size_t n, uint64_t salt, char *message)
{
	struct stream s = stream_of(99, RNG_TEST, 2, salt);
	uint64_t *words = (uint64_t *)(void *)message;
	size_t plane = sign_words(n), bytes = bytes_of(k, n);
	for (size_t w = 0; w < (size_t)k->planes * plane; w++)
		words[w] = stream_bits(&s, w) & sign_mask(n, w % plane);
	for (size_t w = 0; k->planes == 2 && w < plane; w++)
		words[w] &= ~words[plane + w];
	for (size_t at = (size_t)k->planes * sign_plane_bytes(n), i = 0; at < bytes;
	     at += sizeof(float), i++) {
		float value = stream_uniform(&s, 100000 + i) - 0.5F;
		memcpy(message + at, &value, sizeof value);
	}
}

/* Padding is 0, and whoever abstains has no vote: backend/sign.h. */
static void check_valid(const struct kind *k, size_t n, const char *message)
{
	const uint64_t *words = (const uint64_t *)(const void *)message;
	size_t plane = sign_words(n);
	for (size_t w = 0; w < (size_t)k->planes * plane; w++)
		cr_assert_eq(words[w] & ~sign_mask(n, w % plane), 0, "%s, n = %zu: padding", k->name, n);
	for (size_t w = 0; k->planes == 2 && w < plane; w++)
		cr_assert_eq(words[w] & words[plane + w], 0, "%s, n = %zu: votes and abstains", k->name, n);
}

static char *message_alloc(const struct kind *k, size_t n)
{
	return mem_array(bytes_of(k, n) + sizeof(uint64_t), 1);
}

Test(bit_flip, leaves_a_valid_message)
{
	struct backend be;
	open_backend(&be, "ref");
	for (int i = 0; i < KINDS; i++)
		for (size_t n = 1; n <= 140; n++)
			for (int tenths = 0; tenths <= 10; tenths += 5) {
				char *message = message_alloc(&kinds[i], n);
				fill_message(&kinds[i], n, n, message);
				corrupt(&be, &kinds[i], n, tenths / 10.0, 1, n, message);
				check_valid(&kinds[i], n, message);
				mem_free(message);
			}
}

Test(bit_flip, with_0_flips_none_and_with_1_all)
{
	enum { N = 40003 };
	struct backend be;
	open_backend(&be, "ref");
	for (int i = 0; i < KINDS; i++) {
		const struct kind *k = &kinds[i];
		size_t bytes = bytes_of(k, N), plane = sign_words(N);
		char *was = message_alloc(k, N), *is = message_alloc(k, N);
		fill_message(k, N, 0, was);
		memcpy(is, was, bytes);
		corrupt(&be, k, N, 0, 1, 0, is);
		cr_expect_arr_eq(is, was, bytes, "%s", k->name);
		corrupt(&be, k, N, 1, 1, 0, is);
		const uint64_t *a = (const uint64_t *)(const void *)was,
		               *b = (const uint64_t *)(const void *)is;
		for (size_t w = 0; w < plane && k->planes; w++) {
			uint64_t mask = sign_mask(N, w), silent = k->planes == 2 ? ~a[plane + w] & mask : 0;
			cr_assert_eq(b[w], (a[w] ^ mask) & ~silent, "%s, word %zu", k->name, w);
			if (k->planes == 2)
				cr_assert_eq(b[plane + w], silent);
		}
		for (size_t at = (size_t)k->planes * sign_plane_bytes(N); at < bytes; at++)
			cr_assert_eq((was[at] ^ is[at]) & 0xff, 0xff, "%s, byte %zu", k->name, at);
		mem_free(was);
		mem_free(is);
	}
}

static double ones(const char *a, const char *b, size_t bytes)
{
	double count = 0;
	for (size_t i = 0; i < bytes; i++)
		count += __builtin_popcount((unsigned char)(a[i] ^ b[i]));
	return count;
}

/* Signs are what `flip` sends, up to chance: as many, and as many again that both flip. */
Test(bit_flip, of_signs_is_flip)
{
	static const double rates[] = {1e-4, 0.01, 0.25, 1.0 / 3, 0.5, 0.9, 0.9999};
	enum { N = 1000003 };
	struct backend be;
	struct arena arena = {0};
	open_backend(&be, "ref");
	size_t bytes = bytes_of(&kinds[0], N);
	char *was = message_alloc(&kinds[0], N), *is = message_alloc(&kinds[0], N),
	     *flipped = message_alloc(&kinds[0], N);
	float *v = mem_array(N, sizeof *v), *out = mem_array(N, sizeof *out);
	struct stream s = stream_of(99, RNG_TEST, 3, 0);
	for (size_t i = 0; i < N; i++)
		v[i] = stream_uniform(&s, i) - 0.5F + 1e-9F;
	be.sign_pack(NULL, N, v, SIGN_POSITIVE, NULL, 0, (uint64_t *)(void *)was, NULL);
	for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
		char json[80];
		double p = rates[r];
		snprintf(json, sizeof json, "{\"kind\":\"flip\",\"probability\":%.17g}", p);
		struct choice c = attack_read(&arena, json);
		struct own_view view = {.be = &be, .n = N, .v = v, .stream = stream_of(5, RNG_ATTACK, 1, 0)};
		((const struct attack *)c.row)->forge(c.state, &view, out);
		be.sign_pack(NULL, N, out, SIGN_POSITIVE, NULL, 0, (uint64_t *)(void *)flipped, NULL);
		memcpy(is, was, bytes);
		corrupt(&be, &kinds[0], N, p, 1, 0, is);
		cr_expect(chance_binomial(ones(was, is, bytes), N, p), "p = %g: %g", p, ones(was, is, bytes));
		cr_expect(chance_binomial(ones(is, flipped, bytes), N, 2 * p * (1 - p)), "p = %g: %g", p,
		          ones(is, flipped, bytes));
	}
	mem_free(was);
	mem_free(is);
	mem_free(flipped);
	mem_free(v);
	mem_free(out);
	arena_clear(&arena);
}

/* Every bit of a float has the same chance, whatever it means, and tells nothing of another bit, of another
 * worker's or of the next step's. */
Test(bit_flip, bits_are_independent)
{
	enum { N = 200000, WORDS = N / 2, LAGS = 70 };
	static const struct kind floats = {"floats", 0, true, false};
	const double p = 0.2;
	struct backend be;
	open_backend(&be, "ref");
	size_t bytes = bytes_of(&floats, N);
	char *one = message_alloc(&floats, N), *other = message_alloc(&floats, N),
	     *next = message_alloc(&floats, N);
	corrupt(&be, &floats, N, p, 1, 5, one);
	corrupt(&be, &floats, N, p, 2, 5, other);
	corrupt(&be, &floats, N, p, 1, 6, next);
	const uint64_t *words = (const uint64_t *)(const void *)one;
	for (int bit = 0; bit < 64; bit++) {
		double count = 0;
		for (size_t w = 0; w < WORDS; w++)
			count += words[w] >> bit & 1;
		cr_expect(chance_binomial(count, WORDS, p), "bit %d: %g", bit, count);
	}
	double differ = 2 * p * (1 - p);
	cr_expect(chance_binomial(ones(one, other, bytes), 8.0 * (double)bytes, differ), "workers");
	cr_expect(chance_binomial(ones(one, next, bytes), 8.0 * (double)bytes, differ), "steps");
	for (size_t lag = 1; lag <= LAGS; lag++) {
		double pairs = 0, count = 64.0 * (WORDS - 2);
		for (size_t w = 0; w + 2 < WORDS; w++) {
			size_t skip = lag / 64, shift = lag % 64;
			uint64_t later = words[w + skip] >> shift;
			later |= shift ? words[w + skip + 1] << (64 - shift) : 0;
			pairs += __builtin_popcountll(words[w] ^ later);
		}
		/* neighbours share a bit: the variance is at most twice that of independent pairs */
		cr_expect_lt(fabs(pairs - count * differ), 5 * sqrt(2 * count * differ), "lag %zu", lag);
	}
	mem_free(one);
	mem_free(other);
	mem_free(next);
}

/* The message is the machine's: `guarded` ends the program where anybody else touches it. */
Test(bit_flip, has_the_same_bits_on_every_machine)
{
	static const char *const names[] = {"cpu", "guarded"};
	static const size_t sizes[] = {1, 63, 64, 65, 32767, 32768, 32769, 70001};
	struct backend ref, be;
	open_backend(&ref, "ref");
	for (size_t b = 0; b < 2; b++) {
		open_backend(&be, names[b]);
		for (int i = 0; i < KINDS; i++)
			for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
				size_t n = sizes[k], bytes = bytes_of(&kinds[i], n);
				char *want = message_alloc(&kinds[i], n), *is = message_alloc(&kinds[i], n);
				fill_message(&kinds[i], n, k, want);
				memcpy(is, want, bytes);
				corrupt(&ref, &kinds[i], n, 0.1, 3, 7, want);
				corrupt(&be, &kinds[i], n, 0.1, 3, 7, is);
				cr_expect_arr_eq(is, want, bytes, "%s on %s, n = %zu", kinds[i].name,
				                 names[b], n);
				mem_free(want);
				mem_free(is);
			}
	}
}

/* --- sleeper ------------------------------------------------------------------------------------------- */

Test(sleeper, becomes_what_it_says)
{
	struct arena arena = {0};
	for (const struct row *const *r = family_attacks.rows; *r; r++) {
		char json[120];
		snprintf(json, sizeof json, "{\"kind\":\"sleeper\",\"after\":7,\"then\":\"%s\"}", (*r)->name);
		struct choice c = attack_read(&arena, json);
		if (((const struct attack *)*r)->then)
			continue;
		const struct adversary a = adversary_of(&c);
		cr_expect_eq(&a.attack->row, *r);
		cr_expect_eq(a.from, 7);
		snprintf(json, sizeof json, "\"%s\"", (*r)->name);
		struct choice alone = attack_read(&arena, json);
		const struct adversary awake = adversary_of(&alone);
		cr_expect(&awake.attack->row == *r && awake.from == 0 && awake.state == alone.state);
	}
	arena_clear(&arena);
}

Test(sleeper, says_what_it_is_unless_told)
{
	struct arena arena = {0};
	struct choice c = attack_read(&arena, "\"sleeper\"");
	const struct adversary a = adversary_of(&c);
	cr_expect_str_eq(a.attack->row.name, "invert");
	cr_expect_eq(a.from, 100);
	arena_clear(&arena);
}

Test(sleeper, wakes_once)
{
	static const struct attack_env env = {.workers = 3, .byzantine = 1, .data = "none"};
	says("{\"kind\":\"sleeper\",\"then\":{\"kind\":\"sleeper\",\"then\":\"zero\"}}", &env,
	     "a sleeper wakes once");
	says("\"sleeper\"", &env, NULL);
}

/* What a row says it does not need, it does not touch. */
Test(blind, rows_without_data_need_no_vector_of_their_own)
{
	enum { N = 200 };
	struct backend be;
	struct arena arena = {0};
	float v[N] = {1, -2, 3}, want[N], out[N];
	open_backend(&be, "ref");
	for (const struct row *const *r = family_attacks.rows; *r; r++) {
		const struct attack *a = (const struct attack *)*r;
		char json[64];
		if (!a->without_data || !a->forge)
			continue;
		snprintf(json, sizeof json, "\"%s\"", (*r)->name);
		struct choice c = attack_read(&arena, json);
		struct own_view view = {.be = &be,
		                        .n = N,
		                        .v = v,
		                        .stream = stream_of(4711, RNG_ATTACK, 2, 5),
		                        .step = 5,
		                        .age = 5};
		a->forge(c.state, &view, want);
		view.v = NULL;
		a->forge(c.state, &view, out);
		cr_expect_arr_eq(out, want, sizeof want, "%s", (*r)->name);
	}
	arena_clear(&arena);
}

Test(blind, settings_out_of_bounds_are_refused)
{
	static const char *const wrong[] = {
	        "{\"kind\": \"stale\", \"delay\": 0}",         "{\"kind\": \"stale\", \"delay\": 1001}",
	        "{\"kind\": \"flip\", \"probability\": -0.1}", "{\"kind\": \"flip\", \"probability\": 1.1}",
	        "{\"kind\": \"gaussian\", \"sigma\": 0}",      "{\"kind\": \"ones\", \"sign\": \"up\"}",
	        "{\"kind\": \"nan\", \"value\": \"none\"}",    "{\"kind\": \"scale\", \"factor\": 1e31}",
	        "{\"kind\": \"invert\", \"factor\": 1}",       "{\"kind\":\"bit-flip\",\"probability\":-0.1}",
	        "{\"kind\":\"bit-flip\",\"probability\":1.1}", "{\"kind\":\"label-flip\",\"from\":-2}",
	        "{\"kind\":\"label-flip\",\"to\":65536}",      "{\"kind\":\"sleeper\",\"after\":-1}",
	        "{\"kind\":\"sleeper\",\"then\":3}",           "{\"kind\":\"sleeper\",\"then\":\"no\"}",
	        "{\"kind\":\"sleeper\",\"then\":null}"};
	json_help_family_refuses(&family_attacks, wrong, sizeof wrong / sizeof *wrong);
}

Test(blind, words_of_lists)
{
	cr_expect_str_eq(attack_acts_name(ATTACK_GRADIENT), "gradient");
	cr_expect_str_eq(attack_acts_name(ATTACK_MESSAGE), "message");
	cr_expect_str_eq(attack_acts_name(ATTACK_DATA), "data");
	cr_expect_str_eq(attack_acts_name(ATTACK_PACKED), "packed");
	cr_expect_str_eq(attack_acts_name(ATTACK_ACTS_THEN), "then");
	cr_expect_str_eq(attack_sees_name(ATTACK_OWN), "own");
	cr_expect_str_eq(attack_sees_name(ATTACK_CROWD), "crowd");
	cr_expect_str_eq(attack_sees_name(ATTACK_SEES_THEN), "then");
}

Test(blind, theorem_2_covers_multiplications)
{
	static const char covered[] = " invert random-sign scale zero flip ", signs[] = " bit-flip ";
	for (const struct row *const *r = family_attacks.rows; *r; r++) {
		const struct attack *a = (const struct attack *)*r;
		char name[80];
		snprintf(name, sizeof name, " %s ", (*r)->name);
		cr_expect_str_eq(attack_covered_name(a),
		                 a->then                 ? "then"
		                 : strstr(covered, name) ? "yes"
		                 : strstr(signs, name)   ? "signs"
		                                         : "no",
		                 "%s", (*r)->name);
	}
}
