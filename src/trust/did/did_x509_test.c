/*
 * did_x509_test.c - what a certificate chain proves, and what it does not.
 * Published vectors are in test/conformance. EUPL-1.2.
 */
#include "trust/did/pki_kit.h"

#include <string.h>

#include "trust/did/did.h"

#define PRINT "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define HEAD  "did:x509:0:sha256:" PRINT

struct fix {
    struct test_ctx t;
    struct pki pki;
};
#define FIX ((struct fix *)*state)
#define CX  (&FIX->t.cx)

static int
setup(void **state)
{
    struct fix *f = calloc(1, sizeof(*f));

    test_ctx_init(&f->t);
    *state = f;
    pki_new(&f->t.cx, &f->pki);
    return 0;
}

static int
teardown(void **state)
{
    pki_end(&FIX->pki);
    test_ctx_fini(&FIX->t);
    free(FIX);
    return 0;
}

/* --- the text ----------------------------------------------------------------------- */

static err_t
parse(struct ctx *cx, const char *text, struct did_x509 *x)
{
    struct did d;

    refuse_clear(cx);
    if (did_parse(cx, str_of(text), &d) != ERR_OK)
        return ERR_DID_INVALID;
    return did_x509_parse(cx, &d, x);
}

static void
refuses_texts_that_are_none(void **state)
{
    static const char *const bad[] = {
        "did:x509:0",
        "did:x509:0:sha256",
        HEAD,
        HEAD "::",
        HEAD ":subject:O:x",
        "did:x509:1:sha256:" PRINT "::subject:O:x",
        "did:x509::sha256:" PRINT "::subject:O:x",
        /* sha1 is refused: nuts-node takes it */
        "did:x509:0:sha1:AAAAAAAAAAAAAAAAAAAAAAAAAAA::subject:O:x",
        "did:x509:0:sha1:" PRINT "::subject:O:x",
        "did:x509:0:md5:" PRINT "::subject:O:x",
        "did:x509:0:SHA256:" PRINT "::subject:O:x",
        "did:x509:0:sha256:" PRINT "A::subject:O:x",
        "did:x509:0:sha256:AAAA::subject:O:x",
        "did:x509:0:sha384:" PRINT "::subject:O:x",
        "did:x509:0:sha512:" PRINT "::subject:O:x",
        HEAD "::subject",
        HEAD "::subject:O",
        HEAD "::subject:O:",
        HEAD "::subject:O:x:L",
        HEAD "::subject:X:x",
        HEAD "::subject:o:x",
        HEAD "::subject:O:x:O:y",
        HEAD "::subject:O:x::subject:O:y",
        HEAD "::subject:O:%ff",
        HEAD "::subject:O:a%00b",
        HEAD "::san",
        HEAD "::san:dns",
        HEAD "::san:dns:",
        HEAD "::san:dns:a:b",
        HEAD "::san:uid:a",
        HEAD "::eku",
        HEAD "::eku:1.2:3",
        HEAD "::eku:",
        HEAD "::fulcio-issuer",
        HEAD "::fulcio-issuer:a:b",
        HEAD "::unknown:x",
        HEAD "::subject:O:x::",
        HEAD "::::subject:O:x",
    };
    struct did_x509 x;
    struct buf b;
    struct str text;

    for (size_t i = 0; i < COUNT(bad); i++)
        if (parse(CX, bad[i], &x) != ERR_DID_INVALID)
            fail_msg("taken: %s", bad[i]);
    buf_init(&b, CX->arena);
    buf_z(&b, HEAD);
    for (int i = 0; i < 65; i++)
        buf_printf(&b, "::san:dns:a%d", i);
    assert_int_equal(buf_done(CX, &b, &text), ERR_OK);
    assert_int_equal(parse(CX, text.p, &x), ERR_DID_INVALID);
    {
        struct did d;

        assert_int_equal(did_parse(CX, S("did:web:a.example"), &d), ERR_OK);
        assert_int_equal(did_x509_parse(CX, &d, &x), ERR_DID_METHOD);
    }
}

/* A plus is a plus (B16: nuts-node reads it as a space in one of two places). */
static void
reads_values_as_percent_encoded(void **state)
{
    struct did_x509 x;

    assert_int_equal(parse(CX,
                           HEAD "::subject:O:a%2Bb%20c:L:Oss::san:otherName:1-%2b-2"
                                "::eku:1.2.3::subject:O:a%2Bb%20c",
                           &x),
                     ERR_OK);
    assert_int_equal(x.count, 5);
    assert_true(str_is(x.hash, "sha256"));
    assert_true(str_is(x.fingerprint, PRINT));
    assert_true(str_is(x.claims[0].policy, "subject"));
    assert_true(str_is(x.claims[0].name, "O"));
    assert_true(str_is(x.claims[0].value, "a+b c"));
    assert_true(str_is(x.claims[1].value, "Oss"));
    assert_true(str_is(x.claims[2].policy, "san"));
    assert_true(str_is(x.claims[2].value, "1-+-2"));
    assert_int_equal(x.claims[3].name.n, 0);
    assert_true(str_is(x.claims[3].value, "1.2.3"));
    /* bare, it is no character of a DID (DID Core 3.1) */
    assert_int_equal(parse(CX, HEAD "::subject:O:a+b", &x), ERR_DID_INVALID);
}

