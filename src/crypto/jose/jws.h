/*
 * jws.h - signed things: compact, flattened and general; detached; b64.
 *
 * Rule      RFC 7515, RFC 7797. The caller names the algorithms it takes and
 *           the key that must have signed; nothing in a header chooses a key
 *           (`jwk`, `jku`, `x5c` and `x5u` are never followed). `crit` must name
 *           what is known here: b64. `none` does not exist.
 * Trust     `struct jws_raw` is parsed and nothing more. `struct jws` verified:
 *           there is no other way to get one than jws_check and jws_verify.
 * Lifetime  All stands in, or is borrowed into, the context's arena.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_CRYPTO_JWS_H
#define KNOOP_CRYPTO_JWS_H

#include "crypto/jose/jwk.h"

/* The algorithms a caller takes, as bits. Nothing named: nothing taken. */
#define JWS_ALG(alg) (1u << (alg))
#define JWS_ALGS_PUBLIC                                                                    \
    (JWS_ALG(SIG_ES256) | JWS_ALG(SIG_ES384) | JWS_ALG(SIG_ES512) | JWS_ALG(SIG_ES256K) |  \
     JWS_ALG(SIG_EDDSA) | JWS_ALG(SIG_RS256) | JWS_ALG(SIG_RS384) | JWS_ALG(SIG_RS512) |   \
     JWS_ALG(SIG_PS256) | JWS_ALG(SIG_PS384) | JWS_ALG(SIG_PS512))
#define JWS_ALGS_ALL                                                                       \
    (JWS_ALGS_PUBLIC | JWS_ALG(SIG_HS256) | JWS_ALG(SIG_HS384) | JWS_ALG(SIG_HS512))

enum { JWS_SIGNATURES_MAX = 16 };

struct jws_signature {
    struct str protected_text;    /* base64url, as it was signed; "" when absent */
    const json *protected_header; /* an object, or NULL */
    const json *header;           /* the unprotected one, or NULL */
    struct str alg, kid;          /* from either; "" when absent */
    struct bytes signature;
};

/* Untrusted. */
struct jws_raw {
    struct jws_signature *at;
    size_t count;
    bool compact;
    bool detached;           /* the object carries no payload */
    struct str payload_text; /* as it stands in the object */
};

/* Verified. */
struct jws {
    const json *protected_header; /* or NULL */
    const json *header;           /* unprotected: what no signature covers; or NULL */
    enum sig_alg alg;
    struct str kid;        /* "" when absent */
    const struct jwk *key; /* the key that verified: borrowed from the caller's */
    struct bytes payload;  /* decoded */
};

/* JOSE when it is none of the forms, or headers share a name. `text` is kept. */
err_t jws_parse(struct ctx *cx, struct str text, struct jws_raw *out) NODISCARD;
/* The flattened and general forms, already parsed as JSON. */
err_t jws_parse_json(struct ctx *cx, const json *v, struct jws_raw *out) NODISCARD;
/* What the first signature would cover: to find out whom to ask for the key. Untrusted. */
err_t jws_peek_payload(struct ctx *cx, const struct jws_raw *raw,
                       struct bytes *out) NODISCARD;

/*
 * One signature must verify under `key`. `payload` is the detached payload,
 * NULL when the object carries it: the other way round is refused, but for an
 * empty payload in a compact form. ALGORITHM, KEY, JOSE (crit, b64) or SIGNATURE.
 */
err_t jws_check(struct ctx *cx, const struct jws_raw *raw, const struct jwk *key,
                unsigned algs, const struct bytes *payload, struct jws *out) NODISCARD;
/* As jws_check, by the key of the set that each signature's kid picks. */
err_t jws_check_set(struct ctx *cx, const struct jws_raw *raw, const struct jwk_set *keys,
                    unsigned algs, const struct bytes *payload, struct jws *out) NODISCARD;

/*
 * A compact JWS that the caller took apart already, so that its payload is decoded
 * once: `header` is what stands in front of `text`'s first dot, read strictly. The
 * signature covers `text` up to its last dot. As jws_check; b64 is not taken.
 */
err_t jws_check_compact(struct ctx *cx, struct str text, const json *header,
                        const struct jwk *key, unsigned algs) NODISCARD;

/* jws_parse and jws_check in one, of any form. */
err_t jws_verify(struct ctx *cx, struct str text, const struct jwk *key, unsigned algs,
                 struct jws *out) NODISCARD;
err_t jws_verify_set(struct ctx *cx, struct str text, const struct jwk_set *keys,
                     unsigned algs, struct jws *out) NODISCARD;

/*
 * Signs as a compact JWS. `header` is a JSON object's text, and is used as it
 * stands; it names the alg, which must fit the key. With b64 false (and in
 * crit) the payload is signed as it stands and left out: detached.
 */
err_t jws_sign(struct ctx *cx, const struct key *key, struct str header,
               struct bytes payload, struct str *compact) NODISCARD;

#endif
