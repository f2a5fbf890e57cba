/*
 * signer_jwt.c - what a JWT of each profile may say.
 *
 * Rule      A table per profile names every claim that may stand in it and what
 *           it must be; one that is not named is refused, so that no token of
 *           one kind can be read as another. Then the rules between claims.
 *           The claims are written anew from what was understood: what was
 *           signed is what was checked.
 * Trust     The claims come from a worker.
 * Source    Nuts RFC021, RFC 7519, RFC 9449, VC Data Model 1.1; Knoop. EUPL-1.2.
 */
#include <string.h>

#include "sys/keys/signer_int.h"

enum { TEXT_MAX = 2048, DPOP_SKEW_MS = 60000, NONCE_MAX = 512, JTI_MAX = 256 };

struct asked {
    struct ctx *cx;
    const struct signer *s;
    const struct kept *key;
    const json *claims;
    int64_t now_ms;
};

/* --- what a claim may be ------------------------------------------------------ */

static bool
is_owner(const struct asked *a, const json *v)
{
    return json_is(v, a->key->owner);
}

static bool
is_text(const struct asked *a, const json *v)
{
    struct str s;

    (void)a;
    return json_str(v, &s) && s.n > 0 && s.n <= TEXT_MAX && memchr(s.p, '\0', s.n) == NULL;
}

static bool
is_nonce(const struct asked *a, const json *v)
{
    struct str s;

    return is_text(a, v) && json_str(v, &s) && s.n <= NONCE_MAX;
}

static bool
is_jti(const struct asked *a, const json *v)
{
    struct str s;

    return is_text(a, v) && json_str(v, &s) && s.n <= JTI_MAX;
}

static bool
is_id(const struct asked *a, const json *v)
{
    return is_text(a, v);
}

/* One audience: a presentation for two could be carried from one to the other. */
static bool
is_audience(const struct asked *a, const json *v)
{
    if (json_type(v) == JSON_ARRAY)
        return json_size(v) == 1 && is_text(a, json_at(v, 0));
    return is_text(a, v);
}

static bool
is_time(const struct asked *a, const json *v)
{
    int64_t t;

    (void)a;
    return json_i64(v, &t) && t > 0 && t < INT64_C(253402300800); /* year 10000 */
}

static bool
is_object(const struct asked *a, const json *v)
{
    (void)a;
    return json_type(v) == JSON_OBJECT;
}

static bool
is_method(const struct asked *a, const json *v)
{
    struct str s;

    (void)a;
    if (!json_str(v, &s) || s.n == 0 || s.n > 16)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 'A' || s.p[i] > 'Z')
            return false;
    return true;
}

/* RFC 9449 4.2: without query and fragment. */
static bool
is_target(const struct asked *a, const json *v)
{
    struct str s;

    if (!is_text(a, v) || !json_str(v, &s))
        return false;
    return (str_starts(s, S("https://")) || str_starts(s, S("http://"))) &&
           str_find(s, '?') == s.n && str_find(s, '#') == s.n && str_find(s, ' ') == s.n;
}

/* RFC 9449 4.2: base64url of a SHA-256. */
static bool
is_hash(const struct asked *a, const json *v)
{
    struct ctx scratch = *a->cx;
    struct str s;
    struct bytes b;

    return json_str(v, &s) && s.n == 43 && b64url_decode(&scratch, s, &b) == ERR_OK &&
           b.n == 32;
}

struct claim {
    const char *name;
    bool (*is)(const struct asked *a, const json *v);
    bool needed;
};

/* Every member is named and right, and none that is needed is missing. */
static err_t
match(const struct asked *a, const json *of, const struct claim *rules, size_t n,
      const char *clause)
{
    for (json_each(it, of)) {
        size_t i = 0;

        while (i < n && !str_is(it.name, rules[i].name))
            i++;
        if (i == n)
            return refuse(a->cx, ERR_FORBIDDEN, clause, "'%.*s' is not signed here",
                          STR(it.name));
        if (!rules[i].is(a, it.value))
            return refuse(a->cx, ERR_FORBIDDEN, clause, "'%s' is not what it must be",
                          rules[i].name);
    }
    for (size_t i = 0; i < n; i++)
        if (rules[i].needed && json_get(of, rules[i].name) == NULL)
            return refuse(a->cx, ERR_FORBIDDEN, clause, "'%s' is missing", rules[i].name);
    return ERR_OK;
}

static int64_t
time_of(const json *claims, const char *name)
{
    int64_t t = 0;

    return json_i64(json_get(claims, name), &t) ? t * 1000 : 0;
}

