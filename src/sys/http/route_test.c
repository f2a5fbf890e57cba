/* route_test.c - rows, targets, addresses. EUPL-1.2. */
#include "base/test.h"
#include "sys/http/addr.h"
#include "sys/http/route.h"
#include "sys/http/target.h"

#include <string.h>

static struct test_ctx t;

static int
setup(void **state)
{
    (void)state;
    test_ctx_init(&t);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    test_ctx_fini(&t);
    return 0;
}

static err_t
nothing(struct req *rq)
{
    return reply_empty(rq, 204);
}

static const struct http_route good = {
    .op = "a",
    .doc = "Tests.",
    .door = HTTP_DOOR_PUBLIC,
    .method = HTTP_GET,
    .path = "/a/{id}",
    .auth = HTTP_AUTH_ANYONE,
    .run = HTTP_RUN_LOOP,
    .rate = RATE_READ,
    .errors = HTTP_ERRORS_PROBLEM,
    .audit = AUDIT_NOT_NEEDED,
    .fn = nothing,
};

static err_t
prove(struct http_route a, struct http_route b)
{
    struct http_route rows[3] = { a, b, { 0 } };
    const struct http_route *const tables[] = { rows };

    return http_prove(&t.cx, tables, 1);
}

/* Each decision that a row leaves open stops the start, with its name. */
static void
a_row_decides_everything(void **state)
{
    static const char *const names[] = { "doc",  "path", "fn",     "door", "method",
                                         "auth", "run",  "errors", "rate", "audit" };
    struct http_route none = { 0 };

    (void)state;
    assert_int_equal(prove(good, none), ERR_OK);
    for (int i = 0; i < 10; i++) {
        struct http_route r = good;

        switch (i) {
        case 0: r.doc = ""; break;
        case 1: r.path = NULL; break;
        case 2: r.fn = NULL; break;
        case 3: r.door = HTTP_DOOR_NONE; break;
        case 4: r.method = HTTP_METHOD_NONE; break;
        case 5: r.auth = HTTP_AUTH_NONE; break;
        case 6: r.run = HTTP_RUN_NONE; break;
        case 7: r.errors = HTTP_ERRORS_NONE; break;
        case 8: r.rate = RATE_NONE; break;
        case 9: r.audit = AUDIT_UNDECIDED; break;
        }
        assert_int_equal(prove(r, none), ERR_INTERNAL);
        assert_true(str_search(t.cx.reason, str_of(names[i])) < t.cx.reason.n);
    }
}

static void
rows_that_contradict(void **state)
{
    struct http_route r = good, none = { 0 };

    (void)state;
    assert_int_equal(prove(good, good), ERR_INTERNAL); /* one name */
    r.op = "b";
    assert_int_equal(prove(good, r), ERR_CONFLICT); /* one path and method */
    r.path = "/a/{other}";
    assert_int_equal(prove(good, r), ERR_CONFLICT);
    r.door = HTTP_DOOR_BOTH;
    assert_int_equal(prove(good, r), ERR_CONFLICT);
    r.door = HTTP_DOOR_INTERNAL;
    assert_int_equal(prove(good, r), ERR_OK);
    r = good;
    r.auth = HTTP_AUTH_OPERATOR; /* an operator's route in public */
    assert_int_equal(prove(r, none), ERR_INTERNAL);
    r.door = HTTP_DOOR_BOTH;
    assert_int_equal(prove(r, none), ERR_INTERNAL);
}

static void
malformed_templates(void **state)
{
    static const char *const bad[] = {
        "",         "a",     "/a//b",     "/{*r}/a", "/a{id}",
        "/a/{id}x", "/a%20", "/a/{*r}/b", "/{}",     "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}"
    };
    struct http_route r = good, none = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        r.path = bad[i];
        if (prove(r, none) != ERR_INTERNAL)
            fail_msg("%s was taken", bad[i]);
    }
    r.path = "/";
    assert_int_equal(prove(r, none), ERR_OK);
}

