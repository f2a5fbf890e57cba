/*
 * server_http.c - the public routes of an authorization server, and introspection.
 *
 * Rule      RFC 8414, RFC 6749 5, RFC 7662; nuts-node.md 2.3, 2.4, 3.2, 3.3, 3.5.
 *           Everything is sent no-store: real peers keep what they may, for ever (0.11).
 * Trust     Anybody asks; who may introspect is behind the internal door.
 * Source    Knoop. EUPL-1.2.
 */
#include "trust/oauth/oauth_int.h"

#include <string.h>

#include "sys/http/http.h"
#include "sys/room.h"

static void
no_store(struct req *rq)
{
    reply_header(rq, "Cache-Control", S("no-store"));
}

/* --- metadata ---------------------------------------------------------------------- */

/* The path of option url, without its first slash; empty when it has none. */
static struct str
base_path(const struct ctx *cx)
{
    struct str url = did_base_url(cx),
               rest = str_sub(url, str_search(url, S("//")) + 2, url.n);

    (void)str_cut(&rest, '/');
    return rest;
}

/*
 * RFC 8414 3.1: /.well-known/oauth-authorization-server<path of the issuer>. A proxy
 * that takes the base path away may do so here too.
 */
static err_t
metadata(struct req *rq)
{
    struct ctx *cx = &rq->cx;
    struct str rest = req_path(rq, "path"), base = base_path(cx), issuer;
    struct json_out *js;
    err_t e;

    if (base.n != 0 && str_starts(rest, base) && rest.n > base.n && rest.p[base.n] == '/')
        rest = str_sub(rest, base.n + 1, rest.n);
    if (!str_starts(rest, S("oauth2/")) ||
        !oauth__is_subject(rest = str_sub(rest, sizeof("oauth2/") - 1, rest.n)))
        return refuse(cx, ERR_NOT_FOUND, "RFC 8414 3.1", "this is no issuer of this node");
    if ((e = did_oauth_url(cx, rest, &issuer)) != ERR_OK)
        return e;
    no_store(rq);
    js = reply_json(rq, 200);
    oauth__metadata_put(js, issuer);
    return reply_send(rq, js);
}

static err_t
client_metadata(struct req *rq)
{
    struct did_subject s;
    struct json_out *js;
    err_t e = did_subject_find(&rq->cx, req_path(rq, "subjectID"), &s);

    if (e != ERR_OK)
        return e;
    no_store(rq);
    js = reply_json(rq, 200);
    oauth__client_metadata_put(js);
    return reply_send(rq, js);
}

/* --- presentation definitions ------------------------------------------------------- */

/* nuts-node 13.1.7: an unknown subject is not told apart; an empty scope asks nothing. */
static err_t
definition(struct req *rq)
{
    scoped(oauth__scopes_drop) struct oauth__scopes *scopes = NULL;
    struct ctx *cx = &rq->cx;
    struct str text = req_query(rq, "scope"), owner = req_query(rq, "wallet_owner_type");
    const struct oauth__scope *scope;
    const json *found;
    struct str granted;
    struct json_out *js;
    err_t e;

    if (text.p == NULL)
        return refuse(cx, ERR_BAD_REQUEST, "nuts-node 13.1.7",
                      "query parameter 'scope' is required");
    no_store(rq);
    if (text.n == 0) {
        js = reply_json(rq, 200);
        json_put_raw(js, S("{\"id\":\"\",\"input_descriptors\":null}"));
        return reply_send(rq, js);
    }
    scopes = oauth__scopes_now(cx);
    if ((e = oauth__scope_find(cx, scopes, text, &scope, &granted)) != ERR_OK)
        return e;
    if (owner.n != 0 && !str_is(owner, "organization") && !str_is(owner, "user"))
        return refuse(cx, ERR_OAUTH_OWNER, "nuts-node 3.3",
                      "wallet_owner_type is neither organization nor user");
    found = str_is(owner, "user") ? scope->user : scope->organization;
    if (found == NULL)
        return refuse(cx, ERR_OAUTH_OWNER, "nuts-node 3.3",
                      "this scope has no definition for that type of wallet");
    js = reply_json(rq, 200);
    json_put(js, found);
    return reply_send(rq, js);
}

