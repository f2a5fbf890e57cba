/*
 * did_key.c - did:key: a public key as an identifier.
 *
 *      did:key:z6Mk…   z = base58btc( varint(multicodec) || key bytes )
 *
 * Rule    did:key method (CCG): Ed25519, X25519, P-256, P-384, P-521, secp256k1
 *         (compressed points) and RSA (PKCS#1). The key's id is the DID with its
 *         own identifier as fragment.
 * Trust   The bytes are a stranger's: crypto/prim imports them as it does any
 *         key, so points off their curve and weak RSA keys are refused. BLS keys
 *         are not offered.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/did/did.h"
#include "trust/did/did_int.h"

#include "crypto/jose/jose.h"
#include "crypto/prim/der.h"
#include "crypto/prim/point.h"

#include <string.h>

enum { SIGNS = DID_AUTHENTICATION | DID_ASSERTION | DID_INVOCATION | DID_DELEGATION };

static const struct codec {
    uint64_t code;
    enum key_type type;
    bool point; /* EC: compressed */
    unsigned uses;
} codecs[] = {
    { 0xed, KEY_ED25519, false, SIGNS }, { 0xec, KEY_X25519, false, DID_KEY_AGREEMENT },
    { 0x1200, KEY_P256, true, SIGNS },   { 0x1201, KEY_P384, true, SIGNS },
    { 0x1202, KEY_P521, true, SIGNS },   { 0xe7, KEY_SECP256K1, true, SIGNS },
    { 0x1205, KEY_RSA, false, SIGNS },
};

/* Unsigned varint (multiformats), minimal, of one or two bytes. */
static bool
take_code(struct bytes *rest, uint64_t *code)
{
    if (rest->n >= 1 && rest->p[0] < 0x80) {
        *code = rest->p[0];
        *rest = (struct bytes){ rest->p + 1, rest->n - 1 };
        return true;
    }
    if (rest->n < 2 || rest->p[1] == 0 || rest->p[1] >= 0x80)
        return false;
    *code = (uint64_t)(rest->p[0] & 0x7f) | (uint64_t)rest->p[1] << 7;
    *rest = (struct bytes){ rest->p + 2, rest->n - 2 };
    return true;
}

/* RSAPublicKey (RFC 8017 A.1.1). */
static err_t
import_rsa(struct ctx *cx, struct bytes der, struct key **out)
{
    struct key_parts parts = { 0 };
    struct bytes body;

    if (!der_take(&der, DER_SEQUENCE, &body) || der.n != 0 ||
        !der_take_uint(&body, &parts.n) || !der_take_uint(&body, &parts.e) || body.n != 0)
        return refuse(cx, ERR_DID_INVALID, "did:key", "the RSA key is not PKCS#1");
    return key_import(cx, KEY_RSA, &parts, out);
}

static err_t
import(struct ctx *cx, const struct codec *c, struct bytes raw, struct key **out)
{
    struct key_parts parts = { .x = raw };
    err_t e;

    if (c->point)
        e = key_from_point(cx, c->type, raw, out);
    else if (c->type == KEY_RSA)
        e = import_rsa(cx, raw, out);
    else
        e = key_import(cx, c->type, &parts, out);
    return e == ERR_KEY || e == ERR_BAD_REQUEST
               ? refuse(cx, ERR_DID_INVALID, "did:key", "the key is not sound")
               : e;
}

static const struct codec *
codec_of(uint64_t code)
{
    size_t i;

    for (i = 0; i < COUNT(codecs); i++)
        if (codecs[i].code == code)
            return &codecs[i];
    return NULL;
}

err_t
did__document_key(struct ctx *cx, const struct did *did, const struct did_options *options,
                  struct str *text)
{
    scoped(key_drop) struct key *key = NULL;
    const struct codec *codec;
    struct bytes raw;
    struct str kid, jwk;
    uint64_t code;
    err_t e;

    (void)options;
    if (did->id.n < 2 || did->id.p[0] != 'z' ||
        base58_decode(cx, str_sub(did->id, 1, did->id.n), &raw) != ERR_OK)
        return refuse(cx, ERR_DID_INVALID, "did:key", "not base58btc behind a 'z'");
    if (!take_code(&raw, &code) || (codec = codec_of(code)) == NULL)
        return refuse(cx, ERR_DID_INVALID, "did:key",
                      "a kind of key that is not taken here");
    if ((e = import(cx, codec, raw, &key)) != ERR_OK)
        return e;
    kid = arena_printf(cx->arena, "%.*s#%.*s", STR(did->text), STR(did->id));
    if (kid.p == NULL)
        return refuse_memory(cx);
    if ((e = did__key_text(cx, key, &jwk)) != ERR_OK)
        return e;
    return did__document_put(cx, did->text, kid, jwk, codec->uses, text);
}
