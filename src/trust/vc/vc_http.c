/*
 * vc_http.c - the issuer's and verifier's routes of Nuts VCR v2.
 *
 * Rule    nuts-node.md 2.2, for credentials as JWT: a credential is a JSON text.
 *         ldp_vc, status lists and linked-data proofs are refused by name.
 * Trust   The operator behind the internal door; what he hands in to verify is a
 *         stranger's.
 * Source  Knoop. EUPL-1.2.
 */
#include "trust/vc/vc.h"
#include "trust/vc/vc_int.h"

#include "base/time.h"
#include "sys/conf/conf.h"
#include "sys/room.h"
#include "sys/store/store.h"

#include <string.h>

enum {
    BODY_MAX = 1024 * 1024,
    VP_LIFE_MS = 5000 /* as long as RFC021 lets one be (nuts-node.md 3.5) */
};

static err_t
read_body(struct req *rq, json **out)
{
    err_t e;

    *out = NULL;
    if ((e = req_json(rq, out)) != ERR_OK)
        return e;
    if (json_type(*out) != JSON_OBJECT)
        return refuse(&rq->cx, ERR_BAD_REQUEST, "Nuts VCR v2", "the body is no object");
    return ERR_OK;
}

/* An optional RFC 3339 member. */
static err_t
read_date(struct ctx *cx, const json *of, const char *name, int64_t *ms)
{
    struct str text;

    *ms = 0;
    if (json_get(of, name) == NULL)
        return ERR_OK;
    if (!json_str(json_get(of, name), &text) || time_parse(cx, text, ms) != ERR_OK)
        return refuse(cx, ERR_BAD_REQUEST, "RFC 3339 5.6", "%s is no RFC 3339 date", name);
    return ERR_OK;
}

/* --- issuing --------------------------------------------------------------------- */

static err_t
check_format(struct ctx *cx, const json *body, const char *ours, const char *other)
{
    struct str format;

    if (json_get(body, "format") == NULL || json_is(json_get(body, "format"), ours))
        return ERR_OK;
    if (json_str(json_get(body, "format"), &format) && str_is(format, other))
        return refuse(cx, ERR_UNSUPPORTED, "nuts-node 2.2",
                      "%s is not offered yet; ask for %s", other, ours);
    return refuse(cx, ERR_BAD_REQUEST, "nuts-node 2.2", "format is neither %s nor %s", ours,
                  other);
}

/* What nuts-node asks of an issuer with a did:web. */
static err_t
check_choices(struct ctx *cx, const json *body)
{
    const json *status = json_get(body, "withStatusList2021Revocation");
    bool wanted = false;

    if (json_get(body, "visibility") != NULL || json_get(body, "publishToNetwork") != NULL)
        return refuse(cx, ERR_BAD_REQUEST, "nuts-node 2.2",
                      "visibility and publishToNetwork are not for issuers with a did:web");
    if (json_get(body, "credentialStatus") != NULL)
        return refuse(cx, ERR_BAD_REQUEST, "nuts-node 2.2",
                      "credentialStatus is not the caller's to give: see "
                      "withStatusList2021Revocation");
    if (status != NULL && !json_bool(status, &wanted))
        return refuse(cx, ERR_BAD_REQUEST, "nuts-node 2.2",
                      "withStatusList2021Revocation is not true or false");
    if (wanted)
        return refuse(
            cx, ERR_UNSUPPORTED, "nuts-node 3.10",
            "status lists are not offered yet: issue with an expirationDate instead");
    if (status == NULL && json_get(body, "expirationDate") == NULL)
        return refuse(
            cx, ERR_BAD_REQUEST, "nuts-node 2.2",
            "withStatusList2021Revocation MUST be provided for credentials without "
            "expirationDate");
    return ERR_OK;
}

/* The issuer is one of ours, and may still sign. */
static err_t
find_issuer(struct ctx *cx, struct str issuer, struct did_subject *out)
{
    struct did did;
    err_t e;

    if ((e = did_parse(cx, issuer, &did)) != ERR_OK)
        return e;
    e = did_subject_of(cx, issuer, out);
    if (e == ERR_SUBJECT_UNKNOWN)
        return refuse(cx, ERR_VC_FOREIGN, "nuts-node 2.2",
                      "the issuer is none of this node");
    if (e != ERR_OK)
        return e;
    if (!out->active || out->kid.p == NULL)
        return refuse(cx, ERR_DID_DEACTIVATED, "DID Core 8.2",
                      "the issuer has no key to sign with");
    return ERR_OK;
}

