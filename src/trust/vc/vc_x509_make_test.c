/* vc_x509_make_test.c - X509Credentials made, and refused to be made. EUPL-1.2. */
#include "base/test.h"
#include "crypto/jose/jose.h"
#include "trust/vc/vc.h"

#define DAY        INT64_C(86400000)
#define OTHER_NAME "2.16.528.1.1007.99.2110-1-900030787-S-90000380-00.000-11223344"

/* root -> ca -> leaf, and a leaf without any name that proves something */
struct pki {
    struct test_ctx t;
    struct key *root_key, *ca_key, *leaf_key;
    struct cert *root, *ca, *leaf, *bare;
    struct bytes chain[3];
    struct vc_x509_template want;
};

static struct cert *
make(struct pki *p, enum x509_kind kind, const struct cert_attr *names, size_t count,
     const struct cert_san *san, size_t sans, const struct key *key,
     const struct cert *issuer, const struct key *issuer_key)
{
    struct x509_make what = {
        .kind = kind,
        .subject = names,
        .subject_count = count,
        .san = san,
        .san_count = sans,
        .from_ms = p->t.cx.now_ms - DAY,
        .to_ms = p->t.cx.now_ms + 30 * DAY,
    };
    struct bytes der;
    struct cert *c = NULL;

    assert_int_equal(x509_make(&p->t.cx, &what, key, issuer, issuer_key, &der), ERR_OK);
    assert_int_equal(cert_parse(&p->t.cx, der, &c), ERR_OK);
    return c;
}

static struct key *rsa; /* made once: it takes long */

static int
setup(void **state)
{
    static const struct cert_attr root_name[] = { { S_INIT("CN"), S_INIT("Root") } };
    static const struct cert_attr ca_name[] = { { S_INIT("CN"), S_INIT("CA") } };
    static const struct cert_attr bare_name[] = { { S_INIT("CN"),
                                                    S_INIT("n.example.nl") } };
    static const struct cert_attr leaf_name[] = {
        { S_INIT("L"), S_INIT("'s-Gravendam") },
        { S_INIT("O"), S_INIT("Zorg ~ \xC3\x84: & Zn") },
        { S_INIT("CN"), S_INIT("n.example.nl") },
    };
    static const struct cert_san san[] = {
        { CERT_SAN_DNS, S_INIT("n.example.nl"), S_INIT("") },
        { CERT_SAN_OTHER_NAME, S_INIT(OTHER_NAME), S_INIT("2.5.5.5") },
    };
    struct pki *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    test_ctx_init(&p->t);
    *state = p;
    assert_int_equal(key_generate(&p->t.cx, KEY_P256, &p->root_key), ERR_OK);
    assert_int_equal(key_generate(&p->t.cx, KEY_P256, &p->ca_key), ERR_OK);
    if (rsa == NULL)
        assert_int_equal(key_generate(&p->t.cx, KEY_RSA, &rsa), ERR_OK);
    p->leaf_key = rsa;
    p->root =
        make(p, X509_MAKE_ROOT, root_name, 1, NULL, 0, p->root_key, NULL, p->root_key);
    p->ca = make(p, X509_MAKE_INTERMEDIATE, ca_name, 1, NULL, 0, p->ca_key, p->root,
                 p->root_key);
    p->leaf = make(p, X509_MAKE_UZI_SERVER, leaf_name, COUNT(leaf_name), san, COUNT(san),
                   p->leaf_key, p->ca, p->ca_key);
    p->bare = make(p, X509_MAKE_TLS, bare_name, 1, san, 1, p->leaf_key, p->ca, p->ca_key);
    p->chain[0] = cert_der(p->leaf);
    p->chain[1] = cert_der(p->ca);
    p->chain[2] = cert_der(p->root);
    p->want = (struct vc_x509_template){ .chain = p->chain,
                                         .chain_count = 3,
                                         .key = p->leaf_key,
                                         .subject = S("did:web:n.example.nl:iam:1") };
    return 0;
}

static int
teardown(void **state)
{
    struct pki *p = *state;

    cert_free(p->root);
    cert_free(p->ca);
    cert_free(p->leaf);
    cert_free(p->bare);
    key_free(p->root_key);
    key_free(p->ca_key);
    test_ctx_fini(&p->t);
    free(p);
    return 0;
}

static void
refused(struct pki *p, err_t code)
{
    struct str jwt = S("left over");

    assert_int_equal(vc_x509_issue(&p->t.cx, &p->want, &jwt), code);
    assert_null(jwt.p);
}

/* --- refusals ----------------------------------------------------------------------- */

