/*
 * vc_parse.c - reading credentials and presentations; nothing is believed yet.
 *
 * Rule    VC Data Model 1.1 section 6.3.1: iss, sub, jti, nbf and exp stand for
 *         issuer, subject id, id, issuanceDate and expirationDate. Where both
 *         forms are there they must agree; dates are joined to the narrower.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/vc/vc.h"
#include "trust/vc/vc_int.h"

#include "base/time.h"

#include <string.h>

/* --- credentials -------------------------------------------------------------------- */

static err_t
bad(struct ctx *cx, const char *what)
{
    return refuse(cx, ERR_VC_FORMAT, "VC Data Model 1.1 4", "%s", what);
}

bool
vc_has_type(const struct vc_raw *raw, struct str type)
{
    return json_has(raw->types, type);
}

struct str
vc_type(const struct vc_raw *raw)
{
    struct str s;

    if (json_str(raw->types, &s))
        return str_is(s, "VerifiableCredential") ? (struct str){ NULL, 0 } : s;
    for (json_each(it, raw->types))
        if (json_str(it.value, &s) && !str_is(s, "VerifiableCredential"))
            return s;
    return (struct str){ NULL, 0 };
}

/* "x" or {"id": "x"}. */
static err_t
read_id(struct ctx *cx, const json *v, const char *what, struct str *out)
{
    *out = (struct str){ NULL, 0 };
    if (v == NULL || json_str(v, out))
        return ERR_OK;
    if (json_type(v) == JSON_OBJECT && json_str(json_get(v, "id"), out))
        return ERR_OK;
    return refuse(cx, ERR_VC_FORMAT, "VC Data Model 1.1 4", "%s is no identifier", what);
}

/* Two spellings of one thing: they agree, or one is absent. */
static err_t
agree(struct ctx *cx, struct str claim, struct str member, const char *what, err_t code,
      struct str *out)
{
    if (claim.p != NULL && member.p != NULL && !str_eq(claim, member))
        return refuse(cx, code, "VC Data Model 1.1 6.3.1",
                      "%s differs between claim and credential", what);
    *out = claim.p != NULL ? claim : member;
    return ERR_OK;
}

/* All subjects are about one: the subject is its id; several ids are refused. */
static err_t
read_subject(struct ctx *cx, const json *subject, struct str *out)
{
    struct str one;
    err_t e;

    *out = (struct str){ NULL, 0 };
    if (json_type(subject) == JSON_OBJECT) {
        if (json_get(subject, "id") == NULL)
            return ERR_OK;
        return read_id(cx, subject, "credentialSubject", out);
    }
    if (json_type(subject) != JSON_ARRAY || json_size(subject) == 0)
        return bad(cx, "credentialSubject is neither object nor array of objects");
    for (json_each(it, subject)) {
        if (json_type(it.value) != JSON_OBJECT)
            return bad(cx, "credentialSubject holds what is no object");
        if (json_get(it.value, "id") == NULL)
            continue;
        if ((e = read_id(cx, it.value, "credentialSubject", &one)) != ERR_OK)
            return e;
        if (out->p != NULL && !str_eq(*out, one))
            return bad(cx, "the credential is about more than one");
        *out = one;
    }
    return ERR_OK;
}

/* A date member, joined in: the latest beginning, the earliest end. */
static err_t
join_date(struct ctx *cx, const json *body, const char *name, bool is_end,
          struct vc_time *t)
{
    const json *v = json_get(body, name);
    struct str text;
    int64_t ms;

    if (v == NULL)
        return ERR_OK;
    if (!json_str(v, &text) || time_parse(cx, text, &ms) != ERR_OK)
        return refuse(cx, ERR_VC_TIME, "VC Data Model 1.1 4.6", "%s is no RFC 3339 date",
                      name);
    if (!t->there || (is_end ? ms < t->ms : ms > t->ms))
        t->ms = ms;
    t->there = true;
    return ERR_OK;
}

