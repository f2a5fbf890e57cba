/*
 * vc_test.c - credentials as JWT: what is refused, clause by clause; then what
 * is taken. Issuers are did:webs on a pretended web. EUPL-1.2.
 */
#include "trust/vc/vc_kit.h"

struct fix {
    struct node *n;
    struct peer issuer, other;
};
#define FIX ((struct fix *)*state)
#define N   (FIX->n)
#define CX  (&N->t.cx)

static int
setup(void **state)
{
    struct fix *f = calloc(1, sizeof(*f));

    f->n = vc_node();
    *state = f;
    peer_new(f->n, ISSUER, &f->issuer);
    peer_new(f->n, OTHER, &f->other);
    return 0;
}

static int
teardown(void **state)
{
    peer_end(&FIX->issuer);
    peer_end(&FIX->other);
    node_close(N);
    free(FIX);
    return 0;
}

static err_t
verify(void **state, struct str jwt)
{
    struct vc_raw raw;
    struct vc vc;
    err_t e;

    refuse_clear(CX);
    if ((e = vc_parse(CX, jwt, &raw)) == ERR_OK)
        e = vc_verify(CX, &raw, NULL, &vc);
    if (e == ERR_OK) {
        assert_true(str_eq(vc.issuer, raw.issuer));
        assert_false(vc.self_attested);
    }
    return e;
}

static err_t
signed_with(void **state, const char *header, struct str claims)
{
    return verify(state, peer_sign(N, &FIX->issuer, header, claims.p));
}

static void
wants(void **state, const char *name, const char *value, err_t want)
{
    err_t e = signed_with(state, NULL, vc_with(N, name, value));

    if (e != want)
        fail_msg("%s = %s: %s %.*s", name, value ? value : "(absent)", err_row(e)->name,
                 STR(CX->reason));
}

/* --- claims ------------------------------------------------------------------------ */

static void
takes_a_sound_one(void **state)
{
    struct vc_raw raw;
    struct str jwt = peer_sign(N, &FIX->issuer, NULL, vc_with(N, NULL, NULL).p);

    assert_int_equal(verify(state, jwt), ERR_OK);
    assert_int_equal(vc_parse(CX, jwt, &raw), ERR_OK);
    assert_true(str_is(raw.issuer, ISSUER));
    assert_true(str_is(raw.subject, HOLDER));
    assert_true(str_is(raw.id, ISSUER "#1"));
    assert_true(str_is(vc_type(&raw), "NutsUraCredential"));
    assert_true(vc_has_type(&raw, S("VerifiableCredential")));
    assert_false(vc_has_type(&raw, S("X509Credential")));
    assert_true(raw.from.there && raw.from.ms == CX->now_ms - 3600000);
    assert_true(raw.until.there && raw.until.ms == CX->now_ms + 3600000);
}

/* VC Data Model 1.1 6.3.1: iss is the DID of kid, and vc.issuer where that is there. */
static void
ties_the_issuer_to_the_key(void **state)
{
    wants(state, "iss", NULL, ERR_VC_ISSUER);
    wants(state, "iss", "\"" OTHER "\"", ERR_VC_ISSUER);
    wants(state, "iss", "\"" ISSUER "#k\"", ERR_VC_ISSUER);
    wants(state, "iss", "\"\"", ERR_VC_ISSUER);
    wants(state, "iss", "1", ERR_VC_FORMAT);
    wants(state, "iss", "[\"" ISSUER "\"]", ERR_VC_FORMAT);
    wants(state, "vc", VC(",\"issuer\":\"" OTHER "\""), ERR_VC_ISSUER);
    wants(state, "vc", VC(",\"issuer\":{\"id\":\"" OTHER "\"}"), ERR_VC_ISSUER);
    wants(state, "vc", VC(",\"issuer\":{}"), ERR_VC_FORMAT);
    wants(state, "vc", VC(",\"issuer\":7"), ERR_VC_FORMAT);
    wants(state, "vc", VC(",\"issuer\":\"" ISSUER "\""), ERR_OK);
    wants(state, "vc", VC(",\"issuer\":{\"id\":\"" ISSUER "\",\"name\":\"x\"}"), ERR_OK);
}

