#include "tests/support/small_experiments.h"
#include <stdio.h>
#include "tests/support/cli.h"

#define GLYPHS "\"data\":{\"kind\":\"glyphs\",\"train\":40,\"test\":10},\"eval\":{\"every\":1}"

const char small_mlp[] = "{\"name\":\"mlp\",\"seed\":5,\"workers\":5,\"steps\":4,\"batch\":4,\"lr\":0.01,"
                         "\"momentum\":0.9,\"model\":{\"kind\":\"mlp\",\"hidden\":[9,7]}," GLYPHS "}";

const char small_quadratic[] =
        "{\"name\":\"q\",\"seed\":2,\"workers\":3,\"steps\":6,\"lr\":0.01,\"momentum\":0.5,"
        "\"model\":{\"kind\":\"quadratic\",\"dimensions\":130,\"spread\":8},\"eval\":{\"every\":2}}";

const char small_layers[] =
        "{\"name\":\"s\",\"seed\":4,\"workers\":2,\"steps\":2,\"batch\":3,\"lr\":0.01,\"momentum\":0.9,"
        "\"aggregator\":\"vote\",\"model\":{\"kind\":\"sequential\",\"layers\":["
        "{\"kind\":\"conv\",\"channels\":4,\"kernel\":5,\"stride\":2},\"norm\",\"relu\","
        "{\"kind\":\"block\",\"channels\":6,\"stride\":2},{\"kind\":\"max-pool\",\"kernel\":2},\"tanh\","
        "{\"kind\":\"mean-pool\",\"kernel\":2,\"stride\":1},{\"kind\":\"dropout\",\"rate\":0.2},"
        "\"global-mean\",\"flatten\",{\"kind\":\"linear\",\"width\":5}]}," GLYPHS "}";

static const char text[] =
        "{\"name\":\"t\",\"seed\":1,\"workers\":2,\"steps\":6,\"batch\":2,\"lr\":0.001,\"momentum\":0.9,"
        "\"model\":{\"kind\":\"qrnn\",\"layers\":2,\"embedding\":6,\"hidden\":8,\"window\":2,\"tied\":true,"
        "\"dropout_words\":0.2,\"dropout_input\":0.1,\"dropout_hidden\":0.1,\"dropout_output\":0.1,"
        "\"zoneout\":0.1},\"data\":{\"kind\":\"text\",\"train\":\"%s/text\",\"bptt\":5,"
        "\"random_length\":true},\"eval\":{\"every\":2}}";

void small_text(char out[SMALL_TEXT])
{
	cli_write("text",
	          "the quick brown fox jumps over the lazy dog\nand the dog sleeps on, and on, and on\n"
	          "the five boxing wizards jump quickly; the dog does not look up, and sleeps on\n");
	snprintf(out, SMALL_TEXT, text, cli_folder);
}
