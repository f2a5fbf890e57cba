/*
 * vc_make_test.c - the claims of what is made here, before anybody signs them.
 * EUPL-1.2.
 */
#include "base/test.h"

#include <string.h>

#include "trust/vc/vc.h"

static struct test_ctx t;
#define CX (&t.cx)
#define V1 "https://www.w3.org/2018/credentials/v1"

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

static json *
parse(const char *text)
{
    json *v = NULL;

    assert_int_equal(json_parse(CX, str_of(text), JSON_STRICT, &v), ERR_OK);
    return v;
}

static void
reads_templates(void **state)
{
    static const char *const bad[] = {
        "[]",
        "\"x\"",
        "{\"issuer\":{\"id\":7}}",
        "{\"issuer\":7}",
        "{}",
        "{\"issuer\":\"did:web:a\",\"id\":7}",
        "{\"issuer\":\"did:web:a\",\"proof\":{}}",
    };
    struct vc_template of;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        err_t e = vc_template_of(CX, parse(bad[i]), &of);

        if (e != ERR_VC_FORMAT && e != ERR_DID_INVALID)
            fail_msg("taken: %s", bad[i]);
    }
}

/* Nothing of a credential is dropped silently but what the claims say in its place. */
static void
leaves_nothing_out(void **state)
{
    struct vc_template of = { .from_ms = 1767225600500, .until_ms = 1767229200000 };
    struct str claims, id;

    (void)state;
    assert_int_equal(
        vc_template_of(CX,
                       parse("{\"@context\":[\"https://x\",\"" V1 "\"],\"id\":\"urn:1\","
                             "\"type\":[\"VerifiableCredential\",\"A\"],\"issuer\":{\"id\":"
                             "\"did:web:a\",\"name\":\"A\"},\"issuanceDate\":\"x\","
                             "\"expirationDate\":\"y\",\"credentialSubject\":{\"id\":"
                             "\"did:web:b\",\"n\":1},\"evidence\":[7],\"credentialStatus\":"
                             "{\"id\":\"s\"}}"),
                       &of),
        ERR_OK);
    assert_int_equal(vc_claims(CX, &of, &claims, &id), ERR_OK);
    assert_true(str_is(id, "urn:1"));
    assert_true(str_is(
        claims,
        "{\"exp\":1767229200,\"iat\":1767225600,\"iss\":\"did:web:a\",\"jti\":\"urn:1\","
        "\"nbf\":1767225600,\"sub\":\"did:web:b\",\"vc\":{\"@context\":[\"" V1
        "\",\"https://x\"],\"credentialSubject\":[{\"id\":\"did:web:b\",\"n\":1}],"
        "\"type\":[\"A\",\"VerifiableCredential\"],\"issuer\":{\"id\":\"did:web:a\","
        "\"name\":\"A\"},\"evidence\":[7],\"credentialStatus\":{\"id\":\"s\"}}}"));
}

