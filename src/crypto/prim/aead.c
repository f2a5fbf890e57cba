/*
 * aead.c - content encryption (RFC 7518 5) and AES key wrap (RFC 3394).
 *
 * Rule      AxxxCBC-HSyyy checks the tag before a byte is decrypted, so that
 *           the padding tells nothing. A failed opening wipes what it wrote.
 * Source    Knoop. EUPL-1.2.
 */
#include <limits.h>
#include <string.h>

#include "crypto/prim/prim_int.h"

static const struct row {
    const char *name;
    size_t key, iv, tag;
    enum hash mac; /* HASH_NONE: GCM */
} rows[AEAD_COUNT] = {
    [AEAD_NONE] = { "", 0, 0, 0, HASH_NONE },
    [AEAD_A128GCM] = { "A128GCM", 16, 12, 16, HASH_NONE },
    [AEAD_A192GCM] = { "A192GCM", 24, 12, 16, HASH_NONE },
    [AEAD_A256GCM] = { "A256GCM", 32, 12, 16, HASH_NONE },
    [AEAD_A128CBC_HS256] = { "A128CBC-HS256", 32, 16, 16, HASH_SHA256 },
    [AEAD_A192CBC_HS384] = { "A192CBC-HS384", 48, 16, 24, HASH_SHA384 },
    [AEAD_A256CBC_HS512] = { "A256CBC-HS512", 64, 16, 32, HASH_SHA512 },
};

enum aead
aead_of(struct str name)
{
    for (enum aead a = AEAD_A128GCM; a < AEAD_COUNT; a++)
        if (str_is(name, rows[a].name))
            return a;
    return AEAD_NONE;
}

size_t
aead_key_size(enum aead a)
{
    return rows[a].key;
}

size_t
aead_iv_size(enum aead a)
{
    return rows[a].iv;
}

size_t
aead_tag_size(enum aead a)
{
    return rows[a].tag;
}

void
prim__drop_cipher_ctx(EVP_CIPHER_CTX **c)
{
    EVP_CIPHER_CTX_free(*c);
}

static err_t
sizes(struct ctx *cx, enum aead a, struct bytes key, struct bytes iv, struct bytes aad,
      struct bytes text)
{
    if (a == AEAD_NONE)
        return refuse(cx, ERR_ALGORITHM, "RFC 7518 5.1",
                      "no content encryption was chosen");
    if (key.n != rows[a].key || iv.n != rows[a].iv)
        return refuse(cx, ERR_KEY, "RFC 7518 5.1",
                      "%s wants a key of %zu and an iv of %zu bytes", rows[a].name,
                      rows[a].key, rows[a].iv);
    if (text.n > INT_MAX - 64 || aad.n > INT_MAX)
        return refuse(cx, ERR_TOO_LARGE, "", "more than OpenSSL takes at once");
    return ERR_OK;
}

/* RFC 7518 5.2.2.1: HMAC over AAD | IV | ciphertext | AL, cut to half. */
static err_t
cbc_tag(struct ctx *cx, enum aead a, struct bytes key, struct bytes iv, struct bytes aad,
        struct bytes cipher, uint8_t tag[HASH_MAX])
{
    uint8_t al[8];
    struct bytes half = { key.p, key.n / 2 };
    struct bytes parts[4] = { aad, iv, cipher, { al, sizeof(al) } };

    for (unsigned i = 0; i < 8; i++)
        al[i] = (uint8_t)((uint64_t)aad.n * 8 >> 8 * (7 - i));
    return hmac_parts(cx, rows[a].mac, half, parts, COUNT(parts), tag);
}

static err_t
run_seal(struct ctx *cx, enum aead a, struct bytes key, struct bytes iv, struct bytes aad,
         struct bytes plain, uint8_t *out, size_t *size, uint8_t *tag)
{
    scoped(prim__drop_cipher_ctx) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool gcm = rows[a].mac == HASH_NONE;
    const uint8_t *k = gcm ? key.p : key.p + key.n / 2;
    int n = 0, tail = 0;

    if (c == NULL || EVP_EncryptInit_ex2(c, prim__algs()->aead[a], k, iv.p, NULL) != 1 ||
        (gcm && aad.n != 0 && EVP_EncryptUpdate(c, NULL, &n, aad.p, (int)aad.n) != 1))
        return prim__refuse(cx, ERR_INTERNAL, "", "%s did not start", rows[a].name);
    n = 0;
    if ((plain.n != 0 && EVP_EncryptUpdate(c, out, &n, plain.p, (int)plain.n) != 1) ||
        EVP_EncryptFinal_ex(c, out + n, &tail) != 1 ||
        (gcm && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, (int)rows[a].tag, tag) != 1))
        return prim__refuse(cx, ERR_INTERNAL, "", "%s did not encrypt", rows[a].name);
    *size = (size_t)n + (size_t)tail;
    return ERR_OK;
}

err_t
aead_seal(struct ctx *cx, enum aead a, struct bytes key, struct bytes iv, struct bytes aad,
          struct bytes plain, struct bytes *cipher, uint8_t tag[AEAD_TAG_MAX])
{
    uint8_t full[HASH_MAX] = { 0 };
    uint8_t *out;
    size_t n = 0;
    err_t e;

