/*
 * x509_make.c - certificates and revocation lists for `knoop ca`.
 *
 * Rule      The profile of RFC 5280, written by our own DER writer and signed
 *           through key_sign, so that the key may be anywhere. UZI server
 *           certificates carry otherName 2.5.5.5 as CIBG lays it out.
 * Trust     For tests and demo: nothing here asks who somebody is.
 * Source    Knoop. EUPL-1.2.
 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <string.h>

#include "crypto/prim/der.h"
#include "crypto/x509/x509_int.h"

/* --- names --- */

static const struct {
    const char *name, *oid;
    unsigned tag;
} attr_rows[] = {
    { "CN", "2.5.4.3", DER_UTF8 },
    { "SN", "2.5.4.4", DER_UTF8 },
    { "serialNumber", "2.5.4.5", DER_PRINTABLE },
    { "C", "2.5.4.6", DER_PRINTABLE },
    { "L", "2.5.4.7", DER_UTF8 },
    { "ST", "2.5.4.8", DER_UTF8 },
    { "STREET", "2.5.4.9", DER_UTF8 },
    { "O", "2.5.4.10", DER_UTF8 },
    { "OU", "2.5.4.11", DER_UTF8 },
    { "title", "2.5.4.12", DER_UTF8 },
    { "GN", "2.5.4.42", DER_UTF8 },
    { "organizationIdentifier", "2.5.4.97", DER_UTF8 },
};

static err_t
put_name(struct ctx *cx, struct der_out *o, const struct cert_attr *attrs, size_t count)
{
    der_begin(o, DER_SEQUENCE);
    for (size_t i = 0; i < count; i++) {
        size_t row = 0;

        while (row < COUNT(attr_rows) && !str_is(attrs[i].name, attr_rows[row].name))
            row++;
        if (row == COUNT(attr_rows) || attrs[i].value.n == 0)
            return refuse(cx, ERR_CERT, "RFC 5280 4.1.2.4",
                          "attribute '%.*s' is not made here", STR(attrs[i].name));
        der_begin(o, DER_SET);
        der_begin(o, DER_SEQUENCE);
        der_put_oid(o, attr_rows[row].oid);
        der_put(o, attr_rows[row].tag, bytes_of(attrs[i].value));
        der_end(o);
        der_end(o);
    }
    der_end(o);
    return ERR_OK;
}

static err_t
put_issuer(struct ctx *cx, struct der_out *o, const struct cert *issuer)
{
    unsigned char *der = NULL;
    int n = i2d_X509_NAME(X509_get_subject_name(issuer->x), &der);

    if (n <= 0)
        return x509__refuse(cx, ERR_CERT, "RFC 5280 4.1.2.4", "the issuer has no name");
    der_put_raw(o, (struct bytes){ der, (size_t)n });
    OPENSSL_free(der);
    return ERR_OK;
}

/* --- signing --- */

struct scheme {
    enum key_type type;
    enum sig_alg alg;
    const char *oid;
    bool null; /* RSA's parameters */
};

static const struct scheme schemes[] = {
    { KEY_P256, SIG_ES256, "1.2.840.10045.4.3.2", false },
    { KEY_P384, SIG_ES384, "1.2.840.10045.4.3.3", false },
    { KEY_P521, SIG_ES512, "1.2.840.10045.4.3.4", false },
    { KEY_RSA, SIG_RS256, "1.2.840.113549.1.1.11", true },
    { KEY_ED25519, SIG_EDDSA, "1.3.101.112", false },
};

static const struct scheme *
scheme_of(const struct key *k)
{
    for (size_t i = 0; i < COUNT(schemes); i++)
        if (schemes[i].type == key_type(k))
            return &schemes[i];
    return NULL;
}

static void
put_scheme(struct der_out *o, const struct scheme *s)
{
    der_begin(o, DER_SEQUENCE);
    der_put_oid(o, s->oid);
    if (s->null)
        der_put_null(o);
    der_end(o);
}

static err_t
sign_whole(struct ctx *cx, const struct scheme *s, const struct key *key,
           struct der_out *tbs, struct bytes *out)
{
    struct der_out whole;
    struct bytes body, sig;
    err_t e;

    if ((e = der_done(cx, tbs, &body)) != ERR_OK ||
        (e = key_sign(cx, key, s->alg, SIG_DER, body, &sig)) != ERR_OK)
        return e;
    der_init(&whole, cx->arena);
    der_begin(&whole, DER_SEQUENCE);
    der_put_raw(&whole, body);
    put_scheme(&whole, s);
    der_put_bits(&whole, sig);
    der_end(&whole);
    return der_done(cx, &whole, out);
}

