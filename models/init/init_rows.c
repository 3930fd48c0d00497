/* The schemes by name. models/graph/net_init.c draws their numbers; models/init/init_file.c is the row that
 * reads a file. */
#include "models/init/init_row.h"

const struct init_row init_model = {
        .row = {.name = "model",
                .also = "default",
                .about = "as the model's own reference implementation begins"},
        .scheme = INIT_MODEL,
        .any_model = true,
};

const struct init_row init_pytorch = {
        .row = {.name = "pytorch",
                .about = "as PyTorch's layers begin",
                .formula = "weights and biases uniform in +-1/sqrt(fan_in), tables of embeddings N(0, 1)"},
        .scheme = INIT_PYTORCH,
};

const struct init_row init_resnet = {
        .row = {.name = "resnet",
                .about = "as torchvision's residual networks begin",
                .formula = "convolutions N(0, 2 / fan_out), the rest as pytorch"},
        .scheme = INIT_RESNET,
};

const struct init_row init_vgg = {
        .row = {.name = "vgg",
                .about = "as torchvision's VGG networks begin",
                .formula = "convolutions N(0, 2 / fan_out), fully connected N(0, 0.01^2), biases 0"},
        .scheme = INIT_VGG,
};

const struct init_row init_he = {
        .row = {.name = "he",
                .also = "kaiming, kaiming_normal, kaiming_uniform, he_normal",
                .about = "for layers with ReLU",
                .formula = "He et al. 2015: weights N(0, 2 / fan_in), biases 0"},
        .scheme = INIT_HE,
};

const struct init_row init_glorot = {
        .row = {.name = "glorot",
                .also = "xavier, xavier_uniform, xavier_normal",
                .about = "for layers with tanh",
                .formula = "Glorot and Bengio 2010: weights uniform in +-sqrt(6 / (fan_in + fan_out)), "
                           "biases 0"},
        .scheme = INIT_GLOROT,
};

const struct init_row init_awd = {
        .row = {.name = "awd",
                .about = "as language models of the AWD family begin",
                .formula = "Merity et al. 2018: tables uniform in +-0.1, last bias 0, the rest as pytorch"},
        .scheme = INIT_AWD,
};
