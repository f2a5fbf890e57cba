/*
 * key.c - key handles: counted, checked when they come into being.
 *
 * Rule      Keys come in by EVP_PKEY_fromdata, a sixth of the price of decoding
 *           DER (dependencies.md). Ed25519 and X25519 are libsodium's.
 * Trust     Every number is a stranger's; see key_import in prim.h.
 * Source    Knoop. EUPL-1.2.
 */
#include <assert.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/prim/prim_int.h"

static const struct prim__curve curves[KEY_TYPE_COUNT] = {
    [KEY_P256] = { "P-256", "1.2.840.10045.3.1.7", 32, 256 },
    [KEY_P384] = { "P-384", "1.3.132.0.34", 48, 384 },
    [KEY_P521] = { "P-521", "1.3.132.0.35", 66, 521 },
    [KEY_SECP256K1] = { "secp256k1", "1.3.132.0.10", 32, 256 },
};

const struct prim__curve *
prim__curve(enum key_type type)
{
    return curves[type].group == NULL ? NULL : &curves[type];
}

/* --- handles --- */

static err_t
key_new(struct ctx *cx, enum key_type type, bool has_private, struct key **out)
{
    if ((*out = calloc(1, sizeof(**out))) == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for a key");
    atomic_init(&(*out)->refs, 1);
    (*out)->type = type;
    (*out)->has_private = has_private;
    return ERR_OK;
}

struct key *
key_ref(struct key *k)
{
    atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
    return k;
}

void
key_free(struct key *k)
{
    if (k == NULL || atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) != 1)
        return;
    EVP_PKEY_free(k->evp);
    secret_fini(&k->priv);
    free(k);
}

void
key_drop(struct key **k)
{
    key_free(*k);
    *k = NULL;
}

enum key_type
key_type(const struct key *k)
{
    return k->type;
}

bool
key_has_private(const struct key *k)
{
    return k->has_private;
}

unsigned
key_bits(const struct key *k)
{
    return k->bits;
}

void
prim__drop_pkey(EVP_PKEY **p)
{
    EVP_PKEY_free(*p);
}

void
prim__drop_pkey_ctx(EVP_PKEY_CTX **p)
{
    EVP_PKEY_CTX_free(*p);
}

err_t
prim__key_wrap(struct ctx *cx, enum key_type type, bool has_private, EVP_PKEY *evp,
               struct key **out)
{
    err_t e;

    *out = NULL;
    if (evp == NULL)
        return prim__refuse(cx, ERR_KEY, "RFC 7517", "the key's numbers are not a key");
    if ((e = key_new(cx, type, has_private, out)) != ERR_OK) {
        EVP_PKEY_free(evp);
        return e;
    }
    (*out)->evp = evp;
    (*out)->bits =
        curves[type].bits != 0 ? curves[type].bits : (unsigned)EVP_PKEY_get_bits(evp);
    return ERR_OK;
}

/* --- elliptic curves --- */

static EVP_PKEY *
from_params(const char *kind, int selection, OSSL_PARAM *params)
{
    scoped(prim__drop_pkey_ctx) EVP_PKEY_CTX *c =
        EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
    EVP_PKEY *evp = NULL;

    if (c == NULL || EVP_PKEY_fromdata_init(c) != 1 ||
        EVP_PKEY_fromdata(c, &evp, selection, params) != 1)
        return NULL;
    return evp;
}

/* OpenSSL refuses a point off the curve and coordinates beyond the field. */
static EVP_PKEY *
ec_public(const struct prim__curve *curve, uint8_t *point)
{
    char group[16];
    OSSL_PARAM params[3];

    memcpy(group, curve->group, strlen(curve->group) + 1);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point,
                                                  2 * curve->size + 1);
    params[2] = OSSL_PARAM_construct_end();
    return from_params("EC", EVP_PKEY_PUBLIC_KEY, params);
}

static EVP_PKEY *
ec_pair(const struct prim__curve *curve, const uint8_t *point, struct bytes d)
{
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *number = BN_bin2bn(d.p, (int)d.n, NULL);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *evp = NULL;

    if (build != NULL && number != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve->group,
                                        0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point,
                                         2 * curve->size + 1) == 1 &&
        OSSL_PARAM_BLD_push_BN_pad(build, OSSL_PKEY_PARAM_PRIV_KEY, number, curve->size) ==
            1 &&
        (params = OSSL_PARAM_BLD_to_param(build)) != NULL)
        evp = from_params("EC", EVP_PKEY_KEYPAIR, params);
    if (params != NULL)
        for (const OSSL_PARAM *p = params; p->key != NULL; p++)
            wipe(p->data, p->data_size);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_clear_free(number);
    return evp;
}

