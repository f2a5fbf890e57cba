/*
 * jws.c - signed things: parsed, checked, made.
 *
 * Trust     Parsing decodes; whether alg, crit and key are acceptable is asked
 *           signature by signature when one is checked.
 * Source    Knoop. EUPL-1.2.
 */
#include "crypto/jose/jws.h"

#include <string.h>

#include "crypto/jose/jose_int.h"

/* --- parse --- */

static err_t
read_signature(struct ctx *cx, const json *protected_member, const json *header,
               const json *signature, struct jws_signature *out)
{
    const json *headers[2];
    struct str text;
    err_t e;

    if (header != NULL && json_type(header) != JSON_OBJECT)
        return refuse(cx, ERR_JOSE, "RFC 7515 7.2.1", "header is no object");
    if (protected_member != NULL) {
        if (!json_str(protected_member, &out->protected_text) || out->protected_text.n == 0)
            return refuse(cx, ERR_JOSE, "RFC 7515 7.2.1", "protected is no text, or empty");
        if ((e = jose__header(cx, out->protected_text, &out->protected_header)) != ERR_OK)
            return e;
    }
    out->header = header;
    if (protected_member == NULL && header == NULL)
        return refuse(cx, ERR_JOSE, "RFC 7515 7.2.1", "a signature without any header");
    if (!json_str(signature, &text))
        return refuse(cx, ERR_JOSE, "RFC 7515 7.2.1", "signature is missing or no text");
    headers[0] = out->protected_header;
    headers[1] = out->header;
    if ((e = b64url_decode(cx, text, &out->signature)) != ERR_OK ||
        (e = jose__disjoint(cx, headers, 2)) != ERR_OK ||
        (e = jose__text(cx, headers, 2, "alg", &out->alg)) != ERR_OK)
        return e;
    return jose__text(cx, headers, 2, "kid", &out->kid);
}

err_t
jws_parse_json(struct ctx *cx, const json *v, struct jws_raw *out)
{
    const json *list = json_get(v, "signatures"), *payload = json_get(v, "payload");
    const json *one = json_get(v, "signature");
    size_t n = list != NULL ? json_size(list) : 1;
    err_t e = ERR_OK;

    *out = (struct jws_raw){ .detached = payload == NULL };
    if (json_type(v) != JSON_OBJECT ||
        (payload != NULL && !json_str(payload, &out->payload_text)))
        return refuse(cx, ERR_JOSE, "RFC 7515 7.2.1",
                      "no JWS object, or payload is no text");
    if ((list == NULL) == (one == NULL) ||
        (list != NULL &&
         (json_get(v, "protected") != NULL || json_get(v, "header") != NULL)))
        return refuse(cx, ERR_JOSE, "RFC 7515 7.2.2",
                      "signature and signatures, or neither");
    if (n == 0 || n > JWS_SIGNATURES_MAX || (list != NULL && json_type(list) != JSON_ARRAY))
        return refuse(cx, ERR_JOSE, "RFC 7515 7.2.1", "no list of 1 to %d signatures",
                      JWS_SIGNATURES_MAX);
    if ((out->at = arena_array(cx->arena, n, sizeof(*out->at))) == NULL)
        return refuse_memory(cx);
    if (list == NULL)
        e = read_signature(cx, json_get(v, "protected"), json_get(v, "header"), one,
                           &out->at[out->count++]);
    for (json_each(it, list)) {
        if (e == ERR_OK)
            e = read_signature(cx, json_get(it.value, "protected"),
                               json_get(it.value, "header"),
                               json_get(it.value, "signature"), &out->at[out->count++]);
    }
    if (e != ERR_OK)
        *out = (struct jws_raw){ .count = 0 };
    return e;
}

/* header.payload.signature; an unencoded payload holds no dot (RFC 7797 5.2). */
static err_t
parse_compact(struct ctx *cx, struct str text, struct jws_raw *out)
{
    struct str rest = text, signature;
    struct jws_signature *s = arena_new(cx->arena, struct jws_signature);
    size_t dots = 0;
    err_t e;

    for (size_t i = 0; i < text.n; i++)
        dots += text.p[i] == '.';
    if (dots != 2)
        return refuse(cx, ERR_JOSE, "RFC 7515 7.1", "a compact JWS has three parts");
    if (s == NULL)
        return refuse_memory(cx);
    s->protected_text = str_cut(&rest, '.');
    out->payload_text = str_cut(&rest, '.');
    signature = rest;
    if ((e = jose__header(cx, s->protected_text, &s->protected_header)) != ERR_OK ||
        (e = b64url_decode(cx, signature, &s->signature)) != ERR_OK ||
        (e = jose__text(cx, &s->protected_header, 1, "alg", &s->alg)) != ERR_OK ||
        (e = jose__text(cx, &s->protected_header, 1, "kid", &s->kid)) != ERR_OK)
        return e;
    out->at = s;
    out->count = 1;
    out->compact = true;
    return ERR_OK;
}

