/*
 * jwe_key.c - how the content key comes to the recipient (RFC 7518 section 4).
 *
 * Rule      One row per alg tells which keys it takes and how. PBES2's rounds
 *           are bounded, since a stranger chooses them.
 * Trust     Everything in a header is the sender's.
 * Source    Knoop. EUPL-1.2.
 */
#include <string.h>

#include "crypto/jose/jose_int.h"

enum kind { BY_NOTHING, BY_OAEP, BY_WRAP, BY_GCM, BY_DIRECT, BY_ECDH, BY_PASSWORD };

static const struct row {
    const char *name;
    enum kind kind;
    size_t size;    /* bytes of the wrapping key; 0: none */
    enum hash hash; /* of OAEP, PBES2 */
} rows[JWE_ALG_COUNT] = {
    [JWE_ALG_NONE] = { "", BY_NOTHING, 0, HASH_NONE },
    [JWE_RSA_OAEP] = { "RSA-OAEP", BY_OAEP, 0, HASH_SHA1 },
    [JWE_RSA_OAEP_256] = { "RSA-OAEP-256", BY_OAEP, 0, HASH_SHA256 },
    [JWE_A128KW] = { "A128KW", BY_WRAP, 16, HASH_NONE },
    [JWE_A192KW] = { "A192KW", BY_WRAP, 24, HASH_NONE },
    [JWE_A256KW] = { "A256KW", BY_WRAP, 32, HASH_NONE },
    [JWE_A128GCMKW] = { "A128GCMKW", BY_GCM, 16, HASH_NONE },
    [JWE_A192GCMKW] = { "A192GCMKW", BY_GCM, 24, HASH_NONE },
    [JWE_A256GCMKW] = { "A256GCMKW", BY_GCM, 32, HASH_NONE },
    [JWE_DIR] = { "dir", BY_DIRECT, 0, HASH_NONE },
    [JWE_ECDH_ES] = { "ECDH-ES", BY_ECDH, 0, HASH_NONE },
    [JWE_ECDH_ES_A128KW] = { "ECDH-ES+A128KW", BY_ECDH, 16, HASH_NONE },
    [JWE_ECDH_ES_A192KW] = { "ECDH-ES+A192KW", BY_ECDH, 24, HASH_NONE },
    [JWE_ECDH_ES_A256KW] = { "ECDH-ES+A256KW", BY_ECDH, 32, HASH_NONE },
    [JWE_PBES2_HS256_A128KW] = { "PBES2-HS256+A128KW", BY_PASSWORD, 16, HASH_SHA256 },
    [JWE_PBES2_HS384_A192KW] = { "PBES2-HS384+A192KW", BY_PASSWORD, 24, HASH_SHA384 },
    [JWE_PBES2_HS512_A256KW] = { "PBES2-HS512+A256KW", BY_PASSWORD, 32, HASH_SHA512 },
};

static const enum aead gcm_of[] = { AEAD_A128GCM, AEAD_A192GCM, AEAD_A256GCM };

enum jwe_alg
jwe_alg_of(struct str name)
{
    for (enum jwe_alg a = JWE_RSA_OAEP; a < JWE_ALG_COUNT; a++)
        if (str_is(name, rows[a].name))
            return a;
    return JWE_ALG_NONE;
}

void
jwe__cek_fini(struct jwe__cek *cek)
{
    wipe(cek->at, sizeof(cek->at));
    cek->n = 0;
}

static bool
is_agreement(enum key_type t)
{
    return t == KEY_P256 || t == KEY_P384 || t == KEY_P521 || t == KEY_X25519;
}

err_t
jwe__fits(const struct jwe__how *how)
{
    const struct row *row = &rows[how->alg];
    const struct key *k = how->key->key;
    bool oct = key_type(k) == KEY_OCT;
    size_t n = key_bits(k) / 8;
    bool fits = false;

    switch (row->kind) {
    case BY_OAEP: fits = key_type(k) == KEY_RSA; break;
    case BY_WRAP:
    case BY_GCM: fits = oct && n == row->size; break;
    case BY_DIRECT: fits = oct && n == aead_key_size(how->enc); break;
    case BY_ECDH: fits = is_agreement(key_type(k)); break;
    case BY_PASSWORD: fits = oct; break;
    case BY_NOTHING: break;
    }
    if (!fits)
        return refuse(how->cx, ERR_KEY, "RFC 7518 4.1", "the key is not one for %s",
                      row->name);
    return ERR_OK;
}

/* --- ECDH-ES (RFC 7518 4.6) --- */

static void
put_u32(uint8_t out[4], size_t v)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(v >> 8 * (3 - i));
}

