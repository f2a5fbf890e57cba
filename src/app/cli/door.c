/*
 * door.c - one request to a running node, as libcurl makes it for the node itself.
 *
 *      --address ──┐
 *      options ────┴─► http://127.0.0.1:8081 + path ──► status, body
 *
 * Trust     The node is ours. What it answers is printed as it is, and a
 *           problem's detail is the reason of a refusal.
 * Source    Knoop. EUPL-1.2.
 */
#include "app/cli/door.h"

#include <stdio.h>
#include <string.h>

#include "codec/json/json.h"
#include "sys/conf/conf.h"
#include "sys/http/fetch.h"
#include "sys/loop/loop.h"
#include "sys/os/os.h"
#include "sys/sys.h"

enum { ANSWER_MAX = 64 << 20, ANSWER_MS = 120000, TOKEN_MAX = 64 * 1024 };

extern char **environ;

struct asker {
    struct conf *conf;
    struct loop *loop;
    struct sys sys;
};

static void
asker_close(struct asker *a)
{
    fetch_close(a->sys.fetch);
    loop_close(a->loop);
    conf_give(a->conf);
}

/* With an address and no file named, the options of this machine do not matter. */
static err_t
asker_open(struct cli *c, struct asker *a)
{
    const char *file = cli_option(c, "configfile");
    bool plain = cli_option(c, "address") != NULL && file == NULL;
    err_t e;

    if ((e = plain ? conf_default(&c->cx, &a->conf)
                   : conf_load(&c->cx, NULL, environ, file, &a->conf)) != ERR_OK ||
        (e = loop_open(&c->cx, &a->loop)) != ERR_OK)
        return e;
    return fetch_open(&c->cx, a->loop, a->conf, &a->sys.fetch);
}

err_t
door_fetch(struct cli *c, const struct fetch_request *in, struct fetch_reply *out)
{
    scoped(asker_close) struct asker a = { 0 };
    struct ctx *cx = &c->cx;
    err_t e;

    *out = (struct fetch_reply){ .max_age_ms = -1 };
    if ((e = asker_open(c, &a)) != ERR_OK)
        return e;
    cx->sys = &a.sys;
    cx->conf = a.conf;
    e = fetch(cx, in, out);
    cx->sys = NULL;
    cx->conf = NULL;
    return e;
}

/* --- where -------------------------------------------------------------------------- */