err_t
jws_parse(struct ctx *cx, struct str text, struct jws_raw *out)
{
    json *v;
    err_t e;

    *out = (struct jws_raw){ .count = 0 };
    if (text.n == 0 || text.p[0] != '{') {
        if ((e = parse_compact(cx, text, out)) != ERR_OK)
            *out = (struct jws_raw){ .count = 0 };
        return e;
    }
    if ((e = json_parse(cx, text, JSON_STRICT, &v)) != ERR_OK)
        return e;
    return jws_parse_json(cx, v, out);
}

/* --- crit and b64 --- */

/* RFC 7515 4.1.11: a list of names, not empty, each known, there, and once. */
static err_t
check_crit(struct ctx *cx, const json *protected_header, const json *header)
{
    const json *crit = json_get(protected_header, "crit");
    size_t seen = 0;

    if (json_get(header, "crit") != NULL || json_get(header, "b64") != NULL)
        return refuse(cx, ERR_JOSE, "RFC 7515 4.1.11", "crit or b64 is not protected");
    if (crit == NULL)
        return ERR_OK;
    if (json_type(crit) != JSON_ARRAY || json_size(crit) == 0)
        return refuse(cx, ERR_JOSE, "RFC 7515 4.1.11", "crit is no list, or empty");
    for (json_each(it, crit))
        if (!json_is(it.value, "b64") || json_get(protected_header, "b64") == NULL ||
            ++seen > 1)
            return refuse(cx, ERR_JOSE, "RFC 7515 4.1.11",
                          "crit names what is not known, not there, or there twice");
    return ERR_OK;
}

/* RFC 7797 3 and 6: a boolean, and in crit. */
static err_t
check_b64(struct ctx *cx, const json *protected_header, bool *encoded)
{
    const json *b64 = json_get(protected_header, "b64");

    *encoded = true;
    if (b64 == NULL)
        return ERR_OK;
    if (!json_bool(b64, encoded))
        return refuse(cx, ERR_JOSE, "RFC 7797 3", "b64 is no boolean");
    if (json_get(protected_header, "crit") == NULL)
        return refuse(cx, ERR_JOSE, "RFC 7797 6", "b64 is not in crit");
    return ERR_OK;
}

static err_t
check_header(struct ctx *cx, const json *protected_header, const json *header,
             bool *encoded)
{
    err_t e = check_crit(cx, protected_header, header);

    *encoded = true;
    return e != ERR_OK ? e : check_b64(cx, protected_header, encoded);
}

/* RFC 7797 3: b64 says the same for all signatures of one object. */
static err_t
encoding(struct ctx *cx, const struct jws_raw *raw, bool *encoded)
{
    *encoded = true;
    for (size_t i = 0; i < raw->count; i++) {
        bool said = true;

        if (!json_bool(json_get(raw->at[i].protected_header, "b64"), &said))
            said = true; /* absent, or refused when this signature is looked at */
        if (i != 0 && said != *encoded)
            return refuse(cx, ERR_JOSE, "RFC 7797 3", "b64 differs between signatures");
        *encoded = said;
    }
    return ERR_OK;
}

/* RFC 7797 5.2: printable ASCII without a dot. */
static bool
plain_payload(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] > 0x7e || s.p[i] == '.')
            return false;
    return true;
}

/* What stands in the signing input, and what it means. */
static err_t
read_payload(struct ctx *cx, const struct jws_raw *raw, const struct bytes *detached,
             struct str *signed_text, struct bytes *payload)
{
    bool encoded;
    err_t e = encoding(cx, raw, &encoded);

