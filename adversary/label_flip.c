/*
 * Attack `label-flip`: honest work on wrong labels. The worker computes, smooths and sends as the others do;
 * only the labels of its own batches are changed, y -> L - 1 - y, L the number of classes.
 */
#include "adversary/attack.h"

enum { EVERY_CLASS = -1 };

struct label_flip {
	int64_t from, to;
};

static void label_flip_relabel(const void *state, int classes, size_t count, int32_t *label)
{
	const struct label_flip *s = state;
	for (size_t i = 0; i < count; i++) {
		if (s->from == EVERY_CLASS)
			label[i] = classes - 1 - label[i];
		else if (label[i] == s->from)
			label[i] = (int32_t)s->to;
	}
}

static int check_class(const char *key, int64_t class, const struct attack_env *env, struct err *e)
{
	if (class < env->classes)
		return 0;
	return err_user(e, "label-flip: `%s`: found class %lld, and data \"%s\" has classes 0 to %d", key,
	                (long long)class, env->data, env->classes - 1);
}

static int label_flip_check(const void *state, const struct attack_env *env, struct err *e)
{
	const struct label_flip *s = state;
	if (env->classes == 0)
		return err_user(
		        e,
		        "label-flip changes the labels of samples, and data \"%s\" has none; expected "
		        "a data set of images, or another attack",
		        env->data);
	if ((s->from == EVERY_CLASS) != (s->to == EVERY_CLASS))
		return err_user(e, "label-flip: found `%s` alone, expected both `from` and `to`, or neither",
		                s->from == EVERY_CLASS ? "to" : "from");
	if (s->from != EVERY_CLASS && s->from == s->to)
		return err_user(
		        e,
		        "label-flip: `from` and `to` are both %lld, so no label changes; expected two "
		        "classes",
		        (long long)s->from);
	return check_class("from", s->from, env, e) || check_class("to", s->to, env, e) ? -1 : 0;
}

static const struct key label_flip_keys[] = {
        {.name = "from",
         .also = "source, source_label, source_class, from_label",
         .kind = KEY_INT,
         .offset = offsetof(struct label_flip, from),
         .default_json = "-1",
         .lowest = EVERY_CLASS,
         .highest = 65535,
         .help = "the one class whose labels are changed, with `to`; -1: those of every class, y -> L - 1 - "
                 "y"},
        {.name = "to",
         .also = "target, target_label, target_class, to_label",
         .kind = KEY_INT,
         .offset = offsetof(struct label_flip, to),
         .default_json = "-1",
         .lowest = EVERY_CLASS,
         .highest = 65535,
         .help = "the class that they become, with `from`; -1: as `from` has it"},
        {0},
};

const struct attack attack_label_flip = {
        .row = {.name = "label-flip",
                .also = "label_flipping, label_flip_adversary, flip_labels",
                .about = "trains on wrong labels: its own batches', and does all else as honest workers do",
                .formula = "y -> L - 1 - y, L the number of classes; or, with `from` and `to`, those of one "
                           "class alone. Its gradient, momentum and message follow; evaluations have the "
                           "true labels. Fang et al. 2020, arXiv 1911.11815. No multiplication of its "
                           "gradient, so outside Definition 1 of Bernstein et al. 2019. Only where samples "
                           "have labels: images",
                .keys = label_flip_keys,
                .state_bytes = sizeof(struct label_flip)},
        .elsewhere = "ByzFL: LabelFlipping; Blades: LabelFlipAdversary; FLPoison: LabelFlipping, "
                     "of one class",
        .sees = ATTACK_OWN,
        .acts_on = ATTACK_DATA,
        .check = label_flip_check,
        .relabel = label_flip_relabel,
};
