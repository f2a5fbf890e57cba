/*
 * wallet_test.c - what an organisation holds: whose it is, whether it is good, and
 * when it changed. EUPL-1.2.
 */
#include "trust/wallet/wallet.h"

#include "trust/vc/vc_kit.h"

#define N  (((struct fix *)*state)->n)
#define CX (&N->t.cx)

#define WALLET "/internal/vcr/v2/holder/"
#define HOME   WALLET "hospital/vc"

struct fix {
    struct node *n;
    struct peer issuer;
    struct str did; /* of the subject "hospital" */
};
#define FIX ((struct fix *)*state)

static int
setup(void **state)
{
    const struct room *rooms[ROOM_COUNT] = {
        [ROOM_did] = &did_room, [ROOM_vc] = &vc_room, [ROOM_wallet] = &wallet_room
    };
    struct fix *f = calloc(1, sizeof(*f));
    struct did_subject s;

    f->n = node_open(rooms);
    *state = f;
    peer_new(f->n, ISSUER, &f->issuer);
    expect(node_ask(N, "POST", "/internal/vdr/v2/subject", "{\"subject\":\"hospital\"}"),
           200, NULL);
    expect(node_ask(N, "POST", "/internal/vdr/v2/subject", "{\"subject\":\"gp\"}"), 200,
           NULL);
    assert_int_equal(did_subject_find(CX, S("hospital"), &s), ERR_OK);
    f->did = s.did;
    return 0;
}

static int
teardown(void **state)
{
    peer_end(&FIX->issuer);
    node_close(N);
    free(FIX);
    return 0;
}

/* A credential about `subject` with one claim put differently, as a JSON text. */
static const char *
credential(void **state, struct str subject, const char *name, const char *value)
{
    struct str vc =
        arena_printf(CX->arena,
                     "{" CONTEXT "," TYPES ",\"credentialSubject\":{\"id\":\"%.*s"
                     "\"}}",
                     STR(subject));
    const struct claim usual[] = { { "iss", "\"" ISSUER "\"" },
                                   { "jti", "\"" ISSUER "#1\"" },
                                   { "nbf", from_now(N, -3600) },
                                   { "exp", from_now(N, 3600) },
                                   { "vc", vc.p } };
    struct str jwt =
        peer_sign(N, &FIX->issuer, NULL,
                  claims_with(N, usual, COUNT(usual), &(struct claim){ name, value }).p);
    struct str text = arena_printf(CX->arena, "\"%.*s\"", STR(jwt));

    assert_non_null(text.p);
    return text.p;
}

static const char *
usual(void **state)
{
    return credential(state, FIX->did, NULL, NULL);
}

static int64_t
version(void **state)
{
    int64_t v;

    assert_int_equal(wallet_version(CX, S("hospital"), &v), ERR_OK);
    return v;
}

static size_t
held(void **state, const char *target)
{
    const json *v = expect_json(N, node_ask(N, "GET", target, NULL), 200);

    return json_size(json_type(v) == JSON_ARRAY ? v : json_get(v, "verifiableCredentials"));
}

/* --- refusals ----------------------------------------------------------------------- */

static void
refuses_what_is_another_s(void **state)
{
    struct did_subject gp;

    assert_int_equal(did_subject_find(CX, S("gp"), &gp), ERR_OK);
    expect(node_ask(N, "POST", HOME, credential(state, gp.did, NULL, NULL)), 400,
           "subject does not own DID specified by credentialSubject.ID");
    expect(node_ask(N, "POST", HOME, credential(state, S(HOLDER), NULL, NULL)), 400,
           "\"title\":\"LoadVC failed\"");
    expect(node_ask(N, "POST", HOME,
                    credential(state, FIX->did, "vc",
                               "{" CONTEXT "," TYPES ",\"credentialSubject\":{\"a\":1}}")),
           400, "LoadVC failed");
    expect(node_ask(N, "POST", WALLET "nope/vc", usual(state)), 404,
           "{\"detail\":\"no such subject on this node\",\"status\":404,\"title\":\"LoadVC "
           "failed\"}");
    assert_int_equal(held(state, HOME "/search"), 0);
    assert_int_equal(version(state), 0);
}

