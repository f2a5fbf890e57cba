/*
 * pki_kit.h - certificates for tests and benchmarks: root, CA, organisation.
 *
 * Included by tests and benchmarks alone. Source: Knoop. EUPL-1.2.
 */
#ifndef KNOOP_TRUST_PKI_KIT_H
#define KNOOP_TRUST_PKI_KIT_H

#include "base/test.h"

#include "crypto/x509/x509.h"

#include <string.h>

#define PKI_DAY      INT64_C(86400000)
#define PKI_URA      "90000380"
#define PKI_UZI      "2.16.528.1.1007.99.2110-1-900030787-S-" PKI_URA "-00.000-11223344"
#define PKI_NAME     "Huis & Zn + Co"
#define PKI_CITY     "Oss"
#define PKI_CRL_CA   "http://crl.example.org/ca.crl"   /* of the organisation */
#define PKI_CRL_ROOT "http://crl.example.org/root.crl" /* of the CA */

struct pki {
    struct key *root_key, *ca_key, *leaf_key;
    struct cert *root, *ca, *leaf;
    struct bytes chain[3];
};

/* What a certificate says; zeros are the usual. */
struct pki_leaf {
    const char *uzi, *name, *city; /* "" leaves it out */
    const char *crl_url;
    int64_t from_ms, to_ms;
    enum x509_kind kind;
};

static inline struct cert *
pki_make(struct ctx *cx, const struct x509_make *what, const struct key *key,
         const struct cert *issuer, const struct key *issuer_key)
{
    struct bytes der;
    struct cert *c = NULL;

    assert_int_equal(x509_make(cx, what, key, issuer, issuer_key, &der), ERR_OK);
    assert_int_equal(cert_parse(cx, der, &c), ERR_OK);
    return c;
}

static inline struct cert *
pki_leaf(struct ctx *cx, const struct pki *p, const struct pki_leaf *l)
{
    struct cert_attr names[4];
    struct cert_san san[2] = { { CERT_SAN_DNS, S("huis.example.org"), S("") },
                               { CERT_SAN_OTHER_NAME, str_of(l->uzi ? l->uzi : PKI_UZI),
                                 S("2.5.5.5") } };
    struct x509_make what = { .kind = l->kind ? l->kind : X509_MAKE_UZI_SERVER,
                              .subject = names,
                              .san = san,
                              .san_count = l->uzi && !l->uzi[0] ? 1 : 2,
                              .crl_url = str_of(l->crl_url ? l->crl_url : PKI_CRL_CA),
                              .from_ms = l->from_ms ? l->from_ms : cx->now_ms - PKI_DAY,
                              .to_ms = l->to_ms ? l->to_ms : cx->now_ms + 30 * PKI_DAY };
    size_t n = 0;

    names[n++] = (struct cert_attr){ S("CN"), S("huis.example.org") };
    if (l->name == NULL || l->name[0])
        names[n++] = (struct cert_attr){ S("O"), str_of(l->name ? l->name : PKI_NAME) };
    if (l->city == NULL || l->city[0])
        names[n++] = (struct cert_attr){ S("L"), str_of(l->city ? l->city : PKI_CITY) };
    what.subject_count = n;
    return pki_make(cx, &what, p->leaf_key, p->ca, p->ca_key);
}

static inline void
pki_new(struct ctx *cx, struct pki *p)
{
    static const struct cert_attr root_name[] = { { S_INIT("CN"), S_INIT("Test Root") } };
    static const struct cert_attr ca_name[] = { { S_INIT("CN"), S_INIT("Test CA") } };
    struct x509_make what = { .kind = X509_MAKE_ROOT,
                              .subject = root_name,
                              .subject_count = 1,
                              .from_ms = cx->now_ms - 100 * PKI_DAY,
                              .to_ms = cx->now_ms + 1000 * PKI_DAY };

    memset(p, 0, sizeof(*p));
    assert_int_equal(key_generate(cx, KEY_P256, &p->root_key), ERR_OK);
    assert_int_equal(key_generate(cx, KEY_P256, &p->ca_key), ERR_OK);
    assert_int_equal(key_generate(cx, KEY_P256, &p->leaf_key), ERR_OK);
    p->root = pki_make(cx, &what, p->root_key, NULL, p->root_key);
    what.kind = X509_MAKE_INTERMEDIATE;
    what.subject = ca_name;
    what.crl_url = S(PKI_CRL_ROOT);
    p->ca = pki_make(cx, &what, p->ca_key, p->root, p->root_key);
    p->leaf = pki_leaf(cx, p, &(struct pki_leaf){ .kind = X509_MAKE_UZI_SERVER });
    p->chain[0] = cert_der(p->leaf);
    p->chain[1] = cert_der(p->ca);
    p->chain[2] = cert_der(p->root);
}

/* Another organisation's certificate, in place of the first. */
static inline void
pki_swap_leaf(struct ctx *cx, struct pki *p, const struct pki_leaf *l)
{
    struct cert *fresh = pki_leaf(cx, p, l);

    cert_free(p->leaf);
    p->leaf = fresh;
    p->chain[0] = cert_der(fresh);
}

static inline void
pki_end(struct pki *p)
{
    cert_free(p->root);
    cert_free(p->ca);
    cert_free(p->leaf);
    key_drop(&p->root_key);
    key_drop(&p->ca_key);
    key_drop(&p->leaf_key);
}

/* A list of the CA (or the root), naming `revoked` (may be NULL). */
static inline struct bytes
pki_crl(struct ctx *cx, const struct pki *p, bool of_root, const struct cert *revoked,
        int64_t from_ms, int64_t to_ms)
{
    struct x509_revoked entry = { S(""), from_ms };
    struct bytes der;

    if (revoked != NULL)
        assert_int_equal(cert_serial(cx, revoked, &entry.serial), ERR_OK);
    assert_int_equal(x509_make_crl(cx, of_root ? p->root : p->ca,
                                   of_root ? p->root_key : p->ca_key, &entry,
                                   revoked != NULL, 1, from_ms, to_ms, &der),
                     ERR_OK);
    return der;
}

/* base64url of the hash of a certificate, as a did:x509 names it. */
static inline struct str
pki_print(struct ctx *cx, const struct cert *c, enum hash h)
{
    uint8_t print[HASH_MAX];
    struct str text;

    assert_int_equal(cert_fingerprint(cx, c, h, print), ERR_OK);
    assert_int_equal(b64url(cx, (struct bytes){ print, hash_size(h) }, &text), ERR_OK);
    return text;
}

#endif
