/* The menu of all rows. A new row is one file, and its name in two lines here: declared, and in its family.
 */
#include "registry.h"
#include <stddef.h>
#include "adversary/attack.h"
#include "aggregator/aggregator.h"
#include "backend/backend.h"
#include "data/dataset.h"
#include "models/init/init_row.h"
#include "models/graph/layer.h"
#include "models/model.h"
#include "optimizer/schedule.h"
#include "transport/transport.h"

extern const struct model model_quadratic, model_median_toy, model_softmax, model_mlp, model_cnn,
        model_resnet20, model_resnet32, model_resnet44, model_resnet56, model_resnet110, model_resnet18,
        model_resnet34, model_resnet50, model_alexnet, model_vgg11, model_qrnn, model_sequential;

static const struct row *const models[] = {
        &model_quadratic.row, &model_median_toy.row, &model_softmax.row,
        &model_mlp.row,       &model_cnn.row,        &model_resnet20.row,
        &model_resnet32.row,  &model_resnet44.row,   &model_resnet56.row,
        &model_resnet110.row, &model_resnet18.row,   &model_resnet34.row,
        &model_resnet50.row,  &model_alexnet.row,    &model_vgg11.row,
        &model_qrnn.row,      &model_sequential.row, NULL,
};

static const struct row *const inits[] = {
        &init_model.row,  &init_pytorch.row, &init_resnet.row, &init_vgg.row, &init_he.row,
        &init_glorot.row, &init_awd.row,     &init_file.row,   NULL,
};

extern const struct data_source data_none, data_glyphs, data_mnist, data_fashion_mnist, data_cifar10,
        data_cifar100, data_imagefolder, data_imagenet, data_text, data_tinyshakespeare, data_wikitext2,
        data_wikitext103;

static const struct row *const data[] = {
        &data_none.row,
        &data_glyphs.row,
        &data_mnist.row,
        &data_fashion_mnist.row,
        &data_cifar10.row,
        &data_cifar100.row,
        &data_imagefolder.row,
        &data_imagenet.row,
        &data_text.row,
        &data_tinyshakespeare.row,
        &data_wikitext2.row,
        &data_wikitext103.row,
        NULL,
};

extern const struct attack attack_invert, attack_random_sign, attack_scale, attack_gaussian, attack_zero,
        attack_ones, attack_flip, attack_stale, attack_nan;

static const struct row *const attacks[] = {
        &attack_invert.row, &attack_random_sign.row,
        &attack_scale.row,  &attack_gaussian.row,
        &attack_zero.row,   &attack_ones.row,
        &attack_flip.row,   &attack_stale.row,
        &attack_nan.row,    NULL,
};

extern const struct aggregator aggregator_vote, aggregator_mean, aggregator_adam, aggregator_sign_mean;

static const struct row *const aggregators[] = {
        &aggregator_vote.row, &aggregator_mean.row, &aggregator_adam.row, &aggregator_sign_mean.row, NULL,
};

static const struct row *const schedules[] = {
        &schedule_constant.row, &schedule_step.row,         &schedule_multi_step.row, &schedule_cosine.row,
        &schedule_linear.row,   &schedule_inverse_sqrt.row, &schedule_theory.row,     NULL,
};

extern const struct backend_row backend_cpu, backend_ref;

static const struct row *const backends[] = {
        &backend_cpu.row,
        &backend_ref.row,
        NULL,
};

extern const struct transport transport_local, transport_mpi, transport_zmq;

static const struct row *const transports[] = {
        &transport_local.row,
#ifdef SIGNSGD_MPI /* the row alone: MPI itself is in a module */
        &transport_mpi.row,
#endif
        &transport_zmq.row,
        NULL,
};

const struct family family_models = {"model", "models", "what is trained", models, NULL};
const struct family family_inits = {"init", "inits", "how parameters begin", inits, NULL};
const struct family family_data = {"data", "data", "what it is trained on", data, NULL};
const struct family family_attacks = {"attack", "attacks", "what Byzantine workers do", attacks, NULL};
const struct family family_aggregators = {
        "aggregator", "aggregators", "what workers say, what the server makes of it, what the answer does",
        aggregators, NULL};
const struct family family_schedules = {"schedule", "schedules", "the learning rate over the steps",
                                        schedules, "constant"};
const struct family family_backends = {"backend", "backends", "the machine that runs the kernels", backends,
                                       NULL};
const struct family family_transports = {"transport", "transports", "how votes reach the server", transports,
                                         NULL};

const struct family *const registry_families[] = {
        &family_models,      &family_layers,    &family_inits,    &family_data,       &family_attacks,
        &family_aggregators, &family_schedules, &family_backends, &family_transports, NULL,
};
