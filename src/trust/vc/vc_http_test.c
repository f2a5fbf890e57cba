/*
 * vc_http_test.c - issuing, finding, verifying and presenting over the routes of
 * VCR v2: statuses and titles are nuts-node's. EUPL-1.2.
 */
#include "trust/vc/vc_kit.h"

#define N  ((struct node *)*state)
#define CX (&N->t.cx)

#define ISSUE  "/internal/vcr/v2/issuer/vc"
#define VERIFY "/internal/vcr/v2/verifier/"
#define VP     "/internal/vcr/v2/holder/vp"

static struct str did; /* of the subject "issuer" */

static int
setup(void **state)
{
    struct did_subject s;

    *state = vc_node();
    expect(node_ask(N, "POST", "/internal/vdr/v2/subject", "{\"subject\":\"issuer\"}"), 200,
           NULL);
    assert_int_equal(did_subject_find(CX, S("issuer"), &s), ERR_OK);
    did = s.did;
    return 0;
}

static int
teardown(void **state)
{
    node_close(N);
    return 0;
}

/* --- issuing ------------------------------------------------------------------------ */

#define ORG   "\"organization\":{\"name\":\"Caresoft B.V.\",\"city\":\"Caretown\"}"
#define UNTIL "\"expirationDate\":\"2026-06-10T08:59:52Z\""

/* The usual request, with one member put differently; NULL leaves it out. */
static struct str
request(struct node *n, const char *name, const char *value)
{
    struct str issuer = arena_printf(&n->t.arena, "\"%.*s\"", STR(did));
    const struct claim usual[] = {
        { "type", "\"NutsOrganizationCredential\"" },
        { "issuer", issuer.p },
        { "format", "\"jwt_vc\"" },
        { "expirationDate", "\"2026-06-10T08:59:52Z\"" },
        { "credentialSubject", "{\"id\":\"" HOLDER "\"," ORG "}" },
    };

    assert_non_null(issuer.p);
    return claims_with(n, usual, COUNT(usual), &(struct claim){ name, value });
}

static void
refuses_to_issue(void **state)
{
    static const struct {
        const char *name, *value;
        int status;
        const char *part;
    } rows[] = {
        { "issuer", NULL, 400, "invalid DID" },
        { "issuer", "5", 400, NULL },
        { "issuer", "\"nope\"", 400, NULL },
        { "issuer", "\"did:web:other.example.net\"", 400, NULL },
        { "issuer", "\"" NODE_BASE ":iam:nope\"", 400, NULL },
        { "format", "\"ldp_vc\"", 400, "ldp_vc is not offered yet; ask for jwt_vc" },
        { "format", "\"jwt\"", 400, NULL },
        { "format", "7", 400, NULL },
        { "visibility", "\"public\"", 400, "visibility" },
        { "publishToNetwork", "false", 400, NULL },
        { "withStatusList2021Revocation", "true", 400, "not offered yet" },
        { "withStatusList2021Revocation", "\"no\"", 400, NULL },
        { "credentialStatus", "{}", 400, "credentialStatus" },
        { "proof", "{}", 400, NULL },
        { "expirationDate", NULL, 400, "withStatusList2021Revocation MUST be provided" },
        { "expirationDate", "\"tomorrow\"", 400, NULL },
        { "expirationDate", "1780000000", 400, NULL },
        { "expirationDate", "\"2025-12-31T23:59:59Z\"", 400, NULL },
        { "type", NULL, 400, NULL },
        { "type", "5", 400, NULL },
        { "type", "\"\"", 400, NULL },
        { "type", "\"VerifiableCredential\"", 400, "type is missing" },
        { "type", "[\"A\",\"B\"]", 400, NULL },
        { "type", "[\"VerifiableCredential\",7]", 400, NULL },
        { "@context", "7", 400, NULL },
        { "@context", "[7]", 400, NULL },
        { "@context", "[\"" V2 "\"]", 400, "2.0" },
        { "@context", "\"" V2 "\"", 400, "2.0" },
        { "credentialSubject", NULL, 400, NULL },
        { "credentialSubject", "[]", 400, NULL },
        { "credentialSubject", "\"x\"", 400, NULL },
        { "credentialSubject", "[{},{}]", 400, NULL },
        { "credentialSubject", "{\"id\":7}", 400, NULL },
        { "credentialSubject", "{\"id\":\"" HOLDER "\"}", 400, "name" },
        { "credentialSubject", "{\"id\":\"" HOLDER "\",\"organization\":{\"name\":\"C\"}}",
          400, "city" },
        { "credentialSubject", "{" ORG "}", 400, NULL },
    };
    struct str reply;

    for (size_t i = 0; i < COUNT(rows); i++) {
        reply = node_ask(N, "POST", ISSUE, request(N, rows[i].name, rows[i].value).p);
        expect(reply, rows[i].status, rows[i].part);
        expect(reply, rows[i].status, "\"title\":\"IssueVC failed\"");
    }
    expect(node_ask(N, "POST", ISSUE, "{\"type\":"), 400, "Operation failed");
    expect(node_ask(N, "POST", ISSUE, "{}"), 400, "IssueVC failed");
    expect(node_ask(N, "POST", ISSUE, "[]"), 400,
           "{\"detail\":\"the body is no object\",\"status\":400,\"title\":\"IssueVC "
           "failed\"}");
    expect(node_ask(N, "POST", ISSUE, NULL), 415, "Operation failed");
    /* nothing of it was kept */
    reply = arena_printf(CX->arena,
                         ISSUE "/search?credentialType=NutsOrganizationCredential&issuer="
                               "%.*s",
                         STR(did));
    expect(node_ask(N, "GET", reply.p, NULL), 200, "{\"verifiableCredentials\":[]}");
}

