/* What a file says beside the keys of its table, and what others say that has no key: for complaints. */
#include <stddef.h>
#include "experiment/settings.h"

static const char *const elsewhere[] = {"sweep", "seeds", "claims", NULL};

static const struct word words[] = {
        {"nb_honest_clients, honest_clients, num_honest, nb_honest, n_honest, num_honest_workers", "workers",
         "which counts all of them, Byzantine ones too"},
        {"loss, loss_fn, loss_function, criterion", NULL, "a model brings its own loss"},
        {"comment, comments, _comment, description, note, notes, //, #", NULL,
         "a file has settings only; notes go beside it"},
        {"grid, param_grid, search_space, hyperparameters", "sweep", NULL},
        {"except, exclude, skip, filter, constraints, forbidden", "sweep.except", NULL},
        {"repeats, repetitions, n_seeds, num_seeds, nb_training_seeds, random_seeds", "seeds",
         "a list of them"},
        {"nesterov, dampening", NULL, "momentum is v = (1 - beta) g + beta v"},
        {"clip, grad_clip, gradient_clipping, clip_norm, max_grad_norm", NULL, "no gradient is clipped"},
        {"num_classes, nb_labels, n_classes, input_size, input_shape", NULL, "the data set knows it"},
        {"early_stopping, patience", NULL, "a run has the length that `steps` or `epochs` gives"},
        {"dtype, precision, amp, fp16, bf16", NULL, "numbers are floats of 32 bits"},
        {"threads, num_threads, lanes, n_jobs", NULL, "threads are an option, --lanes"},
        {"shuffle, drop_last, pin_memory", NULL, "every worker draws from its shard without replacement"},
        {"transform, transforms, transformation, augmentation, augmentations, data_augmentation, "
         "preprocessing",
         NULL,
         "images are changed as \"data\" says: \"augment\" of \"cifar10\", \"crop\" and \"flip\" of "
         "\"imagefolder\""},
        {"pre_aggregators, pre_aggregator, pre_aggregation, pre_agg, bucketing, nnm", "aggregator.before",
         NULL},
        {"before", "aggregator.before",
         "of rules such as \"median\": \"mean\" and \"vote\" take the messages as they are; "
         "\"trimmed-mean\" with \"f\": 0 is a mean behind \"clipping\" or \"bucketing\", but \"nnm\" and "
         "\"arc\" change no mean where f is 0"},
        {"participation, client_fraction, frac, fraction_fit", NULL, "every worker takes part in every step"},
        {0},
};

const struct lingo experiment_lingo = {elsewhere, words};
