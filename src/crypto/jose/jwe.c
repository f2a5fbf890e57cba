/*
 * jwe.c - encrypted things: parsed, opened, sealed.
 *
 * Source    Knoop. EUPL-1.2.
 */
#include "crypto/jose/jwe.h"

#include <string.h>

#include "crypto/jose/jose_int.h"

struct recipient {
    const json *header;
    struct bytes encrypted_key;
};

/* Untrusted; only this file sees it. */
struct raw {
    struct str protected_text;
    const json *protected_header, *unprotected;
    struct recipient *at;
    size_t count;
    bool has_aad;
    struct str aad_text; /* base64url */
    struct bytes iv, cipher, tag;
};

/* --- parse --- */

static err_t
member_bytes(struct ctx *cx, const json *v, const char *name, struct bytes *out)
{
    const json *m = json_get(v, name);
    struct str text;

    *out = (struct bytes){ NULL, 0 };
    if (m == NULL)
        return ERR_OK;
    if (!json_str(m, &text))
        return refuse(cx, ERR_JOSE, "RFC 7516 7.2.1", "member '%s' is no text", name);
    return b64url_decode(cx, text, out);
}

static err_t
member_object(struct ctx *cx, const json *v, const char *name, const json **out)
{
    *out = json_get(v, name);
    if (*out != NULL && json_type(*out) != JSON_OBJECT)
        return refuse(cx, ERR_JOSE, "RFC 7516 7.2.1", "member '%s' is no object", name);
    return ERR_OK;
}

static err_t
read_recipient(struct ctx *cx, const json *v, struct raw *raw)
{
    struct recipient *r = &raw->at[raw->count++];
    err_t e;

    if (json_type(v) != JSON_OBJECT)
        return refuse(cx, ERR_JOSE, "RFC 7516 7.2.1", "a recipient is no object");
    if ((e = member_object(cx, v, "header", &r->header)) != ERR_OK)
        return e;
    return member_bytes(cx, v, "encrypted_key", &r->encrypted_key);
}

static err_t
read_recipients(struct ctx *cx, const json *v, struct raw *raw)
{
    const json *list = json_get(v, "recipients");
    size_t n = list == NULL ? 1 : json_size(list);
    err_t e = ERR_OK;

    if (list != NULL &&
        (json_type(list) != JSON_ARRAY || n == 0 || n > JWE_RECIPIENTS_MAX ||
         json_get(v, "header") != NULL || json_get(v, "encrypted_key") != NULL))
        return refuse(cx, ERR_JOSE, "RFC 7516 7.2", "no list of 1 to %d recipients alone",
                      JWE_RECIPIENTS_MAX);
    if ((raw->at = arena_array(cx->arena, n, sizeof(*raw->at))) == NULL)
        return refuse_memory(cx);
    if (list == NULL)
        return read_recipient(cx, v, raw);
    for (json_each(it, list))
        if (e == ERR_OK)
            e = read_recipient(cx, it.value, raw);
    return e;
}

static err_t
read_protected(struct ctx *cx, const json *v, struct raw *raw)
{
    const json *m = json_get(v, "protected");

    if (m == NULL)
        return ERR_OK;
    if (!json_str(m, &raw->protected_text) || raw->protected_text.n == 0)
        return refuse(cx, ERR_JOSE, "RFC 7516 7.2.1", "protected is no text, or empty");
    return jose__header(cx, raw->protected_text, &raw->protected_header);
}

