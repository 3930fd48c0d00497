#include "models/classifier.h"
#include <stddef.h>

const struct key classifier_keys[] = {
        {.name = "hidden",
         .kind = KEY_INT,
         .offset = offsetof(struct classifier, hidden),
         .default_json = "4096",
         .lowest = 1,
         .highest = 65536,
         .help = "width of the two fully connected layers before the last; 4096 was made for 1000 classes"},
        {.name = "dropout",
         .kind = KEY_REAL,
         .offset = offsetof(struct classifier, dropout),
         .default_json = "0.5",
         .lowest = 0,
         .highest = 1,
         .below = true,
         .help = "share of the fully connected layers' numbers that a step leaves out"},
        {.name = NULL},
};
