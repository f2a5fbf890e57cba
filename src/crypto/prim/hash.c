/* hash.c - SHA, HMAC, HKDF, PBKDF2. EUPL-1.2. */
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/prim/prim_int.h"

static const struct {
    const char *jose, *openssl;
    size_t size;
} hashes[HASH_COUNT] = {
    [HASH_NONE] = { "", "", 0 },
    [HASH_SHA1] = { "SHA-1", "SHA1", 20 },
    [HASH_SHA256] = { "SHA-256", "SHA256", 32 },
    [HASH_SHA384] = { "SHA-384", "SHA384", 48 },
    [HASH_SHA512] = { "SHA-512", "SHA512", 64 },
};

size_t
hash_size(enum hash h)
{
    return hashes[h].size;
}

enum hash
hash_of(struct str name)
{
    for (enum hash h = HASH_SHA1; h < HASH_COUNT; h++)
        if (str_is(name, hashes[h].jose))
            return h;
    return HASH_NONE;
}

const char *
prim__hash_z(enum hash h)
{
    return hashes[h].openssl;
}

err_t
hash_bytes(struct ctx *cx, enum hash h, struct bytes data, uint8_t out[HASH_MAX])
{
    return hash_parts(cx, h, &data, 1, out);
}

static pthread_once_t own_once = PTHREAD_ONCE_INIT;
static pthread_key_t own_key;

static void
drop_own(void *c)
{
    EVP_MD_CTX_free(c);
}

static void
make_key(void)
{
    if (pthread_key_create(&own_key, drop_own) != 0)
        abort(); /* before there is anything to lose */
}

/* The thread's, for one hash after the other: a new one costs as much as a short text. */
static EVP_MD_CTX *
own_ctx(void)
{
    EVP_MD_CTX *c;

    pthread_once(&own_once, make_key);
    if ((c = pthread_getspecific(own_key)) != NULL || (c = EVP_MD_CTX_new()) == NULL)
        return c;
    if (pthread_setspecific(own_key, c) == 0)
        return c;
    EVP_MD_CTX_free(c);
    return NULL;
}

err_t
hash_parts(struct ctx *cx, enum hash h, const struct bytes *parts, size_t count,
           uint8_t out[HASH_MAX])
{
    EVP_MD_CTX *c = own_ctx();
    bool good;

    if (h == HASH_NONE)
        return refuse(cx, ERR_ALGORITHM, "", "no hash was chosen");
    good = c != NULL && EVP_DigestInit_ex2(c, prim__algs()->md[h], NULL) == 1;
    for (size_t i = 0; good && i < count; i++)
        good = EVP_DigestUpdate(c, parts[i].p, parts[i].n) == 1;
    if (!good || EVP_DigestFinal_ex(c, out, NULL) != 1)
        return prim__refuse(cx, ERR_INTERNAL, "", "%s did not run", hashes[h].openssl);
    return ERR_OK;
}

static void
drop_mac_ctx(EVP_MAC_CTX **c)
{
    EVP_MAC_CTX_free(*c);
}

err_t
hmac_parts(struct ctx *cx, enum hash h, struct bytes key, const struct bytes *parts,
           size_t count, uint8_t out[HASH_MAX])
{
    const EVP_MAC_CTX *template = prim__algs()->hmac[h];
    scoped(drop_mac_ctx) EVP_MAC_CTX *c =
        template == NULL ? NULL : EVP_MAC_CTX_dup(template);
    size_t n = 0;
    bool good;

    if (h == HASH_NONE)
        return refuse(cx, ERR_ALGORITHM, "", "no hash was chosen");
    /* A NULL key would mean "the one from before": an empty key is not NULL. */
    good = c != NULL &&
           EVP_MAC_init(c, key.n == 0 ? (const uint8_t *)"" : key.p, key.n, NULL) == 1;
    for (size_t i = 0; good && i < count; i++)
        good = EVP_MAC_update(c, parts[i].p, parts[i].n) == 1;
    if (!good || EVP_MAC_final(c, out, &n, HASH_MAX) != 1 || n != hashes[h].size)
        return prim__refuse(cx, ERR_INTERNAL, "", "HMAC-%s did not run", hashes[h].openssl);
    return ERR_OK;
}