#define AT(op_, method_, path_)                                                            \
    {                                                                                      \
        .op = op_, .doc = "Tests.", .door = HTTP_DOOR_PUBLIC, .method = method_,           \
        .path = path_, .auth = HTTP_AUTH_ANYONE, .run = HTTP_RUN_LOOP, .rate = RATE_READ,  \
        .errors = HTTP_ERRORS_PROBLEM, .audit = AUDIT_NOT_NEEDED, .fn = nothing            \
    }
static const struct http_route many[] = {
    AT("root", HTTP_GET, "/"),
    AT("did", HTTP_GET, "/iam/{id}/did.json"),
    AT("list", HTTP_POST, "/iam/list"),
    AT("one", HTTP_GET, "/iam/{id}"),
    AT("rest", HTTP_ANY, "/fhir/{*rest}"),
    AT("metadata", HTTP_GET, "/fhir/metadata"),
    AT("wide", HTTP_GET, "/x/{a}/{b}"),
    AT("deep", HTTP_GET, "/x/y/{b}/z"),
    { 0 },
};

static void
literals_before_names_before_rest(void **state)
{
    static const struct {
        enum http_method method;
        const char *path, *op, *first;
        const char *allow;
    } rows[] = {
        { HTTP_GET, "/", "root", NULL, "GET, HEAD, OPTIONS" },
        { HTTP_GET, "/iam/7/did.json", "did", "7", NULL },
        { HTTP_GET, "/iam/list", "one", "list", NULL }, /* the literal has no GET */
        { HTTP_POST, "/iam/list", "list", NULL, NULL },
        { HTTP_PUT, "/iam/list", NULL, NULL, "GET, HEAD, POST, OPTIONS" },
        { HTTP_HEAD, "/iam/7", "one", "7", NULL },
        { HTTP_GET, "/iam/", NULL, NULL, "" },
        { HTTP_GET, "/iam", NULL, NULL, "" },
        { HTTP_GET, "/iam/7/did.json/", NULL, NULL, "" },
        { HTTP_GET, "/fhir/metadata", "metadata", NULL, NULL },
        { HTTP_PUT, "/fhir/metadata", "rest", "metadata", NULL },
        { HTTP_PUT, "/fhir/Patient/1", "rest", "Patient/1", NULL },
        { HTTP_GET, "/fhir/", "rest", "", NULL },
        { HTTP_GET, "/fhir", NULL, NULL, "" },
        { HTTP_METHOD_NONE, "/fhir/x", NULL, NULL,
          "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" },
        { HTTP_GET, "/x/y/1/z", "deep", "1", NULL },
        { HTTP_GET, "/x/y/1", "wide", "y", NULL }, /* back from a blind alley */
    };
    const struct http_route *const tables[] = { many };
    struct route_node *tree;

    (void)state;
    assert_int_equal(http_prove(&t.cx, tables, 1), ERR_OK);
    assert_int_equal(route_tree(&t.cx, tables, 1, HTTP_DOOR_PUBLIC, &tree), ERR_OK);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct route_found f;
        char room[64];

        route_find(tree, str_of(rows[i].path), rows[i].method, &f);
        if ((f.row == NULL) != (rows[i].op == NULL) ||
            (f.row != NULL && strcmp(f.row->op, rows[i].op) != 0))
            fail_msg("%s went to %s", rows[i].path, f.row ? f.row->op : "nobody");
        if (rows[i].first != NULL)
            assert_true(str_is(f.capture[0], rows[i].first));
        if (rows[i].allow != NULL)
            assert_true(str_is(route_allow(room, f.allow), rows[i].allow));
    }
    assert_int_equal(route_capture(&many[6], S("b")), 1);
    assert_int_equal(route_capture(&many[4], S("rest")), 0);
    assert_int_equal(route_capture(&many[4], S("id")), -1);
}

