/*
 * prim.h - the primitives: hashes, secrets, ciphers, keys and signatures.
 *
 * Rule      Nothing here is our own mathematics: OpenSSL and libsodium do it,
 *           behind types that say what may be mixed. A key knows its kind and
 *           refuses the algorithm that does not fit it. Weak keys do not come
 *           into being: see key_import.
 * Trust     Every byte that comes in may be a stranger's. Whether an OpenSSL
 *           call succeeded is checked each time, and its error queue is left
 *           empty, since TLS reads the same queue.
 * Lifetime  Keys are counted handles, independent of any arena: key_free, or
 *           scoped(key_drop). Results stand in the context's arena. Secrets
 *           own guarded memory: scoped(secret_fini).
 * Threads   A key may be used by many threads at once.
 * Globals   One, written once: the fetched algorithms. They are fetched at
 *           first use; a role that narrows itself calls prim_start before.
 * Source    Knoop; OpenSSL and libsodium. EUPL-1.2.
 */
#ifndef KNOOP_CRYPTO_PRIM_H
#define KNOOP_CRYPTO_PRIM_H

#include "base/buf.h"

/* Fetches every algorithm. False when this machine's libraries lack one. */
bool prim_start(void);

/* --- hashes -------------------------------------------------------------- */

enum hash { HASH_NONE, HASH_SHA1, HASH_SHA256, HASH_SHA384, HASH_SHA512, HASH_COUNT };
enum { HASH_MAX = 64 };

size_t hash_size(enum hash h);      /* bytes; 0 for HASH_NONE */
enum hash hash_of(struct str name); /* "SHA-256"; HASH_NONE when unknown */

/* `out` receives hash_size(h) bytes. */
err_t hash_bytes(struct ctx *cx, enum hash h, struct bytes data,
                 uint8_t out[HASH_MAX]) NODISCARD;
/* The hash of all parts, one after the other. */
err_t hash_parts(struct ctx *cx, enum hash h, const struct bytes *parts, size_t count,
                 uint8_t out[HASH_MAX]) NODISCARD;

/* RFC 2104. Any key length; who needs a minimum checks it. */
err_t hmac_bytes(struct ctx *cx, enum hash h, struct bytes key, struct bytes data,
                 uint8_t out[HASH_MAX]) NODISCARD;
err_t hmac_parts(struct ctx *cx, enum hash h, struct bytes key, const struct bytes *parts,
                 size_t count, uint8_t out[HASH_MAX]) NODISCARD;

/*
 * RFC 5869, extract and expand. An empty salt is hash_size zeros. LIMIT when
 * `size` is 0 or more than 255 hashes. `out` has `size` bytes.
 */
err_t hkdf(struct ctx *cx, enum hash h, struct bytes ikm, struct bytes salt,
           struct bytes info, uint8_t *out, size_t size) NODISCARD;

/* RFC 8018 5.2. The caller bounds `rounds`: it is work. */
err_t pbkdf2(struct ctx *cx, enum hash h, struct bytes password, struct bytes salt,
             unsigned rounds, uint8_t *out, size_t size) NODISCARD;

/* --- randomness and secrets ---------------------------------------------- */

/* From the kernel. Does not fail: without randomness the program stops. */
void random_bytes(void *out, size_t n);
/* `n` random bytes as base64url text, in the arena; no '-' at its head, where a command
 * line would take it for an option. */
err_t random_text(struct ctx *cx, size_t n, struct str *out) NODISCARD;

/* Wipes in a way that the compiler keeps. */
void wipe(void *p, size_t n);
/* Equality in constant time for equal lengths; lengths are no secret. */
bool secret_eq(struct bytes a, struct bytes b);

/*
 * Bytes that nobody prints: in locked, guarded memory, wiped when freed.
 * There is no way to format one, and log.h takes no struct.
 */