/* --- the chain ---------------------------------------------------------------------- */

static struct str
did_of(struct ctx *cx, const struct cert *ca, const char *hash_name, enum hash h,
       const char *policies)
{
    struct str did = arena_printf(cx->arena, "did:x509:0:%s:%.*s%s", hash_name,
                                  STR(pki_print(cx, ca, h)), policies);

    assert_non_null(did.p);
    return did;
}

static err_t
resolve_with(struct ctx *cx, struct str did, const struct bytes *chain, size_t n,
             struct did_doc *doc)
{
    struct did_options how = { .chain = chain, .chain_count = n };

    refuse_clear(cx);
    return did_resolve(cx, did, &how, doc);
}

static err_t
resolve(void **state, const char *policies, struct did_doc *doc)
{
    return resolve_with(CX, did_of(CX, FIX->pki.root, "sha256", HASH_SHA256, policies),
                        FIX->pki.chain, 3, doc);
}

#define GOOD "::san:otherName:" PKI_UZI "::subject:O:Huis%20%26%20Zn%20%2B%20Co:L:Oss"

static void
proves_the_names_of_the_leaf(void **state)
{
    const struct did_key *key;
    struct did_doc doc;
    struct str kid;

    assert_int_equal(resolve(state, GOOD "::san:dns:huis.example.org", &doc), ERR_OK);
    assert_int_equal(doc.key_count, 1);
    kid = arena_printf(CX->arena, "%.*s#0", STR(doc.id));
    assert_int_equal(did_key_find(CX, &doc, kid, DID_ASSERTION, &key), ERR_OK);
    assert_int_equal(did_key_find(CX, &doc, kid, DID_AUTHENTICATION, &key), ERR_OK);
    assert_int_equal(did_key_find(CX, &doc, kid, DID_INVOCATION, &key), ERR_DID_KEY);
    /* any CA of the chain may be the one that is pinned, by any strong hash */
    assert_int_equal(resolve_with(CX, did_of(CX, FIX->pki.ca, "sha384", HASH_SHA384, GOOD),
                                  FIX->pki.chain, 3, &doc),
                     ERR_OK);
    assert_int_equal(resolve_with(CX,
                                  did_of(CX, FIX->pki.root, "sha512", HASH_SHA512, GOOD),
                                  FIX->pki.chain, 3, &doc),
                     ERR_OK);
}

static void
refuses_claims_that_the_certificate_does_not_make(void **state)
{
    static const char *const bad[] = {
        "::subject:O:Huis",
        "::subject:O:huis%20%26%20Zn%20%2B%20Co",
        "::subject:OU:x",
        "::subject:CN:Oss",
        "::subject:L:Oss:O:Other",
        "::san:otherName:2.16.528.1.1007.99.2110-1-900030787-S-90000381-00.000-11223344",
        "::san:otherName:huis.example.org",
        "::san:dns:other.example.org",
        "::san:email:huis.example.org",
        "::san:uri:huis.example.org",
        "::san:ip:1.2.3.4",
        "::eku:1.3.6.1.5.5.7.3.9",
        "::fulcio-issuer:huis.example.org",
        GOOD "::san:dns:other.example.org",
    };
    struct did_doc doc;

    for (size_t i = 0; i < COUNT(bad); i++)
        if (resolve(state, bad[i], &doc) != ERR_DID_CHAIN)
            fail_msg("taken: %s", bad[i]);
    assert_int_equal(resolve(state, "::eku:1.3.6.1.5.5.7.3.1", &doc), ERR_OK);
}

