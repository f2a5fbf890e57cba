/*
 * did_x509.c - did:x509: what a certificate chain proves about its holder.
 *
 * Rule    did:x509 version 0; Nuts RFC023 3 and 4. The chain is given leaf first,
 *         root last, and must be exactly the path that verifies; the fingerprint
 *         is of one of its CAs; every policy holds for the leaf.
 * Trust   The chain is a stranger's, and so is its root: that this root may vouch
 *         is decided elsewhere (trust/vc: configured roots, revocation lists).
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/did/did.h"
#include "trust/did/did_int.h"

#include "crypto/prim/der.h"
#include "crypto/x509/x509.h"

#include <assert.h>
#include <string.h>

enum { CHAIN_MAX = 10 };

static err_t
no(struct ctx *cx, const char *what)
{
    return refuse(cx, ERR_DID_CHAIN, "did:x509 0", "%s", what);
}

/* --- the chain ------------------------------------------------------------------ */

struct certs {
    struct cert *at[CHAIN_MAX];
    size_t n;
};

static void
certs_drop(struct certs *c)
{
    while (c->n != 0)
        cert_free(c->at[--c->n]);
}

static err_t
read_chain(struct ctx *cx, const struct did_options *o, struct certs *out)
{
    size_t i;

    if (o->chain_count < 2 || o->chain_count > CHAIN_MAX)
        return no(cx, "the chain needs a leaf and its CAs");
    for (i = 0; i < o->chain_count; i++) {
        if (cert_parse(cx, o->chain[i], &out->at[i]) != ERR_OK)
            return no(cx, "the chain holds what is no certificate");
        out->n++;
    }
    return ERR_OK;
}

/* The path that verifies is the chain as it was given: nothing else, in order. */
static err_t
verify_chain(struct ctx *cx, const struct certs *c, const struct did_options *o)
{
    struct x509_want want = { .roots = &c->at[c->n - 1],
                              .roots_count = 1,
                              .intermediates = &c->at[1],
                              .intermediates_count = c->n - 2,
                              .purpose = X509_FOR_ANY,
                              .clock = o->any_time ? X509_WHENEVER : X509_AT,
                              .now_ms = o->at_ms != 0 ? o->at_ms : cx->now_ms,
                              .revocation = X509_CRLS_WAIVED };
    struct x509_chain path;
    size_t i;
    err_t e = x509_verify(cx, c->at[0], &want, &path);

    if (e != ERR_OK)
        return e;
    if (path.count != c->n)
        return no(cx, "the chain is not exactly the path that verifies");
    for (i = 0; i < c->n; i++)
        if (!bytes_eq(cert_der(path.at[i]), cert_der(c->at[i])))
            return no(cx, "the chain is not in order, leaf first");
    return ERR_OK;
}

static err_t
check_fingerprint(struct ctx *cx, const struct did_x509 *x, const struct certs *c)
{
    static const struct {
        const char *name;
        enum hash hash;
    } hashes[] = { { "sha256", HASH_SHA256 },
                   { "sha384", HASH_SHA384 },
                   { "sha512", HASH_SHA512 } };
    uint8_t print[HASH_MAX];
    struct bytes want;
    size_t i, h;
    err_t e;

    if (b64url_decode(cx, x->fingerprint, &want) != ERR_OK)
        return refuse(cx, ERR_DID_INVALID, "did:x509 0",
                      "the fingerprint is not base64url");
    for (h = 0; h < COUNT(hashes) && !str_is(x->hash, hashes[h].name); h++)
        ;
    assert(h < COUNT(hashes));   /* did_x509_parse takes no other */
    for (i = 1; i < c->n; i++) { /* a CA's, so not the leaf's */
        if ((e = cert_fingerprint(cx, c->at[i], hashes[h].hash, print)) != ERR_OK)
            return e;
        if (bytes_eq(want, (struct bytes){ print, hash_size(hashes[h].hash) }))
            return ERR_OK;
    }
    return no(cx, "no CA of the chain has the DID's fingerprint");
}

/* --- the policies ------------------------------------------------------------------ */

static err_t
has_subject(struct ctx *cx, const struct cert *leaf, const struct did_x509_claim *c,
            bool *out)
{
    struct cert_attrs attrs;
    size_t i, k;
    err_t e = cert_subject(cx, leaf, &attrs);

    if (e != ERR_OK)
        return e;
    /* Of two values for one name nobody knows which is meant. */
    for (i = 0; i < attrs.count; i++)
        for (k = 0; k < i; k++)
            if (str_eq(attrs.at[i].name, attrs.at[k].name))
                return no(cx, "the certificate's subject has an attribute twice");
    for (i = 0; i < attrs.count && !*out; i++)
        *out = str_eq(attrs.at[i].name, c->name) && str_eq(attrs.at[i].value, c->value);
    return ERR_OK;
}

static err_t
has_san(struct ctx *cx, const struct cert *leaf, const struct did_x509_claim *c, bool *out)
{
    static const struct {
        const char *name;
        enum cert_san_type type;
    } types[] = { { "otherName", CERT_SAN_OTHER_NAME },
                  { "dns", CERT_SAN_DNS },
                  { "email", CERT_SAN_EMAIL },
                  { "uri", CERT_SAN_URI },
                  { "ip", CERT_SAN_IP } };
    struct cert_sans sans;
    size_t i, k;
    err_t e = cert_san(cx, leaf, &sans);

    if (e != ERR_OK)
        return e;
    for (i = 0; i < sans.count; i++)
        for (k = 0; k < COUNT(types); k++)
            if (str_is(c->name, types[k].name) && sans.at[i].type == types[k].type &&
                str_eq(sans.at[i].value, c->value) &&
                (types[k].type != CERT_SAN_OTHER_NAME || str_is(sans.at[i].oid, "2.5.5.5")))
                *out = true;
    return ERR_OK;
}

