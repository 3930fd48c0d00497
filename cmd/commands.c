/* The command table. A new command is one file and two lines: one here, one in commands.h. */
#include "cmd/commands.h"

#include <stddef.h>

const struct command *const commands[] = {&cmd_simulate, &cmd_train, &cmd_serve,    &cmd_shard,   &cmd_work,
                                          &cmd_validate, &cmd_list,  &cmd_show,     &cmd_plot,    &cmd_claims,
                                          &cmd_report,   &cmd_table, &cmd_best,     &cmd_data,    &cmd_keys,
                                          &cmd_check,    &cmd_bench, &cmd_estimate, &cmd_combine, &cmd_import,
                                          &cmd_schema,   &cmd_help,  &cmd_version,  NULL};
