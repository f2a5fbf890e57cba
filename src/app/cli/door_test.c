/*
 * door_test.c - templates filled, values escaped, answers shown; every row of
 * door.def against the routes that there are. EUPL-1.2.
 */
#include "base/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/cli/door.h"
#include "codec/json/json.h"

static const struct cli_option options[] = {
    { "name", "TEXT", "" },
    { "json", "JSON", "" },
    { "all", NULL, "" },
    { 0 },
};
static const struct cli_command command = { "test", "", "", options, 0, 9, NULL };

struct fix {
    struct cli c;
    char *argv[4];
    char file[64];
};

static int
setup(void **state)
{
    struct fix *f = calloc(1, sizeof(*f));

    arena_init(&f->c.arena, 64u << 20);
    ctx_init(&f->c.cx, &f->c.arena, INT64_C(1767225600000));
    f->c.command = &command;
    f->c.argv = f->argv;
    strcpy(f->file, "@/tmp/door-test-XXXXXX");
    close(mkstemp(f->file + 1));
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fix *f = *state;

    unlink(f->file + 1);
    arena_fini(&f->c.arena);
    free(f);
    return 0;
}

static void
argument(struct fix *f, char *value)
{
    f->argv[0] = value;
    f->c.argc = 1;
}

static void
write_file(struct fix *f, const char *text, size_t n)
{
    int fd = open(f->file + 1, O_WRONLY | O_TRUNC);

    assert_int_equal(write(fd, text, n), (ssize_t)n);
    close(fd);
}

static const char *
filled(struct fix *f, const char *template, enum door_form form)
{
    struct str out;

    if (door_fill(&f->c, template, form, &out) != ERR_OK)
        fail_msg("%s: %.*s", template, STR(f->c.cx.reason));
    assert_int_equal(out.n, strlen(out.p));
    return out.p;
}

static void
refused(struct fix *f, const char *template, enum door_form form, err_t code)
{
    struct str out = S("left over");

    assert_int_equal(door_fill(&f->c, template, form, &out), code);
    assert_null(out.p);
}

/* --- paths and forms ---------------------------------------------------------------- */

static void
a_path_says_what_was_meant(void **state)
{
    struct fix *f = *state;

    argument(f, (char[]){ "did:web:a.nl%3A8080:iam:1#k?x=1&y/../z \xC3\xA9" });
    assert_string_equal(filled(f, "/a/<1>/b", DOOR_FORM_PATH),
                        "/a/did%3Aweb%3Aa.nl%253A8080%3Aiam%3A1%23k%3Fx%3D1%26y%2F..%2Fz"
                        "%20%C3%A9/b");
    argument(f, (char[]){ "..." }); /* libcurl and servers fold dots away */
    refused(f, "/a/<1>", DOOR_FORM_PATH, ERR_BAD_REQUEST);
    argument(f, (char[]){ ".." });
    refused(f, "/a/<1>", DOOR_FORM_PATH, ERR_BAD_REQUEST);
    argument(f, (char[]){ "." });
    refused(f, "/a/<1>", DOOR_FORM_PATH, ERR_BAD_REQUEST);
    argument(f, (char[]){ "" }); /* "subject deactivate ''" must not be "subject" */
    refused(f, "/a/<1>", DOOR_FORM_PATH, ERR_BAD_REQUEST);
    argument(f, (char[]){ "a..b" });
    assert_string_equal(filled(f, "/a/<1>", DOOR_FORM_PATH), "/a/a..b");
}

static void
parts_are_left_out(void **state)
{
    struct fix *f = *state;

    assert_string_equal(filled(f, "/a[[&n=<name>]][[&j=<json>]]", DOOR_FORM_PATH), "/a");
    f->c.given[1] = "1";
    assert_string_equal(filled(f, "/a[[&n=<name>]][[&j=<json>]]", DOOR_FORM_PATH),
                        "/a?j=1");
    f->c.given[0] = "x&y";
    assert_string_equal(filled(f, "/a[[&n=<name>]][[&j=<json>]]", DOOR_FORM_PATH),
                        "/a?n=x%26y&j=1");
    assert_string_equal(filled(f, "/a?b=c[[&n=<name>]]", DOOR_FORM_PATH), "/a?b=c&n=x%26y");
    assert_string_equal(filled(f, "/a[[/all<all>]]", DOOR_FORM_PATH), "/a");
    f->c.given[2] = "";
    assert_string_equal(filled(f, "/a[[/all<all>]]", DOOR_FORM_PATH), "/a/all");
    assert_string_equal(filled(f, "[[&n=<name>]][[&j=<json>]]", DOOR_FORM_WWW),
                        "n=x%26y&j=1");
}