    *cipher = (struct bytes){ NULL, 0 };
    if ((e = sizes(cx, a, key, iv, aad, plain)) != ERR_OK)
        return e;
    if ((out = arena_alloc(cx->arena, plain.n + 32)) == NULL)
        return refuse_memory(cx);
    if ((e = run_seal(cx, a, key, iv, aad, plain, out, &n, full)) != ERR_OK)
        return e;
    if (rows[a].mac != HASH_NONE &&
        (e = cbc_tag(cx, a, key, iv, aad, (struct bytes){ out, n }, full)) != ERR_OK)
        return e;
    memcpy(tag, full, rows[a].tag);
    *cipher = (struct bytes){ out, n };
    return ERR_OK;
}

static bool
run_open(enum aead a, struct bytes key, struct bytes iv, struct bytes aad,
         struct bytes cipher, struct bytes tag, uint8_t *out, size_t *size)
{
    scoped(prim__drop_cipher_ctx) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool gcm = rows[a].mac == HASH_NONE;
    const uint8_t *k = gcm ? key.p : key.p + key.n / 2;
    uint8_t expected[AEAD_TAG_MAX];
    int n = 0, tail = 0;

    memcpy(expected, tag.p, rows[a].tag); /* the call takes no const */
    if (c == NULL || EVP_DecryptInit_ex2(c, prim__algs()->aead[a], k, iv.p, NULL) != 1 ||
        (gcm && aad.n != 0 && EVP_DecryptUpdate(c, NULL, &n, aad.p, (int)aad.n) != 1))
        return false;
    n = 0;
    if ((cipher.n != 0 && EVP_DecryptUpdate(c, out, &n, cipher.p, (int)cipher.n) != 1) ||
        (gcm &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, (int)rows[a].tag, expected) != 1) ||
        EVP_DecryptFinal_ex(c, out + n, &tail) != 1)
        return false;
    *size = (size_t)n + (size_t)tail;
    return true;
}

err_t
aead_open(struct ctx *cx, enum aead a, struct bytes key, struct bytes iv, struct bytes aad,
          struct bytes cipher, struct bytes tag, struct bytes *plain)
{
    uint8_t full[HASH_MAX];
    uint8_t *out;
    size_t n = 0;
    err_t e;

    *plain = (struct bytes){ NULL, 0 };
    if ((e = sizes(cx, a, key, iv, aad, cipher)) != ERR_OK)
        return e;
    if (tag.n != rows[a].tag)
        return refuse(cx, ERR_DECRYPT, "RFC 7518 5.1", "the tag has %zu bytes, not %zu",
                      tag.n, rows[a].tag);
    if (rows[a].mac != HASH_NONE) {
        if ((e = cbc_tag(cx, a, key, iv, aad, cipher, full)) != ERR_OK)
            return e;
        if (!secret_eq((struct bytes){ full, rows[a].tag }, tag))
            return refuse(cx, ERR_DECRYPT, "RFC 7518 5.2.2.2", "the tag does not fit");
    }
    if ((out = arena_alloc(cx->arena, cipher.n + 32)) == NULL)
        return refuse_memory(cx);
    if (!run_open(a, key, iv, aad, cipher, tag, out, &n)) {
        wipe(out, cipher.n + 32);
        return prim__refuse(cx, ERR_DECRYPT, "RFC 7518 5", "%s did not open", rows[a].name);
    }
    *plain = (struct bytes){ out, n };
    return ERR_OK;
}

/* RFC 3394 2.2: at least two blocks of 64 bits. */
static err_t
wrap_run(struct ctx *cx, bool sealing, struct bytes kek, struct bytes in, struct bytes *out)
{
    scoped(prim__drop_cipher_ctx) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *cipher = NULL;
    size_t least = sealing ? 16 : 24;
    uint8_t *p;
    int n = 0, tail = 0;

    *out = (struct bytes){ NULL, 0 };
    if (kek.n == 16 || kek.n == 24 || kek.n == 32)
        cipher = prim__algs()->wrap[kek.n / 8 - 2];
    if (cipher == NULL)
        return refuse(cx, ERR_KEY, "RFC 3394 2.2", "a wrapping key of %zu bytes", kek.n);
    if (in.n < least || in.n % 8 != 0 || in.n > 64 * 1024)
        return refuse(cx, sealing ? ERR_KEY : ERR_DECRYPT, "RFC 3394 2.2",
                      "%zu bytes are no key to wrap or unwrap", in.n);
    if ((p = arena_alloc(cx->arena, in.n + 16)) == NULL)
        return refuse_memory(cx);
    if (c != NULL)
        EVP_CIPHER_CTX_set_flags(c, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    if (c == NULL || EVP_CipherInit_ex2(c, cipher, kek.p, NULL, sealing, NULL) != 1 ||
        EVP_CipherUpdate(c, p, &n, in.p, (int)in.n) != 1 ||
        EVP_CipherFinal_ex(c, p + n, &tail) != 1 ||
        (size_t)n + (size_t)tail != (sealing ? in.n + 8 : in.n - 8)) {
        wipe(p, in.n + 16);
        return prim__refuse(cx, ERR_DECRYPT, "RFC 3394 2.2.3",
                            "the wrapped key is not intact");
    }
    *out = (struct bytes){ p, (size_t)n + (size_t)tail };
    return ERR_OK;
}

err_t
keywrap_seal(struct ctx *cx, struct bytes kek, struct bytes key, struct bytes *out)
{
    return wrap_run(cx, true, kek, key, out);
}

err_t
keywrap_open(struct ctx *cx, struct bytes kek, struct bytes wrapped, struct bytes *out)
{
    return wrap_run(cx, false, kek, wrapped, out);
}