/* --- the token endpoint ------------------------------------------------------------- */

static err_t
read_form(struct req *rq, struct oauth__asked *in)
{
    const struct {
        const char *name;
        struct str *out;
    } members[] = {
        { "grant_type", &in->grant_type },
        { "client_id", &in->client_id },
        { "scope", &in->scope },
        { "assertion", &in->assertion },
        { "presentation_submission", &in->submission },
    };
    err_t e;

    for (size_t i = 0; i < COUNT(members); i++)
        if ((e = req_form(rq, members[i].name, members[i].out)) != ERR_OK)
            return e;
    return ERR_OK;
}

/* Each refusal is an event, with its reason; a flood of them is counted by code. */
static err_t
refused(struct req *rq, err_t e)
{
    if (err_row(e)->status >= 500 || oauth__is_told(&rq->cx))
        return e;
    rq->audit.event = AUDIT_UNAUTHENTICATED;
    rq->audit.what = arena_printf(rq->cx.arena, "token %s", err_row(e)->name);
    return e;
}

static err_t
token(struct req *rq)
{
    struct oauth__asked in = { .subject = req_path(rq, "subjectID"),
                               .dpop = req_header(rq, "dpop") };
    struct oauth__given given;
    struct json_out *js;
    err_t e;

    rq->audit.event = AUDIT_TOKEN_REFUSED;
    rq->audit.what = S("token");
    if ((e = read_form(rq, &in)) != ERR_OK ||
        (e = oauth__grant(&rq->cx, &in, &rq->audit, &given)) != ERR_OK)
        return refused(rq, e);
    rq->audit.event = AUDIT_TOKEN_ISSUED;
    no_store(rq);
    reply_header(rq, "Pragma", S("no-cache"));
    js = reply_json(rq, 200);
    json_object(js);
    json_member(js, "access_token", given.token);
    if (str_is(given.type, "DPoP"))
        json_member_z(js, "dpop_kid", ""); /* as nuts-node: 0.13 */
    json_member_i64(js, "expires_in", given.lifetime_ms / 1000);
    json_member(js, "scope", given.scope);
    json_member(js, "token_type", given.type);
    json_end(js);
    return reply_send(rq, js);
}

/* --- introspection ------------------------------------------------------------------ */

static err_t
reply_inactive(struct req *rq)
{
    static const char no[] = "{\"active\":false}";

    refuse_clear(&rq->cx);
    return reply_bytes(rq, 200, "application/json", bytes_of(str_of(no)));
}

static err_t
find(struct req *rq, struct oauth__token *t)
{
    err_t e = req_form(rq, "token", &t->text);
    struct str text = t->text;

    if (e == ERR_OK)
        e = oauth__token_get(&rq->cx, text, t);
    t->text = text;
    return e;
}

static err_t
introspect(struct req *rq)
{
    struct oauth__token t = { 0 };
    err_t e = find(rq, &t);

    if (e == ERR_UNAUTHORIZED)
        return reply_inactive(rq);
    return e != ERR_OK ? e : reply_bytes(rq, 200, "application/json", bytes_of(t.answer));
}

/* The definitions of a scope, as our files have them now. */
static void
put_definitions(struct req *rq, struct json_out *js, struct str scope, bool with_user)
{
    scoped(oauth__scopes_drop) struct oauth__scopes *scopes = oauth__scopes_now(&rq->cx);
    const struct oauth__scope *found;
    struct str granted;

    json_key(js, "presentation_definitions");
    json_object(js);
    if (oauth__scope_find(&rq->cx, scopes, scope, &found, &granted) == ERR_OK) {
        if (found->organization != NULL)
            json_member_json(js, "organization", found->organization);
        if (with_user && found->user != NULL)
            json_member_json(js, "user", found->user);
    }
    json_end(js);
    refuse_clear(&rq->cx); /* a scope that was taken out has none */
}