/* The same in version 1.1 without iss: vc.issuer alone names nobody. */
static void
asks_for_iss(void **state)
{
    static const char iss[] = "\"iss\":\"" ISSUER "\",";
    struct str claims = vc_with(N, "vc", VC(",\"issuer\":\"" ISSUER "\""));
    char *at = strstr((char *)(uintptr_t)claims.p, iss);

    assert_int_equal(signed_with(state, NULL, claims), ERR_OK);
    assert_non_null(at);
    memmove(at, at + strlen(iss), strlen(at + strlen(iss)) + 1);
    assert_int_equal(signed_with(state, NULL, str_of(claims.p)), ERR_VC_ISSUER);
}

static void
ties_id_and_subject(void **state)
{
    wants(state, "jti", "1", ERR_VC_FORMAT);
    wants(state, "vc", VC(",\"id\":\"" ISSUER "#2\""), ERR_VC_FORMAT);
    wants(state, "vc", VC(",\"id\":{}"), ERR_VC_FORMAT);
    wants(state, "vc", VC(",\"id\":\"" ISSUER "#1\""), ERR_OK);
    wants(state, "sub", "\"" OTHER "\"", ERR_VC_FORMAT);
    wants(state, "sub", "1", ERR_VC_FORMAT);
    wants(state, "sub", "{\"id\":7}", ERR_VC_FORMAT);
    wants(state, "sub", NULL, ERR_OK);
    wants(state, "jti", NULL, ERR_OK);
}

/* exp is past at now = exp; 5 s of skew for what lies ahead; a date is a number. */
static void
keeps_time(void **state)
{
    static const char *const none[] = { "\"1767225600\"", "null", "true", "{}", "[]" };
    static const char *const dates[] = { "nbf", "exp", "iat" };

    for (size_t i = 0; i < COUNT(dates); i++)
        for (size_t k = 0; k < COUNT(none); k++)
            wants(state, dates[i], none[k], ERR_VC_TIME);
    wants(state, "exp", from_now(N, 0), ERR_VC_TIME);
    wants(state, "exp", from_now(N, -1), ERR_VC_TIME);
    wants(state, "exp", from_now(N, 0.5), ERR_OK);
    wants(state, "exp", "-1", ERR_VC_TIME);
    wants(state, "exp", "1e20", ERR_OK);
    wants(state, "nbf", from_now(N, 5), ERR_OK);
    wants(state, "nbf", from_now(N, 5.1), ERR_VC_TIME);
    wants(state, "nbf", "1e20", ERR_VC_TIME);
    wants(state, "iat", from_now(N, 5), ERR_OK);
    wants(state, "iat", from_now(N, 6), ERR_VC_TIME);
    wants(state, "nbf", NULL, ERR_VC_FORMAT); /* nor any other date of issuance */
    assert_int_equal(
        signed_with(state, NULL,
                    claims_with(N,
                                (const struct claim[]){ { "iss", "\"" ISSUER "\"" },
                                                        { "iat", from_now(N, -1) },
                                                        { "vc", VC("") } },
                                3, NULL)),
        ERR_OK);
    /* members beside the claims make it narrower, never wider */
    wants(state, "vc", VC(",\"issuanceDate\":\"2026-01-01T00:00:06Z\""), ERR_VC_TIME);
    wants(state, "vc", VC(",\"validFrom\":\"2026-01-01T00:00:06Z\""), ERR_VC_TIME);
    wants(state, "vc", VC(",\"expirationDate\":\"2026-01-01T00:00:00Z\""), ERR_VC_TIME);
    wants(state, "vc", VC(",\"validUntil\":\"2026-01-01T00:00:00Z\""), ERR_VC_TIME);
    wants(state, "vc", VC(",\"expirationDate\":\"soon\""), ERR_VC_TIME);
    wants(state, "vc", VC(",\"issuanceDate\":1767225600"), ERR_VC_TIME);
    wants(state, "vc", VC(",\"issuanceDate\":\"2025-06-01T00:00:00Z\""), ERR_OK);
    wants(state, "exp", from_now(N, -7200), ERR_VC_TIME);
}

