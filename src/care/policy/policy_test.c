/* policy_test.c - policies: what is believed, what is permitted. EUPL-1.2. */
#include "base/test.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "care/policy/policy.h"

#define ABOUT                                                                              \
    "\"name\":\"p\",\"version\":\"1\",\"title\":\"t\",\"author\":\"a\",\"adopted_by\":"    \
    "\"b\","                                                                               \
    "\"legal_base\":\"l\",\"valid_from\":\"2025-01-01\",\"valid_until\":\"2027-01-01\","   \
    "\"scopes\":[\"p\"],\"fhir_version\":\"4.0\",\"user\":\"optional\","
#define GROUND "\"ground\":{\"source\":\"recorded\",\"scope\":\"p\",\"kinds\":[\"law\"]},"
#define RULE                                                                               \
    "{\"id\":\"r\",\"doc\":\"d\",\"interaction\":\"read\",\"type\":\"Patient\","           \
    "\"patient\":[\"path\"],\"audit\":\"RECORD_READ\"}"
#define POLICY "{" ABOUT GROUND "\"rules\":[" RULE "]}"
#define CASE_ALLOW                                                                         \
    "{\"name\":\"1\",\"method\":\"GET\",\"path\":\"Patient/"                               \
    "1\",\"facts\":{\"ground\":true},"                                                     \
    "\"allow\":true,\"rule\":\"r\"}"
#define CASE_DENY                                                                          \
    "{\"name\":\"2\",\"method\":\"GET\",\"path\":\"Patient/"                               \
    "1\",\"allow\":false,\"code\":\"GROUND\"}"
#define CASE_DENY_EMPTY                                                                    \
    "{\"name\":\"2\",\"method\":\"GET\",\"path\":\"Patient/1\",\"facts\":{},"              \
    "\"allow\":false,\"code\":\"GROUND\"}"
#define TESTS "{\"cases\":[" CASE_ALLOW "," CASE_DENY "]}"

static err_t
check(struct test_ctx *t, const char *policy, const char *tests)
{
    struct policy_source s = { S("p"), str_of(policy), str_of(tests) };

    return policy_check(&t->cx, &s, NULL);
}

static void
assert_says(struct test_ctx *t, const char *policy, const char *tests, const char *reason)
{
    assert_int_equal(check(t, policy, tests), ERR_POLICY_INVALID);
    if (str_search(t->cx.reason, str_of(reason)) == t->cx.reason.n)
        fail_msg("'%.*s' does not say '%s'", STR(t->cx.reason), reason);
}

static void
believes_a_policy_with_tests(void **state)
{
    struct test_ctx t;

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(check(&t, POLICY, TESTS), ERR_OK);
    test_ctx_fini(&t);
}

/* mission 101 */
static void
refuses_a_policy_without_tests_that_hold(void **state)
{
    struct test_ctx t;

    (void)state;
    test_ctx_init(&t);
    assert_says(&t, POLICY, "", "no tests");
    assert_says(&t, POLICY, "{\"cases\":[]}", "no test is allowed by rule 'r'");
    assert_says(&t, POLICY, "{\"cases\":[" CASE_ALLOW "]}", "no test is denied");
    assert_says(&t, POLICY, "{\"cases\":[" CASE_DENY "]}", "no test is allowed");
    assert_says(&t, POLICY,
                "{\"cases\":[{\"name\":\"x\",\"method\":\"GET\",\"path\":\"Patient/1\","
                "\"allow\":true,\"rule\":\"r\"}]}",
                "it was denied (GROUND");
    assert_says(&t, POLICY,
                "{\"cases\":[{\"name\":\"x\",\"method\":\"GET\",\"path\":\"Patient/1\","
                "\"allow\":false,\"code\":\"POLICY_SCOPE\"}]}",
                "denied by GROUND");
    assert_says(&t, POLICY, "{\"cases\":[{\"name\":\"x\",\"allow\":true}]}",
                "must say allow");
    assert_says(&t, POLICY, "{\"cases\":[{\"names\":\"x\"}]}", "nearest is 'name'");
    test_ctx_fini(&t);
}

