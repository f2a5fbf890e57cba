/*
 * vc_bench.h - a small PKI as CIBG's, its lists, and a did:web document; for benchmarks
 * of this floor. EUPL-1.2.
 */
#ifndef KNOOP_TRUST_VC_BENCH_H
#define KNOOP_TRUST_VC_BENCH_H

#include "base/bench.h"
#include "crypto/jose/jose.h"
#include "crypto/x509/x509.h"
#include "sys/http/fetch.h"

#define BENCH_DAY    INT64_C(86400000)
#define BENCH_HOLDER "did:web:holder.example.org:iam:1"
#define BENCH_UZI    "2.16.528.1.1007.99.2110-1-900030787-S-90000380-00.000-11223344"

struct bench_pki {
    struct key *root_key, *ca_key, *leaf_key;
    struct cert *root, *ca, *leaf;
    struct bytes chain[3], crl[2]; /* leaf first; the CA's, the root's */
};

static inline struct cert *
bench_certify_(struct ctx *cx, enum x509_kind kind, const char *cn, const char *crl,
               const struct key *key, const struct cert *by, const struct key *by_key)
{
    const struct cert_attr names[] = { { S("CN"), str_of(cn) },
                                       { S("O"), S("Huis") },
                                       { S("L"), S("Oss") } };
    const struct cert_san san[] = { { CERT_SAN_DNS, S("h.example.org"), S("") },
                                    { CERT_SAN_OTHER_NAME, S(BENCH_UZI), S("2.5.5.5") } };
    bool is_leaf = kind == X509_MAKE_UZI_SERVER;
    const struct x509_make what = { .kind = kind,
                                    .subject = names,
                                    .subject_count = is_leaf ? 3 : 1,
                                    .san = san,
                                    .san_count = is_leaf ? 2 : 0,
                                    .crl_url = str_of(crl),
                                    .from_ms = cx->now_ms - BENCH_DAY,
                                    .to_ms = cx->now_ms + 30 * BENCH_DAY };
    struct bytes der;
    struct cert *c;

    bench_must(cx, x509_make(cx, &what, key, by, by_key, &der), cn);
    bench_must(cx, cert_parse(cx, der, &c), cn);
    return c;
}

static inline void
bench_pki_make(struct ctx *cx, enum key_type type, struct bench_pki *p)
{
    bench_must(cx, key_generate(cx, type, &p->root_key), "a key");
    bench_must(cx, key_generate(cx, type, &p->ca_key), "a key");
    bench_must(cx, key_generate(cx, type, &p->leaf_key), "a key");
    p->root =
        bench_certify_(cx, X509_MAKE_ROOT, "Root", "", p->root_key, NULL, p->root_key);
    p->ca =
        bench_certify_(cx, X509_MAKE_INTERMEDIATE, "CA", "http://c.example.org/root.crl",
                       p->ca_key, p->root, p->root_key);
    p->leaf = bench_certify_(cx, X509_MAKE_UZI_SERVER, "h.example.org",
                             "http://c.example.org/ca.crl", p->leaf_key, p->ca, p->ca_key);
    p->chain[0] = cert_der(p->leaf);
    p->chain[1] = cert_der(p->ca);
    p->chain[2] = cert_der(p->root);
    bench_must(cx,
               x509_make_crl(cx, p->ca, p->ca_key, NULL, 0, 1, cx->now_ms - BENCH_DAY,
                             cx->now_ms + BENCH_DAY, &p->crl[0]),
               "a list");
    bench_must(cx,
               x509_make_crl(cx, p->root, p->root_key, NULL, 0, 1, cx->now_ms - BENCH_DAY,
                             cx->now_ms + BENCH_DAY, &p->crl[1]),
               "a list");
}

static inline void
bench_pki_free(struct bench_pki *p)
{
    key_free(p->root_key);
    key_free(p->ca_key);
    key_free(p->leaf_key);
    cert_free(p->root);
    cert_free(p->ca);
    cert_free(p->leaf);
}

/* What a fetch gives: a list of `p`, or `document`. */
static inline struct fetch_reply
bench_reply(const struct bench_pki *p, const struct fetch_request *in, struct str document)
{
    bool is_list = in->trust == FETCH_CRL;

    return (struct fetch_reply){ 200, S("application/json"),
                                 is_list ? p->crl[str_ends(in->url, S("root.crl"))]
                                         : bytes_of(document),
                                 -1 };
}

static inline struct str
bench_document(struct ctx *cx, const char *did, const struct key *key)
{
    struct str jwk;

    bench_must(cx, jwk_text(cx, key, S(""), &jwk), "a JWK");
    return arena_printf(cx->arena,
                        "{\"id\":\"%s\",\"verificationMethod\":[{\"id\":\"%s#k\",\"type\":"
                        "\"JsonWebKey2020\",\"controller\":\"%s\",\"publicKeyJwk\":%.*s}],"
                        "\"authentication\":[\"%s#k\"],\"assertionMethod\":[\"%s#k\"]}",
                        did, did, did, STR(jwk), did, did);
}

#endif