static void
refuses_what_is_no_credential(void **state)
{
    static const char *const bad[] = {
        "[]",
        "\"x\"",
        "null",
        "{}",
        "{" TYPES "," SUBJECT "}",
        "{\"@context\":\"https://else.example\"," TYPES "," SUBJECT "}",
        "{\"@context\":[\"" V2 "\"]," TYPES "," SUBJECT "}",
        "{" CONTEXT "," SUBJECT "}",
        "{" CONTEXT ",\"type\":[]," SUBJECT "}",
        "{" CONTEXT ",\"type\":[\"Verifiable\"]," SUBJECT "}",
        "{" CONTEXT ",\"type\":[\"VerifiableCredential\",7]," SUBJECT "}",
        "{" CONTEXT ",\"type\":{\"VerifiableCredential\":1}," SUBJECT "}",
        "{" CONTEXT "," TYPES "}",
        "{" CONTEXT "," TYPES ",\"credentialSubject\":[]}",
        "{" CONTEXT "," TYPES ",\"credentialSubject\":\"x\"}",
        "{" CONTEXT "," TYPES ",\"credentialSubject\":[\"x\"]}",
        "{" CONTEXT "," TYPES ",\"credentialSubject\":[{\"id\":7}]}",
        "{" CONTEXT "," TYPES ",\"credentialSubject\":[{\"id\":\"" HOLDER
        "\"},{\"id\":\"" OTHER "\"}]}",
        VC(",\"proof\":{}"),
    };

    for (size_t i = 0; i < COUNT(bad); i++)
        wants(state, "vc", bad[i], ERR_VC_FORMAT);
    wants(state, "vc", NULL, ERR_VC_FORMAT);
    wants(state, "vp", "{}", ERR_VC_FORMAT);
}

/* A status that nobody looked at is not "good" (issue 2.2). */
static void
refuses_a_status_that_it_cannot_verify(void **state)
{
    static const char *const any[] = { "{\"id\":\"x\",\"type\":\"StatusList2021Entry\"}",
                                       "[]", "null", "\"x\"", "{}" };
    struct str text;

    for (size_t i = 0; i < COUNT(any); i++) {
        text = arena_printf(CX->arena, VC(",\"credentialStatus\":%s"), any[i]);
        wants(state, "vc", text.p, ERR_VC_STATUS);
    }
}

/* --- the JWT ------------------------------------------------------------------------ */