static err_t
parse_json(struct ctx *cx, const json *v, struct raw *raw)
{
    const json *aad = json_get(v, "aad");
    struct bytes ignored;
    err_t e;

    *raw = (struct raw){ .count = 0 };
    if (json_type(v) != JSON_OBJECT || json_get(v, "ciphertext") == NULL)
        return refuse(cx, ERR_JOSE, "RFC 7516 7.2.1", "no JWE object");
    raw->has_aad = aad != NULL;
    if (aad != NULL && !json_str(aad, &raw->aad_text))
        return refuse(cx, ERR_JOSE, "RFC 7516 7.2.1", "aad is no text");
    if ((e = read_protected(cx, v, raw)) != ERR_OK ||
        (e = member_object(cx, v, "unprotected", &raw->unprotected)) != ERR_OK ||
        (e = member_bytes(cx, v, "iv", &raw->iv)) != ERR_OK ||
        (e = member_bytes(cx, v, "ciphertext", &raw->cipher)) != ERR_OK ||
        (e = member_bytes(cx, v, "tag", &raw->tag)) != ERR_OK ||
        (e = member_bytes(cx, v, "aad", &ignored)) != ERR_OK)
        return e;
    return read_recipients(cx, v, raw);
}

static err_t
parse_compact(struct ctx *cx, struct str text, struct raw *raw)
{
    struct str parts[5], rest = text;
    size_t dots = 0;
    err_t e;

    for (size_t i = 0; i < text.n; i++)
        dots += text.p[i] == '.';
    if (dots != 4)
        return refuse(cx, ERR_JOSE, "RFC 7516 7.1", "a compact JWE has five parts");
    for (size_t i = 0; i < COUNT(parts); i++)
        parts[i] = str_cut(&rest, '.');
    *raw = (struct raw){ .protected_text = parts[0], .count = 1 };
    if ((raw->at = arena_new(cx->arena, struct recipient)) == NULL)
        return refuse_memory(cx);
    if ((e = jose__header(cx, parts[0], &raw->protected_header)) != ERR_OK ||
        (e = b64url_decode(cx, parts[1], &raw->at->encrypted_key)) != ERR_OK ||
        (e = b64url_decode(cx, parts[2], &raw->iv)) != ERR_OK ||
        (e = b64url_decode(cx, parts[3], &raw->cipher)) != ERR_OK)
        return e;
    return b64url_decode(cx, parts[4], &raw->tag);
}

/* --- what the headers ask for --- */

/* crit: RFC 7516 4.1.13 knows none here. zip: what is small may become large. */
static err_t
check_header(const struct jwe__how *how)
{
    struct ctx *cx = how->cx;

    if (jose__find(how->headers, COUNT(how->headers), "crit") != NULL)
        return refuse(cx, ERR_JOSE, "RFC 7516 4.1.13", "crit names what is not known here");
    if (jose__find(how->headers, COUNT(how->headers), "zip") != NULL)
        return refuse(cx, ERR_UNSUPPORTED, "RFC 7516 4.1.3",
                      "compressed content is not taken");
    return jose__disjoint(cx, how->headers, COUNT(how->headers));
}

/* The key's own alg, where it has one: of the wrapping, or for dir of the content. */
static bool
key_alg_fits(const struct jwe__how *how)
{
    return how->key->alg.n == 0 || str_eq(how->key->alg, how->alg_name) ||
           (how->alg == JWE_DIR && str_eq(how->key->alg, how->enc_name));
}

static unsigned
ops_of(enum jwe_alg alg, bool sealing)
{
    switch (alg) {
    case JWE_DIR: return sealing ? JWK_OP_ENCRYPT : JWK_OP_DECRYPT;
    case JWE_ECDH_ES:
    case JWE_ECDH_ES_A128KW:
    case JWE_ECDH_ES_A192KW:
    case JWE_ECDH_ES_A256KW:
        /* the sender's side of an agreement has an ephemeral key of its own */
        return sealing ? JWK_OP_NONE_NEEDED : JWK_OP_DERIVE_KEY | JWK_OP_DERIVE_BITS;
    case JWE_PBES2_HS256_A128KW:
    case JWE_PBES2_HS384_A192KW:
    case JWE_PBES2_HS512_A256KW:
        return JWK_OP_DERIVE_KEY | JWK_OP_DERIVE_BITS |
               (sealing ? JWK_OP_WRAP | JWK_OP_ENCRYPT : JWK_OP_UNWRAP | JWK_OP_DECRYPT);
    default: return sealing ? JWK_OP_WRAP | JWK_OP_ENCRYPT : JWK_OP_UNWRAP | JWK_OP_DECRYPT;
    }
}