    *signed_text = S("");
    *payload = (struct bytes){ NULL, 0 };
    if (e != ERR_OK)
        return e;
    if (detached == NULL && raw->detached)
        return refuse(cx, ERR_JOSE, "RFC 7515 F",
                      "the payload is detached and was not given");
    if (detached != NULL && raw->payload_text.n != 0)
        return refuse(cx, ERR_JOSE, "RFC 7515 F", "a payload beside the one it carries");
    if (detached != NULL) {
        *payload = *detached;
        if (encoded)
            return b64url(cx, *detached, signed_text);
        *signed_text = str_of_bytes(*detached);
        return ERR_OK;
    }
    *signed_text = raw->payload_text;
    if (encoded)
        return b64url_decode(cx, raw->payload_text, payload);
    if (raw->compact && !plain_payload(raw->payload_text))
        return refuse(cx, ERR_JOSE, "RFC 7797 5.2",
                      "an unencoded payload of other characters");
    *payload = bytes_of(raw->payload_text);
    return ERR_OK;
}

err_t
jws_peek_payload(struct ctx *cx, const struct jws_raw *raw, struct bytes *out)
{
    struct str text;

    return read_payload(cx, raw, NULL, &text, out);
}

/* --- check --- */

static err_t
signing_input(struct ctx *cx, struct str header, struct str payload, struct bytes *out)
{
    char *p = arena_alloc(cx->arena, header.n + payload.n + 1);

    if (p == NULL)
        return refuse_memory(cx);
    if (header.n != 0)
        memcpy(p, header.p, header.n);
    p[header.n] = '.';
    if (payload.n != 0)
        memcpy(p + header.n + 1, payload.p, payload.n);
    *out = (struct bytes){ (const uint8_t *)p, header.n + payload.n + 1 };
    return ERR_OK;
}

static err_t
check_alg(struct ctx *cx, struct str name, const struct jwk *key, unsigned algs,
          enum sig_alg *out)
{
    *out = sig_alg_of(name);
    if (*out == SIG_NONE || (algs & JWS_ALG(*out)) == 0)
        return refuse(cx, ERR_ALGORITHM, "RFC 7515 4.1.1", "alg '%.*s' is not taken here",
                      STR(name));
    if (key->alg.n != 0 && !str_eq(key->alg, name))
        return refuse(cx, ERR_ALGORITHM, "RFC 7517 4.4", "the key is for another alg");
    return ERR_OK;
}

static err_t
check_one(struct ctx *cx, const struct jws_signature *s, const struct jwk *key,
          unsigned algs, struct str payload, enum sig_alg *alg)
{
    struct bytes input;
    bool encoded;
    err_t e;

    if ((e = check_header(cx, s->protected_header, s->header, &encoded)) != ERR_OK ||
        (e = jwk_may(cx, key, JWK_USE_SIG, JWK_OP_VERIFY)) != ERR_OK ||
        (e = check_alg(cx, s->alg, key, algs, alg)) != ERR_OK ||
        (e = signing_input(cx, s->protected_text, payload, &input)) != ERR_OK)
        return e;
    return key_verify(cx, key->key, *alg, SIG_RAW, input, s->signature);
}

/* By kid; without one the only key. One that is there and empty is no reason to guess. */
static err_t
pick(struct ctx *cx, const struct jwk_set *set, const struct jws_signature *s,
     const struct jwk **out)
{
    const json *headers[] = { s->protected_header, s->header };

    *out = NULL;
    if (s->kid.n == 0 && jose__find(headers, COUNT(headers), "kid") != NULL)
        return refuse(cx, ERR_KEY, "RFC 7515 4.1.4", "an empty kid names no key");
    return jwk_set_pick(cx, set, s->kid, out);
}

static err_t
check(struct ctx *cx, const struct jws_raw *raw, const struct jwk *one,
      const struct jwk_set *set, unsigned algs, const struct bytes *detached,
      struct jws *out)
{
    struct str text;
    struct bytes payload;
    err_t e;

    *out = (struct jws){ .alg = SIG_NONE };
    if ((e = read_payload(cx, raw, detached, &text, &payload)) != ERR_OK)
        return e;
    e = refuse(cx, ERR_SIGNATURE, "RFC 7515 5.2", "there is no signature");
    for (size_t i = 0; i < raw->count; i++) {
        const struct jws_signature *s = &raw->at[i];
        const struct jwk *key = one;
        enum sig_alg alg;

        if (set != NULL && (e = pick(cx, set, s, &key)) != ERR_OK)
            continue;
        if ((e = check_one(cx, s, key, algs, text, &alg)) != ERR_OK)
            continue;
        refuse_clear(cx); /* of the signatures before this one */
        *out = (struct jws){ s->protected_header, s->header, alg, s->kid, key, payload };
        return ERR_OK;
    }
    return e;
}

err_t
jws_check(struct ctx *cx, const struct jws_raw *raw, const struct jwk *key, unsigned algs,
          const struct bytes *payload, struct jws *out)
{
    return check(cx, raw, key, NULL, algs, payload, out);
}

