/*
 * vp_test.c - presentations as JWT: who signed, for whom, once; and what is in
 * them. EUPL-1.2.
 */
#include "trust/vc/vc_kit.h"

struct fix {
    struct node *n;
    struct peer issuer, holder, other;
    struct str vc; /* a good one, as a JSON text */
};
#define FIX ((struct fix *)*state)
#define N   (FIX->n)
#define CX  (&N->t.cx)

static int
setup(void **state)
{
    struct fix *f = calloc(1, sizeof(*f));
    struct str jwt;

    f->n = vc_node();
    *state = f;
    peer_new(f->n, ISSUER, &f->issuer);
    peer_new(f->n, HOLDER, &f->holder);
    peer_new(f->n, OTHER, &f->other);
    jwt = peer_sign(f->n, &f->issuer, NULL, vc_with(f->n, NULL, NULL).p);
    f->vc = arena_printf(&f->n->t.arena, "\"%.*s\"", STR(jwt));
    assert_non_null(f->vc.p);
    return 0;
}

static int
teardown(void **state)
{
    peer_end(&FIX->issuer);
    peer_end(&FIX->holder);
    peer_end(&FIX->other);
    node_close(N);
    free(FIX);
    return 0;
}

static const struct vp_options usual = { .audience = S_INIT(AUDIENCE),
                                         .nonce = S_INIT("n-1") };

static err_t
verify(void **state, struct str jwt, const struct vp_options *how, struct vp *vp)
{
    struct vp_raw raw;
    err_t e;

    refuse_clear(CX);
    if ((e = vp_parse(CX, jwt, &raw)) != ERR_OK)
        return e;
    e = vp_verify(CX, &raw, how, vp);
    if (e != ERR_OK)
        assert_null(vp->raw);
    else
        vp->raw = NULL; /* it stood in this function */
    return e;
}

static err_t
by_holder(void **state, const char *credentials, const char *name, const char *value)
{
    struct vp vp;

    return verify(state,
                  peer_sign(N, &FIX->holder, NULL, vp_with(N, credentials, name, value).p),
                  &usual, &vp);
}

static void
wants(void **state, const char *name, const char *value, err_t want)
{
    err_t e = by_holder(state, FIX->vc.p, name, value);

    if (e != want)
        fail_msg("%s = %s: %s %.*s", name, value ? value : "(absent)", err_row(e)->name,
                 STR(CX->reason));
}

static void
holds(void **state, const char *credentials, err_t want)
{
    err_t e = by_holder(state, credentials, NULL, NULL);

    if (e != want)
        fail_msg("%.200s: %s %.*s", credentials, err_row(e)->name, STR(CX->reason));
}

/* --- the presentation itself -------------------------------------------------------- */

/* iss, sub and holder name who signed, where they are there. */
static void
ties_the_holder_to_the_key(void **state)
{
    struct str claims = vp_with(N, FIX->vc.p, NULL, NULL);
    struct vp vp;

    wants(state, "iss", "\"" OTHER "\"", ERR_VP_HOLDER);
    wants(state, "sub", "\"" OTHER "\"", ERR_VP_HOLDER);
    wants(state, "iss", "7", ERR_VC_FORMAT);
    wants(state, "iss", NULL, ERR_OK); /* v6.2 sends none */
    wants(state, "sub", NULL, ERR_OK);
#define HELD(by) "{" CONTEXT ",\"type\":\"VerifiablePresentation\",\"holder\":" by "}"
    wants(state, "vp", HELD("\"" OTHER "\""), ERR_VP_HOLDER);
    wants(state, "vp", HELD("7"), ERR_VP_HOLDER);
    wants(state, "vp", HELD("{\"id\":\"" OTHER "\"}"), ERR_VP_HOLDER);
    wants(state, "vp", HELD("{\"id\":\"" HOLDER "\"}"), ERR_OK);
    /* another signs */
    assert_int_equal(verify(state, peer_sign(N, &FIX->other, NULL, claims.p), &usual, &vp),
                     ERR_VP_HOLDER);
    assert_int_equal(
        verify(state,
               peer_sign(N, &FIX->other, "{\"alg\":\"ES256\",\"kid\":\"" HOLDER "#k\"}",
                         claims.p),
               &usual, &vp),
        ERR_VC_PROOF);
    assert_int_equal(verify(state,
                            peer_sign(N, &FIX->holder,
                                      "{\"alg\":\"ES256\",\"kid\":\"urn:x#k\"}", claims.p),
                            &usual, &vp),
                     ERR_VP_HOLDER);
    assert_int_equal(verify(state,
                            peer_sign(N, &FIX->holder, "{\"alg\":\"ES256\"}", claims.p),
                            &usual, &vp),
                     ERR_VC_KID);
    assert_int_equal(
        verify(state,
               peer_sign(N, &FIX->holder,
                         "{\"alg\":\"ES256\",\"kid\":\"" HOLDER "#k\",\"typ\":\"vc+jwt\"}",
                         claims.p),
               &usual, &vp),
        ERR_VP_FORMAT);
}

