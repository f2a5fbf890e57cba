/*
 * key_der.c - keys as DER: SubjectPublicKeyInfo and PKCS#8.
 *
 * Rule      Public keys are read by our own strict reader and imported as a
 *           JWK would be, so that one set of checks holds for all. Private
 *           keys are decoded by OpenSSL, taken apart, and imported likewise.
 * Source    Knoop. EUPL-1.2.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "crypto/prim/der.h"
#include "crypto/prim/prim_int.h"

static const char oid_ec[] = "1.2.840.10045.2.1", oid_rsa[] = "1.2.840.113549.1.1.1",
                  oid_ed25519[] = "1.3.101.112", oid_x25519[] = "1.3.101.110";

/* --- SubjectPublicKeyInfo --- */

static err_t
put_rsa(struct ctx *cx, const struct key *k, struct der_out *o)
{
    struct der_out inner;
    struct key_parts parts;
    struct bytes body;
    err_t e = key_export(cx, k, &parts);

    if (e != ERR_OK)
        return e;
    der_init(&inner, cx->arena);
    der_begin(&inner, DER_SEQUENCE);
    der_put_uint(&inner, parts.n);
    der_put_uint(&inner, parts.e);
    der_end(&inner);
    if ((e = der_done(cx, &inner, &body)) != ERR_OK)
        return e;
    der_begin(o, DER_SEQUENCE);
    der_put_oid(o, oid_rsa);
    der_put_null(o);
    der_end(o);
    der_put_bits(o, body);
    return ERR_OK;
}

static err_t
put_ec(struct ctx *cx, const struct key *k, struct der_out *o)
{
    uint8_t point[PRIM__POINT_MAX];
    size_t n = 0;
    err_t e = prim__ec_point(cx, k, point, &n);

    if (e != ERR_OK)
        return e;
    der_begin(o, DER_SEQUENCE);
    der_put_oid(o, oid_ec);
    der_put_oid(o, prim__curve(k->type)->oid);
    der_end(o);
    der_put_bits(o, (struct bytes){ point, n });
    return ERR_OK;
}

static void
put_okp(const struct key *k, struct der_out *o)
{
    der_begin(o, DER_SEQUENCE);
    der_put_oid(o, k->type == KEY_ED25519 ? oid_ed25519 : oid_x25519);
    der_end(o);
    der_put_bits(o, (struct bytes){ k->pub, 32 });
}

err_t
key_to_spki(struct ctx *cx, const struct key *k, struct bytes *out)
{
    struct der_out o;
    err_t e = ERR_OK;

    *out = (struct bytes){ NULL, 0 };
    if (k->type == KEY_OCT)
        return refuse(cx, ERR_KEY, "RFC 5280 4.1.2.7",
                      "a shared secret has no public half");
    der_init(&o, cx->arena);
    der_begin(&o, DER_SEQUENCE);
    if (k->type == KEY_RSA)
        e = put_rsa(cx, k, &o);
    else if (prim__curve(k->type) != NULL)
        e = put_ec(cx, k, &o);
    else
        put_okp(k, &o);
    der_end(&o);
    return e != ERR_OK ? e : der_done(cx, &o, out);
}

static err_t
from_ec(struct ctx *cx, struct bytes params, struct bytes bits, struct key **out)
{
    struct bytes oid;

    if (!der_take(&params, DER_OID, &oid) || params.n != 0)
        return refuse(cx, ERR_KEY, "RFC 5480 2.1.1", "the curve is not named");
    for (enum key_type t = KEY_P256; t <= KEY_SECP256K1; t++) {
        const struct prim__curve *c = prim__curve(t);
        struct key_parts parts;

        if (!der_oid_is(oid, c->oid))
            continue;
        if (bits.n != 2 * c->size + 1 || bits.p[0] != 4)
            return refuse(cx, ERR_KEY, "RFC 5480 2.2", "the point is not whole");
        parts = (struct key_parts){ .x = { bits.p + 1, c->size },
                                    .y = { bits.p + 1 + c->size, c->size } };
        return key_import(cx, t, &parts, out);
    }
    return refuse(cx, ERR_KEY, "RFC 5480 2.1.1", "this curve is not offered");
}

