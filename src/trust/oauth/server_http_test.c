/*
 * server_http_test.c - metadata, definitions and introspection as nuts-node answers them
 * (transcript part 2), and an organisation proven by its certificate. EUPL-1.2.
 */
#include "trust/did/pki_kit.h"
#include "trust/oauth/oauth_kit.h"

#define W    ((struct world *)*state)
#define CX   (&W->n->t.cx)
#define HOUR INT64_C(3600000)

static int
setup(void **state)
{
    *state = world_open();
    return 0;
}

static int
teardown(void **state)
{
    world_close(W);
    return 0;
}

static struct str
get(struct world *w, const char *path)
{
    return node_ask(w->n, "GET", path, NULL);
}

/* --- what is said of ourselves ------------------------------------------------------ */

#define WELL_KNOWN "/.well-known/oauth-authorization-server"

static void
metadata(void **state)
{
    static const char *const members[] = {
        "issuer",
        "response_types_supported",
        "response_modes_supported",
        "token_endpoint",
        "grant_types_supported",
        "pre-authorized_grant_anonymous_access_supported",
        "presentation_definition_endpoint",
        "presentation_definition_uri_supported",
        "vp_formats_supported",
        "vp_formats",
        "client_id_schemes_supported",
        "did_methods_supported",
        "dpop_signing_alg_values_supported",
        "require_signed_request_object",
        "request_object_signing_alg_values_supported",
    };
    struct str reply = get(W, WELL_KNOWN "/oauth2/hospital");
    const json *v = expect_json(W->n, reply, 200);

    assert_int_equal(json_size(v), COUNT(members));
    for (size_t i = 0; i < COUNT(members); i++)
        assert_non_null(json_get(v, members[i]));
    assert_true(json_is(json_get(v, "issuer"), AS));
    assert_true(json_is(json_get(v, "token_endpoint"), AS "/token"));
    assert_true(json_is(json_get(v, "presentation_definition_endpoint"),
                        AS "/presentation_definition"));
    assert_true(
        str_has(reply, "\"did_methods_supported\":[\"jwk\",\"key\",\"x509\",\"web\"]"));
    assert_true(str_has(reply, "\"grant_types_supported\":[\"vp_token-bearer\"]"));
    assert_true(str_has(reply, "Cache-Control: no-store"));
    assert_false(str_has(reply, "ldp_v")); /* not offered yet, so not said */
    assert_false(str_has(reply, "authorization_endpoint"));
    expect(get(W, WELL_KNOWN "/oauth2/nope"), 200, NULL); /* existence is not told: 3.2 */
    expect(get(W, WELL_KNOWN "/oauth2/"), 404, NULL);
    expect(get(W, WELL_KNOWN "/oauth2"), 404, NULL);
    expect(get(W, WELL_KNOWN "/oauth2/a/b"), 404, NULL);
    expect(get(W, WELL_KNOWN "/oauth2/a%20b"), 404, NULL);
    expect(get(W, WELL_KNOWN "/iam/hospital"), 404, NULL);
    expect(get(W, "/oauth2/hospital/.well-known/oauth-authorization-server"), 404, NULL);
}

/* Option url with a path: RFC 8414 3.1 puts it behind the well-known one. */
static void
metadata_below_a_path(void **state)
{
    struct str reply;

    W->n->conf->url = S(NODE_URL "/nuts/");
    reply = get(W, WELL_KNOWN "/nuts/oauth2/hospital");
    expect(reply, 200, "\"issuer\":\"" NODE_URL "/nuts/oauth2/hospital\"");
    expect(reply, 200, "\"token_endpoint\":\"" NODE_URL "/nuts/oauth2/hospital/token\"");
    expect(get(W, WELL_KNOWN "/oauth2/hospital"), 200, "/nuts/oauth2/hospital\"");
    expect(get(W, WELL_KNOWN "/nutsoauth2/hospital"), 404, NULL);
    expect(get(W, WELL_KNOWN "/other/oauth2/hospital"), 404, NULL);
    /* and that issuer is the audience */
    expect(world_ask(W, &(struct words){ .name = NULL }), 400, "audience");
    expect(
        world_ask(W, &(struct words){ .name = "aud",
                                      .value = "\"" NODE_URL "/nuts/oauth2/hospital\"" }),
        200, NULL);
}

static void
client_metadata(void **state)
{
    struct str reply = get(W, "/oauth2/hospital/oauth-client");
    const json *v = expect_json(W->n, reply, 200);

    assert_int_equal(json_size(v), 7);
    assert_true(json_is(json_get(v, "token_endpoint_auth_method"), "none"));
    assert_true(json_is(json_get(v, "client_id_scheme"), "entity_id"));
    assert_true(str_has(reply, "Cache-Control: no-store"));
    expect(get(W, "/oauth2/nope/oauth-client"), 400,
           "{\"error\":\"invalid_request\",\"error_description\":\"subject not found\"}");
}