static void
refuses_what_nobody_decided(void **state)
{
    static const struct {
        const char *policy, *reason;
    } rows[] = {
        { "{}", "'name'" },
        { "[]", "no object" },
        { "{" ABOUT GROUND "\"rule\":[" RULE "]}", "nearest is 'rules'" },
        { "{" ABOUT GROUND "\"rules\":[]}", "1 to" },
        { "{" ABOUT "\"rules\":[" RULE "]}", "ground is no object" },
        { "{" ABOUT "\"ground\":{\"source\":\"mitz\"},\"rules\":[" RULE "]}",
          "ground.source" },
        { "{" ABOUT "\"ground\":{\"source\":\"recorded\",\"scope\":\"p\",\"kinds\":[]},"
          "\"rules\":[" RULE "]}",
          "names none" },
        { "{" ABOUT
          "\"ground\":{\"source\":\"recorded\",\"scope\":\"p\",\"kinds\":[\"wish\"]},"
          "\"rules\":[" RULE "]}",
          "ground.kinds" },
        { "{" ABOUT "\"ground\":{\"source\":\"none\"},\"rules\":[" RULE "]}",
          "a patient needs a ground" },
        { "{" ABOUT GROUND "\"rules\":[" RULE "," RULE "]}", "twice" },
        { "{" ABOUT GROUND "\"controls\":[\"_lastN\"],\"rules\":[" RULE "]}",
          "'controls'" },
        { "{" ABOUT GROUND "\"predicates\":[\"x\"],\"rules\":[" RULE "]}", "'predicates'" },
    };
    static const struct {
        const char *rule, *reason;
    } rules[] = {
        { "\"interaction\":\"transaction\",\"type\":\"Bundle\"", "cannot be judged" },
        { "\"interaction\":\"create\",\"type\":\"Task\"", "cannot be judged" },
        { "\"interaction\":\"reed\",\"type\":\"Patient\"", "no interaction" },
        { "\"interaction\":\"read\",\"type\":\"patient\"", "none of R4" },
        { "\"interaction\":\"read\",\"type\":\"Patient\",\"operation\":\"$x\"",
          "'operation'" },
        { "\"interaction\":\"read\",\"type\":\"Patient\"", "'patient'" },
        { "\"interaction\":\"read\",\"type\":\"Patient\",\"patient\":[\"body\"]",
          "no patient can" },
        { "\"interaction\":\"read\",\"type\":\"Patient\",\"patient\":[\"none\"]",
          "no patient can" },
        { "\"interaction\":\"read\",\"type\":\"Task\",\"patient\":[\"path\"]",
          "no patient can" },
        { "\"interaction\":\"read\",\"type\":\"Task\",\"patient\":[\"param:patient\"]",
          "no patient can" },
        { "\"interaction\":\"search-type\",\"type\":\"Task\",\"patient\":[\"body\"]",
          "no patient can" },
        { "\"interaction\":\"search-type\",\"type\":\"Task\",\"patient\":[\"none\"],"
          "\"audit\":\"RECORD_SEARCHED\"",
          "needs a patient" },
        { "\"interaction\":\"search-type\",\"type\":\"Task\",\"patient\":[\"none\"],"
          "\"audit\":\"LOG_READ\"",
          "a ground needs a patient" },
        { "\"interaction\":\"read\",\"type\":\"Patient\",\"patient\":[\"path\"]",
          "no audit event" },
        { "\"interaction\":\"read\",\"type\":\"Patient\",\"patient\":[\"path\"],"
          "\"audit\":\"LOG_READ\"",
          "does not name a patient" },
        { "\"interaction\":\"search-type\",\"type\":\"Task\",\"patient\":[\"param:"
          "patient\"],"
          "\"allow\":{\"patient\":\"token\"}",
          "the patient's already" },
        { "\"interaction\":\"search-type\",\"type\":\"Task\",\"patient\":[\"param:"
          "patient\"],"
          "\"allow\":{\"_count\":\"token\"}",
          "belongs in" },
        { "\"interaction\":\"search-type\",\"type\":\"Task\",\"patient\":[\"param:"
          "patient\"],"
          "\"allow\":{\"a\":{\"exactly\":\"b\"}}",
          "nearest is 'exact'" },
        { "\"interaction\":\"search-type\",\"type\":\"Task\",\"patient\":[\"param:"
          "patient\"],"
          "\"include\":{\"_include\":{\"a:b\":[\"Nothing\"]}}",
          "no type of R4" },
        { "\"interaction\":\"search-type\",\"type\":\"Task\",\"patient\":[\"param:"
          "patient\"],"
          "\"require\":{\"period-of-use\":\"token\"}",
          "cannot be checked" },
    };
    struct test_ctx t;
    char text[2048];

    (void)state;
    test_ctx_init(&t);
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_says(&t, rows[i].policy, TESTS, rows[i].reason);
    for (size_t i = 0; i < COUNT(rules); i++) {
        snprintf(text, sizeof(text),
                 "{" ABOUT GROUND "\"rules\":[{\"id\":\"r\",\"doc\":\"d\",%s}]}",
                 rules[i].rule);
        assert_says(&t, text, TESTS, rules[i].reason);
    }
    test_ctx_fini(&t);
}

