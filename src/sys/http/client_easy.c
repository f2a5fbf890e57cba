/*
 * client_easy.c - a transfer as libcurl's: its URL, its options, the guard on each
 * address, the bytes of the answer. EUPL-1.2.
 */
#include "sys/http/client_int.h"

#include <string.h>
#include <sys/socket.h>

enum { CONNECT_MS = 10000 };

/* --- the guard ----------------------------------------------------------------- */

/* Every address that a connection would go to, after name service had its say. */
static curl_socket_t
open_guarded(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct transfer *t = arg;
    struct client *c = t->client;
    struct addr a;

    if (purpose != CURLSOCKTYPE_IPCXN || !addr_of_sockaddr(&to->addr, &a))
        return CURL_SOCKET_BAD;
    if (t->trust != FETCH_CONFIGURED && addr_is_guarded(&a) &&
        !addr_in(&a, c->allowed, c->allowed_count)) {
        t->guarded = true;
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to->protocol);
}

/* --- bytes of the answer ------------------------------------------------------- */

static size_t
on_head(char *line, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    struct str s = { line, size * n };

    t->head_bytes += s.n;
    while (s.n > 0 && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r'))
        s.n--;
    t->stopped = t->head_bytes > CLIENT_HEAD_MAX || !t->head(t, s);
    return t->stopped ? 0 : size * n;
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;

    switch (t->body(t, (struct bytes){ (const uint8_t *)p, size * n })) {
    case CLIENT_TAKEN: return size * n;
    case CLIENT_PAUSE: return CURL_WRITEFUNC_PAUSE;
    case CLIENT_STOP: break;
    }
    t->stopped = true;
    return 0;
}

static CURLcode
on_tls(CURL *easy, void *ssl_ctx, void *arg)
{
    (void)easy;
    tls_trust_use(arg, ssl_ctx);
    return CURLE_OK;
}

/* --- the URL ------------------------------------------------------------------- */

static bool
scheme_is_allowed(enum fetch_trust trust, const char *scheme)
{
    if (strcmp(scheme, "https") == 0)
        return trust != FETCH_TRUST_NONE;
    return strcmp(scheme, "http") == 0 && (trust == FETCH_CONFIGURED || trust == FETCH_CRL);
}

static err_t
check_parts(struct client *c, struct transfer *t, const char *scheme, const char *host,
            const char *port)
{
    if (!scheme_is_allowed(t->trust, scheme))
        return refuse(t->cx, ERR_FORBIDDEN, "nuts-node 7.4",
                      "the scheme of the URL is not https");
    return client__host_enter(c, t, host, port);
}

/* libcurl's own reading of the URL is the one that is checked, and the one that is used. */
static err_t
enter(struct client *c, struct transfer *t)
{
    const struct curl_api *api = &c->api;
    char *url = arena_z(t->cx->arena, t->url);
    char *scheme = NULL, *host = NULL, *port = NULL;
    err_t e = ERR_OK;

    if (url == NULL)
        return refuse_memory(t->cx);
    if (memchr(url, '\0', t->url.n) != NULL || (t->parsed = api->curl_url()) == NULL ||
        api->curl_url_set(t->parsed, CURLUPART_URL, url,
                          CURLU_DISALLOW_USER | CURLU_PATH_AS_IS) != CURLUE_OK ||
        api->curl_url_get(t->parsed, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        api->curl_url_get(t->parsed, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        api->curl_url_get(t->parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) !=
            CURLUE_OK)
        e = refuse(t->cx, ERR_BAD_REQUEST, "RFC 3986", "the URL is malformed");
    if (e == ERR_OK)
        e = check_parts(c, t, scheme, host, port);
    api->curl_free(scheme);
    api->curl_free(host);
    api->curl_free(port);
    return e;
}

/* --- headers and options --------------------------------------------------------- */

static bool
put_line(struct client *c, struct transfer *t, const char *line)
{
    struct curl_slist *more = c->api.curl_slist_append(t->list, line);

    if (more != NULL)
        t->list = more;
    return more != NULL;
}

static err_t
put_headers(struct client *c, struct transfer *t)
{
    bool typed = t->request.n == 0;
    char trace[CLIENT_TRACE];

    for (size_t i = 0; i < t->header_count; i++) {
        struct str h = t->headers[i];
        char *z = arena_z(t->cx->arena, h);

        if (z == NULL)
            return refuse_memory(t->cx);
        if (memchr(z, '\0', h.n) != NULL || strpbrk(z, "\r\n") != NULL ||
            strchr(z, ':') == NULL)
            return refuse(t->cx, ERR_BAD_REQUEST, "RFC 9112 5", "header %zu is malformed",
                          i);
        typed = typed || str_eq_case(str_sub(h, 0, 13), S("content-type:"));
        if (!put_line(c, t, z))
            return refuse(t->cx, ERR_NO_MEMORY, "", "no memory for headers");
    }
    if (!put_line(c, t, "Expect:") || (!typed && !put_line(c, t, "Content-Type:")) ||
        (client_trace(t, trace) && !put_line(c, t, trace)))
        return refuse(t->cx, ERR_NO_MEMORY, "", "no memory for headers");
    return ERR_OK;
}

#define SET(option, value)                                                                 \
    ok = ok && c->api.curl_easy_setopt(t->easy, option, value) == CURLE_OK

static bool
set_method(struct client *c, struct transfer *t)
{
    bool ok = true;

    if (t->method == HTTP_HEAD)
        SET(CURLOPT_NOBODY, 1L);
    else if (t->method == HTTP_GET && t->request.n == 0)
        SET(CURLOPT_HTTPGET, 1L);
    else if (t->request.n > 0 || t->method == HTTP_POST) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->request.n);
        SET(CURLOPT_POSTFIELDS, t->request.n ? (const char *)t->request.p : "");
    }
    if (t->method != HTTP_HEAD)
        SET(CURLOPT_CUSTOMREQUEST, http_method_name(t->method));
    return ok;
}

static bool
set_options(struct client *c, struct transfer *t)
{
    int64_t connect = t->timeout_ms < CONNECT_MS ? t->timeout_ms : CONNECT_MS;
    bool ok = true;

    SET(CURLOPT_PRIVATE, t);
    SET(CURLOPT_CURLU, t->parsed);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_PROTOCOLS_STR, t->trust == FETCH_OUTSIDER ? "https" : "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTPHEADER, t->list);
    SET(CURLOPT_USERAGENT, "knoop/" KNOOP_VERSION);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROXY, ""); /* the environment does not lead us elsewhere */
    SET(CURLOPT_TIMEOUT_MS, (long)t->timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)connect);
    SET(CURLOPT_BUFFERSIZE, 64L * 1024);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_guarded);
    SET(CURLOPT_OPENSOCKETDATA, t);
    SET(CURLOPT_HEADERFUNCTION, on_head);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_CAINFO, NULL); /* the shared store instead: see dependencies.md */
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_SSL_CTX_FUNCTION, on_tls);
    SET(CURLOPT_SSL_CTX_DATA, c->trust);
    if (!client_may_repeat(t)) { /* over a kept one libcurl repeats any method */
        SET(CURLOPT_FRESH_CONNECT, 1L);
        SET(CURLOPT_FORBID_REUSE, 1L);
    }
    if (c->connect_to != NULL)
        SET(CURLOPT_CONNECT_TO, c->connect_to);
    return ok && set_method(c, t);
}