static void
refuses_what_is_not_good(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *title;
    } rows[] = {
        { "\"nope\"", 400, "Operation failed" },
        { "7", 400, "Operation failed" },
        { "{}", 400, "Operation failed" },
        { "[]", 400, "Operation failed" },
        { "{", 400, "Operation failed" },
        { "{\"proof\":{\"type\":\"JsonWebSignature2020\"}}", 400, "ldp_vc" },
    };
    struct str bent;

    N->page[0].status = 404; /* whose document is gone is nobody's issuer: no 404 here */
    expect(node_ask(N, "POST", HOME, usual(state)), 400, "LoadVC failed");
    N->page[0].fails = ERR_UPSTREAM;
    expect(node_ask(N, "POST", HOME, usual(state)), 502, "LoadVC failed");
    N->page[0].status = 200;
    N->page[0].fails = ERR_OK;
    for (size_t i = 0; i < COUNT(rows); i++)
        expect(node_ask(N, "POST", HOME, rows[i].body), rows[i].status, rows[i].title);
    expect(node_ask(N, "POST", HOME, NULL), 415, "Operation failed");
    expect(node_ask(N, "POST", HOME, credential(state, FIX->did, "exp", from_now(N, 0))),
           400, "LoadVC failed");
    expect(node_ask(N, "POST", HOME, credential(state, FIX->did, "nbf", from_now(N, 60))),
           400, NULL);
    expect(node_ask(N, "POST", HOME, credential(state, FIX->did, "jti", NULL)), 400,
           "needs an id");
    expect(node_ask(N, "POST", HOME, credential(state, FIX->did, "jti", "\"\"")), 400,
           "needs an id");
    bent = str_of(usual(state));
    bent = arena_printf(CX->arena, "%.*s\"", STR(str_sub(bent, 0, bent.n - 5)));
    expect(node_ask(N, "POST", HOME, bent.p), 400, NULL);
    /* what nobody signed is no credential to keep */
    bent = arena_printf(CX->arena,
                        "{" CONTEXT "," TYPES ",\"id\":\"urn:1\",\"issuer\":\"%.*s\","
                        "\"issuanceDate\":\"2025-12-01T00:00:00Z\",\"credentialSubject\":{"
                        "\"id\":\"%.*s\"}}",
                        STR(FIX->did), STR(FIX->did));
    expect(node_ask(N, "POST", HOME, bent.p), 400, "LoadVC failed");
    assert_int_equal(held(state, HOME "/search"), 0);
    assert_int_equal(version(state), 0);
}

static void
refuses_after_the_end(void **state)
{
    const char *vc = usual(state);

    expect(node_ask(N, "DELETE", "/internal/vdr/v2/subject/hospital", NULL), 204, NULL);
    expect(node_ask(N, "POST", HOME, vc), 409, "LoadVC failed");
}

static void
knows_its_subjects(void **state)
{
    expect(node_ask(N, "GET", WALLET "nope/vc", NULL), 404,
           "GetCredentialsInWallet failed");
    expect(node_ask(N, "GET", WALLET "nope/vc/search", NULL), 404,
           "SearchCredentialsInWallet failed");
    expect(node_ask(N, "DELETE", WALLET "nope/vc/x", NULL), 404,
           "RemoveCredentialFromWallet failed");
    expect(node_ask(N, "DELETE", HOME "/nope", NULL), 404, NULL);
}

/* --- holding ------------------------------------------------------------------------ */

static void
holds_what_was_verified(void **state)
{
    const char *vc = usual(state), *other;
    const json *v;

    assert_int_equal(expect(node_ask(N, "POST", HOME, vc), 204, NULL).n, 0);
    assert_int_equal(N->told.event, AUDIT_WALLET_CHANGED);
    assert_true(str_is(N->told.custodian, "hospital"));
    assert_int_equal(version(state), 1);
    v = expect_json(N, node_ask(N, "GET", HOME, NULL), 200);
    assert_int_equal(json_size(v), 1);
    assert_true(str_eq(
        str_sub(str_of(vc), 1, strlen(vc) - 1),
        json_get_text(
            json_at(json_get(expect_json(N, node_ask(N, "GET", HOME "/search", NULL), 200),
                             "verifiableCredentials"),
                    0),
            "verifiableCredential")));
    /* the same again is fine and changes nothing; another under its id is a conflict */
    expect(node_ask(N, "POST", HOME, vc), 204, NULL);
    assert_int_equal(version(state), 1);
    other = credential(state, FIX->did, "exp", from_now(N, 7200));
    expect(node_ask(N, "POST", HOME, other), 409, "LoadVC failed");
    assert_int_equal(version(state), 1);
    assert_int_equal(held(state, HOME), 1);
    assert_int_equal(held(state, WALLET "gp/vc"), 0); /* each its own */
    expect(
        node_ask(N, "POST", HOME, credential(state, FIX->did, "jti", "\"" ISSUER "#2\"")),
        204, NULL);
    assert_int_equal(held(state, HOME), 2);
    assert_int_equal(version(state), 2);
}

/* Verified anew with each list: what ended, or whose issuer took its key back, is not
 * there. */
