/*
 * grant.c - the token endpoint: may this presenter have a token?
 *
 *      form ─► 1 subject ─► 2 grant_type ─► 3 all there ─► 4 assertion ─► 5 submission
 *        ─► 6 lifetime ─► 7 signer is subject ─► 8 audience ─► client_id ─► 9 scope
 *        ─► 10 definitions ─► 11 nonce ─► 12 DPoP ─► 13 signatures, status ─► 14 fields
 *        ─► nonce used up ─► proof used up ─► one transaction: token kept
 *
 * Rule      Nuts RFC021 4; nuts-node.md 3.5, in its order and with its texts; beyond it:
 *           `organization` is met whenever it is there, `user` where the policy demands
 *           it (11 B2), client_id is the presenter's (B3), a DPoP proof is for this
 *           request (B5), and what is good once is taken atomically (B6): from step 11
 *           on the nonce is used up, however the rest ends.
 * Trust     Until step 13 all of it is a stranger's claim: it may be refused by it,
 *           and nothing is kept, nor said to the audit log as a fact.
 * Source    Knoop. EUPL-1.2.
 */
#include "trust/oauth/oauth_int.h"

#include <string.h>

#include "sys/conf/conf.h"
#include "sys/room.h"
#include "sys/store/store.h"

enum { TOKEN_BYTES = 32, NONCE_MAX = 512, NONCE_KEPT_MS = 10 * 1000 };

struct work {
    struct ctx *cx;
    const struct oauth__asked *in;
    struct audit_record *audit;
    struct str issuer; /* of ours: the only audience */
    struct vp_raw raw;
    struct vp vp; /* verified, from step 13 on */
    struct pe_submission_in submission;
    struct oauth__scopes *scopes;
    struct oauth__ready *ready;
    struct str scope;
    struct pe_credential *credentials;
    struct pe_match organization, user;
    bool has_user;    /* the user definition is met */
    int64_t made_ms;  /* its nbf, or iat */
    struct str nonce; /* hashed */
    int64_t nonce_until_ms;
    struct oauth__proof proof; /* .jkt.p NULL: a bearer token */
};

static void
work_fini(struct work *w)
{
    oauth__ready_give(&w->ready);
    oauth__scopes_drop(&w->scopes);
}

/* --- 1 to 5: what was sent --------------------------------------------------------- */

static err_t
check_subject(struct work *w)
{
    struct did_subject s;
    err_t e = did_subject_find(w->cx, w->in->subject, &s);

    if (e == ERR_OK && !s.active)
        return refuse(w->cx, ERR_SUBJECT_UNKNOWN, "nuts-node 3.5 step 1",
                      "the subject was ended");
    if (e != ERR_OK)
        return e;
    w->audit->custodian = s.subject;
    return did_oauth_url(w->cx, s.subject, &w->issuer);
}

static err_t
check_there(struct work *w)
{
    const struct oauth__asked *in = w->in;

    if (!str_is(in->grant_type, "vp_token-bearer"))
        return refuse(w->cx, ERR_OAUTH_GRANT, "nuts-node 3.5 step 2",
                      "grant_type is not vp_token-bearer");
    if (in->client_id.n == 0 || in->scope.n == 0 || in->assertion.n == 0 ||
        in->submission.n == 0)
        return refuse(w->cx, ERR_OAUTH_MISSING, "nuts-node 3.5 step 3",
                      "client_id, scope, assertion or presentation_submission is missing");
    return ERR_OK;
}

/* An array of one is that one; an object has a linked-data proof. */
static err_t
open_assertion(struct ctx *cx, struct str text, struct str *jwt)
{
    json *v;
    err_t e;

    *jwt = text;
    if (text.p[0] != '[' && text.p[0] != '{')
        return ERR_OK;
    if ((e = json_parse(cx, text, JSON_STRICT, &v)) != ERR_OK)
        return e;
    if (json_type(v) == JSON_ARRAY && json_size(v) == 1)
        v = json_at(v, 0);
    if (json_str(v, jwt))
        return ERR_OK;
    if (json_type(v) == JSON_OBJECT)
        return refuse(cx, ERR_OAUTH_LDP, "VC Data Model 1.1 6.3.2",
                      "a presentation with a linked-data proof");
    return refuse(cx, ERR_OAUTH_ASSERTION, "nuts-node 3.5 step 4",
                  "the assertion is no list of one presentation");
}

