/*
 * jwk.h - JSON Web Keys and sets of them.
 *
 * Rule      RFC 7517, 7518 section 6, 8037; thumbprints RFC 7638. Keys are
 *           imported with all the checks of key_import (prim.h).
 * Trust     A JWK is a stranger's numbers. That it parses says nothing about
 *           whose it is.
 * Lifetime  A `struct jwk` owns its key handle: scoped(jwk_fini). Its texts
 *           stand in the arena of the context that parsed it.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_CRYPTO_JWK_H
#define KNOOP_CRYPTO_JWK_H

#include "codec/json/json.h"
#include "crypto/prim/prim.h"

enum jwk_use { JWK_USE_UNSAID, JWK_USE_SIG, JWK_USE_ENC, JWK_USE_ELSE };

enum jwk_op {
    JWK_OP_SIGN = 1 << 0,
    JWK_OP_VERIFY = 1 << 1,
    JWK_OP_ENCRYPT = 1 << 2,
    JWK_OP_DECRYPT = 1 << 3,
    JWK_OP_WRAP = 1 << 4,
    JWK_OP_UNWRAP = 1 << 5,
    JWK_OP_DERIVE_KEY = 1 << 6,
    JWK_OP_DERIVE_BITS = 1 << 7,
    JWK_OP_NONE_NEEDED = 1 << 8, /* asked of jwk_may alone: key_ops say nothing of this */
};

struct jwk {
    struct key *key;     /* owned; NULL only in a set, for a key that is not usable here */
    struct str kid, alg; /* empty when absent */
    enum jwk_use use;
    bool has_ops; /* key_ops is there; `ops` may still be 0 */
    unsigned ops;
    struct str thumbprint; /* SHA-256, base64url */
};

/*
 * Public keys that were imported before, by their numbers: importing P-256
 * costs 25 us. Bounded, thread-safe, one per process; NULL where a cache is
 * asked for means none.
 */
struct jwk_cache;
struct jwk_cache *jwk_cache_new(size_t entries); /* NULL when out of memory */
void jwk_cache_free(struct jwk_cache *cache);

/*
 * KEY for numbers that key_import refuses, members of a wrong type, an empty alg,
 * double key_ops, or use and key_ops that contradict; UNSUPPORTED for an unknown kty
 * or curve. Members that are not known are passed over.
 */
err_t jwk_parse(struct ctx *cx, const json *v, struct jwk_cache *cache,
                struct jwk *out) NODISCARD;
/* As jwk_parse, and KEY when a private or secret number is in it. */
err_t jwk_parse_public(struct ctx *cx, const json *v, struct jwk_cache *cache,
                       struct jwk *out) NODISCARD;
void jwk_fini(struct jwk *k);

/* May this key do that: by its use, and by key_ops, of which one of `ops` is needed? Else
 * KEY. */
err_t jwk_may(struct ctx *cx, const struct jwk *key, enum jwk_use use,
              unsigned ops) NODISCARD;

/* A key of ours as a jwk; takes another reference to `key`. */
err_t jwk_of_key(struct ctx *cx, struct key *key, struct str kid,
                 struct jwk *out) NODISCARD;
/* The public half as JSON text: {"kty":…,"crv":…,…,"kid":…}; no kid when empty. */
err_t jwk_text(struct ctx *cx, const struct key *key, struct str kid,
               struct str *out) NODISCARD;
/* The same, as one value put by a writer. */
err_t jwk_put(struct ctx *cx, struct json_out *js, const struct key *key,
              struct str kid) NODISCARD;
err_t jwk_thumbprint(struct ctx *cx, const struct key *key, struct str *out) NODISCARD;

enum { JWK_SET_MAX = 256 };

struct jwk_set {
    struct jwk *at;
    size_t count;
};

/*
 * {"keys":[…]}. Refused whole: a kid that is there twice, `oct` beside public
 * keys. A key that is not usable here keeps its place (RFC 7517 5), so that it
 * is refused when it is picked, and counts when there is no kid to pick by.
 */
err_t jwk_set_parse(struct ctx *cx, const json *v, struct jwk_cache *cache,
                    struct jwk_set *out) NODISCARD;
void jwk_set_fini(struct jwk_set *s);
/* By kid; with an empty kid the only key. Borrowed from the set. KEY otherwise. */
err_t jwk_set_pick(struct ctx *cx, const struct jwk_set *s, struct str kid,
                   const struct jwk **out) NODISCARD;

#endif
