/* Dropout and softmax against what they mean. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include "tests/support/backend_tables.h"

/* Number i of the stream decides over element i wherever a range begins; what is kept makes up for the rest.
 */
Test(backend, dropout_keeps_what_the_stream_says)
{
	struct backend tables[TABLES_MAX];
	int count = backend_tables_all(tables);
	struct stream s = stream_of(6, RNG_TEST, 3, 9);
	const float rates[] = {0, 0.25f, 0.4f, 1};
	for (int t = 0; t < count; t++)
		for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++)
			for (size_t n = 0; n <= N_MAX; n += 1 + n / 20) {
				float x[N_MAX], out[N_MAX + 1];
				backend_tables_fill(14, n, x);
				out[n] = 77;
				tables[t].dropout(NULL, n, rates[r], &s, 128, x, out);
				for (size_t i = 0; i < n; i++) {
					bool kept = stream_uniform(&s, 128 + i) >= rates[r];
					backend_tables_expect_near(&tables[t], "dropout", n, i, out[i],
					                           kept ? x[i] / (1.0 - rates[r]) : 0, 4);
				}
				cr_assert_eq(out[n], 77.0f);
			}
}

Test(backend, dropout_drops_its_share)
{
	struct backend tables[TABLES_MAX];
	int count = backend_tables_all(tables);
	struct stream s = stream_of(7, RNG_TEST, 0, 0);
	static float x[40000];
	for (int t = 0; t < count; t++) {
		size_t zeros = 0;
		for (size_t i = 0; i < 40000; i++)
			x[i] = 1;
		tables[t].dropout(NULL, 40000, 0.3f, &s, 0, x, x);
		for (size_t i = 0; i < 40000; i++)
			zeros += x[i] == 0;
		/* five standard deviations */
		cr_expect(fabs((double)zeros - 12000) < 5 * 92, "%s: %zu of 40000", tables[t].detail, zeros);
	}
}

enum { CLASSES = 7, SAMPLES = 70 };

static double loss_of(const struct backend *b, const float *z, const int32_t *label)
{
	float copy[SAMPLES * CLASSES];
	struct loss loss = {0};
	memcpy(copy, z, sizeof(copy));
	b->softmax_loss(NULL, SAMPLES, CLASSES, copy, label, false, 0, &loss);
	return loss.sum;
}

Test(backend, softmax_gradient_is_the_slope_of_its_loss)
{
	struct backend tables[TABLES_MAX];
	int count = backend_tables_all(tables);
	for (int t = 0; t < count; t++) {
		float z[SAMPLES * CLASSES], g[SAMPLES * CLASSES];
		int32_t label[SAMPLES];
		struct loss loss = {0};
		backend_tables_fill(11, SAMPLES * CLASSES, z);
		for (int i = 0; i < SAMPLES; i++)
			label[i] = i % CLASSES;
		memcpy(g, z, sizeof(g));
		tables[t].softmax_loss(NULL, SAMPLES, CLASSES, g, label, true, 0.5f, &loss);
		for (size_t i = 0; i < SAMPLES * CLASSES; i += 3) {
			const float h = 0x1p-7f;
			float centre = z[i];
			z[i] = centre + h;
			double above = loss_of(&tables[t], z, label);
			z[i] = centre - h;
			double below = loss_of(&tables[t], z, label);
			z[i] = centre;
			cr_assert_float_eq(g[i], 0.5 * (above - below) / (2 * h), 3e-5, "%s: logit %zu",
			                   tables[t].detail, i);
		}
	}
}

/* Loss and correct rows, where the answer is known without a computer. */
Test(backend, softmax_of_plain_rows)
{
	struct backend tables[TABLES_MAX];
	int count = backend_tables_all(tables);
	for (int t = 0; t < count; t++) {
		float z[4][4] = {{0, 0, 0, 0}, {0, 0, 0, 0}, {1000, 0, 0, 0}, {-INFINITY, 5, -INFINITY, 5}};
		const int32_t label[4] = {0, 1, 0, 3};
		struct loss loss = {.sum = 1, .correct = 10}; /* it is added to */
		tables[t].softmax_loss(NULL, 4, 4, z[0], label, true, 1, &loss);
		cr_expect_float_eq(loss.sum, 1 + 2 * log(4) + 0 + log(2), 1e-6);
		cr_expect_eq(loss.correct, 12, "of equals the first is the largest");
		cr_expect_float_eq(z[0][0], -0.75, 1e-6);
		cr_expect_float_eq(z[0][3], 0.25, 1e-6);
		cr_expect_eq(z[2][1], 0.0f);
		cr_expect_eq(z[3][0], 0.0f);
		cr_expect_float_eq(z[3][1], 0.5, 1e-6);
		/* sure of the right answer: its probability rounds to 1, its gradient not to 0 */
		float sure[2] = {20, 0};
		tables[t].softmax_loss(NULL, 1, 2, sure, label, true, 1, &loss);
		cr_expect_float_eq(sure[0] / (float)exp(-20), -1, 1e-5, "%s: %g", tables[t].detail,
		                   (double)sure[0]);
	}
}
