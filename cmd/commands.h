/* The commands of the program, in the order of `signsgd help`. Above all of them: only main and tests see it.
 */
#ifndef SIGNSGD_CMD_COMMANDS_H
#define SIGNSGD_CMD_COMMANDS_H

#include "cmd/ui/cmd.h"

extern const struct command cmd_simulate, cmd_train, cmd_serve, cmd_shard, cmd_work, cmd_validate, cmd_list,
        cmd_show, cmd_plot, cmd_check, cmd_bench, cmd_schema, cmd_help, cmd_version, cmd_data, cmd_keys,
        cmd_estimate, cmd_combine, cmd_claims, cmd_report, cmd_table, cmd_best, cmd_import;

extern const struct command *const commands[]; /* NULL-terminated */

#endif