/* The Concat KDF of NIST SP 800-56A 5.8.1 over SHA-256, at most two rounds. */
static err_t
concat_kdf(const struct jwe__how *how, struct bytes z, struct bytes apu, struct bytes apv,
           uint8_t *out, size_t size)
{
    uint8_t round[4], n_alg[4], n_u[4], n_v[4], bits[4], hash[HASH_MAX];
    struct str id = rows[how->alg].size == 0 ? how->enc_name : how->alg_name;
    const struct bytes parts[] = { { round, 4 }, z,          { n_alg, 4 },
                                   bytes_of(id), { n_u, 4 }, apu,
                                   { n_v, 4 },   apv,        { bits, 4 } };
    err_t e = ERR_OK;

    put_u32(n_alg, id.n);
    put_u32(n_u, apu.n);
    put_u32(n_v, apv.n);
    put_u32(bits, size * 8);
    for (size_t done = 0, i = 1; e == ERR_OK && done < size; done += 32, i++) {
        put_u32(round, i);
        if ((e = hash_parts(how->cx, HASH_SHA256, parts, COUNT(parts), hash)) == ERR_OK)
            memcpy(out + done, hash, size - done < 32 ? size - done : 32);
    }
    wipe(hash, sizeof(hash));
    return e;
}

static err_t
party(const struct jwe__how *how, const char *name, struct bytes *out)
{
    *out = (struct bytes){ NULL, 0 };
    if (jose__find(how->headers, COUNT(how->headers), name) == NULL)
        return ERR_OK;
    return jose__bytes(how->cx, how->headers, COUNT(how->headers), name, out);
}

/* The agreed key: the content key itself, or what wraps it. */
static err_t
agreed(const struct jwe__how *how, const struct key *own, const struct key *peer,
       uint8_t *out, size_t size)
{
    uint8_t z[ECDH_MAX];
    struct bytes apu, apv;
    size_t n = 0;
    err_t e;

    if ((e = party(how, "apu", &apu)) != ERR_OK ||
        (e = party(how, "apv", &apv)) != ERR_OK ||
        (e = key_agree(how->cx, own, peer, z, &n)) != ERR_OK)
        return e;
    e = concat_kdf(how, (struct bytes){ z, n }, apu, apv, out, size);
    wipe(z, sizeof(z));
    return e;
}

static size_t
agreed_size(const struct jwe__how *how)
{
    size_t n = rows[how->alg].size;

    return n != 0 ? n : aead_key_size(how->enc);
}

/* --- unwrap --- */

/* A content key as it came: of the size that enc wants, and wiped in the arena. */
static err_t
take(const struct jwe__how *how, struct bytes from, struct jwe__cek *cek)
{
    uint8_t *at;
    bool fits = from.n == aead_key_size(how->enc);

    if (fits) {
        memcpy(cek->at, from.p, from.n);
        cek->n = from.n;
    }
    memcpy(&at, &from.p, sizeof(at)); /* ours, in the arena */
    wipe(at, from.n);
    if (!fits)
        return refuse(how->cx, ERR_DECRYPT, "RFC 7516 5.2",
                      "the content key has another size");
    return ERR_OK;
}

static err_t
unwrap_with(const struct jwe__how *how, struct bytes kek, struct bytes in,
            struct jwe__cek *cek)
{
    struct bytes out;
    err_t e = keywrap_open(how->cx, kek, in, &out);

    return e != ERR_OK ? e : take(how, out, cek);
}

static err_t
unwrap_gcm(const struct jwe__how *how, struct bytes kek, struct bytes in,
           struct jwe__cek *cek)
{
    enum aead a = gcm_of[rows[how->alg].size / 8 - 2];
    struct bytes iv, tag, out;
    err_t e;

    if ((e = jose__bytes(how->cx, how->headers, COUNT(how->headers), "iv", &iv)) !=
            ERR_OK ||
        (e = jose__bytes(how->cx, how->headers, COUNT(how->headers), "tag", &tag)) !=
            ERR_OK ||
        (e = aead_open(how->cx, a, kek, iv, (struct bytes){ NULL, 0 }, in, tag, &out)) !=
            ERR_OK)
        return e;
    return take(how, out, cek);
}