/* --- extensions --- */

static void
ext_begin(struct der_out *o, const char *oid, bool critical)
{
    der_begin(o, DER_SEQUENCE);
    der_put_oid(o, oid);
    if (critical)
        der_put_bool(o, true);
    der_begin(o, DER_OCTET_STRING);
}

static void
ext_end(struct der_out *o)
{
    der_end(o);
    der_end(o);
}

/* RFC 7093 2 (1): the leftmost 160 bits of the SHA-256 of the key's bits. */
static err_t
key_id(struct ctx *cx, struct bytes spki, uint8_t id[HASH_MAX])
{
    struct bytes body, alg, bits;

    if (!der_take(&spki, DER_SEQUENCE, &body) || !der_take(&body, DER_SEQUENCE, &alg) ||
        !der_take_bits(&body, &bits))
        return refuse(cx, ERR_INTERNAL, "RFC 5280 4.1.2.7", "our own key does not read");
    return hash_bytes(cx, HASH_SHA256, bits, id);
}

static err_t
put_key_ids(struct ctx *cx, struct der_out *o, struct bytes spki, const struct cert *issuer)
{
    uint8_t own[HASH_MAX];
    struct bytes above = { own, 20 };
    err_t e = key_id(cx, spki, own);

    if (e != ERR_OK)
        return e;
    if (issuer != NULL) {
        const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(issuer->x);

        if (ski == NULL)
            return refuse(cx, ERR_CERT, "RFC 5280 4.2.1.1",
                          "the issuer has no key identifier");
        above =
            (struct bytes){ ASN1_STRING_get0_data(ski), (size_t)ASN1_STRING_length(ski) };
    }
    ext_begin(o, "2.5.29.14", false);
    der_put(o, DER_OCTET_STRING, (struct bytes){ own, 20 });
    ext_end(o);
    ext_begin(o, "2.5.29.35", false);
    der_begin(o, DER_SEQUENCE);
    der_put(o, DER_CONTEXT | 0, above);
    der_end(o);
    ext_end(o);
    return ERR_OK;
}

static void
put_ca(struct der_out *o, enum x509_kind kind)
{
    bool ca = kind == X509_MAKE_ROOT || kind == X509_MAKE_INTERMEDIATE;
    /* keyCertSign and cRLSign, or digitalSignature: named bits, trailing zeros cut */
    static const uint8_t ca_bits[] = { 1, 0x06 }, leaf_bits[] = { 7, 0x80 };

    ext_begin(o, "2.5.29.19", true);
    der_begin(o, DER_SEQUENCE);
    if (ca)
        der_put_bool(o, true);
    if (kind == X509_MAKE_INTERMEDIATE)
        der_put_uint(o, (struct bytes){ (const uint8_t *)"\0", 1 });
    der_end(o);
    ext_end(o);
    ext_begin(o, "2.5.29.15", true);
    der_put(o, DER_BIT_STRING, (struct bytes){ ca ? ca_bits : leaf_bits, 2 });
    ext_end(o);
    if (ca)
        return;
    ext_begin(o, "2.5.29.37", false);
    der_begin(o, DER_SEQUENCE);
    der_put_oid(o, "1.3.6.1.5.5.7.3.1");
    der_put_oid(o, "1.3.6.1.5.5.7.3.2");
    der_end(o);
    ext_end(o);
}

static err_t
put_ip(struct ctx *cx, struct der_out *o, struct str text)
{
    uint8_t ip[16];
    bool six = memchr(text.n ? text.p : "", ':', text.n) != NULL;
    char *z = arena_z(cx->arena, text);

    if (z == NULL)
        return refuse_memory(cx);
    if (inet_pton(six ? AF_INET6 : AF_INET, z, ip) != 1)
        return refuse(cx, ERR_CERT, "RFC 5280 4.2.1.6", "'%.*s' is no IP address",
                      STR(text));
    der_put(o, DER_CONTEXT | 7, (struct bytes){ ip, six ? 16 : 4 });
    return ERR_OK;
}

