/* regex_test.c - patterns that are refused, that match, and that cost. EUPL-1.2. */
#include "base/test.h"
#include "codec/regex/regex.h"

#include <string.h>

struct row {
    const char *pattern, *subject;
    int want; /* 1 found, 0 not found, -1 refused */
};

static int
verdict(enum regex_dialect dialect, enum regex_mode mode, const char *pattern,
        struct str subject)
{
    struct test_ctx t;
    struct regex *re;
    struct regex_match m;
    uint64_t budget = REGEX_WORK;
    int got = -1;

    test_ctx_init(&t);
    if (regex_compile(&t.cx, dialect, str_of(pattern), &re) == ERR_OK) {
        err_t e = regex_run(&t.cx, re, mode, subject, &budget, &m);

        got = e == ERR_OK ? m.found : e == ERR_LIMIT ? -2 : -3;
    }
    test_ctx_fini(&t);
    return got;
}

static void
check(enum regex_dialect dialect, enum regex_mode mode, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int got = verdict(dialect, mode, rows[i].pattern, str_of(rows[i].subject));

        if (got != rows[i].want)
            fail_msg("/%s/ on \"%s\": %d, not %d", rows[i].pattern, rows[i].subject, got,
                     rows[i].want);
    }
}

static void
ecma_refuses(void **state)
{
    static const struct row rows[] = {
        { "(", "", -1 },
        { ")", "", -1 },
        { "a**", "", -1 },
        { "a++", "", -1 },
        { "*a", "", -1 },
        { "[a", "", -1 },
        { "[b-a]", "", -1 },
        { "(?>a)", "", -1 },
        { "(?R)", "", -1 },
        { "(?i)a", "", -1 },
        { "(?#c)", "", -1 },
        { "(?P<n>a)", "", -1 },
        { "\\A", "", -1 },
        { "\\z", "", -1 },
        { "\\Z", "", -1 },
        { "\\Qa\\E", "", -1 },
        { "\\G", "", -1 },
        { "\\K", "", -1 },
        { "\\X", "", -1 },
        { "\\1", "", -1 },
        { "(a)\\2", "", -1 },
        { "\\k<x>", "", -1 },
        { "\\99999999999", "", -1 },
        { "(?<x>a)(?<x>b)", "", -1 },
        { "a{2,1}", "", -1 },
        { "a{99999}", "", -1 },
        { "\\u12", "", -1 },
        { "\\ud800", "", -1 },
        { "\\u{110000}", "", -1 },
        { "\\p{Nosuch}", "", -1 },
        { "\\p{Greek}", "", -1 },
        { "\\", "", -1 },
        { "^*", "", -1 },
        { "\\b+", "", -1 },
        { "(?=a)*", "", -1 },
        { "{2}", "", -1 },
        { "(*ACCEPT)", "", -1 },
        { "(?<=a*)b", "", -1 },
        { "[\\d-x]", "", -1 },
        { "a|*", "", -1 },
        { "\\a", "", -1 },
        { "\\00", "", -1 },
        { "(?", "", -1 },
        { "(?(1)a|b)", "", -1 },
        { "\\x{41}", "x{41}", -1 },
    };

    (void)state;
    check(REGEX_ECMA, REGEX_SEARCH, rows, COUNT(rows));
}

