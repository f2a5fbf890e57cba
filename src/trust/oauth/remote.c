/*
 * remote.c - what another authorization server says: metadata, definitions, tokens.
 *
 * Rule      RFC 8414 3.1, 3.3 (the issuer in it is the one that was asked); nuts-node.md
 *           3.2, 3.3, 3.5. What may be kept is kept for oauth.remote_cache at most.
 * Trust     All of it is a stranger's: fetched with the guard of outsiders, capped, read
 *           strictly; what it says goes into a reason in plain characters alone.
 * Source    Knoop. EUPL-1.2.
 */
#include "trust/oauth/oauth_int.h"

#include <string.h>

#include "sys/conf/conf.h"
#include "sys/room.h"
#include "trust/cache/cache.h"

#define WELL_KNOWN "/.well-known/oauth-authorization-server"

enum { REMOTE_TOKEN_MAX = 16 * 1024, LIFETIME_MAX_S = 24 * 3600 };

static struct oauth__state *
state_of(struct ctx *cx)
{
    return ROOM_STATE(cx, oauth);
}

static err_t
ask(struct ctx *cx, struct fetch_request *in, struct fetch_reply *out)
{
    in->trust = FETCH_OUTSIDER;
    in->body_max = OAUTH_REMOTE_MAX;
    return fetch(cx, in, out);
}

/* --- GET, kept as long as it may be ---------------------------------------------- */

static err_t
get(struct ctx *cx, struct str url, int *status, struct str *text)
{
    static const struct str headers[] = { S_INIT("Accept: application/json") };
    struct fetch_request in = {
        .method = HTTP_GET, .url = url, .headers = headers, .header_count = COUNT(headers)
    };
    struct cache *cache = state_of(cx)->remote;
    int64_t keep = cx->conf->oauth_remote_cache;
    struct fetch_reply reply;
    struct bytes kept;
    err_t e;

    *status = 200;
    if (cache_get(cx, cache, bytes_of(url), &kept)) {
        *text = str_of_bytes(kept);
        return ERR_OK;
    }
    if ((e = ask(cx, &in, &reply)) != ERR_OK)
        return e;
    *status = reply.status;
    *text = str_of_bytes(reply.body);
    if (reply.max_age_ms < keep) /* absent is -1: then it may not be kept */
        keep = reply.max_age_ms;
    if (reply.status == 200 && keep > 0)
        cache_put(cache, cx->now_ms, bytes_of(url), reply.body, cx->now_ms + keep);
    return ERR_OK;
}

/* --- metadata ----------------------------------------------------------------------- */

/* RFC 8414 3.1: between host and path. */
static err_t
well_known(struct ctx *cx, struct str issuer, struct str *url)
{
    size_t path = sizeof("https://") - 1;

    if (!str_starts(issuer, S("https://")) ||
        conf_url_check(cx, issuer, cx->conf->strictmode) != ERR_OK)
        return refuse(cx, ERR_BAD_REQUEST, "RFC 8414 2",
                      "authorization_server must be an https URL without query and"
                      " fragment, of a name that can be reached");
    while (path < issuer.n && issuer.p[path] != '/')
        path++;
    while (issuer.n > path && issuer.p[issuer.n - 1] == '/')
        issuer.n--;
    *url = arena_printf(cx->arena, "%.*s" WELL_KNOWN "%.*s", (int)path, issuer.p,
                        (int)(issuer.n - path), issuer.p + path);
    return url->p == NULL ? refuse_memory(cx) : ERR_OK;
}

static err_t
broken(struct ctx *cx, const char *what)
{
    return refuse(cx, ERR_OAUTH_REMOTE_BROKEN, "RFC 8414 3.2",
                  "failed to retrieve remote OAuth Authorization Server metadata: %s",
                  what);
}

static bool
is_https(struct str url)
{
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= 0x20 || url.p[i] >= 0x7f)
            return false;
    return str_starts(url, S("https://")) && url.n <= 2048 && str_find(url, '#') == url.n;
}

/* Said nothing of formats: then nothing is excluded. */
static bool
takes_jwt(const json *metadata)
{
    const json *formats = json_get(metadata, "vp_formats_supported");

    if (formats == NULL)
        formats = json_get(metadata, "vp_formats");
    return formats == NULL || json_get(formats, "jwt_vp_json") != NULL ||
           json_get(formats, "jwt_vp") != NULL;
}

