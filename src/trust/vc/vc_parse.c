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
#include "crypto/jose/jose.h"

#include <string.h>

/* --- JWT -------------------------------------------------------------------------- */

/* A NumericDate (RFC 7519 2): a number, whole or not. null and text are refused. */
static err_t
read_time(struct ctx *cx, const json *claims, const char *name, struct vc_time *out)
{
    *out = (struct vc_time){ 0 };
    if (jwt_date(cx, claims, name, &out->there, &out->ms) == ERR_OK)
        return ERR_OK;
    return refuse(cx, ERR_VC_TIME, "RFC 7519 2", "%s is no number", name);
}

/* An optional text claim; of another type it is refused. */
static err_t
read_text(struct ctx *cx, const json *claims, const char *name, struct str *out)
{
    *out = (struct str){ NULL, 0 };
    if (json_get(claims, name) == NULL || json_str(json_get(claims, name), out))
        return ERR_OK;
    return refuse(cx, ERR_VC_FORMAT, "RFC 7519 4.1", "%s is no text", name);
}

/* A text; some producers put the subject itself there, with its id or without. */
static err_t
read_sub(struct ctx *cx, const json *v, struct str *out)
{
    *out = (struct str){ NULL, 0 };
    if (v == NULL || json_str(v, out))
        return ERR_OK;
    if (json_type(v) == JSON_OBJECT &&
        (json_get(v, "id") == NULL || json_str(json_get(v, "id"), out)))
        return ERR_OK;
    return refuse(cx, ERR_VC_FORMAT, "RFC 7519 4.1.2", "sub is no text");
}

static err_t
read_part(struct ctx *cx, struct str part, const char *what, const json **out)
{
    struct bytes b;
    json *v;

    if (b64url_decode(cx, part, &b) != ERR_OK ||
        json_parse(cx, str_of_bytes(b), JSON_STRICT, &v) != ERR_OK)
        return refuse(cx, ERR_VC_JWT, "RFC 7519 7.2", "the %s is not JSON in base64url",
                      what);
    if (json_type(v) != JSON_OBJECT)
        return refuse(cx, ERR_VC_JWT, "RFC 7519 7.2", "the %s is no object", what);
    *out = v;
    return ERR_OK;
}

err_t
vc__jwt_parse(struct ctx *cx, struct str text, size_t most, struct vc_jwt *out)
{
    struct vc_jwt j = { .text = text };
    struct str rest = text, head = str_cut(&rest, '.'), body = str_cut(&rest, '.');
    err_t e;

    memset(out, 0, sizeof(*out));
    if (text.n > most)
        return refuse(cx, ERR_VC_JWT, "", "longer than %zu bytes", most);
    if (head.n == 0 || body.n == 0 || rest.n == 0 || str_find(rest, '.') < rest.n)
        return refuse(cx, ERR_VC_JWT, "RFC 7515 7.1", "not three parts: no compact JWT");
    if ((e = read_part(cx, head, "header", &j.header)) != ERR_OK ||
        (e = read_part(cx, body, "payload", &j.claims)) != ERR_OK)
        return e;
    if (!json_str(json_get(j.header, "alg"), &j.alg))
        return refuse(cx, ERR_VC_JWT, "RFC 7515 4.1.1", "the header has no alg");
    if (!json_str(json_get(j.header, "kid"), &j.kid))
        return refuse(cx, ERR_VC_KID, "RFC 7515 4.1.4", "no kid header in JWT");
    json_str(json_get(j.header, "typ"), &j.typ);
    if ((e = read_text(cx, j.claims, "iss", &j.iss)) != ERR_OK ||
        (e = read_sub(cx, json_get(j.claims, "sub"), &j.sub)) != ERR_OK ||
        (e = read_text(cx, j.claims, "jti", &j.jti)) != ERR_OK ||
        (e = read_time(cx, j.claims, "nbf", &j.nbf)) != ERR_OK ||
        (e = read_time(cx, j.claims, "exp", &j.exp)) != ERR_OK ||
        (e = read_time(cx, j.claims, "iat", &j.iat)) != ERR_OK)
        return e;
    *out = j;
    return ERR_OK;
}

/* --- credentials --------------------------------------------------------------------- */

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

