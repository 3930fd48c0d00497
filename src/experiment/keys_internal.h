/* Tables of keys inside others: each stands in a file of its own, and keys.c puts them together. */
#ifndef SIGNSGD_EXPERIMENT_KEYS_INTERNAL_H
#define SIGNSGD_EXPERIMENT_KEYS_INTERNAL_H

#include <stddef.h>
#include "experiment/settings.h"

#define AT(member)         offsetof(struct settings, member)
#define IN(object, member) (offsetof(struct settings, object.member) - offsetof(struct settings, object))
#define COUNT_MAX          9007199254740992.0 /* 2^53 */

extern const struct key experiment_adversaries_keys[]; /* `adversaries`: offsets in that member */
extern const struct key experiment_record_keys[];      /* `record` */

#endif