static void
refuses_chains_that_do_not_carry_it(void **state)
{
    struct pki *p = &FIX->pki, other;
    struct str did = did_of(CX, p->root, "sha256", HASH_SHA256, GOOD);
    const struct bytes reversed[] = { p->chain[2], p->chain[1], p->chain[0] };
    const struct bytes crossed[] = { p->chain[0], p->chain[2], p->chain[1] };
    const struct bytes doubled[] = { p->chain[0], p->chain[1], p->chain[1], p->chain[2] };
    const struct bytes no_ca[] = { p->chain[0], p->chain[2] };
    struct bytes mixed[4] = { p->chain[0], p->chain[1], p->chain[2], { NULL, 0 } };
    struct bytes long_one[64];
    uint8_t spoilt[4096];
    struct did_doc doc;

    for (size_t i = 0; i < COUNT(long_one); i++)
        long_one[i] = p->chain[i < 2 ? i : 2];
    assert_int_equal(resolve_with(CX, did, long_one, COUNT(long_one), &doc), ERR_DID_CHAIN);
    assert_int_equal(resolve_with(CX, did, NULL, 0, &doc), ERR_DID_CHAIN);
    assert_int_equal(resolve_with(CX, did, p->chain, 1, &doc), ERR_DID_CHAIN);
    assert_int_not_equal(resolve_with(CX, did, p->chain, 2, &doc), ERR_OK);
    assert_int_not_equal(resolve_with(CX, did, reversed, 3, &doc), ERR_OK);
    assert_int_not_equal(resolve_with(CX, did, crossed, 3, &doc), ERR_OK);
    assert_int_not_equal(resolve_with(CX, did, doubled, 4, &doc), ERR_OK);
    assert_int_not_equal(resolve_with(CX, did, no_ca, 2, &doc), ERR_OK);
    /* nothing that is not part of the path (Nuts RFC023 3) */
    pki_new(CX, &other);
    mixed[3] = cert_der(other.root);
    assert_int_not_equal(resolve_with(CX, did, mixed, 4, &doc), ERR_OK);
    mixed[2] = cert_der(other.ca);
    mixed[3] = p->chain[2];
    assert_int_not_equal(resolve_with(CX, did, mixed, 4, &doc), ERR_OK);
    /* another's fingerprint, the leaf's own, an altered leaf, no certificate */
    assert_int_equal(resolve_with(CX, did_of(CX, other.root, "sha256", HASH_SHA256, GOOD),
                                  p->chain, 3, &doc),
                     ERR_DID_CHAIN);
    assert_int_equal(resolve_with(CX, did_of(CX, p->leaf, "sha256", HASH_SHA256, GOOD),
                                  p->chain, 3, &doc),
                     ERR_DID_CHAIN);
    pki_end(&other);
    mixed[2] = p->chain[2];
    memcpy(spoilt, p->chain[0].p, p->chain[0].n);
    spoilt[p->chain[0].n - 3] ^= 1;
    mixed[0] = (struct bytes){ spoilt, p->chain[0].n };
    assert_int_not_equal(resolve_with(CX, did, mixed, 3, &doc), ERR_OK);
    mixed[0] = (struct bytes){ (const uint8_t *)"AAAA", 4 };
    assert_int_equal(resolve_with(CX, did, mixed, 3, &doc), ERR_DID_CHAIN);
    assert_int_equal(resolve_with(CX, did, p->chain, 3, &doc), ERR_OK);
}

/* Of two values for one name nobody knows which is meant. */
static void
refuses_subjects_that_say_a_name_twice(void **state)
{
    static const struct cert_attr names[] = { { S_INIT("CN"), S_INIT("huis.example.org") },
                                              { S_INIT("O"), S_INIT("One") },
                                              { S_INIT("O"), S_INIT("Two") } };
    struct cert_san san = { CERT_SAN_OTHER_NAME, S(PKI_UZI), S("2.5.5.5") };
    struct x509_make what = { .kind = X509_MAKE_UZI_SERVER,
                              .subject = names,
                              .subject_count = COUNT(names),
                              .san = &san,
                              .san_count = 1,
                              .from_ms = CX->now_ms - PKI_DAY,
                              .to_ms = CX->now_ms + PKI_DAY };
    struct pki *p = &FIX->pki;
    struct cert *twice = pki_make(CX, &what, p->leaf_key, p->ca, p->ca_key);
    struct did_doc doc;

    cert_free(p->leaf);
    p->leaf = twice;
    p->chain[0] = cert_der(p->leaf);
    assert_int_equal(resolve(state, "::subject:O:One", &doc), ERR_DID_CHAIN);
    assert_int_equal(resolve(state, "::subject:O:Two", &doc), ERR_DID_CHAIN);
    assert_int_equal(resolve(state, "::san:otherName:" PKI_UZI, &doc), ERR_OK);
}

static void
looks_at_periods_unless_told_not_to(void **state)
{
    struct did_options how = { .chain = FIX->pki.chain, .chain_count = 3 };
    struct str did = did_of(CX, FIX->pki.root, "sha256", HASH_SHA256, GOOD);
    int64_t now = CX->now_ms;
    struct did_doc doc;

    CX->now_ms = now + 31 * PKI_DAY;
    assert_int_equal(did_resolve(CX, did, &how, &doc), ERR_CERT_TIME);
    how.at_ms = now;
    assert_int_equal(did_resolve(CX, did, &how, &doc), ERR_OK);
    how.at_ms = 0;
    CX->now_ms = now - 2 * PKI_DAY;
    assert_int_equal(did_resolve(CX, did, &how, &doc), ERR_CERT_TIME);
    how.any_time = true;
    assert_int_equal(did_resolve(CX, did, &how, &doc), ERR_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_texts_that_are_none, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_values_as_percent_encoded, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_claims_that_the_certificate_does_not_make,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_chains_that_do_not_carry_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(refuses_subjects_that_say_a_name_twice, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(proves_the_names_of_the_leaf, setup, teardown),
        cmocka_unit_test_setup_teardown(looks_at_periods_unless_told_not_to, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