/* Reads alg and enc from whichever header, and asks whether the key may. */
static err_t
read_how(struct jwe__how *how, unsigned algs, bool sealing)
{
    struct ctx *cx = how->cx;
    err_t e;

    if ((e = check_header(how)) != ERR_OK ||
        (e = jose__text(cx, how->headers, COUNT(how->headers), "alg", &how->alg_name)) !=
            ERR_OK ||
        (e = jose__text(cx, how->headers, COUNT(how->headers), "enc", &how->enc_name)) !=
            ERR_OK)
        return e;
    how->alg = jwe_alg_of(how->alg_name);
    how->enc = aead_of(how->enc_name);
    if (how->alg == JWE_ALG_NONE || how->enc == AEAD_NONE ||
        (algs & JWE_ALG(how->alg)) == 0)
        return refuse(cx, ERR_ALGORITHM, "RFC 7516 4.1",
                      "alg '%.*s', enc '%.*s': not taken here", STR(how->alg_name),
                      STR(how->enc_name));
    if ((e = jwk_may(cx, how->key, JWK_USE_ENC, ops_of(how->alg, sealing))) != ERR_OK)
        return e;
    if (!key_alg_fits(how))
        return refuse(cx, ERR_ALGORITHM, "RFC 7517 4.4", "the key is for another alg");
    return jwe__fits(how);
}

/* RFC 7516 5.1 (14): the protected header's text, and the aad behind a dot. */
static err_t
additional(struct ctx *cx, const struct raw *raw, struct bytes *out)
{
    struct str text = raw->protected_text;

    if (raw->has_aad) {
        text = arena_printf(cx->arena, "%.*s.%.*s", STR(raw->protected_text),
                            STR(raw->aad_text));
        if (text.p == NULL)
            return refuse_memory(cx);
    }
    *out = bytes_of(text);
    return ERR_OK;
}

/* --- open --- */

static err_t
open_for(struct ctx *cx, const struct raw *raw, const struct recipient *r,
         const struct jwk *key, unsigned algs, struct bytes *plain)
{
    struct jwe__how how = { .cx = cx,
                            .key = key,
                            .headers = { raw->protected_header, raw->unprotected,
                                         r->header } };
    scoped(jwe__cek_fini) struct jwe__cek cek = { .n = 0 };
    struct bytes aad;
    err_t e;

    if ((e = read_how(&how, algs, false)) != ERR_OK ||
        (e = jwe__unwrap(&how, r->encrypted_key, &cek)) != ERR_OK ||
        (e = additional(cx, raw, &aad)) != ERR_OK)
        return e;
    return aead_open(cx, how.enc, (struct bytes){ cek.at, cek.n }, raw->iv, aad,
                     raw->cipher, raw->tag, plain);
}

static err_t
decrypt(struct ctx *cx, const struct raw *raw, const struct jwk *key, unsigned algs,
        struct bytes *plain)
{
    err_t e = refuse(cx, ERR_DECRYPT, "RFC 7516 5.2", "there is no recipient");

    for (size_t i = 0; i < raw->count; i++) {
        if ((e = open_for(cx, raw, &raw->at[i], key, algs, plain)) != ERR_OK)
            continue;
        refuse_clear(cx); /* of the recipients before this one */
        return ERR_OK;
    }
    return e;
}

err_t
jwe_decrypt_json(struct ctx *cx, const json *v, const struct jwk *key, unsigned algs,
                 struct bytes *plain)
{
    struct raw raw;
    err_t e = parse_json(cx, v, &raw);