/* spec 2d.9 (5): what a policy lists is still judged by what it says. */
static void
hole_5_controls_say_nothing_else(void **state)
{
    static const char policy[] =
        "{" ABOUT GROUND
        "\"controls\":[\"_summary\",\"_elements\",\"_contained\",\"_count\","
        "\"_sort\",\"_total\",\"_pretty\",\"_format\"],\"rules\":[" RULE "]}";
    static const struct {
        const char *query;
        bool allow;
    } rows[] = {
        { "_summary=count", false },      { "_summary=data", true },
        { "_summary=true,count", false }, { "_contained=both", false },
        { "_contained=false", true },     { "_elements=id,name", true },
        { "_elements=a%20b", false },     { "_count=0", false },
        { "_count=-1", false },           { "_count=50", true },
        { "_count=1001", false },         { "_sort=-date,_id", true },
        { "_sort=a;b", false },           { "_total=none", true },
        { "_total=all", false },          { "_pretty=1", false },
        { "_pretty=true", true },         { "_format=json", true },
        { "_format=xml", false },         { "_format=json&_format=json", false },
    };
    struct test_ctx t;
    char tests[1024];

    (void)state;
    test_ctx_init(&t);
    for (size_t i = 0; i < COUNT(rows); i++) {
        snprintf(
            tests, sizeof(tests),
            "{\"given\":{\"ground\":true},\"cases\":[" CASE_ALLOW "," CASE_DENY_EMPTY
            ",{\"name\":\"x\",\"method\":\"GET\",\"path\":\"Patient/1\",\"query\":\"%s\","
            "\"allow\":%s}]}",
            rows[i].query,
            rows[i].allow ? "true,\"rule\":\"r\"" : "false,\"code\":\"POLICY_REQUEST\"");
        if (check(&t, policy, tests) != ERR_OK)
            fail_msg("%s: %.*s", rows[i].query, STR(t.cx.reason));
    }
    test_ctx_fini(&t);
}

static void
refuses_outside_its_validity(void **state)
{
    struct test_ctx t;

    (void)state;
    test_ctx_init(&t);
    t.cx.now_ms = INT64_C(1735689600000) - 1; /* just before 2025 */
    assert_says(&t, POLICY, TESTS, "validity");
    t.cx.now_ms += 1;
    assert_int_equal(check(&t, POLICY, TESTS), ERR_OK);
    t.cx.now_ms = INT64_C(1798761600000); /* 2027 */
    assert_says(&t, POLICY, TESTS, "validity");
    test_ctx_fini(&t);
}