err_t
jws_check_compact(struct ctx *cx, struct str text, const json *header,
                  const struct jwk *key, unsigned algs)
{
    struct bytes signature;
    struct str name;
    enum sig_alg alg;
    size_t dot = text.n;
    err_t e;

    while (dot > 0 && text.p[dot - 1] != '.')
        dot--;
    if (dot < 2)
        return refuse(cx, ERR_JOSE, "RFC 7515 7.1", "a compact JWS has three parts");
    if (json_get(header, "crit") != NULL || json_get(header, "b64") != NULL)
        return refuse(cx, ERR_JOSE, "RFC 7515 4.1.11", "crit and b64 are not taken here");
    if (!json_str(json_get(header, "alg"), &name))
        return refuse(cx, ERR_JOSE, "RFC 7515 4.1.1", "alg is missing or no text");
    if ((e = jwk_may(cx, key, JWK_USE_SIG, JWK_OP_VERIFY)) != ERR_OK ||
        (e = check_alg(cx, name, key, algs, &alg)) != ERR_OK ||
        (e = b64url_decode(cx, str_sub(text, dot, text.n), &signature)) != ERR_OK)
        return e;
    return key_verify(cx, key->key, alg, SIG_RAW, bytes_of(str_sub(text, 0, dot - 1)),
                      signature);
}

err_t
jws_check_set(struct ctx *cx, const struct jws_raw *raw, const struct jwk_set *keys,
              unsigned algs, const struct bytes *payload, struct jws *out)
{
    return check(cx, raw, NULL, keys, algs, payload, out);
}

err_t
jws_verify(struct ctx *cx, struct str text, const struct jwk *key, unsigned algs,
           struct jws *out)
{
    struct jws_raw raw;
    err_t e = jws_parse(cx, text, &raw);

    *out = (struct jws){ .alg = SIG_NONE };
    return e != ERR_OK ? e : jws_check(cx, &raw, key, algs, NULL, out);
}

err_t
jws_verify_set(struct ctx *cx, struct str text, const struct jwk_set *keys, unsigned algs,
               struct jws *out)
{
    struct jws_raw raw;
    err_t e = jws_parse(cx, text, &raw);

    *out = (struct jws){ .alg = SIG_NONE };
    return e != ERR_OK ? e : jws_check_set(cx, &raw, keys, algs, NULL, out);
}

/* --- sign --- */

static err_t
read_sign_header(struct ctx *cx, struct str text, const struct key *key, enum sig_alg *alg,
                 bool *encoded)
{
    const json *header;
    struct str name;
    json *v;
    err_t e = json_parse(cx, text, JSON_STRICT, &v);

    *alg = SIG_NONE;
    *encoded = true;
    if (e != ERR_OK)
        return e;
    header = v;
    if (json_type(header) != JSON_OBJECT)
        return refuse(cx, ERR_JOSE, "RFC 7515 4", "the header is no object");
    if ((e = check_header(cx, header, NULL, encoded)) != ERR_OK ||
        (e = jose__text(cx, &header, 1, "alg", &name)) != ERR_OK)
        return e;
    *alg = sig_alg_of(name);
    if (*alg == SIG_NONE || !sig_alg_fits(*alg, key))
        return refuse(cx, ERR_ALGORITHM, "RFC 7515 4.1.1",
                      "alg '%.*s' does not fit the key", STR(name));
    return ERR_OK;
}

err_t
jws_sign(struct ctx *cx, const struct key *key, struct str header, struct bytes payload,
         struct str *compact)
{
    struct str head, body;
    struct bytes input, signature;
    struct buf b;
    enum sig_alg alg;
    bool encoded;
    err_t e;

    *compact = S("");
    if ((e = read_sign_header(cx, header, key, &alg, &encoded)) != ERR_OK ||
        (e = b64url(cx, bytes_of(header), &head)) != ERR_OK)
        return e;
    body = str_of_bytes(payload);
    if (encoded && (e = b64url(cx, payload, &body)) != ERR_OK)
        return e;
    if ((e = signing_input(cx, head, body, &input)) != ERR_OK ||
        (e = key_sign(cx, key, alg, SIG_RAW, input, &signature)) != ERR_OK)
        return e;
    buf_init(&b, cx->arena);
    buf_str(&b, encoded ? str_of_bytes(input) : head);
    buf_z(&b, encoded ? "." : "..");
    buf_b64url(&b, signature);
    return buf_done(cx, &b, compact);
}