static err_t
from_rsa(struct ctx *cx, struct bytes params, struct bytes bits, struct key **out)
{
    struct key_parts parts = { .x = { NULL, 0 } };
    struct bytes body, null;

    if (!der_take(&params, DER_NULL, &null) || null.n != 0 || params.n != 0)
        return refuse(cx, ERR_KEY, "RFC 3279 2.3.1",
                      "an RSA key's parameters must be NULL");
    if (!der_take(&bits, DER_SEQUENCE, &body) || bits.n != 0 ||
        !der_take_uint(&body, &parts.n) || !der_take_uint(&body, &parts.e) || body.n != 0)
        return refuse(cx, ERR_KEY, "RFC 8017 A.1.1", "no RSAPublicKey");
    return key_import(cx, KEY_RSA, &parts, out);
}

err_t
key_from_spki(struct ctx *cx, struct bytes der, struct key **out)
{
    struct bytes body, alg, oid, bits;
    struct key_parts parts = { .x = { NULL, 0 } };

    *out = NULL;
    if (!der_take(&der, DER_SEQUENCE, &body) || der.n != 0 ||
        !der_take(&body, DER_SEQUENCE, &alg) || !der_take(&alg, DER_OID, &oid) ||
        !der_take_bits(&body, &bits) || body.n != 0)
        return refuse(cx, ERR_KEY, "RFC 5280 4.1.2.7", "no SubjectPublicKeyInfo");
    if (der_oid_is(oid, oid_ec))
        return from_ec(cx, alg, bits, out);
    if (der_oid_is(oid, oid_rsa))
        return from_rsa(cx, alg, bits, out);
    parts.x = bits;
    if (alg.n == 0 && der_oid_is(oid, oid_ed25519))
        return key_import(cx, KEY_ED25519, &parts, out);
    if (alg.n == 0 && der_oid_is(oid, oid_x25519))
        return key_import(cx, KEY_X25519, &parts, out);
    return refuse(cx, ERR_KEY, "RFC 5280 4.1.2.7", "this type of key is not offered");
}

/* --- PKCS#8 --- */

/* RFC 8410 7: the seed, in an OCTET STRING within the OCTET STRING. */
static const uint8_t ed25519_head[16] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                          0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20 };

err_t
key_to_pkcs8(struct ctx *cx, const struct key *k, struct secret *out)
{
    PKCS8_PRIV_KEY_INFO *info;
    uint8_t *der = NULL;
    int n;
    err_t e;

    *out = (struct secret){ NULL, 0 };
    if (!k->has_private || k->type == KEY_OCT || k->type == KEY_X25519)
        return refuse(cx, ERR_KEY, "RFC 5958 2", "this key has no PKCS#8 form here");
    if (k->type == KEY_ED25519) {
        if ((e = secret_new(cx, 48, out)) != ERR_OK)
            return e;
        memcpy(out->p, ed25519_head, 16);
        memcpy(out->p + 16, k->priv.p, 32);
        return ERR_OK;
    }
    info = EVP_PKEY2PKCS8(k->evp);
    n = info == NULL ? -1 : i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    PKCS8_PRIV_KEY_INFO_free(info);
    if (n <= 0)
        return prim__refuse(cx, ERR_INTERNAL, "RFC 5958 2", "a key did not encode");
    e = secret_copy(cx, (struct bytes){ der, (size_t)n }, out);
    OPENSSL_clear_free(der, (size_t)n);
    return e;
}

static err_t
import_rsa_numbers(struct ctx *cx, EVP_PKEY *evp, struct key **out)
{
    struct key_parts parts = { .x = { NULL, 0 } };
    const struct {
        const char *name;
        struct bytes *to;
    } rows[] = {
        { OSSL_PKEY_PARAM_RSA_N, &parts.n },
        { OSSL_PKEY_PARAM_RSA_E, &parts.e },
        { OSSL_PKEY_PARAM_RSA_D, &parts.d },
        { OSSL_PKEY_PARAM_RSA_FACTOR1, &parts.p },
        { OSSL_PKEY_PARAM_RSA_FACTOR2, &parts.q },
        { OSSL_PKEY_PARAM_RSA_EXPONENT1, &parts.dp },
        { OSSL_PKEY_PARAM_RSA_EXPONENT2, &parts.dq },
        { OSSL_PKEY_PARAM_RSA_COEFFICIENT1, &parts.qi },
    };
    err_t e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < COUNT(rows); i++)
        e = prim__key_number(cx, evp, rows[i].name, rows[i].to);
    if (e == ERR_OK)
        e = key_import(cx, KEY_RSA, &parts, out);
    for (size_t i = 2; i < COUNT(rows); i++) {
        uint8_t *p;

        memcpy(&p, &rows[i].to->p, sizeof(p)); /* ours, in the arena */
        wipe(p, rows[i].to->n);
    }
    return e;
}