err_t
hmac_bytes(struct ctx *cx, enum hash h, struct bytes key, struct bytes data,
           uint8_t out[HASH_MAX])
{
    return hmac_parts(cx, h, key, &data, 1, out);
}

/* RFC 5869 2.3: T(i) = HMAC(PRK, T(i-1) | info | i). */
static err_t
expand(struct ctx *cx, enum hash h, struct bytes prk, struct bytes info, uint8_t *out,
       size_t size)
{
    uint8_t block[HASH_MAX];
    size_t have = 0, n = hash_size(h);
    err_t e = ERR_OK;

    for (uint8_t i = 1; have < size; i++) {
        struct bytes parts[3] = { { block, i == 1 ? 0 : n }, info, { &i, 1 } };
        size_t take = size - have < n ? size - have : n;

        if ((e = hmac_parts(cx, h, prk, parts, COUNT(parts), block)) != ERR_OK)
            break;
        memcpy(out + have, block, take);
        have += take;
    }
    wipe(block, sizeof(block));
    return e;
}

err_t
hkdf(struct ctx *cx, enum hash h, struct bytes ikm, struct bytes salt, struct bytes info,
     uint8_t *out, size_t size)
{
    static const uint8_t zeros[HASH_MAX];
    uint8_t prk[HASH_MAX];
    size_t n = hash_size(h);
    err_t e;

    if (n == 0)
        return refuse(cx, ERR_ALGORITHM, "RFC 5869 2", "no hash was chosen");
    if (size == 0 || size > 255 * n)
        return refuse(cx, ERR_LIMIT, "RFC 5869 2.3", "%zu bytes are not 1 to 255 hashes",
                      size);
    if (salt.n == 0)
        salt = (struct bytes){ zeros, n };
    if ((e = hmac_bytes(cx, h, salt, ikm, prk)) == ERR_OK)
        e = expand(cx, h, (struct bytes){ prk, n }, info, out, size);
    wipe(prk, sizeof(prk));
    return e;
}

static void
drop_kdf_ctx(EVP_KDF_CTX **c)
{
    EVP_KDF_CTX_free(*c);
}

err_t
pbkdf2(struct ctx *cx, enum hash h, struct bytes password, struct bytes salt,
       unsigned rounds, uint8_t *out, size_t size)
{
    scoped(drop_kdf_ctx) EVP_KDF_CTX *c = EVP_KDF_CTX_new(prim__algs()->pbkdf2);
    char name[16];
    int lax = 1; /* do not ask SP 800-132's minima: the caller bounds them */
    uint8_t *pass, *salted;
    OSSL_PARAM params[6];

    if (h == HASH_NONE || rounds == 0 || password.n == 0 || salt.n == 0)
        return refuse(cx, ERR_ALGORITHM, "RFC 8018 5.2",
                      "hash, rounds, password or salt absent");
    memcpy(name, hashes[h].openssl, strlen(hashes[h].openssl) + 1);
    memcpy(&pass, &password.p, sizeof(pass)); /* OSSL_PARAM takes no const */
    memcpy(&salted, &salt.p, sizeof(salted));
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, name, 0);
    params[1] =
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, pass, password.n);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salted, salt.n);
    params[3] = OSSL_PARAM_construct_uint(OSSL_KDF_PARAM_ITER, &rounds);
    params[4] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_PKCS5, &lax);
    params[5] = OSSL_PARAM_construct_end();
    if (c == NULL || EVP_KDF_derive(c, out, size, params) != 1)
        return prim__refuse(cx, ERR_INTERNAL, "RFC 8018 5.2", "PBKDF2 did not run");
    return ERR_OK;
}
