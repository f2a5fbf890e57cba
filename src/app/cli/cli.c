/* cli.c - finds the command, reads its options, prints help. EUPL-1.2. */
#include "app/cli/cli.h"
#include "sys/os/os.h"

#include <stdio.h>
#include <string.h>

enum { CLI_ARENA = 256 << 20 };

const char *
cli_option(const struct cli *c, const char *name)
{
    const struct cli_option *o = c->command->options;

    for (size_t i = 0; o != NULL && o[i].name != NULL; i++)
        if (strcmp(o[i].name, name) == 0)
            return c->given[i];
    return NULL;
}

bool
cli_number(const struct cli *c, const char *name, uint64_t otherwise, uint64_t *out)
{
    const char *text = cli_option(c, name);

    *out = otherwise;
    if (text == NULL)
        return true;
    if (str_to_u64(str_of(text), out))
        return true;
    fprintf(stderr, "knoop: --%s takes a whole number, not '%s'\n", name, text);
    return false;
}

int
cli_refused(struct cli *c, const char *what)
{
    const char *clause = c->cx.clause;

    fprintf(stderr, "knoop: %s: %.*s%s%s%s\n", what, STR(c->cx.reason),
            clause && clause[0] ? " (" : "", clause ? clause : "",
            clause && clause[0] ? ")" : "");
    return 1;
}

static void
print_command(FILE *to, const struct cli_command *cmd)
{
    fprintf(to, "Usage: knoop %s", cmd->name);
    if (cmd->options != NULL)
        fprintf(to, " [OPTIONS]");
    fprintf(to, "%s%s\n\n%s\n", cmd->args[0] ? " " : "", cmd->args, cmd->help);
    for (const struct cli_option *o = cmd->options; o != NULL && o->name != NULL; o++) {
        char left[64];

        snprintf(left, sizeof(left), "--%s%s%s", o->name, o->value ? " " : "",
                 o->value ? o->value : "");
        fprintf(to, "%s  %-24s %s\n", o == cmd->options ? "\n" : "", left, o->help);
    }
}

static void
print_all(FILE *to, const struct cli_command *const *tables)
{
    fprintf(to, "Usage: knoop COMMAND [OPTIONS] [ARGUMENTS]\n\n"
                "One program to join the nationwide network of care. Commands:\n\n");
    for (; *tables != NULL; tables++)
        for (const struct cli_command *c = *tables; c->name != NULL; c++)
            fprintf(to, "  %-22s %s\n", c->name, c->help);
    fprintf(to,
            "\nknoop COMMAND --help tells more of one. docs/ is printed by knoop print.\n");
}

/* The row whose words all stand at the front of argv; the longest wins. */
static const struct cli_command *
find(const struct cli_command *const *tables, int argc, char **argv, int *words)
{
    const struct cli_command *best = NULL;

    for (*words = 0; *tables != NULL; tables++) {
        for (const struct cli_command *c = *tables; c->name != NULL; c++) {
            struct str rest = str_of(c->name);
            int n = 0;

            while (rest.n > 0 && n < argc && str_is(str_cut(&rest, ' '), argv[n]))
                n++;
            struct str whole = str_of(c->name);
            int want = 0;
            while (whole.n > 0) {
                str_cut(&whole, ' ');
                want++;
            }
            if (n == want && n > *words) {
                *words = n;
                best = c;
            }
        }
    }
    return best;
}

/* Reads one "--name", "--name value" or "--name=value"; words used, 0 wrong. */
static int
take_option(struct cli *c, int left, char **at)
{
    const struct cli_option *o = c->command->options;
    const char *eq = strchr(at[0], '=');
    struct str name = { at[0] + 2, eq ? (size_t)(eq - at[0] - 2) : strlen(at[0] + 2) };

    for (size_t i = 0; o != NULL && o[i].name != NULL; i++) {
        if (!str_is(name, o[i].name))
            continue;
        if (o[i].value == NULL) {
            c->given[i] = "";
            return eq == NULL ? 1 : 0;
        }
        if (eq != NULL) {
            c->given[i] = eq + 1;
            return 1;
        }
        if (left < 2)
            return 0;
        c->given[i] = at[1];
        return 2;
    }
    return 0;
}