static void
asks_for_an_authentication_key(void **state)
{
    static const struct {
        const char *relations;
        err_t want;
    } rows[] = {
        { ",\"assertionMethod\":[\"#k\"]", ERR_DID_KEY },
        { "", ERR_DID_KEY },
        { ",\"authentication\":[\"#k\"]", ERR_OK },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        peer_publish(N, &FIX->holder, rows[i].relations);
        N->page[1].max_age_ms = 0;
        holds(state, FIX->vc.p, rows[i].want);
    }
}

static void
is_for_one_verifier_once(void **state)
{
    static const struct {
        const char *name, *value;
        err_t want;
    } rows[] = {
        { "aud", NULL, ERR_VP_AUDIENCE },
        { "aud", "[]", ERR_VP_AUDIENCE },
        { "aud", "7", ERR_VP_AUDIENCE },
        { "aud", "\"https://verifier.example.net/oauth2/\"", ERR_VP_AUDIENCE },
        { "aud", "\"" AUDIENCE "/\"", ERR_VP_AUDIENCE },
        { "aud", "\"HTTPS://verifier.example.net/oauth2/x\"", ERR_VP_AUDIENCE },
        { "aud", "[[\"" AUDIENCE "\"]]", ERR_VP_AUDIENCE },
        { "aud", "\"" AUDIENCE "\"", ERR_OK },
        { "aud", "[\"https://else.example\",\"" AUDIENCE "\"]", ERR_OK },
        { "nonce", NULL, ERR_VP_NONCE },
        { "nonce", "1", ERR_VP_NONCE },
        { "nonce", "\"n-2\"", ERR_VP_NONCE },
        { "nonce", "\"n-1 \"", ERR_VP_NONCE },
        { "nonce", "[\"n-1\"]", ERR_VP_NONCE },
        { "nonce", "\"\"", ERR_VP_NONCE },
    };
    struct vp_options none = { .skip_credentials = false };
    struct vp vp;

    for (size_t i = 0; i < COUNT(rows); i++)
        wants(state, rows[i].name, rows[i].value, rows[i].want);
    /* not asked: not looked at */
    assert_int_equal(
        verify(state,
               peer_sign(N, &FIX->holder, NULL, vp_with(N, FIX->vc.p, "aud", NULL).p),
               &none, &vp),
        ERR_OK);
}

static void
keeps_time(void **state)
{
    wants(state, "exp", from_now(N, 0), ERR_VP_TIME);
    wants(state, "exp", from_now(N, 0.001), ERR_OK);
    wants(state, "exp", "\"soon\"", ERR_VC_TIME);
    wants(state, "nbf", from_now(N, 5.001), ERR_VP_TIME);
    wants(state, "nbf", from_now(N, 3.9), ERR_OK);
    wants(state, "nbf", from_now(N, 4.5), ERR_VP_TIME); /* behind its own end */
    wants(state, "nbf", "null", ERR_VC_TIME);
    wants(state, "iat", from_now(N, 5.001), ERR_VP_TIME);
    wants(state, "iat", from_now(N, 5), ERR_OK);
}