/* --- presentations ------------------------------------------------------------ */

static bool
is_anything(const struct asked *a, const json *v)
{
    (void)a;
    (void)v;
    return true;
}

static const struct claim vp_claims[] = {
    { "iss", is_owner, true },   { "sub", is_owner, true }, { "aud", is_audience, true },
    { "nonce", is_nonce, true }, { "nbf", is_time, true },  { "exp", is_time, true },
    { "iat", is_time, false },   { "jti", is_text, false }, { "vp", is_object, true },
};
static const struct claim vp_members[] = {
    { "@context", is_anything, true },
    { "type", is_anything, true },
    { "holder", is_owner, true },
    { "id", is_id, false },
    { "verifiableCredential", is_anything, false },
};

/* Short, and now: one that is stolen is soon worthless, one for later is not made. */
static err_t
vp_times(const struct asked *a)
{
    int64_t nbf = time_of(a->claims, "nbf"), exp = time_of(a->claims, "exp");
    int64_t iat = time_of(a->claims, "iat");
    int64_t most = a->s->conf->signer_presentation_max,
            skew = a->s->conf->signer_clock_skew;

    if (exp <= nbf || exp - nbf > most)
        return refuse(a->cx, ERR_FORBIDDEN, "Nuts RFC021 4.3",
                      "valid for %lld ms, and %lld are"
                      " allowed (signer.presentation_max)",
                      (long long)(exp - nbf), (long long)most);
    if (nbf > a->now_ms + skew || nbf < a->now_ms - skew - most || exp < a->now_ms - skew)
        return refuse(a->cx, ERR_FORBIDDEN, "RFC 7519 4.1.5",
                      "valid at another time than now");
    if (iat != 0 && (iat > a->now_ms + skew || iat < a->now_ms - skew - most))
        return refuse(a->cx, ERR_FORBIDDEN, "RFC 7519 4.1.6",
                      "issued at another time than now");
    return ERR_OK;
}

static err_t
vp_rules(const struct asked *a)
{
    const json *vp = json_get(a->claims, "vp");
    err_t e = match(a, vp, vp_members, COUNT(vp_members), "VC Data Model 1.1 4.10");

    if (e != ERR_OK)
        return e;
    if (!json_has(json_get(vp, "type"), S("VerifiablePresentation")))
        return refuse(a->cx, ERR_FORBIDDEN, "VC Data Model 1.1 4.10", "no presentation");
    return vp_times(a);
}

/* --- credentials -------------------------------------------------------------- */

static const struct claim vc_claims[] = {
    { "iss", is_owner, true }, { "sub", is_text, false }, { "jti", is_text, false },
    { "nbf", is_time, true },  { "exp", is_time, false }, { "iat", is_time, false },
    { "vc", is_object, true },
};

static err_t
vc_issuer(const struct asked *a, const json *vc)
{
    const json *issuer = json_get(vc, "issuer");

    if (json_type(issuer) == JSON_OBJECT)
        issuer = json_get(issuer, "id");
    else if (issuer == NULL)
        return ERR_OK;
    if (!is_owner(a, issuer))
        return refuse(a->cx, ERR_FORBIDDEN, "VC Data Model 1.1 4.5",
                      "the issuer is another");
    return ERR_OK;
}

static err_t
vc_rules(const struct asked *a)
{
    const json *vc = json_get(a->claims, "vc");
    int64_t exp = time_of(a->claims, "exp");

    if (!json_has(json_get(vc, "type"), S("VerifiableCredential")) ||
        json_has(json_get(vc, "type"), S("VerifiablePresentation")))
        return refuse(a->cx, ERR_FORBIDDEN, "VC Data Model 1.1 4.3", "no credential");
    if (json_get(vc, "credentialSubject") == NULL)
        return refuse(a->cx, ERR_FORBIDDEN, "VC Data Model 1.1 4.4", "about nobody");
    if (json_get(vc, "proof") != NULL || json_get(vc, "holder") != NULL)
        return refuse(a->cx, ERR_FORBIDDEN, "VC Data Model 1.1 6.3.1",
                      "a proof within a JWT");
    if (exp != 0 && exp <= time_of(a->claims, "nbf"))
        return refuse(a->cx, ERR_FORBIDDEN, "RFC 7519 4.1.4", "ends before it begins");
    return vc_issuer(a, vc);
}

/* --- DPoP proofs -------------------------------------------------------------------- */

