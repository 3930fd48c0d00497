/* JSON Schema (draft 2020-12) of experiment files, made from the rows. */
#ifndef SIGNSGD_EXPERIMENT_SCHEMA_H
#define SIGNSGD_EXPERIMENT_SCHEMA_H

#include "base/mem.h"

/* Append the whole schema as compact JSON. */
void experiment_schema(struct buf *b);

#endif