/* The rules of its type, before a signature is on it. */
static err_t
check_before(struct ctx *cx, const struct vc_template *t, struct str claims)
{
    struct vc_raw raw = { .issuer = t->issuer };
    json *c;
    err_t e = json_parse(cx, claims, JSON_STRICT, &c);

    if (e != ERR_OK)
        return e;
    raw.body = json_get(c, "vc");
    raw.types = json_get(raw.body, "type");
    raw.id = json_get_text(c, "jti");
    raw.subject = json_get_text(c, "sub");
    if (vc_type(&raw).p == NULL)
        return refuse(cx, ERR_VC_FORMAT, "nuts-node 2.2", "type is missing");
    return vc__check_type(cx, &raw);
}

static err_t
keep_issued(struct ctx *cx, const struct vc_template *t, struct str id, struct str jwt)
{
    struct vc_raw raw;
    err_t e = vc_parse(cx, jwt, &raw);

    if (e != ERR_OK)
        return e;
    return store_exec(cx, SQL_vc_issued_add, NULL,
                      SQL_ARGS(sql_text(id), sql_text(t->issuer),
                               sql_text(raw.subject.p != NULL ? raw.subject : S("")),
                               sql_text(vc_type(&raw)), sql_text(jwt),
                               sql_int(cx->now_ms)));
}

static err_t
issue(struct req *rq)
{
    struct ctx *cx = &rq->cx;
    struct vc_template t = { .from_ms = cx->now_ms };
    struct did_subject issuer;
    struct json_out *js;
    struct str claims, id, jwt;
    json *body;
    err_t e;

    rq->audit.what = S("issue credential");
    if ((e = read_body(rq, &body)) != ERR_OK ||
        (e = vc_template_of(cx, body, &t)) != ERR_OK ||
        (e = find_issuer(cx, t.issuer, &issuer)) != ERR_OK)
        return e;
    rq->audit.custodian = issuer.subject;
    t.id = (struct str){ NULL, 0 }; /* ours to give */
    t.rest = NULL;                  /* nuts-node takes no more than it knows */
    if ((e = check_format(cx, body, "jwt_vc", "ldp_vc")) != ERR_OK ||
        (e = check_choices(cx, body)) != ERR_OK ||
        (e = read_date(cx, body, "expirationDate", &t.until_ms)) != ERR_OK ||
        (e = vc_claims(cx, &t, &claims, &id)) != ERR_OK)
        return e;
    t.id = id;
    if ((e = check_before(cx, &t, claims)) != ERR_OK ||
        (e = vc_issue(cx, &t, issuer.kid, &jwt, &id)) != ERR_OK ||
        (e = keep_issued(cx, &t, id, jwt)) != ERR_OK)
        return e;
    rq->audit.entity = id;
    js = reply_json(rq, 200);
    json_put_str(js, jwt);
    return reply_send(rq, js);
}

static err_t
search_issued(struct req *rq)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    struct str type = req_query(rq, "credentialType"), issuer = req_query(rq, "issuer");
    struct str subject = req_query(rq, "subject");
    struct json_out *js;
    err_t e;

    if (type.n == 0 || issuer.n == 0)
        return refuse(&rq->cx, ERR_BAD_REQUEST, "nuts-node 2.2",
                      "credentialType and issuer are needed");
    e = store_query(&rq->cx, SQL_vc_issued_list, &rows,
                    SQL_ARGS(sql_text(issuer), sql_text(type)));
    if (e != ERR_OK)
        return e;
    js = reply_json(rq, 200);
    json_object(js);
    json_key(js, "verifiableCredentials");
    json_array(js);
    while (store_next(&rows)) {
        if (subject.n != 0 && !str_eq(subject, store_text(&rows, 1)))
            continue;
        json_object(js);
        json_member(js, "verifiableCredential", store_text(&rows, 0));
        json_end(js);
    }
    json_end(js);
    json_end(js);
    if ((e = store_done(&rows)) != ERR_OK)
        return e;
    return reply_send(rq, js);
}

/* None that was issued here has a status: nothing can be revoked, and that is said. */
static err_t
revoke(struct req *rq)
{
    scoped(store_rows_close) struct store_rows rows = { 0 };
    struct str id = req_path(rq, "id");
    struct did did;
    bool found;
    err_t e;

    rq->audit.what = S("revoke credential");
    if (did_url_parse(&rq->cx, id, &did) != ERR_OK || did.fragment.p == NULL)
        return refuse(&rq->cx, ERR_VC_ID, "nuts-node 2.2", "invalid credential ID");
    if ((e = store_query(&rq->cx, SQL_vc_issued_find, &rows, SQL_ARGS(sql_text(id)))) !=
        ERR_OK)
        return e;
    found = store_next(&rows);
    if ((e = store_done(&rows)) != ERR_OK)
        return e;
    if (!found)
        return refuse(&rq->cx, ERR_NOT_FOUND, "nuts-node 2.2", "credential not found");
    return refuse(&rq->cx, ERR_VC_NO_STATUS, "nuts-node 3.10",
                  "credential contains no (relevant) status");
}