static const struct claim dpop_claims[] = {
    { "htm", is_method, true }, { "htu", is_target, true }, { "iat", is_time, true },
    { "jti", is_jti, true },    { "ath", is_hash, false },
};

static err_t
dpop_rules(const struct asked *a)
{
    int64_t iat = time_of(a->claims, "iat");

    if (iat > a->now_ms + DPOP_SKEW_MS || iat < a->now_ms - DPOP_SKEW_MS)
        return refuse(a->cx, ERR_FORBIDDEN, "RFC 9449 4.2",
                      "made at another time than now");
    return ERR_OK;
}

/* --- the profiles ------------------------------------------------------------- */

static const struct profile {
    const char *typ;
    const char *clause;
    const struct claim *claims;
    size_t n;
    err_t (*rules)(const struct asked *a);
    bool jwk; /* the header holds the key; otherwise its name */
} profiles[KEY_PROFILE_COUNT] = {
    [KEY_VP_JWT] = { "JWT", "Nuts RFC021 4.3", vp_claims, COUNT(vp_claims), vp_rules,
                     false },
    [KEY_VC_JWT] = { "JWT", "VC Data Model 1.1 6.3.1", vc_claims, COUNT(vc_claims),
                     vc_rules, false },
    [KEY_DPOP] = { "dpop+jwt", "RFC 9449 4.2", dpop_claims, COUNT(dpop_claims), dpop_rules,
                   true },
};

/* RFC 7515 4.1; ES256 is what every key of an organisation signs with. */
static err_t
header(const struct asked *a, const struct profile *p, struct str *out)
{
    struct json_out js;
    json *jwk;
    err_t e;

    json_out_init(&js, a->cx->arena);
    json_object(&js);
    json_member_z(&js, "alg", "ES256");
    json_member_z(&js, "typ", p->typ);
    if (p->jwk) {
        if ((e = json_parse(a->cx, str_of(a->key->jwk), JSON_STRICT, &jwk)) != ERR_OK)
            return e;
        json_member_json(&js, "jwk", jwk);
    } else {
        json_member_z(&js, "kid", a->key->kid);
    }
    json_end(&js);
    return json_out_done(a->cx, &js, out);
}

/* RFC 7515 7.1. */
static err_t
compact(struct signer *s, const struct asked *a, const struct profile *p, struct str *jwt)
{
    struct ctx *cx = a->cx;
    struct str head, claims, text;
    struct bytes signature;
    struct buf b;
    err_t e;

    if ((e = header(a, p, &head)) != ERR_OK ||
        (e = json_text(cx, a->claims, &claims)) != ERR_OK)
        return e;
    buf_init(&b, cx->arena);
    buf_b64url(&b, bytes_of(head));
    buf_c(&b, '.');
    buf_b64url(&b, bytes_of(claims));
    if ((e = buf_done(cx, &b, &text)) != ERR_OK ||
        (e = signer__sign(cx, s, a->key, SIG_ES256, SIG_RAW, bytes_of(text), &signature)) !=
            ERR_OK)
        return e;
    buf_c(&b, '.');
    buf_b64url(&b, signature);
    return buf_done(cx, &b, jwt);
}

err_t
signer__sign_jwt(struct ctx *cx, struct signer *s, const struct str *in, struct str *out)
{
    struct asked a = { .cx = cx, .s = s, .now_ms = s->now_ms() };
    const struct profile *p;
    struct kept *k;
    json *claims;
    uint64_t number;
    err_t e;

    if ((e = keys__number(cx, in[0], &number)) != ERR_OK)
        return e;
    if (number == KEY_PROFILE_NONE || number >= KEY_PROFILE_COUNT)
        return refuse(cx, ERR_FORBIDDEN, "", "there is no profile %llu",
                      (unsigned long long)number);
    p = &profiles[number];
    if ((e = signer__key(cx, s, in[1], &k)) != ERR_OK ||
        (e = json_parse(cx, in[2], JSON_STRICT, &claims)) != ERR_OK)
        return e;
    if (k->use != KEY_SUBJECT)
        return refuse(cx, ERR_FORBIDDEN, p->clause, "'%s' is not an organisation's key",
                      k->kid);
    if (json_type(claims) != JSON_OBJECT)
        return refuse(cx, ERR_FORBIDDEN, p->clause, "the claims are no object");
    a.key = k;
    a.claims = claims;
    if ((e = match(&a, claims, p->claims, p->n, p->clause)) != ERR_OK ||
        (e = p->rules(&a)) != ERR_OK)
        return e;
    return compact(s, &a, p, &out[0]);
}