static void
refuses_what_is_no_presentation(void **state)
{
    static const char *const bad[] = {
        "[]",
        "\"x\"",
        "null",
        "{}",
        "{\"type\":\"Presentation\"}",
        "{\"type\":[]}",
        "{\"type\":[\"VerifiablePresentation\",7]}",
        "{\"type\":\"VerifiablePresentation\",\"proof\":{}}",
        "{\"type\":\"VerifiablePresentation\",\"verifiableCredential\":7}",
        "{\"type\":\"VerifiablePresentation\",\"verifiableCredential\":null}",
    };
    struct vp_raw raw;
    struct buf b;
    struct str many;

    for (size_t i = 0; i < COUNT(bad); i++) {
        err_t e = by_holder(state, "[]", "vp", bad[i]);

        if (e != ERR_VP_FORMAT && e != ERR_VC_FORMAT)
            fail_msg("%s: %s", bad[i], err_row(e)->name);
    }
    wants(state, "vp", NULL, ERR_VP_FORMAT);
    wants(state, "vc", "{}", ERR_VP_FORMAT);
    assert_int_equal(vp_parse(CX, S("nope"), &raw), ERR_VC_JWT);
    buf_init(&b, CX->arena);
    for (int i = 0; i < VP_CREDENTIALS_MAX + 1; i++)
        buf_printf(&b, "%c%.*s", i ? ',' : '[', STR(FIX->vc));
    buf_c(&b, ']');
    assert_int_equal(buf_done(CX, &b, &many), ERR_OK);
    holds(state, many.p, ERR_VP_FORMAT);
    { /* long, though sound */
        char *pad = arena_alloc(CX->arena, VP_TEXT_MAX);

        assert_non_null(pad);
        memset(pad, 'a', VP_TEXT_MAX - 1);
        pad[0] = pad[VP_TEXT_MAX - 2] = '"';
        wants(state, "pad", pad, ERR_VC_JWT);
    }
}

/* --- what is in it ------------------------------------------------------------------ */

static const char *
credential(void **state, const struct peer *by, const char *name, const char *value)
{
    struct str jwt = peer_sign(N, by, NULL, vc_with(N, name, value).p), text;

    text = arena_printf(CX->arena, "\"%.*s\"", STR(jwt));
    assert_non_null(text.p);
    return text.p;
}

static void
verifies_each_credential(void **state)
{
    struct str two;
    struct vp vp;

    holds(state, credential(state, &FIX->issuer, "exp", from_now(N, 0)), ERR_VC_TIME);
    holds(state, credential(state, &FIX->other, NULL, NULL), ERR_VC_ISSUER);
    holds(state,
          credential(state, &FIX->issuer, "vc", VC(",\"credentialStatus\":{\"id\":\"x\"}")),
          ERR_VC_STATUS);
    holds(state, "[\"x\"]", ERR_VC_JWT);
    holds(state, "[7]", ERR_VC_FORMAT);
    two = arena_printf(CX->arena, "[%.*s,%s]", STR(FIX->vc),
                       credential(state, &FIX->issuer, "exp", from_now(N, 0)));
    holds(state, two.p, ERR_VC_TIME);
    two = arena_printf(CX->arena, "[%.*s,%.*s]", STR(FIX->vc), STR(FIX->vc));
    holds(state, two.p, ERR_OK);
    holds(state, "[]", ERR_OK);
    /* the caller's choice */
    assert_int_equal(
        verify(state,
               peer_sign(N, &FIX->holder, NULL,
                         vp_with(N, credential(state, &FIX->issuer, "exp", from_now(N, 0)),
                                 NULL, NULL)
                             .p),
               &(struct vp_options){ .skip_credentials = true }, &vp),
        ERR_OK);
    assert_int_equal(vp.count, 0);
    assert_true(str_is(vp.holder, HOLDER));
}

#define OWN(more)                                                                          \
    "{" CONTEXT ",\"type\":[\"VerifiableCredential\"],\"issuer\":\"" HOLDER                \
    "\",\"issuanceDate\":\"2025-12-01T00:00:00Z\"," more "}"