struct secret {
    uint8_t *p;
    size_t n;
};
err_t secret_new(struct ctx *cx, size_t n, struct secret *out) NODISCARD; /* zeros */
err_t secret_copy(struct ctx *cx, struct bytes from, struct secret *out) NODISCARD;
err_t secret_random(struct ctx *cx, size_t n, struct secret *out) NODISCARD;
struct bytes secret_peek(const struct secret *s); /* borrowed */
void secret_fini(struct secret *s);               /* twice is fine */

/* --- content and key encryption ------------------------------------------ */

enum aead {
    AEAD_NONE,
    AEAD_A128GCM,
    AEAD_A192GCM,
    AEAD_A256GCM, /* iv 96 bits, tag 128 */
    AEAD_A128CBC_HS256,
    AEAD_A192CBC_HS384,
    AEAD_A256CBC_HS512, /* RFC 7518 5.2 */
    AEAD_COUNT
};
enum { AEAD_KEY_MAX = 64, AEAD_IV_MAX = 16, AEAD_TAG_MAX = 32 };

enum aead aead_of(struct str name); /* "A128CBC-HS256"; AEAD_NONE when unknown */
size_t aead_key_size(enum aead a);
size_t aead_iv_size(enum aead a);
size_t aead_tag_size(enum aead a);

/* KEY for a key or iv of another size. An iv must never be used twice. */
err_t aead_seal(struct ctx *cx, enum aead a, struct bytes key, struct bytes iv,
                struct bytes aad, struct bytes plain, struct bytes *cipher,
                uint8_t tag[AEAD_TAG_MAX]) NODISCARD;
/* DECRYPT when anything was altered; nothing of the text is given then. */
err_t aead_open(struct ctx *cx, enum aead a, struct bytes key, struct bytes iv,
                struct bytes aad, struct bytes cipher, struct bytes tag,
                struct bytes *plain) NODISCARD;

/* AES key wrap, RFC 3394. `kek` is 16, 24 or 32 bytes. */
err_t keywrap_seal(struct ctx *cx, struct bytes kek, struct bytes key,
                   struct bytes *out) NODISCARD;
err_t keywrap_open(struct ctx *cx, struct bytes kek, struct bytes wrapped,
                   struct bytes *out) NODISCARD;

/* --- keys ----------------------------------------------------------------- */

enum key_type {
    KEY_NONE,
    KEY_P256,
    KEY_P384,
    KEY_P521,
    KEY_SECP256K1, /* EC */
    KEY_ED25519,
    KEY_X25519, /* OKP */
    KEY_RSA,    /* 2048 to 8192 bits */
    KEY_OCT,    /* a shared secret */
    KEY_TYPE_COUNT
};
enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192 };

struct key;

struct key *key_ref(struct key *k); /* another owner; returns k */
void key_free(struct key *k);       /* NULL is fine */
void key_drop(struct key **k);      /* for scoped(key_drop) */
enum key_type key_type(const struct key *k);
bool key_has_private(const struct key *k); /* true for KEY_OCT */
unsigned key_bits(const struct key *k);    /* of the modulus, curve or secret */

/* Big-endian, as JWK members hold them; absent ones are empty. */
struct key_parts {
    struct bytes x, y;             /* EC; OKP has x alone */
    struct bytes d;                /* the private half of EC, OKP and RSA */
    struct bytes n, e;             /* RSA */
    struct bytes p, q, dp, dq, qi; /* RSA private: all five or none */
    struct bytes k;                /* oct */
};

/*
 * KEY, with the reason, for: coordinates of another length than the curve's
 * (RFC 7518 6.2.1), a point off its curve, a private half that does not fit
 * the public one, RSA of other sizes than above, an even modulus, an exponent
 * that is even or under 3, numbers with leading zeros, the ROCA fingerprint
 * (CVE-2017-15361), and an empty secret.
 */
err_t key_import(struct ctx *cx, enum key_type type, const struct key_parts *parts,
                 struct key **out) NODISCARD;
/* The public half (x, y or n, e), in the arena. KEY for KEY_OCT. */
err_t key_export(struct ctx *cx, const struct key *k, struct key_parts *out) NODISCARD;

/* A copy of the bytes of a KEY_OCT, for who wraps or seals with them. KEY for others. */
err_t key_secret(struct ctx *cx, const struct key *k, struct secret *out) NODISCARD;