static void
what_is_needed_is_named(void **state)
{
    struct fix *f = *state;

    refused(f, "/a/<1>", DOOR_FORM_PATH, ERR_BAD_REQUEST);
    assert_true(str_is(f->c.cx.reason, "argument 1 is missing"));
    refused(f, "{'n':<name>}", DOOR_FORM_JSON, ERR_BAD_REQUEST);
    assert_true(str_is(f->c.cx.reason, "--name is needed"));
    assert_int_equal(door_wrong(&f->c, ERR_BAD_REQUEST), 2);
    assert_int_equal(door_wrong(&f->c, ERR_NOT_FOUND), 1);
}

/* --- bodies ------------------------------------------------------------------------- */

static void
a_body_is_json_whatever_is_said(void **state)
{
    struct fix *f = *state;
    struct str text;
    json *v;

    argument(f, (char[]){ "\",\"admin\":true,\"x\":\"\\\x01\n'" });
    assert_string_equal(
        filled(f, "{'a':<1>}", DOOR_FORM_JSON),
        "{\"a\":\"\\\",\\\"admin\\\":true,\\\"x\\\":\\\"\\\\\\u0001\\n'\"}");
    assert_int_equal(json_parse(&f->c.cx, str_of(filled(f, "{'a':<1>}", DOOR_FORM_JSON)),
                                JSON_STRICT, &v),
                     ERR_OK);
    assert_int_equal(json_size(v), 1);
    assert_true(json_str(json_get(v, "a"), &text) && str_is(text, f->argv[0]));
    argument(f, (char[]){ "\xFF" });
    refused(f, "{'a':<1>}", DOOR_FORM_JSON, ERR_BAD_REQUEST);
    argument(f, (char[]){ "" });
    assert_string_equal(filled(f, "{'a':<1>}", DOOR_FORM_JSON), "{\"a\":\"\"}");
}

static void
json_is_checked_before_it_is_sent(void **state)
{
    struct fix *f = *state;

    argument(f, (char[]){ "{\"n\":1.50}" });
    assert_string_equal(filled(f, "{'a':<!1>}", DOOR_FORM_JSON), "{\"a\":{\"n\":1.50}}");
    argument(f, (char[]){ "1,\"b\":2" });
    refused(f, "{'a':<!1>}", DOOR_FORM_JSON, ERR_BAD_REQUEST);
    argument(f, (char[]){ "" });
    refused(f, "{'a':<!1>}", DOOR_FORM_JSON, ERR_BAD_REQUEST);
    argument(f, (char[]){ "{\"a\":1,\"a\":2}" });
    refused(f, "{'a':<!1>}", DOOR_FORM_JSON, ERR_BAD_REQUEST);
    f->c.given[2] = "";
    assert_string_equal(filled(f, "{[[,'n':<name>]][[,'all':<!all>]]}", DOOR_FORM_JSON),
                        "{\"all\":true}");
    f->c.given[0] = "n";
    assert_string_equal(filled(f, "{[[,'n':<name>]][[,'all':<!all>]]}", DOOR_FORM_JSON),
                        "{\"n\":\"n\",\"all\":true}");
}

/* --- files and standard input ------------------------------------------------------- */

static void
values_come_from_files(void **state)
{
    struct fix *f = *state;

    argument(f, f->file);
    write_file(f, "eyJ.x\n", 6);
    assert_string_equal(filled(f, "<1>", DOOR_FORM_JSON), "\"eyJ.x\"");
    write_file(f, "two\nlines\n\n", 11);
    assert_string_equal(filled(f, "<1>", DOOR_FORM_JSON), "\"two\\nlines\\n\"");
    write_file(f, "a\0b", 3);
    assert_string_equal(filled(f, "<1>", DOOR_FORM_JSON), "\"a\\u0000b\"");
    write_file(f, "", 0);
    assert_string_equal(filled(f, "<1>", DOOR_FORM_JSON), "\"\"");
    refused(f, "/<1>", DOOR_FORM_PATH, ERR_BAD_REQUEST);
    argument(f, (char[]){ "@@x" });
    assert_string_equal(filled(f, "<1>", DOOR_FORM_JSON), "\"@x\"");
    argument(f, (char[]){ "@/nonexistent/file" });
    refused(f, "<1>", DOOR_FORM_JSON, ERR_NOT_FOUND);
}