static struct fhir_request
get(struct test_ctx *t, const char *path, const char *query)
{
    struct fhir_request r;

    assert_int_equal(fhir_request_parse(&t->cx, HTTP_GET, str_of(path), str_of(query),
                                        S(""), (struct bytes){ NULL, 0 }, &r),
                     ERR_OK);
    return r;
}

static void
a_reload_keeps_what_held(void **state)
{
    struct test_ctx t;
    struct policy_source good = { S("p"), S_INIT(POLICY), S_INIT(TESTS) };
    struct policy_source bad = { S("p"), S_INIT(POLICY), S_INIT("{}") };
    struct policy_set *a, *b;
    size_t refused;

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(policy_set_new(&t.cx, &bad, 1, NULL, &a, &refused), ERR_OK);
    assert_int_equal(refused, 1);
    assert_int_equal(policy_count(a), 0);
    policy_set_give(a);
    assert_int_equal(policy_set_new(&t.cx, &good, 1, NULL, &a, &refused), ERR_OK);
    assert_int_equal(refused, 0);
    assert_int_equal(policy_set_new(&t.cx, &bad, 1, a, &b, &refused), ERR_OK);
    policy_set_give(a);
    assert_int_equal(refused, 1);
    assert_non_null(policy_find(b, S("p")));
    policy_set_give(b);
    test_ctx_fini(&t);
}

/* Two policies: "wide" lets all of a patient be read, "narrow" asks a user. */
#define WIDE   "{" ABOUT_AS("wide", "optional") GROUND "\"rules\":[" RULE "]}"
#define NARROW "{" ABOUT_AS("narrow", "required") GROUND "\"rules\":[" RULE "]}"
#define ABOUT_AS(name, user)                                                               \
    "\"name\":\"" name "\",\"version\":\"1\",\"title\":\"t\",\"author\":\"a\","            \
    "\"adopted_by\":\"b\",\"legal_base\":\"l\",\"valid_from\":\"2025-01-01\","             \
    "\"valid_until\":\"2027-01-01\",\"scopes\":[\"" name "\"],\"fhir_version\":\"4.0\","   \
    "\"user\":\"" user "\","
#define TESTS_USER                                                                         \
    "{\"given\":{\"user_id\":\"u\",\"ground\":true},\"cases\":[{\"name\":\"1\","           \
    "\"method\":\"GET\",\"path\":\"Patient/"                                               \
    "1\",\"allow\":true,\"rule\":\"r\"}," CASE_DENY_NOBODY "]}"
#define CASE_DENY_NOBODY                                                                   \
    "{\"name\":\"2\",\"method\":\"GET\",\"path\":\"Patient/"                               \
    "1\",\"facts\":{\"user_id\":\"u\"},"                                                   \
    "\"allow\":false,\"code\":\"GROUND\"}"

static struct policy_set *
two_policies(struct test_ctx *t)
{
    struct policy_source list[] = { { S("narrow"), S_INIT(NARROW), S_INIT(TESTS_USER) },
                                    { S("wide"), S_INIT(WIDE), S_INIT(TESTS) } };
    struct policy_set *set;
    size_t refused;

    assert_int_equal(policy_set_new(&t->cx, list, 2, NULL, &set, &refused), ERR_OK);
    assert_int_equal(refused, 0);
    return set;
}

