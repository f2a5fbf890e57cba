/* vectors_trust.c - operations of the floor trust: see vectors.c for how to add one.
 * EUPL-1.2. */
#include "vectors.h"

#include "base/time.h"
#include "crypto/jose/jose.h"
#include "trust/pe/pe.h"
#include "trust/vc/vc.h"

enum { CERTS_MAX = 64 };

/* --- the whole outside world: what the request brought -------------------- */

struct world {
    struct did_source source;
    const json *dids, *http;
};

static err_t
given(struct ctx *cx, const json *of, struct str name, struct str *out)
{
    const json *v = json_get_str(of, name);

    if (v == NULL)
        return refuse(cx, ERR_NOT_FOUND, "", "it was not handed in");
    if (json_str(v, out))
        return ERR_OK;
    return json_text(cx, v, out);
}

static err_t
document(struct ctx *cx, void *self, struct str did, struct str *out)
{
    return given(cx, ((struct world *)self)->dids, did, out);
}

static err_t
get(struct ctx *cx, void *self, struct str did, struct str url, struct str *out)
{
    (void)did;
    return given(cx, ((struct world *)self)->http, url, out);
}

static err_t
world_of(struct rq *rq, struct world *w)
{
    *w = (struct world){ { w, document, get },
                         json_get(rq->in, "dids"),
                         json_get(rq->in, "http") };
    if ((w->dids != NULL && json_type(w->dids) != JSON_OBJECT) ||
        (w->http != NULL && json_type(w->http) != JSON_OBJECT))
        return refuse(rq->cx, ERR_BAD_REQUEST, "", "dids or http is no object");
    return ERR_OK;
}

/* --- did.resolve ------------------------------------------------------------- */

static err_t
did_resolve_op(struct rq *rq)
{
    struct world w;
    struct did_options how = { .source = &w.source,
                               .any_time = json_get(rq->in, "now") == NULL };
    struct did_doc doc;
    struct bytes *chain;
    struct str did;
    bool present;
    err_t e;

    if ((e = rq_str(rq, "did", &did)) != ERR_OK || (e = world_of(rq, &w)) != ERR_OK ||
        (e = rq_bytes_list(rq, "chain", &present, &chain, &how.chain_count)) != ERR_OK)
        return e;
    how.chain = chain;
    if ((e = did_resolve(rq->cx, did, &how, &doc)) != ERR_OK)
        return e;
    json_put(rq->out, doc.json);
    return ERR_OK;
}

/* --- credentials and presentations ---------------------------------------------- */

struct trust {
    struct vc_x509_trust x509;
    struct cert *roots[CERTS_MAX];
    struct crl *crls[CERTS_MAX];
};

static void
trust_fini(struct trust *t)
{
    while (t->x509.roots_count != 0)
        cert_free(t->roots[--t->x509.roots_count]);
    while (t->x509.crls_count != 0)
        crl_free(t->crls[--t->x509.crls_count]);
}

static err_t
trust_of(struct rq *rq, struct trust *t)
{
    struct bytes *der;
    size_t n, i;
    bool present;
    err_t e;

    t->x509.roots = t->roots;
    t->x509.crls = t->crls;
    if ((e = rq_bytes_list(rq, "roots", &present, &der, &n)) != ERR_OK)
        return e;
    if (n > CERTS_MAX)
        return refuse(rq->cx, ERR_LIMIT, "", "too many roots");
    for (i = 0; i < n; i++) {
        if ((e = cert_parse(rq->cx, der[i], &t->roots[i])) != ERR_OK)
            return e;
        t->x509.roots_count++;
    }
    if ((e = rq_bytes_list(rq, "crls", &present, &der, &n)) != ERR_OK)
        return e;
    t->x509.crls_waived = !present;
    if (n > CERTS_MAX)
        return refuse(rq->cx, ERR_LIMIT, "", "too many crls");
    for (i = 0; i < n; i++) {
        if ((e = crl_parse(rq->cx, der[i], &t->crls[i])) != ERR_OK)
            return e;
        t->x509.crls_count++;
    }
    return ERR_OK;
}

/* Types as an array, whichever way they were written. */
static void
put_types(struct json_out *js, const json *types)
{
    json_key(js, "types");
    if (json_type(types) == JSON_ARRAY) {
        json_put(js, types);
        return;
    }
    json_array(js);
    json_put(js, types);
    json_end(js);
}

static void
put_verified(struct rq *rq, const char *name, struct str who, const json *types)
{
    json_object(rq->out);
    json_member(rq->out, name, who);
    put_types(rq->out, types);
    json_end(rq->out);
}

