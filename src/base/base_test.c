/* base_test.c - the ground under everything. EUPL-1.2. */
#include "base/test.h"

#include <string.h>
#include "base/time.h"

static void
str_numbers(void **state)
{
    uint64_t v;

    (void)state;
    assert_true(str_to_u64(S("18446744073709551615"), &v) && v == UINT64_MAX);
    assert_false(str_to_u64(S("18446744073709551616"), &v));
    assert_false(str_to_u64(S(""), &v));
    assert_false(str_to_u64(S("+1"), &v));
}

static void
utf8(void **state)
{
    (void)state;
    assert_true(str_is_utf8(S("\xE2\x82\xAC \xF0\x9D\x84\x9E")));
    assert_false(str_is_utf8(S("\xC0\x80")));         /* overlong */
    assert_false(str_is_utf8(S("\xED\xA0\x80")));     /* surrogate */
    assert_false(str_is_utf8(S("\xF4\x90\x80\x80"))); /* beyond U+10FFFF */
    assert_false(str_is_utf8(S("\xE2\x82")));         /* cut */
}

/* Each byte counts, and how many there are; the padding is none. */
static void
hashes_tell_texts_apart(void **state)
{
    char text[40] = "0123456789abcdef0123456789abcdef0123456";
    uint64_t whole = str_hash((struct str){ text, 39 });

    (void)state;
    for (size_t n = 0; n < 39; n++) {
        text[n] ^= 1;
        assert_true(str_hash((struct str){ text, 39 }) != whole);
        text[n] ^= 1;
        assert_true(str_hash((struct str){ text, n }) != whole);
    }
    assert_true(str_hash((struct str){ text, 39 }) == whole);
    assert_true(str_hash(S("a")) != str_hash(S("a\0")));
    assert_true(str_hash(S("")) != str_hash(S("\0\0\0\0\0\0\0\0")));
}

static void
arena_ceiling(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 1000);
    assert_non_null(arena_alloc(&a, 500));
    assert_null(arena_alloc(&a, 500));
    assert_true(a.failed);
    assert_null(arena_array(&a, SIZE_MAX / 2, 3));
    arena_reset(&a);
    assert_non_null(arena_alloc(&a, 900));
    arena_fini(&a);
}

static void
base64_strict(void **state)
{
    struct test_ctx t;
    struct bytes b;

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(b64url_decode(&t.cx, S("_-8"), &b), ERR_OK);
    assert_int_equal(b.n, 2);
    assert_int_equal(b64url_decode(&t.cx, S("_-9"), &b),
                     ERR_BAD_REQUEST); /* left-over bits */
    assert_int_equal(b64url_decode(&t.cx, S("AA=="), &b), ERR_BAD_REQUEST);
    assert_int_equal(b64url_decode(&t.cx, S("A"), &b), ERR_BAD_REQUEST);
    assert_int_equal(b64url_decode(&t.cx, S("A A"), &b), ERR_BAD_REQUEST);
    assert_int_equal(b64_decode(&t.cx, S("AA=="), &b), ERR_OK);
    assert_int_equal(b64_decode(&t.cx, S("AA"), &b), ERR_BAD_REQUEST);
    test_ctx_fini(&t);
}

/* Every byte at every place, in both alphabets: taken when it belongs, and only then. */
static void
base64_alphabets(void **state)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    struct test_ctx t;
    struct bytes b;
    struct str back;
    char text[8];

    (void)state;
    test_ctx_init(&t);
    for (size_t place = 0; place < sizeof(text); place++)
        for (int c = 0; c < 256; c++)
            for (int url = 0; url < 2; url++) {
                bool own = c == (url ? '-' : '+') || c == (url ? '_' : '/') ||
                           (c != 0 && strchr(letters, c) != NULL);
                struct str s = { text, sizeof(text) };
                err_t e;

                memset(text, 'b', sizeof(text));
                text[place] = (char)c;
                e = url ? b64url_decode(&t.cx, s, &b) : b64_decode(&t.cx, s, &b);
                if (!url && c == '=' && place == sizeof(text) - 1)
                    continue; /* padding */
                assert_int_equal(e, own ? ERR_OK : ERR_BAD_REQUEST);
                if (!own || !url)
                    continue;
                assert_int_equal(b64url(&t.cx, b, &back), ERR_OK);
                assert_true(str_eq(back, s));
            }
    test_ctx_fini(&t);
}

static void
dates(void **state)
{
    struct test_ctx t;
    char room[TIME_TEXT];
    int64_t ms;

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(time_parse(&t.cx, S("2026-11-22T12:03:22.5+01:00"), &ms), ERR_OK);
    assert_true(str_is(time_text_ms(room, ms), "2026-11-22T11:03:22.500Z"));
    assert_true(str_is(time_text_ms(room, -1), "1969-12-31T23:59:59.999Z"));
    assert_true(str_is(time_text_ms(room, 7), "1970-01-01T00:00:00.007Z"));
    assert_int_equal(time_parse(&t.cx, S("2024-02-29T00:00:00Z"), &ms), ERR_OK);
    assert_int_equal(time_parse(&t.cx, S("2016-12-31T23:59:60Z"), &ms), ERR_OK);
    assert_true(str_is(time_text(room, ms), "2017-01-01T00:00:00Z"));
    assert_int_equal(time_parse(&t.cx, S("2023-02-29T00:00:00Z"), &ms), ERR_BAD_REQUEST);
    assert_int_equal(time_parse(&t.cx, S("2023-02-28T12:00:60Z"), &ms), ERR_BAD_REQUEST);
    assert_int_equal(time_parse(&t.cx, S("2023-02-28"), &ms), ERR_BAD_REQUEST);
    test_ctx_fini(&t);
}

static void
texts_are_joined(void **state)
{
    struct arena a;
    struct str s;

    (void)state;
    arena_init(&a, 4096);
    s = arena_join(&a, S("ura:"), S(""), (struct str){ NULL, 0 }, S("00000001"));
    assert_true(str_is(s, "ura:00000001"));
    assert_int_equal(s.p[s.n], 0);
    assert_non_null(arena_join(&a, S("")).p);
    a.fail_at = a.taken + 1;
    assert_null(arena_join(&a, S("a"), S("b")).p);
    arena_fini(&a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(str_numbers),   cmocka_unit_test(utf8),
        cmocka_unit_test(arena_ceiling), cmocka_unit_test(texts_are_joined),
        cmocka_unit_test(base64_strict), cmocka_unit_test(base64_alphabets),
        cmocka_unit_test(dates),         cmocka_unit_test(hashes_tell_texts_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
