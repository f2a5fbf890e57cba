/*
 * sign.c - signatures, agreement.
 *
 * Rule      The key's kind decides which algorithms exist for it; ECDSA's two
 *           encodings are told apart by the caller, never guessed.
 * Source    Knoop. EUPL-1.2.
 */
#include <openssl/rsa.h>
#include <sodium.h>
#include <string.h>

#include "crypto/prim/der.h"
#include "crypto/prim/prim_int.h"

static const struct row {
    const char *name;
    enum key_type type;
    enum hash hash;
    int padding; /* RSA */
} rows[SIG_COUNT] = {
    [SIG_NONE] = { "", KEY_NONE, HASH_NONE, 0 },
    [SIG_ES256] = { "ES256", KEY_P256, HASH_SHA256, 0 },
    [SIG_ES384] = { "ES384", KEY_P384, HASH_SHA384, 0 },
    [SIG_ES512] = { "ES512", KEY_P521, HASH_SHA512, 0 },
    [SIG_ES256K] = { "ES256K", KEY_SECP256K1, HASH_SHA256, 0 },
    [SIG_EDDSA] = { "EdDSA", KEY_ED25519, HASH_NONE, 0 },
    [SIG_RS256] = { "RS256", KEY_RSA, HASH_SHA256, RSA_PKCS1_PADDING },
    [SIG_RS384] = { "RS384", KEY_RSA, HASH_SHA384, RSA_PKCS1_PADDING },
    [SIG_RS512] = { "RS512", KEY_RSA, HASH_SHA512, RSA_PKCS1_PADDING },
    [SIG_PS256] = { "PS256", KEY_RSA, HASH_SHA256, RSA_PKCS1_PSS_PADDING },
    [SIG_PS384] = { "PS384", KEY_RSA, HASH_SHA384, RSA_PKCS1_PSS_PADDING },
    [SIG_PS512] = { "PS512", KEY_RSA, HASH_SHA512, RSA_PKCS1_PSS_PADDING },
    [SIG_HS256] = { "HS256", KEY_OCT, HASH_SHA256, 0 },
    [SIG_HS384] = { "HS384", KEY_OCT, HASH_SHA384, 0 },
    [SIG_HS512] = { "HS512", KEY_OCT, HASH_SHA512, 0 },
};

enum sig_alg
sig_alg_of(struct str name)
{
    for (enum sig_alg a = SIG_ES256; a < SIG_COUNT; a++)
        if (str_is(name, rows[a].name))
            return a;
    return SIG_NONE;
}

struct str
sig_alg_name(enum sig_alg alg)
{
    return str_of(rows[alg].name);
}

bool
sig_alg_fits(enum sig_alg alg, const struct key *k)
{
    return alg != SIG_NONE && rows[alg].type == k->type;
}

enum sig_alg
sig_alg_for(const struct key *k)
{
    static const enum sig_alg first[KEY_TYPE_COUNT] = {
        [KEY_P256] = SIG_ES256,       [KEY_P384] = SIG_ES384,    [KEY_P521] = SIG_ES512,
        [KEY_SECP256K1] = SIG_ES256K, [KEY_ED25519] = SIG_EDDSA, [KEY_RSA] = SIG_PS256,
        [KEY_OCT] = SIG_HS256,
    };

    return first[k->type];
}

static err_t
check(struct ctx *cx, const struct key *k, enum sig_alg alg, enum sig_form form)
{
    if (!sig_alg_fits(alg, k))
        return refuse(cx, ERR_ALGORITHM, "RFC 7518 3.1",
                      "alg '%s' is not for this type of key", rows[alg].name);
    if (form == SIG_FORM_NONE)
        return refuse(cx, ERR_INTERNAL, "", "no form of signature was chosen");
    if (k->type == KEY_OCT && k->priv.n < hash_size(rows[alg].hash))
        return refuse(cx, ERR_KEY, "RFC 7518 3.2",
                      "a secret of %zu bytes is too short for %s", k->priv.n,
                      rows[alg].name);
    return ERR_OK;
}

