/* x509_test.c - a small PKI of our own, and every way to be refused. EUPL-1.2. */
#include "base/test.h"
#include "crypto/prim/der.h"
#include "crypto/x509/x509.h"

#include <string.h>

enum { DAY = 86400000 };

/* root -> ca -> leaf (UZI server), tls; one CRL each by root and ca. */
struct pki {
    struct test_ctx t;
    struct key *root_key, *ca_key, *leaf_key;
    struct cert *root, *ca, *leaf, *tls;
    struct crl *root_crl, *ca_crl;
};

static const struct cert_attr root_name[] = { { S_INIT("C"), S_INIT("NL") },
                                              { S_INIT("CN"), S_INIT("Test Root") } };
static const struct cert_attr ca_name[] = { { S_INIT("C"), S_INIT("NL") },
                                            { S_INIT("CN"), S_INIT("Test UZI CA") } };
static const struct cert_attr leaf_name[] = {
    { S_INIT("C"), S_INIT("NL") },
    { S_INIT("O"), S_INIT("Ziekenhuis \xC3\x84 & Zn") },
    { S_INIT("serialNumber"), S_INIT("90000380") },
    { S_INIT("CN"), S_INIT("node.example.nl") },
};
static const struct cert_san leaf_san[] = {
    { CERT_SAN_OTHER_NAME,
      S_INIT("2.16.528.1.1007.99.2110-1-900030787-S-90000380-00.000-11223344"),
      S_INIT("2.5.5.5") },
    { CERT_SAN_DNS, S_INIT("node.example.nl"), S_INIT("") },
    { CERT_SAN_DNS, S_INIT("*.star.example.nl"), S_INIT("") },
    { CERT_SAN_IP, S_INIT("2001:db8::1"), S_INIT("") },
    { CERT_SAN_EMAIL, S_INIT("Beheer@example.nl"), S_INIT("") },
    { CERT_SAN_URI, S_INIT("https://example.nl/x"), S_INIT("") },
};

static struct cert *
make(struct pki *p, enum x509_kind kind, const struct cert_attr *name, size_t names,
     const struct cert_san *san, size_t sans, const struct key *key,
     const struct cert *issuer, const struct key *issuer_key)
{
    struct x509_make what = {
        .kind = kind,
        .subject = name,
        .subject_count = names,
        .san = san,
        .san_count = sans,
        .crl_url = S("http://crl.example.nl/ca.crl"),
        .from_ms = p->t.cx.now_ms - DAY,
        .to_ms = p->t.cx.now_ms + 30 * (int64_t)DAY,
    };
    struct bytes der;
    struct cert *c = NULL;

    assert_int_equal(x509_make(&p->t.cx, &what, key, issuer, issuer_key, &der), ERR_OK);
    assert_int_equal(cert_parse(&p->t.cx, der, &c), ERR_OK);
    return c;
}

static struct crl *
make_crl(struct pki *p, const struct cert *ca, const struct key *key,
         const struct cert *revoked, int64_t from, int64_t to)
{
    struct x509_revoked list[1];
    struct bytes der;
    struct crl *l = NULL;

    if (revoked != NULL) {
        assert_int_equal(cert_serial(&p->t.cx, revoked, &list[0].serial), ERR_OK);
        list[0].when_ms = from;
    }
    assert_int_equal(
        x509_make_crl(&p->t.cx, ca, key, list, revoked != NULL, 7, from, to, &der), ERR_OK);
    assert_int_equal(crl_parse(&p->t.cx, der, &l), ERR_OK);
    return l;
}

