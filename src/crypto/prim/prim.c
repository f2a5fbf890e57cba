/* prim.c - the fetched algorithms, randomness, secrets. EUPL-1.2. */
#include "crypto/prim/prim.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include "crypto/prim/prim_int.h"

static struct prim__algs algs;
static pthread_once_t algs_once = PTHREAD_ONCE_INIT;

static const char *const cipher_names[AEAD_COUNT] = {
    [AEAD_A128GCM] = "AES-128-GCM",       [AEAD_A192GCM] = "AES-192-GCM",
    [AEAD_A256GCM] = "AES-256-GCM",       [AEAD_A128CBC_HS256] = "AES-128-CBC",
    [AEAD_A192CBC_HS384] = "AES-192-CBC", [AEAD_A256CBC_HS512] = "AES-256-CBC",
};
static const char *const wrap_names[3] = { "AES-128-WRAP", "AES-192-WRAP", "AES-256-WRAP" };

static EVP_MAC_CTX *
hmac_template(EVP_MAC *mac, enum hash h)
{
    EVP_MAC_CTX *c = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
    char name[16];
    OSSL_PARAM params[2] = { OSSL_PARAM_END, OSSL_PARAM_END };

    if (c == NULL)
        return NULL;
    memcpy(name, prim__hash_z(h), strlen(prim__hash_z(h)) + 1);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0);
    if (EVP_MAC_CTX_set_params(c, params) != 1) {
        EVP_MAC_CTX_free(c);
        return NULL;
    }
    return c;
}

static void
fetch_all(void)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    bool all = sodium_init() >= 0;

    for (enum hash h = HASH_SHA1; h < HASH_COUNT; h++) {
        algs.md[h] = EVP_MD_fetch(NULL, prim__hash_z(h), NULL);
        algs.hmac[h] = hmac_template(mac, h);
        all = all && algs.md[h] != NULL && algs.hmac[h] != NULL;
    }
    for (enum aead a = AEAD_A128GCM; a < AEAD_COUNT; a++) {
        algs.aead[a] = EVP_CIPHER_fetch(NULL, cipher_names[a], NULL);
        all = all && algs.aead[a] != NULL;
    }
    for (size_t i = 0; i < COUNT(wrap_names); i++) {
        algs.wrap[i] = EVP_CIPHER_fetch(NULL, wrap_names[i], NULL);
        all = all && algs.wrap[i] != NULL;
    }
    algs.pbkdf2 = EVP_KDF_fetch(NULL, "PBKDF2", NULL);
    EVP_MAC_free(mac);
    ERR_clear_error();
    algs.whole = all && algs.pbkdf2 != NULL;
}

const struct prim__algs *
prim__algs(void)
{
    pthread_once(&algs_once, fetch_all);
    return &algs;
}

bool
prim_start(void)
{
    return prim__algs()->whole;
}

void
prim__forget_errors(void)
{
    ERR_clear_error();
}

void
random_bytes(void *out, size_t n)
{
    (void)prim__algs(); /* sodium_init */
    randombytes_buf(out, n);
}

err_t
random_text(struct ctx *cx, size_t n, struct str *out)
{
    uint8_t room[64];

    *out = (struct str){ NULL, 0 };
    if (n > sizeof(room))
        return refuse(cx, ERR_LIMIT, "", "%zu random bytes as text are too many", n);
    do
        random_bytes(room, n);
    while (n != 0 && room[0] >> 2 == 62); /* 62 is '-' */
    return b64url(cx, (struct bytes){ room, n }, out);
}

void
wipe(void *p, size_t n)
{
    if (n != 0)
        sodium_memzero(p, n);
}

/* Constant time: every byte is looked at, whatever the first ones were. */
bool
secret_eq(struct bytes a, struct bytes b)
{
    return a.n == b.n && (a.n == 0 || sodium_memcmp(a.p, b.p, a.n) == 0);
}

err_t
secret_new(struct ctx *cx, size_t n, struct secret *out)
{
    *out = (struct secret){ NULL, 0 };
    (void)prim__algs();
    if ((out->p = sodium_malloc(n == 0 ? 1 : n)) == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "no guarded memory for a secret");
    memset(out->p, 0, n);
    out->n = n;
    return ERR_OK;
}

err_t
secret_copy(struct ctx *cx, struct bytes from, struct secret *out)
{
    err_t e = secret_new(cx, from.n, out);

    if (e == ERR_OK && from.n != 0)
        memcpy(out->p, from.p, from.n);
    return e;
}

err_t
secret_random(struct ctx *cx, size_t n, struct secret *out)
{
    err_t e = secret_new(cx, n, out);

    if (e == ERR_OK)
        random_bytes(out->p, n);
    return e;
}

struct bytes
secret_peek(const struct secret *s)
{
    return (struct bytes){ s->p, s->n };
}

void
secret_fini(struct secret *s)
{
    sodium_free(s->p); /* wipes */
    *s = (struct secret){ NULL, 0 };
}
