/*
 * cli.h - the command line: a table of commands, one row and one function each.
 *
 * Rule      Results go to standard output, all else to standard error. Exit 0:
 *           done. 1: refused or failed. 2: the command line was wrong.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_APP_CLI_H
#define KNOOP_APP_CLI_H

#include <stdio.h>

#include "base/err.h"

struct cli_option {
    const char *name;  /* "patients" for --patients; "OPTION=VALUE": any --…=… is an
                          argument */
    const char *value; /* "N": takes one; NULL: a switch */
    const char *help;
};

struct cli {
    struct ctx cx;
    struct arena arena;
    const struct cli_command *command;
    int argc; /* what follows the command and is no option */
    char **argv;
    const char *given[24]; /* per row of command->options: value, "" or NULL */
    bool input_taken;      /* standard input was read (door.h) */
};

struct cli_command {
    const char *name;                 /* "demo data" */
    const char *args;                 /* "[FOLDER]", for the usage line; "" none */
    const char *help;                 /* one sentence */
    const struct cli_option *options; /* ended by { 0 }; may be NULL */
    int least, most;                  /* how many arguments */
    int (*run)(struct cli *c);
};

/* The value of --name, "" for a switch that was given, NULL when absent. */
const char *cli_option(const struct cli *c, const char *name);
/* A whole number from --name, or `otherwise`; false (and said) when it is none. */
bool cli_number(const struct cli *c, const char *name, uint64_t otherwise,
                uint64_t *out) NODISCARD;
/* Prints a stranger's text; to a terminal without control characters (ESC, C1). */
void cli_put(FILE *to, struct str text);
/* Says what was refused and why on standard error; gives the exit code 1. */
int cli_refused(struct cli *c, const char *what);

/* `tables`: ended by NULL; each table by { 0 }. Runs what argv names. */
int cli_main(const struct cli_command *const *tables, int argc, char **argv);
/* For `knoop print man` and `print completion`. */
void cli_print_man(const struct cli_command *const *tables);
void cli_print_completion(const struct cli_command *const *tables);

#endif
