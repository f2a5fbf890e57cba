/*
 * vc_jwt.c - the signature of a JWT, under a key of a DID document.
 *
 * Rule    conformance: the alg fits the key; RSA signs PS256 or RS256.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/vc/vc.h"
#include "trust/vc/vc_int.h"

#include "crypto/jose/jose.h"
#include "sys/room.h"

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
    struct jws jws;
    err_t e = jwk_parse_public(cx, jwk, s != NULL ? s->keys : NULL, &key);

    if (e == ERR_OK)
        e = jws_verify(cx, jwt->text, &key, ALGS, &jws);
    if (e == ERR_OK || e == ERR_NO_MEMORY || e == ERR_TOO_LARGE)
        return e;
    cx->refused = ERR_VC_PROOF; /* the reason stays as crypto/jose told it */
    return ERR_VC_PROOF;
}
