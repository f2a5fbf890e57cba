/*
 * signer_int.h - inside the signer: its keys, its rules, its table.
 *
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_SIGNER_INT_H
#define KNOOP_SYS_SIGNER_INT_H

#include "codec/json/json.h"
#include "sys/conf/conf.h"
#include "sys/keys/keys_int.h"
#include "sys/keys/keystore.h"
#include "sys/keys/signer.h"

struct token; /* signer_token.c: a PKCS#11 session */

/* A key that is in use: decrypted, or a handle into the token. */
struct kept {
    char *kid, *owner, *jwk; /* malloc, NUL-terminated */
    enum key_use use;
    struct key *key;      /* NULL when the token has it */
    unsigned long handle; /* in the token */
    bool handed;          /* from a file that options name, not from the store */
};

enum signer_state { SIGNER_SERVING = 1, SIGNER_DRAINING = 2 };

struct signer {
    struct keystore store;
    struct conf *conf;
    int64_t (*now_ms)(void);
    enum signer_state state;
    struct kept *keys; /* sorted by kid */
    size_t key_n, key_room;
    struct secret mac;   /* for the look-up of people in the log */
    struct token *token; /* NULL: keys are files */
    struct peer *peers;
};

/* --- keys; signer_keys.c ------------------------------------------------------ */
/* NOT_FOUND when there is none. Borrowed until it is deleted. */
err_t signer__key(struct ctx *cx, struct signer *s, struct str kid,
                  struct kept **out) NODISCARD;
err_t signer__make(struct ctx *cx, struct signer *s, enum key_use use, struct str owner,
                   struct str kid, struct kept **out) NODISCARD;
err_t signer__delete(struct ctx *cx, struct signer *s, struct str kid) NODISCARD;
err_t signer__take_tls(struct ctx *cx, struct signer *s, const struct conf *c) NODISCARD;
err_t signer__audit_keys(struct ctx *cx, struct signer *s) NODISCARD;
void signer__forget(struct signer *s); /* all of them, wiped */
err_t signer__sign(struct ctx *cx, struct signer *s, const struct kept *k, enum sig_alg alg,
                   enum sig_form form, struct bytes message,
                   struct bytes *signature) NODISCARD;
/* The public half as JWK text. */
err_t signer__jwk(struct ctx *cx, const struct key *k, struct str *out) NODISCARD;

/* --- requests: fields in, fields out ------------------------------------------ */
struct signer_op {
    const char *name;
    unsigned from;   /* enum signer_from, or-ed; 0: nobody */
    unsigned states; /* enum signer_state, or-ed; 0: never */
    size_t in, out;
    err_t (*fn)(struct ctx *cx, struct signer *s, const struct str *in, struct str *out);
};
/* NULL for what is no operation. */
const struct signer_op *signer__op(unsigned op);

err_t signer__sign_jwt(struct ctx *cx, struct signer *s, const struct str *in,
                       struct str *out) NODISCARD;
err_t signer__sign_tls(struct ctx *cx, struct signer *s, const struct str *in,
                       struct str *out) NODISCARD;
err_t signer__seal_person(struct ctx *cx, struct signer *s, const struct str *in,
                          struct str *out) NODISCARD;
err_t signer__open_person(struct ctx *cx, struct signer *s, const struct str *in,
                          struct str *out) NODISCARD;
err_t signer__checkpoint(struct ctx *cx, struct signer *s, const struct str *in,
                         struct str *out) NODISCARD;

/* --- PKCS#11; signer_token.c -------------------------------------------------- */
err_t token_open(struct ctx *cx, const struct conf *c, struct token **out) NODISCARD;
void token_close(struct token *t);
/* A P-256 key that never leaves the token; `id` names it there. */
err_t token_make(struct ctx *cx, struct token *t, struct bytes *id,
                 struct key **public_half, unsigned long *handle) NODISCARD;
err_t token_find(struct ctx *cx, struct token *t, struct bytes id,
                 unsigned long *handle) NODISCARD;
err_t token_sign(struct ctx *cx, struct token *t, unsigned long handle,
                 const uint8_t digest[32], uint8_t signature[64]) NODISCARD;
err_t token_delete(struct ctx *cx, struct token *t, struct bytes id) NODISCARD;

#endif