static void
refuses_what_is_no_jwt(void **state)
{
    struct str good = peer_sign(N, &FIX->issuer, NULL, vc_with(N, NULL, NULL).p), text;
    struct str rest = good, head = str_cut(&rest, '.'), body = str_cut(&rest, '.');
    static const char *const bad[] = { "", "nope", "a.b", "..", "a..b", ".a.b", "a.b." };
    struct vc_raw raw;
    char *big;

    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(vc_parse(CX, str_of(bad[i]), &raw), ERR_VC_JWT);
#define MADE(...)                                                                          \
    (text = arena_printf(CX->arena, __VA_ARGS__), assert_non_null(text.p),                 \
     refuse_clear(CX), verify(state, text))
    assert_int_equal(MADE("%.*s.x", STR(good)), ERR_VC_JWT);
    assert_int_not_equal(MADE("%.*s=", STR(good)), ERR_OK);
    assert_int_not_equal(MADE(" %.*s", STR(good)), ERR_OK);
    assert_int_not_equal(MADE("%.*s\n", STR(good)), ERR_OK);
    assert_int_equal(MADE("%.*s=.%.*s.%.*s", STR(head), STR(body), STR(rest)), ERR_VC_JWT);
    assert_int_equal(MADE("%.*s.%.*s=.%.*s", STR(head), STR(body), STR(rest)), ERR_VC_JWT);
#undef MADE
    assert_int_equal(signed_with(state, NULL, S("[]")), ERR_VC_JWT);
    assert_int_equal(signed_with(state, NULL, S("\"x\"")), ERR_VC_JWT);
    assert_int_equal(signed_with(state, NULL, S("{\"iss\":\"a\",\"iss\":\"a\"}")),
                     ERR_VC_JWT);
    /* long, though sound */
    big = arena_alloc(CX->arena, VC_TEXT_MAX);
    assert_non_null(big);
    memset(big, 'a', VC_TEXT_MAX - 1);
    big[0] = big[VC_TEXT_MAX - 2] = '"';
    wants(state, "pad", big, ERR_VC_JWT);
    big[VC_TEXT_MAX / 2] = '"';
    big[VC_TEXT_MAX / 2 + 1] = '\0';
    wants(state, "pad", big, ERR_OK);
}

/* The header chooses a key of the issuer's document, and nothing else. */
static void
refuses_headers(void **state)
{
    struct str claims = vc_with(N, NULL, NULL), header, jwk;
    static const struct {
        const char *header;
        err_t want;
    } rows[] = {
        { "{\"alg\":\"ES256\"}", ERR_VC_KID },
        { "{\"alg\":\"ES256\",\"kid\":7}", ERR_VC_KID },
        { "{\"alg\":\"ES256\",\"kid\":\"\"}", ERR_VC_ISSUER },
        { "{\"alg\":\"ES256\",\"kid\":\"k\"}", ERR_VC_ISSUER },
        { "{\"alg\":\"ES256\",\"kid\":\"#k\"}", ERR_VC_ISSUER },
        { "{\"alg\":\"ES256\",\"kid\":\"" OTHER "#k\"}", ERR_VC_ISSUER },
        { "{\"alg\":\"ES256\",\"kid\":\"" ISSUER "\"}", ERR_DID_KEY },
        { "{\"alg\":\"ES256\",\"kid\":\"" ISSUER "#l\"}", ERR_DID_KEY },
        { "{\"alg\":\"ES256\",\"kid\":\"" ISSUER "#k\",\"crit\":[\"x\"],\"x\":1}",
          ERR_JOSE },
        { "{\"alg\":\"ES256\",\"kid\":\"" ISSUER "#k\",\"typ\":\"vc+jwt\"}",
          ERR_VC_FORMAT },
        { "{\"alg\":\"ES256\",\"kid\":\"" ISSUER "#k\",\"typ\":\"application/VC+JWT\"}",
          ERR_VC_FORMAT },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str jwt, key;
        err_t e;

        if (rows[i].want != ERR_JOSE) {
            e = signed_with(state, rows[i].header, claims);
        } else { /* what our own signing refuses to put there */
            struct str good = peer_sign(N, &FIX->issuer, NULL, claims.p), rest = good;

            (void)str_cut(&rest, '.');
            assert_int_equal(b64url(CX, bytes_of(str_of(rows[i].header)), &key), ERR_OK);
            jwt = arena_printf(CX->arena, "%.*s.%.*s", STR(key), STR(rest));
            e = verify(state, jwt) == ERR_VC_PROOF ? ERR_JOSE : ERR_OK;
        }
        if (e != rows[i].want)
            fail_msg("%s: %s", rows[i].header, err_row(e)->name);
    }
    /* another's key in the header, and his signature */
    assert_int_equal(jwk_text(CX, FIX->other.key, S(""), &jwk), ERR_OK);
    header = arena_printf(
        CX->arena, "{\"alg\":\"ES256\",\"kid\":\"" ISSUER "#k\",\"jwk\":%.*s}", STR(jwk));
    assert_int_equal(verify(state, peer_sign(N, &FIX->other, header.p, claims.p)),
                     ERR_VC_PROOF);
    assert_int_equal(verify(state, peer_sign(N, &FIX->issuer, header.p, claims.p)), ERR_OK);
}

