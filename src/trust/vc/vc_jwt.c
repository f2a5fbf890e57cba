/*
 * vc_jwt.c - a JWT taken apart, and its signature under a key of a DID document.
 *
 * Rule    RFC 7515 7.1, RFC 7519 4.1; conformance: the alg fits the key; RSA signs
 *         PS256 or RS256; a date claim that is no number is refused.
 * Trust   All of it is a stranger's until vc__jwt_verify.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/vc/vc.h"
#include "trust/vc/vc_int.h"

#include "crypto/jose/jose.h"
#include "sys/room.h"

#include <string.h>

/* --- taken apart ------------------------------------------------------------------ */

/* A NumericDate (RFC 7519 2): a number, whole or not. null and text are refused. */
static err_t
read_time(struct ctx *cx, const json *claims, const char *name, struct vc_time *out)
{
    *out = (struct vc_time){ 0 };
    if (jwt_date(cx, claims, name, &out->there, &out->ms) == ERR_OK)
        return ERR_OK;
    return refuse(cx, ERR_VC_TIME, "RFC 7519 2", "%s is no number", name);
}

err_t
vc__text(struct ctx *cx, const json *claims, const char *name, struct str *out)
{
    *out = (struct str){ NULL, 0 };
    if (json_get(claims, name) == NULL || json_str(json_get(claims, name), out))
        return ERR_OK;
    return refuse(cx, ERR_VC_FORMAT, "RFC 7519 4.1", "%s is no text", name);
}

/* A text; some producers put the subject itself there, with its id or without. */
static err_t
read_sub(struct ctx *cx, const json *v, struct str *out)
{
    *out = (struct str){ NULL, 0 };
    if (v == NULL || json_str(v, out))
        return ERR_OK;
    if (json_type(v) == JSON_OBJECT &&
        (json_get(v, "id") == NULL || json_str(json_get(v, "id"), out)))
        return ERR_OK;
    return refuse(cx, ERR_VC_FORMAT, "RFC 7519 4.1.2", "sub is no text");
}

static err_t
read_part(struct ctx *cx, struct str part, const char *what, const json **out)
{
    struct bytes b;
    json *v;

    if (b64url_decode(cx, part, &b) != ERR_OK ||
        json_parse(cx, str_of_bytes(b), JSON_STRICT, &v) != ERR_OK)
        return refuse(cx, ERR_VC_JWT, "RFC 7519 7.2", "the %s is not JSON in base64url",
                      what);
    if (json_type(v) != JSON_OBJECT)
        return refuse(cx, ERR_VC_JWT, "RFC 7519 7.2", "the %s is no object", what);
    *out = v;
    return ERR_OK;
}

err_t
vc__jwt_parse(struct ctx *cx, struct str text, size_t most, struct vc_jwt *out)
{
    struct vc_jwt j = { .text = text };
    struct str rest = text, head = str_cut(&rest, '.'), body = str_cut(&rest, '.');
    err_t e;

    memset(out, 0, sizeof(*out));
    if (text.n > most)
        return refuse(cx, ERR_VC_JWT, "", "longer than %zu bytes", most);
    if (head.n == 0 || body.n == 0 || rest.n == 0 || str_find(rest, '.') < rest.n)
        return refuse(cx, ERR_VC_JWT, "RFC 7515 7.1", "not three parts: no compact JWT");
    if ((e = read_part(cx, head, "header", &j.header)) != ERR_OK ||
        (e = read_part(cx, body, "payload", &j.claims)) != ERR_OK)
        return e;
    if (!json_str(json_get(j.header, "alg"), &j.alg))
        return refuse(cx, ERR_VC_JWT, "RFC 7515 4.1.1", "the header has no alg");
    if (!json_str(json_get(j.header, "kid"), &j.kid))
        return refuse(cx, ERR_VC_KID, "RFC 7515 4.1.4", "no kid header in JWT");
    json_str(json_get(j.header, "typ"), &j.typ);
    if ((e = vc__text(cx, j.claims, "iss", &j.iss)) != ERR_OK ||
        (e = read_sub(cx, json_get(j.claims, "sub"), &j.sub)) != ERR_OK ||
        (e = vc__text(cx, j.claims, "jti", &j.jti)) != ERR_OK ||
        (e = read_time(cx, j.claims, "nbf", &j.nbf)) != ERR_OK ||
        (e = read_time(cx, j.claims, "exp", &j.exp)) != ERR_OK ||
        (e = read_time(cx, j.claims, "iat", &j.iat)) != ERR_OK)
        return e;
    *out = j;
    return ERR_OK;
}

/* --- its signature ---------------------------------------------------------------- */

enum {
    ALGS = JWS_ALG(SIG_ES256) | JWS_ALG(SIG_ES384) | JWS_ALG(SIG_ES512) |
           JWS_ALG(SIG_ES256K) | JWS_ALG(SIG_EDDSA) | JWS_ALG(SIG_RS256) |
           JWS_ALG(SIG_PS256)
};

err_t
vc__jwt_verify(struct ctx *cx, const struct vc_jwt *jwt, const json *jwk)
{
    scoped(jwk_fini) struct jwk key = { 0 };
    struct vc__state *s = cx->sys != NULL ? ROOM_STATE(cx, vc) : NULL;
    err_t e = jwk_parse_public(cx, jwk, s != NULL ? s->keys : NULL, &key);

    if (e == ERR_OK)
        e = jws_check_compact(cx, jwt->text, jwt->header, &key, ALGS);
    if (e == ERR_OK || e == ERR_NO_MEMORY || e == ERR_TOO_LARGE)
        return e;
    cx->refused = ERR_VC_PROOF; /* the reason stays as crypto/jose told it */
    return ERR_VC_PROOF;
}
