/* json_test.c - strict JSON: what is refused first. EUPL-1.2. */
#include "base/test.h"
#include "codec/json/json.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct test_ctx t;

static int
up(void **state)
{
    (void)state;
    test_ctx_init(&t);
    return 0;
}

static int
down(void **state)
{
    (void)state;
    test_ctx_fini(&t);
    return 0;
}

static json *
parse(const char *text)
{
    json *v;

    assert_int_equal(json_parse(&t.cx, str_of(text), JSON_STRICT, &v), ERR_OK);
    return v;
}

static err_t
verdict(struct str text)
{
    json *v;
    err_t e = json_parse(&t.cx, text, JSON_STRICT, &v);

    assert_true((e == ERR_OK) == (v != NULL));
    assert_true((e == ERR_OK) || t.cx.reason.n != 0);
    return e;
}

static void
grammar_is_refused(void **state)
{
    static const struct str bad[] = {
        S_INIT(""),
        S_INIT(" "),
        S_INIT("[1,]"),
        S_INIT("{\"a\":1,}"),
        S_INIT("[1] x"),
        S_INIT("nul"),
        S_INIT("01"),
        S_INIT("1."),
        S_INIT("+1"),
        S_INIT("NaN"),
        S_INIT("Infinity"),
        S_INIT("'a'"),
        S_INIT("\"a\nb\""),
        S_INIT("\"\\x\""),
        S_INIT("// c\n1"),
        S_INIT("[1]\0"),
        S_INIT("\"\0\""),
        S_INIT("\xEF\xBB\xBF{}"),
        S_INIT("\"\xFF\""),
        S_INIT("\"\xC0\x80\""),
        S_INIT("\"\xED\xA0\x80\""),
        S_INIT("\"\\uD800\""),
        S_INIT("\"\\uDC00\""),
        S_INIT("\"\\uD800\\uD800\""),
        S_INIT("\"\\uD800x\""),
        S_INIT("{1:2}"),
        S_INIT("[1}"),
        S_INIT("1e400"),
        S_INIT("\"abc"),
        S_INIT("[1 2]"),
        S_INIT("\v1"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(verdict(bad[i]), ERR_BAD_REQUEST);
    assert_int_equal(verdict((struct str){ NULL, 0 }), ERR_BAD_REQUEST);
}

static void
names_twice_are_refused(void **state)
{
    char big[64 * 1024];
    size_t n = 0;

    (void)state;
    assert_int_equal(verdict(S("{\"a\":1,\"a\":1}")), ERR_BAD_REQUEST);
    assert_int_equal(verdict(S("{\"a\":1,\"\\u0061\":1}")), ERR_BAD_REQUEST);
    assert_int_equal(verdict(S("[[{\"x\":{\"a\":1,\"b\":2,\"a\":3}}]]")), ERR_BAD_REQUEST);
    assert_int_equal(verdict(S("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}")),
                     ERR_OK);
    assert_int_equal(verdict(S("{\"a\\u0000\":1,\"a\":1}")), ERR_OK);
    for (int i = 0; i < 3000; i++)
        n += (size_t)snprintf(big + n, sizeof(big) - n, "%s\"n%d\":0", i ? "," : "{", i);
    strcpy(big + n, "}");
    assert_int_equal(verdict(str_of(big)), ERR_OK);
    strcpy(big + n, ",\"n1234\":0}");
    assert_int_equal(verdict(str_of(big)), ERR_BAD_REQUEST);
}

/* An object of `n` names, of which `second` is written as `first`; alike from outside. */
static struct str
alike(char *room, size_t n, size_t first, size_t second)
{
    char *at = room;

    *at++ = '{';
    for (size_t i = 0; i < n; i++)
        at += sprintf(at, "%s\"name%czz\":{\"a\":[%zu,{}]}", i ? "," : "",
                      (char)('a' + (i == second ? first : i)), i);
    *at++ = '}';
    return (struct str){ room, (size_t)(at - room) };
}

/* Wherever they stand, and whichever way they are looked for. */
static void
two_of_many_alike_are_found(void **state)
{
    char room[2048];

    (void)state;
    for (size_t n = 2; n <= 20; n++) {
        assert_int_equal(verdict(alike(room, n, 0, 0)), ERR_OK);
        for (size_t i = 1; i < n; i++)
            for (size_t j = 0; j < i; j++)
                assert_int_equal(verdict(alike(room, n, j, i)), ERR_BAD_REQUEST);
    }
    assert_int_equal(verdict(S("{\"\":1}")), ERR_OK);
    assert_int_equal(verdict(S("{\"\":1,\"a\":2,\"\":3}")), ERR_BAD_REQUEST);
}

static struct str
nested(size_t depth, bool closed)
{
    char *p = arena_alloc(&t.arena, 2 * depth + 1);

    assert_non_null(p);
    memset(p, '[', depth);
    memset(p + depth, ']', closed ? depth : 0);
    return (struct str){ p, closed ? 2 * depth : depth };
}

static void
depth_and_size_have_limits(void **state)
{
    char *big;

    (void)state;
    assert_int_equal(verdict(nested(JSON_DEPTH_MAX, true)), ERR_OK);
    assert_int_equal(verdict(nested(JSON_DEPTH_MAX + 1, true)), ERR_LIMIT);
    assert_int_equal(verdict(nested(100000, true)), ERR_LIMIT);
    assert_int_equal(verdict(nested(100000, false)), ERR_BAD_REQUEST);
    big = malloc(JSON_SIZE_MAX + 1);
    assert_non_null(big);
    memset(big, ' ', JSON_SIZE_MAX + 1);
    big[0] = '1';
    assert_int_equal(verdict((struct str){ big, JSON_SIZE_MAX }), ERR_OK);
    assert_int_equal(verdict((struct str){ big, JSON_SIZE_MAX + 1 }), ERR_TOO_LARGE);
    free(big);
}

static void
each_allocation_may_fail(void **state)
{
    static const char text[] = "{\"a\":[1,2,{\"b\":\"c\"}],\"d\":1.5}";
    json *v;

    (void)state;
    for (long n = 1;; n++) {
        struct test_ctx f;
        err_t e;
        struct str out;

        test_ctx_init(&f);
        f.arena.fail_at = n;
        e = json_parse(&f.cx, str_of(text), JSON_STRICT, &v);
        if (e == ERR_OK)
            e = json_text(&f.cx, v, &out);
        test_ctx_fini(&f);
        if (e == ERR_OK)
            break;
        assert_int_equal(e, ERR_NO_MEMORY);
    }
}

static void
reading(void **state)
{
    json *v = parse("{\"s\":\"a\\u0000b\",\"i\":-5,\"d\":1.0,\"big\":18446744073709551615,"
                    "\"t\":true,\"n\":null,\"l\":[\"x\",\"y\",3],\"o\":{\"p\":{\"q\":7}}}");
    struct str s;
    int64_t i;
    double d;
    bool b;
    size_t n = 0;

    (void)state;
    assert_true(json_str(json_get(v, "s"), &s) && s.n == 3 && memcmp(s.p, "a\0b", 4) == 0);
    assert_false(json_str(json_get(v, "i"), &s) || s.p != NULL);
    assert_true(json_i64(json_get(v, "i"), &i) && i == -5);
    assert_false(json_i64(json_get(v, "d"), &i));
    assert_false(json_i64(json_get(v, "big"), &i));
    assert_false(json_i64(json_get(v, "s"), &i));
    assert_true(json_double(json_get(v, "i"), &d) && d < -4.9);
    assert_true(json_bool(json_get(v, "t"), &b) && b);
    assert_false(json_bool(json_get(v, "n"), &b));
    assert_int_equal(json_type(json_get(v, "n")), JSON_NULL);
    assert_int_equal(json_type(json_get(v, "none")), JSON_ABSENT);
    assert_null(json_get(json_get(v, "l"), "x"));
    assert_true(json_i64(json_path(v, "o", "p", "q", NULL), &i) && i == 7);
    assert_null(json_path(v, "o", "x", "q", NULL));
    assert_true(json_has(json_get(v, "l"), S("y")) && !json_has(json_get(v, "l"), S("3")));
    assert_false(json_has(v, S("s")));
    assert_true(json_is(json_at(json_get(v, "l"), 0), "x"));
    assert_null(json_at(json_get(v, "l"), 3));
    assert_int_equal(json_size(v), 8);
    for (json_each(it, v))
        assert_true(it.index == n++ && it.name.n >= 1 &&
                    it.value == json_get_str(v, it.name));
    assert_int_equal(n, 8);
    for (json_each(it, json_get(v, "i")))
        n++;
    assert_int_equal(n, 8);
}

static void
members_are_found_at_once(void **state)
{
    static const struct str names[] = { S_INIT("b"), S_INIT("none"), S_INIT("a") };
    json *v = parse("{\"x\":{\"a\":0},\"a\":[1,2],\"ab\":3,\"b\":4}"), *out[COUNT(names)];

    (void)state;
    json_members(v, names, COUNT(names), out);
    for (size_t i = 0; i < COUNT(names); i++)
        assert_ptr_equal(out[i], json_get_str(v, names[i]));
    json_members(json_get(v, "a"), names, COUNT(names), out);
    assert_true(out[0] == NULL && out[1] == NULL && out[2] == NULL);
    json_members(NULL, names, COUNT(names), out);
    assert_null(out[0]);
}

/* Texts that begin with the prefix are marked in their order, names too; none for less. */
static void
texts_with_a_prefix_are_marked(void **state)
{
    static const char text[] =
        "{\"http://a/x\":[\"http://a\",\"http://a/\",\"xhttp://a/\"],\"n\":1234567890123,"
        "\"u\":{\"v\":\"http:\\/\\/a\\/\\u0031\"},\"w\":[]}";
    static const char *const want[] = { "http://a/x", "http://a/", "http://a/1" };
    struct json_placed placed;
    struct str s;

    (void)state;
    assert_int_equal(
        json_parse_placed(&t.cx, str_of(text), JSON_RAW_NUMBERS, S("http://a/"), &placed),
        ERR_OK);
    assert_int_equal(placed.marks.n, COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++) {
        assert_true(json_is(placed.marks.at[i], want[i]));
        assert_true(json_str(placed.marks.at[i], &s));
        assert_int_equal(text[s.p - placed.base - 1], '"');
    }
    assert_int_equal(json_parse_placed(&t.cx, S("\"12\""), JSON_STRICT, S("12"), &placed),
                     ERR_OK);
    assert_true(placed.marks.n == 1 && placed.marks.at[0] == placed.root);
    assert_int_equal(json_parse_placed(&t.cx, S("12"), JSON_RAW_NUMBERS, S("12"), &placed),
                     ERR_OK);
    assert_int_equal(placed.marks.n, 0); /* a number is none */
    assert_int_equal(
        json_parse_placed(&t.cx, S("{\"a\":1,\"a\":2}"), JSON_STRICT, S("a"), &placed),
        ERR_BAD_REQUEST);
    assert_null(placed.root);
}

/* More of them than there was room for at first. */
static void
marks_grow(void **state)
{
    enum { MANY = 1000 };
    struct json_placed placed;
    struct json_out js;
    struct str text;

    (void)state;
    json_out_init(&js, t.cx.arena);
    json_array(&js);
    for (int i = 0; i < MANY; i++) {
        json_put_z(&js, "ab");
        json_put_z(&js, "a");
    }
    json_end(&js);
    assert_int_equal(json_out_done(&t.cx, &js, &text), ERR_OK);
    assert_int_equal(json_parse_placed(&t.cx, text, JSON_STRICT, S("ab"), &placed), ERR_OK);
    assert_int_equal(placed.marks.n, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(json_index(placed.root, placed.marks.at[i]), 2 * i + 1);
}

static void
raw_numbers_keep_their_text(void **state)
{
    json *v;
    struct str s;
    int64_t i;
    double d;

    (void)state;
    assert_int_equal(json_parse(&t.cx, S("[1.10,7,1e400,-0]"), JSON_RAW_NUMBERS, &v),
                     ERR_OK);
    assert_true(json_number_text(json_at(v, 0), &t.cx, &s) && str_is(s, "1.10"));
    assert_int_equal(json_type(json_at(v, 0)), JSON_NUMBER);
    assert_true(json_i64(json_at(v, 1), &i) && i == 7);
    assert_false(json_i64(json_at(v, 0), &i));
    assert_true(json_double(json_at(v, 0), &d) && d > 1.09 && d < 1.11);
    assert_false(json_double(json_at(v, 2), &d));
    assert_int_equal(json_text(&t.cx, v, &s), ERR_OK);
    assert_true(str_is(s, "[1.10,7,1e400,-0]"));
    assert_int_not_equal(json_parse(&t.cx, S("[01]"), JSON_RAW_NUMBERS, &v), ERR_OK);
}

static void
equality(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        { "1", "1.0", true },
        { "1", "1.5", false },
        { "9007199254740993", "9007199254740992.0", false },
        { "18446744073709551615", "-1", false },
        { "0", "-0", true },
        { "0", "-0.0", true },
        { "1", "true", false },
        { "0", "false", false },
        { "null", "false", false },
        { "\"1\"", "1", false },
        { "[1,2]", "[2,1]", false },
        { "[1,2]", "[1,2,3]", false },
        { "{\"a\":1,\"b\":[2]}", "{\"b\":[2.0],\"a\":1}", true },
        { "{\"a\":1}", "{\"b\":1}", false },
        { "{\"a\":null}", "{}", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(json_equal(parse(rows[i].a), parse(rows[i].b)), rows[i].same);
        assert_int_equal(json_equal(parse(rows[i].b), parse(rows[i].a)), rows[i].same);
    }
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].same)
            assert_true(json_hash(parse(rows[i].a)) == json_hash(parse(rows[i].b)));
    assert_true(json_equal(NULL, NULL));
    assert_false(json_equal(NULL, parse("null")));
}

static void
equality_has_a_budget(void **state)
{
    json *v = parse("[[1,2,3],[1,2,3]]");
    uint64_t left = 3;

    (void)state;
    assert_false(json_equal_within(json_at(v, 0), json_at(v, 1), &left));
    assert_int_equal(left, 0);
    left = 10;
    assert_true(json_equal_within(json_at(v, 0), json_at(v, 1), &left));
    assert_int_equal(json_extent(v), 9);
    assert_int_equal(json_index(v, json_at(v, 1)), 5);
}

static void
numbers_are_compared_exactly(void **state)
{
    json *v =
        parse("[9007199254740993,9007199254740992.0,18446744073709551615,-1,-1.5,\"x\"]");

    (void)state;
    assert_true(json_number_cmp(json_at(v, 0), json_at(v, 1)) > 0);
    assert_true(json_number_cmp(json_at(v, 1), json_at(v, 0)) < 0);
    assert_true(json_number_cmp(json_at(v, 2), json_at(v, 0)) > 0);
    assert_true(json_number_cmp(json_at(v, 4), json_at(v, 3)) < 0);
    assert_true(json_number_cmp(json_at(v, 4), json_at(v, 4)) == 0);
    assert_true(json_number_cmp(json_at(v, 4), json_at(v, 5)) == 0);
}

static void
equality_of_many_members(void **state)
{
    char a[4096] = "{", b[4096] = "{";
    size_t n = 1, m = 1;

    (void)state;
    for (int i = 0; i < 200; i++) {
        n += (size_t)snprintf(a + n, sizeof(a) - n, "%s\"k%d\":%d", i ? "," : "", i, i);
        m += (size_t)snprintf(b + m, sizeof(b) - m, "%s\"k%d\":%d", i ? "," : "", 199 - i,
                              199 - i);
    }
    strcpy(a + n, "}");
    strcpy(b + m, "}");
    assert_true(json_equal(parse(a), parse(b)));
    b[m - 1] = '9';
    assert_false(json_equal(parse(a), parse(b)));
}

static void
writing(void **state)
{
    struct json_out js;
    struct str out;

    (void)state;
    json_out_init(&js, &t.arena);
    json_object(&js);
    json_member(&js, "a\"\\", S("\b\t\n\f\r\x01\x7F\xE2\x82\xAC\0z"));
    json_member(&js, "bad", S("x\xFF\xE2\x82y\xED\xA0\x80"));
    json_key(&js, "l");
    json_array(&js);
    json_put_i64(&js, INT64_MIN);
    json_put_i64(&js, 0);
    json_put_bool(&js, true);
    json_put_null(&js);
    json_object(&js);
    json_end(&js);
    json_put(&js, parse("[1.5,{\"x\":[]}]"));
    json_end(&js);
    json_member_z(&js, "z", NULL);
    json_end(&js);
    assert_int_equal(json_out_done(&t.cx, &js, &out), ERR_OK);
    assert_string_equal(
        out.p,
        "{\"a\\\"\\\\\":\"\\b\\t\\n\\f\\r\\u0001\x7F\xE2\x82\xAC\\u0000z\","
        "\"bad\":"
        "\"x\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDy\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\","
        "\"l\":[-9223372036854775808,0,true,null,{},[1.5,{\"x\":[]}]],\"z\":null}");
    assert_non_null(parse(out.p));
}

/* What needs an escape, or is no UTF-8, wherever it stands among what does not. */
static void
each_byte_is_written_as_it_must_be(void **state)
{
    char in[20];

    (void)state;
    for (size_t n = 1; n <= sizeof(in); n++)
        for (size_t at = 0; at < n; at++)
            for (int c = 0; c < 256; c++) {
                struct json_out js;
                struct str out, back;
                json *v;

                arena_reset(&t.arena);
                memset(in, 'x', n);
                in[at] = (char)c;
                json_out_init(&js, &t.arena);
                json_put_str(&js, (struct str){ in, n });
                assert_int_equal(json_out_done(&t.cx, &js, &out), ERR_OK);
                assert_int_equal(json_parse(&t.cx, out, JSON_STRICT, &v), ERR_OK);
                assert_true(json_str(v, &back));
                if (c < 0x80)
                    assert_true(str_eq(back, ((struct str){ in, n })));
                else
                    assert_true(back.n == n + 2 && memcmp(back.p, in, at) == 0 &&
                                memcmp(back.p + at, "\xEF\xBF\xBD", 3) == 0 &&
                                memcmp(back.p + at + 3, in + at + 1, n - at - 1) == 0);
            }
}

static void
deep_values_are_written(void **state)
{
    struct str in = nested(JSON_DEPTH_MAX, true), out;
    json *v;

    (void)state;
    assert_int_equal(json_parse(&t.cx, in, JSON_STRICT, &v), ERR_OK);
    assert_int_equal(json_text(&t.cx, v, &out), ERR_OK);
    assert_true(str_eq(in, out));
}

/* RFC 8785 appendix B and a few of its neighbours. */
static void
ecmascript_numbers(void **state)
{
    static const struct {
        double v;
        const char *text;
    } rows[] = {
        { 0.0, "0" },
        { -0.0, "0" },
        { 5e-324, "5e-324" },
        { -5e-324, "-5e-324" },
        { DBL_MAX, "1.7976931348623157e+308" },
        { 9007199254740992.0, "9007199254740992" },
        { -9007199254740992.0, "-9007199254740992" },
        { 295147905179352830000.0, "295147905179352830000" },
        { 9.999999999999997e22, "9.999999999999997e+22" },
        { 1e23, "1e+23" },
        { 1e21, "1e+21" },
        { 1e20, "100000000000000000000" },
        { 999999999999999700000.0, "999999999999999700000" },
        { 9.999999999999997e-7, "9.999999999999997e-7" },
        { 0.000001, "0.000001" },
        { 333333333.3333332, "333333333.3333332" },
        { -0.0000033333333333333333, "-0.0000033333333333333333" },
        { 1424953923781206.2, "1424953923781206.2" },
        { 4.5, "4.5" },
        { 0.002, "0.002" },
        { 1e30, "1e+30" },
        { 1e-27, "1e-27" },
        { 123, "123" },
        { 100, "100" },
    };
    char room[JSON_ES_NUMBER];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(json_es_number(room, rows[i].v).p, rows[i].text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(grammar_is_refused, up, down),
        cmocka_unit_test_setup_teardown(names_twice_are_refused, up, down),
        cmocka_unit_test_setup_teardown(texts_with_a_prefix_are_marked, up, down),
        cmocka_unit_test_setup_teardown(marks_grow, up, down),
        cmocka_unit_test_setup_teardown(two_of_many_alike_are_found, up, down),
        cmocka_unit_test_setup_teardown(depth_and_size_have_limits, up, down),
        cmocka_unit_test_setup_teardown(each_allocation_may_fail, up, down),
        cmocka_unit_test_setup_teardown(reading, up, down),
        cmocka_unit_test_setup_teardown(members_are_found_at_once, up, down),
        cmocka_unit_test_setup_teardown(raw_numbers_keep_their_text, up, down),
        cmocka_unit_test_setup_teardown(equality, up, down),
        cmocka_unit_test_setup_teardown(equality_has_a_budget, up, down),
        cmocka_unit_test_setup_teardown(numbers_are_compared_exactly, up, down),
        cmocka_unit_test_setup_teardown(equality_of_many_members, up, down),
        cmocka_unit_test_setup_teardown(writing, up, down),
        cmocka_unit_test_setup_teardown(each_byte_is_written_as_it_must_be, up, down),
        cmocka_unit_test_setup_teardown(deep_values_are_written, up, down),
        cmocka_unit_test_setup_teardown(ecmascript_numbers, up, down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