/* What is said of the form; our own troubles keep their code. */
static bool
is_ours(err_t e)
{
    return err_row(e)->status >= 500 || e == ERR_TOO_LARGE;
}

static err_t
read_assertion(struct work *w)
{
    struct str jwt;
    err_t e = open_assertion(w->cx, w->in->assertion, &jwt);

    if (e == ERR_OK)
        e = vp_parse(w->cx, jwt, &w->raw);
    if (e == ERR_UNSUPPORTED)
        return refuse(w->cx, ERR_OAUTH_LDP, "VC Data Model 1.1 6.3.2",
                      "a credential with a linked-data proof");
    if (e == ERR_OK || is_ours(e) || e == ERR_VC_KID || e == ERR_OAUTH_LDP)
        return e;
    return oauth__refuse_as(w->cx, ERR_OAUTH_ASSERTION, "nuts-node 3.5 step 4", e);
}

/* --- 6 to 8: for whom, by whom, for how long ---------------------------------------- */

static err_t
check_lifetime(struct work *w)
{
    const struct vc_jwt *jwt = &w->raw.jwt;
    struct vc_time from = jwt->nbf.there ? jwt->nbf : jwt->iat;
    int64_t most = w->cx->conf->oauth_presentation_max;

    if (!from.there || !jwt->exp.there)
        return refuse(w->cx, ERR_VP_DATES, "nuts-node 3.5 step 6",
                      "it has no exp, or neither nbf nor iat");
    w->made_ms = from.ms;
    if (jwt->exp.ms <= from.ms)
        return refuse(w->cx, ERR_VP_TIME, "RFC 7519 4.1.4", "it ends before it begins");
    if (jwt->exp.ms - from.ms > most ||
        (jwt->iat.there && jwt->exp.ms - jwt->iat.ms > most + VC_SKEW_MS))
        return refuse(w->cx, ERR_VP_LIFETIME, "nuts-node 3.5 step 6",
                      "it is valid for more than %lld ms", (long long)most);
    return ERR_OK;
}

static err_t
check_signer(struct work *w)
{
    for (size_t i = 0; i < w->raw.count; i++)
        if (w->raw.signer.n == 0 || !str_eq(w->raw.credentials[i].subject, w->raw.signer))
            return refuse(w->cx, ERR_VP_SUBJECT, "nuts-node 3.5 step 7",
                          "credential %zu is not about the presenter", i);
    return ERR_OK;
}

static err_t
check_audience(struct work *w)
{
    if (!vp_has_audience(&w->raw, w->issuer))
        return refuse(w->cx, ERR_VP_AUDIENCE, "nuts-node 3.5 step 8",
                      "it is for another audience");
    return ERR_OK;
}

/* --- 9 and 10: what must be presented ----------------------------------------------- */

static err_t
find_scope(struct work *w)
{
    const struct oauth__scope *scope;
    err_t e;

    w->scopes = oauth__scopes_now(w->cx);
    if ((e = oauth__scope_find(w->cx, w->scopes, w->in->scope, &scope, &w->scope)) !=
        ERR_OK)
        return e;
    w->audit->entity = w->scope; /* it stands in our own definitions */
    return oauth__ready_take(w->cx, w->scopes, scope, &w->ready);
}

err_t
oauth__pe_view(struct ctx *cx, const struct vc_raw *raw, struct pe_credential *out)
{
    bool is_jwt = raw->jwt.text.p != NULL;

    *out = (struct pe_credential){ .format = is_jwt ? PE_JWT_VC : PE_LDP_VC,
                                   .proof = raw->jwt.alg,
                                   .self_attested = !is_jwt,
                                   .raw = raw->text };
    return vc_view(cx, raw, &out->view);
}

