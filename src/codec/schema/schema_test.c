/*
 * schema_test.c - schemas that are refused, references that leave, and cost.
 * The published suite is run by test/conformance. EUPL-1.2.
 */
#include "base/test.h"
#include "codec/schema/schema.h"

#include <stdio.h>
#include <string.h>

/* 1 valid, 0 not; -1 the schema is refused, -2 a limit was met. */
static int
verdict(const char *schema, const char *value)
{
    struct test_ctx t;
    struct schema *s;
    json *v, *text;
    bool valid = true;
    err_t e;

    test_ctx_init(&t);
    assert_int_equal(json_parse(&t.cx, str_of(schema), JSON_STRICT, &text), ERR_OK);
    assert_int_equal(json_parse(&t.cx, str_of(value), JSON_STRICT, &v), ERR_OK);
    e = schema_parse(&t.cx, text, &s);
    assert_true((e == ERR_OK) == (s != NULL));
    if (e == ERR_OK) {
        e = schema_check(&t.cx, s, v, &valid);
        assert_true(e == ERR_OK || !valid);
        if (e != ERR_OK)
            assert_int_equal(e, ERR_LIMIT);
    } else {
        assert_true(e == ERR_BAD_REQUEST || e == ERR_UNSUPPORTED || e == ERR_LIMIT);
        valid = false;
    }
    test_ctx_fini(&t);
    return s == NULL ? -1 : e == ERR_LIMIT ? -2 : valid;
}

