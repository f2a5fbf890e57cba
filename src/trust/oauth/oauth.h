/*
 * oauth.h - access tokens: who may ask this node for something, as proven.
 *
 * Rule      Nuts RFC021 (vp_token-bearer), RFC 9449 (DPoP), RFC 7662, RFC 8414;
 *           nuts-node.md 2.3, 3.2, 3.3, 3.5, 3.6. A token is 256 random bits; the
 *           store holds its hash alone. It is good at its issuer's subject alone.
 * Trust     Whoever asks is a stranger until his presentation is verified.
 * Lifetime  All in the context's arena.
 * Threads   Any. With SQLite a look-up is allowed on the loop.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_TRUST_OAUTH_H
#define KNOOP_TRUST_OAUTH_H

#include "codec/json/json.h"

/* What a live token says. */
struct oauth_token {
    struct str subject;   /* of this node, that issued it: its only audience */
    struct str client_id; /* who asked for it, bound to `holder` */
    struct str holder;    /* the DID that signed the presentation */
    struct str scope;
    struct str jkt; /* thumbprint of the DPoP key; empty: a bearer token */
    int64_t issued_ms, expires_ms;
    const json *claims; /* object: the fields of the definitions, null where absent */
};

/* UNAUTHORIZED when there is no such token, or no longer. */
err_t oauth_token_find(struct ctx *cx, struct str token, struct oauth_token *out) NODISCARD;
/* A field that is a text; empty when it is not there. */
struct str oauth_token_claim(const struct oauth_token *t, const char *field);

/* A DPoP proof (RFC 9449 4.3) and what it must be about. */
struct oauth_dpop {
    struct str proof; /* the header's value */
    struct str method, url;
    struct str token; /* must be its ath; empty at the token endpoint */
    struct str jkt;   /* must be its key; empty at the token endpoint */
};
/*
 * Checks it and uses it up (store_take_once), last and only when all else is
 * well. Blocks with PostgreSQL. `jkt` (may be NULL) gets the key's thumbprint.
 * DPOP with what is wrong in the reason.
 */
err_t oauth_dpop_check(struct ctx *cx, const struct oauth_dpop *in,
                       struct str *jkt) NODISCARD;
/*
 * The same of several requests, each in its own context: they are used up in one
 * transaction, and refused each for itself. `e` is what oauth_dpop_check would say.
 */
struct oauth_dpop_one {
    struct ctx *cx;
    struct oauth_dpop in;
    err_t e;
};
void oauth_dpop_check_all(struct oauth_dpop_one *list, size_t n);

#endif
