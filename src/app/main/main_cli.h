/*
 * main_cli.h - the commands that need the whole program: its routes, its
 * options, its keys, a node's internal door.
 *
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_APP_MAIN_CLI_H
#define KNOOP_APP_MAIN_CLI_H

#include "app/cli/cli.h"

extern const struct cli_command main_commands[];

/* All tables of commands, ended by NULL: for the man page and completion. */
const struct cli_command *const *main_tables(void);

#endif
