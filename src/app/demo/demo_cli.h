/*
 * demo_cli.h - the commands of the demo room, a table for app/main. EUPL-1.2.
 */
#ifndef KNOOP_APP_DEMO_CLI_H
#define KNOOP_APP_DEMO_CLI_H

#include "app/cli/cli.h"

extern const struct cli_command demo_commands[];

#endif