static err_t
import_ec_numbers(struct ctx *cx, EVP_PKEY *evp, enum key_type type, struct key **out)
{
    size_t size = prim__curve(type)->size, n = 0;
    uint8_t point[PRIM__POINT_MAX], d[66] = { 0 };
    struct bytes number;
    struct key_parts parts = { .x = { point + 1, size },
                               .y = { point + 1 + size, size },
                               .d = { d, size } };
    err_t e;

    if (EVP_PKEY_get_octet_string_param(evp, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
                                        &n) != 1 ||
        n != 2 * size + 1)
        return prim__refuse(cx, ERR_KEY, "RFC 5915 3", "the key has no whole public point");
    if ((e = prim__key_number(cx, evp, OSSL_PKEY_PARAM_PRIV_KEY, &number)) != ERR_OK)
        return e;
    if (number.n <= size) {
        uint8_t *p;

        memcpy(d + size - number.n, number.p, number.n);
        memcpy(&p, &number.p, sizeof(p));
        wipe(p, number.n);
    }
    e = key_import(cx, type, &parts, out);
    wipe(d, sizeof(d));
    return e;
}

static err_t
import_ed25519(struct ctx *cx, EVP_PKEY *evp, struct key **out)
{
    uint8_t seed[32], pub[32];
    size_t n = 32, m = 32;
    struct key_parts parts = { .x = { pub, 32 }, .d = { seed, 32 } };
    err_t e;

    if (EVP_PKEY_get_raw_private_key(evp, seed, &n) != 1 ||
        EVP_PKEY_get_raw_public_key(evp, pub, &m) != 1)
        return prim__refuse(cx, ERR_KEY, "RFC 8410 7", "the key has no seed");
    e = key_import(cx, KEY_ED25519, &parts, out);
    wipe(seed, sizeof(seed));
    return e;
}

err_t
key_from_pkcs8(struct ctx *cx, struct bytes der, struct key **out)
{
    const unsigned char *at = der.p;
    scoped(prim__drop_pkey) EVP_PKEY *evp = NULL;
    char group[64];
    int explicit = 0;

    *out = NULL;
    (void)prim__algs();
    if (der.n == 0 || der.n > 64 * 1024 ||
        (evp = d2i_AutoPrivateKey(NULL, &at, (long)der.n)) == NULL || at != der.p + der.n)
        return prim__refuse(cx, ERR_KEY, "RFC 5958 2", "no private key in DER");
    prim__forget_errors(); /* it tries other forms first */
    if (EVP_PKEY_is_a(evp, "RSA"))
        return import_rsa_numbers(cx, evp, out);
    if (EVP_PKEY_is_a(evp, "ED25519"))
        return import_ed25519(cx, evp, out);
    if (!EVP_PKEY_is_a(evp, "EC") ||
        EVP_PKEY_get_utf8_string_param(evp, OSSL_PKEY_PARAM_GROUP_NAME, group,
                                       sizeof(group), NULL) != 1 ||
        (EVP_PKEY_get_int_param(evp, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                                &explicit) == 1 &&
         explicit != 0))
        return prim__refuse(cx, ERR_KEY, "RFC 5958 2", "this type of key is not offered");
    for (enum key_type t = KEY_P256; t <= KEY_SECP256K1; t++)
        if (str_is(str_of(group), prim__curve(t)->group) ||
            (t == KEY_P256 && strcmp(group, "prime256v1") == 0) ||
            (t == KEY_P384 && strcmp(group, "secp384r1") == 0) ||
            (t == KEY_P521 && strcmp(group, "secp521r1") == 0))
            return import_ec_numbers(cx, evp, t, out);
    return refuse(cx, ERR_KEY, "RFC 5958 2", "this curve is not offered");
}