static void
refuses_signatures_that_do_not_hold(void **state)
{
    struct str claims = vc_with(N, NULL, NULL), head, body, rest, none, swapped;

    rest = peer_sign(N, &FIX->issuer, NULL, claims.p);
    head = str_cut(&rest, '.');
    body = str_cut(&rest, '.');
    swapped = peer_sign(N, &FIX->issuer, NULL, vc_with(N, "jti", "\"" ISSUER "#9\"").p);
    (void)str_cut(&swapped, '.');
    swapped = str_cut(&swapped, '.');
    assert_int_equal(verify(state, arena_printf(CX->arena, "%.*s.%.*s.%.*s", STR(head),
                                                STR(swapped), STR(rest))),
                     ERR_VC_PROOF);
    assert_int_equal(
        b64url(CX, bytes_of(S("{\"alg\":\"none\",\"kid\":\"" ISSUER "#k\"}")), &none),
        ERR_OK);
    assert_int_equal(verify(state, arena_printf(CX->arena, "%.*s.%.*s.%.*s", STR(none),
                                                STR(body), STR(rest))),
                     ERR_VC_PROOF);
    assert_int_equal(
        verify(state, peer_sign(N, &FIX->other,
                                "{\"alg\":\"ES256\",\"kid\":\"" ISSUER "#k\"}", claims.p)),
        ERR_VC_PROOF);
}

/* One row per kind of key: what it may sign with. */
static void
takes_algorithms_by_key(void **state)
{
    static const struct {
        enum key_type type;
        const char *alg;
        err_t want;
    } rows[] = {
        { KEY_P256, "ES256", ERR_OK },      { KEY_P384, "ES384", ERR_OK },
        { KEY_P521, "ES512", ERR_OK },      { KEY_SECP256K1, "ES256K", ERR_OK },
        { KEY_ED25519, "EdDSA", ERR_OK },   { KEY_RSA, "PS256", ERR_OK },
        { KEY_RSA, "RS256", ERR_OK },       { KEY_RSA, "PS384", ERR_VC_PROOF },
        { KEY_RSA, "PS512", ERR_VC_PROOF }, { KEY_RSA, "RS384", ERR_VC_PROOF },
        { KEY_RSA, "RS512", ERR_VC_PROOF },
    };
    struct str claims = vc_with(N, NULL, NULL), header;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct peer p = FIX->issuer;

        if (i == 0 || rows[i].type != rows[i - 1].type) {
            key_drop(&FIX->issuer.key);
            assert_int_equal(key_generate(CX, rows[i].type, &FIX->issuer.key), ERR_OK);
        }
        p.key = FIX->issuer.key;
        assert_int_equal(jwk_text(CX, p.key, S(""), &p.jwk), ERR_OK);
        peer_publish(N, &p, ",\"assertionMethod\":[\"" ISSUER "#k\"]");
        N->page[0].max_age_ms = 0;
        header = arena_printf(CX->arena, "{\"alg\":\"%s\",\"kid\":\"" ISSUER "#k\"}",
                              rows[i].alg);
        assert_int_equal(verify(state, peer_sign(N, &p, header.p, claims.p)), rows[i].want);
    }
}

/* --- the issuer's document ---------------------------------------------------------- */