static void
issues_for_those_who_may_sign(void **state)
{
    struct str own = did;
    struct did_subject s;

    expect(node_ask(N, "POST", "/internal/vdr/v2/subject",
                    "{\"subject\":\"bare\",\"keys\":{\"assertionKey\":false,"
                    "\"encryptionKey\":false}}"),
           200, NULL);
    assert_int_equal(did_subject_find(CX, S("bare"), &s), ERR_OK);
    did = s.did;
    expect(node_ask(N, "POST", ISSUE, request(N, NULL, NULL).p), 409, "IssueVC failed");
    did = own;
    expect(node_ask(N, "DELETE", "/internal/vdr/v2/subject/issuer", NULL), 204, NULL);
    expect(node_ask(N, "POST", ISSUE, request(N, NULL, NULL).p), 409, "IssueVC failed");
}

static struct str
text_of(struct node *n, struct str reply)
{
    struct str s;

    assert_true(json_str(expect_json(n, reply, 200), &s));
    return s;
}

static void
issues_as_jwt(void **state)
{
    struct str jwt = text_of(N, node_ask(N, "POST", ISSUE, request(N, NULL, NULL).p));
    struct vc_raw raw;
    struct vc vc;
    const json *v;
    struct str target;

    assert_int_equal(N->told.event, AUDIT_CREDENTIAL_ISSUED);
    assert_int_equal(N->told.outcome, AUDIT_PERMITTED);
    assert_int_equal(vc_parse(CX, jwt, &raw), ERR_OK);
    assert_int_equal(vc_verify(CX, &raw, NULL, &vc), ERR_OK);
    assert_true(str_eq(raw.issuer, did));
    assert_true(str_is(raw.subject, HOLDER));
    assert_true(str_eq(did_of_url(raw.id), did));
    assert_true(json_is(json_get(raw.jwt.header, "alg"), "ES256"));
    assert_true(json_is(json_get(raw.jwt.header, "typ"), "JWT"));
    assert_int_equal(json_size(raw.types), 2);
    assert_true(json_is(json_at(raw.types, 0), "NutsOrganizationCredential"));
    assert_true(json_is(json_at(raw.types, 1), "VerifiableCredential")); /* appended */
    assert_true(json_is(json_at(json_get(raw.body, "@context"), 0), V1));
    assert_true(json_is(json_at(json_get(raw.body, "@context"), 1),
                        "https://nuts.nl/credentials/v1"));
    assert_int_equal(json_type(json_get(raw.body, "credentialSubject")), JSON_ARRAY);
    assert_int_equal(raw.until.ms, INT64_C(1781081992000));
    /* found again, by type, issuer and subject */
    target = arena_printf(CX->arena,
                          ISSUE "/search?credentialType=NutsOrganizationCredential&issuer="
                                "%.*s",
                          STR(did));
    v = expect_json(N, node_ask(N, "GET", target.p, NULL), 200);
    v = json_get(v, "verifiableCredentials");
    assert_int_equal(json_size(v), 1);
    assert_true(json_is(json_get(json_at(v, 0), "verifiableCredential"), jwt.p));
    assert_null(json_get(json_at(v, 0), "revocation"));
    target = arena_printf(CX->arena, "%s&subject=did:web:nobody", target.p);
    expect(node_ask(N, "GET", target.p, NULL), 200, "\"verifiableCredentials\":[]");
    expect(node_ask(N, "GET", ISSUE "/search?credentialType=x", NULL), 400,
           "SearchIssuedVCs failed");
    expect(node_ask(N, "GET", ISSUE "/search?issuer=x", NULL), 400, NULL);
    /* revoking: none has a status, and that is said */
    expect(node_ask(N, "DELETE", ISSUE "/nope", NULL), 400, "RevokeVC failed");
    expect(node_ask(N, "DELETE", ISSUE "/did:web:x", NULL), 400, NULL);
    target = arena_printf(CX->arena, ISSUE "/%.*s%%23nope", STR(did));
    expect(node_ask(N, "DELETE", target.p, NULL), 404, NULL);
    target = arena_printf(CX->arena, ISSUE "/%.*s%%23%.*s", STR(did),
                          STR(str_sub(raw.id, did.n + 1, raw.id.n)));
    expect(node_ask(N, "DELETE", target.p, NULL), 400, "no (relevant) status");
}