static err_t
read_types(struct ctx *cx, struct vc_raw *raw, const char *needed)
{
    struct str s;

    raw->types = json_get(raw->body, "type");
    if (json_type(raw->types) == JSON_ARRAY)
        for (json_each(it, raw->types))
            if (!json_str(it.value, &s))
                return bad(cx, "a type is no text");
    if (!json_has(raw->types, str_of(needed)))
        return bad(cx, "it has not the type of what it should be");
    return ERR_OK;
}

/* typ: a media type, "application/" left out or not (RFC 7515 4.1.9). */
static bool
is_version_2(const struct vc_jwt *jwt)
{
    struct str typ = jwt->typ, head = S("application/");

    if (typ.n > head.n && str_eq_case(str_sub(typ, 0, head.n), head))
        typ = str_sub(typ, head.n, typ.n);
    return str_eq_case(typ, S("vc+jwt"));
}

/* VC 2.0: its context is the first (4.3); 1.1: it is there. */
static err_t
check_context(struct ctx *cx, const struct vc_raw *raw)
{
    const json *context = json_get(raw->body, "@context");

    if (!raw->version_2)
        return json_has(context, S("https://www.w3.org/2018/credentials/v1"))
                   ? ERR_OK
                   : bad(cx, "not the context of version 1.1");
    if (json_type(context) == JSON_ARRAY)
        context = json_at(context, 0);
    return json_is(context, "https://www.w3.org/ns/credentials/v2")
               ? ERR_OK
               : bad(cx, "the first context is not that of version 2.0");
}

/* The members of the credential, with the claims of its JWT. */
static err_t
read_body(struct ctx *cx, struct vc_raw *raw)
{
    struct str id, issuer, subject;
    err_t e;

    raw->from = raw->jwt.nbf;
    raw->until = raw->jwt.exp;
    if ((e = check_context(cx, raw)) != ERR_OK ||
        (e = read_types(cx, raw, "VerifiableCredential")) != ERR_OK ||
        (e = vc__text(cx, raw->body, "id", &id)) != ERR_OK ||
        (e = read_id(cx, json_get(raw->body, "issuer"), "issuer", &issuer)) != ERR_OK ||
        (e = read_subject(cx, json_get(raw->body, "credentialSubject"), &subject)) !=
            ERR_OK)
        return e;
    if ((e = agree(cx, raw->jwt.jti, id, "the id", ERR_VC_FORMAT, &raw->id)) != ERR_OK ||
        (e = agree(cx, raw->jwt.iss, issuer, "the issuer", ERR_VC_ISSUER, &raw->issuer)) !=
            ERR_OK ||
        (e = agree(cx, raw->jwt.sub, subject, "the subject", ERR_VC_FORMAT,
                   &raw->subject)) != ERR_OK)
        return e;
    if ((e = join_date(cx, raw->body, "issuanceDate", false, &raw->from)) != ERR_OK ||
        (e = join_date(cx, raw->body, "validFrom", false, &raw->from)) != ERR_OK ||
        (e = join_date(cx, raw->body, "expirationDate", true, &raw->until)) != ERR_OK ||
        (e = join_date(cx, raw->body, "validUntil", true, &raw->until)) != ERR_OK)
        return e;
    if (!raw->version_2 && !raw->from.there && !raw->jwt.iat.there)
        return bad(cx, "it has no date of issuance");
    return ERR_OK;
}

err_t
vc_parse(struct ctx *cx, struct str jwt, struct vc_raw *out)
{
    struct vc_raw raw = { .text = jwt };
    err_t e;

    memset(out, 0, sizeof(*out));
    if ((e = vc__jwt_parse(cx, jwt, VC_TEXT_MAX, &raw.jwt)) != ERR_OK)
        return e;
    raw.version_2 = is_version_2(&raw.jwt);
    raw.body = raw.version_2 ? raw.jwt.claims : json_get(raw.jwt.claims, "vc");
    if (raw.version_2 &&
        (json_get(raw.body, "vc") != NULL || json_get(raw.body, "vp") != NULL))
        return bad(cx, "a credential within a credential of version 2.0");
    if (json_type(raw.body) != JSON_OBJECT)
        return bad(cx, "there is no vc claim");
    if (json_get(raw.jwt.claims, "vp") != NULL)
        return bad(cx, "it is a presentation");
    if (json_get(raw.body, "proof") != NULL)
        return bad(cx, "a proof within a JWT");
    if ((e = read_body(cx, &raw)) != ERR_OK)
        return e;
    *out = raw;
    return ERR_OK;
}