#define DEFINITION "/oauth2/hospital/presentation_definition"

static void
definitions(void **state)
{
    struct str reply = get(W, DEFINITION "?scope=test");

    assert_true(str_is(expect(reply, 200, "Cache-Control: no-store"), PD_ORG));
    assert_true(str_is(
        expect(get(W, DEFINITION "?scope=test&wallet_owner_type=organization"), 200, NULL),
        PD_ORG));
    assert_true(
        str_is(expect(get(W, DEFINITION "?scope=test&wallet_owner_type=user"), 200, NULL),
               PD_USER));
    assert_true(str_is(expect(get(W, DEFINITION "?scope=test%20twin"), 200, NULL), PD_ORG));
    assert_true(str_is(expect(get(W, DEFINITION "?scope=test+twin"), 200, NULL), PD_ORG));
    assert_true(str_is(expect(get(W, DEFINITION "?scope="), 200, NULL),
                       "{\"id\":\"\",\"input_descriptors\":null}"));
    expect(get(W, DEFINITION), 400, "error");
    expect(get(W, DEFINITION "?scope=zzz"), 400, "\"error\":\"invalid_scope\"");
    expect(get(W, DEFINITION "?scope=test%20clash"), 400, "\"error\":\"invalid_scope\"");
    expect(get(W, DEFINITION "?scope=own%20words&wallet_owner_type=user"), 400,
           "no presentation definition found");
    expect(get(W, DEFINITION "?scope=person"), 400, "no presentation definition found");
    expect(get(W, DEFINITION "?scope=test&wallet_owner_type=robot"), 400,
           "invalid_request");
    expect(get(W, "/oauth2/nope/presentation_definition?scope=test"), 200, NULL);
}

/* --- introspection ------------------------------------------------------------------ */

static void
introspects(void **state)
{
    struct str token = world_token(W, world_ask(W, &(struct words){ .dpop = "" })), jkt,
               reply;
    const json *v = expect_json(W->n, world_introspect(W, INTROSPECT, token), 200);
    int64_t n;

    assert_int_equal(jwk_thumbprint(CX, W->holder, &jkt), ERR_OK);
    assert_int_equal(json_size(v), 9);
    assert_true(json_bool(json_get(v, "active"), &(bool){ false }));
    assert_true(json_is(json_get(v, "client_id"), CLIENT_ID));
    assert_true(json_is(json_get(v, "iss"), AS));
    assert_true(json_is(json_get(v, "scope"), "test"));
    assert_true(json_is(json_get(v, "organization_name"), "Care"));
    assert_true(json_is(json_get(v, "organization_city"), "Town"));
    assert_true(str_eq(json_get_text(json_get(v, "cnf"), "jkt"), jkt));
    assert_true(json_i64(json_get(v, "iat"), &n) && n == CX->now_ms / 1000);
    assert_true(json_i64(json_get(v, "exp"), &n) && n == CX->now_ms / 1000 + 900);
    v = expect_json(W->n, world_introspect(W, INTROSPECT "_extended", token), 200);
    assert_int_equal(json_size(v), 12);
    assert_true(json_is(json_get(v, "organization_name"), "Care"));
    assert_true(json_is(
        json_path(v, "presentation_definitions", "organization", "id", NULL), "pd_org"));
    assert_null(json_path(v, "presentation_definitions", "user", NULL));
    assert_true(
        json_is(json_path(v, "presentation_submissions", "pd_org", "id", NULL), "s"));
    assert_int_equal(json_size(json_get(v, "vps")), 1);
    reply = world_form(W, INTROSPECT,
                       world_text(W, "token_type_hint=x&token=%.*s", STR(token)));
    expect(reply, 200, "\"active\":true");
    node_set_time(W->n, CX->now_ms + 900000);
    assert_true(str_is(expect(world_introspect(W, INTROSPECT, token), 200, NULL),
                       "{\"active\":false}"));
    assert_true(
        str_is(expect(world_introspect(W, INTROSPECT "_extended", token), 200, NULL),
               "{\"active\":false}"));
}

