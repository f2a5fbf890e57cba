/*
 * vc_make.c - making credentials and presentations as JWT.
 *
 * Rule    nuts-node.md 0.5, 3.5, 3.9: the claims that real nodes read. iss and
 *         sub both; type ends with VerifiableCredential; one credential stands
 *         alone, more stand in an array.
 * Trust   The signer checks the claims again before it signs.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/vc/vc.h"
#include "trust/vc/vc_int.h"

#include "crypto/jose/jose.h"
#include "sys/keys/keys.h"

#include <string.h>

#define CONTEXT_V1   "https://www.w3.org/2018/credentials/v1"
#define CONTEXT_V2   "https://www.w3.org/ns/credentials/v2"
#define CONTEXT_NUTS "https://nuts.nl/credentials/v1"

static err_t
bad(struct ctx *cx, const char *what)
{
    return refuse(cx, ERR_VC_FORMAT, "VC Data Model 1.1 4", "%s", what);
}

/* One more context; the VC context stands first already. */
static err_t
put_one_context(struct ctx *cx, struct json_out *js, const json *v)
{
    struct str s;

    if (!json_str(v, &s))
        return bad(cx, "@context holds what is no text");
    if (str_is(s, CONTEXT_V2))
        return refuse(cx, ERR_UNSUPPORTED, "VC Data Model 2.0 4.3",
                      "credentials of version 2.0 are not issued");
    if (!str_is(s, CONTEXT_V1))
        json_put_str(js, s);
    return ERR_OK;
}

/* The VC context first, then the others as they came. */
static err_t
put_context(struct ctx *cx, struct json_out *js, const json *context)
{
    err_t e = ERR_OK;

    json_key(js, "@context");
    json_array(js);
    json_put_z(js, CONTEXT_V1);
    if (context == NULL)
        json_put_z(js, CONTEXT_NUTS);
    else if (json_type(context) != JSON_ARRAY)
        e = put_one_context(cx, js, context);
    else
        for (json_each(it, context))
            if (e == ERR_OK)
                e = put_one_context(cx, js, it.value);
    json_end(js);
    return e;
}

static err_t
put_types(struct ctx *cx, struct json_out *js, const json *types, const char *last)
{
    struct str s;
    size_t n = 0;

    json_key(js, "type");
    json_array(js);
    if (json_str(types, &s)) {
        if (s.n == 0)
            return bad(cx, "type is empty");
        if (!str_is(s, last))
            json_put_str(js, s);
    } else if (types != NULL && json_type(types) != JSON_ARRAY)
        return bad(cx, "type is neither text nor array");
    else
        for (json_each(it, types)) {
            if (!json_str(it.value, &s) || s.n == 0)
                return bad(cx, "type holds what is no text");
            if (str_is(s, last))
                continue;
            if (n++ == 1)
                return bad(cx, "there is more than one type beside the base type");
            json_put_str(js, s);
        }
    json_put_z(js, last);
    json_end(js);
    return ERR_OK;
}

/* What the claims do not say already; an issuer that is an object says more than its id. */
static void
put_rest(struct json_out *js, const json *rest)
{
    static const char *const said[] = { "@context",     "id",
                                        "type",         "issuer",
                                        "issuanceDate", "expirationDate",
                                        "proof",        "credentialSubject" };
    size_t i;

    for (json_each(it, rest)) {
        for (i = 0; i < COUNT(said) && !str_is(it.name, said[i]); i++)
            ;
        if (i == COUNT(said) ||
            (str_is(it.name, "issuer") && json_type(it.value) == JSON_OBJECT)) {
            json_key_str(js, it.name);
            json_put(js, it.value);
        }
    }
}

/* The one subject and its id; an array of one is opened. */
static err_t
read_subject(struct ctx *cx, const json *in, const json **out, struct str *id)
{
    *out = json_type(in) == JSON_ARRAY && json_size(in) == 1 ? json_at(in, 0) : in;
    *id = (struct str){ NULL, 0 };
    if (json_type(*out) != JSON_OBJECT)
        return bad(cx, "credentialSubject must be one object");
    if (json_get(*out, "id") != NULL && !json_str(json_get(*out, "id"), id))
        return bad(cx, "credentialSubject.id is no text");
    return ERR_OK;
}

err_t
vc_template_of(struct ctx *cx, const json *credential, struct vc_template *out)
{
    const json *issuer = json_get(credential, "issuer");

    if (json_type(credential) != JSON_OBJECT)
        return bad(cx, "a credential is an object");
    if (!json_str(issuer, &out->issuer) && !json_str(json_get(issuer, "id"), &out->issuer))
        return refuse(cx, ERR_DID_INVALID, "VC Data Model 1.1 4.5",
                      "invalid DID: there is no issuer");
    if (json_get(credential, "id") != NULL &&
        !json_str(json_get(credential, "id"), &out->id))
        return bad(cx, "id is no text");
    if (json_get(credential, "proof") != NULL)
        return bad(cx, "it has a proof already");
    out->context = json_get(credential, "@context");
    out->types = json_get(credential, "type");
    out->subject = json_get(credential, "credentialSubject");
    out->rest = credential;
    return ERR_OK;
}