static int
setup(void **state)
{
    static struct pki pki;
    struct pki *p = &pki;
    int64_t now;

    memset(p, 0, sizeof(*p));
    *state = p;
    test_ctx_init(&p->t);
    now = p->t.cx.now_ms;
    assert_int_equal(key_generate(&p->t.cx, KEY_P256, &p->root_key), ERR_OK);
    assert_int_equal(key_generate(&p->t.cx, KEY_P384, &p->ca_key), ERR_OK);
    assert_int_equal(key_generate(&p->t.cx, KEY_P256, &p->leaf_key), ERR_OK);
    p->root =
        make(p, X509_MAKE_ROOT, root_name, 2, NULL, 0, p->root_key, NULL, p->root_key);
    p->ca = make(p, X509_MAKE_INTERMEDIATE, ca_name, 2, NULL, 0, p->ca_key, p->root,
                 p->root_key);
    p->leaf = make(p, X509_MAKE_UZI_SERVER, leaf_name, 4, leaf_san, 6, p->leaf_key, p->ca,
                   p->ca_key);
    p->tls = make(p, X509_MAKE_TLS, leaf_name, 4, leaf_san + 1, 1, p->leaf_key, p->ca,
                  p->ca_key);
    p->root_crl = make_crl(p, p->root, p->root_key, NULL, now - DAY, now + DAY);
    p->ca_crl = make_crl(p, p->ca, p->ca_key, NULL, now - DAY, now + DAY);
    return 0;
}

static int
teardown(void **state)
{
    struct pki *p = *state;

    key_free(p->root_key);
    key_free(p->ca_key);
    key_free(p->leaf_key);
    cert_free(p->root);
    cert_free(p->ca);
    cert_free(p->leaf);
    cert_free(p->tls);
    crl_free(p->root_crl);
    crl_free(p->ca_crl);
    test_ctx_fini(&p->t);
    return 0;
}

static struct x509_want
want_of(struct pki *p)
{
    return (struct x509_want){
        .roots = &p->root,
        .roots_count = 1,
        .intermediates = &p->ca,
        .intermediates_count = 1,
        .purpose = X509_FOR_SERVER,
        .clock = X509_AT,
        .now_ms = p->t.cx.now_ms,
        .revocation = X509_CRLS_WAIVED,
    };
}

static err_t
verify(struct pki *p, const struct cert *leaf, const struct x509_want *w)
{
    struct x509_chain chain;
    err_t e = x509_verify(&p->t.cx, leaf, w, &chain);

    assert_int_equal(chain.count, e == ERR_OK ? 3 : 0);
    if (e == ERR_OK) {
        assert_ptr_equal(chain.at[0], leaf);
        assert_ptr_equal(chain.at[2], p->root);
    }
    return e;
}

static void
zero_is_no(void **state)
{
    struct pki *p = *state;
    struct x509_want w = want_of(p);

    w.purpose = X509_FOR_NOBODY;
    assert_int_equal(verify(p, p->leaf, &w), ERR_INTERNAL);
    w = want_of(p);
    w.clock = X509_CLOCK_NONE;
    assert_int_equal(verify(p, p->leaf, &w), ERR_INTERNAL);
    w = want_of(p);
    w.revocation = X509_REVOCATION_NONE;
    assert_int_equal(verify(p, p->leaf, &w), ERR_INTERNAL);
    w = want_of(p);
    w.clock = X509_WHENEVER;
    w.revocation = X509_CRLS;
    assert_int_equal(verify(p, p->leaf, &w), ERR_INTERNAL);
    w = want_of(p);
    w.roots_count = 0;
    assert_int_equal(verify(p, p->leaf, &w), ERR_CERT_CHAIN);
}

static void
chains(void **state)
{
    struct pki *p = *state;
    struct x509_want w = want_of(p);
    struct cert *both[2] = { p->root, p->ca };

    assert_int_equal(verify(p, p->leaf, &w), ERR_OK);
    w.purpose = X509_FOR_CLIENT;
    assert_int_equal(verify(p, p->leaf, &w), ERR_OK);
    w.purpose = X509_FOR_ANY;
    assert_int_equal(verify(p, p->leaf, &w), ERR_OK);
    w.intermediates = both; /* a root among the intermediates does no harm */
    w.intermediates_count = 2;
    assert_int_equal(verify(p, p->leaf, &w), ERR_OK);
    w.intermediates_count = 0;
    assert_int_equal(verify(p, p->leaf, &w), ERR_CERT_CHAIN);
    w = want_of(p);
    w.roots = &p->leaf;
    assert_int_equal(verify(p, p->leaf, &w), ERR_CERT_CHAIN);
    w = want_of(p);
    w.depth_set = true; /* no intermediate allowed */
    assert_int_equal(verify(p, p->leaf, &w), ERR_CERT_CHAIN);
    w.depth = 1;
    assert_int_equal(verify(p, p->leaf, &w), ERR_OK);
    w = want_of(p);
    w.intermediates_count = 0;
    assert_int_equal(verify(p, p->ca, &w), ERR_CERT); /* a CA is no server */
}

