/*
 * door.h - commands that ask a running node through its internal door.
 *
 * Rule      A command is one row: method, path and body as templates. <1> is
 *           the first argument, <name> the value of --name: percent-encoded in
 *           a path or form, a JSON string in a body; <!1> is JSON itself,
 *           checked. A part in [[ ]] is left out when its option was not given.
 *           @FILE as an argument, or - for standard input, stands for what the
 *           file holds.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_APP_CLI_DOOR_H
#define KNOOP_APP_CLI_DOOR_H

#include "app/cli/cli.h"

struct door_call {
    const char *command;              /* the cli_command's name */
    const char *method, *path, *body; /* body NULL: none */
    const char *type;                 /* content type; NULL: application/json */
};

extern const struct cli_command door_commands[];

/* For other commands: asks the node, gives status and body. */
err_t door_ask(struct cli *c, const char *method, struct str path, struct str type,
               struct str body, int *status, struct str *reply) NODISCARD;
/* Fills a template; see above. `escape_path` percent-encodes. */
err_t door_fill(struct cli *c, const char *template, bool escape_path,
                struct str *out) NODISCARD;
/* Prints JSON on standard output, indented for people when it is a terminal. */
void door_print(struct str reply);

#endif