static void
another_key(void **state)
{
    struct pki *p = *state;

    p->want.key = p->ca_key;
    refused(p, ERR_VC_X509);
}

static void
no_root(void **state)
{
    struct pki *p = *state;

    p->want.chain_count = 2;
    refused(p, ERR_VC_X509);
    p->want.chain_count = 1;
    refused(p, ERR_VC_X509);
    p->want.chain_count = 0;
    refused(p, ERR_VC_X509);
}

static void
wrong_order(void **state)
{
    struct pki *p = *state;
    struct bytes chain[] = { p->chain[1], p->chain[0], p->chain[2] };
    struct bytes twice[] = { p->chain[0], p->chain[1], p->chain[1], p->chain[2] };

    p->want.chain = chain;
    refused(p, ERR_VC_X509);
    p->want.chain = twice;
    p->want.chain_count = 4;
    refused(p, ERR_DID_CHAIN);
}

static void
a_gap(void **state)
{
    struct pki *p = *state;
    struct bytes chain[] = { p->chain[0], p->chain[2] };

    p->want.chain = chain;
    p->want.chain_count = 2;
    refused(p, ERR_CERT_CHAIN);
}

static void
past(void **state)
{
    struct pki *p = *state;

    p->t.cx.now_ms += 31 * DAY;
    refused(p, ERR_CERT_TIME);
    p->t.cx.now_ms -= 33 * DAY;
    refused(p, ERR_CERT_TIME);
}

static void
longer_than_the_certificate(void **state)
{
    struct pki *p = *state;

    p->want.until_ms = p->t.cx.now_ms + 31 * DAY;
    refused(p, ERR_VC_X509);
    p->want.until_ms = 0;
    p->want.from_ms = p->t.cx.now_ms - 2 * DAY;
    refused(p, ERR_VC_X509);
}

static void
nothing_proven(void **state)
{
    struct pki *p = *state;

    p->chain[0] = cert_der(p->bare);
    refused(p, ERR_VC_X509);
}

static void
no_did(void **state)
{
    struct pki *p = *state;

    p->want.subject = S("n.example.nl");
    refused(p, ERR_DID_INVALID);
    p->want.subject = S("did:web:n.example.nl#1");
    refused(p, ERR_DID_INVALID);
}

/* --- made --------------------------------------------------------------------------- */

static void
made(void **state)
{
    struct pki *p = *state;
    struct vc_x509_trust trust = { .roots = &p->root,
                                   .roots_count = 1,
                                   .crls_waived = true };
    struct vc_options options = { .x509 = &trust };
    struct ctx *cx = &p->t.cx;
    const json *subject;
    struct vc_raw raw;
    struct str jwt;
    struct vc vc;

    assert_int_equal(vc_x509_issue(cx, &p->want, &jwt), ERR_OK);
    assert_int_equal(vc_parse(cx, jwt, &raw), ERR_OK);
    assert_int_equal(vc_verify(cx, &raw, &options, &vc), ERR_OK);
    assert_true(str_is(vc.uzi.ura, "90000380"));
    assert_true(str_eq(raw.subject, p->want.subject));
    assert_true(str_is(raw.jwt.alg, "PS256"));
    assert_true(str_is(json_get_text(raw.jwt.header, "typ"), "JWT"));
    assert_int_equal(json_size(json_get(raw.jwt.header, "x5c")), 3);
    assert_true(str_search(raw.issuer, S("::san:otherName:" OTHER_NAME
                                         "::subject:O:Zorg%20%7E%20%C3%84%3A%20%26%20Zn"
                                         ":L:%27s-Gravendam")) < raw.issuer.n);
    subject = json_at(json_get(raw.body, "credentialSubject"), 0);
    assert_true(json_is(json_path(subject, "san", "otherName", NULL), OTHER_NAME));
    assert_true(json_is(json_path(subject, "subject", "O", NULL), "Zorg ~ \xC3\x84: & Zn"));
    assert_int_equal(raw.from.ms, p->t.cx.now_ms - 60000);
    assert_int_equal(raw.until.ms, p->t.cx.now_ms + 30 * DAY);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(another_key, setup, teardown),
        cmocka_unit_test_setup_teardown(no_root, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_gap, setup, teardown),
        cmocka_unit_test_setup_teardown(past, setup, teardown),
        cmocka_unit_test_setup_teardown(longer_than_the_certificate, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_proven, setup, teardown),
        cmocka_unit_test_setup_teardown(no_did, setup, teardown),
        cmocka_unit_test_setup_teardown(made, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
