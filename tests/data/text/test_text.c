/* Suggestions against a plain definition of the distance; UTF-8 against the definition of RFC 3629. */
#include <criterion/criterion.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const char *const names[] = {"momentum", "model", "mean", "median", "sign-mean", "vote", "lr"};

static const char *nearest(const char *wrong)
{
	return text_nearest(wrong, names, sizeof names / sizeof *names);
}

Test(nearest, each_kind_of_slip_costs_one)
{
	cr_assert_str_eq(nearest("momentun"), "momentum");  /* replaced */
	cr_assert_str_eq(nearest("mometum"), "momentum");   /* left out */
	cr_assert_str_eq(nearest("momenttum"), "momentum"); /* doubled */
	cr_assert_str_eq(nearest("momnetum"), "momentum");  /* swapped */
	cr_assert_str_eq(nearest("vote"), "vote");
	cr_assert_str_eq(nearest("VOTE"), "vote");
	cr_assert_str_eq(nearest("sign_mean"), "sign-mean");
	cr_assert_str_eq(nearest("rl"), "lr"); /* a swap is one slip: two replacements would be too far */
}

Test(nearest, what_is_too_far_is_not_suggested)
{
	char longest[200];

	cr_assert_null(nearest("batch-size"));
	cr_assert_null(nearest("x"));
	cr_assert_null(nearest(""));
	cr_assert_null(text_nearest("vote", names, 0));
	memset(longest, 'v', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	cr_assert_null(nearest(longest));
	cr_assert_null(text_nearest("vvv", (const char *const[]){longest}, 1));
}

Test(nearest, a_third_of_the_letters_may_differ_and_of_equals_the_length_and_then_the_first_decides)
{
	const char *const pair[] = {"abcdxx", "abcdyy"}, *const seeds[] = {"seed", "seeds"};

	cr_assert_str_eq(text_nearest("abcdef", pair, 2), "abcdxx");
	cr_assert_str_eq(text_nearest("abcdzy", pair, 2), "abcdyy");
	cr_assert_null(text_nearest("abcxyz", (const char *const[]){"abcdef"}, 1));
	cr_assert_str_eq(text_nearest("seedz", seeds, 2), "seeds");
	cr_assert_str_eq(text_nearest("sede", seeds, 2), "seed");
}

/* Half of the letters differ: these were suggested once, and mean something else. */
Test(nearest, another_word_of_like_letters_is_not_suggested)
{
	static const char *const wrong[][2] = {{"ALIE", "flip"}, {"nodes", "norms"}, {"mean", "ones"}};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		cr_expect_null(text_nearest(wrong[i][0], &wrong[i][1], 1), "%s", wrong[i][0]);
}

Test(words, are_the_same_in_every_spelling)
{
	cr_assert(text_same_word("SignFlipping", "sign_flipping", 13));
	cr_assert(text_same_word("lr-Scheduler", "lr_scheduler, x", 12));
	cr_assert(text_same_word("cifar 10", "CIFAR-10", 8));
	cr_assert_str_eq(text_nearest("l1-l3", (const char *const[]){"l1_l2"}, 1), "l1_l2");
	cr_assert_not(text_same_word("sign", "sign_flipping", 13));
	cr_assert_not(text_same_word("sign_flipping", "sign", 4));
	cr_assert(text_in_list("MAX_ITER", "iterations, max-iter"));
	cr_assert_not(text_in_list("iter", "iterations, max-iter"));
	cr_assert_not(text_in_list("iter", NULL));
	cr_assert_not(text_in_list("iter", ""));
}

Test(words, a_first_line_has_no_control_characters)
{
	char out[40];

	cr_assert_str_eq(text_first_line("MPICH Version:\t4.0.2\nMPICH Release date:\tx", out, sizeof out),
	                 "MPICH Version: 4.0.2");
	cr_assert_str_eq(text_first_line("\t a\x1b[1m  b \r\n", out, sizeof out), "a [1m b");
	cr_assert_str_eq(text_first_line("abcdef", out, 4), "abc");
}

/* The definition, by recursion over prefixes. */
static int slow(const char *a, int n_a, const char *b, int n_b)
{
	int best, other;

	if (n_a == 0 || n_b == 0)
		return n_a + n_b;
	best = slow(a, n_a - 1, b, n_b - 1) + (a[n_a - 1] != b[n_b - 1]);
	other = slow(a, n_a - 1, b, n_b) + 1;
	best = other < best ? other : best;
	other = slow(a, n_a, b, n_b - 1) + 1;
	best = other < best ? other : best;
	if (n_a > 1 && n_b > 1 && a[n_a - 1] == b[n_b - 2] && a[n_a - 2] == b[n_b - 1]) {
		other = slow(a, n_a - 2, b, n_b - 2) + 1;
		best = other < best ? other : best;
	}
	return best;
}

static void word_of(uint32_t *state, char out[7])
{
	int length;

	*state = *state * 1664525u + 1013904223u;
	length = 1 + (int)(*state >> 16) % 6;
	for (int i = 0; i < length; i++) {
		*state = *state * 1664525u + 1013904223u;
		out[i] = (char)('a' + (*state >> 24) % 3);
	}
	out[length] = '\0';
}

/* Among two candidates the one that the definition calls nearer is chosen, or none if it is too far. */
Test(nearest, agrees_with_the_definition)
{
	uint32_t state = 7;

	for (int trial = 0; trial < 2000; trial++) {
		char wrong[7], one[7], two[7];
		const char *pair[2] = {one, two}, *expected = NULL;
		int least = 100, least_apart = 0;

		word_of(&state, wrong);
		word_of(&state, one);
		word_of(&state, two);
		for (int i = 0; i < 2; i++) {
			int n_w = (int)strlen(wrong), n = (int)strlen(pair[i]);
			int d = slow(wrong, n_w, pair[i], n);

			int longer = n > n_w ? n : n_w, apart = abs(n - n_w);
			bool near = d == 1 ? longer > 1 : 3 * d <= longer;

			if (near && (d < least || (d == least && apart < least_apart))) {
				least = d;
				least_apart = apart;
				expected = pair[i];
			}
		}
		cr_assert_eq(text_nearest(wrong, pair, 2), expected, "'%s' among '%s' '%s'", wrong, one, two);
	}
}

/* Length of a character by RFC 3629: the only, shortest form of a code point that is no surrogate. */
static int utf8_by_definition(const unsigned char *p, int have)
{
	static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
	int length = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
	uint32_t code = length == 1 ? p[0] : p[0] & (0x7fu >> length);

	if (length == 0 || length > have)
		return 0;
	for (int i = 1; i < length; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		code = code << 6 | (p[i] & 0x3fu);
	}
	return code < lowest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? 0 : length;
}

Test(utf8, agrees_with_the_definition_on_all_three_byte_beginnings)
{
	unsigned char p[4]; /* the fourth byte at the edges of its range */
	static const unsigned char fourth[] = {0x7f, 0x80, 0xbf, 0xc0};
	long wrong = 0;

	for (uint32_t i = 0; i < 1u << 24; i++) {
		p[0] = (unsigned char)(i >> 16);
		p[1] = (unsigned char)(i >> 8);
		p[2] = (unsigned char)i;
		p[3] = fourth[i % 4];
		wrong += text_utf8(p, p + 4) != utf8_by_definition(p, 4);
	}
	cr_assert_eq(wrong, 0, "%ld sequences are judged wrongly", wrong);
}

Test(utf8, does_not_read_past_the_end)
{
	static const unsigned char text[] = "\xf0\x9f\x98\x80";

	for (int have = 0; have <= 4; have++) {
		unsigned char *exact = malloc((size_t)have + 1); /* the sanitizer guards its end */

		memcpy(exact + 1, text, (size_t)have);
		cr_assert_eq(text_utf8(exact + 1, exact + 1 + have), have == 4 ? 4 : 0);
		free(exact);
	}
}

Test(shown, control_characters_and_stray_bytes_are_made_visible)
{
	char out[100];

	cr_assert_str_eq(text_shown("a\tb\x1b[31m\x7f", out, sizeof out), "a\\x09b\\x1b[31m\\x7f");
	cr_assert_str_eq(text_shown("\xc2\x9b"
	                            "31m",
	                            out, sizeof out),
	                 "\\xc2\\x9b31m"); /* the one-character form of ESC [ */
	cr_assert_str_eq(text_shown("gr\xc3\xbc\xc3\x9f \xff", out, sizeof out), "gr\xc3\xbc\xc3\x9f \\xff");
	cr_assert_str_eq(text_shown("", out, sizeof out), "");
}

Test(shown, a_cut_is_marked_and_never_within_a_character)
{
	char out[100];

	cr_assert_str_eq(text_shown("abcdefgh", out, 9), "abcdefgh");
	cr_assert_str_eq(text_shown("abcdefghi", out, 9), "abcde...");
	cr_assert_str_eq(text_shown("abcd\xc3\xbc\xc3\xbc\xc3\xbc", out, 9), "abcd...");
	cr_assert_str_eq(text_shown("abcde", out, 3), "..");
	for (size_t size = 1; size < 30; size++) {
		const unsigned char *end;

		text_shown("\xe2\x82\xac\xf0\x9f\x98\x80\x01z\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", out,
		           size);
		cr_assert_lt(strlen(out), size);
		end = (const unsigned char *)out + strlen(out);
		for (const unsigned char *p = (const unsigned char *)out; p < end; p += text_utf8(p, end))
			cr_assert_gt(text_utf8(p, end), 0, "%zu bytes", size);
	}
}