err_t
vc_claims(struct ctx *cx, const struct vc_template *t, struct str *claims, struct str *id)
{
    struct json_out js;
    const json *subject;
    struct str about, fresh;
    err_t e;

    *claims = (struct str){ NULL, 0 };
    *id = t->id;
    if ((e = read_subject(cx, t->subject, &subject, &about)) != ERR_OK)
        return e;
    if (t->until_ms != 0 && t->until_ms <= t->from_ms)
        return bad(cx, "it ends before it begins");
    if (id->n == 0) {
        if ((e = uuid4(cx, &fresh)) != ERR_OK)
            return e;
        *id = arena_printf(cx->arena, "%.*s#%.*s", STR(t->issuer), STR(fresh));
        if (id->p == NULL)
            return refuse_memory(cx);
    }
    json_out_init(&js, cx->arena);
    json_object(&js);
    if (t->until_ms != 0)
        json_member_i64(&js, "exp", t->until_ms / 1000);
    json_member_i64(&js, "iat", t->from_ms / 1000);
    json_member(&js, "iss", t->issuer);
    json_member(&js, "jti", *id);
    json_member_i64(&js, "nbf", t->from_ms / 1000);
    if (about.p != NULL)
        json_member(&js, "sub", about);
    json_key(&js, "vc");
    json_object(&js);
    if ((e = put_context(cx, &js, t->context)) != ERR_OK)
        return e;
    json_key(&js, "credentialSubject");
    json_array(&js);
    json_put(&js, subject);
    json_end(&js);
    if ((e = put_types(cx, &js, t->types, "VerifiableCredential")) != ERR_OK)
        return e;
    put_rest(&js, t->rest);
    json_end(&js);
    json_end(&js);
    return json_out_done(cx, &js, claims);
}

err_t
vc_issue(struct ctx *cx, const struct vc_template *t, struct str kid, struct str *jwt,
         struct str *id)
{
    struct str claims;
    err_t e = vc_claims(cx, t, &claims, id);

    *jwt = (struct str){ NULL, 0 };
    return e != ERR_OK ? e : keys_sign_jwt(cx, KEY_VC_JWT, kid, claims, jwt);
}

/* --- presentations ------------------------------------------------------------------ */

/* A compact JWT is a text, a self-attested one an object. */
static void
put_credential(struct json_out *js, struct str text)
{
    if (text.n != 0 && text.p[0] == '{')
        json_put_raw(js, text);
    else
        json_put_str(js, text);
}

static void
put_credentials(struct json_out *js, const struct vp_template *t)
{
    size_t i;

    if (t->count == 0)
        return;
    json_key(js, "verifiableCredential");
    if (t->count != 1)
        json_array(js);
    for (i = 0; i < t->count; i++)
        put_credential(js, t->credentials[i]);
    if (t->count != 1)
        json_end(js);
}

err_t
vp_claims(struct ctx *cx, const struct vp_template *t, struct str *claims)
{
    struct json_out js;
    struct str fresh;
    err_t e;

    *claims = (struct str){ NULL, 0 };
    if ((e = uuid4(cx, &fresh)) != ERR_OK)
        return e;
    fresh = arena_printf(cx->arena, "%.*s#%.*s", STR(t->holder), STR(fresh));
    if (fresh.p == NULL)
        return refuse_memory(cx);
    json_out_init(&js, cx->arena);
    json_object(&js);
    json_key(&js, "aud");
    json_array(&js);
    json_put_str(&js, t->audience);
    json_end(&js);
    json_member_i64(&js, "exp", t->until_ms / 1000);
    json_member_i64(&js, "iat", t->from_ms / 1000);
    json_member(&js, "iss", t->holder);
    json_member(&js, "jti", fresh);
    json_member_i64(&js, "nbf", t->from_ms / 1000);
    json_member(&js, "nonce", t->nonce);
    json_member(&js, "sub", t->holder);
    json_key(&js, "vp");
    json_object(&js);
    json_key(&js, "@context");
    json_array(&js);
    json_put_z(&js, CONTEXT_V1);
    json_end(&js);
    json_member(&js, "holder", t->holder);
    if (t->extra_types == NULL)
        json_member_z(&js, "type", "VerifiablePresentation");
    else if ((e = put_types(cx, &js, t->extra_types, "VerifiablePresentation")) != ERR_OK)
        return e;
    put_credentials(&js, t);
    json_end(&js);
    json_end(&js);
    return json_out_done(cx, &js, claims);
}

err_t
vp_issue(struct ctx *cx, const struct vp_template *t, struct str *jwt)
{
    struct str claims;
    err_t e = vp_claims(cx, t, &claims);

    *jwt = (struct str){ NULL, 0 };
    return e != ERR_OK ? e : keys_sign_jwt(cx, KEY_VP_JWT, t->kid, claims, jwt);
}
