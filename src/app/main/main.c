/*
 * main.c - the one program: which command was meant.
 *
 * Source    Knoop. EUPL-1.2.
 */
#include <stdio.h>
#include <string.h>

#include "app/main/role.h"

static int
server(int argc, char **argv)
{
    (void)argc;
    return supervisor_main(argv);
}

static int
version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return puts("knoop " KNOOP_VERSION) < 0;
}

static const struct {
    const char *name;
    int (*fn)(int argc, char **argv); /* without program and command */
} commands[] = {
    { "server", server },
    { "role", role_main },
    { "version", version },
    { "--version", version },
};

int
main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < COUNT(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].fn(argc - 2, argv + 2);
    if (argc > 1)
        fprintf(stderr, "knoop: there is no command '%s'\n", argv[1]);
    fputs("usage: knoop server [option=value ...]\n", stderr);
    return 2;
}