static void
asks_the_document_for_an_assertion_key(void **state)
{
    static const struct {
        const char *relations;
        err_t want;
    } rows[] = {
        { "", ERR_DID_KEY },
        { ",\"authentication\":[\"#k\"]", ERR_DID_KEY },
        { ",\"capabilityInvocation\":[\"#k\"],\"keyAgreement\":[\"#k\"]", ERR_DID_KEY },
        { ",\"assertionMethod\":[\"#k\"]", ERR_OK },
    };
    struct str claims = vc_with(N, NULL, NULL), jwk = FIX->issuer.jwk;

    for (size_t i = 0; i < COUNT(rows); i++) {
        peer_publish(N, &FIX->issuer, rows[i].relations);
        N->page[0].max_age_ms = 0;
        assert_int_equal(signed_with(state, NULL, claims), rows[i].want);
    }
    /* a key for another use, or another algorithm (RFC 7517 4.2, 4.3, 4.4) */
    for (size_t i = 0; i < 3; i++) {
        static const char *const more[] = { "\"use\":\"enc\"", "\"key_ops\":[\"encrypt\"]",
                                            "\"alg\":\"ES384\"" };

        FIX->issuer.jwk =
            arena_printf(CX->arena, "{%s,%.*s", more[i], STR(str_sub(jwk, 1, jwk.n)));
        peer_publish(N, &FIX->issuer, ",\"assertionMethod\":[\"#k\"]");
        N->page[0].max_age_ms = 0;
        assert_int_equal(signed_with(state, NULL, claims), ERR_VC_PROOF);
    }
    N->page[0].status = 404;
    assert_int_equal(signed_with(state, NULL, claims), ERR_DID_NOT_FOUND);
}

/* --- version 2.0 -------------------------------------------------------------------- */

#define V2_HEAD "{\"alg\":\"ES256\",\"kid\":\"" ISSUER "#k\",\"typ\":\"vc+jwt\"}"

static err_t
version_2(void **state, const char *name, const char *value)
{
    const struct claim usual[] = { { "@context", "[\"" V2 "\",\"https://x.example\"]" },
                                   { "type", "[\"VerifiableCredential\"]" },
                                   { "issuer", "\"" ISSUER "\"" },
                                   { "validFrom", "\"2025-12-31T00:00:00Z\"" },
                                   { "validUntil", "\"2026-02-01T00:00:00+01:00\"" },
                                   { "credentialSubject", "{\"id\":\"" HOLDER "\"}" } };

    return signed_with(state, V2_HEAD,
                       claims_with(N, usual, COUNT(usual), &(struct claim){ name, value }));
}

static void
reads_version_2(void **state)
{
    static const struct {
        const char *name, *value;
        err_t want;
    } rows[] = {
        { NULL, NULL, ERR_OK },
        { "validFrom", NULL, ERR_OK },
        { "iss", "\"" ISSUER "\"", ERR_OK },
        { "@context", "\"" V2 "\"", ERR_OK },
        { "issuer", "{\"id\":\"" ISSUER "\"}", ERR_OK },
        { "issuer", NULL, ERR_VC_ISSUER },
        { "issuer", "\"" OTHER "\"", ERR_VC_ISSUER },
        { "iss", "\"" OTHER "\"", ERR_VC_ISSUER },
        { "sub", "\"" OTHER "\"", ERR_VC_FORMAT },
        { "jti", "7", ERR_VC_FORMAT },
        { "@context", NULL, ERR_VC_FORMAT },
        { "@context", "[\"" V1 "\"]", ERR_VC_FORMAT },
        { "@context", "[\"" V1 "\",\"" V2 "\"]", ERR_VC_FORMAT },
        { "type", "[]", ERR_VC_FORMAT },
        { "vc", "{}", ERR_VC_FORMAT },
        { "vp", "{}", ERR_VC_FORMAT },
        { "proof", "{}", ERR_VC_FORMAT },
        { "validFrom", "\"2026-01-01T00:00:06Z\"", ERR_VC_TIME },
        { "validUntil", "\"2026-01-01T00:00:00Z\"", ERR_VC_TIME },
        { "validUntil", "\"2026-01-01T00:00:00\"", ERR_VC_TIME },
        { "exp", "1767225600", ERR_VC_TIME },
        { "nbf", "1767225606", ERR_VC_TIME },
        { "nbf", "null", ERR_VC_TIME },
        { "credentialStatus", "[]", ERR_VC_STATUS },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        err_t e = version_2(state, rows[i].name, rows[i].value);

        if (e != rows[i].want)
            fail_msg("%s = %s: %s", rows[i].name, rows[i].value, err_row(e)->name);
    }
}

