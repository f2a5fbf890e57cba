/* jwk.c - JSON Web Keys. EUPL-1.2. */
#include "crypto/jose/jwk.h"

#include <string.h>

#include "crypto/jose/jose_int.h"

/* One row per kind of key: RFC 7518 6, RFC 8037 2, RFC 8812 3.1. */
static const struct row {
    enum key_type type;
    const char *kty, *crv; /* crv NULL: no curve */
} rows[] = {
    { KEY_P256, "EC", "P-256" },       { KEY_P384, "EC", "P-384" },
    { KEY_P521, "EC", "P-521" },       { KEY_SECP256K1, "EC", "secp256k1" },
    { KEY_ED25519, "OKP", "Ed25519" }, { KEY_X25519, "OKP", "X25519" },
    { KEY_RSA, "RSA", NULL },          { KEY_OCT, "oct", NULL },
};

static const struct row *
row_of(enum key_type type)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].type == type)
            return &rows[i];
    return NULL;
}

/* --- members --- */

static err_t
number(struct ctx *cx, const json *v, const char *name, bool needed, struct bytes *out)
{
    const json *m = json_get(v, name);
    struct str text;

    *out = (struct bytes){ NULL, 0 };
    if (m == NULL && !needed)
        return ERR_OK;
    if (!json_str(m, &text))
        return refuse(cx, ERR_KEY, "RFC 7518 6", "member '%s' is missing or no text", name);
    if (text.n == 0 && !needed)
        return refuse(cx, ERR_KEY, "RFC 7518 6", "member '%s' is empty", name);
    return b64url_decode(cx, text, out);
}

static err_t
read_parts(struct ctx *cx, const json *v, const struct row *row, struct key_parts *p)
{
    const bool rsa = row->type == KEY_RSA, oct = row->type == KEY_OCT;
    const bool ec = strcmp(row->kty, "EC") == 0, okp = strcmp(row->kty, "OKP") == 0;
    const struct {
        const char *name;
        struct bytes *to;
        bool read, needed;
    } members[] = {
        { "x", &p->x, ec || okp, true }, { "y", &p->y, ec, true },
        { "n", &p->n, rsa, true },       { "e", &p->e, rsa, true },
        { "k", &p->k, oct, true },       { "d", &p->d, !oct, false },
        { "p", &p->p, rsa, false },      { "q", &p->q, rsa, false },
        { "dp", &p->dp, rsa, false },    { "dq", &p->dq, rsa, false },
        { "qi", &p->qi, rsa, false },
    };

    *p = (struct key_parts){ .x = { NULL, 0 } };
    for (size_t i = 0; i < COUNT(members); i++) {
        err_t e = members[i].read
                      ? number(cx, v, members[i].name, members[i].needed, members[i].to)
                      : ERR_OK;

        if (e != ERR_OK)
            return e;
    }
    if (rsa && json_get(v, "oth") != NULL)
        return refuse(cx, ERR_UNSUPPORTED, "RFC 7518 6.3.2.7",
                      "RSA with more than two primes");
    return ERR_OK;
}

static err_t
read_row(struct ctx *cx, const json *v, const struct row **out)
{
    struct str kty, crv = S("");
    bool has_crv;

    *out = NULL;
    if (!json_str(json_get(v, "kty"), &kty))
        return refuse(cx, ERR_KEY, "RFC 7517 4.1", "kty is missing or no text");
    has_crv = json_str(json_get(v, "crv"), &crv);
    for (size_t i = 0; i < COUNT(rows); i++)
        if (str_is(kty, rows[i].kty) &&
            (rows[i].crv == NULL || (has_crv && str_is(crv, rows[i].crv)))) {
            *out = &rows[i];
            return ERR_OK;
        }
    return refuse(cx, ERR_UNSUPPORTED, "RFC 7517 4.1", "this kty or crv is not offered");
}

static const struct {
    const char *name;
    unsigned bit;
    enum jwk_use use;
} op_rows[] = {
    { "sign", JWK_OP_SIGN, JWK_USE_SIG },
    { "verify", JWK_OP_VERIFY, JWK_USE_SIG },
    { "encrypt", JWK_OP_ENCRYPT, JWK_USE_ENC },
    { "decrypt", JWK_OP_DECRYPT, JWK_USE_ENC },
    { "wrapKey", JWK_OP_WRAP, JWK_USE_ENC },
    { "unwrapKey", JWK_OP_UNWRAP, JWK_USE_ENC },
    { "deriveKey", JWK_OP_DERIVE_KEY, JWK_USE_ENC },
    { "deriveBits", JWK_OP_DERIVE_BITS, JWK_USE_ENC },
};

/* Is the name there a second time, before this one? */
static bool
named_before(const json *list, const json *one)
{
    struct str name, before;

    for (json_each(it, list)) {
        if (it.value == one)
            break;
        if (json_str(one, &name) && json_str(it.value, &before) && str_eq(name, before))
            return true;
    }
    return false;
}

