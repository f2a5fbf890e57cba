/*
 * keystore.h - keys at rest: one file each, encrypted.
 *
 *   <folder>/root.check       a sealed constant: is this the right root key?
 *   <folder>/<hash>.key       hash: SHA-256 of the kid, in hexadecimal
 *
 *     {"format":"knoop-key/1","kid":…,"owner":…,"use":…,"created":…,
 *      "kind":"pkcs8"|"secret"|"token","public":…,"salt":…,"iv":…,"sealed":…}
 *
 * Rule      Sealed with AES-256-GCM under HKDF-SHA-256(root key, salt); the
 *           salt is new for each file, so no key ever seals twice. All that
 *           stands in clear is bound as additional data: a file that was
 *           renamed, or whose owner or use was changed, does not open.
 * Lifetime  Found texts live in the context's arena; the secret is the
 *           caller's (secret_fini).
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_KEYSTORE_H
#define KNOOP_SYS_KEYSTORE_H

#include "sys/keys/keys.h"

struct keystore {
    const char *folder;
    struct secret root;
};

enum stored_kind {
    STORED_NONE,
    STORED_PKCS8,
    STORED_SECRET,
    STORED_TOKEN /* the object's id */
};

struct stored {
    struct str kid, owner;
    enum key_use use;
    int64_t created_ms;
    enum stored_kind kind;
    struct str jwk; /* of the public half; empty for STORED_SECRET */
};

/* Opens, or begins a new store. KEY_ROOT for the root key of another store. */
err_t keystore_open(struct ctx *cx, const char *folder, int root,
                    struct keystore *out) NODISCARD;
void keystore_close(struct keystore *ks);

/* Durable when it returns. CONFLICT when the kid is there. */
err_t keystore_put(struct ctx *cx, const struct keystore *ks, const struct stored *s,
                   struct bytes secret) NODISCARD;
/* NOT_FOUND; DECRYPT when it was altered. */
err_t keystore_get(struct ctx *cx, const struct keystore *ks, struct str kid,
                   struct stored *out, struct secret *secret) NODISCARD;
err_t keystore_remove(struct ctx *cx, const struct keystore *ks, struct str kid) NODISCARD;
/* Opens every file; the reason names the first that does not. */
err_t keystore_prove(struct ctx *cx, const struct keystore *ks, size_t *count) NODISCARD;

#endif