/* --- objects, types, views ---------------------------------------------------------- */

static err_t
object(void **state, const char *text)
{
    struct vc_raw raw;
    struct vc vc;
    json *v;
    err_t e;

    assert_int_equal(json_parse(CX, str_of(text), JSON_STRICT, &v), ERR_OK);
    refuse_clear(CX);
    if ((e = vc_parse_json(CX, v, &raw)) != ERR_OK)
        return e;
    return vc_verify(CX, &raw, NULL, &vc);
}

#define DATED ",\"issuer\":\"" ISSUER "\",\"issuanceDate\":\"2025-12-01T00:00:00Z\""

static void
refuses_credentials_without_a_jwt(void **state)
{
    struct str big;
    struct buf b;

    assert_int_equal(
        object(state, VC(DATED ",\"proof\":{\"type\":\"JsonWebSignature2020\"}")),
        ERR_UNSUPPORTED);
    assert_int_equal(object(state, VC(DATED ",\"proof\":[]")), ERR_UNSUPPORTED);
    assert_int_equal(object(state, VC(DATED)), ERR_VC_PROOF);
    assert_int_equal(object(state, VC("")), ERR_VC_FORMAT);
    assert_int_equal(object(state, "7"), ERR_VC_FORMAT);
    assert_int_equal(object(state, "null"), ERR_VC_FORMAT);
    assert_int_equal(object(state, "\"nope\""), ERR_VC_JWT);
    buf_init(&b, CX->arena);
    buf_z(&b, "{" CONTEXT "," TYPES "," SUBJECT DATED ",\"x\":\"");
    for (int i = 0; i < VC_TEXT_MAX; i++)
        buf_c(&b, 'x');
    buf_z(&b, "\"}");
    assert_int_equal(buf_done(CX, &b, &big), ERR_OK);
    assert_int_equal(object(state, big.p), ERR_VC_FORMAT);
}

#define ORG(type, subject)                                                                 \
    "{" CONTEXT ",\"type\":[\"VerifiableCredential\",\"" type                              \
    "\"],\"credentialSubject\":" subject "}"
#define NAMED "\"organization\":{\"name\":\"Huis\",\"city\":\"Oss\"}"

