/*
 * vc_verify.c - from claimed to verified.
 *
 *      dates -> status -> rules of its type -> issuer's document -> key -> signature
 *                                                  |
 *                                                  +- did:x509: chain, roots, lists
 *
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/vc/vc.h"
#include "trust/vc/vc_int.h"

#include "sys/room.h"

#include <string.h>

int64_t
vc__at(const struct ctx *cx, const struct vc_options *options)
{
    return options->at_ms != 0 ? options->at_ms : cx->now_ms;
}

err_t
vc__in_time(struct ctx *cx, const struct vc_options *options, struct vc_time from,
            struct vc_time until, err_t code, const char *what)
{
    int64_t at = vc__at(cx, options);

    if (until.there && at >= until.ms)
        return refuse(cx, code, "RFC 7519 4.1.4", "%s: \"exp\" not satisfied", what);
    if (from.there && from.ms > at + VC_SKEW_MS)
        return refuse(cx, code, "RFC 7519 4.1.5", "%s: \"nbf\" not satisfied", what);
    if (from.there && until.there && until.ms <= from.ms)
        return refuse(cx, code, "RFC 7519 4.1.4", "%s: it ends before it begins", what);
    return ERR_OK;
}

/* --- rules of known types (nuts-node.md 3.9) ------------------------------------- */

static const json *
only_subject(const struct vc_raw *raw)
{
    const json *s = json_get(raw->body, "credentialSubject");

    if (json_type(s) == JSON_ARRAY)
        return json_size(s) == 1 ? json_at(s, 0) : NULL;
    return s;
}

static err_t
check_organization(struct ctx *cx, const struct vc_raw *raw)
{
    const json *subject = only_subject(raw);
    struct did did;

    if (subject == NULL || raw->subject.p == NULL ||
        did_parse(cx, raw->subject, &did) != ERR_OK)
        return refuse(cx, ERR_VC_SUBJECT, "nuts-node 3.9",
                      "NutsOrganizationCredential needs one subject with a DID");
    if (json_get_text(json_get(subject, "organization"), "name").n == 0)
        return refuse(cx, ERR_VC_SUBJECT, "nuts-node 3.9",
                      "credentialSubject.organization.name is empty");
    if (json_get_text(json_get(subject, "organization"), "city").n == 0)
        return refuse(cx, ERR_VC_SUBJECT, "nuts-node 3.9",
                      "credentialSubject.organization.city is empty");
    if (raw->id.p == NULL || !str_eq(did_of_url(raw->id), raw->issuer))
        return refuse(cx, ERR_VC_FORMAT, "nuts-node 3.9",
                      "the id of a NutsOrganizationCredential is not one of its issuer");
    return ERR_OK;
}

static const struct {
    const char *type;
    err_t (*check)(struct ctx *cx, const struct vc_raw *raw);
} rules[] = {
    { "NutsOrganizationCredential", check_organization },
};

err_t
vc__check_type(struct ctx *cx, const struct vc_raw *raw)
{
    size_t i;
    err_t e;

    for (i = 0; i < COUNT(rules); i++)
        if (vc_has_type(raw, str_of(rules[i].type)) &&
            (e = rules[i].check(cx, raw)) != ERR_OK)
            return e;
    return ERR_OK;
}

/* --- signatures ------------------------------------------------------------------- */

/* The document of a did:x509: by the chain, or as the chain proved it before. */
static err_t
resolve_chain(struct ctx *cx, struct str signer, const struct vc_options *options,
              const struct vc__chain *c, struct did_doc *doc)
{
    struct did_options how = { .chain = c->der,
                               .chain_count = c->count,
                               .at_ms = options->at_ms };
    struct vc__state *s;
    struct str text;
    json *v;
    err_t e;

    if (c->document.p != NULL) {
        if ((e = json_parse(cx, c->document, JSON_STRICT, &v)) != ERR_OK)
            return e;
        return did_doc_parse(cx, signer, v, doc);
    }
    if ((e = did_resolve(cx, signer, &how, doc)) != ERR_OK || !c->by_room)
        return e;
    s = ROOM_STATE(cx, vc);
    if ((e = json_text(cx, doc->json, &text)) == ERR_OK)
        vc__proven_keep(s->proven, c, text);
    return e;
}

