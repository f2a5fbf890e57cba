/*
 * cli_print.c - the man page and the completion for bash, from the tables of
 * commands.
 *
 * Source    Knoop; man(7), bash(1). EUPL-1.2.
 */
#include "app/cli/cli_int.h"
#include "sys/conf/conf.h"

#include <stdio.h>
#include <string.h>

/* --- man ---------------------------------------------------------------------------- */

/* Text as troff takes it: a hyphen is a minus, and a line begins with no request. */
static void
roff(const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    for (; *text != '\0'; text++)
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else
            putchar(*text);
}

static void
roff_command(const struct cli_command *c)
{
    fputs(".TP\n\\fBknoop ", stdout);
    roff(c->name);
    fputs("\\fR", stdout);
    if (c->args[0] != '\0') {
        fputs(" \\fI", stdout);
        roff(c->args);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    roff(c->help);
    putchar('\n');
    if (c->options == NULL)
        return;
    puts(".RS");
    for (const struct cli_option *o = c->options; o->name != NULL; o++) {
        fputs(".TP\n\\fB\\-\\-", stdout);
        roff(o->name);
        fputs("\\fR", stdout);
        if (o->value != NULL) {
            fputs(" \\fI", stdout);
            roff(o->value);
            fputs("\\fR", stdout);
        }
        putchar('\n');
        roff(o->help);
        putchar('\n');
    }
    puts(".RE");
}

void
cli_print_man(const struct cli_command *const *tables)
{
    puts(".TH KNOOP 1 \"\" \"knoop " KNOOP_VERSION "\" \"Knoop\"\n.SH NAME\n"
         "knoop \\- one program to join the nationwide network of care\n.SH SYNOPSIS\n"
         ".B knoop\n.I COMMAND\n[OPTIONS] [ARGUMENTS]\n.SH DESCRIPTION\n"
         "Knoop is a node of the network in which Dutch care organisations share records\n"
         "without a centre that holds them: trust, grounds for sharing, a gateway before\n"
         "FHIR systems, and an audit log that can be proven.\n"
         ".PP\nWhere a value is asked, \\fB@FILE\\fR stands for what the file holds and\n"
         "\\fB\\-\\fR for standard input: give a patient's number or a token so, since\n"
         "every user of the machine can read a command line.\n.SH COMMANDS");
    for (; *tables != NULL; tables++)
        for (const struct cli_command *c = *tables; c->name != NULL; c++)
            roff_command(c);
    puts(".SH EXIT STATUS\n.TP\n.B 0\nDone; for a question of yes or no: yes.\n"
         ".TP\n.B 1\nRefused or failed; the reason stands on standard error.\n"
         ".TP\n.B 2\nThe command line was wrong.\n"
         ".SH FILES\n.TP\n.I /etc/knoop/knoop.yaml\n"
         "The options, unless another file is named; \\fBknoop print options\\fR lists "
         "them.\n"
         ".SH ENVIRONMENT\nEach option may stand in the environment: \\fIurl\\fR is "
         "\\fBKNOOP_URL\\fR,\n\\fIhttp.internal.address\\fR is "
         "\\fBKNOOP_HTTP_INTERNAL_ADDRESS\\fR.\n"
         ".SH SIGNALS\nA server takes \\fBSIGHUP\\fR to read options, certificates and "
         "policies anew, and\n\\fBSIGTERM\\fR to finish what is under way and stop.");
}

/* --- bash --------------------------------------------------------------------------- */

/* What may follow a command's words: its options; for the server all of them. */
static void
bash_words(const struct cli_command *c)
{
    size_t n;
    const struct conf_row *rows = conf_rows(&n);

    fputs("words=\"--help", stdout);
    for (const struct cli_option *o = c->options; o != NULL && o->name != NULL; o++)
        if (strchr(o->name, '=') == NULL)
            printf(" --%s", o->name);
    if (strcmp(c->name, "server") == 0)
        for (size_t i = 0; i < n; i++)
            printf(" --%s=", rows[i].key);
    puts("\" ;;");
}

static void
bash_verbs(const struct cli_command *const *tables, struct str word)
{
    for (; *tables != NULL; tables++)
        for (const struct cli_command *c = *tables; c->name != NULL; c++)
            if (str_eq(cli__first_word(c->name), word) && word.n < strlen(c->name))
                printf("%s ", c->name + word.n + 1);
}

static void
bash_groups(const struct cli_command *const *tables)
{
    for (const struct cli_command *const *t = tables; *t != NULL; t++)
        for (const struct cli_command *c = *t; c->name != NULL; c++) {
            struct str word = cli__first_word(c->name);

            if (!cli__is_first(tables, c))
                continue;
            printf("        %.*s) words=\"", STR(word));
            bash_verbs(tables, word);
            puts("\" ;;");
        }
}

void
cli_print_completion(const struct cli_command *const *tables)
{
    const struct cli_command *const *t;

    puts(
        "# bash completion for knoop\n_knoop() {\n"
        "    local now=\"${COMP_WORDS[COMP_CWORD]}\" last=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
        "    local words=\"\"\n"
        "    if [[ \"$now\" == @* ]]; then\n"
        "        COMPREPLY=($(compgen -P @ -f -- \"${now#@}\"))\n        return\n    fi\n"
        "    case \"$COMP_CWORD $last\" in\n"
        "    *\" --configfile\" | *\" --token-file\" | *\" --certificate\" | *\" --key\" | "
        "*\" --folder\" | *\" --load\" | *\" --data\" | *\" --out\")\n"
        "        COMPREPLY=($(compgen -f -- \"$now\"))\n        return ;;\n"
        "    esac\n"
        "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words=\"--help --version help \\");
    for (t = tables; *t != NULL; t++)
        for (const struct cli_command *c = *t; c->name != NULL; c++)
            if (cli__is_first(tables, c))
                printf("%.*s ", STR(cli__first_word(c->name)));
    puts("\"\n    elif [ \"$COMP_CWORD\" -eq 2 ] && [[ \"$now\" != -* ]]; then\n"
         "        case \"${COMP_WORDS[1]}\" in");
    bash_groups(tables);
    puts("        esac\n    fi\n    if [ -z \"$words\" ]; then\n"
         "        case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in");
    for (t = tables; *t != NULL; t++)
        for (const struct cli_command *c = *t; c->name != NULL; c++) {
            bool two = strchr(c->name, ' ') != NULL;

            printf("        \"%s%s) ", c->name, two ? "\"" : " \"*");
            bash_words(c);
        }
    puts("        esac\n    fi\n    case \"$now\" in\n"
         "    -* | \"\") COMPREPLY=($(compgen -W \"$words\" -- \"$now\")) ;;\n"
         "    *)\n        COMPREPLY=($(compgen -W \"$words\" -- \"$now\"))\n"
         "        [ ${#COMPREPLY[@]} -ne 0 ] || COMPREPLY=($(compgen -f -- \"$now\")) ;;\n"
         "    esac\n}\ncomplete -F _knoop knoop");
}