err_t
vc_parse_json(struct ctx *cx, const json *v, struct vc_raw *out)
{
    struct vc_raw raw = { .body = v };
    struct str jwt;
    err_t e;

    memset(out, 0, sizeof(*out));
    if (json_str(v, &jwt))
        return vc_parse(cx, jwt, out);
    if (json_type(v) != JSON_OBJECT)
        return bad(cx, "a credential is a text (JWT) or an object");
    if (json_get(v, "proof") != NULL)
        return refuse(
            cx, ERR_UNSUPPORTED, "VC Data Model 1.1 6.3.2",
            "credentials with linked-data proofs (ldp_vc) are not offered yet; use jwt_vc");
    if ((e = json_text(cx, v, &raw.text)) != ERR_OK)
        return e;
    if (raw.text.n > VC_TEXT_MAX)
        return bad(cx, "it is too long");
    if ((e = read_body(cx, &raw)) != ERR_OK)
        return e;
    *out = raw;
    return ERR_OK;
}

/* --- presentations ------------------------------------------------------------------ */

static err_t
bad_vp(struct ctx *cx, const char *what)
{
    return refuse(cx, ERR_VP_FORMAT, "VC Data Model 1.1 4.10", "%s", what);
}

static err_t
read_credentials(struct ctx *cx, struct vp_raw *raw)
{
    const json *all = json_get(raw->body, "verifiableCredential");
    bool list = json_type(all) == JSON_ARRAY;
    size_t i, n = all == NULL ? 0 : list ? json_size(all) : 1;
    err_t e;

    if (n > VP_CREDENTIALS_MAX)
        return bad_vp(cx, "it holds too many credentials");
    raw->credentials = arena_array(cx->arena, n + 1, sizeof(*raw->credentials));
    if (raw->credentials == NULL)
        return refuse_memory(cx);
    for (i = 0; i < n; i++) {
        e = vc_parse_json(cx, list ? json_at(all, i) : all, &raw->credentials[i]);
        if (e != ERR_OK)
            return e;
    }
    raw->count = n;
    return ERR_OK;
}

err_t
vp_parse(struct ctx *cx, struct str jwt, struct vp_raw *out)
{
    struct vp_raw raw = { .text = jwt };
    struct str s;
    err_t e;

    memset(out, 0, sizeof(*out));
    if ((e = vc__jwt_parse(cx, jwt, VP_TEXT_MAX, &raw.jwt)) != ERR_OK)
        return e;
    raw.body = json_get(raw.jwt.claims, "vp");
    if (json_type(raw.body) != JSON_OBJECT)
        return bad_vp(cx, "there is no vp claim");
    if (json_get(raw.jwt.claims, "vc") != NULL)
        return bad_vp(cx, "it is a credential");
    if (json_get(raw.body, "proof") != NULL)
        return bad_vp(cx, "a proof within a JWT");
    if (is_version_2(&raw.jwt))
        return bad_vp(cx, "its typ is that of a credential");
    raw.types = json_get(raw.body, "type");
    if (!json_has(raw.types, S("VerifiablePresentation")))
        return bad_vp(cx, "it has not the type VerifiablePresentation");
    if (json_type(raw.types) == JSON_ARRAY)
        for (json_each(it, raw.types))
            if (!json_str(it.value, &s))
                return bad_vp(cx, "a type is no text");
    raw.signer = did_of_url(raw.jwt.kid);
    json_str(json_get(raw.jwt.claims, "nonce"), &raw.nonce);
    if ((e = read_credentials(cx, &raw)) != ERR_OK)
        return e;
    *out = raw;
    return ERR_OK;
}

bool
vp_has_audience(const struct vp_raw *raw, struct str audience)
{
    return json_has(json_get(raw->jwt.claims, "aud"), audience);
}
