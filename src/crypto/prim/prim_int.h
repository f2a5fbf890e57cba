/* prim_int.h - what the files of this room share. Private door. EUPL-1.2. */
#ifndef KNOOP_CRYPTO_PRIM_INT_H
#define KNOOP_CRYPTO_PRIM_INT_H

#include <openssl/evp.h>
#include <openssl/types.h>
#include <stdatomic.h>

#include "crypto/prim/prim.h"

/* The fetched algorithms: written once, then constant. NULL where lacking. */
struct prim__algs {
    EVP_MD *md[HASH_COUNT];
    EVP_MAC_CTX *hmac[HASH_COUNT]; /* templates: duplicated for each use */
    EVP_CIPHER *aead[AEAD_COUNT];  /* GCM, or the CBC under the HMAC */
    EVP_CIPHER *wrap[3];           /* by key size: 16, 24, 32 */
    EVP_KDF *pbkdf2;
    bool whole;
};
const struct prim__algs *prim__algs(void);

struct key {
    atomic_uint refs;
    enum key_type type;
    bool has_private;
    unsigned bits;
    EVP_PKEY *evp;      /* EC and RSA */
    uint8_t pub[32];    /* OKP */
    struct secret priv; /* Ed25519: seed||pub; X25519: the scalar; oct: the bytes */
};

/* OpenSSL's names of our hashes and curves. */
const char *prim__hash_z(enum hash h);
struct prim__curve {
    const char *group; /* OpenSSL's name */
    const char *oid;
    size_t size; /* bytes of a coordinate */
    unsigned bits;
};
const struct prim__curve *prim__curve(enum key_type type); /* NULL: no EC */

/* A handle with one owner around `evp`, which moves in, also on refusal. */
err_t prim__key_wrap(struct ctx *cx, enum key_type type, bool has_private, EVP_PKEY *evp,
                     struct key **out) NODISCARD;
/* The checks that key_import promises of RSA numbers. */
err_t prim__rsa_check(struct ctx *cx, const struct key_parts *parts) NODISCARD;
/* Builds the OpenSSL key; the numbers were checked before. */
EVP_PKEY *prim__rsa_build(const struct key_parts *parts);
/* The public point, uncompressed: 4, x, y. */
enum { PRIM__POINT_MAX = 133 };
err_t prim__ec_point(struct ctx *cx, const struct key *k, uint8_t out[PRIM__POINT_MAX],
                     size_t *size) NODISCARD;
/* A number of an RSA or EC key by OpenSSL's name, big-endian in the arena. */
err_t prim__key_number(struct ctx *cx, const EVP_PKEY *evp, const char *name,
                       struct bytes *out) NODISCARD;

/* refuse(), after emptying OpenSSL's error queue, which TLS shares. */
#define prim__refuse(...) (prim__forget_errors(), refuse(__VA_ARGS__))
void prim__forget_errors(void);

/* Cleanups for scoped(). */
void prim__drop_pkey_ctx(EVP_PKEY_CTX **p);
void prim__drop_cipher_ctx(EVP_CIPHER_CTX **p);
void prim__drop_pkey(EVP_PKEY **p);

#endif
