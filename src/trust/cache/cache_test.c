/* cache_test.c - bounded, timed, by last use. EUPL-1.2. */
#include "base/test.h"
#include "trust/cache/cache.h"

#include <stdio.h>
#include <string.h>

static struct bytes
text(const char *z)
{
    return bytes_of(str_of(z));
}

static void
put_and_get(void **state)
{
    struct test_ctx t;
    struct cache *c = cache_new(1 << 16);
    struct bytes v;

    (void)state;
    test_ctx_init(&t);
    cache_put(c, t.cx.now_ms, text("a"), text("one"), t.cx.now_ms + 10);
    assert_true(cache_get(&t.cx, c, text("a"), &v));
    assert_true(bytes_eq(v, text("one")));
    cache_put(c, t.cx.now_ms, text("a"), text("two"), t.cx.now_ms + 10);
    assert_true(cache_get(&t.cx, c, text("a"), &v) && bytes_eq(v, text("two")));
    assert_false(cache_get(&t.cx, c, text("b"), &v));
    cache_drop(c, text("a"));
    assert_false(cache_get(&t.cx, c, text("a"), &v));
    assert_int_equal(cache_bytes(c), 0);
    cache_free(c);
    test_ctx_fini(&t);
}

static void
past_its_time(void **state)
{
    struct test_ctx t;
    struct cache *c = cache_new(1 << 16);
    struct bytes v;

    (void)state;
    test_ctx_init(&t);
    cache_put(c, t.cx.now_ms, text("a"), text("one"), t.cx.now_ms + 10);
    t.cx.now_ms += 10;
    assert_false(cache_get(&t.cx, c, text("a"), &v));
    cache_put(c, t.cx.now_ms, text("a"), text("one"), t.cx.now_ms);
    assert_int_equal(cache_bytes(c), 0);
    cache_free(c);
    test_ctx_fini(&t);
}

static void
oldest_goes(void **state)
{
    struct test_ctx t;
    struct cache *c = cache_new(20000);
    struct bytes v;
    char key[16];
    int i;

    (void)state;
    test_ctx_init(&t);
    for (i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "%d", i);
        cache_put(c, t.cx.now_ms, text(key), text("value"), t.cx.now_ms + 1000);
        assert_true(cache_get(&t.cx, c, text("0"), &v)); /* always in use */
        assert_true(cache_bytes(c) <= 20000);
    }
    assert_false(cache_get(&t.cx, c, text("1"), &v));
    assert_true(cache_get(&t.cx, c, text("999"), &v));
    cache_put(c, t.cx.now_ms, text("big"),
              (struct bytes){ (const uint8_t *)t.arena.at, 20000 }, t.cx.now_ms + 1000);
    assert_false(cache_get(&t.cx, c, text("big"), &v));
    assert_true(cache_get(&t.cx, c, text("999"), &v));
    cache_free(c);
    test_ctx_fini(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(put_and_get),
                                        cmocka_unit_test(past_its_time),
                                        cmocka_unit_test(oldest_goes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
