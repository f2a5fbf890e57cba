/*
 * keys.h - the way to the signer, where the private keys live.
 *
 * Rule      The signer signs typed things: a presentation for its own holder
 *           and no longer than signer.presentation_max, a credential of its
 *           own issuer, a DPoP proof, a TLS handshake, a checkpoint of the
 *           audit log. It builds the JOSE header itself. It never signs bytes
 *           that a worker chose freely, and never gives a private key out.
 * Trust     The signer does not trust the worker that asks.
 * Lifetime  Results live in the context's arena.
 * Threads   Block (pool): requests of one turn of the loop travel together.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_KEYS_H
#define KNOOP_SYS_KEYS_H

#include "base/err.h"

enum key_use { KEY_USE_NONE, KEY_SUBJECT /* P-256, a DID's */, KEY_TLS, KEY_AUDIT };

/* What a key may be asked to sign, and the `typ` that its header gets. */
enum key_profile {
    KEY_PROFILE_NONE,
    KEY_VP_JWT,   /* claims: iss = sub = owner, aud, nonce, nbf, exp, vp */
    KEY_VC_JWT,   /* claims: iss = owner, vc */
    KEY_DPOP,     /* claims: htm, htu, iat, jti, ath?; header holds the jwk */
    KEY_PROFILE_COUNT
};

/*
 * Makes a P-256 key. `owner` is the DID that may sign with it, `kid` the id
 * of its verification method. `jwk` is the public key as JSON text.
 * CONFLICT when the kid is there.
 */
err_t keys_new(struct ctx *cx, enum key_use use, struct str owner, struct str kid,
               struct str *jwk) NODISCARD;
err_t keys_public(struct ctx *cx, struct str kid, struct str *jwk) NODISCARD;
err_t keys_delete(struct ctx *cx, struct str kid) NODISCARD;

/*
 * Signs `claims` (a JSON object) as a compact JWT of this profile. FORBIDDEN
 * with the clause when the claims break a rule of the profile.
 */
err_t keys_sign_jwt(struct ctx *cx, enum key_profile profile, struct str kid, struct str claims,
                    struct str *jwt) NODISCARD;

/*
 * A person's number in the audit log: sealed to the audit key (compact JWE)
 * and, for looking up, an HMAC under a key that never leaves the signer.
 */
err_t keys_seal_person(struct ctx *cx, struct str number, struct str *sealed, struct str *mac)
    NODISCARD;
/* Opens one, for an officer on the internal door. Audited by the caller. */
err_t keys_open_person(struct ctx *cx, struct str sealed, struct str *number) NODISCARD;

#endif