/* An operation on a hash, with the padding of `row`. NULL when OpenSSL will not. */
static EVP_PKEY_CTX *
start(const struct key *k, const struct row *row, bool signing)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, k->evp, NULL);
    bool pss = row->padding == RSA_PKCS1_PSS_PADDING;

    if (c != NULL && (signing ? EVP_PKEY_sign_init(c) : EVP_PKEY_verify_init(c)) == 1 &&
        (row->padding == 0 ||
         (EVP_PKEY_CTX_set_rsa_padding(c, row->padding) == 1 &&
          EVP_PKEY_CTX_set_signature_md(c, prim__algs()->md[row->hash]) == 1 &&
          (!pss || (EVP_PKEY_CTX_set_rsa_mgf1_md(c, prim__algs()->md[row->hash]) == 1 &&
                    EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) == 1)))))
        return c;
    EVP_PKEY_CTX_free(c);
    return NULL;
}

/* --- r||s and SEQUENCE { r, s } --- */

enum { ECDSA_DER_MAX = 160 };

static void
put_integer(uint8_t *out, size_t *at, const uint8_t *p, size_t n)
{
    bool sign;

    while (n > 1 && *p == 0) {
        p++;
        n--;
    }
    sign = (*p & 0x80) != 0;
    out[(*at)++] = DER_INTEGER;
    out[(*at)++] = (uint8_t)(n + sign); /* at most 67 */
    if (sign)
        out[(*at)++] = 0;
    memcpy(out + *at, p, n);
    *at += n;
}

/* RFC 7518 3.4: two numbers of the curve's size, nothing else. */
static bool
raw_to_der(struct bytes raw, size_t size, uint8_t out[ECDSA_DER_MAX], size_t *n)
{
    size_t at = 3, body;

    if (raw.n != 2 * size)
        return false;
    put_integer(out, &at, raw.p, size);
    put_integer(out, &at, raw.p + size, size);
    body = at - 3;
    if (body < 128) { /* one byte of length: move up by one */
        memmove(out + 2, out + 3, body);
        out[1] = (uint8_t)body;
        *n = body + 2;
    } else {
        out[1] = 0x81;
        out[2] = (uint8_t)body;
        *n = body + 3;
    }
    out[0] = DER_SEQUENCE;
    return true;
}

static bool
der_to_raw(struct bytes der, size_t size, uint8_t *out)
{
    struct bytes body, r, s;

    memset(out, 0, 2 * size);
    if (!der_take(&der, DER_SEQUENCE, &body) || !der_take_uint(&body, &r) ||
        !der_take_uint(&body, &s) || r.n > size || s.n > size)
        return false;
    memcpy(out + size - r.n, r.p, r.n);
    memcpy(out + 2 * size - s.n, s.p, s.n);
    return true;
}

/* --- verify --- */

static bool
verify_hash(const struct key *k, const struct row *row, enum sig_form form,
            struct bytes hash, struct bytes sig)
{
    scoped(prim__drop_pkey_ctx) EVP_PKEY_CTX *c = NULL;
    const struct prim__curve *curve = prim__curve(k->type);
    uint8_t der[ECDSA_DER_MAX];
    size_t n = 0;

    if (curve != NULL && form == SIG_RAW) {
        if (!raw_to_der(sig, curve->size, der, &n))
            return false;
        sig = (struct bytes){ der, n };
    }
    c = start(k, row, false);
    return c != NULL && EVP_PKEY_verify(c, sig.p, sig.n, hash.p, hash.n) == 1;
}

err_t
key_verify(struct ctx *cx, const struct key *k, enum sig_alg alg, enum sig_form form,
           struct bytes message, struct bytes sig)
{
    uint8_t hash[HASH_MAX];
    size_t n;
    bool good;
    err_t e;

    if ((e = check(cx, k, alg, form)) != ERR_OK)
        return e;
    n = hash_size(rows[alg].hash);
    if (k->type == KEY_ED25519) {
        good = sig.n == crypto_sign_BYTES &&
               crypto_sign_verify_detached(sig.p, message.p, message.n, k->pub) == 0;
    } else if (k->type == KEY_OCT) {
        if ((e = hmac_bytes(cx, rows[alg].hash, secret_peek(&k->priv), message, hash)) !=
            ERR_OK)
            return e;
        good = secret_eq((struct bytes){ hash, n }, sig);
    } else {
        if ((e = hash_bytes(cx, rows[alg].hash, message, hash)) != ERR_OK)
            return e;
        good =
            sig.n != 0 && verify_hash(k, &rows[alg], form, (struct bytes){ hash, n }, sig);
    }
    if (!good)
        return prim__refuse(cx, ERR_SIGNATURE, "RFC 7515 5.2",
                            "the %s signature does not verify", rows[alg].name);
    return ERR_OK;
}

