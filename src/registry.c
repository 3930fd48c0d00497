/* The menu of all rows. A new row is one file, and its name in two lines here: declared, and in its family.
 */
#include "registry.h"
#include <stddef.h>
#include "adversary/attack.h"
#include "adversary/crowd.h"
#include "adversary/sleeper.h"
#include "aggregator/aggregator.h"
#include "aggregator/pre/pre.h"
#include "backend/backend.h"
#include "compressor/compressor.h"
#include "data/dataset.h"
#include "data/partition/coding.h"
#include "data/partition/partition_row.h"
#include "direction/direction.h"
#include "models/init/init_row.h"
#include "models/graph/layer.h"
#include "models/model.h"
#include "optimizer/optimizer.h"
#include "optimizer/schedule.h"
#include "transport/transport.h"

extern const struct model model_quadratic, model_median_toy, model_sign_trap, model_softmax, model_mlp,
        model_cnn, model_resnet20, model_resnet32, model_resnet44, model_resnet56, model_resnet110,
        model_resnet18, model_resnet34, model_resnet50, model_alexnet, model_vgg11, model_qrnn,
        model_sequential;

static const struct row *const models[] = {
        &model_quadratic.row,
        &model_median_toy.row,
        &model_sign_trap.row,
        &model_softmax.row,
        &model_mlp.row,
        &model_cnn.row,
        &model_resnet20.row,
        &model_resnet32.row,
        &model_resnet44.row,
        &model_resnet56.row,
        &model_resnet110.row,
        &model_resnet18.row,
        &model_resnet34.row,
        &model_resnet50.row,
        &model_alexnet.row,
        &model_vgg11.row,
        &model_qrnn.row,
        &model_sequential.row,
        NULL,
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

extern const struct partition_row partition_iid, partition_shards, partition_label_shards,
        partition_dirichlet, partition_gamma, partition_by_classes, partition_by_sizes;

static const struct row *const partitions[] = {
        &partition_iid.row,          &partition_shards.row,
        &partition_label_shards.row, &partition_dirichlet.row,
        &partition_gamma.row,        &partition_by_classes.row,
        &partition_by_sizes.row,     NULL,
};

extern const struct attack attack_invert, attack_random_sign, attack_scale, attack_gaussian, attack_zero,
        attack_ones, attack_flip, attack_stale, attack_nan, attack_label_flip, attack_bit_flip;
extern const struct crowd_attack attack_ipm, attack_alie, attack_opt_ipm, attack_opt_alie, attack_mimic,
        attack_min_max, attack_min_sum, attack_fang, attack_against, attack_min_margin;

/* Any attack of the menu is what a sleeper may become. */
static const struct key sleeper_keys[] = {SLEEPER_KEYS(&family_attacks)};
static const struct attack attack_sleeper = SLEEPER_ROW(sleeper_keys);

static const struct row *const attacks[] = {
        &attack_invert.row,
        &attack_random_sign.row,
        &attack_scale.row,
        &attack_gaussian.row,
        &attack_zero.row,
        &attack_ones.row,
        &attack_flip.row,
        &attack_stale.row,
        &attack_nan.row,
        &attack_label_flip.row,
        &attack_bit_flip.row,
        &attack_sleeper.row,
        &attack_ipm.attack.row,
        &attack_alie.attack.row,
        &attack_opt_ipm.attack.row,
        &attack_opt_alie.attack.row,
        &attack_mimic.attack.row,
        &attack_min_max.attack.row,
        &attack_min_sum.attack.row,
        &attack_fang.attack.row,
        &attack_against.attack.row,
        &attack_min_margin.attack.row,
        NULL,
};

extern const struct direction direction_momentum, direction_lion, direction_muon;

static const struct row *const directions[] = {
        &direction_momentum.row,
        &direction_lion.row,
        &direction_muon.row,
        NULL,
};

extern const struct compressor compressor_none, compressor_sign, compressor_ef_sign, compressor_noisy_sign,
        compressor_sto_sign, compressor_dp_sign, compressor_ssdm, compressor_scaled_sign, compressor_one_bit,
        compressor_terngrad, compressor_qsgd, compressor_top_k;

static const struct row *const compressors[] = {
        &compressor_none.row,
        &compressor_sign.row,
        &compressor_ef_sign.row,
        &compressor_noisy_sign.row,
        &compressor_sto_sign.row,
        &compressor_dp_sign.row,
        &compressor_ssdm.row,
        &compressor_scaled_sign.row,
        &compressor_one_bit.row,
        &compressor_terngrad.row,
        &compressor_qsgd.row,
        &compressor_top_k.row,
        NULL,
};

extern const struct coding coding_bernoulli, coding_perfect;

static const struct row *const codings[] = {&coding_bernoulli.row, &coding_perfect.row, NULL};

extern const struct aggregator aggregator_vote, aggregator_mean, aggregator_median, aggregator_trimmed_mean,
        aggregator_krum, aggregator_multi_krum, aggregator_geometric_median, aggregator_centered_clipping,
        aggregator_meamed, aggregator_bulyan, aggregator_mda, aggregator_monna, aggregator_smea,
        aggregator_caf, aggregator_signsgd_fd, aggregator_signsgd_fv;

static const struct row *const aggregators[] = {
        &aggregator_vote.row,
        &aggregator_mean.row,
        &aggregator_median.row,
        &aggregator_trimmed_mean.row,
        &aggregator_krum.row,
        &aggregator_multi_krum.row,
        &aggregator_geometric_median.row,
        &aggregator_centered_clipping.row,
        &aggregator_meamed.row,
        &aggregator_bulyan.row,
        &aggregator_mda.row,
        &aggregator_monna.row,
        &aggregator_smea.row,
        &aggregator_caf.row,
        &aggregator_signsgd_fd.row,
        &aggregator_signsgd_fv.row,
        NULL,
};

extern const struct optimizer optimizer_sgd, optimizer_adam;

static const struct row *const optimizers[] = {&optimizer_sgd.row, &optimizer_adam.row, NULL};

static const struct row *const schedules[] = {
        &schedule_constant.row, &schedule_step.row,         &schedule_multi_step.row, &schedule_cosine.row,
        &schedule_linear.row,   &schedule_inverse_sqrt.row, &schedule_theory.row,     NULL,
};

extern const struct backend_row backend_cpu, backend_cuda, backend_ref, backend_guarded;

static const struct row *const backends[] = {
        &backend_cpu.row,
        &backend_cuda.row,
        &backend_ref.row,
        NULL,
};

/* For who writes a backend or a model. */
static const struct row *const backends_unlisted[] = {&backend_guarded.row, NULL};

extern const struct transport transport_local, transport_mpi, transport_nccl, transport_zmq;

static const struct row *const transports[] = {
        &transport_local.row,
#ifdef SIGNSGD_MPI /* the row alone: MPI itself is in a module */
        &transport_mpi.row,
#endif
        &transport_nccl.row,  &transport_zmq.row, NULL,
};

/* What people bring from other programs, where it is not simply another name of a row. */
static const struct word model_words[] = {
        {"vgg, vgg13, vgg16, vgg19", NULL, "\"vgg11\" is the one there is; \"sequential\" takes any layers"},
        {"resnet101, resnet152, wide_resnet, densenet, mobilenet, efficientnet, lenet", NULL,
         "\"sequential\" takes layers that you list"},
        {"lstm, gru, rnn, transformer, gpt, gpt2, bert, vit", NULL, "text is learned by \"qrnn\""},
        {0},
};

static const struct word data_words[] = {
        {"emnist, kmnist, qmnist, mnist_c, cinic10, svhn, stl10, tiny_imagenet, imagenette, imagenet100, "
         "celeba, femnist",
         NULL, "\"imagefolder\" reads any folder of images"},
        {"ptb, penn_treebank, wikipedia, c4, openwebtext", NULL, "\"text\" reads any text"},
        {0},
};

static const struct word partition_words[] = {
        {"noniid, niid, not_iid, non_iid_by_class, by_class, by_label, pathological, extreme_niid, sorted, "
         "label_skew, "
         "heterogeneous",
         "label-shards", NULL},
        {0},
};

static const struct word attack_words[] = {
        {"sign_flip, sign_flipping, sign_flip_adversary", "invert",
         "of its own vector; ByzFL's SignFlipping, of the honest mean, is \"ipm\" with \"tau\": 1"},
        {"bf, bitflipping, bit_flipping", "invert",
         "which is what papers mean by it; bits of packed messages are flipped by \"bit-flip\""},
        {"negative", "scale", "with \"factor\": -10"},
        {"noise_adversary", "gaussian", "with \"sigma\"; it is around 0"},
        {"directional", "ones", "with \"sign\""},
        {"backdoor, badnets, dba, edge_case, model_replacement, neurotoxin, data_poisoning", NULL,
         "the one attack here on data is \"label-flip\""},
        {"slow, straggler, stragglers", NULL,
         "\"stale\" sends messages of earlier steps; who is late in a step is not counted by `serve`"},
        {"inf, infinity", "nan", "with \"value\""},
        {"none, no_attack, honest", NULL, "without Byzantine workers \"adversaries.count\" is 0"},
        {0},
};

/* Read by experiment/spelling.h. */
static const struct earlier_row aggregators_earlier[] = {
        {"vote", &compressor_sign.row, &aggregator_vote.row},
        {"sign-mean", &compressor_sign.row, &aggregator_mean.row},
        {"adam", &optimizer_adam.row, &aggregator_mean.row},
        {0},
};

static const struct word direction_words[] = {
        {"adam, adamw", NULL, "\"adam\" is an optimizer here, which steps by what the server answers"},
        {"nesterov, nag, soap, kfac, dion, scion", NULL, "there are \"momentum\", \"lion\" and \"muon\""},
        {0},
};

static const struct word compressor_words[] = {
        {"random_k, randk, powersgd, ef21, fp16, half, bf16", NULL,
         "there are \"none\", \"qsgd\", \"terngrad\", \"top-k\", \"one-bit\", \"scaled-sign\", "
         "\"ef-sign\", \"sign\", \"noisy-sign\", \"sto-sign\", \"dp-sign\" and \"ssdm\""},
        {0},
};

static const struct word aggregator_words[] = {
        {"signum", "vote", "with `momentum`"},
        {"sign_mean", "mean", "with compressor \"sign\""},
        {"adam, adamw", "mean", "with optimizer \"adam\""},
        {"cge, dnc, signguard, fltrust, lasa, fldetector", NULL,
         "all of these but \"mean\" stand against Byzantine workers"},
        {"nnm, nearest_neighbor_mixing, clipping, arc, bucketing", NULL,
         "what is done to the messages first stands in a rule's `before`, as in {\"kind\": \"krum\", "
         "\"before\": [\"nnm\"]}"},
        {"nadam, radam, rmsprop, adagrad, adadelta, lamb, lars, lbfgs", NULL,
         "there are \"vote\" (signSGD) and \"mean\" (SGD), and optimizer \"adam\""},
        {"lion, dlion, distributed_lion, muon, signmuon", "vote", "with `direction`: \"lion\" or \"muon\""},
        {0},
};

static const struct word optimizer_words[] = {
        {"signsgd, sign_sgd, signum, majority_vote, signsgd_mv", "sgd", "with aggregator \"vote\""},
        {"sgdm, momentum, sgd_momentum, sgd_with_momentum, heavy_ball", "sgd", "with `momentum`"},
        {"lion, muon, signmuon", "sgd", "with `direction`: \"lion\" or \"muon\", and aggregator \"vote\""},
        {"nadam, radam, rmsprop, adagrad, adadelta, lamb, lars, lbfgs, nesterov, nag", NULL,
         "there are \"sgd\" and \"adam\""},
        {0},
};

static const struct word schedule_words[] = {
        {"exponential, exponential_lr, exponential_decay", NULL, "\"step\" with \"every\": 1 is the same"},
        {"reduce_lr_on_plateau, plateau, one_cycle, one_cycle_lr, cyclic, cyclic_lr", NULL,
         "a rate follows from the step alone"},
        {"cosine_annealing_warm_restarts, cosine_restarts", NULL, "\"cosine\" does not start again"},
        {0},
};

static const struct word backend_words[] = {
        {"rocm, hip, mps, metal, opencl, vulkan, xpu, npu, tpu", NULL,
         "there are processors (\"cpu\") and NVIDIA's GPUs (\"cuda\")"},
        {0},
};

static const struct word transport_words[] = {
        {"gloo, mpi", NULL, "\"zmq\" goes over any network"}, /* mpi: in a build without it */
        {0},
};

const struct family family_models = {.name = "model",
                                     .plural = "models",
                                     .about = "what is trained",
                                     .rows = models,
                                     .words = model_words};
const struct family family_inits = {
        .name = "init", .plural = "inits", .about = "how parameters begin", .rows = inits};
const struct family family_data = {.name = "data",
                                   .plural = "data",
                                   .about = "what it is trained on",
                                   .rows = data,
                                   .words = data_words};
const struct family family_partitions = {.name = "partition",
                                         .plural = "partitions",
                                         .about = "how the workers share the training set",
                                         .rows = partitions,
                                         .words = partition_words,
                                         .bare = true};
const struct family family_codings = {.name = "coding",
                                      .plural = "codings",
                                      .about = "which parts of the data each worker computes gradients of",
                                      .rows = codings};
/* What a step is made of: a name of one is easily taken for one of another. */
static const struct family *const kin[] = {&family_attacks,
                                           &family_directions,
                                           &family_compressors,
                                           &family_pre,
                                           &family_aggregators,
                                           &family_optimizers,
                                           NULL};

const struct family family_attacks = {.name = "attack",
                                      .plural = "attacks",
                                      .about = "what Byzantine workers do",
                                      .rows = attacks,
                                      .kin = kin,
                                      .words = attack_words};
const struct family family_directions = {.name = "direction",
                                         .plural = "directions",
                                         .about = "what a worker makes of its gradients",
                                         .rows = directions,
                                         .kin = kin,
                                         .words = direction_words};
const struct family family_compressors = {.name = "compressor",
                                          .plural = "compressors",
                                          .about = "what a worker says of its vector",
                                          .rows = compressors,
                                          .kin = kin,
                                          .words = compressor_words};
const struct family family_aggregators = {.name = "aggregator",
                                          .plural = "aggregators",
                                          .about = "what the server makes of the workers' messages",
                                          .rows = aggregators,
                                          .kin = kin,
                                          .words = aggregator_words,
                                          .earlier = aggregators_earlier};
const struct family family_optimizers = {.name = "optimizer",
                                         .plural = "optimizers",
                                         .about = "what the answer does to the parameters",
                                         .rows = optimizers,
                                         .kin = kin,
                                         .words = optimizer_words};
const struct family family_schedules = {.name = "schedule",
                                        .plural = "schedules",
                                        .about = "the learning rate over the steps",
                                        .rows = schedules,
                                        .number_row = "constant",
                                        .words = schedule_words};
const struct family family_backends = {.name = "backend",
                                       .plural = "backends",
                                       .about = "the machine that runs the kernels",
                                       .rows = backends,
                                       .unlisted = backends_unlisted,
                                       .words = backend_words};
const struct family family_transports = {.name = "transport",
                                         .plural = "transports",
                                         .about = "how votes reach the server",
                                         .rows = transports,
                                         .words = transport_words};

const struct family *const registry_families[] = {
        &family_models,      &family_layers,      &family_inits,      &family_data,
        &family_partitions,  &family_codings,     &family_attacks,    &family_directions,
        &family_compressors, &family_aggregators, &family_pre,        &family_optimizers,
        &family_schedules,   &family_backends,    &family_transports, NULL,
};
