/*
 * main.c - the one program: which command was meant.
 *
 * `server` and `role` are the processes; all else is a row in a table of
 * commands (app/cli/cli.h).
 *
 * Source    Knoop. EUPL-1.2.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli/credential.h"
#include "app/cli/door.h"
#include "app/cli/node_cli.h"
#include "app/demo/demo_cli.h"
#include "app/main/backup.h"
#include "app/main/main_cli.h"
#include "app/main/role.h"

static const struct cli_command *const tables[] = {
    main_commands,       backup_commands, door_commands, node_commands,
    credential_commands, demo_commands,   NULL,
};

const struct cli_command *const *
main_tables(void)
{
    return tables;
}

/* "--key=value", "--key value" and "key=value" are all options of the server. */
static int
server(int argc, char **argv)
{
    char **args = calloc((size_t)argc + 1, sizeof(*args));
    int n = 0, code;

    if (args == NULL)
        return 1;
    for (int i = 0; i < argc; i++) {
        bool dashes = strncmp(argv[i], "--", 2) == 0;
        char *word = argv[i] + (dashes ? 2 : 0);

        if (dashes && strchr(word, '=') == NULL && i + 1 < argc) {
            size_t size = strlen(word) + strlen(argv[i + 1]) + 2;
            char *both = malloc(size); /* lives as long as the process */

            if (both == NULL)
                return 1;
            snprintf(both, size, "%s=%s", word, argv[++i]);
            word = both;
        }
        args[n++] = word;
    }
    code = supervisor_main(args);
    free(args);
    return code;
}

static bool
asks_help(int argc, char **argv)
{
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

int
main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "server") == 0 && !asks_help(argc, argv))
        return server(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "role") == 0)
        return role_main(argc - 2, argv + 2);
    return cli_main(tables, argc, argv);
}