/* --- verifying ---------------------------------------------------------------------- */

static err_t
reply_verdict(struct req *rq, err_t e, const struct vp_raw *with)
{
    struct json_out *js;
    size_t i;

    if (e != ERR_OK && !vc_is_verdict(e))
        return e;
    js = reply_json(rq, 200);
    json_object(js);
    if (e == ERR_OK && with != NULL) {
        json_key(js, "credentials");
        json_array(js);
        for (i = 0; i < with->count; i++) {
            if (with->credentials[i].jwt.text.p != NULL)
                json_put_str(js, with->credentials[i].text);
            else
                json_put_raw(js, with->credentials[i].text);
        }
        json_end(js);
    }
    if (e != ERR_OK)
        json_member(js, "message", rq->cx.reason);
    json_member_bool(js, "validity", e == ERR_OK);
    json_end(js);
    refuse_clear(&rq->cx);
    return reply_send(rq, js);
}

static err_t
verify_vc(struct req *rq)
{
    struct vc_raw raw;
    struct vc vc;
    json *body;
    err_t e;

    if ((e = read_body(rq, &body)) != ERR_OK)
        return e;
    e = vc_parse_json(&rq->cx, json_get(body, "verifiableCredential"), &raw);
    if (e != ERR_OK)
        return req_malformed(rq, e);
    return reply_verdict(rq, vc_verify(&rq->cx, &raw, NULL, &vc), NULL);
}

static err_t
about_signer(struct ctx *cx, const struct vp_raw *raw)
{
    size_t i;

    for (i = 0; i < raw->count; i++)
        if (raw->credentials[i].subject.p != NULL &&
            !str_eq(raw->credentials[i].subject, raw->signer))
            return refuse(cx, ERR_VP_SUBJECT, "nuts-node 7.1",
                          "presentation signer is not credential subject");
    return ERR_OK;
}

static err_t
verify_vp(struct req *rq)
{
    struct ctx *cx = &rq->cx;
    struct vp_options how = { 0 };
    struct vp_raw raw;
    struct vp vp;
    struct str jwt;
    json *body;
    int64_t at;
    bool deep = true;
    err_t e;

    if ((e = read_body(rq, &body)) != ERR_OK ||
        (e = read_date(cx, body, "validAt", &at)) != ERR_OK)
        return e;
    if (!json_str(json_get(body, "verifiablePresentation"), &jwt))
        return refuse(cx,
                      json_get(body, "verifiablePresentation") == NULL ? ERR_BAD_REQUEST
                                                                       : ERR_UNSUPPORTED,
                      "nuts-node 2.2",
                      "verifiablePresentation must be a JWT; ldp_vp is not offered yet");
    if ((e = vp_parse(cx, jwt, &raw)) != ERR_OK)
        return req_malformed(rq, e);
    json_bool(json_get(body, "verifyCredentials"), &deep);
    how.skip_credentials = !deep;
    how.vc.at_ms = at;
    e = about_signer(cx, &raw);
    if (e == ERR_OK)
        e = vp_verify(cx, &raw, &how, &vp);
    return reply_verdict(rq, e, &raw);
}

/* --- presenting --------------------------------------------------------------------- */

static err_t
read_credentials(struct ctx *cx, const json *list, struct vp_template *t, struct str *about)
{
    struct vc_raw raw;
    struct str *texts = arena_array(cx->arena, json_size(list) + 1, sizeof(*texts));
    err_t e;

    if (texts == NULL)
        return refuse_memory(cx);
    if (json_type(list) != JSON_ARRAY || json_size(list) == 0 ||
        json_size(list) > VP_CREDENTIALS_MAX)
        return refuse(cx, ERR_BAD_REQUEST, "nuts-node 2.2",
                      "verifiableCredentials needs at least one, and not too many");
    for (json_each(it, list)) {
        if ((e = vc_parse_json(cx, it.value, &raw)) != ERR_OK)
            return e;
        if (about->p == NULL)
            *about = raw.subject;
        texts[t->count++] = raw.text;
    }
    t->credentials = texts;
    return ERR_OK;
}