static void
schemas_are_refused(void **state)
{
    static const char *const bad[] = {
        "1",
        "null",
        "[]",
        "\"x\"",
        "{\"type\":\"strin\"}",
        "{\"type\":[]}",
        "{\"type\":[\"null\",\"null\"]}",
        "{\"type\":7}",
        "{\"minLength\":-1}",
        "{\"minLength\":1.5}",
        "{\"maxItems\":\"1\"}",
        "{\"multipleOf\":0}",
        "{\"multipleOf\":-1}",
        "{\"pattern\":\"(\"}",
        "{\"pattern\":1}",
        "{\"patternProperties\":{\"(?R)\":true}}",
        "{\"required\":\"a\"}",
        "{\"required\":[1]}",
        "{\"required\":[\"a\",\"a\"]}",
        "{\"allOf\":[]}",
        "{\"anyOf\":{}}",
        "{\"oneOf\":[1]}",
        "{\"not\":1}",
        "{\"items\":1}",
        "{\"properties\":[]}",
        "{\"properties\":{\"a\":1}}",
        "{\"dependencies\":{\"a\":1}}",
        "{\"enum\":1}",
        "{\"uniqueItems\":1}",
        "{\"maximum\":\"1\"}",
        "{\"$ref\":1}",
        "{\"$ref\":\"#/definitions/none\"}",
        "{\"$ref\":\"#none\"}",
        "{\"$ref\":\"http://example.com/other\"}",
        "{\"$ref\":\"other.json\"}",
        "{\"$ref\":\"#/definitions/~2\"}",
        "{\"definitions\":{\"a\":{\"$ref\":\"http://json-schema.org/draft-07/schema#\"}}}",
        "{\"definitions\":{\"a\":{\"$ref\":\"file:///etc/passwd\"}}}",
        "{\"$id\":7}",
        "{\"definitions\":{\"a\":{\"$id\":\"http://x/1\"},\"b\":{\"$id\":\"http://x/1\"}}}",
        "{\"enum\":[{\"$id\":\"#x\"}],\"allOf\":[{\"$ref\":\"#x\"}]}",
        "{\"if\":1}",
        "{\"contains\":{\"type\":\"x\"}}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        if (verdict(bad[i], "{}") != -1)
            fail_msg("%s was taken", bad[i]);
}

static void
values(void **state)
{
    static const struct {
        const char *schema, *value;
        int want;
    } rows[] = {
        { "true", "1", 1 },
        { "false", "1", 0 },
        { "{}", "null", 1 },
        { "{\"type\":\"integer\"}", "1.0", 1 },
        { "{\"type\":\"integer\"}", "1.5", 0 },
        { "{\"const\":1}", "1.0", 1 },
        { "{\"const\":false}", "0", 0 },
        { "{\"enum\":[[1],{\"a\":1}]}", "{\"a\":1.0}", 1 },
        { "{\"multipleOf\":0.01}", "19.99", 1 },
        { "{\"multipleOf\":0.0001}", "0.00751", 0 },
        { "{\"multipleOf\":0.123456789}", "1e308", 0 },
        { "{\"multipleOf\":3}", "1e30", 0 },
        { "{\"multipleOf\":5}", "1e30", 1 },
        { "{\"multipleOf\":1e-300}", "1e300", 1 },
        { "{\"multipleOf\":2.5}", "-7.5", 1 },
        { "{\"multipleOf\":7}", "9007199254740993", 0 },
        { "{\"maximum\":9007199254740992}", "9007199254740993", 0 },
        { "{\"minLength\":2}", "\"\\ud83d\\ude00\"", 0 },
        { "{\"format\":\"date\"}", "\"no date\"", 1 },
        { "{\"uniqueItems\":true}", "[1,1.0]", 0 },
        { "{\"uniqueItems\":true}", "[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}]", 0 },
        { "{\"uniqueItems\":true}", "[0,false,\"\",null]", 1 },
        { "{\"required\":[\"a\"],\"properties\":{\"a\":{\"pattern\":\"^x\"}}}",
          "{\"a\":\"ax\"}", 0 },
        { "{\"propertyNames\":{\"pattern\":\"^a\"}}", "{\"b\":1}", 0 },
        { "{\"additionalProperties\":false,\"patternProperties\":{\"^x-\":{}}}",
          "{\"x-a\":1}", 1 },
        { "{\"additionalProperties\":false,\"patternProperties\":{\"^x-\":{}}}",
          "{\"y\":1}", 0 },
        { "{\"$ref\":\"#/definitions/a%20b/~1~0\",\"definitions\":{\"a "
          "b\":{\"/~\":{\"type\":\"null\"}}}}",
          "null", 1 },
        { "{\"$id\":\"http://x/root.json\",\"allOf\":[{\"$ref\":\"a.json#/definitions/"
          "n\"}],\"definitions\":"
          "{\"q\":{\"$id\":\"a.json\",\"definitions\":{\"n\":{\"type\":\"null\"}}}}}",
          "1", 0 },
        { "{\"$id\":\"http://x/d/../e/root.json\",\"allOf\":[{\"$ref\":\"http://x/e/"
          "root.json#/definitions/n\"}],"
          "\"definitions\":{\"n\":{\"type\":\"null\"}}}",
          "null", 1 },
        { "{\"definitions\":{\"a\":{\"$id\":\"#foo\",\"type\":\"null\"}},\"$ref\":\"#"
          "foo\"}",
          "1", 0 },
        { "{\"properties\":{\"c\":{\"$ref\":\"#\"}},\"additionalProperties\":false}",
          "{\"c\":{\"c\":{\"d\":1}}}", 0 },
        { "{\"if\":{\"required\":[\"a\"]},\"then\":{\"required\":[\"b\"]},\"else\":{"
          "\"required\":[\"c\"]}}",
          "{\"a\":1}", 0 },
        { "{\"then\":false,\"else\":false}", "1", 1 },
        { "{\"not\":{\"not\":{\"type\":\"null\"}}}", "1", 0 },
        { "{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "3", 0 },
        { "{\"dependencies\":{\"a\":[\"b\"]}}", "{\"a\":1}", 0 },
        { "{\"contains\":{\"const\":2}}", "[]", 0 },
        { "{\"additionalItems\":false}", "[1]", 1 },
        { "{\"items\":[{}],\"additionalItems\":false}", "[1,2]", 0 },
        { "{\"unknown\":{\"type\":7}}", "1", 1 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (verdict(rows[i].schema, rows[i].value) != rows[i].want)
            fail_msg("%s on %s: not %d", rows[i].schema, rows[i].value, rows[i].want);
}

static void
work_has_an_end(void **state)
{
    static char value[90000];
    size_t n = 0;

    (void)state;
    assert_int_equal(verdict("{\"$ref\":\"#\"}", "1"), -2);
    assert_int_equal(
        verdict("{\"allOf\":[{\"$ref\":\"#/definitions/"
                "a\"}],\"definitions\":{\"a\":{\"anyOf\":[{\"$ref\":"
                "\"#/definitions/b\"}]},\"b\":{\"not\":{\"$ref\":\"#/definitions/a\"}}}}",
                "1"),
        -2);
    /* doubles at each step: 2^40 without a budget */
    for (int i = 0; i < 40; i++)
        n += (size_t)snprintf(value + n, sizeof(value) - n,
                              "%s\"d%d\":{\"allOf\":[{\"$ref\":\"#/definitions/"
                              "d%d\"},{\"$ref\":\"#/definitions/d%d\"}]}",
                              i ? "," : "{\"$ref\":\"#/definitions/d0\",\"definitions\":{",
                              i, i + 1, i + 1);
    strcpy(value + n, ",\"d40\":true}}");
    assert_int_equal(verdict(value, "1"), -2);
    memset(value, 'a', 3000);
    value[0] = '"';
    strcpy(value + 3000, "\"");
    assert_int_equal(verdict("{\"pattern\":\"^(a|a)*[bc]\"}", value), -2);
    for (n = 1, value[0] = '['; n < 60000; n += 2)
        memcpy(value + n, "0,", 2);
    strcpy(value + n, "1]");
    assert_int_equal(verdict("{\"uniqueItems\":true}", value), 0);
}

static void
each_allocation_may_fail(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        struct test_ctx t;
        struct schema *s;
        json *v, *text;
        bool valid;
        err_t e;

        test_ctx_init(&t);
        assert_int_equal(
            json_parse(
                &t.cx,
                S("{\"$id\":\"http://x/\",\"properties\":{\"a\":{\"$ref\":\"#/definitions/"
                  "p\"}},"
                  "\"propertyNames\":{\"pattern\":\"^a\"},\"uniqueItems\":true,"
                  "\"definitions\":{\"p\":{\"items\":[{},{\"uniqueItems\":true}]}}}"),
                JSON_STRICT, &text),
            ERR_OK);
        assert_int_equal(json_parse(&t.cx, S("{\"a\":[1,[1,2]]}"), JSON_STRICT, &v),
                         ERR_OK);
        t.arena.taken = 0;
        t.arena.fail_at = n;
        e = schema_parse(&t.cx, text, &s);
        if (e == ERR_OK)
            e = schema_check(&t.cx, s, v, &valid);
        assert_true(e != ERR_OK || valid);
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
        cmocka_unit_test(schemas_are_refused),
        cmocka_unit_test(values),
        cmocka_unit_test(work_has_an_end),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