static err_t
see_credentials(struct work *w)
{
    err_t e;

    w->credentials = arena_array(w->cx->arena, w->raw.count + 1, sizeof(*w->credentials));
    if (w->credentials == NULL)
        return refuse_memory(w->cx);
    for (size_t i = 0; i < w->raw.count; i++)
        if ((e = oauth__pe_view(w->cx, &w->raw.credentials[i], &w->credentials[i])) !=
            ERR_OK)
            return e;
    return ERR_OK;
}

static err_t
match(struct work *w, struct pe_definition *d, struct pe_match *out)
{
    err_t e = pe_match(w->cx, d, w->credentials, w->raw.count, out);

    if (e == ERR_PE_DEFINITION) /* the definition is ours and sound: its fields clash */
        return oauth__refuse_as(w->cx, ERR_OAUTH_FIELDS, "nuts-node 3.5 step 14", e);
    return e;
}

/* The definition that the submission is for: it must say what we find ourselves. */
static err_t
check_submitted(struct work *w, struct pe_definition *d, struct pe_match *m)
{
    err_t e = match(w, d, m);

    if (e == ERR_PE_NO_MATCH)
        return oauth__refuse_as(w->cx, ERR_PE_CONFORM, "nuts-node 3.5 step 10", e);
    return e != ERR_OK ? e
                       : pe_submission_check(w->cx, &w->submission, d, m, w->credentials,
                                             w->raw.body);
}

/* One that it is not for: met by the same credentials, or not. */
static err_t
check_other(struct work *w, struct pe_definition *d, err_t code, struct pe_match *m)
{
    err_t e = match(w, d, m);

    return e == ERR_PE_NO_MATCH ? oauth__refuse_as(w->cx, code, "nuts-node 11 B2", e) : e;
}

static bool
submitted(const struct work *w, const struct pe_definition *d)
{
    return d != NULL && str_eq(w->submission.definition_id, pe_definition_id(d));
}

static err_t
check_user(struct work *w, bool required)
{
    err_t e = check_other(w, w->ready->user, ERR_OAUTH_USER, &w->user);

    w->has_user = e == ERR_OK;
    if (e != ERR_OAUTH_USER || required)
        return e;
    refuse_clear(w->cx); /* offered, not demanded, and not given */
    return ERR_OK;
}

static err_t
check_definitions(struct work *w)
{
    struct oauth__ready *r = w->ready;
    err_t e;

    if (!submitted(w, r->organization) && !submitted(w, r->user))
        return refuse(w->cx, ERR_OAUTH_DEFINITION, "nuts-node 3.5 step 10",
                      "the submission is for a definition that this scope does not have");
    if ((e = see_credentials(w)) != ERR_OK)
        return e;
    if (submitted(w, r->organization))
        e = check_submitted(w, r->organization, &w->organization);
    else if (r->organization != NULL)
        e = check_other(w, r->organization, ERR_OAUTH_ORGANIZATION, &w->organization);
    if (e != ERR_OK || r->user == NULL)
        return e;
    if (!submitted(w, r->user))
        return check_user(w, r->scope->user_required);
    w->has_user = true;
    return check_submitted(w, r->user, &w->user);
}

/* --- 11 to 13: once, by whose key, and is it true? ---------------------------------- */

static err_t
used(struct ctx *cx)
{
    return refuse(cx, ERR_VP_NONCE_USED, "nuts-node 3.5 step 11",
                  "a presentation with this nonce was seen before");
}

/* Only looks: what decides is use_up() at the end, or burn() on the way out. */
static err_t
check_nonce(struct work *w)
{
    int64_t until = w->raw.jwt.exp.ms, least = w->cx->now_ms + NONCE_KEPT_MS;
    bool taken;
    err_t e;

    if (oauth__is_forgotten(w->cx, w->made_ms, VC_SKEW_MS))
        return refuse(w->cx, ERR_VP_TIME, "nuts-node 7.3", OAUTH_FORGOTTEN);
    if (w->raw.nonce.n == 0 || w->raw.nonce.n > NONCE_MAX)
        return refuse(w->cx, ERR_VP_NONCE, "nuts-node 3.5 step 11",
                      "its nonce is missing, empty or too long");
    if ((e = oauth__hash(w->cx, w->raw.nonce, &w->nonce)) != ERR_OK ||
        (e = store_was_taken(w->cx, "vp", w->nonce, &taken)) != ERR_OK)
        return e;
    /* As long as it could be shown again: it is refused from its exp on. */
    w->nonce_until_ms = (until > least ? until : least) + OAUTH_FORGET_MS;
    return taken ? used(w->cx) : ERR_OK;
}