static void
forged(void **state)
{
    struct pki *p = *state;
    struct x509_want w = want_of(p);
    scoped(key_drop) struct key *mallory = NULL;
    scoped(cert_drop) struct cert *ca = NULL, *leaf = NULL, *below = NULL;

    assert_int_equal(key_generate(&p->t.cx, KEY_P384, &mallory), ERR_OK);
    /* signed by a key that is not the root's, under the root's name */
    ca = make(p, X509_MAKE_INTERMEDIATE, ca_name, 2, NULL, 0, mallory, p->root, mallory);
    leaf = make(p, X509_MAKE_TLS, leaf_name, 4, leaf_san + 1, 1, p->leaf_key, ca, mallory);
    w.intermediates = &ca;
    assert_int_equal(verify(p, leaf, &w), ERR_CERT_CHAIN);
    /* pathlen 0: a CA below the intermediate */
    key_drop(&mallory);
    assert_int_equal(key_generate(&p->t.cx, KEY_P384, &mallory), ERR_OK);
    below =
        make(p, X509_MAKE_INTERMEDIATE, root_name, 1, NULL, 0, mallory, p->ca, p->ca_key);
    cert_drop(&leaf);
    leaf =
        make(p, X509_MAKE_TLS, leaf_name, 4, leaf_san + 1, 1, p->leaf_key, below, mallory);
    {
        struct cert *both[2] = { below, p->ca };

        w.intermediates = both;
        w.intermediates_count = 2;
        assert_int_equal(verify(p, leaf, &w), ERR_CERT_CHAIN);
    }
}

static void
periods(void **state)
{
    struct pki *p = *state;
    struct x509_want w = want_of(p);
    int64_t from, to;

    cert_period(p->leaf, &from, &to);
    assert_int_equal(from, p->t.cx.now_ms - DAY);
    w.now_ms = from - 1;
    assert_int_equal(verify(p, p->leaf, &w), ERR_CERT_TIME);
    w.now_ms = from;
    assert_int_equal(verify(p, p->leaf, &w), ERR_OK);
    w.now_ms = to;
    assert_int_equal(verify(p, p->leaf, &w), ERR_OK);
    w.now_ms = to + 1000;
    assert_int_equal(verify(p, p->leaf, &w), ERR_CERT_TIME);
    w.clock = X509_WHENEVER;
    assert_int_equal(verify(p, p->leaf, &w), ERR_OK);
}

static void
names(void **state)
{
    static const struct {
        struct x509_name name;
        bool good;
    } rows[] = {
        { { CERT_SAN_DNS, S_INIT("node.example.nl") }, true },
        { { CERT_SAN_DNS, S_INIT("NODE.example.NL") }, true },
        { { CERT_SAN_DNS, S_INIT("a.star.example.nl") }, true },
        { { CERT_SAN_DNS, S_INIT("star.example.nl") }, false },
        { { CERT_SAN_DNS, S_INIT("a.b.star.example.nl") }, false },
        { { CERT_SAN_DNS, S_INIT("*.star.example.nl") }, false },
        { { CERT_SAN_DNS, S_INIT("example.nl") }, false },
        { { CERT_SAN_DNS, S_INIT("node.example.nl.") }, false },
        { { CERT_SAN_DNS, S_INIT("") }, false },
        { { CERT_SAN_IP, S_INIT("2001:0db8:0::1") }, true },
        { { CERT_SAN_IP, S_INIT("2001:db8::2") }, false },
        { { CERT_SAN_EMAIL, S_INIT("Beheer@EXAMPLE.nl") }, true },
        { { CERT_SAN_EMAIL, S_INIT("beheer@example.nl") }, false },
        { { CERT_SAN_URI, S_INIT("https://example.nl/x") }, false },
        { { CERT_SAN_NONE, S_INIT("node.example.nl") }, false },
    };
    struct pki *p = *state;
    struct x509_want w = want_of(p);

    w.names_count = 1;
    for (size_t i = 0; i < COUNT(rows); i++) {
        w.names = &rows[i].name;
        assert_int_equal(verify(p, p->leaf, &w), rows[i].good ? ERR_OK : ERR_CERT_NAME);
    }
}