/* The signer's key, from its own document, for this use; and the signature. */
static err_t
check_proof(struct ctx *cx, const struct vc_jwt *jwt, struct str signer, enum did_use use,
            const struct vc_options *options, const struct vc__chain *chain)
{
    struct did_options how = { .source = options->source };
    struct did_doc doc;
    const struct did_key *key;
    err_t e;

    e = chain->count != 0 ? resolve_chain(cx, signer, options, chain, &doc)
                          : did_resolve(cx, signer, &how, &doc);
    if (e != ERR_OK || (e = did_key_find(cx, &doc, jwt->kid, use, &key)) != ERR_OK)
        return e;
    return vc__jwt_verify(cx, jwt, key->jwk);
}

static err_t
check_dates(struct ctx *cx, const struct vc_raw *raw, const struct vc_options *options)
{
    static const struct vc_time never = { 0 };
    err_t e = vc__in_time(cx, options, raw->from, raw->until, ERR_VC_TIME, "credential");

    return e != ERR_OK
               ? e
               : vc__in_time(cx, options, raw->jwt.iat, never, ERR_VC_TIME, "credential");
}

static err_t
check_status(struct ctx *cx, const struct vc_raw *raw)
{
    /* A status that nobody looked at is not "good". */
    if (json_get(raw->body, "credentialStatus") != NULL)
        return refuse(cx, ERR_VC_STATUS, "VC Data Model 1.1 4.9",
                      "its credentialStatus cannot be verified here yet");
    return ERR_OK;
}

/* Unsigned, in a presentation by its own subject: the presentation's signature covers it.
 */
static err_t
verify_self_attested(struct ctx *cx, const struct vc_raw *raw,
                     const struct vc_options *options, struct vc *out)
{
    err_t e;

    if (!options->unsigned_by_holder || options->holder.p == NULL ||
        !str_eq(raw->issuer, options->holder))
        return refuse(cx, ERR_VC_PROOF, "VC Data Model 1.1 4.7",
                      "it has no proof, and is not the presenter's own claim");
    if (raw->subject.p != NULL && !str_eq(raw->subject, options->holder))
        return refuse(cx, ERR_VC_PROOF, "nuts-node 3.9",
                      "a claim without proof about another than the presenter");
    if ((e = check_dates(cx, raw, options)) != ERR_OK ||
        (e = check_status(cx, raw)) != ERR_OK || (e = vc__check_type(cx, raw)) != ERR_OK)
        return e;
    if (vc_has_type(raw, S("X509Credential")))
        return refuse(cx, ERR_VC_PROOF, "Nuts RFC023 4", "an X509Credential without proof");
    *out = (struct vc){ .raw = raw, .issuer = raw->issuer, .self_attested = true };
    return ERR_OK;
}

/* An X509Credential and a did:x509 issuer belong together (Nuts RFC023 4). */
static err_t
check_x509(struct ctx *cx, const struct vc_raw *raw, const struct vc_options *options,
           struct vc__chain *chain)
{
    bool by_x509 = str_starts(raw->issuer, S("did:x509:"));
    err_t e;

    if (vc_has_type(raw, S("X509Credential")) && !by_x509)
        return refuse(cx, ERR_VC_ISSUER, "Nuts RFC023 4",
                      "the issuer of an X509Credential is a did:x509");
    if (!by_x509)
        return ERR_OK;
    if ((e = vc__chain_read(cx, raw->jwt.header, chain)) != ERR_OK)
        return e;
    return vc__chain_check(cx, raw, options, chain);
}

err_t
vc_verify(struct ctx *cx, const struct vc_raw *raw, const struct vc_options *options,
          struct vc *out)
{
    static const struct vc_options plain = { 0 };
    scoped(vc__chain_drop) struct vc__chain chain = { .count = 0 };
    err_t e;

    memset(out, 0, sizeof(*out));
    if (options == NULL)
        options = &plain;
    if (raw->jwt.text.p == NULL)
        return verify_self_attested(cx, raw, options, out);
    if (raw->issuer.p == NULL || (!raw->version_2 && raw->jwt.iss.p == NULL))
        return refuse(cx, ERR_VC_ISSUER, "VC Data Model 1.1 6.3.1", "it has no iss");
    if (!str_eq(did_of_url(raw->jwt.kid), raw->issuer))
        return refuse(cx, ERR_VC_ISSUER, "VC Data Model 1.1 6.3.1",
                      "the key is not one of its issuer");
    if ((e = check_dates(cx, raw, options)) != ERR_OK ||
        (e = check_status(cx, raw)) != ERR_OK || (e = vc__check_type(cx, raw)) != ERR_OK)
        return e;
    if ((e = check_x509(cx, raw, options, &chain)) != ERR_OK)
        return e;
    e = check_proof(cx, &raw->jwt, raw->issuer, DID_ASSERTION, options, &chain);
    if (e != ERR_OK)
        return e;
    *out = (struct vc){ .raw = raw, .issuer = raw->issuer, .uzi = chain.uzi };
    return ERR_OK;
}

