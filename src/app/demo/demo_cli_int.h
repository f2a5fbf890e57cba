/*
 * demo_cli_int.h - the functions behind the rows of demo_cli.c. EUPL-1.2.
 */
#ifndef KNOOP_APP_DEMO_CLI_INT_H
#define KNOOP_APP_DEMO_CLI_INT_H

#include "app/demo/demo_cli.h"

int demo__run(struct cli *c);
int demo__data(struct cli *c);
int demo__people(struct cli *c);
int demo__ca_init(struct cli *c);
int demo__ca_tls(struct cli *c);
int demo__ca_uzi(struct cli *c);
int demo__ca_revoke(struct cli *c);
int demo__ca_lists(struct cli *c);

#endif