static void
ekus(void **state)
{
    struct pki *p = *state;
    struct x509_want w = want_of(p);
    struct str eku = S("serverAuth");

    w.eku = &eku;
    w.eku_count = 1;
    assert_int_equal(verify(p, p->leaf, &w), ERR_OK);
    eku = S("1.3.6.1.5.5.7.3.2");
    assert_int_equal(verify(p, p->leaf, &w), ERR_OK);
    eku = S("codeSigning");
    assert_int_equal(verify(p, p->leaf, &w), ERR_CERT_CHAIN);
}

static void
revocation(void **state)
{
    struct pki *p = *state;
    struct x509_want w = want_of(p);
    int64_t now = p->t.cx.now_ms;
    scoped(crl_drop) struct crl *bad = NULL, *old = NULL, *early = NULL, *forged_crl = NULL;
    struct crl *lists[3] = { p->root_crl, p->ca_crl, NULL };

    w.revocation = X509_CRLS;
    assert_int_equal(verify(p, p->leaf, &w), ERR_CERT_STATUS_UNKNOWN); /* no list at all */
    w.crls = lists;
    w.crls_count = 1;
    assert_int_equal(verify(p, p->leaf, &w), ERR_CERT_STATUS_UNKNOWN); /* none of the CA */
    w.crls = lists + 1;
    assert_int_equal(verify(p, p->leaf, &w),
                     ERR_CERT_STATUS_UNKNOWN); /* none of the root */
    w.crls = lists;
    w.crls_count = 2;
    assert_int_equal(verify(p, p->leaf, &w), ERR_OK);

    bad = make_crl(p, p->ca, p->ca_key, p->leaf, now - DAY, now + DAY);
    lists[1] = bad;
    assert_int_equal(verify(p, p->leaf, &w), ERR_CERT_REVOKED);
    assert_int_equal(verify(p, p->tls, &w), ERR_OK); /* another one */
    lists[2] = p->ca_crl; /* a list that does not name it changes nothing */
    w.crls_count = 3;
    assert_int_equal(verify(p, p->leaf, &w), ERR_CERT_REVOKED);
    w.crls_count = 2;

    old = make_crl(p, p->ca, p->ca_key, NULL, now - 2 * DAY, now);
    lists[1] = old;
    assert_int_equal(verify(p, p->leaf, &w), ERR_CERT_STATUS_UNKNOWN);
    early = make_crl(p, p->ca, p->ca_key, NULL, now + DAY, now + 2 * DAY);
    lists[1] = early;
    assert_int_equal(verify(p, p->leaf, &w), ERR_CERT_STATUS_UNKNOWN);
    /* the CA's name, another key */
    forged_crl = make_crl(p, p->ca, p->leaf_key, NULL, now - DAY, now + DAY);
    lists[1] = forged_crl;
    assert_int_equal(verify(p, p->leaf, &w), ERR_CERT_STATUS_UNKNOWN);
    assert_int_equal(crl_signed_by(&p->t.cx, forged_crl, p->ca), ERR_SIGNATURE);
    assert_int_equal(crl_signed_by(&p->t.cx, p->ca_crl, p->ca), ERR_OK);
    assert_int_equal(crl_signed_by(&p->t.cx, p->ca_crl, p->ca), ERR_OK); /* remembered */
    assert_int_equal(crl_signed_by(&p->t.cx, p->ca_crl, p->root), ERR_SIGNATURE);
}