/* Whoever is refused from step 11 on has spent his nonce. */
static err_t
burn(struct work *w, err_t why)
{
    struct ctx aside = *w->cx; /* what is refused in it is not what is told */
    err_t e = store_take_once(&aside, "vp", w->nonce, w->nonce_until_ms);

    if (e == ERR_OK || e == ERR_CONFLICT)
        return why;
    return refuse(w->cx, e, "", "a refused nonce was not used up: %.*s", STR(aside.reason));
}

static err_t
check_dpop(struct work *w)
{
    struct oauth_dpop about = { .proof = w->in->dpop, .method = S("POST") };

    if (w->in->dpop.p == NULL)
        return ERR_OK;
    about.url = arena_printf(w->cx->arena, "%.*s/token", STR(w->issuer));
    if (about.url.p == NULL)
        return refuse_memory(w->cx);
    return oauth__dpop_read(w->cx, &about, false, &w->proof);
}

/* What is told of a verification that failed: no more than helps (nuts-node 3.5 step 13).
 */
static err_t
verdict(err_t e)
{
    switch (e) {
    case ERR_VC_TIME:
    case ERR_VP_TIME:
    case ERR_CERT_TIME: return ERR_OAUTH_VERIFY_TIME;
    case ERR_CERT_REVOKED: return ERR_OAUTH_VERIFY_REVOKED;
    case ERR_VC_STATUS:
    case ERR_CERT_STATUS_UNKNOWN: return ERR_OAUTH_VERIFY_STATUS;
    case ERR_DID_INVALID:
    case ERR_DID_METHOD:
    case ERR_DID_NOT_FOUND:
    case ERR_DID_DEACTIVATED:
    case ERR_DID_DOCUMENT:
    case ERR_DID_KEY:
    case ERR_UPSTREAM:
    case ERR_DEADLINE:
    case ERR_FORBIDDEN: return ERR_OAUTH_VERIFY_DID;
    default: return is_ours(e) ? e : ERR_OAUTH_VERIFY;
    }
}

static err_t
verify(struct work *w)
{
    const struct vp_options how = { .audience = w->issuer };
    err_t e = vp_verify(w->cx, &w->raw, &how, &w->vp), said;

    if (e != ERR_OK) {
        if ((said = verdict(e)) == e)
            return e;
        return oauth__refuse_as(w->cx, said, "nuts-node 3.5 step 13", e);
    }
    w->audit->who = w->vp.holder;
    return ERR_OK;
}

/* --- the token ---------------------------------------------------------------------- */

static void
put_fields(struct json_out *js, const struct pe_match *m)
{
    for (size_t i = 0; i < m->field_count; i++)
        pe_value_put(js, &m->fields[i]);
}

/* RFC 7662 2.2, and the fields of the definitions: what introspection says. */
static err_t
write_answer(struct work *w, const struct oauth__token *t, struct str *out)
{
    struct json_out js;
    err_t e;

    json_out_init(&js, w->cx->arena);
    json_object(&js);
    json_member_bool(&js, "active", true);
    json_member(&js, "client_id", w->in->client_id);
    if (w->proof.jkt.p != NULL) {
        json_key(&js, "cnf");
        json_object(&js);
        json_member(&js, "jkt", w->proof.jkt);
        json_end(&js);
    }
    json_member_i64(&js, "exp", t->expires_ms / 1000);
    json_member_i64(&js, "iat", w->cx->now_ms / 1000);
    json_member(&js, "iss", w->issuer);
    json_member(&js, "scope", w->scope);
    put_fields(&js, &w->organization);
    if (w->has_user)
        put_fields(&js, &w->user);
    json_end(&js);
    if ((e = json_out_done(w->cx, &js, out)) != ERR_OK)
        return e;
    if (out->n > OAUTH_ANSWER_MAX)
        return refuse(w->cx, ERR_LIMIT, "", "the fields of this token take %zu bytes",
                      out->n);
    return ERR_OK;
}