/* spec 2d.9 (10) */
static void
hole_10_a_broad_scope_does_not_weaken_a_narrow_one(void **state)
{
    struct test_ctx t;
    struct policy_set *set;
    struct policy_decision d;
    struct policy_facts facts = { .ground_found = true };
    struct fhir_request r;

    (void)state;
    test_ctx_init(&t);
    set = two_policies(&t);
    r = get(&t, "Patient/1", "");
    assert_int_equal(policy_decide(&t.cx, set, &r, S("wide"), &facts, &d), ERR_OK);
    assert_true(d.allow);
    assert_true(str_is(d.match.scope, "wide"));
    assert_int_equal(policy_decide(&t.cx, set, &r, S("narrow"), &facts, &d), ERR_OK);
    assert_false(d.allow);
    assert_int_equal(d.code, ERR_POLICY_USER);
    assert_int_equal(policy_decide(&t.cx, set, &r, S("wide narrow"), &facts, &d), ERR_OK);
    assert_false(d.allow);
    assert_int_equal(policy_decide(&t.cx, set, &r, S("narrow  wide wide"), &facts, &d),
                     ERR_OK);
    assert_false(d.allow);
    facts.user_id = S("u");
    assert_int_equal(policy_decide(&t.cx, set, &r, S("other wide narrow"), &facts, &d),
                     ERR_OK);
    assert_true(d.allow);
    assert_true(str_is(d.match.scope, "wide"));
    policy_set_give(set);
    test_ctx_fini(&t);
}

static void
only_adopted_policies_in_force_count(void **state)
{
    struct test_ctx t;
    struct policy_set *set;
    struct policy_match m[POLICY_MATCHES_MAX];
    struct fhir_request r;
    struct str only[] = { S_INIT("narrow") };
    size_t n;

    (void)state;
    test_ctx_init(&t);
    set = two_policies(&t);
    r = get(&t, "Patient/1", "");
    assert_int_equal(policy_match(&t.cx, set, &r, S("wide narrow"), only, 1, m, &n),
                     ERR_OK);
    assert_int_equal(n, 1);
    assert_true(str_is(m[0].policy->name, "narrow"));
    assert_int_equal(policy_match(&t.cx, set, &r, S("wide"), only, 1, m, &n),
                     ERR_POLICY_SCOPE);
    t.cx.now_ms = INT64_C(1798761600000); /* loaded then, out of force now */
    assert_int_equal(policy_match(&t.cx, set, &r, S("wide"), NULL, 0, m, &n),
                     ERR_POLICY_SCOPE);
    policy_set_give(set);
    test_ctx_fini(&t);
}

/* mission 102: the same user, two role codes, two permitted sets */
static void
roles_permit_different_sets(void **state)
{
    static const char policy[] =
        "{" ABOUT GROUND "\"rules\":[{\"id\":\"r\",\"doc\":\"d\",\"interaction\":\"read\","
        "\"type\":\"Patient\",\"patient\":[\"path\"],\"roles\":[\"01.015\"],"
        "\"audit\":\"RECORD_READ\"}]}";
    static const char tests[] =
        "{\"given\":{\"ground\":true,\"user_id\":\"u\",\"user_role\":\"01.015\"},\"cases\":"
        "["
        "{\"name\":\"1\",\"method\":\"GET\",\"path\":\"Patient/"
        "1\",\"allow\":true,\"rule\":\"r\"},"
        "{\"name\":\"2\",\"method\":\"GET\",\"path\":\"Patient/1\",\"allow\":false,"
        "\"code\":\"POLICY_USER\",\"facts\":{\"ground\":true,\"user_id\":\"u\","
        "\"user_role\":\"30.000\"}}]}";
    struct test_ctx t;

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(check(&t, policy, tests), ERR_OK);
    test_ctx_fini(&t);
}

