/*
 * jwt.h - the claims that say when and for whom a token is good.
 *
 * Rule      RFC 7519 section 4.1. A token is past at exp; nbf and iat may lie
 *           `skew_ms` ahead. A date that is no number is refused, never ignored.
 * Trust     Called on claims that a verified `struct jws` carried.
 * Source    Knoop. EUPL-1.2.
 */
#ifndef KNOOP_CRYPTO_JWT_H
#define KNOOP_CRYPTO_JWT_H

#include "codec/json/json.h"

enum jwt_need {
    JWT_NEED_NOTHING = 0,
    JWT_NEED_EXP = 1 << 0,
    JWT_NEED_NBF = 1 << 1,
    JWT_NEED_IAT = 1 << 2,
};

struct jwt_times {
    int64_t skew_ms;     /* for nbf and iat */
    unsigned need;       /* enum jwt_need bits: must be there */
    int64_t age_max_ms;  /* since iat; 0: any. Asks for iat */
    int64_t life_max_ms; /* exp - (nbf or iat); 0: any. Asks for exp and one of them */
};

/* A NumericDate (seconds, fractions allowed) in ms. JWT_CLAIM when it is no number. */
err_t jwt_date(struct ctx *cx, const json *claims, const char *name, bool *present,
               int64_t *ms) NODISCARD;
/* By cx->now_ms. JWT_TIME, or JWT_CLAIM for what is missing or no number. */
err_t jwt_verify_times(struct ctx *cx, const json *claims,
                       const struct jwt_times *rules) NODISCARD;
/* `aud` is this text, or a list of texts with it. Absent is refused: JWT_CLAIM. */
err_t jwt_verify_audience(struct ctx *cx, const json *claims,
                          struct str audience) NODISCARD;

#endif
