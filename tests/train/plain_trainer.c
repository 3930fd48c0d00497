/*
 * Law 1 as a plain program, so that it also runs under the thread sanitizer: whole trainings, every
 * aggregator and attack that keeps memory or makes random numbers, and rules with every part that there is,
 * over several blocks of coordinates, have the same bits on 1, 2, 3 and 8 lanes.
 */
#include <stdio.h>
#include <string.h>
#include "tests/support/train.h"

#define RULE(its_aggregator)                                                                                 \
	"{\"workers\":7,\"steps\":3,\"batch\":2,\"model\":{\"kind\":\"quadratic\",\"dimensions\":200000},"   \
	"\"adversaries\":{\"count\":1,\"attack\":\"invert\"},\"aggregator\":" its_aggregator "}"

static const char *const experiments[] = {
        "{\"workers\":7,\"steps\":12,\"batch\":8,\"model\":{\"kind\":\"mlp\",\"hidden\":[16]},"
        "\"data\":{\"kind\":\"glyphs\",\"train\":400,\"test\":100},\"adversaries\":{\"count\":3,\"attack\":"
        "\"random-sign\"}}",
        "{\"workers\":6,\"steps\":20,\"batch\":2,\"model\":{\"kind\":\"quadratic\",\"dimensions\":9000},"
        "\"aggregator\":{\"kind\":\"vote\",\"zero\":\"abstain\",\"tie\":\"abstain\"},"
        "\"adversaries\":{\"count\":2,\"attack\":\"zero\"}}",
        "{\"workers\":5,\"steps\":20,\"batch\":2,\"model\":{\"kind\":\"quadratic\",\"dimensions\":70000},"
        "\"adversaries\":{\"count\":2,\"attack\":{\"kind\":\"stale\",\"delay\":3}}}",
        "{\"workers\":5,\"steps\":10,\"batch\":8,\"model\":{\"kind\":\"mlp\",\"activation\":\"tanh\"},"
        "\"data\":{\"kind\":\"glyphs\",\"train\":400,\"test\":100},\"aggregator\":\"mean\","
        "\"adversaries\":{\"count\":1,\"attack\":\"gaussian\"}}",
        "{\"workers\":5,\"steps\":10,\"batch\":2,\"model\":{\"kind\":\"quadratic\",\"dimensions\":200000},"
        "\"momentum\":0.5,\"adversaries\":{\"count\":2,\"attack\":\"ipm\"}}",
        RULE("\"trimmed-mean\""),
        RULE("{\"kind\":\"multi-krum\",\"before\":[\"nnm\"]}"),
        RULE("\"geometric-median\""),
        RULE("{\"kind\":\"centered-clipping\",\"tau\":1}"),
        RULE("\"mean\",\"compressor\":\"ef-sign\""),
        "{\"workers\":5,\"steps\":10,\"batch\":8,\"model\":\"mlp\","
        "\"data\":{\"kind\":\"glyphs\",\"train\":400,\"test\":100},\"adversaries\":{\"count\":2,\"attack\":"
        "\"label-flip\"}}",
        "{\"workers\":5,\"steps\":10,\"batch\":2,\"model\":{\"kind\":\"quadratic\",\"dimensions\":70001},"
        "\"compressor\":\"ef-sign\",\"aggregator\":\"median\",\"adversaries\":{\"count\":2,\"attack\":"
        "\"bit-flip\"}}",
        "{\"workers\":5,\"steps\":10,\"batch\":2,\"model\":{\"kind\":\"quadratic\",\"dimensions\":200000},"
        "\"momentum\":0.5,\"adversaries\":{\"count\":2,\"attack\":{\"kind\":\"sleeper\",\"after\":4,\"then\":"
        "\"ipm\"}}}",
        "{\"workers\":5,\"steps\":3,\"batch\":2,\"model\":{\"kind\":\"quadratic\",\"dimensions\":200000},"
        "\"aggregator\":{\"kind\":\"centered-clipping\",\"tau\":1},\"adversaries\":{\"count\":1,\"attack\":"
        "{\"kind\":\"opt-alie\",\"evals\":5}}}",
        "{\"workers\":5,\"steps\":3,\"batch\":2,\"model\":{\"kind\":\"quadratic\",\"dimensions\":200000},"
        "\"adversaries\":{\"count\":2,\"attack\":{\"kind\":\"opt-ipm\",\"evals\":5}}}",
        "{\"workers\":5,\"steps\":5,\"batch\":2,\"model\":{\"kind\":\"quadratic\",\"dimensions\":200000},"
        "\"adversaries\":{\"count\":2,\"attack\":{\"kind\":\"mimic\",\"target\":\"auto\",\"warmup\":3}}}",
        "{\"workers\":6,\"steps\":5,\"batch\":2,\"model\":{\"kind\":\"quadratic\",\"dimensions\":200000},"
        "\"aggregator\":\"mean\",\"adversaries\":{\"count\":2,\"attack\":\"min-max\"}}",
        "{\"workers\":6,\"steps\":5,\"batch\":2,\"model\":{\"kind\":\"quadratic\",\"dimensions\":200000},"
        "\"adversaries\":{\"count\":3,\"attack\":\"min-margin\"}}",
        "{\"workers\":4,\"steps\":10,\"batch\":8,\"model\":\"softmax\","
        "\"data\":{\"kind\":\"glyphs\",\"train\":400,\"test\":100},\"aggregator\":\"adam\"}",
        "{\"workers\":5,\"steps\":2,\"batch\":4,\"model\":\"resnet20\","
        "\"data\":{\"kind\":\"glyphs\",\"train\":100,\"test\":10}}",
        "{\"workers\":3,\"steps\":4,\"batch\":4,\"model\":{\"kind\":\"sequential\",\"layers\":[{\"kind\":"
        "\"conv\",\"channels\":6,\"kernel\":3},\"relu\",\"flatten\",{\"kind\":\"dropout\"},{\"kind\":"
        "\"linear\",\"width\":"
        "20}]},\"data\":{\"kind\":\"glyphs\",\"train\":100,\"test\":10}}",
        "{\"workers\":3,\"steps\":10,\"batch\":2,\"data\":{\"kind\":\"text\",\"train\":\"LICENSE\",\"bptt\":"
        "9},"
        "\"model\":{\"kind\":\"qrnn\",\"layers\":2,\"embedding\":5,\"hidden\":9,\"zoneout\":0.2}}",
};

int main(void)
{
	static const int lanes[] = {2, 3, 8};
	int checks = 0, bad = 0;
	for (size_t i = 0; i < sizeof experiments / sizeof *experiments; i++) {
		size_t n, m;
		float *one = train_x(experiments[i], 1, &n);
		for (size_t k = 0; k < 3; k++, checks++) {
			float *many = train_x(experiments[i], lanes[k], &m);
			if (m != n || memcmp(one, many, n * sizeof *one) != 0) {
				printf("trainer: experiment %zu differs on %d lanes\n", i, lanes[k]);
				bad++;
			}
			mem_free(many);
		}
		mem_free(one);
	}
	if (bad)
		return 1;
	printf("trainer: %d checks passed\n", checks);
	return 0;
}