/* RFC 7517 4.3: no duplicates, and no contradiction with `use`. */
static err_t
read_ops(struct ctx *cx, const json *list, struct jwk *k)
{
    enum { OPS_MAX = 32 }; /* RFC 7517 registers eight */

    if (list == NULL)
        return ERR_OK;
    if (json_type(list) != JSON_ARRAY || json_size(list) > OPS_MAX)
        return refuse(cx, ERR_KEY, "RFC 7517 4.3", "key_ops is no list, or too long");
    k->has_ops = true;
    for (json_each(it, list)) {
        struct str name;

        if (!json_str(it.value, &name))
            return refuse(cx, ERR_KEY, "RFC 7517 4.3", "key_ops holds what is no text");
        if (named_before(list, it.value))
            return refuse(cx, ERR_KEY, "RFC 7517 4.3", "key_ops names something twice");
        for (size_t i = 0; i < COUNT(op_rows); i++) {
            if (!str_is(name, op_rows[i].name))
                continue;
            if (k->use != JWK_USE_UNSAID && k->use != op_rows[i].use)
                return refuse(cx, ERR_KEY, "RFC 7517 4.3", "use and key_ops contradict");
            k->ops |= op_rows[i].bit;
        }
    }
    return ERR_OK;
}

static err_t
optional_text(struct ctx *cx, const json *v, const char *name, struct str *out)
{
    const json *m = json_get(v, name);

    *out = S("");
    if (m != NULL && !json_str(m, out))
        return refuse(cx, ERR_KEY, "RFC 7517 4", "member '%s' is no text", name);
    return ERR_OK;
}

static err_t
read_about(struct ctx *cx, const json *v, struct jwk *k)
{
    struct str use;
    err_t e;

    if ((e = optional_text(cx, v, "kid", &k->kid)) != ERR_OK ||
        (e = optional_text(cx, v, "alg", &k->alg)) != ERR_OK ||
        (e = optional_text(cx, v, "use", &use)) != ERR_OK)
        return e;
    if (json_get(v, "alg") != NULL && k->alg.n == 0) /* empty means absent from here on */
        return refuse(cx, ERR_KEY, "RFC 7517 4.4",
                      "alg is empty: no algorithm has no name");
    if (json_get(v, "use") != NULL)
        k->use = str_is(use, "sig")   ? JWK_USE_SIG
                 : str_is(use, "enc") ? JWK_USE_ENC
                                      : JWK_USE_ELSE;
    return read_ops(cx, json_get(v, "key_ops"), k);
}

/* --- thumbprint (RFC 7638 3.2: required members, in order of their names) --- */

static err_t
thumbprint(struct ctx *cx, const struct row *row, const struct key_parts *p,
           struct str *out)
{
    struct json_out js;
    struct str text, b64;
    uint8_t hash[HASH_MAX];
    const struct {
        const char *name;
        struct bytes value;
    } members[] = { { "crv", { NULL, 0 } }, { "e", p->e }, { "k", p->k },
                    { "kty", { NULL, 0 } }, { "n", p->n }, { "x", p->x },
                    { "y", p->y } };
    err_t e;

    *out = S("");
    json_out_init(&js, cx->arena);
    json_object(&js);
    for (size_t i = 0; i < COUNT(members); i++) {
        if (i == 0 && row->crv != NULL)
            json_member_z(&js, "crv", row->crv);
        if (i == 3)
            json_member_z(&js, "kty", row->kty);
        if (members[i].value.n == 0)
            continue;
        if ((e = b64url(cx, members[i].value, &b64)) != ERR_OK)
            return e;
        json_member(&js, members[i].name, b64);
    }
    json_end(&js);
    if ((e = json_out_done(cx, &js, &text)) != ERR_OK ||
        (e = hash_bytes(cx, HASH_SHA256, bytes_of(text), hash)) != ERR_OK)
        return e;
    return b64url(cx, (struct bytes){ hash, 32 }, out);
}

err_t
jwk_thumbprint(struct ctx *cx, const struct key *key, struct str *out)
{
    struct key_parts p;
    err_t e = key_export(cx, key, &p);

    *out = S("");
    return e != ERR_OK ? e : thumbprint(cx, row_of(key_type(key)), &p, out);
}

/* --- parse --- */

/* Public keys by what they are; private ones are always imported anew. */
static err_t
import(struct ctx *cx, const struct row *row, const struct key_parts *p,
       struct jwk_cache *cache, struct key **out)
{
    uint8_t id[HASH_MAX], head[7];
    const struct bytes all[] = { { head, sizeof(head) }, p->x, p->y, p->n, p->e };
    bool cached = cache != NULL && p->d.n == 0 && row->type != KEY_OCT;
    err_t e;

