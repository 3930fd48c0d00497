/*
 * `qrnn`: a language model of quasi-recurrent layers, built and initialised like the AWD models of Merity,
 * Keskar and Socher (2018): an embedding, layers of `hidden` numbers, softmax over the vocabulary. With tied
 * weights the last layer is as wide as the embedding, and the embedding's table is also the weight of the
 * softmax.
 */
#include <stdio.h>
#include "models/graph/net.h"

struct qrnn {
	int64_t layers, embedding, hidden, window;
	double dropout_words, dropout_input, dropout_hidden, dropout_output, zoneout;
	bool tied;
};

static void build(const void *state, const struct model_env *env, struct net *n)
{
	const struct qrnn *q = state;
	(void)env;
	net_scheme(n, INIT_AWD);
	int v = net_embed(n, "encoder", (int)q->embedding, q->dropout_words);
	v = net_dropout(n, v, q->dropout_input, true);
	for (int64_t i = 0; i < q->layers; i++) {
		char name[32];
		bool last = i == q->layers - 1;
		int64_t width = last && q->tied ? q->embedding : q->hidden;
		snprintf(name, sizeof name, "rnns.%d", (int)i);
		v = net_qrnn(n, name, v, (int)width, i == 0 ? (int)q->window : 1, q->zoneout);
		v = net_dropout(n, v, last ? q->dropout_output : q->dropout_hidden, true);
	}
	net_classify(n, "decoder", v, q->tied ? "encoder" : NULL);
}

#define RATE(key, member, text)                                                                              \
	{                                                                                                    \
		.name = key, .kind = KEY_REAL, .offset = offsetof(struct qrnn, member), .default_json = "0", \
		.lowest = 0, .highest = 1, .below = true, .help = text                                       \
	}

static const struct key keys[] = {
        {.name = "layers",
         .kind = KEY_INT,
         .offset = offsetof(struct qrnn, layers),
         .default_json = "4",
         .lowest = 1,
         .highest = 64,
         .unit = "layers",
         .help = "number of quasi-recurrent layers"},
        {.name = "embedding",
         .kind = KEY_INT,
         .offset = offsetof(struct qrnn, embedding),
         .default_json = "400",
         .lowest = 1,
         .highest = 1 << 20,
         .help = "width of the embedding"},
        {.name = "hidden",
         .kind = KEY_INT,
         .offset = offsetof(struct qrnn, hidden),
         .default_json = "1550",
         .lowest = 1,
         .highest = 1 << 20,
         .help = "width of the layers; of the last one only without `tied`"},
        {.name = "window",
         .kind = KEY_INT,
         .offset = offsetof(struct qrnn, window),
         .default_json = "2",
         .lowest = 1,
         .highest = 2,
         .unit = "positions",
         .help = "positions that the first layer sees at once; the others see one"},
        RATE("dropout_words", dropout_words, "share of the vocabulary that is dropped in a step"),
        RATE("dropout_input", dropout_input, "variational dropout behind the embedding"),
        RATE("dropout_hidden", dropout_hidden, "variational dropout between the layers"),
        RATE("dropout_output", dropout_output, "variational dropout behind the last layer"),
        RATE("zoneout", zoneout, "share of the cell that a position leaves as it was"),
        {.name = "tied",
         .kind = KEY_BOOL,
         .offset = offsetof(struct qrnn, tied),
         .default_json = "true",
         .help = "the embedding's table is also the weight of the softmax"},
        {0},
};

const struct model model_qrnn = {
        .row = {.name = "qrnn",
                .about = "language model of quasi-recurrent layers (text only)",
                .formula = "C_t = F_t Z_t + (1 - F_t) C_(t-1), H_t = O_t C_t (Bradbury et al. 2017); tied, "
                           "with window 1: V (e + 1) + 3 h (e + 1) + 3 (layers - 2) h (h + 1) + 3 e (h + 1) "
                           "parameters, layers >= 2",
                .keys = keys,
                .state_bytes = sizeof(struct qrnn)},
        .build = build,
        .usual = {.n_classes = 33278, .window = 70},
        NET_MODEL,
};