static void
ecma_matches(void **state)
{
    static const struct row rows[] = {
        { "", "anything", 1 },
        { "^a*$", "aaa", 1 },
        { "^a*$", "aab", 0 },
        { "^a$", "a\n", 0 },
        { "a.c", "a\nc", 0 },
        { "a.c",
          "a\xE2\x80\xA8"
          "c",
          0 },
        { "a.c",
          "a\xC3\xA9"
          "c",
          1 },
        { "^\\d+$", "\xD9\xA1", 0 },
        { "^\\w$", "\xC3\xA9", 0 },
        { "^\\s$", "\xC2\xA0", 1 },
        { "^\\s$", "\xEF\xBB\xBF", 1 },
        { "^\\S$", "\xC2\xA0", 0 },
        { "^[\\s]$", "\xE2\x80\x89", 1 },
        { "^[^\\s]$", "x", 1 },
        { "^[\\S]$", "\xE3\x80\x80", 0 },
        { "^\\u00e9$", "\xC3\xA9", 1 },
        { "^\\ud83d\\ude00$", "\xF0\x9F\x98\x80", 1 },
        { "^\\u{1F600}$", "\xF0\x9F\x98\x80", 1 },
        { "^.$", "\xF0\x9F\x98\x80", 1 },
        { "^\\x41\\cA$", "A\x01", 1 },
        { "(a)\\1", "aa", 1 },
        { "(?<x>a)\\k<x>", "aa", 1 },
        { "(?:(a)|b)\\1c", "bc", 1 },
        { "^(?!a)b", "b", 1 },
        { "(?<=a)b", "ab", 1 },
        { "(?<!a)b", "ab", 0 },
        { "a{2,3}?$", "aaa", 1 },
        { "^{$", "{", 1 },
        { "x{,2}", "x{,2}", 1 },
        { "^[a-c\\]\\-]+$", "a]-", 1 },
        { "[^]", "\n", 1 },
        { "[]", "a", 0 },
        { "[[:alpha:]]", "a]", 1 },
        { "[[:alpha:]]", "b]", 0 },
        { "^\\p{Lu}\\P{Lu}$", "Aa", 1 },
        { "^\\p{Script=Greek}$", "\xCE\xB1", 1 },
        { "^\\p{Letter}+$",
          "\xC3\xA9"
          "b",
          1 },
        { "^\\p{gc=Nd}$", "5", 1 },
        { "^[\\b]$", "\b", 1 },
        { "\\bab\\b", "x ab y", 1 },
        { "^a\\/b\\-c$", "a/b-c", 1 },
        { "^[#&~ ]$", "~", 1 },
        { "\\$\\{", "${", 1 },
        { "^\\0$", "a", 0 },
        { "x #y", "x #y", 1 },
        { "^\\p{ASCII}$", "a", 1 },
        { "^[\\p{ASCII}]$", "a", 1 },
        { "^\\p{Alphabetic}$", "1", 0 },
    };

    (void)state;
    check(REGEX_ECMA, REGEX_SEARCH, rows, COUNT(rows));
}

static void
iregexp(void **state)
{
    static const struct row rows[] = {
        { "\\d", "1", -1 },         { "(?:a)", "a", -1 },  { "a*?", "a", -1 },
        { "[]", "", -1 },           { "[a-]", "-", 1 },    { "[-a]", "-", 1 },
        { "[a-b-c]", "b", -1 },     { "[c-a]", "b", -1 },  { "a{2}", "aa", 1 },
        { "a{2,}", "aaa", 1 },      { "a{,2}", "a", -1 },  { "{", "{", -1 },
        { "]", "]", -1 },           { "(a", "a", -1 },     { "a)", "a", -1 },
        { "ab|c", "ab", 1 },        { "ab|c", "abc", 0 },  { ".", "\n", 0 },
        { ".", "\xE2\x80\xA8", 1 }, { "\\p{Lu}", "A", 1 }, { "[\\P{Lu}x]", "b", 1 },
        { "\\p{Letter}", "A", -1 }, { "a\\.b", "a.b", 1 }, { "\\b", "", -1 },
        { "[^a]", "b", 1 },         { "()", "", 1 },       { "a||b", "", 1 },
        { "\\/", "/", -1 },         { "^a$", "a", 1 },     { "a#b c", "a#b c", 1 },
        { "[[]", "[", -1 },         { "a\\1", "a", -1 },
    };

    (void)state;
    check(REGEX_I, REGEX_WHOLE, rows, COUNT(rows));
}

