/* bsn_test.c - which numbers are no citizen service numbers. EUPL-1.2. */
#include "base/test.h"
#include "base/bsn.h"

#include <stdio.h>

static void
refused(void **state)
{
    static const struct str bad[] = {
        S_INIT(""),          S_INIT("000000000"),  S_INIT("00000000"),
        S_INIT("999990018"), S_INIT("9999900190"), S_INIT("9999901"),
        S_INIT(" 99990019"), S_INIT("99999001a"),  S_INIT("999990019 "),
        S_INIT("+99990019"), S_INIT("99999001\0"),
    };
    struct bsn bsn;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(bsn_parse(bad[i], &bsn));
    assert_false(bsn_parse((struct str){ NULL, 0 }, &bsn));
}

static void
taken(void **state)
{
    struct bsn a, b;

    (void)state;
    assert_true(bsn_parse(S("999990019"), &a));
    assert_true(str_is(bsn_expose(&a), "999990019"));
    assert_true(bsn_parse(S("12345672"), &a)); /* eight digits: a zero in front */
    assert_true(bsn_parse(S("012345672"), &b));
    assert_true(bsn_eq(a, b));
    assert_true(bsn_parse(S("999990019"), &b));
    assert_false(bsn_eq(a, b));
}

/* Of the ten last digits at most one passes, so that one slip is always found. */
static void
one_of_ten(void **state)
{
    char text[10];
    struct bsn bsn;

    (void)state;
    for (int body = 99999000; body < 99999400; body++) {
        int passed = 0;

        for (int last = 0; last < 10; last++) {
            snprintf(text, sizeof(text), "%08d%d", body, last);
            passed += bsn_parse(str_of(text), &bsn);
        }
        assert_true(passed <= 1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(taken),
        cmocka_unit_test(one_of_ten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