static int
wrong(const struct cli_command *cmd, const char *word)
{
    fprintf(stderr, "knoop %s: '%s' is not understood here\n", cmd->name, word);
    print_command(stderr, cmd);
    return 2;
}

static int
run(struct cli *c, int argc, char **argv)
{
    int taken = 0, code;

    for (int i = 0; i < argc;) {
        int used = 1;

        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_command(stdout, c->command);
            return 0;
        }
        if (strncmp(argv[i], "--", 2) == 0) {
            used = take_option(c, argc - i, argv + i);
            if (used == 0)
                return wrong(c->command, argv[i]);
        } else {
            c->argv[taken++] = argv[i];
        }
        i += used;
    }
    c->argc = taken;
    if (taken < c->command->least || taken > c->command->most)
        return wrong(c->command, taken > c->command->most ? argv[c->command->most] : "");
    arena_init(&c->arena, CLI_ARENA);
    ctx_init(&c->cx, &c->arena, os_now_ms());
    code = c->command->run(c);
    arena_fini(&c->arena);
    return code;
}

int
cli_main(const struct cli_command *const *tables, int argc, char **argv)
{
    struct cli c = { 0 };
    int words;

    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_all(argc < 2 ? stderr : stdout, tables);
        return argc < 2 ? 2 : 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        puts("knoop " KNOOP_VERSION);
        return 0;
    }
    c.command = find(tables, argc - 1, argv + 1, &words);
    if (c.command == NULL) {
        fprintf(stderr, "knoop: there is no command '%s'; knoop --help lists them\n",
                argv[1]);
        return 2;
    }
    c.argv = argv + 1;
    return run(&c, argc - 1 - words, argv + 1 + words);
}

void
cli_print_man(const struct cli_command *const *tables)
{
    puts(
        ".TH KNOOP 1 \"\" \"knoop " KNOOP_VERSION "\" \"Knoop\"\n.SH NAME\n"
        "knoop \\- one program to join the nationwide network of care\n.SH SYNOPSIS\n"
        ".B knoop\n.I COMMAND\n[OPTIONS] [ARGUMENTS]\n.SH DESCRIPTION\n"
        "Knoop is a node of the network in which Dutch care organisations share records\n"
        "without a centre that holds them: trust, consent, a gateway before FHIR systems,\n"
        "and an audit log that can be proven.\n.SH COMMANDS");
    for (; *tables != NULL; tables++) {
        for (const struct cli_command *c = *tables; c->name != NULL; c++) {
            printf(".TP\n.B knoop %s\n.I %s\n.br\n%s\n", c->name, c->args, c->help);
            for (const struct cli_option *o = c->options; o != NULL && o->name != NULL; o++)
                printf(".RS\n.TP\n.B \\-\\-%s %s\n%s\n.RE\n", o->name,
                       o->value ? o->value : "", o->help);
        }
    }
    puts(".SH FILES\n.I /etc/knoop/knoop.yaml\nThe options; docs/options.md lists them.\n"
         ".SH EXIT STATUS\n0 done, 1 refused or failed, 2 the command line was wrong.");
}

void
cli_print_completion(const struct cli_command *const *tables)
{
    const struct cli_command *const *t;

    puts("# bash completion for knoop\n_knoop() {\n    local "
         "line=\"${COMP_WORDS[*]:1:COMP_CWORD-1}\"\n"
         "    local words=\"\"\n    case \"$line\" in");
    for (t = tables; *t != NULL; t++) {
        for (const struct cli_command *c = *t; c->name != NULL; c++) {
            printf("    \"%s\"*) words=\"--help", c->name);
            for (const struct cli_option *o = c->options; o != NULL && o->name != NULL; o++)
                printf(" --%s", o->name);
            puts("\" ;;");
        }
    }
    printf("    esac\n    if [ -z \"$words\" ]; then\n        words=\"");
    for (t = tables; *t != NULL; t++)
        for (const struct cli_command *c = *t; c->name != NULL; c++)
            printf("%s\\n", c->name);
    puts("\"\n        words=$(printf \"$words\" | sed -n \"s/^${line:+$line }//p\" | cut "
         "-d' ' -f1 | sort -u)\n"
         "    fi\n    COMPREPLY=($(compgen -W \"$words\" -- "
         "\"${COMP_WORDS[COMP_CWORD]}\"))\n}\n"
         "complete -F _knoop knoop");
}