static void
issues_what_was_asked(void **state)
{
    struct vc_raw raw;
    struct str jwt;

    jwt = text_of(N, node_ask(N, "POST", ISSUE, request(N, "format", NULL).p));
    assert_int_equal(vc_parse(CX, jwt, &raw), ERR_OK);
    jwt = text_of(N,
                  node_ask(N, "POST", ISSUE,
                           request(N, "@context", "[\"https://x.example\",\"" V1 "\"]").p));
    assert_int_equal(vc_parse(CX, jwt, &raw), ERR_OK);
    assert_true(json_is(json_at(json_get(raw.body, "@context"), 0), V1));
    assert_int_equal(json_size(json_get(raw.body, "@context")), 2);
    /* an id is ours to give, and members that nuts-node does not know are not taken */
    jwt = text_of(N, node_ask(N, "POST", ISSUE, request(N, "id", "\"urn:mine\"").p));
    assert_int_equal(vc_parse(CX, jwt, &raw), ERR_OK);
    assert_true(str_eq(did_of_url(raw.id), did));
    jwt = text_of(N, node_ask(N, "POST", ISSUE, request(N, "evidence", "[7]").p));
    assert_int_equal(vc_parse(CX, jwt, &raw), ERR_OK);
    assert_null(json_get(raw.body, "evidence"));
    {
        const struct claim forever[] = {
            { "type", "[\"VerifiableCredential\",\"OtherCredential\"]" },
            { "issuer", arena_printf(CX->arena, "\"%.*s\"", STR(did)).p },
            { "withStatusList2021Revocation", "false" },
            { "credentialSubject", "[{\"id\":\"" HOLDER "\",\"a\":1}]" },
        };

        jwt = text_of(N, node_ask(N, "POST", ISSUE, claims_with(N, forever, 4, NULL).p));
    }
    assert_int_equal(vc_parse(CX, jwt, &raw), ERR_OK);
    assert_false(raw.until.there);
}

/* --- verifying ---------------------------------------------------------------------- */

static struct str
verdict(struct node *n, const char *what, struct str jwt, const char *more)
{
    struct str body = arena_printf(
        &n->t.arena, "{\"%s\":\"%.*s\"%s}",
        what[1] == 'c' ? "verifiableCredential" : "verifiablePresentation", STR(jwt), more);
    struct str target = arena_printf(&n->t.arena, VERIFY "%s", what);

    assert_non_null(body.p);
    return node_ask(n, "POST", target.p, body.p);
}

