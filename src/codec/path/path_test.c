/*
 * path_test.c - what is refused, and what costs. The compliance suite of
 * RFC 9535 is run by test/conformance. EUPL-1.2.
 */
#include "base/test.h"
#include "codec/path/path.h"

#include <stdio.h>
#include <string.h>

/* The nodes as JSON text, or the name of the refusal. Good until the next call. */
static const char *
ask(const char *path, const char *text)
{
    static char room[4096];
    struct test_ctx t;
    struct path_nodes nodes;
    struct json_out js;
    struct str out;
    json *v;
    err_t e;

    test_ctx_init(&t);
    assert_int_equal(json_parse(&t.cx, str_of(text), JSON_STRICT, &v), ERR_OK);
    e = path_query(&t.cx, str_of(path), v, &nodes);
    assert_true(e == ERR_OK || nodes.n == 0);
    json_out_init(&js, &t.arena);
    json_array(&js);
    for (size_t i = 0; i < nodes.n && i < 100; i++)
        json_put(&js, nodes.v[i]);
    json_end(&js);
    assert_int_equal(json_out_done(&t.cx, &js, &out), ERR_OK);
    snprintf(room, sizeof(room), "%s", e == ERR_OK ? out.p : err_row(e)->name);
    test_ctx_fini(&t);
    return room;
}

static void
refused(void **state)
{
    static const char *const bad[] = {
        "",
        " $",
        "$ ",
        "$.",
        "$..",
        "a",
        "@.a",
        "$[]",
        "$['a'",
        "$['a']]",
        "$[01]",
        "$[-0]",
        "$[9007199254740992]",
        "$.1a",
        "$. a",
        "$[?1]",
        "$[?'a']",
        "$[?@.a==@.*]",
        "$[?@..a==1]",
        "$[?length(@.*)==1]",
        "$[?count(1)==1]",
        "$[?match(@.a)]",
        "$[?match(@.a,'x','y')]",
        "$[?match(@.a,'x')==true]",
        "$[?length(@.a)]",
        "$[?nosuch(@)]",
        "$[?!@.a==1]",
        "$[?(@.a]",
        "$[?@.a=1]",
        "$[?@.a==01]",
        "$[?@.a==1.]",
        "$[?true]",
        "$['\\'']x",
        "$['\\\"']",
        "$[\"\\'\"]",
        "$['\\uD800']",
        "$['\\uDC00\\uD800']",
        "$['\\x']",
        "$['\n']",
        "$[1:2:3:4]",
        "$[?@.a && ]",
        "$[?count(@.*)]",
        "$[?value(@..a)]",
        "$[?length (@)==1]",
        "$\xFF",
        "$[?@ == 1e999]",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        if (strcmp(ask(bad[i], "{\"a\":1}"), "BAD_REQUEST") != 0)
            fail_msg("%s: %s", bad[i], ask(bad[i], "{\"a\":1}"));
}

static void
answered(void **state)
{
    static const struct {
        const char *path, *value, *want;
    } rows[] = {
        { "$", "1", "[1]" },
        { "$.a.b", "{\"a\":{\"b\":2}}", "[2]" },
        { "$['a'] [\"b\"]", "{\"a\":{\"b\":2}}", "[2]" },
        { "$[-1,0]", "[1,2,3]", "[3,1]" },
        { "$[::-2]", "[1,2,3,4,5]", "[5,3,1]" },
        { "$[1:9007199254740991:9007199254740991]", "[1,2,3]", "[2]" },
        { "$..a", "{\"a\":{\"a\":1},\"b\":[{\"a\":2}]}", "[{\"a\":1},1,2]" },
        { "$[?@.a==@.b]", "[{},{\"a\":1},{\"a\":1,\"b\":1.0}]",
          "[{},{\"a\":1,\"b\":1.0}]" },
        { "$[?@.a<=null]", "[{\"a\":null},{\"a\":0}]", "[{\"a\":null}]" },
        { "$[?@<'b']", "[\"a\",\"b\",1]", "[\"a\"]" },
        { "$[?@>9007199254740992]", "[9007199254740993,9007199254740991]",
          "[9007199254740993]" },
        { "$[?length(@)==2]", "[\"\\u20acx\",[1,2],{\"a\":1,\"b\":2},5]",
          "[\"\xE2\x82\xACx\",[1,2],{\"a\":1,\"b\":2}]" },
        { "$[?match(@,'a.')||search(@,'^x')]", "[\"ab\",\"abc\",\"xyz\"]",
          "[\"ab\",\"xyz\"]" },
        { "$[?match(@,'(?i)a')]", "[\"a\"]", "[]" },
        { "$[?!(@.a && @.b)]", "[{\"a\":1,\"b\":1},{\"a\":1}]", "[{\"a\":1}]" },
        { "$[?count(@.*)>1]", "[[1],[1,2]]", "[[1,2]]" },
        { "$.\xC3\xA9", "{\"\xC3\xA9\":1}", "[1]" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(ask(rows[i].path, rows[i].value), rows[i].want);
}

static void
work_has_an_end(void **state)
{
    char value[40000], path[PATH_TEXT_MAX + 2];
    size_t n = 0;

    (void)state;
    for (int i = 0; i < 10000; i++)
        n += (size_t)snprintf(value + n, sizeof(value) - n, "%s%d", i ? "," : "[", i % 10);
    strcpy(value + n, "]");
    assert_string_equal(ask("$[?count($..*)==1]", value), "LIMIT");
    assert_string_equal(ask("$[?$==$]", value), "LIMIT");
    assert_string_equal(ask("$..[*,*,*,*,*,*,*,*,*,*][?$[9999]==9]", "[[1,2],[3,4]]"),
                        "[]");
    memset(value, 'a', 3000);
    value[0] = '[';
    value[1] = '"';
    strcpy(value + 3000, "\"]");
    assert_string_equal(ask("$[?search(@,'(a|a)*[bc]')]", value), "LIMIT");
    memset(path, '(', 200);
    memcpy(path, "$[?", 3);
    path[200] = '\0';
    assert_string_equal(ask(path, "[1]"), "LIMIT");
    for (n = 4, memcpy(path, "$[?@", 4); n < 2500; n += 3)
        memcpy(path + n, "||@", 3);
    strcpy(path + n, "]");
    assert_string_equal(ask(path, "[1]"), "LIMIT");
    memset(path, 'a', sizeof(path));
    memcpy(path, "$.", 2);
    path[PATH_TEXT_MAX + 1] = '\0';
    assert_string_equal(ask(path, "[1]"), "LIMIT");
}

static void
each_allocation_may_fail(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        struct test_ctx t;
        struct path_nodes nodes;
        json *v;
        err_t e;

        test_ctx_init(&t);
        assert_int_equal(
            json_parse(&t.cx, S("[{\"a\":[1,2,\"x\"]},{\"a\":\"b\"}]"), JSON_STRICT, &v),
            ERR_OK);
        t.arena.taken = 0;
        t.arena.fail_at = n;
        e = path_query(
            &t.cx, S("$..[?match(@.a,'b') || (count(@.*) > 1 && @[2] == \"x\")]['a',1:]"),
            v, &nodes);
        test_ctx_fini(&t);
        if (e == ERR_OK)
            break;
        assert_int_equal(e, ERR_NO_MEMORY);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(answered),
        cmocka_unit_test(work_has_an_end),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