err_t
oauth__server_parse(struct ctx *cx, struct str issuer, struct str text,
                    struct oauth__server *out)
{
    struct oauth__server s = { .issuer = issuer };
    json *v;

    *out = (struct oauth__server){ 0 };
    if (json_parse(cx, text, JSON_STRICT, &v) != ERR_OK || json_type(v) != JSON_OBJECT)
        return cx->arena->failed ? refuse_memory(cx) : broken(cx, "it is no JSON object");
    if (!str_eq(json_get_text(v, "issuer"), issuer)) /* RFC 8414 3.3 */
        return broken(cx, "its issuer is another than the one asked");
    s.token_endpoint = json_get_text(v, "token_endpoint");
    s.definition_endpoint = json_get_text(v, "presentation_definition_endpoint");
    if (!is_https(s.token_endpoint) || !is_https(s.definition_endpoint))
        return broken(cx,
                      "token_endpoint or presentation_definition_endpoint is no https URL");
    s.takes_web = json_has(json_get(v, "did_methods_supported"), S("web"));
    s.takes_jwt = takes_jwt(v);
    *out = s;
    return ERR_OK;
}

/* The caller named it: not to be reached is his 400 (nuts-node 13.1.6). */
static err_t
not_reached(struct ctx *cx, err_t e)
{
    return err_row(e)->status == 503 || e == ERR_TOO_LARGE
               ? e
               : oauth__refuse_as(cx, ERR_OAUTH_REMOTE_CALL, "RFC 8414 3", e);
}

err_t
oauth__server_get(struct ctx *cx, struct str issuer, struct oauth__server *out)
{
    struct str url, text;
    int status;
    err_t e;

    *out = (struct oauth__server){ 0 };
    if ((e = well_known(cx, issuer, &url)) != ERR_OK)
        return e;
    if ((e = get(cx, url, &status, &text)) != ERR_OK)
        return not_reached(cx, e);
    if (status >= 500)
        return broken(cx, "the server answered 5xx");
    if (status != 200)
        return refuse(cx, ERR_OAUTH_REMOTE_CALL, "RFC 8414 3.2",
                      "failed to retrieve remote OAuth Authorization Server metadata:"
                      " server returned HTTP %d (expected: 200)",
                      status);
    return oauth__server_parse(cx, issuer, text, out);
}

/* --- definitions -------------------------------------------------------------------- */

static err_t
no_definition(struct ctx *cx, const char *what)
{
    return refuse(cx, ERR_OAUTH_REMOTE_BROKEN, "nuts-node 3.3",
                  "failed to retrieve presentation definition: %s", what);
}

err_t
oauth__definition_get(struct ctx *cx, const struct oauth__server *s, struct str scope,
                      const char *owner, struct pe_definition **out)
{
    struct str url, text;
    struct buf b;
    json *v;
    int status;
    err_t e;

    *out = NULL;
    buf_init(&b, cx->arena);
    buf_str(&b, s->definition_endpoint);
    buf_c(&b, str_find(s->definition_endpoint, '?') < s->definition_endpoint.n ? '&' : '?');
    buf_z(&b, "scope=");
    buf_percent(&b, scope);
    if (owner != NULL)
        buf_printf(&b, "&wallet_owner_type=%s", owner);
    if ((e = buf_done(cx, &b, &url)) != ERR_OK)
        return e;
    if ((e = get(cx, url, &status, &text)) != ERR_OK)
        return err_row(e)->status == 503 || e == ERR_TOO_LARGE
                   ? e
                   : oauth__refuse_as(cx, ERR_OAUTH_REMOTE_BROKEN, "nuts-node 3.3", e);
    if ((status == 400 || status == 404) && owner != NULL)
        return refuse(cx, ERR_NOT_FOUND, "nuts-node 3.3", "none for a %s there", owner);
    if (status != 200)
        return refuse(cx, ERR_OAUTH_REMOTE_BROKEN, "nuts-node 3.3",
                      "failed to retrieve presentation definition: server returned HTTP %d"
                      " (expected: 200)",
                      status);
    if (json_parse(cx, text, JSON_STRICT, &v) != ERR_OK)
        return cx->arena->failed ? refuse_memory(cx) : no_definition(cx, "it is not JSON");
    e = pe_definition_parse(cx, v, out);
    return e == ERR_OK || err_row(e)->status >= 500 || e == ERR_TOO_LARGE
               ? e
               : oauth__refuse_as(cx, ERR_OAUTH_REMOTE_BROKEN, "PE 2.0 5", e);
}