/* Is the private number in range, and the public point its multiple? */
static bool
ec_pair_fits(EVP_PKEY *evp)
{
    scoped(prim__drop_pkey_ctx) EVP_PKEY_CTX *c =
        EVP_PKEY_CTX_new_from_pkey(NULL, evp, NULL);

    return c != NULL && EVP_PKEY_private_check(c) == 1 && EVP_PKEY_pairwise_check(c) == 1;
}

static err_t
import_ec(struct ctx *cx, enum key_type type, const struct key_parts *in, struct key **out)
{
    const struct prim__curve *curve = &curves[type];
    bool pair = in->d.n != 0;
    uint8_t point[PRIM__POINT_MAX] = { POINT_CONVERSION_UNCOMPRESSED };
    EVP_PKEY *evp;

    if (in->x.n != curve->size || in->y.n != curve->size ||
        (pair && in->d.n != curve->size))
        return refuse(cx, ERR_KEY, "RFC 7518 6.2.1", "numbers on %s have %zu bytes",
                      curve->group, curve->size);
    memcpy(point + 1, in->x.p, in->x.n);
    memcpy(point + 1 + in->x.n, in->y.p, in->y.n);
    if ((evp = ec_public(curve, point)) == NULL)
        return prim__refuse(cx, ERR_KEY, "RFC 7518 6.2.1", "the point is not on %s",
                            curve->group);
    if (pair) {
        EVP_PKEY_free(evp);
        if ((evp = ec_pair(curve, point, in->d)) == NULL || !ec_pair_fits(evp)) {
            EVP_PKEY_free(evp);
            return prim__refuse(cx, ERR_KEY, "RFC 7518 6.2.2",
                                "the private number does not fit the point");
        }
    }
    return prim__key_wrap(cx, type, pair, evp, out);
}

err_t
prim__ec_point(struct ctx *cx, const struct key *k, uint8_t out[PRIM__POINT_MAX],
               size_t *size)
{
    if (EVP_PKEY_get_octet_string_param(k->evp, OSSL_PKEY_PARAM_PUB_KEY, out,
                                        PRIM__POINT_MAX, size) != 1 ||
        *size != 2 * curves[k->type].size + 1 || out[0] != POINT_CONVERSION_UNCOMPRESSED)
        return prim__refuse(cx, ERR_INTERNAL, "", "a key did not give its point");
    return ERR_OK;
}

/* --- the curves of libsodium, and secrets --- */

static err_t
import_okp(struct ctx *cx, enum key_type type, const struct key_parts *in, struct key **out)
{
    bool pair = in->d.n != 0;
    uint8_t pub[32];
    err_t e;

    if (in->x.n != 32 || (pair && in->d.n != 32))
        return refuse(cx, ERR_KEY, "RFC 8037 2", "an OKP key has numbers of 32 bytes");
    if ((e = key_new(cx, type, pair, out)) != ERR_OK)
        return e;
    memcpy((*out)->pub, in->x.p, 32);
    (*out)->bits = type == KEY_ED25519 ? 256 : 255;
    if (!pair)
        return ERR_OK;
    if ((e = secret_new(cx, type == KEY_ED25519 ? 64 : 32, &(*out)->priv)) == ERR_OK) {
        memcpy((*out)->priv.p, in->d.p, 32);
        if (type == KEY_ED25519)
            crypto_sign_seed_keypair(pub, (*out)->priv.p, in->d.p);
        else if (crypto_scalarmult_base(pub, in->d.p) != 0)
            memset(pub, 0, sizeof(pub));
        if (memcmp(pub, (*out)->pub, 32) != 0)
            e = refuse(cx, ERR_KEY, "RFC 8037 2",
                       "the private number does not fit the public one");
    }
    if (e != ERR_OK)
        key_drop(out);
    return e;
}

static err_t
import_oct(struct ctx *cx, const struct key_parts *in, struct key **out)
{
    err_t e;

    if (in->k.n == 0 || in->k.n > 64 * 1024)
        return refuse(cx, ERR_KEY, "RFC 7518 6.4", "a secret of %zu bytes", in->k.n);
    if ((e = key_new(cx, KEY_OCT, true, out)) != ERR_OK)
        return e;
    (*out)->bits = (unsigned)in->k.n * 8;
    if ((e = secret_copy(cx, in->k, &(*out)->priv)) != ERR_OK)
        key_drop(out);
    return e;
}

static err_t
import_rsa(struct ctx *cx, const struct key_parts *in, struct key **out)
{
    err_t e = prim__rsa_check(cx, in);

    if (e != ERR_OK)
        return e;
    return prim__key_wrap(cx, KEY_RSA, in->d.n != 0, prim__rsa_build(in), out);
}