static void
verifies_credentials(void **state)
{
    struct str jwt = text_of(N, node_ask(N, "POST", ISSUE, request(N, NULL, NULL).p)), bent;
    struct peer unknown;

    expect(verdict(N, "vc", jwt, ""), 200, "\r\n\r\n{\"validity\":true}");
    expect(
        verdict(N, "vc", jwt, ",\"verificationOptions\":{\"allowUntrustedIssuer\":false}"),
        200, "{\"validity\":true}");
    bent = arena_printf(CX->arena, "%.*s", STR(jwt));
    assert_non_null(bent.p);
    memcpy(strchr(bent.p, 0) - 6, bent.p[bent.n - 6] == 'A' ? "B" : "A", 1);
    expect(verdict(N, "vc", bent, ""), 200, "\"validity\":false");
    expect(verdict(N, "vc", bent, ""), 200, "{\"message\":\"");
    node_set_time(N, INT64_C(1781081992000)); /* its end */
    expect(verdict(N, "vc", jwt, ""), 200,
           "\\\"exp\\\" not satisfied\",\"validity\":false");
    node_set_time(N, INT64_C(1767225600000));
    /* an issuer that cannot be asked: not valid, not our trouble */
    peer_new(N, ISSUER, &unknown);
    N->page[0].fails = ERR_UPSTREAM;
    bent = peer_sign(N, &unknown, NULL, vc_with(N, NULL, NULL).p);
    expect(verdict(N, "vc", bent, ""), 200, "\"validity\":false");
    N->page[0].fails = ERR_DEADLINE;
    expect(verdict(N, "vc", bent, ""), 200, "\"validity\":false");
    peer_end(&unknown);
    /* what is no credential is a 400 */
    expect(verdict(N, "vc", S("nope"), ""), 400,
           "\"status\":400,\"title\":\"Operation failed\"}");
    expect(node_ask(N, "POST", VERIFY "vc", "{}"), 400, NULL);
    expect(node_ask(N, "POST", VERIFY "vc", "{\"verifiableCredential\":7}"), 400, NULL);
    expect(node_ask(N, "POST", VERIFY "vc",
                    "{\"verifiableCredential\":{\"proof\":{\"type\":\"x\"}}}"),
           400, NULL);
    expect(node_ask(N, "POST", VERIFY "vc",
                    "{\"verifiableCredential\":" VC(",\"issuer\":\"" ISSUER
                                                    "\",\"issuanceDate\":"
                                                    "\"2025-12-01T00:00:00Z\"") "}"),
           200, "\"validity\":false"); /* nobody's word */
}

/* --- presenting --------------------------------------------------------------------- */

/* A credential that the subject "holder" of this node holds; its DID in `*holder`. */
static struct str
held(struct node *n, struct str *holder)
{
    struct did_subject s;
    struct str subject;

    expect(node_ask(n, "POST", "/internal/vdr/v2/subject", "{\"subject\":\"holder\"}"), 200,
           NULL);
    assert_int_equal(did_subject_find(&n->t.cx, S("holder"), &s), ERR_OK);
    *holder = s.did;
    subject = arena_printf(&n->t.arena, "{\"id\":\"%.*s\"," ORG "}", STR(s.did));
    return text_of(
        n, node_ask(n, "POST", ISSUE, request(n, "credentialSubject", subject.p).p));
}

static struct str
present(struct node *n, struct str jwt, const char *name, const char *value)
{
    struct str list = arena_printf(&n->t.arena, "[\"%.*s\"]", STR(jwt));
    const struct claim usual[] = { { "verifiableCredentials", list.p },
                                   { "format", "\"jwt_vp\"" },
                                   { "domain", "\"https://verifier\"" },
                                   { "challenge", "\"abc\"" } };

    return node_ask(n, "POST", VP,
                    claims_with(n, usual, COUNT(usual), &(struct claim){ name, value }).p);
}