/* `knoop policy test`: every failing test is named, not the first alone. */
static void
tells_every_test_that_fails(void **state)
{
    static const char tests[] =
        "{\"cases\":[" CASE_ALLOW "," CASE_DENY
        ",{\"name\":\"wrong\",\"method\":\"GET\",\"path\":\"Patient/1\",\"allow\":true,"
        "\"rule\":\"r\"},{\"name\":\"also\",\"method\":\"GET\",\"path\":\"Patient/1\","
        "\"allow\":false,\"code\":\"POLICY_USER\"}]}";
    struct policy_source good = { S("p"), S(POLICY), S(TESTS) };
    struct policy_source bad = { S("p"), S(POLICY), str_of(tests) };
    struct policy_source thin = { S("p"), S(POLICY), S("{\"cases\":[" CASE_ALLOW "]}") };
    struct policy_source none = { S("p"), S(POLICY), { NULL, 0 } };
    struct test_ctx t;
    struct json_out js;
    struct str text;
    size_t failed;

    (void)state;
    test_ctx_init(&t);
#define TRY(source)                                                                        \
    json_out_init(&js, &t.arena);                                                          \
    assert_int_equal(policy_try(&t.cx, &source, &js, &failed), ERR_OK);                    \
    assert_int_equal(json_out_done(&t.cx, &js, &text), ERR_OK)
    TRY(good);
    assert_int_equal(failed, 0);
    TRY(bad);
    assert_int_equal(failed, 2);
    assert_true(str_search(text, S("test 'wrong' fails")) < text.n);
    assert_true(str_search(text, S("test 'also' fails")) < text.n);
    TRY(thin);
    assert_int_equal(failed, 1);
    assert_true(str_search(text, S("no test is denied")) < text.n);
    json_out_init(&js, &t.arena);
    assert_int_equal(policy_try(&t.cx, &none, &js, &failed), ERR_POLICY_INVALID);
    test_ctx_fini(&t);
}

static void
shipped_policies_hold(void **state)
{
    struct test_ctx t;
    struct json_out js;
    struct str text;
    size_t bad;

    (void)state;
    test_ctx_init(&t);
    json_out_init(&js, &t.arena);
    assert_int_equal(policy_report(&t.cx, S("policies"), &js, &bad), ERR_OK);
    assert_int_equal(json_out_done(&t.cx, &js, &text), ERR_OK);
    if (bad != 0)
        fail_msg("%.*s", STR(text));
    assert_true(str_search(text, S("\"bgz\"")) < text.n);
    assert_true(str_search(text, S("\"medicatieoverdracht_gf\"")) < text.n);
    test_ctx_fini(&t);
}

static void
explains_itself_without_a_person(void **state)
{
    struct test_ctx t;
    struct policy_source *list;
    struct policy_set *set;
    struct json_out js;
    struct str text;
    size_t n, refused;

    (void)state;
    test_ctx_init(&t);
    assert_int_equal(policy_sources(&t.cx, S("policies"), &list, &n), ERR_OK);
    assert_int_equal(policy_set_new(&t.cx, list, n, NULL, &set, &refused), ERR_OK);
    json_out_init(&js, &t.arena);
    assert_int_equal(
        policy_explain(
            &t.cx, set,
            S("{\"method\":\"GET\",\"path\":\"Patient\",\"scope\":\"bgz\",\"query\":"
              "\"identifier=http://fhir.nl/fhir/NamingSystem/bsn|999990019\"}"),
            &js),
        ERR_OK);
    assert_int_equal(json_out_done(&t.cx, &js, &text), ERR_OK);
    assert_true(str_search(text, S("\"rule\":\"patient-by-number\"")) < text.n);
    assert_true(str_search(text, S("\"code\":\"GROUND\"")) < text.n);
    assert_true(str_search(text, S("999990019")) == text.n);
    policy_set_give(set);
    test_ctx_fini(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_a_policy_without_tests_that_hold),
        cmocka_unit_test(refuses_what_nobody_decided),
        cmocka_unit_test(hole_5_controls_say_nothing_else),
        cmocka_unit_test(refuses_outside_its_validity),
        cmocka_unit_test(believes_a_policy_with_tests),
        cmocka_unit_test(a_reload_keeps_what_held),
        cmocka_unit_test(hole_10_a_broad_scope_does_not_weaken_a_narrow_one),
        cmocka_unit_test(only_adopted_policies_in_force_count),
        cmocka_unit_test(roles_permit_different_sets),
        cmocka_unit_test(tells_every_test_that_fails),
        cmocka_unit_test(shipped_policies_hold),
        cmocka_unit_test(explains_itself_without_a_person),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