bool
vc_is_verdict(err_t e)
{
    if (e == ERR_DID_DOCUMENT || e == ERR_UPSTREAM || e == ERR_DEADLINE)
        return true; /* another's fault, whatever status it has on our door */
    return e != ERR_TOO_LARGE && err_row(e)->status < 500;
}

/* --- presentations ------------------------------------------------------------------ */

/* iss, sub and holder, where they are there, name the signer. */
static err_t
check_holder(struct ctx *cx, const struct vp_raw *raw)
{
    const json *holder = json_get(raw->body, "holder");
    struct str name = { NULL, 0 };

    if (raw->signer.p == NULL)
        return refuse(cx, ERR_VP_HOLDER, "VC Data Model 1.1 6.3.1",
                      "its kid is not of a DID");
    if (holder != NULL && !json_str(holder, &name))
        name = json_get_text(holder, "id");
    if (holder != NULL && !str_eq(name, raw->signer))
        return refuse(cx, ERR_VP_HOLDER, "VC Data Model 1.1 4.10",
                      "its holder is not its signer");
    if (raw->jwt.iss.p != NULL && !str_eq(raw->jwt.iss, raw->signer))
        return refuse(cx, ERR_VP_HOLDER, "RFC 7519 4.1.1", "its iss is not its signer");
    if (raw->jwt.sub.p != NULL && !str_eq(raw->jwt.sub, raw->signer))
        return refuse(cx, ERR_VP_HOLDER, "RFC 7519 4.1.2", "its sub is not its signer");
    return ERR_OK;
}

static err_t
check_aim(struct ctx *cx, const struct vp_raw *raw, const struct vp_options *o)
{
    if (o->audience.p != NULL && !vp_has_audience(raw, o->audience))
        return refuse(cx, ERR_VP_AUDIENCE, "RFC 7519 4.1.3", "it is not for this audience");
    if (o->nonce.p != NULL && (raw->nonce.p == NULL || !str_eq(raw->nonce, o->nonce)))
        return refuse(cx, ERR_VP_NONCE, "Nuts RFC021 4.3",
                      "its nonce is absent or another");
    return ERR_OK;
}

static err_t
check_credentials(struct ctx *cx, const struct vp_raw *raw, const struct vp_options *o,
                  struct vp *vp)
{
    struct vc_options how = o->vc;
    size_t i;
    err_t e;

    how.holder = vp->holder;
    how.unsigned_by_holder = true;
    vp->credentials = arena_array(cx->arena, raw->count + 1, sizeof(*vp->credentials));
    if (vp->credentials == NULL)
        return refuse_memory(cx);
    for (i = 0; i < raw->count; i++)
        if ((e = vc_verify(cx, &raw->credentials[i], &how, &vp->credentials[i])) != ERR_OK)
            return e;
    vp->count = raw->count;
    return ERR_OK;
}

err_t
vp_verify(struct ctx *cx, const struct vp_raw *raw, const struct vp_options *options,
          struct vp *out)
{
    static const struct vc__chain none = { .count = 0 };
    struct vp vp = { .raw = raw, .holder = raw->signer };
    err_t e;

    memset(out, 0, sizeof(*out));
    if ((e = check_holder(cx, raw)) != ERR_OK ||
        (e = check_aim(cx, raw, options)) != ERR_OK ||
        (e = vc__in_time(cx, &options->vc, raw->jwt.nbf, raw->jwt.exp, ERR_VP_TIME,
                         "presentation")) != ERR_OK ||
        (e = vc__in_time(cx, &options->vc, raw->jwt.iat, (struct vc_time){ 0 }, ERR_VP_TIME,
                         "presentation")) != ERR_OK)
        return e;
    e = check_proof(cx, &raw->jwt, raw->signer, DID_AUTHENTICATION, &options->vc, &none);
    if (e != ERR_OK)
        return e;
    if (!options->skip_credentials &&
        (e = check_credentials(cx, raw, options, &vp)) != ERR_OK)
        return e;
    *out = vp;
    return ERR_OK;
}