    if (!cached)
        return key_import(cx, row->type, p, out);
    head[0] = (uint8_t)row->type; /* and lengths, so that no two keys read alike */
    for (size_t i = 0; i < 3; i++) {
        head[1 + 2 * i] = (uint8_t)(all[1 + i].n >> 8);
        head[2 + 2 * i] = (uint8_t)all[1 + i].n;
    }
    if ((e = hash_parts(cx, HASH_SHA256, all, COUNT(all), id)) != ERR_OK)
        return e;
    if ((*out = jwk__cache_get(cache, id)) != NULL)
        return ERR_OK;
    if ((e = key_import(cx, row->type, p, out)) == ERR_OK)
        jwk__cache_put(cache, id, *out);
    return e;
}

static void
wipe_parts(struct key_parts *p)
{
    const struct bytes *secrets[] = { &p->d, &p->p, &p->q, &p->dp, &p->dq, &p->qi, &p->k };

    for (size_t i = 0; i < COUNT(secrets); i++) {
        uint8_t *at;

        memcpy(&at, &secrets[i]->p, sizeof(at)); /* ours, in the arena */
        wipe(at, secrets[i]->n);
    }
}

err_t
jwk_parse(struct ctx *cx, const json *v, struct jwk_cache *cache, struct jwk *out)
{
    const struct row *row;
    struct key_parts parts;
    err_t e;

    *out = (struct jwk){ .key = NULL };
    if (json_type(v) != JSON_OBJECT)
        return refuse(cx, ERR_KEY, "RFC 7517 4", "a JWK is an object");
    if ((e = read_row(cx, v, &row)) != ERR_OK || (e = read_about(cx, v, out)) != ERR_OK ||
        (e = read_parts(cx, v, row, &parts)) != ERR_OK)
        return e;
    if ((e = thumbprint(cx, row, &parts, &out->thumbprint)) == ERR_OK)
        e = import(cx, row, &parts, cache, &out->key);
    wipe_parts(&parts);
    if (e != ERR_OK)
        jwk_fini(out);
    return e;
}

err_t
jwk_parse_public(struct ctx *cx, const json *v, struct jwk_cache *cache, struct jwk *out)
{
    static const char *const secret[] = { "d", "p", "q", "dp", "dq", "qi", "oth", "k" };

    *out = (struct jwk){ .key = NULL };
    for (size_t i = 0; i < COUNT(secret); i++)
        if (json_get(v, secret[i]) != NULL)
            return refuse(cx, ERR_KEY, "RFC 7517 9.2", "a private or secret number '%s'",
                          secret[i]);
    return jwk_parse(cx, v, cache, out);
}

void
jwk_fini(struct jwk *k)
{
    key_drop(&k->key);
    *k = (struct jwk){ .key = NULL };
}

/* --- out --- */

err_t
jwk_of_key(struct ctx *cx, struct key *key, struct str kid, struct jwk *out)
{
    err_t e;

    *out = (struct jwk){ .kid = kid };
    if (key_type(key) != KEY_OCT &&
        (e = jwk_thumbprint(cx, key, &out->thumbprint)) != ERR_OK)
        return e;
    out->key = key_ref(key);
    return ERR_OK;
}

err_t
jwk_put(struct ctx *cx, struct json_out *js, const struct key *key, struct str kid)
{
    const struct row *row = row_of(key_type(key));
    struct key_parts p;
    err_t e = key_export(cx, key, &p);

    if (e != ERR_OK)
        return e;
    const struct {
        const char *name;
        struct bytes value;
    } members[] = { { "x", p.x }, { "y", p.y }, { "n", p.n }, { "e", p.e } };

    json_object(js);
    json_member_z(js, "kty", row->kty);
    if (row->crv != NULL)
        json_member_z(js, "crv", row->crv);
    for (size_t i = 0; i < COUNT(members); i++) {
        struct str b64;

        if (members[i].value.n == 0)
            continue;
        if ((e = b64url(cx, members[i].value, &b64)) != ERR_OK)
            return e;
        json_member(js, members[i].name, b64);
    }
    if (kid.n != 0)
        json_member(js, "kid", kid);
    json_end(js);
    return ERR_OK;
}

err_t
jwk_text(struct ctx *cx, const struct key *key, struct str kid, struct str *out)
{
    struct json_out js;
    err_t e;

    *out = S("");
    json_out_init(&js, cx->arena);
    e = jwk_put(cx, &js, key, kid);
    return e != ERR_OK ? e : json_out_done(cx, &js, out);
}

err_t
jwk_may(struct ctx *cx, const struct jwk *key, enum jwk_use use, unsigned ops)
{
    if (key->key == NULL)
        return refuse(cx, ERR_KEY, "RFC 7517 5",
                      "the key that was picked is not usable here");
    if (key->use != JWK_USE_UNSAID && key->use != use)
        return refuse(cx, ERR_KEY, "RFC 7517 4.2", "the key's use is another");
    if (key->has_ops && ops != JWK_OP_NONE_NEEDED && (key->ops & ops) == 0)
        return refuse(cx, ERR_KEY, "RFC 7517 4.3", "the key's key_ops do not allow this");
    return ERR_OK;
}