/* Each of these would run for minutes or for ever. */
static void
cost_is_bounded(void **state)
{
    static const char *const patterns[] = {
        /* ends that no optimiser looks for beforehand */
        "(a+)+[bc]",
        "(a|a)*[bc]",
        "(a|aa)+[bc]",
        "(.*)*[bc]",
        "(.*a){20}[bc]",
        "a*a*a*a*a*a*[bc]",
        "(x+x+)+[yz]|a*?a*?a*?a*?[bc]",
        "(a*)\\1\\1[bc]",
        "^(([a-z])+.)+[A-Z]([a-z])+$",
        "(a{1000,}a*)*[bc]",
        "((a?){40}){40}[bc]",
    };
    static char subject[20000];

    (void)state;
    memset(subject, 'a', sizeof(subject));
    for (size_t i = 0; i < COUNT(patterns); i++) {
        int got = verdict(REGEX_ECMA, REGEX_SEARCH, patterns[i],
                          (struct str){ subject, sizeof(subject) });

        if (got != -2)
            fail_msg("/%s/: %d", patterns[i], got);
    }
    assert_int_equal(
        verdict(REGEX_ECMA, REGEX_SEARCH, "a+[bc]", (struct str){ subject, 100 }), 0);
    assert_int_equal(
        verdict(REGEX_ECMA, REGEX_SEARCH, "^(a|a)*[bc]", (struct str){ subject, 100 }), -2);
    /* honest work on long text stays within the budget */
    assert_int_equal(verdict(REGEX_ECMA, REGEX_SEARCH, "^[a-z]*$",
                             (struct str){ subject, sizeof(subject) }),
                     1);
}

static void
patterns_have_limits(void **state)
{
    char *big;
    struct test_ctx t;
    struct regex *re;

    (void)state;
    test_ctx_init(&t);
    big = arena_alloc(&t.arena, REGEX_PATTERN_MAX + 2);
    assert_non_null(big);
    memset(big, 'a', REGEX_PATTERN_MAX + 1);
    assert_int_equal(regex_compile(&t.cx, REGEX_ECMA, str_of(big), &re), ERR_LIMIT);
    memset(big, '(', 5000);
    assert_int_not_equal(regex_compile(&t.cx, REGEX_ECMA, (struct str){ big, 5000 }, &re),
                         ERR_OK);
    assert_int_not_equal(regex_compile(&t.cx, REGEX_I, (struct str){ big, 5000 }, &re),
                         ERR_OK);
    assert_int_not_equal(
        regex_compile(&t.cx, REGEX_ECMA, S("(((a{1000}){1000}){1000})"), &re), ERR_OK);
    assert_int_equal(regex_compile(&t.cx, REGEX_ECMA, S("a\xFF"), &re), ERR_BAD_REQUEST);
    test_ctx_fini(&t);
}

static void
parts_of_a_match(void **state)
{
    struct test_ctx t;
    struct regex *re;
    struct regex_match m;
    uint64_t budget = REGEX_WORK;

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(regex_compile(&t.cx, REGEX_ECMA, S("b(c+)(d)?"), &re), ERR_OK);
    assert_int_equal(regex_groups(re), 2);
    assert_int_equal(regex_run(&t.cx, re, REGEX_SEARCH, S("abcce"), &budget, &m), ERR_OK);
    assert_true(m.found && str_is(m.whole, "bcc") && str_is(m.first, "cc"));
    assert_true(budget < REGEX_WORK);
    assert_int_equal(regex_run(&t.cx, re, REGEX_WHOLE, S("abcce"), &budget, &m), ERR_OK);
    assert_false(m.found);
    assert_int_equal(regex_compile(&t.cx, REGEX_ECMA, S("a(b)?"), &re), ERR_OK);
    assert_int_equal(regex_run(&t.cx, re, REGEX_SEARCH, S("a"), &budget, &m), ERR_OK);
    assert_true(m.found && m.first.p == NULL);
    test_ctx_fini(&t);
}

static void
each_allocation_may_fail(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        struct test_ctx t;
        struct regex *re;
        struct regex_match m;
        uint64_t budget = REGEX_WORK;
        err_t e;

        test_ctx_init(&t);
        t.arena.fail_at = n;
        e = regex_compile(&t.cx, REGEX_ECMA, S("^(a|b[c-d]){2,}\\p{L}$"), &re);
        if (e == ERR_OK)
            e = regex_run(&t.cx, re, REGEX_SEARCH, S("abdab"), &budget, &m);
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
        cmocka_unit_test(ecma_refuses),
        cmocka_unit_test(ecma_matches),
        cmocka_unit_test(iregexp),
        cmocka_unit_test(cost_is_bounded),
        cmocka_unit_test(patterns_have_limits),
        cmocka_unit_test(parts_of_a_match),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