static err_t
put_san(struct ctx *cx, struct der_out *o, const struct cert_san *san)
{
    char *oid;

    switch (san->type) {
    case CERT_SAN_DNS: der_put(o, DER_CONTEXT | 2, bytes_of(san->value)); return ERR_OK;
    case CERT_SAN_EMAIL: der_put(o, DER_CONTEXT | 1, bytes_of(san->value)); return ERR_OK;
    case CERT_SAN_URI: der_put(o, DER_CONTEXT | 6, bytes_of(san->value)); return ERR_OK;
    case CERT_SAN_IP: return put_ip(cx, o, san->value);
    case CERT_SAN_OTHER_NAME:
        if ((oid = arena_z(cx->arena, san->oid)) == NULL)
            return refuse_memory(cx);
        der_begin(o, DER_CONTEXT_MADE | 0);
        der_put_oid(o, oid);
        der_begin(o, DER_CONTEXT_MADE | 0);
        der_put(o, DER_IA5, bytes_of(san->value));
        der_end(o);
        der_end(o);
        return ERR_OK;
    case CERT_SAN_NONE:
    case CERT_SAN_ELSE: break;
    }
    return refuse(cx, ERR_CERT, "RFC 5280 4.2.1.6",
                  "a name of a kind that is not made here");
}

static err_t
put_sans(struct ctx *cx, struct der_out *o, const struct x509_make *what)
{
    err_t e = ERR_OK;

    if (what->san_count == 0)
        return ERR_OK;
    ext_begin(o, "2.5.29.17", what->subject_count == 0);
    der_begin(o, DER_SEQUENCE);
    for (size_t i = 0; e == ERR_OK && i < what->san_count; i++)
        e = put_san(cx, o, &what->san[i]);
    der_end(o);
    ext_end(o);
    return e;
}

static void
put_crl_url(struct der_out *o, struct str url)
{
    if (url.n == 0)
        return;
    ext_begin(o, "2.5.29.31", false);
    der_begin(o, DER_SEQUENCE);
    der_begin(o, DER_SEQUENCE);
    der_begin(o, DER_CONTEXT_MADE | 0);
    der_begin(o, DER_CONTEXT_MADE | 0);
    der_put(o, DER_CONTEXT | 6, bytes_of(url));
    der_end(o);
    der_end(o);
    der_end(o);
    der_end(o);
    ext_end(o);
}

/* --- certificates --- */

static bool
has_uzi(const struct x509_make *what)
{
    for (size_t i = 0; i < what->san_count; i++)
        if (what->san[i].type == CERT_SAN_OTHER_NAME && str_is(what->san[i].oid, "2.5.5.5"))
            return true;
    return false;
}

static err_t
check_make(struct ctx *cx, const struct x509_make *what, const struct cert *issuer,
           const struct key *issuer_key)
{
    if (what->kind == X509_MAKE_NONE || (what->kind == X509_MAKE_ROOT) != (issuer == NULL))
        return refuse(cx, ERR_CERT, "RFC 5280 4",
                      "no kind chosen, or a root with an issuer");
    if (issuer != NULL && !cert_is_ca(issuer))
        return refuse(cx, ERR_CERT, "RFC 5280 4.2.1.9", "the issuer is no CA");
    if (what->from_ms > what->to_ms || what->subject_count == 0)
        return refuse(cx, ERR_CERT, "RFC 5280 4.1.2",
                      "no subject, or an end before the begin");
    if (what->kind == X509_MAKE_UZI_SERVER && !has_uzi(what))
        return refuse(cx, ERR_CERT, "CIBG CPS 7.1",
                      "a UZI certificate without otherName 2.5.5.5");
    if (scheme_of(issuer_key) == NULL)
        return refuse(cx, ERR_KEY, "RFC 5280 4.1.1.2",
                      "this type of key does not sign here");
    return ERR_OK;
}

static void
put_serial(struct der_out *o)
{
    uint8_t serial[16];

    random_bytes(serial, sizeof(serial));
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40); /* positive, and never short */
    der_put_uint(o, (struct bytes){ serial, sizeof(serial) });
}

static err_t
put_extensions(struct ctx *cx, struct der_out *o, const struct x509_make *what,
               struct bytes spki, const struct cert *issuer)
{
    err_t e;

    der_begin(o, DER_CONTEXT_MADE | 3);
    der_begin(o, DER_SEQUENCE);
    put_ca(o, what->kind);
    if ((e = put_key_ids(cx, o, spki, issuer)) != ERR_OK ||
        (e = put_sans(cx, o, what)) != ERR_OK)
        return e;
    put_crl_url(o, what->crl_url);
    der_end(o);
    der_end(o);
    return ERR_OK;
}