/* A door that listens everywhere is asked on loopback, by which it may be called. */
static struct str
callable(struct ctx *cx, struct str address)
{
    size_t colon = address.n;
    struct str host;

    while (colon > 0 && address.p[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return address;
    host = str_sub(address, 0, colon - 1);
    if (host.n == 0 || str_is(host, "0.0.0.0") || str_is(host, "[::]"))
        return arena_printf(cx->arena, "127.0.0.1:%.*s",
                            STR(str_sub(address, colon, address.n)));
    return address;
}

static err_t
base_url(struct cli *c, const struct conf *conf, struct str *out)
{
    const char *said = cli_option(c, "address");
    struct str address = said != NULL ? str_of(said) : conf->http_internal_address;
    bool tls = !str_is(conf->http_internal_tls, "off");

    if (str_search(address, S("://")) < address.n) {
        while (str_ends(address, S("/")))
            address.n--;
        *out = address;
        return ERR_OK;
    }
    address = callable(&c->cx, address);
    *out = arena_printf(c->cx.arena, "%s://%.*s", tls ? "https" : "http", STR(address));
    return out->p != NULL ? ERR_OK : refuse_memory(&c->cx);
}

/* --- asking ------------------------------------------------------------------------- */

static enum http_method
method_of(const char *name)
{
    for (enum http_method m = HTTP_GET; m < HTTP_ANY; m++)
        if (strcmp(http_method_name(m), name) == 0)
            return m;
    return HTTP_METHOD_NONE;
}

static err_t
put_header(struct ctx *cx, struct fetch_request *in, struct str *headers, const char *name,
           struct str value)
{
    struct str *h = &headers[in->header_count++];

    *h = arena_printf(cx->arena, "%s: %.*s", name, STR(value));
    return h->p != NULL ? ERR_OK : refuse_memory(cx);
}

static err_t
put_token(struct cli *c, struct fetch_request *in, struct str *headers)
{
    const char *path = cli_option(c, "token-file");
    struct bytes file;
    struct str token;
    err_t e;

    if (path == NULL)
        return ERR_OK;
    if ((e = os_read_file(&c->cx, path, TOKEN_MAX, &file)) != ERR_OK)
        return e;
    token = str_of_bytes(file);
    while (token.n > 0 && (unsigned char)token.p[token.n - 1] <= ' ')
        token.n--;
    for (size_t i = 0; i < token.n; i++)
        if (token.p[i] <= ' ' || token.p[i] > '~')
            return refuse(&c->cx, ERR_BAD_REQUEST, "RFC 6750 2.1", "%s holds no token",
                          path);
    token = arena_printf(c->cx.arena, "Bearer %.*s", STR(token));
    return token.p == NULL ? refuse_memory(&c->cx)
                           : put_header(&c->cx, in, headers, "Authorization", token);
}

static err_t
ask(struct cli *c, struct asker *a, struct fetch_request *in, struct str type,
    struct fetch_reply *out)
{
    struct ctx *cx = &c->cx;
    struct str headers[2], path = in->url, base;
    err_t e;

    if ((e = asker_open(c, a)) != ERR_OK || (e = base_url(c, a->conf, &base)) != ERR_OK ||
        (e = put_token(c, in, headers)) != ERR_OK ||
        (type.n > 0 && (e = put_header(cx, in, headers, "Content-Type", type)) != ERR_OK))
        return e;
    in->url = arena_printf(cx->arena, "%.*s%.*s", STR(base), STR(path));
    if (in->url.p == NULL)
        return refuse_memory(cx);
    in->headers = headers;
    cx->sys = &a->sys;
    cx->conf = a->conf;
    e = fetch(cx, in, out);
    cx->sys = NULL;
    cx->conf = NULL;
    if (e == ERR_UPSTREAM || e == ERR_DEADLINE) {
        struct str why = arena_str(cx->arena, cx->reason);

        return refuse(cx, e, "", "no node answers at %.*s (%.*s); --address names another",
                      STR(base), STR(why));
    }
    return e;
}

err_t
door_ask(struct cli *c, const char *method, struct str path, struct str type,
         struct str body, int *status, struct str *reply)
{
    scoped(asker_close) struct asker a = { 0 };
    struct fetch_request in = { .trust = FETCH_CONFIGURED,
                                .method = method_of(method),
                                .url = path,
                                .body = bytes_of(body),
                                .body_max = ANSWER_MAX,
                                .timeout_ms = ANSWER_MS };
    struct fetch_reply out;
    err_t e;

    *status = 0;
    *reply = S("");
    if ((e = ask(c, &a, &in, type, &out)) != ERR_OK)
        return e;
    *status = out.status;
    if (out.body.n > 0)
        *reply = str_of_bytes(out.body);
    return ERR_OK;
}

/* --- what was wrong ----------------------------------------------------------------- */

/* problem+json, OAuth's errors, OperationOutcome; else the text itself. */
static struct str
wrong_of(struct ctx *cx, struct str reply)
{
    static const char *const members[] = { "detail", "error_description", "error",
                                           "title" };
    struct str text;
    json *v;

    if (json_parse(cx, reply, JSON_STRICT, &v) != ERR_OK) {
        refuse_clear(cx);
        return str_sub(reply, 0, 200);
    }
    for (size_t i = 0; i < COUNT(members); i++)
        if ((text = json_get_text(v, members[i])).n > 0)
            return text;
    text = json_get_text(json_at(json_get(v, "issue"), 0), "diagnostics");
    return text.n > 0 ? text : str_sub(reply, 0, 200);
}

err_t
door_get(struct cli *c, const char *method, struct str path, struct str type,
         struct str body, struct str *reply)
{
    int status;
    err_t e = door_ask(c, method, path, type, body, &status, reply);

    if (e != ERR_OK || (status >= 200 && status < 300))
        return e;
    return refuse(&c->cx, status == 404 ? ERR_NOT_FOUND : ERR_UPSTREAM, "",
                  "the node answers %d: %.*s", status, STR(wrong_of(&c->cx, *reply)));
}