static err_t
put_presented(struct req *rq, struct json_out *js, struct str more, struct str scope)
{
    struct str number = str_cut(&more, '\n'), who = str_cut(&more, '\n'), said, vp;
    struct pe_submission_in in;
    uint64_t n;
    err_t e;

    if (!str_to_u64(number, &n) || n > more.n)
        return refuse(&rq->cx, ERR_STORE, "", "what was presented is not whole");
    said = str_sub(more, 0, (size_t)n);
    if ((e = pe_submission_parse(&rq->cx, said, &in)) != ERR_OK ||
        (e = oauth__shown_unpack(&rq->cx, str_sub(more, (size_t)n, more.n), &vp)) != ERR_OK)
        return e;
    put_definitions(rq, js, scope, str_is(who, "user"));
    json_key(js, "presentation_submissions");
    json_object(js);
    json_key_str(js, in.definition_id);
    json_put_raw(js, said);
    json_end(js);
    json_key(js, "vps");
    json_array(js);
    json_put_str(js, vp);
    json_end(js);
    return ERR_OK;
}

/* The plain answer, then what was presented for it. */
static err_t
introspect_extended(struct req *rq)
{
    struct oauth__token t = { 0 };
    struct json_out *js;
    struct str more;
    json *answer;
    err_t e = find(rq, &t);

    if (e == ERR_OK)
        e = oauth__token_more(&rq->cx, t.text, &more);
    if (e == ERR_UNAUTHORIZED)
        return reply_inactive(rq);
    if (e != ERR_OK || (e = json_parse(&rq->cx, t.answer, JSON_STRICT, &answer)) != ERR_OK)
        return e;
    js = reply_json(rq, 200);
    json_object(js);
    for (json_each(it, answer)) {
        json_key_str(js, it.name);
        json_put(js, it.value);
    }
    if ((e = put_presented(rq, js, more, json_get_text(answer, "scope"))) != ERR_OK)
        return e;
    json_end(js);
    return reply_send(rq, js);
}

/* --- DPoP, for those who guard resources -------------------------------------------- */

static err_t
read_body(struct req *rq, json **body)
{
    err_t e = req_json(rq, body);

    if (e == ERR_OK && json_type(*body) != JSON_OBJECT)
        return refuse(&rq->cx, ERR_BAD_REQUEST, "nuts-node 2.3", "the body is no object");
    return e;
}

static struct str
text(const json *body, const char *name)
{
    struct str s = json_get_text(body, name);

    return s.p != NULL ? s : S("");
}

static err_t
create_dpop(struct req *rq)
{
    struct ctx *cx = &rq->cx;
    struct str kid = req_path(rq, "kid"), htm, htu, with, jwt;
    struct json_out *js;
    json *body;
    err_t e;

    rq->audit.what = S("create DPoP proof");
    if ((e = read_body(rq, &body)) != ERR_OK)
        return e;
    htm = text(body, "htm");
    htu = text(body, "htu");
    with = text(body, "token");
    if (htm.n == 0 || htu.n == 0 || with.n == 0)
        return refuse(cx, ERR_BAD_REQUEST, "nuts-node 2.3", "missing %s",
                      htm.n == 0   ? "method"
                      : htu.n == 0 ? "url"
                                   : "token");
    if ((e = oauth__dpop_make(cx, kid, htm, htu, with, &jwt)) == ERR_FORBIDDEN)
        return oauth__refuse_as(cx, ERR_BAD_REQUEST, "RFC 9449 4.2", e);
    if (e != ERR_OK)
        return e;
    rq->audit.entity = kid;
    js = reply_json(rq, 200);
    json_object(js);
    json_member(js, "dpop", jwt);
    json_end(js);
    return reply_send(rq, js);
}