err_t
x509_make(struct ctx *cx, const struct x509_make *what, const struct key *key,
          const struct cert *issuer, const struct key *issuer_key, struct bytes *der)
{
    struct der_out o;
    struct bytes spki;
    err_t e;

    *der = (struct bytes){ NULL, 0 };
    if ((e = check_make(cx, what, issuer, issuer_key)) != ERR_OK ||
        (e = key_to_spki(cx, key, &spki)) != ERR_OK)
        return e;
    der_init(&o, cx->arena);
    der_begin(&o, DER_SEQUENCE);
    der_begin(&o, DER_CONTEXT_MADE | 0);
    der_put_uint(&o, (struct bytes){ (const uint8_t *)"\2", 1 }); /* version 3 */
    der_end(&o);
    put_serial(&o);
    put_scheme(&o, scheme_of(issuer_key));
    e = issuer == NULL ? put_name(cx, &o, what->subject, what->subject_count)
                       : put_issuer(cx, &o, issuer);
    if (e != ERR_OK)
        return e;
    der_begin(&o, DER_SEQUENCE);
    der_put_time(&o, what->from_ms);
    der_put_time(&o, what->to_ms);
    der_end(&o);
    if ((e = put_name(cx, &o, what->subject, what->subject_count)) != ERR_OK)
        return e;
    der_put_raw(&o, spki);
    if ((e = put_extensions(cx, &o, what, spki, issuer)) != ERR_OK)
        return e;
    der_end(&o);
    return sign_whole(cx, scheme_of(issuer_key), issuer_key, &o, der);
}

/* --- lists --- */

static err_t
put_revoked(struct ctx *cx, struct der_out *o, const struct x509_revoked *list,
            size_t count)
{
    if (count == 0)
        return ERR_OK; /* 5.1.2.6: absent when empty */
    der_begin(o, DER_SEQUENCE);
    for (size_t i = 0; i < count; i++) {
        struct bytes serial;
        err_t e = hex_decode(cx, list[i].serial, &serial);

        if (e != ERR_OK)
            return e;
        der_begin(o, DER_SEQUENCE);
        der_put_uint(o, serial);
        der_put_time(o, list[i].when_ms);
        der_end(o);
    }
    der_end(o);
    return ERR_OK;
}

static err_t
put_list_extensions(struct ctx *cx, struct der_out *o, const struct cert *issuer,
                    uint64_t number)
{
    const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(issuer->x);
    uint8_t big[8];

    if (ski == NULL)
        return refuse(cx, ERR_CERT, "RFC 5280 5.2.1", "the issuer has no key identifier");
    for (unsigned i = 0; i < 8; i++)
        big[i] = (uint8_t)(number >> 8 * (7 - i));
    der_begin(o, DER_CONTEXT_MADE | 0);
    der_begin(o, DER_SEQUENCE);
    ext_begin(o, "2.5.29.35", false);
    der_begin(o, DER_SEQUENCE);
    der_put(o, DER_CONTEXT | 0,
            (struct bytes){ ASN1_STRING_get0_data(ski), (size_t)ASN1_STRING_length(ski) });
    der_end(o);
    ext_end(o);
    ext_begin(o, "2.5.29.20", false);
    der_put_uint(o, (struct bytes){ big, sizeof(big) });
    ext_end(o);
    der_end(o);
    der_end(o);
    return ERR_OK;
}

err_t
x509_make_crl(struct ctx *cx, const struct cert *issuer, const struct key *issuer_key,
              const struct x509_revoked *revoked, size_t count, uint64_t number,
              int64_t from_ms, int64_t to_ms, struct bytes *der)
{
    const struct scheme *s = scheme_of(issuer_key);
    struct der_out o;
    err_t e;

    *der = (struct bytes){ NULL, 0 };
    if (s == NULL || !cert_is_ca(issuer) || from_ms >= to_ms)
        return refuse(cx, ERR_CERT, "RFC 5280 5.1", "no CA, or an end before the begin");
    der_init(&o, cx->arena);
    der_begin(&o, DER_SEQUENCE);
    der_put_uint(&o, (struct bytes){ (const uint8_t *)"\1", 1 }); /* version 2 */
    put_scheme(&o, s);
    if ((e = put_issuer(cx, &o, issuer)) != ERR_OK)
        return e;
    der_put_time(&o, from_ms);
    der_put_time(&o, to_ms);
    if ((e = put_revoked(cx, &o, revoked, count)) != ERR_OK ||
        (e = put_list_extensions(cx, &o, issuer, number)) != ERR_OK)
        return e;
    der_end(&o);
    return sign_whole(cx, s, issuer_key, &o, der);
}