static void
introspects_what_is_no_token(void **state)
{
    static const char *const forms[] = {
        "token=nope", "", "token=", "x=y",
        "token=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    };

    for (size_t i = 0; i < COUNT(forms); i++) {
        assert_true(str_is(expect(world_form(W, INTROSPECT, str_of(forms[i])), 200, NULL),
                           "{\"active\":false}"));
        assert_true(str_is(
            expect(world_form(W, INTROSPECT "_extended", str_of(forms[i])), 200, NULL),
            "{\"active\":false}"));
    }
    expect(node_ask(W->n, "POST", INTROSPECT, "{\"token\":\"x\"}"), 415,
           "\"detail\":\"Content-Type MUST be set to application/x-www-form-urlencoded\"");
    expect(node_ask(W->n, "POST", INTROSPECT, "{\"token\":\"x\"}"), 415,
           "IntrospectAccessToken failed");
    expect(world_form(W, INTROSPECT, S("token=a&token=b")), 400, NULL);
    /* not on the public side */
    assert_int_equal(
        reply_status(node_send(W->n, HTTP_DOOR_PUBLIC,
                               world_text(W, "POST " INTROSPECT " HTTP/1.1\r\nHost: h\r\n"
                                             "Content-Length: 0\r\n\r\n"))),
        404);
}

/* A scope that was taken out since has no definitions to show. */
static void
extended_without_its_scope(void **state)
{
    struct str token = world_token(W, world_ask(W, &(struct words){ .name = NULL }));
    const json *v;

    world_file(W, "policies/usual/definitions.json", "{}");
    assert_int_equal(world_reload(W), ERR_OK);
    v = expect_json(W->n, world_introspect(W, INTROSPECT "_extended", token), 200);
    assert_int_equal(json_size(json_get(v, "presentation_definitions")), 0);
    assert_int_equal(json_size(json_get(v, "vps")), 1);
}

/* --- an organisation by its certificate (2.2, 3.11), with the policies that ship ---- */

struct x509 {
    struct pki pki;
    struct str vc;
};

static void
publish_lists(struct world *w, const struct pki *p, const struct cert *revoked)
{
    struct ctx *cx = &w->n->t.cx;

    for (int root = 0; root < 2; root++) {
        struct node_page *page = node_publish(w->n, root ? PKI_CRL_ROOT : PKI_CRL_CA, "");

        page->type = "application/pkix-crl";
        page->body = pki_crl(cx, p, root, root ? NULL : revoked, cx->now_ms - HOUR,
                             cx->now_ms + HOUR);
    }
}

static void
x509_open(struct world *w, struct x509 *x)
{
    struct ctx *cx = &w->n->t.cx;
    struct vc_x509_template t = { .chain = x->pki.chain,
                                  .chain_count = 3,
                                  .subject = S(CLIENT) };
    struct str pem;
    struct buf b;

    pki_new(cx, &x->pki);
    buf_init(&b, &w->n->t.arena);
    pem_put(&b, "CERTIFICATE", cert_der(x->pki.root));
    assert_int_equal(buf_done(cx, &b, &pem), ERR_OK);
    world_file(w, "roots.pem", pem.p);
    w->n->conf->vc_x509_roots =
        arena_printf(&w->n->signer_arena, "%s/roots.pem", w->n->dir);
    assert_int_equal(vc_room.reload(cx, w->n->sys.state[ROOM_vc]), ERR_OK);
    w->n->conf->policies_folder = S("policies");
    assert_int_equal(world_reload(w), ERR_OK);
    t.key = x->pki.leaf_key;
    assert_int_equal(vc_x509_issue(cx, &t, &x->vc), ERR_OK);
    x->vc = world_text(w, "\"%.*s\"", STR(x->vc));
}

#define BGZ(creds)                                                                         \
    &(struct words)                                                                        \
    {                                                                                      \
        .scope = "bgz", .credentials = (creds),                                            \
        .submission = "{\"id\":\"s\",\"definition_id\":\"pd_bgz_organization\","           \
                      "\"descriptor_map\":[{\"id\":\"id_x509\",\"format\":\"jwt_vc\","     \
                      "\"path\":\"$.verifiableCredential\"}]}"                             \
    }

static void
certificates(void **state)
{
    struct x509 x;
    struct str token;
    const json *v;

    x509_open(W, &x);
    /* no list: not known is not good */
    expect(world_ask(W, BGZ(x.vc.p)), 400, "is not known");
    assert_true(str_is(W->n->told.code, "OAUTH_VERIFY_STATUS"));
    publish_lists(W, &x.pki, NULL);
    token = world_token(W, world_ask(W, BGZ(x.vc.p)));
    v = expect_json(W->n, world_introspect(W, INTROSPECT, token), 200);
    assert_true(json_is(json_get(v, "organization_ura"), PKI_URA));
    assert_true(json_is(json_get(v, "organization_name"), PKI_NAME));
    assert_true(json_is(json_get(v, "organization_city"), PKI_CITY));
    assert_true(json_is(json_get(v, "organization_id"), CLIENT));
    pki_end(&x.pki);
}

static void
certificates_revoked(void **state)
{
    struct x509 x;

    x509_open(W, &x);
    publish_lists(W, &x.pki, x.pki.leaf);
    expect(world_ask(W, BGZ(x.vc.p)), 400, "credential is revoked");
    assert_true(str_is(W->n->told.code, "OAUTH_VERIFY_REVOKED"));
    pki_end(&x.pki);
}

static void
certificates_of_a_foreign_root(void **state)
{
    struct x509 x, other;

    x509_open(W, &x);
    x509_open(W, &other); /* its root is believed now, not the first */
    publish_lists(W, &x.pki, NULL);
    expect(world_ask(W, BGZ(x.vc.p)), 400, "verification failed");
    assert_true(str_is(W->n->told.code, "OAUTH_VERIFY"));
    /* and past its time */
    publish_lists(W, &other.pki, NULL);
    expect(world_ask(W, BGZ(other.vc.p)), 200, NULL);
    node_set_time(W->n, CX->now_ms + 31 * PKI_DAY);
    expect(world_ask(W, BGZ(other.vc.p)), 400, "not valid at this moment");
    pki_end(&x.pki);
    pki_end(&other.pki);
}

/* Fields are those of the definition that ships for medication (2c.5). */
static void
medication(void **state)
{
#define SELF(type, subject)                                                                \
    "{\"@context\":[\"https://www.w3.org/2018/credentials/v1\"],\"id\":\"" type            \
    "\",\"type\":[\"VerifiableCredential\",\"" type "\"],\"issuer\":\"" CLIENT             \
    "\",\"issuanceDate\":\"2026-01-01T00:00:00Z\",\"credentialSubject\":{\"id\":\"" CLIENT \
    "\"," subject "}}"
#define ENTRY(id, format, i)                                                               \
    "{\"id\":\"" id "\",\"format\":\"" format "\",\"path\":\"$.verifiableCredential[" i    \
    "]\"}"
    static const char submission[] =
        "{\"id\":\"s\",\"definition_id\":\"pd_medicatieoverdracht_organization\","
        "\"descriptor_map\":[" ENTRY("id_x509", "jwt_vc", "0") "," ENTRY(
            "id_patient_enrollment", "ldp_vc", "1") "," ENTRY("id_delegation", "ldp_vc",
                                                              "2") "]}";
    static const char enrolled[] = SELF(
        "PatientEnrollmentCredential",
        "\"patientId\":\"http://fhir.nl/fhir/NamingSystem/bsn|999990019\",\"registeredBy\":"
        "\"http://fhir.nl/fhir/NamingSystem/uzi|000095254\"");
    static const char delegated[] = SELF(
        "HealthCareProfessionalDelegationCredential",
        "\"registeredBy\":\"http://fhir.nl/fhir/NamingSystem/uzi|000095254\",\"roleCode\":"
        "\"http://fhir.nl/fhir/NamingSystem/uzi-rolcode|01.015\",\"facilityType\":\"V4\"");
    static const struct {
        const char *field, *value;
    } fields[] = {
        { "patient_enrollment_identifier",
          "http://fhir.nl/fhir/NamingSystem/bsn|999990019" },
        { "patient_enrollment_registered_by",
          "http://fhir.nl/fhir/NamingSystem/uzi|000095254" },
        { "delegation_registered_by", "http://fhir.nl/fhir/NamingSystem/uzi|000095254" },
        { "delegation_role_code", "http://fhir.nl/fhir/NamingSystem/uzi-rolcode|01.015" },
        { "user_id", "000095254" },
        { "user_role", "01.015" },
        { "organization_facility_type", "V4" },
        { "organization_ura", PKI_URA },
    };
    struct x509 x;
    struct oauth_token t;
    struct str token;

    x509_open(W, &x);
    publish_lists(W, &x.pki, NULL);
    token = world_token(
        W,
        world_ask(
            W, &(struct words){
                   .scope = "medicatieoverdracht-gf",
                   .submission = submission,
                   .credentials =
                       world_text(W, "[%.*s,%s,%s]", STR(x.vc), enrolled, delegated).p }));
    assert_int_equal(oauth_token_find(CX, token, &t), ERR_OK);
    for (size_t i = 0; i < COUNT(fields); i++)
        if (!str_is(oauth_token_claim(&t, fields[i].field), fields[i].value))
            fail_msg("%s: %.*s", fields[i].field,
                     STR(oauth_token_claim(&t, fields[i].field)));
    pki_end(&x.pki);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(metadata),
        T(metadata_below_a_path),
        T(client_metadata),
        T(definitions),
        T(introspects),
        T(introspects_what_is_no_token),
        T(extended_without_its_scope),
        T(certificates),
        T(certificates_revoked),
        T(certificates_of_a_foreign_root),
        T(medication),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