static void
reading(void **state)
{
    struct pki *p = *state;
    struct ctx *cx = &p->t.cx;
    scoped(key_drop) struct key *k = NULL;
    struct cert_attrs subject;
    struct cert_sans sans;
    struct cert_texts texts;
    struct uzi uzi;
    struct str serial;
    struct bytes mine, theirs;

    assert_int_equal(cert_subject(cx, p->leaf, &subject), ERR_OK);
    assert_int_equal(subject.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(str_eq(subject.at[i].name, leaf_name[i].name));
        assert_true(str_eq(subject.at[i].value, leaf_name[i].value));
    }
    assert_int_equal(cert_issuer(cx, p->leaf, &subject), ERR_OK);
    assert_true(str_is(subject.at[1].value, "Test UZI CA"));
    assert_int_equal(cert_san(cx, p->leaf, &sans), ERR_OK);
    assert_int_equal(sans.count, COUNT(leaf_san));
    for (size_t i = 0; i < sans.count; i++) {
        assert_int_equal(sans.at[i].type, leaf_san[i].type);
        assert_true(str_eq(sans.at[i].value, leaf_san[i].value));
    }
    assert_int_equal(cert_uzi(cx, p->leaf, &uzi), ERR_OK);
    assert_true(str_is(uzi.ura, "90000380") && uzi.type == UZI_SERVER);
    assert_true(str_is(uzi.agb, "11223344") && str_is(uzi.ca, "2.16.528.1.1007.99.2110"));
    assert_int_equal(cert_uzi(cx, p->tls, &uzi), ERR_NOT_FOUND);
    assert_int_equal(cert_eku(cx, p->leaf, &texts), ERR_OK);
    assert_int_equal(texts.count, 2);
    assert_int_equal(cert_crl_urls(cx, p->leaf, &texts), ERR_OK);
    assert_true(texts.count == 1 && str_is(texts.at[0], "http://crl.example.nl/ca.crl"));
    assert_int_equal(cert_key_usage(p->leaf), CERT_KU_DIGITAL_SIGNATURE);
    assert_int_equal(cert_key_usage(p->ca), CERT_KU_KEY_CERT_SIGN | CERT_KU_CRL_SIGN);
    assert_true(cert_is_ca(p->ca) && !cert_is_ca(p->leaf) && cert_is_self_issued(p->root));
    assert_int_equal(cert_serial(cx, p->leaf, &serial), ERR_OK);
    assert_int_equal(serial.n, 32);
    assert_int_equal(cert_key(cx, p->leaf, &k), ERR_OK);
    assert_int_equal(key_to_spki(cx, k, &mine), ERR_OK);
    assert_int_equal(key_to_spki(cx, p->leaf_key, &theirs), ERR_OK);
    assert_true(bytes_eq(mine, theirs));
}

static void
malformed(void **state)
{
    static const char *const uzis[] = {
        "2.16.528.1.1007.99.2110-1-900030787-S-90000380-00.000",
        "2.16.528.1.1007.99.2110-1-900030787-X-90000380-00.000-11223344",
        "2.16.528.1.1007.99.2110-1-900030787-S-9000038-00.000-11223344",
        "2.16.528.1.1007.99.2110-1-900030787-S-90000380-0.0000-11223344",
        "2.16.528.1.1007.99.2110-1-900030787-S-90000380-00.000-11223344-9",
    };
    struct pki *p = *state;
    struct bytes der = cert_der(p->leaf);
    uint8_t *copy = arena_alloc(p->t.cx.arena, der.n + 1);
    scoped(cert_drop) struct cert *c = NULL;
    struct uzi uzi;

    assert_non_null(copy);
    memcpy(copy, der.p, der.n);
    assert_int_equal(cert_parse(&p->t.cx, (struct bytes){ copy, der.n - 1 }, &c), ERR_CERT);
    assert_int_equal(cert_parse(&p->t.cx, (struct bytes){ copy, der.n + 1 }, &c), ERR_CERT);
    assert_int_equal(cert_parse(&p->t.cx, (struct bytes){ copy, 0 }, &c), ERR_CERT);
    for (size_t i = 0; i < COUNT(uzis); i++) {
        struct cert_san san = { CERT_SAN_OTHER_NAME, str_of(uzis[i]), S("2.5.5.5") };

        c = make(p, X509_MAKE_UZI_SERVER, leaf_name, 2, &san, 1, p->leaf_key, p->ca,
                 p->ca_key);
        assert_int_equal(cert_uzi(&p->t.cx, c, &uzi), ERR_CERT);
        assert_int_equal(uzi.type, 0);
        cert_drop(&c);
    }
    { /* two of them */
        struct cert_san two[2] = { leaf_san[0], leaf_san[0] };

        c = make(p, X509_MAKE_UZI_SERVER, leaf_name, 2, two, 2, p->leaf_key, p->ca,
                 p->ca_key);
        assert_int_equal(cert_uzi(&p->t.cx, c, &uzi), ERR_CERT);
    }
}