static void
forms(void **state)
{
    struct str out;
    unsigned count;

    (void)state;
#define FIND(text, name) form_find(&t.cx, S(text), S(name), &out, &count)
    assert_int_equal(FIND("a=1&b=2&&c", "b"), ERR_OK);
    assert_true(str_is(out, "2"));
    assert_int_equal(FIND("a=1&b=2&a=3", "a"), ERR_OK);
    assert_int_equal(count, 2);
    assert_true(str_is(out, "1"));
    assert_int_equal(FIND("%61=x%20y+z%2B", "a"), ERR_OK);
    assert_true(str_is(out, "x y z+"));
    assert_int_equal(FIND("c", "c"), ERR_OK);
    assert_true(out.p != NULL && out.n == 0);
    assert_int_equal(FIND("a=1", "b"), ERR_OK);
    assert_null(out.p);
    assert_int_equal(count, 0);
    assert_int_equal(FIND("a=%4", "a"), ERR_BAD_REQUEST);
    assert_int_equal(FIND("a=%00", "a"), ERR_BAD_REQUEST);
    assert_int_equal(FIND("a=%ff", "a"), ERR_BAD_REQUEST);
    assert_int_equal(FIND("a=%c3%a9", "a"), ERR_OK);
}

static void
addresses(void **state)
{
    static const char *const guarded[] = {
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "ff02::1",
        "64:ff9b::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "2001::1",
        "192.0.2.1",
        "203.0.113.9",
    };
    static const char *const open[] = { "8.8.8.8",      "172.15.0.1",     "172.32.0.1",
                                        "2a00:1450::1", "::ffff:8.8.8.8", "100.63.0.1",
                                        "100.128.0.1" };
    static const char *const none[] = { "",          "a",         "1.2.3",  "1.2.3.4.5",
                                        "01.2.3.4",  "1.2.3.4 ",  "::1%lo", "[::1",
                                        "256.1.1.1", "0x7f.0.0.1" };
    struct addr a;

    (void)state;
    for (size_t i = 0; i < COUNT(guarded); i++) {
        assert_true(addr_parse(str_of(guarded[i]), &a));
        if (!addr_is_guarded(&a))
            fail_msg("%s is not guarded", guarded[i]);
    }
    for (size_t i = 0; i < COUNT(open); i++) {
        assert_true(addr_parse(str_of(open[i]), &a));
        if (addr_is_guarded(&a))
            fail_msg("%s is guarded", open[i]);
    }
    for (size_t i = 0; i < COUNT(none); i++) {
        if (addr_parse(str_of(none[i]), &a))
            fail_msg("'%s' was taken", none[i]);
    }
    assert_true(addr_parse(S("[::1]"), &a) && addr_is_loopback(&a));
    assert_true(addr_parse(S("127.9.9.9"), &a) && addr_is_loopback(&a));
    assert_true(addr_parse(S("::ffff:127.0.0.1"), &a) && addr_is_loopback(&a));
    assert_true(addr_parse(S("128.0.0.1"), &a) && !addr_is_loopback(&a));
}

static void
ranges(void **state)
{
    static const char *const bad[] = { "10.0.0.0/33", "10.0.0.1/8",    "::/129",
                                       "10.0.0.0/",   "10.0.0.0/8/8",  "x/8",
                                       "10.0.0.0/-1", "2001:db8::1/64" };
    struct addr_range r;
    struct addr in, out;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (addr_range_parse(str_of(bad[i]), &r))
            fail_msg("'%s' was taken", bad[i]);
    }
    assert_true(addr_parse(S("10.255.0.1"), &in) && addr_parse(S("11.0.0.1"), &out));
    assert_true(addr_range_parse(S("10.0.0.0/8"), &r));
    assert_true(addr_in(&in, &r, 1) && !addr_in(&out, &r, 1));
    assert_true(addr_range_parse(S("10.255.0.1"), &r) && addr_in(&in, &r, 1));
    assert_true(addr_parse(S("fd00:1::1"), &in) && addr_range_parse(S("fd00::/15"), &r));
    assert_false(addr_in(&out, &r, 1));
    assert_true(addr_in(&in, &r, 1));
    assert_true(addr_range_parse(S("0.0.0.0/0"), &r)); /* all of IPv4, none of IPv6 */
    assert_true(addr_in(&out, &r, 1) && !addr_in(&in, &r, 1));
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_row_decides_everything),
        T(rows_that_contradict),
        T(malformed_templates),
        T(literals_before_names_before_rest),
        T(forms),
        T(addresses),
        T(ranges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