static err_t
has_eku(struct ctx *cx, const struct cert *leaf, const struct did_x509_claim *c, bool *out)
{
    struct cert_texts oids;
    size_t i;
    err_t e = cert_eku(cx, leaf, &oids);

    if (e != ERR_OK)
        return e;
    for (i = 0; i < oids.count; i++)
        *out = *out || str_eq(oids.at[i], c->value);
    return ERR_OK;
}

/* The extension 1.3.6.1.4.1.57264.1.1 of Sigstore's CA: the issuer's URL, bare. */
static bool
fulcio_issuer(struct bytes der, struct bytes *value)
{
    struct bytes cert, tbs, any = { NULL, 0 }, list, ext, oid;
    unsigned tag = 0;

    if (!der_take(&der, DER_SEQUENCE, &cert) || !der_take(&cert, DER_SEQUENCE, &tbs))
        return false;
    while (der_next(&tbs, &tag, &any))
        if (tag == DER_CONTEXT_MADE + 3)
            break;
    if (tag != DER_CONTEXT_MADE + 3 || !der_take(&any, DER_SEQUENCE, &list))
        return false;
    while (der_take(&list, DER_SEQUENCE, &ext)) {
        if (!der_take(&ext, DER_OID, &oid))
            return false;
        if (!der_oid_is(oid, "1.3.6.1.4.1.57264.1.1"))
            continue;
        if (!der_next(&ext, &tag, value))
            return false;
        return tag == DER_OCTET_STRING ||
               (tag == DER_BOOLEAN && der_take(&ext, DER_OCTET_STRING, value));
    }
    return false;
}

static err_t
has_fulcio(struct ctx *cx, const struct cert *leaf, const struct did_x509_claim *c,
           bool *out)
{
    struct bytes value;
    struct str want;

    want = arena_printf(cx->arena, "https://%.*s", STR(c->value));
    if (want.p == NULL)
        return refuse_memory(cx);
    *out = fulcio_issuer(cert_der(leaf), &value) && bytes_eq(value, bytes_of(want));
    return ERR_OK;
}

static const struct {
    const char *policy;
    err_t (*has)(struct ctx *cx, const struct cert *leaf, const struct did_x509_claim *c,
                 bool *out);
} policies[] = {
    { "subject", has_subject },
    { "san", has_san },
    { "eku", has_eku },
    { "fulcio-issuer", has_fulcio },
};

static err_t
check_claim(struct ctx *cx, const struct cert *leaf, const struct did_x509_claim *c)
{
    bool holds = false;
    size_t i;
    err_t e;

    for (i = 0; i < COUNT(policies); i++)
        if (str_is(c->policy, policies[i].policy) &&
            (e = policies[i].has(cx, leaf, c, &holds)) != ERR_OK)
            return e;
    return holds ? ERR_OK : no(cx, "a policy of the DID does not hold for the certificate");
}

/* --- the document ------------------------------------------------------------------- */

static err_t
uses_of(struct ctx *cx, const struct cert *leaf, unsigned *uses)
{
    unsigned ku = cert_key_usage(leaf);

    *uses = 0;
    if (ku & (CERT_KU_DIGITAL_SIGNATURE | CERT_KU_ABSENT))
        *uses |= DID_AUTHENTICATION | DID_ASSERTION;
    if (ku & (CERT_KU_KEY_AGREEMENT | CERT_KU_ABSENT))
        *uses |= DID_KEY_AGREEMENT;
    return *uses != 0 ? ERR_OK
                      : no(cx, "the certificate's key usage supports no use of a DID");
}

err_t
did__document_x509(struct ctx *cx, const struct did *did, const struct did_options *options,
                   struct str *text)
{
    scoped(certs_drop) struct certs certs = { .n = 0 };
    scoped(key_drop) struct key *key = NULL;
    struct did_x509 x;
    struct str kid, jwk;
    unsigned uses;
    size_t i;
    err_t e;

    if ((e = did_x509_parse(cx, did, &x)) != ERR_OK ||
        (e = read_chain(cx, options, &certs)) != ERR_OK ||
        (e = check_fingerprint(cx, &x, &certs)) != ERR_OK ||
        (e = verify_chain(cx, &certs, options)) != ERR_OK)
        return e;
    for (i = 0; i < x.count; i++)
        if ((e = check_claim(cx, certs.at[0], &x.claims[i])) != ERR_OK)
            return e;
    kid = arena_printf(cx->arena, "%.*s#0", STR(did->text));
    if (kid.p == NULL)
        return refuse_memory(cx);
    if ((e = uses_of(cx, certs.at[0], &uses)) != ERR_OK ||
        (e = cert_key(cx, certs.at[0], &key)) != ERR_OK ||
        (e = did__key_text(cx, key, &jwk)) != ERR_OK)
        return e;
    return did__document_put(cx, did->text, kid, jwk, uses, text);
}