static err_t
unwrap_agreed(const struct jwe__how *how, struct bytes in, struct jwe__cek *cek)
{
    const json *epk = jose__find(how->headers, COUNT(how->headers), "epk");
    scoped(jwk_fini) struct jwk peer = { .key = NULL };
    uint8_t key[AEAD_KEY_MAX];
    size_t n = agreed_size(how);
    err_t e;

    if ((e = jwk_parse_public(how->cx, epk, NULL, &peer)) != ERR_OK ||
        (e = agreed(how, how->key->key, peer.key, key, n)) != ERR_OK)
        return e;
    if (rows[how->alg].size != 0) {
        e = unwrap_with(how, (struct bytes){ key, n }, in, cek);
    } else {
        memcpy(cek->at, key, n);
        cek->n = n;
    }
    wipe(key, sizeof(key));
    return e;
}

/* RFC 7518 4.8.1.1: the salt is the alg's name, a zero, and p2s. */
static err_t
password_key(const struct jwe__how *how, struct bytes password, struct bytes p2s,
             int64_t rounds, uint8_t *out)
{
    const struct row *row = &rows[how->alg];
    char *p = arena_alloc(how->cx->arena, how->alg_name.n + 1 + p2s.n);

    if (p == NULL)
        return refuse_memory(how->cx);
    memcpy(p, how->alg_name.p, how->alg_name.n);
    p[how->alg_name.n] = '\0';
    memcpy(p + how->alg_name.n + 1, p2s.p, p2s.n);
    return pbkdf2(how->cx, row->hash, password,
                  (struct bytes){ (uint8_t *)p, how->alg_name.n + 1 + p2s.n },
                  (unsigned)rounds, out, row->size);
}

static err_t
unwrap_password(const struct jwe__how *how, struct bytes password, struct bytes in,
                struct jwe__cek *cek)
{
    uint8_t kek[32];
    struct bytes p2s;
    int64_t rounds = 0;
    err_t e;

    if ((e = jose__bytes(how->cx, how->headers, COUNT(how->headers), "p2s", &p2s)) !=
        ERR_OK)
        return e;
    if (!json_i64(jose__find(how->headers, COUNT(how->headers), "p2c"), &rounds) ||
        rounds < JWE_ROUNDS_MIN || rounds > JWE_ROUNDS_MAX || p2s.n < 8)
        return refuse(how->cx, ERR_LIMIT, "RFC 7518 4.8.1", "rounds or salt out of bounds");
    if ((e = password_key(how, password, p2s, rounds, kek)) == ERR_OK)
        e = unwrap_with(how, (struct bytes){ kek, rows[how->alg].size }, in, cek);
    wipe(kek, sizeof(kek));
    return e;
}

static err_t
unwrap_shared(const struct jwe__how *how, struct bytes in, struct jwe__cek *cek)
{
    scoped(secret_fini) struct secret s = { NULL, 0 };
    err_t e = key_secret(how->cx, how->key->key, &s);

    if (e != ERR_OK)
        return e;
    switch (rows[how->alg].kind) {
    case BY_WRAP: return unwrap_with(how, secret_peek(&s), in, cek);
    case BY_GCM: return unwrap_gcm(how, secret_peek(&s), in, cek);
    case BY_PASSWORD: return unwrap_password(how, secret_peek(&s), in, cek);
    case BY_DIRECT:
        memcpy(cek->at, s.p, s.n); /* jwe__fits: the size that enc wants */
        cek->n = s.n;
        return ERR_OK;
    case BY_NOTHING:
    case BY_OAEP:
    case BY_ECDH: break;
    }
    return refuse(how->cx, ERR_INTERNAL, "", "an alg of another kind");
}

err_t
jwe__unwrap(const struct jwe__how *how, struct bytes in, struct jwe__cek *cek)
{
    const struct row *row = &rows[how->alg];
    bool none = row->kind == BY_DIRECT || (row->kind == BY_ECDH && row->size == 0);
    struct bytes out;
    err_t e;

    cek->n = 0;
    if (none != (in.n == 0))
        return refuse(how->cx, ERR_JOSE, "RFC 7516 5.2",
                      "an encrypted key where none belongs, or none");
    if (row->kind == BY_OAEP) {
        e = oaep_open(how->cx, how->key->key, row->hash, row->hash,
                      (struct bytes){ NULL, 0 }, in, &out);
        return e != ERR_OK ? e : take(how, out, cek);
    }
    if (row->kind == BY_ECDH)
        return unwrap_agreed(how, in, cek);
    return unwrap_shared(how, in, cek);
}

/* --- wrap --- */

static err_t
wrap_agreed(const struct jwe__how *how, struct json_out *js, struct jwe__cek *cek,
            struct bytes *out)
{
    scoped(key_drop) struct key *own = NULL;
    uint8_t key[AEAD_KEY_MAX];
    size_t n = agreed_size(how);
    err_t e;

