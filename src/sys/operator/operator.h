/*
 * operator.h - who may speak to the internal door when it asks for proof.
 *
 *      authorized_keys ──► keys, each of one name
 *      Authorization: Bearer <JWT signed with one of them> ──► who it is
 *
 * Rule      nuts-node's token_v2 (nuts-node.md 4.8): the same files and the same
 *           tokens. No skew: what begins later than now is refused.
 * Trust     The file is the operator's; a token is a stranger's until it is proven.
 * Lifetime  Keys are read at start and again on SIGHUP; a file without a key, or
 *           with a line that is none, is refused and the old keys stay.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_SYS_OPERATOR_H
#define KNOOP_SYS_OPERATOR_H

#include "crypto/jose/jwk.h"
#include "sys/http/http.h"
#include "sys/room.h"

enum { OPERATOR_KEYS_MAX = 256, OPERATOR_TOKEN_MAX = 4096 };

struct operator_key {
    struct jwk jwk;         /* .thumbprint is one name by which a token may call it */
    struct str fingerprint; /* "SHA256:…", as ssh-keygen shows it: the other */
    struct str name;        /* the comment: the token's iss */
};
struct operator_keys {
    struct operator_key *at;
    size_t count;
};

/*
 * authorized_keys as OpenSSH has it: ssh-rsa from 2048 bits, ecdsa-sha2-nistp256, 384
 * and 521, ssh-ed25519. Options before a key are passed over; a key without a
 * comment is nobody's, and left out. CONF with the line for one that is malformed.
 * Texts stand in cx's arena; keys are the caller's: operator_keys_fini.
 */
err_t operator_keys_parse(struct ctx *cx, struct str text,
                          struct operator_keys *out) NODISCARD;
void operator_keys_fini(struct operator_keys *k);
/* The line of authorized_keys for a P-256 key. KEY for another. */
err_t operator_key_line(struct ctx *cx, const struct key *key, struct str name,
                        struct str *out) NODISCARD;

/*
 * A token by one of these keys, for this audience. UNAUTHORIZED with the reason
 * and what is wrong; `user` is its sub.
 */
err_t operator_prove(struct ctx *cx, const struct operator_keys *keys, struct str audience,
                     struct str token, struct str *user) NODISCARD;
/* Makes one: `key` is private; good for `life_ms` from a minute ago. */
err_t operator_token(struct ctx *cx, const struct key *key, struct str name,
                     struct str user, struct str audience, int64_t life_ms,
                     struct str *out) NODISCARD;

/* For http_setup.operator_check: proves the caller by the room's keys. */
err_t operator_check(struct req *rq) NODISCARD;

#endif