static void
refuses_to_present(void **state)
{
    static const struct {
        const char *name, *value;
        int status;
        const char *part;
    } rows[] = {
        { "verifiableCredentials", NULL, 400, NULL },
        { "verifiableCredentials", "[]", 400, NULL },
        { "verifiableCredentials", "\"x\"", 400, NULL },
        { "verifiableCredentials", "[\"nope\"]", 400, NULL },
        { "verifiableCredentials", "[{\"proof\":{}}]", 400, "ldp_vc" },
        { "format", "\"ldp_vp\"", 400, "ldp_vp is not offered yet; ask for jwt_vp" },
        { "format", "\"x\"", 400, NULL },
        { "domain", NULL, 400, "for one verifier, once" },
        { "challenge", NULL, 400, "for one verifier, once" },
        { "domain", "7", 400, NULL },
        { "signerDID", "\"did:web:other.example.net\"", 400, NULL },
        { "signerDID", "\"nope\"", 400, NULL },
        { "expires", "\"2025-12-31T23:59:59Z\"", 400, "past" },
        { "expires", "\"soon\"", 400, NULL },
        { "expires", "\"2026-01-01T00:05:00Z\"", 400, "signer.presentation_max" },
    };
    struct str holder, jwt = held(N, &holder), reply;

    for (size_t i = 0; i < COUNT(rows); i++) {
        reply = present(N, jwt, rows[i].name, rows[i].value);
        expect(reply, rows[i].status, rows[i].part);
        expect(reply, rows[i].status, "CreateVP failed");
    }
    { /* none, or too many, by a signer that is named */
        struct str named = arena_printf(CX->arena, "\"%.*s\"", STR(holder)), list;
        struct buf b;

        buf_init(&b, CX->arena);
        for (int i = 0; i < VP_CREDENTIALS_MAX + 1; i++)
            buf_printf(&b, "%c\"%.*s\"", i ? ',' : '[', STR(jwt));
        buf_c(&b, ']');
        assert_int_equal(buf_done(CX, &b, &list), ERR_OK);
        for (size_t i = 0; i < 3; i++) {
            const char *lists[] = { "[]", "{}", list.p };
            struct claim all[] = { { "verifiableCredentials", lists[i] },
                                   { "signerDID", named.p },
                                   { "domain", "\"https://verifier\"" },
                                   { "challenge", "\"abc\"" } };

            expect(node_ask(N, "POST", VP, claims_with(N, all, 4, NULL).p), 400,
                   "at least one");
        }
    }
    /* about somebody who is none of ours */
    jwt = text_of(N, node_ask(N, "POST", ISSUE, request(N, NULL, NULL).p));
    expect(present(N, jwt, NULL, NULL), 400, "CreateVP failed");
}