    *plain = (struct bytes){ NULL, 0 };
    return e != ERR_OK ? e : decrypt(cx, &raw, key, algs, plain);
}

err_t
jwe_decrypt(struct ctx *cx, struct str text, const struct jwk *key, unsigned algs,
            struct bytes *plain)
{
    struct raw raw;
    json *v;
    err_t e;

    *plain = (struct bytes){ NULL, 0 };
    if (text.n != 0 && text.p[0] == '{') {
        if ((e = json_parse(cx, text, JSON_STRICT, &v)) != ERR_OK)
            return e;
        return jwe_decrypt_json(cx, v, key, algs, plain);
    }
    if ((e = parse_compact(cx, text, &raw)) != ERR_OK)
        return e;
    return decrypt(cx, &raw, key, algs, plain);
}

/* --- seal --- */

static err_t
start_header(struct ctx *cx, const json *header, struct json_out *js)
{
    static const char *const ours[] = { "epk", "iv", "tag", "p2s" };

    for (size_t i = 0; i < COUNT(ours); i++)
        if (json_get(header, ours[i]) != NULL)
            return refuse(cx, ERR_JOSE, "RFC 7516 5.1",
                          "header '%s' is put here, not asked", ours[i]);
    json_out_init(js, cx->arena);
    json_object(js);
    for (json_each(it, header)) {
        json_key_str(js, it.name);
        json_put(js, it.value);
    }
    return ERR_OK;
}

static err_t
assemble(struct ctx *cx, const struct jwe__how *how, const struct jwe__cek *cek,
         struct str header, struct bytes encrypted_key, struct bytes plain, struct str *out)
{
    uint8_t iv[AEAD_IV_MAX], tag[AEAD_TAG_MAX];
    struct bytes fresh = { iv, aead_iv_size(how->enc) }, cipher;
    struct str head;
    struct buf b;
    err_t e;

    random_bytes(iv, fresh.n);
    if ((e = b64url(cx, bytes_of(header), &head)) != ERR_OK ||
        (e = aead_seal(cx, how->enc, (struct bytes){ cek->at, cek->n }, fresh,
                       bytes_of(head), plain, &cipher, tag)) != ERR_OK)
        return e;
    buf_init(&b, cx->arena);
    buf_str(&b, head);
    buf_c(&b, '.');
    buf_b64url(&b, encrypted_key);
    buf_c(&b, '.');
    buf_b64url(&b, fresh);
    buf_c(&b, '.');
    buf_b64url(&b, cipher);
    buf_c(&b, '.');
    buf_b64url(&b, (struct bytes){ tag, aead_tag_size(how->enc) });
    return buf_done(cx, &b, out);
}

err_t
jwe_encrypt(struct ctx *cx, const struct jwk *key, struct str header, struct bytes plain,
            struct str *compact)
{
    struct jwe__how how = { .cx = cx, .key = key };
    scoped(jwe__cek_fini) struct jwe__cek cek = { .n = 0 };
    struct bytes encrypted_key;
    struct json_out js;
    struct str text;
    json *v;
    err_t e;

    *compact = S("");
    if ((e = json_parse(cx, header, JSON_STRICT, &v)) != ERR_OK)
        return e;
    if (json_type(v) != JSON_OBJECT)
        return refuse(cx, ERR_JOSE, "RFC 7516 4", "the header is no object");
    how.headers[0] = v;
    if ((e = read_how(&how, JWE_ALGS_USUAL | JWE_ALGS_PBES2, true)) != ERR_OK ||
        (e = start_header(cx, v, &js)) != ERR_OK ||
        (e = jwe__wrap(&how, &js, &cek, &encrypted_key)) != ERR_OK)
        return e;
    json_end(&js);
    if ((e = json_out_done(cx, &js, &text)) != ERR_OK)
        return e;
    return assemble(cx, &how, &cek, text, encrypted_key, plain, compact);
}