/* --- start and end ----------------------------------------------------------------- */

CURLM *
client__multi(const struct transfer *t)
{
    return t->client
        ->multi[t->trust == FETCH_CONFIGURED ? CLIENT_CONFIGURED : CLIENT_GUARDED]
        .multi;
}

err_t
client__easy_start(struct client *c, struct transfer *t)
{
    err_t e;

    if ((e = enter(c, t)) != ERR_OK || (e = put_headers(c, t)) != ERR_OK)
        return e;
    t->easy = c->kept_count > 0 ? c->kept[--c->kept_count] : c->api.curl_easy_init();
    if (t->easy == NULL || !set_options(c, t) ||
        c->api.curl_multi_add_handle(client__multi(t), t->easy) != CURLM_OK)
        return refuse(t->cx, ERR_INTERNAL, "", "libcurl does not take the request");
    t->running = true;
    return ERR_OK;
}

void
client__easy_end(struct client *c, struct transfer *t)
{
    const struct curl_api *api = &c->api;

    if (t->running)
        api->curl_multi_remove_handle(client__multi(t), t->easy);
    t->running = false;
    /* One that got no answer may still hold a buffer, and then takes no options. */
    if (t->easy != NULL && c->kept_count < CLIENT_EASY_KEPT && client_status(t) != 0) {
        api->curl_easy_reset(t->easy);
        c->kept[c->kept_count++] = t->easy;
    } else if (t->easy != NULL) {
        api->curl_easy_cleanup(t->easy);
    }
    t->easy = NULL;
    if (t->list != NULL)
        api->curl_slist_free_all(t->list);
    t->list = NULL;
    if (t->parsed != NULL)
        api->curl_url_cleanup(t->parsed);
    t->parsed = NULL;
}