/* The certificate with another serial number, or one extension more; signed anew. */
static struct cert *
remade(struct pki *p, const struct cert *from, const struct key *issuer_key, bool zero,
       struct bytes extension)
{
    struct bytes der = cert_der(from), cert, tbs, at, value, alg, signature, list;
    unsigned tag;
    struct der_out o;
    struct cert *c = NULL;

    assert_true(der_take(&der, DER_SEQUENCE, &cert) && der_take(&cert, DER_SEQUENCE, &tbs));
    at = cert;
    assert_true(der_next(&cert, &tag, &alg));
    alg = (struct bytes){ at.p, at.n - cert.n };
    der_init(&o, p->t.cx.arena);
    der_begin(&o, DER_SEQUENCE);
    while (der_next(&tbs, &tag, &value)) {
        if (tag == DER_INTEGER && zero) {
            der_put_uint(&o, (struct bytes){ (const uint8_t *)"", 1 });
        } else if (tag == (DER_CONTEXT_MADE | 3)) {
            assert_true(der_take(&value, DER_SEQUENCE, &list));
            der_begin(&o, tag);
            der_begin(&o, DER_SEQUENCE);
            der_put_raw(&o, list);
            der_put_raw(&o, extension);
            der_end(&o);
            der_end(&o);
        } else {
            der_put(&o, tag, value);
        }
    }
    der_end(&o);
    assert_int_equal(der_done(&p->t.cx, &o, &tbs), ERR_OK);
    assert_int_equal(
        key_sign(&p->t.cx, issuer_key, sig_alg_for(issuer_key), SIG_DER, tbs, &signature),
        ERR_OK);
    der_init(&o, p->t.cx.arena);
    der_begin(&o, DER_SEQUENCE);
    der_put_raw(&o, tbs);
    der_put_raw(&o, alg);
    der_put_bits(&o, signature);
    der_end(&o);
    assert_int_equal(der_done(&p->t.cx, &o, &der), ERR_OK);
    assert_int_equal(cert_parse(&p->t.cx, der, &c), ERR_OK);
    return c;
}

/* RFC 5280 4.1.2.2, but for roots. */
static void
serial_zero(void **state)
{
    struct pki *p = *state;
    struct x509_want w = want_of(p);
    struct x509_chain chain;
    struct bytes none = { NULL, 0 };
    scoped(cert_drop) struct cert *root = remade(p, p->root, p->root_key, true, none),
                                  *ca = remade(p, p->ca, p->root_key, true, none),
                                  *tls = remade(p, p->tls, p->ca_key, true, none);

    assert_int_equal(verify(p, tls, &w), ERR_CERT);
    w.intermediates = &ca;
    assert_int_equal(verify(p, p->tls, &w), ERR_CERT);
    w = want_of(p);
    w.roots = &root;
    assert_int_equal(x509_verify(&p->t.cx, p->tls, &w, &chain), ERR_OK);
}

/* The CA, with one DNS subtree: 0 permitted, 1 excluded. */
static struct cert *
constrained(struct pki *p, unsigned kind, const char *domain)
{
    struct der_out o;
    struct bytes extension;

    der_init(&o, p->t.cx.arena);
    der_begin(&o, DER_SEQUENCE);
    der_put_oid(&o, "2.5.29.30");
    der_put_bool(&o, true);
    der_begin(&o, DER_OCTET_STRING);
    der_begin(&o, DER_SEQUENCE);
    der_begin(&o, DER_CONTEXT_MADE | kind);
    der_begin(&o, DER_SEQUENCE);
    der_put_z(&o, DER_CONTEXT | 2, domain);
    der_end(&o);
    der_end(&o);
    der_end(&o);
    der_end(&o);
    der_end(&o);
    assert_int_equal(der_done(&p->t.cx, &o, &extension), ERR_OK);
    return remade(p, p->ca, p->root_key, false, extension);
}