/* The members of the credential, with the claims of its JWT. */
static err_t
read_body(struct ctx *cx, struct vc_raw *raw)
{
    struct str id, issuer, subject;
    err_t e;

    raw->from = raw->jwt.nbf;
    raw->until = raw->jwt.exp;
    if ((e = read_types(cx, raw, "VerifiableCredential")) != ERR_OK ||
        (e = read_text(cx, raw->body, "id", &id)) != ERR_OK ||
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
    raw.version_2 = str_eq_case(raw.jwt.typ, S("vc+jwt"));
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
    if (raw.version_2 && !json_has(json_get(raw.body, "@context"),
                                   S("https://www.w3.org/ns/credentials/v2")))
        return bad(cx, "not the context of version 2.0");
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

/* --- what paths see --------------------------------------------------------------------
 */

static void
put_list(struct json_out *js, const char *name, const json *v)
{
    if (v == NULL)
        return;
    json_key(js, name);
    if (json_type(v) == JSON_ARRAY) {
        json_put(js, v);
        return;
    }
    json_array(js);
    json_put(js, v);
    json_end(js);
}

/* credentialSubject, each with the subject's id. */
static void
put_subjects(struct json_out *js, const struct vc_raw *raw)
{
    const json *subject = json_get(raw->body, "credentialSubject");
    bool list = json_type(subject) == JSON_ARRAY;
    size_t i, n = list ? json_size(subject) : 1;

    json_key(js, "credentialSubject");
    json_array(js);
    for (i = 0; i < n; i++) {
        const json *one = list ? json_at(subject, i) : subject;

        json_object(js);
        if (json_get(one, "id") == NULL && raw->subject.p != NULL)
            json_member(js, "id", raw->subject);
        for (json_each(it, one)) {
            json_key_str(js, it.name);
            json_put(js, it.value);
        }
        json_end(js);
    }
    json_end(js);
}

static bool
is_joined(struct str name)
{
    static const char *const names[] = {
        "type", "credentialSubject", "credentialStatus", "issuer",
        "id",   "issuanceDate",      "expirationDate"
    };
    size_t i;

    for (i = 0; i < COUNT(names); i++)
        if (str_is(name, names[i]))
            return true;
    return false;
}

static err_t
reread(struct ctx *cx, struct json_out *js, const json **out)
{
    struct str text;
    json *view;
    err_t e;

    if ((e = json_out_done(cx, js, &text)) != ERR_OK ||
        (e = json_parse(cx, text, JSON_STRICT, &view)) != ERR_OK)
        return e;
    *out = view;
    return ERR_OK;
}

/* Arrays of one become their one, as JSON-LD compacts them. */
err_t
vc_view_object(struct ctx *cx, const json *credential, const json **out)
{
    static const char *const lists[] = { "type", "credentialSubject", "credentialStatus",
                                         "proof" };
    struct json_out js;
    size_t i;

    *out = credential;
    if (json_type(credential) != JSON_OBJECT)
        return ERR_OK;
    json_out_init(&js, cx->arena);
    json_object(&js);
    for (json_each(it, credential)) {
        for (i = 0; i < COUNT(lists) && !str_is(it.name, lists[i]); i++)
            ;
        json_key_str(&js, it.name);
        json_put(&js, i < COUNT(lists) && json_type(it.value) == JSON_ARRAY &&
                              json_size(it.value) == 1
                          ? json_at(it.value, 0)
                          : it.value);
    }
    json_end(&js);
    return reread(cx, &js, out);
}

err_t
vc_view(struct ctx *cx, const struct vc_raw *raw, const json **out)
{
    struct json_out js;
    char room[TIME_TEXT];

    if (raw->jwt.text.p == NULL)
        return vc_view_object(cx, raw->body, out);
    *out = raw->body;
    json_out_init(&js, cx->arena);
    json_object(&js);
    put_list(&js, "type", raw->types);
    put_subjects(&js, raw);
    put_list(&js, "credentialStatus", json_get(raw->body, "credentialStatus"));
    json_member(&js, "issuer", raw->issuer);
    if (raw->id.p != NULL)
        json_member(&js, "id", raw->id);
    if (raw->from.there)
        json_member(&js, "issuanceDate", time_text(room, raw->from.ms));
    if (raw->until.there)
        json_member(&js, "expirationDate", time_text(room, raw->until.ms));
    for (json_each(it, raw->body))
        if (!is_joined(it.name)) {
            json_key_str(&js, it.name);
            json_put(&js, it.value);
        }
    json_end(&js);
    return reread(cx, &js, out);
}

/* --- presentations
 * ------------------------------------------------------------------------ */

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