    if ((e = key_generate(how->cx, key_type(how->key->key), &own)) != ERR_OK)
        return e;
    json_key(js, "epk");
    if ((e = jwk_put(how->cx, js, own, S(""))) != ERR_OK ||
        (e = agreed(how, own, how->key->key, key, n)) != ERR_OK)
        return e;
    if (rows[how->alg].size != 0) {
        e = keywrap_seal(how->cx, (struct bytes){ key, n },
                         (struct bytes){ cek->at, cek->n }, out);
    } else {
        memcpy(cek->at, key, n);
    }
    wipe(key, sizeof(key));
    return e;
}

static err_t
put_b64(const struct jwe__how *how, struct json_out *js, const char *name, struct bytes v)
{
    struct str text;
    err_t e = b64url(how->cx, v, &text);

    if (e == ERR_OK)
        json_member(js, name, text);
    return e;
}

static err_t
wrap_gcm(const struct jwe__how *how, struct json_out *js, struct bytes kek,
         const struct jwe__cek *cek, struct bytes *out)
{
    enum aead a = gcm_of[rows[how->alg].size / 8 - 2];
    uint8_t iv[12], tag[AEAD_TAG_MAX];
    err_t e;

    random_bytes(iv, sizeof(iv));
    if ((e = aead_seal(how->cx, a, kek, (struct bytes){ iv, sizeof(iv) },
                       (struct bytes){ NULL, 0 }, (struct bytes){ cek->at, cek->n }, out,
                       tag)) != ERR_OK ||
        (e = put_b64(how, js, "iv", (struct bytes){ iv, sizeof(iv) })) != ERR_OK)
        return e;
    return put_b64(how, js, "tag", (struct bytes){ tag, aead_tag_size(a) });
}

static err_t
wrap_password(const struct jwe__how *how, struct json_out *js, struct bytes password,
              const struct jwe__cek *cek, struct bytes *out)
{
    const json *asked = json_get(how->headers[0], "p2c"); /* stands in the header already */
    int64_t rounds = JWE_ROUNDS;
    uint8_t p2s[16], kek[32];
    err_t e;

    if (asked == NULL)
        json_member_i64(js, "p2c", rounds);
    else if (!json_i64(asked, &rounds) || rounds < JWE_ROUNDS_MIN ||
             rounds > JWE_ROUNDS_MAX)
        return refuse(how->cx, ERR_LIMIT, "RFC 7518 4.8.1.2", "rounds out of bounds");
    random_bytes(p2s, sizeof(p2s));
    if ((e = put_b64(how, js, "p2s", (struct bytes){ p2s, sizeof(p2s) })) != ERR_OK)
        return e;
    e = password_key(how, password, (struct bytes){ p2s, sizeof(p2s) }, rounds, kek);
    if (e == ERR_OK)
        e = keywrap_seal(how->cx, (struct bytes){ kek, rows[how->alg].size },
                         (struct bytes){ cek->at, cek->n }, out);
    wipe(kek, sizeof(kek));
    return e;
}

static err_t
wrap_shared(const struct jwe__how *how, struct json_out *js, struct jwe__cek *cek,
            struct bytes *out)
{
    scoped(secret_fini) struct secret s = { NULL, 0 };
    err_t e = key_secret(how->cx, how->key->key, &s);

    if (e != ERR_OK)
        return e;
    switch (rows[how->alg].kind) {
    case BY_WRAP:
        return keywrap_seal(how->cx, secret_peek(&s), (struct bytes){ cek->at, cek->n },
                            out);
    case BY_GCM: return wrap_gcm(how, js, secret_peek(&s), cek, out);
    case BY_PASSWORD: return wrap_password(how, js, secret_peek(&s), cek, out);
    case BY_DIRECT: memcpy(cek->at, s.p, s.n); return ERR_OK;
    case BY_NOTHING:
    case BY_OAEP:
    case BY_ECDH: break;
    }
    return refuse(how->cx, ERR_INTERNAL, "", "an alg of another kind");
}

err_t
jwe__wrap(const struct jwe__how *how, struct json_out *js, struct jwe__cek *cek,
          struct bytes *out)
{
    const struct row *row = &rows[how->alg];

    *out = (struct bytes){ NULL, 0 };
    cek->n = aead_key_size(how->enc);
    random_bytes(cek->at, cek->n);
    if (row->kind == BY_OAEP)
        return oaep_seal(how->cx, how->key->key, row->hash, row->hash,
                         (struct bytes){ NULL, 0 }, (struct bytes){ cek->at, cek->n }, out);
    if (row->kind == BY_ECDH)
        return wrap_agreed(how, js, cek, out);
    return wrap_shared(how, js, cek, out);
}