/* --- the token ---------------------------------------------------------------------- */

/* Plain characters, cut: what a stranger wrote for people. */
static struct str
plain(struct ctx *cx, struct str s, size_t most)
{
    char *p = arena_alloc(cx->arena, most + 1);
    size_t n = s.n < most ? s.n : most;

    if (p == NULL)
        return S("");
    for (size_t i = 0; i < n; i++)
        p[i] = s.p[i] >= 0x20 && s.p[i] < 0x7f ? s.p[i] : '.';
    return (struct str){ p, n };
}

/* RFC 6749 5.2. */
static err_t
refused_there(struct ctx *cx, int status, const json *v)
{
    struct str code = plain(cx, json_get_text(v, "error"), 40);
    struct str text = plain(cx, json_get_text(v, "error_description"), 150);

    if (status >= 500)
        return refuse(cx, ERR_OAUTH_REMOTE_BROKEN, "RFC 6749 5.2",
                      "the token endpoint answered HTTP %d", status);
    if (code.n == 0)
        return refuse(cx, ERR_OAUTH_REMOTE, "RFC 6749 5.2",
                      "the token endpoint answered HTTP %d", status);
    return refuse(cx, ERR_OAUTH_REMOTE, "RFC 6749 5.2", "%.*s - %.*s", STR(code),
                  STR(text));
}

/* RFC 6750 2.1: what goes into a header unchanged. */
static bool
is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
            return false;
    return s.n > 0 && s.n <= REMOTE_TOKEN_MAX;
}

err_t
oauth__token_parse(struct ctx *cx, int status, struct str text, bool dpop,
                   struct oauth__got *out)
{
    struct oauth__got g = { 0 };
    int64_t life = 0;
    json *v = NULL;

    *out = (struct oauth__got){ 0 };
    if (json_parse(cx, text, JSON_STRICT, &v) != ERR_OK && cx->arena->failed)
        return refuse_memory(cx);
    if (status != 200)
        return refused_there(cx, status, v);
    g.token = json_get_text(v, "access_token");
    g.type = json_get_text(v, "token_type");
    g.scope = json_get_text(v, "scope");
    if (!is_token(g.token) || !str_eq_case(g.type, dpop ? S("DPoP") : S("Bearer")))
        return refuse(cx, ERR_OAUTH_REMOTE_BROKEN, "RFC 6749 5.1",
                      "the token endpoint's answer has no access_token of the type asked");
    if (!json_i64(json_get(v, "expires_in"), &life) || life < 0 || life > LIFETIME_MAX_S)
        life = 0; /* RFC 6749 5.1: it need not say; then it is not kept */
    g.type = dpop ? S("DPoP") : S("Bearer");
    g.expires_ms = cx->now_ms + life * 1000;
    *out = g;
    return ERR_OK;
}

err_t
oauth__token_post(struct ctx *cx, const struct oauth__server *s, struct str form,
                  struct str dpop, struct oauth__got *out)
{
    struct str headers[3] = { S("Accept: application/json"),
                              S("Content-Type: application/x-www-form-urlencoded") };
    /* Its nonce is good once (RFC021 4.4): sent twice, it is refused, and gives no more. */
    struct fetch_request in = { .method = HTTP_POST,
                                .url = s->token_endpoint,
                                .headers = headers,
                                .header_count = 2,
                                .repeatable = true,
                                .body = bytes_of(form) };
    struct fetch_reply reply;
    err_t e;

    if (dpop.n != 0) {
        headers[2] = arena_printf(cx->arena, "DPoP: %.*s", STR(dpop));
        if (headers[2].p == NULL)
            return refuse_memory(cx);
        in.header_count = 3;
    }
    if ((e = ask(cx, &in, &reply)) != ERR_OK)
        return not_reached(cx, e);
    return oauth__token_parse(cx, reply.status, str_of_bytes(reply.body), dpop.n != 0, out);
}
