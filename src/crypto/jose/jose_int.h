/* jose_int.h - what the files of this room share. Private door. EUPL-1.2. */
#ifndef KNOOP_CRYPTO_JOSE_INT_H
#define KNOOP_CRYPTO_JOSE_INT_H

#include "crypto/jose/jose.h"

/* base64url text as a JSON object. `clause` is told on refusal. */
err_t jose__header(struct ctx *cx, struct str b64, const json **out) NODISCARD;
/* No two of the headers share a name (RFC 7515 4, 7516 4). NULLs are fine. */
err_t jose__disjoint(struct ctx *cx, const json *const *headers, size_t count) NODISCARD;
/* The member of the first header that has it, or NULL. */
const json *jose__find(const json *const *headers, size_t count, const char *name);
/* A member that is a string, "" when absent; JOSE when it is something else. */
err_t jose__text(struct ctx *cx, const json *const *headers, size_t count, const char *name,
                 struct str *out) NODISCARD;
/* A base64url member; JOSE when absent. */
err_t jose__bytes(struct ctx *cx, const json *const *headers, size_t count,
                  const char *name, struct bytes *out) NODISCARD;

struct jwk_cache;
/* A key with these numbers, with a reference for the caller; NULL when not there. */
struct key *jwk__cache_get(struct jwk_cache *cache, const uint8_t id[32]);
void jwk__cache_put(struct jwk_cache *cache, const uint8_t id[32], struct key *key);

/* --- JWE: how the content key comes to the recipient --- */

struct jwe__how {
    struct ctx *cx;
    enum jwe_alg alg;
    enum aead enc;
    struct str alg_name, enc_name;
    const struct jwk *key;
    const json *headers[3]; /* protected, unprotected, the recipient's */
};
struct jwe__cek {
    uint8_t at[AEAD_KEY_MAX];
    size_t n;
};
void jwe__cek_fini(struct jwe__cek *cek); /* wipes */
err_t jwe__unwrap(const struct jwe__how *how, struct bytes encrypted_key,
                  struct jwe__cek *cek) NODISCARD;
/* Makes or takes the content key; puts the members that go with it in `js`, an open object.
 */
err_t jwe__wrap(const struct jwe__how *how, struct json_out *js, struct jwe__cek *cek,
                struct bytes *encrypted_key) NODISCARD;
/* Does the type and size of the key fit alg and enc? */
err_t jwe__fits(const struct jwe__how *how) NODISCARD;

#endif