/* RFC 5280 4.2.1.10, for DNS names; a common name counts where no DNS name stands. */
static void
constraints(void **state)
{
    static const struct cert_san address = { CERT_SAN_IP, S_INIT("192.0.2.1"), S_INIT("") };
    static const struct {
        unsigned kind;
        const char *domain, *cn, *dns; /* dns NULL: the address alone */
        err_t e;
    } rows[] = {
        { 0, "example.nl", "node.example.nl", "node.example.nl", ERR_OK },
        { 0, "example.nl", "x", "*.example.nl", ERR_OK },
        { 0, "ample.nl", "x", "node.example.nl", ERR_CERT_CHAIN },
        { 0, "a.example.nl", "x", "*.example.nl", ERR_CERT_CHAIN },
        { 1, "example.nl", "x", "node.example.nl", ERR_CERT_CHAIN },
        { 1, "a.example.nl", "x", "*.example.nl", ERR_CERT_CHAIN },
        { 1, "other.nl", "x", "node.example.nl", ERR_OK },
        { 0, "example.nl", "192.0.2.1", NULL, ERR_OK },
        { 0, "example.nl", "node.example.nl", NULL, ERR_OK },
        { 0, "example.nl", "node.other.nl", NULL, ERR_CERT_CHAIN },
        { 1, "other.nl", "node.other.nl", NULL, ERR_CERT_CHAIN },
        { 1, "other.nl", "Other B.V.", NULL, ERR_OK },
    };
    struct pki *p = *state;
    struct x509_want w = want_of(p);

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cert_attr name = { S("CN"), str_of(rows[i].cn) };
        struct cert_san dns = { CERT_SAN_DNS, str_of(rows[i].dns), S("") };
        scoped(cert_drop) struct cert *ca = constrained(p, rows[i].kind, rows[i].domain);
        scoped(cert_drop) struct cert *leaf =
            make(p, X509_MAKE_TLS, &name, 1, rows[i].dns != NULL ? &dns : &address, 1,
                 p->leaf_key, p->ca, p->ca_key);

        w.intermediates = &ca;
        if (verify(p, leaf, &w) != rows[i].e)
            fail_msg("row %zu", i);
    }
}

/* Any flipped byte of a certificate is refused somewhere. */
static void
flipped(void **state)
{
    struct pki *p = *state;
    struct x509_want w = want_of(p);
    struct bytes der = cert_der(p->tls);
    uint8_t *copy = arena_alloc(p->t.cx.arena, der.n);

    assert_non_null(copy);
    for (size_t i = 0; i < der.n; i += 3) {
        scoped(cert_drop) struct cert *c = NULL;

        memcpy(copy, der.p, der.n);
        copy[i] ^= 0x10;
        if (cert_parse(&p->t.cx, (struct bytes){ copy, der.n }, &c) == ERR_OK)
            assert_int_not_equal(verify(p, c, &w), ERR_OK);
    }
}

static void
making_refusals(void **state)
{
    struct pki *p = *state;
    struct x509_make what = { .kind = X509_MAKE_TLS,
                              .subject = leaf_name,
                              .subject_count = 2,
                              .from_ms = 1,
                              .to_ms = 2 };
    struct bytes der;

    assert_int_equal(x509_make(&p->t.cx, &what, p->leaf_key, p->leaf, p->leaf_key, &der),
                     ERR_CERT); /* the issuer is no CA */
    assert_int_equal(x509_make(&p->t.cx, &what, p->leaf_key, NULL, p->leaf_key, &der),
                     ERR_CERT);
    what.kind = X509_MAKE_NONE;
    assert_int_equal(x509_make(&p->t.cx, &what, p->leaf_key, p->ca, p->ca_key, &der),
                     ERR_CERT);
    what.kind = X509_MAKE_UZI_SERVER;
    assert_int_equal(x509_make(&p->t.cx, &what, p->leaf_key, p->ca, p->ca_key, &der),
                     ERR_CERT);
    what.kind = X509_MAKE_TLS;
    what.to_ms = 0;
    assert_int_equal(x509_make(&p->t.cx, &what, p->leaf_key, p->ca, p->ca_key, &der),
                     ERR_CERT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),
        cmocka_unit_test(malformed),
        cmocka_unit_test(making_refusals),
        cmocka_unit_test(zero_is_no),
        cmocka_unit_test(chains),
        cmocka_unit_test(forged),
        cmocka_unit_test(periods),
        cmocka_unit_test(serial_zero),
        cmocka_unit_test(constraints),
        cmocka_unit_test(names),
        cmocka_unit_test(ekus),
        cmocka_unit_test(revocation),
        cmocka_unit_test(flipped),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
