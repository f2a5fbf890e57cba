/* canon_test.c - one text for one value. Published vectors: test/conformance. EUPL-1.2. */
#include "base/test.h"
#include "crypto/canon/canon.h"

static void
check(const char *in, enum json_flags flags, const char *want)
{
    struct test_ctx t;
    struct str out;
    json *v;

    test_ctx_init(&t);
    assert_int_equal(json_parse(&t.cx, str_of(in), flags, &v), ERR_OK);
    if (want == NULL) {
        assert_int_equal(canon_jcs(&t.cx, v, &out), ERR_BAD_REQUEST);
        assert_int_equal(out.n, 0);
    } else {
        assert_int_equal(canon_jcs(&t.cx, v, &out), ERR_OK);
        assert_string_equal(out.p, want);
    }
    test_ctx_fini(&t);
}

static void
refused(void **state)
{
    struct test_ctx t;
    struct str out;

    (void)state;
    check("[1e400]", JSON_RAW_NUMBERS, NULL);
    test_ctx_init(&t);
    assert_int_equal(canon_jcs(&t.cx, NULL, &out), ERR_BAD_REQUEST);
    test_ctx_fini(&t);
}

static void
members_are_sorted_by_utf16(void **state)
{
    (void)state;
    check("{\"\\ufb33\":1,\"\\ud83d\\ude00\":2,\"\\u20ac\":3,\"b\":4,\"\":5,\"ba\":6,"
          "\"\\r\":7}",
          JSON_STRICT,
          "{\"\":5,\"\\r\":7,\"b\":4,\"ba\":6,\"\xE2\x82\xAC\":3,\"\xF0\x9F\x98\x80\":2,"
          "\"\xEF\xAC\xB3\":1}");
    check("{\"\xEE\x80\x80\":1,\"\xED\x9F\xBF\":2,\"\xF4\x8F\xBF\xBF\":3}", JSON_STRICT,
          "{\"\xED\x9F\xBF\":2,\"\xF4\x8F\xBF\xBF\":3,\"\xEE\x80\x80\":1}");
}

static void
text_and_numbers(void **state)
{
    (void)state;
    check(" [ 1.0 , -0, 1E+2, 9007199254740993, null, true, {\"b\":[],\"a\":{}} ] ",
          JSON_STRICT, "[1,0,100,9007199254740992,null,true,{\"a\":{},\"b\":[]}]");
    check("[1.50]", JSON_RAW_NUMBERS, "[1.5]");
    check("\"\\u000f\\n\\/\\\"\\\\\\u007f\\u20ac\"", JSON_STRICT,
          "\"\\u000f\\n/\\\"\\\\\x7F\xE2\x82\xAC\"");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(members_are_sorted_by_utf16),
        cmocka_unit_test(text_and_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
