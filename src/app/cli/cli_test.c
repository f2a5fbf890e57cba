/* cli_test.c - command lines, right and wrong, and their exit codes. EUPL-1.2. */
#include "base/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/cli/cli.h"

static struct {
    const char *name, *size, *all;
    int argc;
    char argument[64];
    uint64_t number;
    int runs;
} seen;

static int
take(struct cli *c)
{
    memset(&seen, 0, sizeof(seen));
    seen.runs = 1;
    seen.name = c->command->name;
    seen.size = cli_option(c, "size");
    seen.all = cli_option(c, "all");
    seen.argc = c->argc;
    snprintf(seen.argument, sizeof(seen.argument), "%s", c->argc ? c->argv[0] : "");
    assert_null(cli_option(c, "nothing"));
    if (!cli_number(c, "size", 7, &seen.number))
        return 2;
    return 0;
}

static int
refuse_it(struct cli *c)
{
    seen.runs = 1;
    (void)!refuse(&c->cx, ERR_CONFLICT, "RFC 1", "no");
    return cli_refused(c, "thing");
}

static const struct cli_option options[] = {
    { "size", "N", "how large" },
    { "all", NULL, "every one" },
    { 0 },
};
static const struct cli_command first[] = {
    { "thing list", "", "Lists.", options, 0, 0, take },
    { "thing", "[A]", "Takes.", options, 0, 1, take },
    { "thing show", "A B", "Shows.", options, 2, 2, take },
    { 0 },
};
static const struct cli_option any[] = {
    { "size", "N", "how large" },
    { "OPTION=VALUE", NULL, "any" },
    { 0 },
};
static const struct cli_command second[] = {
    { "loose", "[KEY=VALUE...]", "Any.", any, 0, 9, take },
    { "other refuse", "", "Refuses.", NULL, 0, 0, refuse_it },
    { "lone", "", "Alone.", NULL, 0, 0, take },
    { 0 },
};
static const struct cli_command *const tables[] = { first, second, NULL };

/* Runs a line of words; what it printed is put aside. */
static int
line(const char *text)
{
    char room[256], *argv[16], *rest = room, *word;
    int argc = 0, code;

    snprintf(room, sizeof(room), "knoop %s", text);
    while ((word = strsep(&rest, " ")) != NULL)
        if (*word != '\0')
            argv[argc++] = word;
    argv[argc] = NULL;
    seen.runs = 0;
    code = cli_main(tables, argc, argv);
    fflush(stdout);
    return code;
}

static void
wrong_lines_are_2_and_run_nothing(void **state)
{
    static const char *const wrong[] = {
        "",
        "nothing",
        "other",
        "other refuse now",
        "thing show A",
        "thing show A B C",
        "thing list --none",
        "thing list --size",
        "thing list --all=yes",
        "thing list --size 1 --size 2",
        "thing list --all --all",
        "lone --size 1",
        "othe refuse",
        "otherss refuse",
        "lone A",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        if (line(wrong[i]) != 2)
            fail_msg("'%s' was taken", wrong[i]);
        assert_int_equal(seen.runs, 0);
    }
    assert_int_equal(line("thing list --size large"), 2); /* cli_number said so */
    assert_int_equal(line("thing list --size -1"), 2);
}

static void
what_a_command_gives_is_the_exit_code(void **state)
{
    (void)state;
    assert_int_equal(line("other refuse"), 1);
    assert_int_equal(line("thing list"), 0);
}

static void
the_longest_name_wins(void **state)
{
    (void)state;
    assert_int_equal(line("thing list"), 0);
    assert_string_equal(seen.name, "thing list");
    assert_int_equal(line("thing lists"), 0);
    assert_string_equal(seen.name, "thing");
    assert_string_equal(seen.argument, "lists");
    assert_int_equal(line("things list"), 0); /* a plural is understood */
    assert_string_equal(seen.name, "thing list");
}

static void
options_stand_anywhere(void **state)
{
    (void)state;
    assert_int_equal(line("thing list"), 0);
    assert_null(seen.size);
    assert_int_equal(seen.number, 7);
    assert_int_equal(line("thing --size 12 A --all"), 0);
    assert_int_equal(seen.number, 12);
    assert_string_equal(seen.all, "");
    assert_string_equal(seen.argument, "A");
    assert_int_equal(line("thing --size=12"), 0);
    assert_int_equal(seen.number, 12);
    assert_int_equal(seen.argc, 0);
    assert_int_equal(line("thing -- --size"), 0); /* behind -- all is an argument */
    assert_string_equal(seen.argument, "--size");
    assert_null(seen.size);
    assert_int_equal(line("loose --url=x --size=3"), 0);
    assert_string_equal(seen.argument, "--url=x");
    assert_int_equal(seen.argc, 1);
    assert_int_equal(seen.number, 3);
    assert_int_equal(line("loose --url"), 2);
    assert_int_equal(line("thing -"), 0);
    assert_string_equal(seen.argument, "-");
}

static void
help_is_asked_everywhere(void **state)
{
    static const char *const asked[] = {
        "--help",
        "help",
        "-h",
        "thing --help",
        "thing show --help",
        "thing show A --help",
        "other --help",
        "others --help",
        "--version",
        "version",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(asked); i++) {
        if (line(asked[i]) != 0)
            fail_msg("'%s' is not 0", asked[i]);
        assert_int_equal(seen.runs, 0);
    }
}

/* What a stranger wrote must not speak to the terminal; a file gets it as it is. */
static void
a_terminal_is_not_spoken_to(void **state)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    char got[64] = "";
    FILE *to;

    (void)state;
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    to = fdopen(open(ptsname(master), O_RDWR | O_NOCTTY), "w");
    assert_non_null(to);
    cli_put(to, S("a\x1b[31m\xc2\x9b\xc3\xa9\x7f\n"));
    fflush(to);
    assert_true(read(master, got, sizeof(got) - 1) > 0);
    assert_string_equal(got, "a?[31m?\xc3\xa9?\r\n");
    fclose(to);
    close(master);
    to = fmemopen(got, sizeof(got), "w");
    cli_put(to, S("a\x1b"));
    fclose(to);
    assert_string_equal(got, "a\x1b");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_lines_are_2_and_run_nothing),
        cmocka_unit_test(what_a_command_gives_is_the_exit_code),
        cmocka_unit_test(the_longest_name_wins),
        cmocka_unit_test(options_stand_anywhere),
        cmocka_unit_test(help_is_asked_everywhere),
        cmocka_unit_test(a_terminal_is_not_spoken_to),
    };

    return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
