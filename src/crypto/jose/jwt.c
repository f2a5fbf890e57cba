/* jwt.c - when and for whom. EUPL-1.2. */
#include "crypto/jose/jwt.h"

err_t
jwt_date(struct ctx *cx, const json *claims, const char *name, bool *present, int64_t *ms)
{
    const json *v = json_get(claims, name);
    double seconds;

    *present = v != NULL;
    *ms = 0;
    if (v == NULL)
        return ERR_OK;
    if (json_type(v) != JSON_NUMBER || !json_double(v, &seconds))
        return refuse(cx, ERR_JWT_CLAIM, "RFC 7519 2", "claim '%s' is no number", name);
    if (seconds > 9e14) /* beyond any clock: as far as an int64 of milliseconds goes */
        seconds = 9e14;
    if (seconds < -9e14)
        seconds = -9e14;
    *ms = (int64_t)(seconds * 1000.0);
    return ERR_OK;
}

struct dates {
    bool has_exp, has_nbf, has_iat;
    int64_t exp, nbf, iat;
};

static err_t
check_need(struct ctx *cx, const struct dates *d, const struct jwt_times *r)
{
    if (((r->need & JWT_NEED_EXP) != 0 || r->life_max_ms != 0) && !d->has_exp)
        return refuse(cx, ERR_JWT_CLAIM, "RFC 7519 4.1.4", "exp is missing");
    if ((r->need & JWT_NEED_NBF) != 0 && !d->has_nbf)
        return refuse(cx, ERR_JWT_CLAIM, "RFC 7519 4.1.5", "nbf is missing");
    if (((r->need & JWT_NEED_IAT) != 0 || r->age_max_ms != 0) && !d->has_iat)
        return refuse(cx, ERR_JWT_CLAIM, "RFC 7519 4.1.6", "iat is missing");
    if (r->life_max_ms != 0 && !d->has_nbf && !d->has_iat)
        return refuse(cx, ERR_JWT_CLAIM, "RFC 7519 4.1.5", "nbf or iat is missing");
    return ERR_OK;
}

err_t
jwt_verify_times(struct ctx *cx, const json *claims, const struct jwt_times *r)
{
    struct dates d;
    int64_t now = cx->now_ms;
    err_t e;

    if ((e = jwt_date(cx, claims, "exp", &d.has_exp, &d.exp)) != ERR_OK ||
        (e = jwt_date(cx, claims, "nbf", &d.has_nbf, &d.nbf)) != ERR_OK ||
        (e = jwt_date(cx, claims, "iat", &d.has_iat, &d.iat)) != ERR_OK ||
        (e = check_need(cx, &d, r)) != ERR_OK)
        return e;
    if (d.has_exp && now >= d.exp)
        return refuse(cx, ERR_JWT_TIME, "RFC 7519 4.1.4", "the token has expired");
    if (d.has_nbf && d.nbf > now + r->skew_ms)
        return refuse(cx, ERR_JWT_TIME, "RFC 7519 4.1.5", "the token is not valid yet");
    if (d.has_iat && d.iat > now + r->skew_ms)
        return refuse(cx, ERR_JWT_TIME, "RFC 7519 4.1.6",
                      "the token was issued in the future");
    if (d.has_exp && d.has_nbf && d.exp <= d.nbf)
        return refuse(cx, ERR_JWT_TIME, "RFC 7519 4.1.4", "exp is not after nbf");
    if (r->age_max_ms != 0 && now - d.iat > r->age_max_ms)
        return refuse(cx, ERR_JWT_TIME, "RFC 7519 4.1.6",
                      "the token was issued too long ago");
    if (r->life_max_ms != 0 && d.exp - (d.has_nbf ? d.nbf : d.iat) > r->life_max_ms)
        return refuse(cx, ERR_JWT_TIME, "RFC 7519 4.1.4",
                      "the token is valid for too long");
    return ERR_OK;
}

err_t
jwt_verify_audience(struct ctx *cx, const json *claims, struct str audience)
{
    const json *aud = json_get(claims, "aud");

    if (aud == NULL || audience.n == 0)
        return refuse(cx, ERR_JWT_CLAIM, "RFC 7519 4.1.3", "aud is missing");
    if (json_type(aud) == JSON_ARRAY)
        for (json_each(it, aud))
            if (json_type(it.value) != JSON_STRING)
                return refuse(cx, ERR_JWT_CLAIM, "RFC 7519 4.1.3",
                              "aud holds what is no text");
    if (!json_has(aud, audience))
        return refuse(cx, ERR_JWT_CLAIM, "RFC 7519 4.1.3",
                      "the token is for another audience");
    return ERR_OK;
}