static err_t
create_vp(struct req *rq)
{
    struct ctx *cx = &rq->cx;
    struct vp_template t = { .from_ms = cx->now_ms - 1000 };
    struct did_subject signer;
    struct json_out *js;
    struct str who = { NULL, 0 }, jwt;
    int64_t most = cx->conf->signer_presentation_max;
    json *body;
    err_t e;

    rq->audit.what = S("create presentation");
    if ((e = read_body(rq, &body)) != ERR_OK ||
        (e = check_format(cx, body, "jwt_vp", "ldp_vp")) != ERR_OK)
        return e;
    json_str(json_get(body, "signerDID"), &who);
    if ((e = read_credentials(cx, json_get(body, "verifiableCredentials"), &t, &who)) !=
        ERR_OK)
        return e;
    if (!json_str(json_get(body, "domain"), &t.audience) ||
        !json_str(json_get(body, "challenge"), &t.nonce))
        return refuse(
            cx, ERR_BAD_REQUEST, "Nuts RFC021 4.3",
            "domain and challenge are needed: a presentation is for one verifier, once");
    if ((e = find_issuer(cx, who, &signer)) != ERR_OK ||
        (e = read_date(cx, body, "expires", &t.until_ms)) != ERR_OK)
        return e;
    rq->audit.custodian = signer.subject;
    if (t.until_ms == 0)
        t.until_ms = t.from_ms + (most < VP_LIFE_MS ? most : VP_LIFE_MS);
    if (t.until_ms <= cx->now_ms)
        return refuse(cx, ERR_BAD_REQUEST, "nuts-node 2.2", "expires lies in the past");
    if (t.until_ms - t.from_ms > most)
        return refuse(cx, ERR_BAD_REQUEST, "signer.presentation_max",
                      "expires is further away than signer.presentation_max allows");
    t.holder = signer.did;
    t.kid = signer.kid;
    t.extra_types = json_get(body, "type");
    if ((e = vp_issue(cx, &t, &jwt)) != ERR_OK)
        return e;
    js = reply_json(rq, 200);
    json_put_str(js, jwt);
    return reply_send(rq, js);
}

/* --- tables ------------------------------------------------------------------------- */

static const char *const ok_json[] = { "200 application/json", "400", "404", "415", NULL };
static const char *const no_content[] = { "204", "400", "404", NULL };

#define INTERNAL(op_, doc_, method_, path_, rate_, audit_, body_, statuses_, fn_)          \
    {                                                                                      \
        .op = (op_), .doc = (doc_), .door = HTTP_DOOR_INTERNAL, .method = (method_),       \
        .path = (path_), .auth = HTTP_AUTH_OPERATOR, .run = HTTP_RUN_POOL,                 \
        .rate = (rate_), .errors = HTTP_ERRORS_PROBLEM, .audit = (audit_),                 \
        .body_max = (body_), .statuses = (statuses_), .fn = (fn_),                         \
    }

const struct http_route vc__routes[] = {
    INTERNAL("issueVC", "Issues a credential as JWT, by an organisation of this node.",
             HTTP_POST, "/internal/vcr/v2/issuer/vc", RATE_PROOF, AUDIT_CREDENTIAL_ISSUED,
             BODY_MAX, ok_json, issue),
    INTERNAL("searchIssuedVCs", "Credentials that were issued here, by type and issuer.",
             HTTP_GET, "/internal/vcr/v2/issuer/vc/search", RATE_READ, AUDIT_NOT_NEEDED, 0,
             ok_json, search_issued),
    INTERNAL("revokeVC", "Revokes a credential that has a status; none has yet.",
             HTTP_DELETE, "/internal/vcr/v2/issuer/vc/{id}", RATE_WRITE,
             AUDIT_CREDENTIAL_ISSUED, 0, no_content, revoke),
    INTERNAL("verifyVC", "Is this credential good?", HTTP_POST,
             "/internal/vcr/v2/verifier/vc", RATE_PROOF, AUDIT_NOT_NEEDED, BODY_MAX,
             ok_json, verify_vc),
    INTERNAL("verifyVP", "Is this presentation good, and each credential in it?", HTTP_POST,
             "/internal/vcr/v2/verifier/vp", RATE_PROOF, AUDIT_NOT_NEEDED, BODY_MAX,
             ok_json, verify_vp),
    INTERNAL("createVP", "Makes a presentation, by an organisation of this node.",
             HTTP_POST, "/internal/vcr/v2/holder/vp", RATE_PROOF, AUDIT_CREDENTIAL_ISSUED,
             BODY_MAX, ok_json, create_vp),
    { 0 },
};
