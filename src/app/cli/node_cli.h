/*
 * node_cli.h - functions behind the rows of node_cli.c that have a file of their
 * own. EUPL-1.2.
 */
#ifndef KNOOP_APP_CLI_NODE_CLI_H
#define KNOOP_APP_CLI_NODE_CLI_H

#include "app/cli/door.h"

int cli__fetch(struct cli *c);
int cli__policy_check(struct cli *c);
int cli__policy_test(struct cli *c);
int cli__policy_explain(struct cli *c);
int cli__audit_verify(struct cli *c);
int cli__audit_key(struct cli *c);
int cli__token_who(struct cli *c);
int cli__operator_init(struct cli *c);
int cli__operator_token(struct cli *c);

/* Those that are more than one question to a node. */
extern const struct cli_command node_commands[];

#endif