/* New keys: all types but KEY_OCT; RSA has 3072 bits. */
err_t key_generate(struct ctx *cx, enum key_type type, struct key **out) NODISCARD;

/* PKCS#8 (RFC 5958), DER. The signer keeps keys so, sealed. No KEY_OCT, KEY_X25519. */
err_t key_to_pkcs8(struct ctx *cx, const struct key *k, struct secret *out) NODISCARD;
/* Also takes SEC 1 and PKCS#1 DER, as key files have them. Checked as key_import does. */
err_t key_from_pkcs8(struct ctx *cx, struct bytes der, struct key **out) NODISCARD;
/* SubjectPublicKeyInfo (RFC 5280 4.1.2.7), DER. Named curves only, as key_import. */
err_t key_to_spki(struct ctx *cx, const struct key *k, struct bytes *out) NODISCARD;
err_t key_from_spki(struct ctx *cx, struct bytes der, struct key **out) NODISCARD;

/* --- signatures ------------------------------------------------------------ */

enum sig_alg {
    SIG_NONE,
    SIG_ES256,
    SIG_ES384,
    SIG_ES512,
    SIG_ES256K,
    SIG_EDDSA, /* Ed25519 */
    SIG_RS256,
    SIG_RS384,
    SIG_RS512,
    SIG_PS256,
    SIG_PS384,
    SIG_PS512,
    SIG_HS256,
    SIG_HS384,
    SIG_HS512,
    SIG_COUNT
};
enum sig_form {
    SIG_FORM_NONE,
    SIG_RAW, /* r||s for ECDSA, as JOSE has it */
    SIG_DER, /* ECDSA-Sig-Value, as X.509 and TLS have it; same as RAW for others */
};

enum sig_alg sig_alg_of(struct str name);  /* "ES256"; SIG_NONE when unknown */
struct str sig_alg_name(enum sig_alg alg); /* "" for SIG_NONE */
bool sig_alg_fits(enum sig_alg alg, const struct key *k);
/* What a key signs with when nobody says otherwise; SIG_NONE for X25519. RSA: PS256. */
enum sig_alg sig_alg_for(const struct key *k);

/* ALGORITHM when alg and key do not fit; KEY for an HMAC secret under the hash. */
err_t key_sign(struct ctx *cx, const struct key *k, enum sig_alg alg, enum sig_form form,
               struct bytes message, struct bytes *signature) NODISCARD;
/* SIGNATURE when it does not verify; the message is the whole text, not its hash. */
err_t key_verify(struct ctx *cx, const struct key *k, enum sig_alg alg, enum sig_form form,
                 struct bytes message, struct bytes signature) NODISCARD;

/* --- agreement and RSA encryption ------------------------------------------ */

/*
 * The x coordinate, or for X25519 the 32 bytes, in `out` (66 bytes at most).
 * KEY when the types differ or the result is all zeros (RFC 7748 6.1).
 */
enum { ECDH_MAX = 66 };
err_t key_agree(struct ctx *cx, const struct key *own, const struct key *peer,
                uint8_t out[ECDH_MAX], size_t *size) NODISCARD;

/* RFC 8017 7.1. `label` is empty in JOSE. */
err_t oaep_seal(struct ctx *cx, const struct key *k, enum hash h, enum hash mgf,
                struct bytes label, struct bytes plain, struct bytes *out) NODISCARD;
err_t oaep_open(struct ctx *cx, const struct key *k, enum hash h, enum hash mgf,
                struct bytes label, struct bytes cipher, struct bytes *out) NODISCARD;

/* --- PEM (RFC 7468) --------------------------------------------------------- */

/*
 * The next block of `*rest`, which moves on; text between blocks is skipped.
 * NOT_FOUND at the end. A private key's bytes stand in the arena: wipe them.
 */
err_t pem_next(struct ctx *cx, struct str *rest, struct str *label,
               struct bytes *der) NODISCARD;
void pem_put(struct buf *b, const char *label, struct bytes der);

#endif