/* --- sign --- */

static err_t
sign_hash(struct ctx *cx, const struct key *k, const struct row *row, enum sig_form form,
          struct bytes hash, uint8_t *out, size_t *size)
{
    scoped(prim__drop_pkey_ctx) EVP_PKEY_CTX *c = start(k, row, true);
    const struct prim__curve *curve = prim__curve(k->type);
    uint8_t der[ECDSA_DER_MAX];
    bool raw = curve != NULL && form == SIG_RAW;
    size_t n = raw ? sizeof(der) : *size;

    if (c == NULL || EVP_PKEY_sign(c, raw ? der : out, &n, hash.p, hash.n) != 1 ||
        (raw && !der_to_raw((struct bytes){ der, n }, curve->size, out)))
        return prim__refuse(cx, ERR_INTERNAL, "", "%s did not sign", row->name);
    *size = raw ? 2 * curve->size : n;
    return ERR_OK;
}

err_t
key_sign(struct ctx *cx, const struct key *k, enum sig_alg alg, enum sig_form form,
         struct bytes message, struct bytes *signature)
{
    uint8_t hash[HASH_MAX];
    size_t n, size = k->type == KEY_RSA ? RSA_BITS_MAX / 8 : ECDSA_DER_MAX;
    uint8_t *out;
    err_t e;

    *signature = (struct bytes){ NULL, 0 };
    if ((e = check(cx, k, alg, form)) != ERR_OK)
        return e;
    if (!k->has_private)
        return refuse(cx, ERR_KEY, "RFC 7515 5.1", "a public key does not sign");
    if ((out = arena_alloc(cx->arena, size)) == NULL)
        return refuse_memory(cx);
    n = hash_size(rows[alg].hash);
    if (k->type == KEY_ED25519) {
        crypto_sign_detached(out, NULL, message.p, message.n, k->priv.p);
        size = crypto_sign_BYTES;
    } else if (k->type == KEY_OCT) {
        size = n;
        e = hmac_bytes(cx, rows[alg].hash, secret_peek(&k->priv), message, out);
    } else if ((e = hash_bytes(cx, rows[alg].hash, message, hash)) == ERR_OK) {
        e = sign_hash(cx, k, &rows[alg], form, (struct bytes){ hash, n }, out, &size);
    }
    if (e == ERR_OK)
        *signature = (struct bytes){ out, size };
    return e;
}

/* --- agreement --- */

static bool
derive(const struct key *own, const struct key *peer, uint8_t out[ECDH_MAX], size_t *size)
{
    scoped(prim__drop_pkey_ctx) EVP_PKEY_CTX *c =
        EVP_PKEY_CTX_new_from_pkey(NULL, own->evp, NULL);

    *size = ECDH_MAX;
    return c != NULL && EVP_PKEY_derive_init(c) == 1 &&
           EVP_PKEY_derive_set_peer(c, peer->evp) == 1 &&
           EVP_PKEY_derive(c, out, size) == 1 && *size == prim__curve(own->type)->size;
}

err_t
key_agree(struct ctx *cx, const struct key *own, const struct key *peer,
          uint8_t out[ECDH_MAX], size_t *size)
{
    bool good = false;

    *size = 0;
    if (own->type != peer->type || !own->has_private)
        return refuse(cx, ERR_KEY, "RFC 7518 4.6",
                      "the keys are not of one curve, or none is ours");
    if (own->type == KEY_X25519) {
        /* -1 for an all-zero result: RFC 7748 6.1 */
        good = crypto_scalarmult(out, own->priv.p, peer->pub) == 0;
        *size = 32;
    } else if (prim__curve(own->type) != NULL) {
        good = derive(own, peer, out, size);
    }
    if (good)
        return ERR_OK;
    wipe(out, ECDH_MAX);
    *size = 0;
    return prim__refuse(cx, ERR_KEY, "RFC 7518 4.6", "the keys do not agree on a secret");
}