static void
lists_what_is_good_now(void **state)
{
    int64_t start = CX->now_ms;

    expect(node_ask(N, "POST", HOME, usual(state)), 204, NULL);
    expect(
        node_ask(N, "POST", HOME, credential(state, FIX->did, "jti", "\"" ISSUER "#2\"")),
        204, NULL);
    node_set_time(N, start + 3600 * 1000);
    assert_int_equal(held(state, HOME), 0);
    assert_int_equal(held(state, HOME "/search"), 2);
    node_set_time(N, start + 600 * 1000);
    assert_int_equal(held(state, HOME), 2);
    peer_publish(N, &FIX->issuer, "");
    node_set_time(N, start + 1200 * 1000);
    assert_int_equal(held(state, HOME), 0);
    N->page[0].fails = ERR_UPSTREAM;
    node_set_time(N, start + 1800 * 1000);
    assert_int_equal(held(state, HOME), 0);
    assert_int_equal(held(state, HOME "/search"), 2);
}

/* 13.1.5: in both forms of escaping. */
static void
takes_one_out(void **state)
{
    struct str target;

    expect(node_ask(N, "POST", HOME, usual(state)), 204, NULL);
    expect(node_ask(N, "DELETE", WALLET "gp/vc/" ISSUER "%231", NULL), 404, NULL);
    expect(node_ask(N, "DELETE", HOME "/" ISSUER "%231", NULL), 204, NULL);
    assert_int_equal(version(state), 2);
    expect(node_ask(N, "DELETE", HOME "/" ISSUER "%231", NULL), 404, NULL);
    assert_int_equal(version(state), 2);
    expect(node_ask(N, "POST", HOME, usual(state)), 204, NULL);
    target = S(HOME "/did%3Aweb%3Aissuer.example.net%231");
    expect(node_ask(N, "DELETE", target.p, NULL), 204, NULL);
    assert_int_equal(held(state, HOME "/search"), 0);
    assert_int_equal(version(state), 4);
}

static void
is_not_without_end(void **state)
{
    struct str id;
    json *v;

    for (int i = 0; i < WALLET_MAX; i++) {
        id = arena_printf(CX->arena, "\"" ISSUER "#n%d\"", i);
        assert_int_equal(json_parse(CX, str_of(credential(state, FIX->did, "jti", id.p)),
                                    JSON_STRICT, &v),
                         ERR_OK);
        assert_int_equal(wallet_load(CX, S("hospital"), v), ERR_OK);
    }
    expect(node_ask(N, "POST", HOME, usual(state)), 400, "at most 200");
    assert_int_equal(held(state, HOME "/search"), WALLET_MAX);
    expect(node_ask(N, "DELETE", HOME "/" ISSUER "%23n7", NULL), 204, NULL);
    expect(node_ask(N, "POST", HOME, usual(state)), 204, NULL);
}

/* In the order in which they came; with a verdict on each when that is asked. */
static void
gives_items_in_order(void **state)
{
    struct wallet_item *items;
    size_t n;

    expect(
        node_ask(N, "POST", HOME, credential(state, FIX->did, "jti", "\"" ISSUER "#b\"")),
        204, NULL);
    expect(
        node_ask(N, "POST", HOME, credential(state, FIX->did, "jti", "\"" ISSUER "#a\"")),
        204, NULL);
    assert_int_equal(wallet_list(CX, S("hospital"), false, &items, &n), ERR_OK);
    assert_int_equal(n, 2);
    assert_true(str_is(items[0].id, ISSUER "#b"));
    assert_true(str_is(items[1].id, ISSUER "#a"));
    assert_false(items[0].good); /* nobody looked */
    assert_int_equal(wallet_list(CX, S("hospital"), true, &items, &n), ERR_OK);
    assert_true(items[0].good && items[1].good);
    assert_int_equal(CX->refused, ERR_OK);
}

static void
survives_faults(void **state)
{
    const char *vc = usual(state);

    node_survives(N, "POST", HOME, vc, 204);
    node_survives(N, "GET", HOME, NULL, 200);
    node_survives(N, "GET", HOME "/search", NULL, 200);
    node_survives(N, "DELETE", HOME "/nope", NULL, 404);
    /* a list is whole, or it is refused */
    for (long i = 1; i < 20; i++) {
        struct str reply;

        store_fail_at(i);
        reply = node_ask(N, "GET", HOME, NULL);
        store_fail_at(0);
        if (reply_status(reply) == 200)
            assert_true(str_has(reply, "\r\n\r\n[\"eyJ"));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_what_is_another_s),
        TEST(refuses_what_is_not_good),
        TEST(refuses_after_the_end),
        TEST(knows_its_subjects),
        TEST(holds_what_was_verified),
        TEST(lists_what_is_good_now),
        TEST(takes_one_out),
        TEST(is_not_without_end),
        TEST(gives_items_in_order),
        TEST(survives_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