static err_t
vc_verify_op(struct rq *rq)
{
    scoped(trust_fini) struct trust t = { .x509 = { 0 } };
    struct world w;
    struct vc_options how = { .source = &w.source, .x509 = &t.x509 };
    const json *credential;
    struct vc_raw raw;
    struct vc vc;
    err_t e;

    if ((e = rq_value(rq, "credential", &credential)) != ERR_OK ||
        (e = world_of(rq, &w)) != ERR_OK || (e = trust_of(rq, &t)) != ERR_OK ||
        (e = vc_parse_json(rq->cx, credential, &raw)) != ERR_OK ||
        (e = vc_verify(rq->cx, &raw, &how, &vc)) != ERR_OK)
        return e;
    put_verified(rq, "issuer", vc.issuer, raw.types);
    return ERR_OK;
}

static err_t
vp_verify_op(struct rq *rq)
{
    scoped(trust_fini) struct trust t = { .x509 = { 0 } };
    struct world w;
    struct vp_options how = { .vc = { .source = &w.source, .x509 = &t.x509 } };
    const json *presentation;
    struct vp_raw raw;
    struct vp vp;
    struct str jwt;
    bool aimed, once;
    err_t e;

    if ((e = rq_value(rq, "presentation", &presentation)) != ERR_OK ||
        (e = rq_str_opt(rq, "audience", &aimed, &how.audience)) != ERR_OK ||
        (e = rq_str_opt(rq, "nonce", &once, &how.nonce)) != ERR_OK)
        return e;
    if (!aimed)
        how.audience.p = NULL;
    if (!once)
        how.nonce.p = NULL;
    if ((e = world_of(rq, &w)) != ERR_OK || (e = trust_of(rq, &t)) != ERR_OK)
        return e;
    if (!json_str(presentation, &jwt))
        return refuse(rq->cx, ERR_UNSUPPORTED, "VC Data Model 1.1 6.3.2",
                      "presentations with linked-data proofs (ldp_vp) are not offered yet");
    if ((e = vp_parse(rq->cx, jwt, &raw)) != ERR_OK ||
        (e = vp_verify(rq->cx, &raw, &how, &vp)) != ERR_OK)
        return e;
    put_verified(rq, "holder", vp.holder, raw.types);
    return ERR_OK;
}

/* --- vc.issue ----------------------------------------------------------------------- */

static err_t
date_of(struct rq *rq, const json *credential, const char *name, int64_t *ms)
{
    struct str text;

    if (!json_str(json_get(credential, name), &text))
        return json_get(credential, name) == NULL
                   ? ERR_OK
                   : refuse(rq->cx, ERR_BAD_REQUEST, "", "%s is no text", name);
    return time_parse(rq->cx, text, ms);
}

/* What a verifier would not take is not made: no shared secrets, no other RSA. */
enum {
    NO_CREDENTIAL = JWS_ALG(SIG_HS256) | JWS_ALG(SIG_HS384) | JWS_ALG(SIG_HS512) |
                    JWS_ALG(SIG_RS384) | JWS_ALG(SIG_RS512) | JWS_ALG(SIG_PS384) |
                    JWS_ALG(SIG_PS512)
};

static err_t
header_of(struct rq *rq, const struct jwk *key, struct str kid, struct str *header)
{
    enum sig_alg alg = key->alg.n != 0 ? sig_alg_of(key->alg) : sig_alg_for(key->key);
    err_t e = jwk_may(rq->cx, key, JWK_USE_SIG, JWK_OP_SIGN);
    struct json_out js;

    if (e != ERR_OK)
        return e;
    if ((JWS_ALG(alg) & NO_CREDENTIAL) != 0)
        return refuse(rq->cx, ERR_ALGORITHM, "", "no alg of a credential");
    json_out_init(&js, rq->cx->arena);
    json_object(&js);
    json_member(&js, "alg", sig_alg_name(alg));
    json_member(&js, "kid", kid);
    json_member_z(&js, "typ", "JWT");
    json_end(&js);
    return json_out_done(rq->cx, &js, header);
}