err_t
key_import(struct ctx *cx, enum key_type type, const struct key_parts *parts,
           struct key **out)
{
    *out = NULL;
    (void)prim__algs();
    switch (type) {
    case KEY_P256:
    case KEY_P384:
    case KEY_P521:
    case KEY_SECP256K1: return import_ec(cx, type, parts, out);
    case KEY_ED25519:
    case KEY_X25519: return import_okp(cx, type, parts, out);
    case KEY_RSA: return import_rsa(cx, parts, out);
    case KEY_OCT: return import_oct(cx, parts, out);
    case KEY_NONE:
    case KEY_TYPE_COUNT: break;
    }
    return refuse(cx, ERR_KEY, "RFC 7517 4.1", "no type of key was chosen");
}

/* --- out again, and new ones --- */

err_t
prim__key_number(struct ctx *cx, const EVP_PKEY *evp, const char *name, struct bytes *out)
{
    BIGNUM *number = NULL;
    uint8_t *p = NULL;
    size_t n;
    err_t e = ERR_OK;

    *out = (struct bytes){ NULL, 0 };
    if (EVP_PKEY_get_bn_param(evp, name, &number) != 1)
        return prim__refuse(cx, ERR_NOT_FOUND, "", "the key holds no %s", name);
    n = (size_t)BN_num_bytes(number);
    if ((p = arena_alloc(cx->arena, n + 1)) == NULL)
        e = refuse_memory(cx);
    else
        *out = (struct bytes){ p, (size_t)BN_bn2bin(number, p) };
    BN_clear_free(number);
    return e;
}

err_t
key_export(struct ctx *cx, const struct key *k, struct key_parts *out)
{
    uint8_t point[PRIM__POINT_MAX];
    struct bytes copy;
    size_t n = 0, size = curves[k->type].size;
    err_t e;

    *out = (struct key_parts){ .x = { NULL, 0 } };
    if (k->type == KEY_OCT)
        return refuse(cx, ERR_KEY, "RFC 7518 6.4", "a shared secret has no public half");
    if (k->type == KEY_RSA) {
        if ((e = prim__key_number(cx, k->evp, OSSL_PKEY_PARAM_RSA_N, &out->n)) != ERR_OK)
            return e;
        return prim__key_number(cx, k->evp, OSSL_PKEY_PARAM_RSA_E, &out->e);
    }
    if (size == 0) {
        out->x = arena_bytes(cx->arena, (struct bytes){ k->pub, 32 });
        return out->x.p == NULL ? refuse_memory(cx) : ERR_OK;
    }
    if ((e = prim__ec_point(cx, k, point, &n)) != ERR_OK)
        return e;
    if ((copy = arena_bytes(cx->arena, (struct bytes){ point + 1, n - 1 })).p == NULL)
        return refuse_memory(cx);
    out->x = (struct bytes){ copy.p, size };
    out->y = (struct bytes){ copy.p + size, size };
    return ERR_OK;
}

err_t
key_secret(struct ctx *cx, const struct key *k, struct secret *out)
{
    *out = (struct secret){ NULL, 0 };
    if (k->type != KEY_OCT)
        return refuse(cx, ERR_KEY, "RFC 7518 6.4", "this key is no shared secret");
    return secret_copy(cx, secret_peek(&k->priv), out);
}

static err_t
generate_okp(struct ctx *cx, enum key_type type, struct key **out)
{
    uint8_t seed[32], pub[32], pair[64];
    struct key_parts parts = { .x = { pub, 32 }, .d = { seed, 32 } };
    err_t e;

    random_bytes(seed, sizeof(seed));
    if (type == KEY_ED25519)
        crypto_sign_seed_keypair(pub, pair, seed);
    else if (crypto_scalarmult_base(pub, seed) != 0)
        return refuse(cx, ERR_INTERNAL, "RFC 7748 5", "X25519 did not run");
    e = import_okp(cx, type, &parts, out);
    wipe(seed, sizeof(seed));
    wipe(pair, sizeof(pair));
    return e;
}

err_t
key_generate(struct ctx *cx, enum key_type type, struct key **out)
{
    EVP_PKEY *evp;

    *out = NULL;
    (void)prim__algs();
    if (type == KEY_ED25519 || type == KEY_X25519)
        return generate_okp(cx, type, out);
    if (type == KEY_RSA)
        evp = EVP_RSA_gen(3072);
    else if (curves[type].group != NULL)
        evp = EVP_EC_gen(curves[type].group);
    else
        return refuse(cx, ERR_KEY, "", "this type of key is not generated");
    return prim__key_wrap(cx, type, true, evp, out);
}
