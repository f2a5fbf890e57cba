/*
 * jwe.h - encrypted things: compact, flattened and general.
 *
 * Rule      RFC 7516, RFC 7518 sections 4 and 5, RFC 8037. RSA1_5 does not
 *           exist here. PBES2 is taken only by who names it, since its cost is
 *           the sender's choice. Compressed content is refused.
 * Trust     The sender is unknown: encryption says nothing about who wrote.
 * Lifetime  Results stand in the context's arena.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_CRYPTO_JWE_H
#define KNOOP_CRYPTO_JWE_H

#include "crypto/jose/jwk.h"

enum jwe_alg {
    JWE_ALG_NONE,
    JWE_RSA_OAEP,
    JWE_RSA_OAEP_256,
    JWE_A128KW,
    JWE_A192KW,
    JWE_A256KW,
    JWE_A128GCMKW,
    JWE_A192GCMKW,
    JWE_A256GCMKW,
    JWE_DIR,
    JWE_ECDH_ES,
    JWE_ECDH_ES_A128KW,
    JWE_ECDH_ES_A192KW,
    JWE_ECDH_ES_A256KW,
    JWE_PBES2_HS256_A128KW,
    JWE_PBES2_HS384_A192KW,
    JWE_PBES2_HS512_A256KW,
    JWE_ALG_COUNT
};

/* The algorithms a caller takes, as bits. Nothing named: nothing taken. */
#define JWE_ALG(alg) (1u << (alg))
#define JWE_ALGS_PBES2                                                                     \
    (JWE_ALG(JWE_PBES2_HS256_A128KW) | JWE_ALG(JWE_PBES2_HS384_A192KW) |                   \
     JWE_ALG(JWE_PBES2_HS512_A256KW))
/* All but PBES2. */
#define JWE_ALGS_USUAL (((1u << JWE_ALG_COUNT) - 2u) & ~JWE_ALGS_PBES2)

enum {
    JWE_RECIPIENTS_MAX = 16,
    JWE_ROUNDS = 600000,      /* what we use ourselves (OWASP, 2023) */
    JWE_ROUNDS_MIN = 1000,    /* RFC 7518 4.8.1.2 */
    JWE_ROUNDS_MAX = 1000000, /* a third of a second of work */
};

enum jwe_alg jwe_alg_of(struct str name); /* "ECDH-ES+A256KW"; NONE when unknown */

/*
 * Opens for the first recipient that `key` opens. `text` is of any form.
 * JOSE, ALGORITHM, KEY, UNSUPPORTED (zip) or DECRYPT.
 */
err_t jwe_decrypt(struct ctx *cx, struct str text, const struct jwk *key, unsigned algs,
                  struct bytes *plain) NODISCARD;
err_t jwe_decrypt_json(struct ctx *cx, const json *v, const struct jwk *key, unsigned algs,
                       struct bytes *plain) NODISCARD;

/*
 * Seals as a compact JWE. `header` is a JSON object's text with alg and enc
 * (kid, typ, cty, apu, apv as wanted); what the algorithm adds (epk, iv, tag,
 * p2s) is put by us and refused from the caller; PBES2 takes a p2c, or JWE_ROUNDS.
 */
err_t jwe_encrypt(struct ctx *cx, const struct jwk *key, struct str header,
                  struct bytes plain, struct str *compact) NODISCARD;

#endif