static err_t
vc_issue_op(struct rq *rq)
{
    scoped(jwk_fini) struct jwk key = { 0 };
    struct vc_template t = { .from_ms = rq->cx->now_ms };
    const json *credential, *jwk;
    struct str format, kid, claims, id, header, jwt;
    err_t e;

    if ((e = rq_value(rq, "credential", &credential)) != ERR_OK ||
        (e = rq_str(rq, "format", &format)) != ERR_OK ||
        (e = rq_value(rq, "jwk", &jwk)) != ERR_OK ||
        (e = rq_str(rq, "kid", &kid)) != ERR_OK)
        return e;
    if (!str_is(format, "jwt_vc"))
        return refuse(rq->cx, ERR_UNSUPPORTED, "", "only jwt_vc is issued");
    if ((e = vc_template_of(rq->cx, credential, &t)) != ERR_OK ||
        (e = date_of(rq, credential, "issuanceDate", &t.from_ms)) != ERR_OK ||
        (e = date_of(rq, credential, "expirationDate", &t.until_ms)) != ERR_OK)
        return e;
    if (!str_eq(did_of_url(kid), t.issuer) || kid.n < t.issuer.n + 2)
        return refuse(rq->cx, ERR_VC_ISSUER, "", "the key is not one of the issuer");
    if ((e = jwk_parse(rq->cx, jwk, NULL, &key)) != ERR_OK ||
        (e = vc_claims(rq->cx, &t, &claims, &id)) != ERR_OK ||
        (e = header_of(rq, &key, kid, &header)) != ERR_OK ||
        (e = jws_sign(rq->cx, key.key, header, bytes_of(claims), &jwt)) != ERR_OK)
        return e;
    return rq_put_str(rq, jwt);
}

/* --- pe.match ----------------------------------------------------------------------- */

/* A JWT, or an object with one proof: matching looks at what it says, not at whether. */
static err_t
pe_credential_of(struct rq *rq, const json *v, struct pe_credential *out)
{
    struct vc_raw raw;
    struct str jwt;
    err_t e;

    *out = (struct pe_credential){ .format = PE_LDP_VC };
    if (json_str(v, &jwt)) {
        if ((e = vc_parse(rq->cx, jwt, &raw)) != ERR_OK ||
            (e = vc_view(rq->cx, &raw, &out->view)) != ERR_OK)
            return e;
        out->format = PE_JWT_VC;
        out->proof = raw.jwt.alg;
        out->raw = jwt;
        return ERR_OK;
    }
    if (json_type(v) != JSON_OBJECT)
        return refuse(rq->cx, ERR_BAD_REQUEST, "", "a credential is no text and no object");
    if ((e = vc_view_object(rq->cx, v, &out->view)) != ERR_OK)
        return e;
    out->proof = json_get_text(json_get(out->view, "proof"), "type");
    return json_text(rq->cx, v, &out->raw);
}

static err_t
put_match(struct rq *rq, const struct pe_definition *d, const struct pe_match *m,
          const struct pe_credential *credentials)
{
    struct json_out *js = rq->out;
    struct str id, submission;
    size_t i;
    err_t e;

    if ((e = uuid4(rq->cx, &id)) != ERR_OK ||
        (e = pe_submission(rq->cx, d, m, credentials, id, &submission)) != ERR_OK)
        return e;
    json_object(js);
    json_key(js, "submission");
    json_put_raw(js, submission);
    json_key(js, "selected");
    json_array(js);
    for (i = 0; i < m->selected_count; i++)
        json_put_i64(js, (int64_t)m->selected[i]);
    json_end(js);
    json_key(js, "fields");
    json_object(js);
    for (i = 0; i < m->field_count; i++)
        pe_value_put(js, &m->fields[i]);
    json_end(js);
    json_end(js);
    return ERR_OK;
}

static err_t
pe_match_op(struct rq *rq)
{
    const json *definition, *list;
    struct pe_definition *d;
    struct pe_credential *credentials;
    struct pe_match m;
    size_t n = 0;
    err_t e;

    if ((e = rq_value(rq, "definition", &definition)) != ERR_OK ||
        (e = rq_value(rq, "credentials", &list)) != ERR_OK)
        return e;
    if (json_type(list) != JSON_ARRAY)
        return refuse(rq->cx, ERR_BAD_REQUEST, "", "credentials is no array");
    credentials = arena_array(rq->cx->arena, json_size(list) + 1, sizeof(*credentials));
    if (credentials == NULL)
        return refuse_memory(rq->cx);
    for (json_each(it, list))
        if ((e = pe_credential_of(rq, it.value, &credentials[n++])) != ERR_OK)
            return e;
    if ((e = pe_definition_parse(rq->cx, definition, &d)) != ERR_OK ||
        (e = pe_match(rq->cx, d, credentials, n, &m)) != ERR_OK)
        return e;
    return put_match(rq, d, &m, credentials);
}

const struct op ops_trust[] = {
    { "did.resolve", did_resolve_op }, { "vc.verify", vc_verify_op },
    { "vp.verify", vp_verify_op },     { "vc.issue", vc_issue_op },
    { "pe.match", pe_match_op },       { NULL, NULL },
};