#define ABOUT(did) "\"credentialSubject\":{\"id\":\"" did "\",\"name\":\"A\"}"

/* nuts-node.md 3.9: without a proof only what the presenter says of himself. */
static void
takes_the_holders_own_word_as_his_own(void **state)
{
    struct vp vp;

    holds(state, "[" OWN(ABOUT(HOLDER)) "]", ERR_OK);
    holds(state, OWN("\"credentialSubject\":{\"name\":\"A\"}"), ERR_OK);
    holds(state, OWN(ABOUT(OTHER)), ERR_VC_PROOF);
    holds(state,
          "{" CONTEXT ",\"type\":[\"VerifiableCredential\"],\"issuer\":\"" OTHER
          "\",\"issuanceDate\":\"2025-12-01T00:00:00Z\"," ABOUT(HOLDER) "}",
          ERR_VC_PROOF);
    holds(state,
          "{" CONTEXT ",\"type\":[\"VerifiableCredential\"],"
          "\"issuanceDate\":\"2025-12-01T00:00:00Z\"," ABOUT(HOLDER) "}",
          ERR_VC_PROOF);
    holds(state, OWN(ABOUT(HOLDER) ",\"proof\":{}"), ERR_UNSUPPORTED);
    holds(state, OWN(ABOUT(HOLDER) ",\"expirationDate\":\"2026-01-01T00:00:00Z\""),
          ERR_VC_TIME);
    holds(state, OWN(ABOUT(HOLDER) ",\"validFrom\":\"2026-01-01T00:00:06Z\""), ERR_VC_TIME);
    holds(state, OWN(ABOUT(HOLDER) ",\"credentialStatus\":[]"), ERR_VC_STATUS);
    holds(state,
          "{" CONTEXT ",\"type\":[\"VerifiableCredential\",\"X509Credential\"],"
          "\"issuer\":\"" HOLDER
          "\",\"issuanceDate\":\"2025-12-01T00:00:00Z\"," ABOUT(HOLDER) "}",
          ERR_VC_PROOF);
    holds(state,
          "{" CONTEXT ",\"type\":[\"VerifiableCredential\",\"NutsOrganizationCredential\"],"
          "\"issuer\":\"" HOLDER
          "\",\"issuanceDate\":\"2025-12-01T00:00:00Z\"," ABOUT(HOLDER) "}",
          ERR_VC_SUBJECT);
    assert_int_equal(verify(state,
                            peer_sign(N, &FIX->holder, NULL,
                                      vp_with(N, OWN(ABOUT(HOLDER)), NULL, NULL).p),
                            &usual, &vp),
                     ERR_OK);
    assert_int_equal(vp.count, 1);
    assert_true(vp.credentials[0].self_attested);
}

static void
asks_about_the_moment_that_is_given(void **state)
{
    struct str jwt = peer_sign(N, &FIX->holder, NULL, vp_with(N, FIX->vc.p, NULL, NULL).p);
    struct vp_options how = usual;
    int64_t start = CX->now_ms;
    struct vp vp;

    node_set_time(N, start + 86400000);
    assert_int_equal(verify(state, jwt, &how, &vp), ERR_VP_TIME);
    how.vc.at_ms = start;
    assert_int_equal(verify(state, jwt, &how, &vp), ERR_OK);
    how.vc.at_ms = start + 3600000;
    assert_int_equal(verify(state, jwt, &how, &vp), ERR_VP_TIME);
    /* documents are those of now, and are kept no longer for what was asked */
    how.vc.at_ms = start;
    node_set_time(N, start + 2 * INT64_C(86400000));
    N->asked = 0;
    N->page[1].status = 404;
    assert_int_equal(verify(state, jwt, &how, &vp), ERR_DID_NOT_FOUND);
    assert_true(N->asked > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_what_is_no_presentation),
        TEST(ties_the_holder_to_the_key),
        TEST(asks_for_an_authentication_key),
        TEST(is_for_one_verifier_once),
        TEST(keeps_time),
        TEST(verifies_each_credential),
        TEST(takes_the_holders_own_word_as_his_own),
        TEST(asks_about_the_moment_that_is_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
