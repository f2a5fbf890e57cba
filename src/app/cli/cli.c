/* cli.c - finds the command, reads its options, prints help. EUPL-1.2. */
#include "app/cli/cli_int.h"
#include "sys/os/os.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

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

void
cli_put(FILE *to, struct str text)
{
    if (isatty(fileno(to)) == 0) {
        fwrite(text.p, 1, text.n, to);
        return;
    }
    for (size_t i = 0; i < text.n; i++) {
        unsigned char ch = (unsigned char)text.p[i];
        bool c1 = ch == 0xC2 && i + 1 < text.n && (unsigned char)text.p[i + 1] < 0xA0;

        if ((ch < ' ' && ch != '\n' && ch != '\t') || ch == 0x7F || c1) {
            fputc('?', to);
            i += c1;
        } else
            fputc(ch, to);
    }
}

int
cli_refused(struct cli *c, const char *what)
{
    const char *clause = c->cx.clause;

    fprintf(stderr, "knoop: %s: ", what);
    cli_put(stderr, c->cx.reason);
    if (clause != NULL && clause[0] != '\0')
        fprintf(stderr, " (%s)", clause);
    fputc('\n', stderr);
    return 1;
}

/* --- help -------------------------------------------------------------------------- */

struct str
cli__first_word(const char *name)
{
    struct str rest = str_of(name);

    return str_cut(&rest, ' ');
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

/* The commands whose first word this is, with what each does; how many. */
static size_t
print_group(FILE *to, const struct cli_command *const *tables, struct str word)
{
    size_t n = 0;

    for (; *tables != NULL; tables++)
        for (const struct cli_command *c = *tables; c->name != NULL; c++)
            if (str_eq(cli__first_word(c->name), word)) {
                char left[80];

                snprintf(left, sizeof(left), "%s %s", c->name, c->args);
                fprintf(to, "%s  knoop %-36s %s\n", n++ == 0 ? "Commands:\n\n" : "", left,
                        c->help);
            }
    if (n != 0)
        fprintf(to, "\nEach tells its options when asked with --help.\n");
    return n;
}

bool
cli__is_first(const struct cli_command *const *tables, const struct cli_command *cmd)
{
    for (; *tables != NULL; tables++)
        for (const struct cli_command *c = *tables; c->name != NULL; c++) {
            if (c == cmd)
                return true;
            if (str_eq(cli__first_word(c->name), cli__first_word(cmd->name)))
                return false;
        }
    return true;
}

/* "subject       create, list, show" or, where there is one, what it does. */
static void
print_line(FILE *to, const struct cli_command *const *tables, const struct cli_command *cmd)
{
    struct str word = cli__first_word(cmd->name);
    size_t n = 0;

    fprintf(to, "  %-14.*s ", STR(word));
    if (word.n == strlen(cmd->name)) {
        fprintf(to, "%s\n", cmd->help);
        return;
    }
    for (; *tables != NULL; tables++)
        for (const struct cli_command *c = *tables; c->name != NULL; c++)
            if (str_eq(cli__first_word(c->name), word) && strlen(c->name) > word.n)
                fprintf(to, "%s%s", n++ ? ", " : "", c->name + word.n + 1);
    fputc('\n', to);
}

static void
print_all(FILE *to, const struct cli_command *const *tables)
{
    fprintf(to, "Usage: knoop COMMAND [OPTIONS] [ARGUMENTS]\n\n"
                "One program to join the nationwide network of care. Commands:\n\n");
    for (const struct cli_command *const *t = tables; *t != NULL; t++)
        for (const struct cli_command *c = *t; c->name != NULL; c++)
            if (cli__is_first(tables, c))
                print_line(to, tables, c);
    fprintf(to,
            "\nknoop COMMAND --help tells more of one. Results go to standard output; exit "
            "0: done,\n1: refused or failed, 2: the command line was wrong.\n");
}

/* --- finding ------------------------------------------------------------------------ */

/* "subjects" is "subject". */
static bool
is_word(struct str word, const char *said, bool first)
{
    size_t n = strlen(said);

    return str_is(word, said) || (first && n == word.n + 1 && said[n - 1] == 's' &&
                                  memcmp(said, word.p, word.n) == 0);
}

/* How many words of argv this command's name takes; 0: it is another. */
static int
words_of(const struct cli_command *c, int argc, char **argv)
{
    struct str rest = str_of(c->name);
    int n = 0;

    for (; rest.n > 0; n++)
        if (n == argc || !is_word(str_cut(&rest, ' '), argv[n], n == 0))
            return 0;
    return n;
}

/* The row whose words all stand at the front of argv; the longest wins. */
static const struct cli_command *
find(const struct cli_command *const *tables, int argc, char **argv, int *words)
{
    const struct cli_command *best = NULL;

    for (*words = 0; *tables != NULL; tables++)
        for (const struct cli_command *c = *tables; c->name != NULL; c++) {
            int n = words_of(c, argc, argv);

            if (n > *words) {
                *words = n;
                best = c;
            }
        }
    return best;
}

/* --- reading ------------------------------------------------------------------------ */

static size_t
option_index(const struct cli_command *cmd, struct str name)
{
    size_t i = 0;

    while (cmd->options != NULL && cmd->options[i].name != NULL &&
           !str_is(name, cmd->options[i].name))
        i++;
    return cmd->options == NULL || cmd->options[i].name == NULL ? SIZE_MAX : i;
}

/* Reads one "--name", "--name value" or "--name=value"; words used, 0 wrong. */
static int
take_option(struct cli *c, int left, char **at)
{
    const char *eq = strchr(at[0], '=');
    struct str name = { at[0] + 2, eq ? (size_t)(eq - at[0] - 2) : strlen(at[0] + 2) };
    size_t i = option_index(c->command, name);

    if (i == SIZE_MAX || c->given[i] != NULL) /* unknown, or said before */
        return 0;
    assert(i < COUNT(c->given));
    if (c->command->options[i].value == NULL) {
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

/* "--url=…" where a row says OPTION=VALUE: the command reads it. */
static bool
is_any_option(const struct cli_command *cmd, const char *word)
{
    for (const struct cli_option *o = cmd->options; o != NULL && o->name != NULL; o++)
        if (strchr(o->name, '=') != NULL)
            return strchr(word, '=') != NULL;
    return false;
}

static int
wrong(const struct cli_command *cmd, const char *word)
{
    if (word == NULL)
        fprintf(stderr, "knoop %s: an argument is missing\n", cmd->name);
    else
        fprintf(stderr, "knoop %s: '%s' is not understood here\n", cmd->name, word);
    print_command(stderr, cmd);
    return 2;
}

static int
run(struct cli *c, int argc, char **argv)
{
    int taken = 0, code;
    bool options = true;

    for (int i = 0; i < argc;) {
        int used = 1;

        if (options && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            print_command(stdout, c->command);
            return 0;
        }
        if (options && strcmp(argv[i], "--") == 0)
            options = false;
        else if (options && strncmp(argv[i], "--", 2) == 0) {
            used = take_option(c, argc - i, argv + i);
            if (used == 0 && !is_any_option(c->command, argv[i]))
                return wrong(c->command, argv[i]);
            if (used == 0)
                c->argv[taken++] = argv[i + used++];
        } else {
            c->argv[taken++] = argv[i];
        }
        i += used;
    }
    c->argc = taken;
    if (taken < c->command->least || taken > c->command->most)
        return wrong(c->command,
                     taken < c->command->least ? NULL : c->argv[c->command->most]);
    arena_init(&c->arena, CLI_ARENA);
    ctx_init(&c->cx, &c->arena, os_now_ms());
    code = c->command->run(c);
    arena_fini(&c->arena);
    return code;
}

static bool
is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
           strcmp(word, "help") == 0;
}

/* No command, but perhaps the first word of some. */
static int
not_found(const struct cli_command *const *tables, int argc, char **argv)
{
    bool asked = argc == 2 && is_help(argv[1]);
    struct str word = str_of(argv[0]);

    if (print_group(asked ? stdout : stderr, tables, word) != 0 ||
        (word.n > 1 && word.p[word.n - 1] == 's' &&
         print_group(asked ? stdout : stderr, tables, str_sub(word, 0, word.n - 1)) != 0))
        return asked ? 0 : 2;
    fprintf(stderr, "knoop: there is no command '%s'; knoop --help lists them\n", argv[0]);
    return 2;
}

int
cli_main(const struct cli_command *const *tables, int argc, char **argv)
{
    struct cli c = { 0 };
    int words;

    if (argc < 2 || (argc == 2 && is_help(argv[1]))) {
        print_all(argc < 2 ? stderr : stdout, tables);
        return argc < 2 ? 2 : 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        puts("knoop " KNOOP_VERSION);
        return 0;
    }
    c.command = find(tables, argc - 1, argv + 1, &words);
    if (c.command == NULL)
        return not_found(tables, argc - 1, argv + 1);
    c.argv = argv + 1;
    return run(&c, argc - 1 - words, argv + 1 + words);
}
