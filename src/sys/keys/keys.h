/*
 * keys.h - the way to the signer, where the private keys live.
 *
 *   thread ──┐                                     ┌── key store, encrypted
 *   thread ──┼── one pair, packets of requests ──> signer, a process of its own
 *   loop   ──┘   what waits travels together       └── PKCS#11, by option
 *
 * Rule      The signer signs typed things: a presentation for its own holder
 *           and no longer than signer.presentation_max, a credential of its
 *           own issuer, a DPoP proof, a TLS handshake, a checkpoint of the
 *           audit log. It builds the JOSE header itself. It never signs bytes
 *           that a worker chose freely, and never gives a private key out.
 * Trust     The signer does not trust the worker that asks.
 * Lifetime  Results live in the context's arena.
 * Threads   Any number at once; each waits for its own answer, until the
 *           context's deadline (or KEYS_PATIENCE). On the loop too: an answer
 *           takes tens of microseconds, and the wait there ends in
 *           KEYS_PATIENCE_LOOP.
 * Errors    UNAVAILABLE when the signer is away or silent: nothing hangs, and
 *           a new signer is used as soon as it is there.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_KEYS_H
#define KNOOP_SYS_KEYS_H

#include "base/err.h"
#include "crypto/prim/prim.h"

enum { KEYS_PATIENCE = 5000, KEYS_PATIENCE_LOOP = 500 }; /* ms */
enum { KEYS_NAME_MAX = 1024 };

enum key_use { KEY_USE_NONE, KEY_SUBJECT /* P-256, a DID's */, KEY_TLS, KEY_AUDIT };

/* What a key may be asked to sign, and the `typ` that its header gets. */
enum key_profile {
    KEY_PROFILE_NONE,
    KEY_VP_JWT, /* claims: iss = sub = owner, aud, nonce, nbf, exp, vp */
    KEY_VC_JWT, /* claims: iss = owner, vc */
    KEY_DPOP,   /* claims: htm, htu, iat, jti, ath?; header holds the jwk */
    KEY_PROFILE_COUNT
};

/*
 * Makes a P-256 key. `owner` is the DID that may sign with it, `kid` the id
 * of its verification method: for KEY_SUBJECT it begins with the owner and
 * '#'. `jwk` is the public key as JSON text. CONFLICT when the kid is there.
 */
err_t keys_new(struct ctx *cx, enum key_use use, struct str owner, struct str kid,
               struct str *jwk) NODISCARD;
err_t keys_public(struct ctx *cx, struct str kid, struct str *jwk) NODISCARD;
/* For good. Not for the keys of the audit log. */
err_t keys_delete(struct ctx *cx, struct str kid) NODISCARD;

/*
 * Signs `claims` (a JSON object) as a compact JWT of this profile. FORBIDDEN
 * with the clause when the claims break a rule of the profile.
 */
err_t keys_sign_jwt(struct ctx *cx, enum key_profile profile, struct str kid,
                    struct str claims, struct str *jwt) NODISCARD;

/*
 * Signs what a TLS handshake signs, with a key of use KEY_TLS: the content of
 * a TLS 1.3 CertificateVerify (RFC 8446 4.4.3) or of a TLS 1.2
 * ServerKeyExchange (RFC 8422 5.4). FORBIDDEN for anything else, a TLS 1.2
 * client's CertificateVerify too, whose content has no form of its own.
 * The signature is as TLS has it (DER for ECDSA).
 */
err_t keys_sign_tls(struct ctx *cx, struct str kid, enum sig_alg alg, struct bytes content,
                    struct bytes *signature) NODISCARD;

/*
 * A person's number in the audit log: sealed to the audit key (compact JWE)
 * and, for looking up, an HMAC under a key that never leaves the signer.
 */
err_t keys_seal_person(struct ctx *cx, struct str number, struct str *sealed,
                       struct str *mac) NODISCARD;
/* Opens one, for an officer on the internal door. Audited by the caller. */
err_t keys_open_person(struct ctx *cx, struct str sealed, struct str *number) NODISCARD;

/*
 * The auditor's only request: signs a checkpoint of the log, four lines
 *
 *     knoop-audit/1 ORIGIN
 *     SIZE                    decimal
 *     ROOT                    64 hexadecimal digits
 *     TIME                    RFC 3339, near the signer's clock
 *
 * CONFLICT for a size under the last one signed for this origin, over restarts
 * too: a log that was cut off together with its checkpoints is found here.
 * ES256, r||s, with the key KEYS_AUDIT_KID.
 */
err_t keys_sign_checkpoint(struct ctx *cx, struct str note, struct str *kid,
                           struct bytes *signature) NODISCARD;
#define KEYS_AUDIT_KID "knoop:audit"

/* --- the connection ----------------------------------------------------------- */

struct keys;

/* No threads, no connection yet; it becomes cx->sys->keys. */
err_t keys_open(struct ctx *cx, struct keys **out) NODISCARD;
/*
 * A new end of a pair, for the first signer or the next; taken. What was asked
 * of the old one ends in UNAVAILABLE. -1: none comes any more, and every
 * request fails at once. From any thread.
 */
void keys_reconnect(struct keys *k, int fd);
void keys_close(struct keys *k); /* when no thread asks any more; NULL is fine */

#endif