/* For extended introspection; the definitions themselves stand in our files. */
static err_t
write_more(struct work *w, struct str *out)
{
    struct str shown;
    struct buf b;
    err_t e = oauth__shown_pack(w->cx, &w->raw, &shown);

    if (e != ERR_OK)
        return e;
    buf_init(&b, w->cx->arena);
    buf_printf(&b, "%zu\n%s\n", w->in->submission.n, w->has_user ? "user" : "");
    buf_str(&b, w->in->submission);
    buf_str(&b, shown);
    return buf_done(w->cx, &b, out);
}

struct keeping {
    struct work *w;
    const struct oauth__token *token;
};

/* Two that come together with one nonce or proof get one token. */
static err_t
use_up(struct work *w)
{
    err_t e = store_take_once(w->cx, "vp", w->nonce, w->nonce_until_ms);

    if (e == ERR_CONFLICT)
        return used(w->cx);
    if (e != ERR_OK || w->proof.jkt.p == NULL)
        return e;
    return oauth__dpop_use(w->cx, &w->proof);
}

static err_t
keep(struct ctx *cx, void *arg)
{
    const struct keeping *k = arg;
    err_t e = oauth__shown_keep(cx, &k->w->raw, k->token->expires_ms);

    return e == ERR_OK ? oauth__token_put(cx, k->token) : e;
}

static err_t
give(struct work *w, struct oauth__given *out)
{
    struct oauth__token t = { .subject = w->audit->custodian, .holder = w->vp.holder };
    struct keeping k = { w, &t };
    int64_t life = w->cx->conf->oauth_token_lifetime;
    err_t e;

    t.expires_ms = w->cx->now_ms / 1000 * 1000 + life; /* whole seconds, as exp says it */
    if ((e = write_answer(w, &t, &t.answer)) != ERR_OK ||
        (e = write_more(w, &t.more)) != ERR_OK ||
        (e = random_text(w->cx, TOKEN_BYTES, &t.text)) != ERR_OK ||
        (e = oauth__token_seal(w->cx, &t)) != ERR_OK || (e = use_up(w)) != ERR_OK ||
        (e = store_transact_brief(w->cx, keep, &k)) != ERR_OK)
        return e;
    *out = (struct oauth__given){ t.text, w->proof.jkt.p != NULL ? S("DPoP") : S("Bearer"),
                                  w->scope, life };
    return ERR_OK;
}

/* --- all ---------------------------------------------------------------------------- */

static err_t
claim(struct work *w) /* up to step 10: what is claimed fits together */
{
    err_t e;

    if ((e = check_subject(w)) != ERR_OK || (e = check_there(w)) != ERR_OK ||
        (e = read_assertion(w)) != ERR_OK ||
        (e = pe_submission_parse(w->cx, w->in->submission, &w->submission)) != ERR_OK ||
        (e = check_lifetime(w)) != ERR_OK || (e = check_signer(w)) != ERR_OK ||
        (e = check_audience(w)) != ERR_OK ||
        (e = oauth__client_check(w->cx, w->in->client_id, w->raw.signer)) != ERR_OK ||
        (e = find_scope(w)) != ERR_OK)
        return e;
    return check_definitions(w);
}

static err_t
prove(struct work *w, struct oauth__given *out) /* from step 12: it is true */
{
    err_t e;

    if ((e = check_dpop(w)) != ERR_OK || (e = verify(w)) != ERR_OK)
        return e;
    return give(w, out);
}

err_t
oauth__grant(struct ctx *cx, const struct oauth__asked *in, struct audit_record *audit,
             struct oauth__given *out)
{
    scoped(work_fini) struct work w = { .cx = cx, .in = in, .audit = audit };
    err_t e;

    *out = (struct oauth__given){ 0 };
    if ((e = claim(&w)) != ERR_OK || (e = check_nonce(&w)) != ERR_OK)
        return e;
    e = prove(&w, out);
    return e == ERR_OK ? e : burn(&w, e);
}