/* nuts-node.md 3.9 */
static void
knows_the_rules_of_an_organization(void **state)
{
    static const struct {
        const char *vc;
        err_t want;
    } rows[] = {
        { ORG("NutsOrganizationCredential", "[{\"id\":\"" HOLDER "\"," NAMED "}]"),
          ERR_OK },
        { ORG("NutsOrganizationCredential", "{\"id\":\"" HOLDER "\"," NAMED "}"), ERR_OK },
        { ORG("NutsOrganizationCredential", "[{\"id\":\"" HOLDER "\"}]"), ERR_VC_SUBJECT },
        { ORG("NutsOrganizationCredential",
              "[{\"id\":\"" HOLDER "\",\"organization\":{\"name\":\"Huis\"}}]"),
          ERR_VC_SUBJECT },
        { ORG("NutsOrganizationCredential",
              "[{\"id\":\"" HOLDER
              "\",\"organization\":{\"name\":\"\",\"city\":\"Oss\"}}]"),
          ERR_VC_SUBJECT },
        { ORG("NutsOrganizationCredential",
              "[{\"id\":\"" HOLDER "\",\"organization\":{\"name\":\"Huis\",\"city\":7}}]"),
          ERR_VC_SUBJECT },
        { ORG("NutsOrganizationCredential",
              "[{\"id\":\"" HOLDER "\"," NAMED "},{\"id\":\"" HOLDER "\"}]"),
          ERR_VC_SUBJECT },
        { ORG("OtherCredential", "[{\"id\":\"" HOLDER "\"}]"), ERR_OK },
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        wants(state, "vc", rows[i].vc, rows[i].want);
    /* its id stands under its issuer; its subject has a DID */
    assert_int_equal(
        signed_with(state, NULL,
                    claims_with(N,
                                (const struct claim[]){ { "iss", "\"" ISSUER "\"" },
                                                        { "jti", "\"" OTHER "#1\"" },
                                                        { "nbf", from_now(N, -1) },
                                                        { "vc", rows[0].vc } },
                                4, NULL)),
        ERR_VC_FORMAT);
    assert_int_equal(
        signed_with(state, NULL,
                    claims_with(N,
                                (const struct claim[]){
                                    { "iss", "\"" ISSUER "\"" },
                                    { "jti", "\"" ISSUER "#1\"" },
                                    { "nbf", from_now(N, -1) },
                                    { "vc", ORG("NutsOrganizationCredential",
                                                "[{\"id\":\"urn:x\"," NAMED "}]") } },
                                4, NULL)),
        ERR_VC_SUBJECT);
}

/* nuts-node.md 0.6: arrays of a JWT's members, single ones of an object's. */
static void
shows_paths_what_real_nodes_show(void **state)
{
    struct vc_raw raw;
    const json *view;
    struct str text;
    json *v;

    assert_int_equal(
        vc_parse(CX,
                 peer_sign(N, &FIX->issuer, NULL,
                           vc_with(N, "vc",
                                   "{" CONTEXT ",\"type\":\"VerifiableCredential\","
                                   "\"credentialSubject\":{\"a\":1},\"evidence\":[7]}")
                               .p),
                 &raw),
        ERR_OK);
    assert_int_equal(vc_view(CX, &raw, &view), ERR_OK);
    assert_int_equal(json_text(CX, view, &text), ERR_OK);
    assert_true(str_is(
        text, "{\"type\":[\"VerifiableCredential\"],\"credentialSubject\":[{\"id\":"
              "\"" HOLDER "\",\"a\":1}],\"issuer\":\"" ISSUER "\",\"id\":\"" ISSUER
              "#1\",\"issuanceDate\":\"2025-12-31T23:00:00Z\",\"expirationDate\":"
              "\"2026-01-01T01:00:00Z\",\"@context\":[\"" V1 "\"],\"evidence\":[7]}"));
    assert_int_equal(
        json_parse(CX,
                   S("{\"type\":[\"A\",\"B\"],\"credentialSubject\":[{\"a\":1}],"
                     "\"credentialStatus\":[7],\"proof\":[{}],\"other\":[1]}"),
                   JSON_STRICT, &v),
        ERR_OK);
    assert_int_equal(vc_view_object(CX, v, &view), ERR_OK);
    assert_int_equal(json_text(CX, view, &text), ERR_OK);
    assert_true(str_is(text, "{\"type\":[\"A\",\"B\"],\"credentialSubject\":{\"a\":1},"
                             "\"credentialStatus\":7,\"proof\":{},\"other\":[1]}"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_what_is_no_jwt),
        TEST(refuses_what_is_no_credential),
        TEST(ties_the_issuer_to_the_key),
        TEST(asks_for_iss),
        TEST(ties_id_and_subject),
        TEST(keeps_time),
        TEST(refuses_a_status_that_it_cannot_verify),
        TEST(refuses_headers),
        TEST(refuses_signatures_that_do_not_hold),
        TEST(takes_algorithms_by_key),
        TEST(asks_the_document_for_an_assertion_key),
        TEST(reads_version_2),
        TEST(refuses_credentials_without_a_jwt),
        TEST(knows_the_rules_of_an_organization),
        TEST(shows_paths_what_real_nodes_show),
        TEST(takes_a_sound_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
