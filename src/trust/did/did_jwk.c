/*
 * did_jwk.c - did:jwk: a JWK as an identifier.
 *
 * Rule    did:jwk method: base64url of the JWK's JSON; the key is `#0`; `use` says
 *         what it is for: sig all but keyAgreement, enc keyAgreement alone.
 * Trust   The JWK is a stranger's: public, sound, no name twice, or refused.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/did/did.h"
#include "trust/did/did_int.h"

#include "crypto/jose/jose.h"

err_t
did__key_text(struct ctx *cx, const struct key *key, struct str *jwk)
{
    return jwk_text(cx, key, (struct str){ NULL, 0 }, jwk);
}

static unsigned
uses_of(const struct jwk *k)
{
    const unsigned signs =
        DID_AUTHENTICATION | DID_ASSERTION | DID_INVOCATION | DID_DELEGATION;

    if (k->use == JWK_USE_ENC || key_type(k->key) == KEY_X25519)
        return DID_KEY_AGREEMENT;
    if (k->use == JWK_USE_SIG || key_type(k->key) == KEY_ED25519 ||
        key_type(k->key) == KEY_RSA)
        return signs;
    return signs | DID_KEY_AGREEMENT;
}

err_t
did__document_jwk(struct ctx *cx, const struct did *did, const struct did_options *options,
                  struct str *text)
{
    scoped(jwk_fini) struct jwk k = { 0 };
    struct bytes raw;
    struct str kid;
    json *jwk;
    err_t e;

    (void)options;
    if (b64url_decode(cx, did->id, &raw) != ERR_OK)
        return refuse(cx, ERR_DID_INVALID, "did:jwk", "not base64url");
    if (json_parse(cx, str_of_bytes(raw), JSON_STRICT, &jwk) != ERR_OK ||
        json_type(jwk) != JSON_OBJECT)
        return refuse(cx, ERR_DID_INVALID, "did:jwk", "not a JSON object");
    if ((e = jwk_parse_public(cx, jwk, NULL, &k)) != ERR_OK)
        return e == ERR_NO_MEMORY
                   ? e
                   : refuse(cx, ERR_DID_INVALID, "did:jwk", "not a sound public key");
    kid = arena_printf(cx->arena, "%.*s#0", STR(did->text));
    if (kid.p == NULL)
        return refuse_memory(cx);
    return did__document_put(cx, did->text, kid, str_of_bytes(raw), uses_of(&k), text);
}