static void
presents_and_verifies(void **state)
{
    struct str holder, jwt = held(N, &holder), vp, two;
    struct vp_raw raw;
    const json *v;

    vp = text_of(N, present(N, jwt, NULL, NULL));
    assert_int_equal(N->told.event, AUDIT_CREDENTIAL_ISSUED);
    assert_int_equal(vp_parse(CX, vp, &raw), ERR_OK);
    assert_true(str_eq(raw.signer, holder));
    assert_true(str_eq(raw.jwt.iss, holder) && str_eq(raw.jwt.sub, holder));
    assert_true(vp_has_audience(&raw, S("https://verifier")));
    assert_true(str_is(raw.nonce, "abc"));
    assert_int_equal(raw.jwt.exp.ms - raw.jwt.nbf.ms, 5000);
    assert_true(raw.jwt.nbf.ms < CX->now_ms); /* real nodes have no skew (0.2) */
    assert_true(raw.jwt.iat.there);
    /* 0.5: one credential stands alone, more in an array */
    assert_int_equal(json_type(json_get(raw.body, "verifiableCredential")), JSON_STRING);
    two = arena_printf(CX->arena, "[\"%.*s\",\"%.*s\"]", STR(jwt), STR(jwt));
    assert_int_equal(
        vp_parse(CX, text_of(N, present(N, jwt, "verifiableCredentials", two.p)), &raw),
        ERR_OK);
    assert_int_equal(json_size(json_get(raw.body, "verifiableCredential")), 2);
    v = expect_json(N, verdict(N, "vp", vp, ""), 200);
    assert_int_equal(json_size(json_get(v, "credentials")), 1);
    assert_true(json_is(json_at(json_get(v, "credentials"), 0), jwt.p));
    expect(verdict(N, "vp", vp, ",\"verifyCredentials\":false"), 200, "\"validity\":true");
    /* later, and about that moment */
    node_set_time(N, CX->now_ms + 60000);
    expect(verdict(N, "vp", vp, ""), 200, "\"validity\":false");
    expect(verdict(N, "vp", vp, ",\"validAt\":\"2026-01-01T00:00:01Z\""), 200,
           "\"validity\":true");
    expect(verdict(N, "vp", vp, ",\"validAt\":\"2026-01-01T00:00:09Z\""), 200,
           "\"validity\":false");
    expect(verdict(N, "vp", vp, ",\"validAt\":7"), 400, "VerifyVP failed");
    expect(verdict(N, "vp", S("nope"), ""), 400, "Operation failed");
    expect(verdict(N, "vp", jwt, ""), 400, NULL); /* a credential */
    expect(node_ask(N, "POST", VERIFY "vp", "{}"), 400, NULL);
    expect(node_ask(N, "POST", VERIFY "vp", "{\"verifiablePresentation\":{\"proof\":{}}}"),
           400, "ldp_vp is not offered yet");
}

/* nuts-node.md 7.1: who presents is whom all of it is about. */
static void
refuses_to_believe_another_presenter(void **state)
{
    struct peer issuer, holder, other;
    struct str jwt, vp;

    peer_new(N, ISSUER, &issuer);
    peer_new(N, HOLDER, &holder);
    peer_new(N, OTHER, &other);
    jwt = peer_sign(N, &issuer, NULL, vc_with(N, "sub", NULL).p);
    jwt = arena_printf(CX->arena, "\"%.*s\"", STR(jwt));
    vp = peer_sign(N, &holder, NULL, vp_with(N, jwt.p, NULL, NULL).p);
    expect(verdict(N, "vp", vp, ""), 200, "\"validity\":true");
    vp =
        arena_printf(CX->arena,
                     "{\"aud\":\"a\",\"nonce\":\"n\",\"vp\":{" CONTEXT
                     ",\"type\":\"VerifiablePresentation\",\"verifiableCredential\":%.*s}}",
                     STR(jwt));
    vp = peer_sign(N, &other, NULL, vp.p);
    expect(verdict(N, "vp", vp, ""), 200,
           "{\"message\":\"presentation signer is not credential "
           "subject\",\"validity\":false}");
    peer_end(&issuer);
    peer_end(&holder);
    peer_end(&other);
}

static void
survives_faults(void **state)
{
    struct str holder, jwt = held(N, &holder), body;

    node_survives(N, "POST", ISSUE, request(N, NULL, NULL).p, 200);
    node_survives(N, "POST", ISSUE, request(N, "type", "5").p, 400);
    body = arena_printf(CX->arena, "{\"verifiableCredential\":\"%.*s\"}", STR(jwt));
    node_survives(N, "POST", VERIFY "vc", body.p, 200);
    body =
        arena_printf(CX->arena,
                     "{\"verifiableCredentials\":[\"%.*s\"],\"domain\":\"a\",\"challenge\":"
                     "\"b\"}",
                     STR(jwt));
    node_survives(N, "POST", VP, body.p, 200);
    body = arena_printf(CX->arena, ISSUE "/search?credentialType=x&issuer=%.*s", STR(did));
    node_survives(N, "GET", body.p, NULL, 200);
    node_survives(N, "DELETE", ISSUE "/did:web:a%23b", NULL, 404);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_to_issue),      TEST(issues_for_those_who_may_sign),
        TEST(issues_as_jwt),         TEST(issues_what_was_asked),
        TEST(verifies_credentials),  TEST(refuses_to_present),
        TEST(presents_and_verifies), TEST(refuses_to_believe_another_presenter),
        TEST(survives_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