static err_t
validate_dpop(struct req *rq)
{
    struct oauth__proof proof;
    struct json_out *js;
    json *body;
    err_t e = read_body(rq, &body);

    if (e != ERR_OK)
        return e;
    const struct oauth_dpop in = { .proof = text(body, "dpop_proof"),
                                   .method = text(body, "method"),
                                   .url = text(body, "url"),
                                   .token = text(body, "token"),
                                   .jkt = text(body, "thumbprint") };

    if ((e = oauth__dpop_read(&rq->cx, &in, true, &proof)) == ERR_OK)
        e = oauth__dpop_use(&rq->cx, &proof);
    if (e != ERR_OK && e != ERR_DPOP)
        return e;
    js = reply_json(rq, 200);
    json_object(js);
    if (e != ERR_OK)
        json_member(js, "reason", rq->cx.reason);
    json_member_bool(js, "valid", e == ERR_OK);
    json_end(js);
    refuse_clear(&rq->cx);
    return reply_send(rq, js);
}

/* --- asking others ------------------------------------------------------------------ */

static bool
is_no_cache(struct str header)
{
    while (header.n != 0)
        if (str_eq_case(str_trim(str_cut(&header, ',')), S("no-cache")))
            return true;
    return false;
}

static err_t
read_want(struct req *rq, struct oauth__want *want)
{
    struct str type;
    json *body;
    err_t e = read_body(rq, &body);

    if (e != ERR_OK)
        return e;
    want->subject = req_path(rq, "subjectID");
    want->server = text(body, "authorization_server");
    want->scope = text(body, "scope");
    want->credentials = json_get(body, "credentials");
    type = text(body, "token_type");
    want->bearer = str_eq_case(type, S("Bearer"));
    want->fresh = is_no_cache(req_header(rq, "cache-control"));
    if (json_type(want->credentials) == JSON_NULL)
        want->credentials = NULL;
    if (want->server.n == 0 || want->scope.n == 0)
        return refuse(&rq->cx, ERR_BAD_REQUEST, "nuts-node 2.3", "missing %s",
                      want->server.n == 0 ? "authorization_server" : "scope");
    return ERR_OK;
}

static err_t
request_token(struct req *rq)
{
    struct oauth__want want = { 0 };
    struct oauth__got got;
    struct json_out *js;
    err_t e;

    rq->audit.what = S("request token");
    rq->audit.custodian = req_path(rq, "subjectID");
    if ((e = read_want(rq, &want)) != ERR_OK)
        return e;
    rq->audit.entity = want.server;
    rq->audit.purpose = want.scope;
    if ((e = oauth__request(&rq->cx, &want, &got)) != ERR_OK)
        return e;
    no_store(rq);
    js = reply_json(rq, 200);
    json_object(js);
    json_member(js, "access_token", got.token);
    if (got.kid.n != 0)
        json_member(js, "dpop_kid", got.kid);
    json_member_i64(js, "expires_at", got.expires_ms / 1000);
    json_member_i64(js, "expires_in", (got.expires_ms - rq->cx.now_ms) / 1000);
    json_member(js, "scope", got.scope);
    json_member(js, "token_type", got.type);
    json_end(js);
    return reply_send(rq, js);
}

/* --- the table ---------------------------------------------------------------------- */

static const char *const ok_json[] = { "200 application/json", "400", NULL };
static const char *const well_known[] = { "200 application/json", "404", NULL };
static const char *const form_json[] = { "200 application/json", "400", "415", NULL };
static const char *const asked[] = {
    "200 application/json", "400", "412", "415", "502", NULL
};
static const char *const proof[] = { "200 application/json", "400", "404", "415", NULL };

#define PUBLIC(op_, doc_, method_, path_, auth_, run_, rate_, audit_, body_, statuses_,    \
               fn_)                                                                        \
    {                                                                                      \
        .op = (op_), .doc = (doc_), .door = HTTP_DOOR_PUBLIC, .method = (method_),         \
        .path = (path_), .auth = (auth_), .run = (run_), .rate = (rate_),                  \
        .errors = HTTP_ERRORS_OAUTH, .audit = (audit_), .body_max = (body_),               \
        .statuses = (statuses_), .fn = (fn_),                                              \
    }
