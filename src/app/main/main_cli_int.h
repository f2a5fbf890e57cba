/*
 * main_cli_int.h - functions behind the rows of main_cli.c that have a file
 * of their own. EUPL-1.2.
 */
#ifndef KNOOP_APP_MAIN_CLI_INT_H
#define KNOOP_APP_MAIN_CLI_INT_H

#include "app/main/main_cli.h"

int main__source(struct cli *c);

#endif