static void
refuses_claims(void **state)
{
    static const struct {
        const char *credential;
        int64_t until_ms;
        err_t want;
    } rows[] = {
        { "{\"issuer\":\"did:web:a\",\"credentialSubject\":{}}", 0, ERR_OK },
        { "{\"issuer\":\"did:web:a\",\"credentialSubject\":[{}]}", 0, ERR_OK },
        { "{\"issuer\":\"did:web:a\"}", 0, ERR_VC_FORMAT },
        { "{\"issuer\":\"did:web:a\",\"credentialSubject\":[{},{}]}", 0, ERR_VC_FORMAT },
        { "{\"issuer\":\"did:web:a\",\"credentialSubject\":{\"id\":[]}}", 0,
          ERR_VC_FORMAT },
        { "{\"issuer\":\"did:web:a\",\"credentialSubject\":{}}", 1000, ERR_VC_FORMAT },
        { "{\"issuer\":\"did:web:a\",\"credentialSubject\":{},\"type\":{}}", 0,
          ERR_VC_FORMAT },
        { "{\"issuer\":\"did:web:a\",\"credentialSubject\":{},\"type\":[\"A\",\"B\"]}", 0,
          ERR_VC_FORMAT },
        { "{\"issuer\":\"did:web:a\",\"credentialSubject\":{},\"type\":[\"\"]}", 0,
          ERR_VC_FORMAT },
        { "{\"issuer\":\"did:web:a\",\"credentialSubject\":{},\"@context\":{}}", 0,
          ERR_VC_FORMAT },
        { "{\"issuer\":\"did:web:a\",\"credentialSubject\":{},\"@context\":"
          "\"https://www.w3.org/ns/credentials/v2\"}",
          0, ERR_UNSUPPORTED },
    };
    struct vc_template of;
    struct str claims, id;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        of = (struct vc_template){ .from_ms = 1000, .until_ms = rows[i].until_ms };
        assert_int_equal(vc_template_of(CX, parse(rows[i].credential), &of), ERR_OK);
        if (vc_claims(CX, &of, &claims, &id) != rows[i].want)
            fail_msg("%s", rows[i].credential);
        assert_true((claims.p != NULL) == (rows[i].want == ERR_OK));
    }
    /* without an id: one under the issuer */
    of = (struct vc_template){ .from_ms = 1000,
                               .subject = parse("{}"),
                               .issuer = S("did:web:a") };
    assert_int_equal(vc_claims(CX, &of, &claims, &id), ERR_OK);
    assert_true(str_starts(id, S("did:web:a#")));
    assert_int_equal(id.n, 46);
}

/* nuts-node.md 0.5, 3.5: iss and sub both; one credential alone, more in an array. */
static void
shapes_presentations(void **state)
{
    static const struct str held[] = { S_INIT("a.b.c"), S_INIT("{\"x\":1}") };
    struct vp_template of = { .holder = S("did:web:h"),
                              .kid = S("did:web:h#k"),
                              .audience = S("https://v"),
                              .nonce = S("n"),
                              .credentials = held,
                              .from_ms = 1000,
                              .until_ms = 5000 };
    struct str claims;
    const json *v, *vp;

    (void)state;
    for (of.count = 0; of.count < 3; of.count++) {
        assert_int_equal(vp_claims(CX, &of, &claims), ERR_OK);
        v = parse(claims.p);
        vp = json_get(v, "vp");
        assert_true(json_is(json_get(v, "iss"), "did:web:h"));
        assert_true(json_is(json_get(v, "sub"), "did:web:h"));
        assert_true(json_is(json_get(vp, "holder"), "did:web:h"));
        assert_true(json_has(json_get(v, "aud"), S("https://v")));
        assert_true(json_is(json_get(v, "nonce"), "n"));
        assert_true(str_starts(json_get_text(v, "jti"), S("did:web:h#")));
        assert_true(json_is(json_get(vp, "type"), "VerifiablePresentation"));
        assert_int_equal(json_type(json_get(vp, "verifiableCredential")),
                         of.count == 0   ? json_type(NULL)
                         : of.count == 1 ? JSON_STRING
                                         : JSON_ARRAY);
    }
    assert_int_equal(json_type(json_at(json_get(vp, "verifiableCredential"), 1)),
                     JSON_OBJECT);
    of.count = 2;
    of.extra_types = parse("[\"RetractedVerifiablePresentation\"]");
    assert_int_equal(vp_claims(CX, &of, &claims), ERR_OK);
    assert_true(json_is(json_at(json_get(json_get(parse(claims.p), "vp"), "type"), 1),
                        "VerifiablePresentation"));
    of.extra_types = parse("7");
    assert_int_equal(vp_claims(CX, &of, &claims), ERR_VC_FORMAT);
    assert_null(claims.p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_templates, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_claims, setup, teardown),
        cmocka_unit_test_setup_teardown(leaves_nothing_out, setup, teardown),
        cmocka_unit_test_setup_teardown(shapes_presentations, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