#define INTERNAL(op_, doc_, path_, run_, rate_, audit_, statuses_, fn_)                    \
    {                                                                                      \
        .op = (op_), .doc = (doc_), .door = HTTP_DOOR_INTERNAL, .method = HTTP_POST,       \
        .path = (path_), .auth = HTTP_AUTH_OPERATOR, .run = (run_), .rate = (rate_),       \
        .errors = HTTP_ERRORS_PROBLEM, .audit = (audit_), .body_max = INTERNAL_BODY_MAX,   \
        .statuses = (statuses_), .fn = (fn_),                                              \
    }
#define AUTH "/internal/auth/v2"

enum { INTERNAL_BODY_MAX = 256 * 1024 };

const struct http_route oauth__routes[] = {
    { .op = "oAuthAuthorizationServerMetadata",
      .doc = "What an organisation's authorization server offers (RFC 8414).",
      .door = HTTP_DOOR_PUBLIC,
      .method = HTTP_GET,
      .path = "/.well-known/oauth-authorization-server/{*path}",
      .auth = HTTP_AUTH_ANYONE,
      .run = HTTP_RUN_LOOP,
      .rate = RATE_READ,
      .errors = HTTP_ERRORS_PROBLEM,
      .audit = AUDIT_NOT_NEEDED,
      .statuses = well_known,
      .fn = metadata },
    PUBLIC("oAuthClientMetadata", "What an organisation's client offers.", HTTP_GET,
           "/oauth2/{subjectID}/oauth-client", HTTP_AUTH_ANYONE, HTTP_RUN_LOOP, RATE_READ,
           AUDIT_NOT_NEEDED, 0, ok_json, client_metadata),
    PUBLIC("presentationDefinition", "What must be presented for a scope.", HTTP_GET,
           "/oauth2/{subjectID}/presentation_definition", HTTP_AUTH_ANYONE, HTTP_RUN_LOOP,
           RATE_READ, AUDIT_NOT_NEEDED, 0, ok_json, definition),
    PUBLIC("handleTokenRequest", "Gives an access token for a presentation (RFC021).",
           HTTP_POST, "/oauth2/{subjectID}/token", HTTP_AUTH_HANDLER, HTTP_RUN_POOL,
           RATE_PROOF, AUDIT_TOKEN_ISSUED, OAUTH_BODY_MAX, form_json, token),
    INTERNAL("introspectAccessToken", "Whose is this token, and what for (RFC 7662)?",
             AUTH "/accesstoken/introspect", HTTP_RUN_LOOP, RATE_READ, AUDIT_NOT_NEEDED,
             form_json, introspect),
    INTERNAL("introspectAccessTokenExtended",
             "The same, with the presentations and definitions it was given for.",
             AUTH "/accesstoken/introspect_extended", HTTP_RUN_LOOP, RATE_READ,
             AUDIT_NOT_NEEDED, form_json, introspect_extended),
    INTERNAL("requestServiceAccessToken",
             "Asks another authorization server for a token, for an organisation of ours.",
             AUTH "/{subjectID}/request-service-access-token", HTTP_RUN_POOL, RATE_PROOF,
             AUDIT_TOKEN_REQUESTED, asked, request_token),
    INTERNAL("validateDPoPProof", "Is this DPoP proof good, for this call? Uses it up.",
             AUTH "/dpop/validate", HTTP_RUN_POOL, RATE_PROOF, AUDIT_NOT_NEEDED, proof,
             validate_dpop),
    INTERNAL("createDPoPProof", "Makes a DPoP proof with an organisation's key.",
             AUTH "/dpop/{kid}", HTTP_RUN_POOL, RATE_PROOF, AUDIT_TOKEN_REQUESTED, proof,
             create_dpop),
    { 0 },
};