static void
standard_input_stands_once(void **state)
{
    struct fix *f = *state;
    int before = dup(STDIN_FILENO), ends[2];

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "999990019\n", 10), 10);
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    argument(f, (char[]){ "-" });
    f->c.given[0] = "-";
    assert_string_equal(filled(f, "{'p':<1>}", DOOR_FORM_JSON), "{\"p\":\"999990019\"}");
    refused(f, "{'n':<name>}", DOOR_FORM_JSON, ERR_BAD_REQUEST);
    dup2(before, STDIN_FILENO);
    close(before);
    close(ends[0]);
}

/* --- asking nobody ------------------------------------------------------------------ */

static const struct cli_option asking[] = { DOOR_OPTIONS, { 0 } };
static const struct cli_command asker = { "test", "", "", asking, 0, 9, NULL };

static void
nobody_there_is_said_so(void **state)
{
    struct fix *f = *state;
    struct str reply;
    int status;

    f->c.command = &asker;
    f->c.given[0] = "127.0.0.1:1";
    assert_int_equal(door_ask(&f->c, "GET", S("/status"), S(""), S(""), &status, &reply),
                     ERR_UPSTREAM);
    assert_true(str_search(f->c.cx.reason, S("no node answers at http://127.0.0.1:1")) <
                f->c.cx.reason.n);
    f->c.given[2] = f->file + 1; /* a token must be one word */
    write_file(f, "a b", 3);
    assert_int_equal(door_ask(&f->c, "GET", S("/status"), S(""), S(""), &status, &reply),
                     ERR_BAD_REQUEST);
    f->c.given[2] = "/nonexistent";
    assert_int_equal(door_ask(&f->c, "GET", S("/status"), S(""), S(""), &status, &reply),
                     ERR_NOT_FOUND);
    f->c.given[1] = "/nonexistent/knoop.yaml";
    assert_int_equal(door_ask(&f->c, "GET", S("/status"), S(""), S(""), &status, &reply),
                     ERR_CONF);
}

/* --- showing ------------------------------------------------------------------------ */

static void
json_is_indented_by_its_own_characters(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "{\"a\":[1.50,{\"b\":\"x, {y}: \\\"z\\\" \"}],\"c\":{},\"d\":[ ]}",
          "{\n    \"a\": [\n        1.50,\n        {\n            \"b\": \"x, {y}: "
          "\\\"z\\\" \"\n        }\n    ],\n    \"c\": {},\n    \"d\": []\n}" },
        { "[]", "[]" },
        { "\"a\"", "\"a\"" },
        { " { } ", "{}" },
    };
    struct fix *f = *state;
    struct str out;

    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(door_indent(&f->c.cx, str_of(cases[i].in), &out), ERR_OK);
        assert_string_equal(out.p, cases[i].out);
    }
}

/* --- the rows ----------------------------------------------------------------------- */

static const struct door_call rows[] = {
#define DOOR(command, args, least, most, options, method, path, form, body, yes, help)     \
    { command, method, path, DOOR_FORM_##form, body, yes },
#include "app/cli/door.def"
#undef DOOR
};

/* "<name>" must be an option of the row, "<2>" one of its arguments. */
static void
places_are_known(const struct cli_command *cmd, const char *template)
{
    for (const char *p = template; p != NULL && (p = strchr(p, '<')) != NULL; p++) {
        struct str rest = str_of(p + 1 + (p[1] == '!')), name = str_cut(&rest, '>');
        const struct cli_option *o = cmd->options;
        uint64_t n;

        if (str_to_u64(name, &n)) {
            assert_in_range(n, 1, (uint64_t)cmd->most);
            continue;
        }
        while (o->name != NULL && !str_is(name, o->name))
            o++;
        if (o->name == NULL)
            fail_msg("%s: there is no --%.*s", cmd->name, STR(name));
    }
}

static void
every_row_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct cli_command *cmd = &door_commands[i];
        size_t n = 0;

        assert_string_equal(cmd->name, rows[i].command);
        assert_true((rows[i].form == DOOR_FORM_NONE) == (rows[i].body == NULL));
        places_are_known(cmd, rows[i].path);
        places_are_known(cmd, rows[i].body);
        while (cmd->options[n].name != NULL)
            n++;
        assert_in_range(n, 3, COUNT(((struct cli *)0)->given));
    }
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_path_says_what_was_meant),
        T(parts_are_left_out),
        T(what_is_needed_is_named),
        T(a_body_is_json_whatever_is_said),
        T(json_is_checked_before_it_is_sent),
        T(values_come_from_files),
        T(standard_input_stands_once),
        T(nobody_there_is_said_so),
        T(json_is_indented_by_its_own_characters),
        T(every_row_is_whole),
    };

    return cmocka_run_group_tests_name("door", tests, NULL, NULL);
}
