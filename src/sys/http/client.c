/* client.c - libcurl's multi interface on the loop. EUPL-1.2. */
#include "sys/http/client.h"
#include "sys/http/direct.h"
#include "sys/http/route.h"
#include "sys/http/target.h"
#include "sys/os/os.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EASY_KEPT = 64,
    CONNECT_MS = 10000,
    PEM_MOST = 4 << 20,
    NAMES = 16,
    NAME_MS = 60000
};

struct client_multi {
    struct client *client;
    CURLM *multi;
    struct loop_timer timer;
};

struct client_host {
    struct client_host *next;
    size_t running[CLIENT_USES];
    char name[]; /* "host:port" */
};

/* Where libcurl went last for a configured host: good for a minute. */
struct client_name {
    char name[256]; /* "host:port" */
    struct direct_to to;
    int64_t until_ms;
};

struct client {
    struct loop *loop;
    struct direct *direct;
    struct client_name names[NAMES];
    size_t names_next;
    bool woken; /* libcurl is there; before, none of what follows is */
    struct curl_api api;
    struct client_multi multi[CLIENT_KINDS];
    long connections; /* that each multi keeps */
    struct client_host *hosts;
    size_t running[CLIENT_USES];
    struct client_caps caps;
    struct arena tuning; /* what a reload replaces */
    struct addr_range *allowed;
    size_t allowed_count;
    char **hosts_to;               /* "name::address:port", ended by NULL */
    struct curl_slist *connect_to; /* the same for libcurl */
    struct tls_trust *trust;
    CURL *kept[EASY_KEPT];
    size_t kept_count;
};

struct socket_io {
    struct loop_io io;
    struct client_multi *of;
};

/* --- libcurl asks, the loop answers ---------------------------------------- */

static void release(struct transfer *t);

static err_t
verdict(struct transfer *t, CURLcode code)
{
    const char *text = t->client->api.curl_easy_strerror(code);

    if (code == CURLE_OK)
        return ERR_OK;
    if (t->stopped) /* its owner has said why */
        return t->cx->refused != ERR_OK
                   ? t->cx->refused
                   : refuse(t->cx, ERR_UPSTREAM, "", "the answer was not taken");
    if (t->guarded)
        return refuse(t->cx, ERR_FORBIDDEN, "fetch.allowed_ranges",
                      "the host leads to an address that outsiders may not name");
    if (code == CURLE_OPERATION_TIMEDOUT)
        return refuse(t->cx, ERR_DEADLINE, "", "no whole answer in time");
    return refuse(t->cx, ERR_UPSTREAM, "", "%s", text);
}

static void
learn(struct client *c, struct transfer *t)
{
    struct client_name *n = &c->names[c->names_next];
    char *ip = NULL;
    long port = 0;

    c->api.curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &ip);
    c->api.curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_PORT, &port);
    if (ip == NULL || port <= 0 || port > 65535 ||
        strlen(t->host->name) >= sizeof(n->name) || !addr_parse(str_of(ip), &n->to.addr))
        return;
    n->to.port = (uint16_t)port;
    strcpy(n->name, t->host->name);
    n->until_ms = loop_now(c->loop) + NAME_MS;
    c->names_next = (c->names_next + 1) % NAMES;
}

static void
collect(struct client_multi *m)
{
    const struct curl_api *api = &m->client->api;
    CURLMsg *msg;
    int left;

    while ((msg = api->curl_multi_info_read(m->multi, &left)) != NULL) {
        struct transfer *t;
        CURLcode code = msg->data.result;
        char *owner = NULL;
        err_t e;

        if (msg->msg != CURLMSG_DONE)
            continue;
        api->curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &owner);
        t = (struct transfer *)(void *)owner;
        e = verdict(t, code);
        t->status = client_status(t);
        if (e == ERR_OK && t->trust == FETCH_CONFIGURED)
            learn(m->client, t);
        release(t);
        t->done(t, e);
    }
}

static void
act(struct client_multi *m, curl_socket_t fd, int what)
{
    int running;

    m->client->api.curl_multi_socket_action(m->multi, fd, what, &running);
    collect(m);
}

static void
on_timer(struct loop_timer *timer)
{
    act(container_of(timer, struct client_multi, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int
set_timer(CURLM *multi, long ms, void *arg)
{
    struct client_multi *m = arg;
    struct loop *l = m->client->loop;

    (void)multi;
    if (ms < 0)
        loop_timer_clear(l, &m->timer);
    else if (!loop_timer_set(l, &m->timer, loop_clock() + ms))
        return -1;
    return 0;
}

static void
on_socket(struct loop_io *io, uint32_t ready)
{
    struct socket_io *s = container_of(io, struct socket_io, io);
    int what = (ready & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
               (ready & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
               (ready & EPOLLERR ? CURL_CSELECT_ERR : 0);

    act(s->of, io->fd, what);
}

static int
watch_new(struct client_multi *m, curl_socket_t fd, uint32_t events)
{
    struct socket_io *s = calloc(1, sizeof(*s));
    struct arena none = { 0 };
    struct ctx cx;

    ctx_init(&cx, &none, 0);
    if (s == NULL)
        return -1;
    *s = (struct socket_io){ .io = { fd, events, on_socket }, .of = m };
    if (loop_add(&cx, m->client->loop, &s->io) != ERR_OK) {
        free(s);
        return -1;
    }
    m->client->api.curl_multi_assign(m->multi, fd, s);
    return 0;
}

static int
watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct client_multi *m = arg;
    struct socket_io *s = known;
    uint32_t events =
        (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s != NULL) {
            loop_remove(m->client->loop, &s->io);
            free(s);
        }
        return 0;
    }
    if (s == NULL)
        return watch_new(m, fd, events);
    loop_change(m->client->loop, &s->io, events);
    return 0;
}

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

/* --- caps ---------------------------------------------------------------------- */

static struct client_host *
host_of(struct client *c, const char *name, const char *port)
{
    size_t name_n = strlen(name), n = name_n + strlen(port) + 2;
    struct client_host *h;
    char full[300];

    if (n > sizeof(full))
        return NULL;
    memcpy(full, name, name_n);
    full[name_n] = ':';
    memcpy(full + name_n + 1, port, strlen(port) + 1);
    for (h = c->hosts; h != NULL; h = h->next) {
        if (strcmp(h->name, full) == 0)
            return h;
    }
    if ((h = calloc(1, sizeof(*h) + n)) == NULL)
        return NULL;
    memcpy(h->name, full, n);
    h->next = c->hosts;
    return c->hosts = h;
}

static void
leave_host(struct client *c, struct client_host *h, enum client_use use)
{
    struct client_host **at;

    c->running[use]--;
    if (--h->running[use] > 0 || h->running[CLIENT_FETCH] + h->running[CLIENT_RELAY] > 0)
        return;
    for (at = &c->hosts; *at != h; at = &(*at)->next)
        ;
    *at = h->next;
    free(h);
}

static err_t
enter_host(struct client *c, struct transfer *t, const char *name, const char *port)
{
    enum client_use use = t->use;
    struct client_host *h;

    if (c->running[use] >= c->caps.most[use])
        return refuse(t->cx, ERR_UNAVAILABLE, "fetch.most", "%zu requests are under way",
                      c->running[use]);
    if ((h = host_of(c, name, port)) == NULL)
        return refuse(t->cx, ERR_NO_MEMORY, "", "no memory for a request");
    h->running[use]++;
    c->running[use]++;
    t->host = h;
    if (h->running[use] > c->caps.per_host[use]) {
        size_t now = h->running[use] - 1;

        leave_host(c, h, use);
        t->host = NULL;
        return refuse(t->cx, ERR_UNAVAILABLE, "fetch.per_host",
                      "%zu requests to this host are under way", now);
    }
    return ERR_OK;
}

/* --- starting ------------------------------------------------------------------ */

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
    return enter_host(c, t, host, port);
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

static bool
put_line(struct client *c, struct transfer *t, const char *line)
{
    struct curl_slist *more = c->api.curl_slist_append(t->list, line);

    if (more != NULL)
        t->list = more;
    return more != NULL;
}

bool
client_may_repeat(const struct transfer *t)
{
    return t->repeatable || t->method == HTTP_GET || t->method == HTTP_HEAD ||
           t->method == HTTP_OPTIONS;
}

/* From a span of our own. */
bool
client_trace(const struct transfer *t, char line[CLIENT_TRACE])
{
    uint8_t span[8];
    size_t n;

    if (t->cx->trace[0] == '\0' ||
        getrandom(span, sizeof(span), GRND_NONBLOCK) != sizeof(span))
        return false;
    span[0] |= 1; /* never zero */
    n = (size_t)snprintf(line, CLIENT_TRACE, "traceparent: %.36s", t->cx->trace);
    for (size_t i = 0; i < sizeof(span); i++)
        n += (size_t)snprintf(line + n, CLIENT_TRACE - n, "%02x", span[i]);
    snprintf(line + n, CLIENT_TRACE - n, "%s", t->cx->trace + 52);
    return true;
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

static void
release(struct transfer *t)
{
    struct client *c = t->client;
    const struct curl_api *api = &c->api;

    if (t->direct != NULL)
        direct_cancel(t);
    if (t->running)
        api->curl_multi_remove_handle(
            c->multi[t->trust == FETCH_CONFIGURED ? CLIENT_CONFIGURED : CLIENT_GUARDED]
                .multi,
            t->easy);
    t->running = false;
    /* One that got no answer may still hold a buffer, and then takes no options. */
    if (t->easy != NULL && c->kept_count < EASY_KEPT && client_status(t) != 0) {
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
    if (t->host != NULL)
        leave_host(c, t->host, t->use);
    t->host = NULL;
}

/* --- without libcurl ------------------------------------------------------------- */

static void
on_direct_done(struct transfer *t, err_t e)
{
    release(t);
    t->done(t, e);
}

static bool
known_name(const struct client *c, const char *full, struct direct_to *to)
{
    for (size_t i = 0; i < NAMES; i++)
        if (c->names[i].until_ms > loop_now(c->loop) &&
            strcmp(c->names[i].name, full) == 0) {
            *to = c->names[i].to;
            return true;
        }
    return false;
}

/* A URL that direct.c may ask: where it leads, and by what name its host is counted. */
static bool
leads_directly(const struct client *c, const struct transfer *t, struct direct_url *url,
               char name[256], char port[8], struct direct_to *to)
{
    char full[264];
    uint64_t n = 80;

    if (t->trust != FETCH_CONFIGURED || !direct_url_parse(t->url, url) ||
        url->host.n > 255 || (url->port.n > 0 && !str_to_u64(url->port, &n)) || n == 0 ||
        n > 65535)
        return false;
    snprintf(name, 256, "%.*s", STR(url->host));
    snprintf(port, 8, "%u", (unsigned)n);
    to->port = (uint16_t)n;
    if (addr_parse(url->host, &to->addr))
        return true;
    snprintf(full, sizeof(full), "%s:%s", name, port);
    return known_name(c, full, to);
}

static err_t
start_direct(struct client *c, struct transfer *t, bool *taken)
{
    char name[256], port[8];
    struct direct_url url;
    struct direct_to to;
    err_t e;

    *taken = leads_directly(c, t, &url, name, port, &to);
    if (!*taken)
        return ERR_OK;
    if ((e = enter_host(c, t, name, port)) == ERR_OK)
        e = direct_start(c->direct, t, &url, &to);
    if (e != ERR_OK)
        release(t);
    return e;
}

/* --- libcurl, once it is wanted ---------------------------------------------- */

/*
 * Loading it with all that it stands on takes 10 ms and 3 MB, which a start does
 * without, and a node that asks nobody. Threads (fetch) bring it in before the loop
 * wants it, so that the loop does not wait.
 */
#define LIBRARY "libcurl.so.4"

err_t
client_preload(struct ctx *cx)
{
    return dl_load(cx, LIBRARY, NULL, 0, NULL);
}

static err_t
open_multis(struct ctx *cx, struct client *c)
{
    for (enum client_kind k = 0; k < CLIENT_KINDS; k++) {
        struct client_multi *m = &c->multi[k];

        if ((m->multi = c->api.curl_multi_init()) == NULL)
            return refuse(cx, ERR_NO_MEMORY, "", "no memory for libcurl");
        c->api.curl_multi_setopt(m->multi, CURLMOPT_SOCKETFUNCTION, watch);
        c->api.curl_multi_setopt(m->multi, CURLMOPT_SOCKETDATA, m);
        c->api.curl_multi_setopt(m->multi, CURLMOPT_TIMERFUNCTION, set_timer);
        c->api.curl_multi_setopt(m->multi, CURLMOPT_TIMERDATA, m);
        c->api.curl_multi_setopt(m->multi, CURLMOPT_MAXCONNECTS, c->connections);
    }
    return ERR_OK;
}

static void
close_multis(struct client *c)
{
    for (enum client_kind k = 0; k < CLIENT_KINDS; k++) {
        if (c->multi[k].multi != NULL)
            c->api.curl_multi_cleanup(c->multi[k].multi);
        c->multi[k].multi = NULL;
    }
}

static err_t
list_hosts(struct ctx *cx, struct client *c)
{
    for (char **line = c->hosts_to; *line != NULL; line++) {
        struct curl_slist *more = c->api.curl_slist_append(c->connect_to, *line);

        if (more == NULL)
            return refuse(cx, ERR_NO_MEMORY, "", "no memory for options");
        c->connect_to = more;
    }
    return ERR_OK;
}

static err_t
wake(struct ctx *cx, struct client *c)
{
    static const struct dl_name names[] = {
#define X(f) DL_NAME(struct curl_api, f)
#include "sys/http/curl.def"
#undef X
    };
    err_t e;

    if (c->woken)
        return ERR_OK;
    if ((e = dl_load(cx, LIBRARY, names, COUNT(names), &c->api)) != ERR_OK)
        return e;
    if (c->api.curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK)
        return refuse(cx, ERR_INTERNAL, "", "libcurl does not start");
    if ((e = open_multis(cx, c)) == ERR_OK && (e = list_hosts(cx, c)) == ERR_OK) {
        c->woken = true;
        return ERR_OK;
    }
    close_multis(c);
    if (c->connect_to != NULL)
        c->api.curl_slist_free_all(c->connect_to);
    c->connect_to = NULL;
    return e;
}

err_t
client_start(struct client *c, struct transfer *t)
{
    enum client_kind kind =
        t->trust == FETCH_CONFIGURED ? CLIENT_CONFIGURED : CLIENT_GUARDED;
    bool taken;
    err_t e;

    t->client = c;
    e = start_direct(c, t, &taken);
    if (taken || (e = wake(t->cx, c)) != ERR_OK)
        return e;
    if ((e = enter(c, t)) == ERR_OK)
        e = put_headers(c, t);
    if (e == ERR_OK) {
        t->easy = c->kept_count > 0 ? c->kept[--c->kept_count] : c->api.curl_easy_init();
        if (t->easy == NULL || !set_options(c, t) ||
            c->api.curl_multi_add_handle(c->multi[kind].multi, t->easy) != CURLM_OK)
            e = refuse(t->cx, ERR_INTERNAL, "", "libcurl does not take the request");
        else
            t->running = true;
    }
    if (e != ERR_OK)
        release(t);
    return e;
}

void
client_cancel(struct transfer *t)
{
    release(t);
}

void
client_go_on(struct transfer *t)
{
    if (t->direct != NULL)
        direct_go_on(t);
    else if (t->running)
        t->client->api.curl_easy_pause(t->easy, CURLPAUSE_CONT);
}

int
client_status(struct transfer *t)
{
    long status = 0;

    if (t->direct != NULL)
        return direct_status(t);
    if (t->easy != NULL)
        t->client->api.curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

size_t
client_running(const struct client *c)
{
    return c->running[CLIENT_FETCH] + c->running[CLIENT_RELAY];
}

/* --- opening ------------------------------------------------------------------- */

static err_t
read_ranges(struct ctx *cx, struct client *c, struct conf_list list)
{
    c->allowed = arena_array(&c->tuning, list.n + 1, sizeof(*c->allowed));
    if (c->allowed == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for options");
    for (size_t i = 0; i < list.n; i++) {
        if (!addr_range_parse(list.item[i], &c->allowed[i]))
            return refuse(cx, ERR_BAD_REQUEST, "fetch.allowed_ranges",
                          "'%.*s' is no address and no range of them", STR(list.item[i]));
    }
    c->allowed_count = list.n;
    return ERR_OK;
}

/* "name=address:port" to libcurl's "name::address:port". */
static err_t
read_hosts(struct ctx *cx, struct client *c, struct conf_list list)
{
    if ((c->hosts_to = arena_array(&c->tuning, list.n + 1, sizeof(char *))) == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for options");
    for (size_t i = 0; i < list.n; i++) {
        struct str to = list.item[i], name = str_cut(&to, '='), host, port;
        struct addr a;

        if (!host_is_well_formed(name) || str_find(name, ':') < name.n ||
            !addr_split(to, &host, &port) || port.n == 0 || !addr_parse(host, &a))
            return refuse(cx, ERR_BAD_REQUEST, "fetch.hosts",
                          "'%.*s' is not name=address:port", STR(list.item[i]));
        c->hosts_to[i] =
            arena_z(&c->tuning, arena_printf(&c->tuning, "%.*s::%.*s", STR(name), STR(to)));
        if (c->hosts_to[i] == NULL)
            return refuse(cx, ERR_NO_MEMORY, "", "no memory for options");
    }
    return ERR_OK;
}

static err_t
read_trust(struct ctx *cx, struct client *c, const struct conf *conf)
{
    struct bytes pem = { NULL, 0 };
    char *path = arena_z(cx->arena, conf->tls_trust);
    err_t e;

    if (path == NULL)
        return refuse_memory(cx);
    if (conf->tls_trust.n > 0 && (e = os_read_file(cx, path, PEM_MOST, &pem)) != ERR_OK)
        return e;
    return tls_trust_open(cx, str_of_bytes(pem), str_eq(conf->tls_least, S("1.3")),
                          &c->trust);
}

static void
drop_tuning(struct client *c)
{
    if (c->connect_to != NULL)
        c->api.curl_slist_free_all(c->connect_to);
    tls_trust_close(c->trust);
    arena_fini(&c->tuning);
}

/* Into a fresh set, which takes the old one's place when all of it is good. */
err_t
client_reload(struct ctx *cx, struct client *c, const struct conf *conf)
{
    struct client old = *c;
    err_t e;

    arena_init(&c->tuning, 1 << 20);
    c->connect_to = NULL;
    c->trust = NULL;
    if ((e = read_ranges(cx, c, conf->fetch_allowed_ranges)) != ERR_OK ||
        (e = read_hosts(cx, c, conf->fetch_hosts)) != ERR_OK ||
        (c->woken && (e = list_hosts(cx, c)) != ERR_OK) ||
        (e = read_trust(cx, c, conf)) != ERR_OK) {
        drop_tuning(c);
        c->tuning = old.tuning;
        c->allowed = old.allowed;
        c->allowed_count = old.allowed_count;
        c->hosts_to = old.hosts_to;
        c->connect_to = old.connect_to;
        c->trust = old.trust;
        return e;
    }
    c->caps = (struct client_caps){
        .per_host = { (size_t)conf->fetch_per_host, (size_t)conf->relay_per_host },
        .most = { (size_t)conf->fetch_most, (size_t)conf->relay_most },
    };
    drop_tuning(&old);
    memset(c->names, 0, sizeof(c->names)); /* the options may lead elsewhere now */
    return ERR_OK;
}

err_t
client_open(struct ctx *cx, struct loop *loop, const struct conf *conf, struct client **out)
{
    struct client *c = calloc(1, sizeof(*c));
    err_t e;

    *out = NULL;
    if (c == NULL)
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for a client");
    c->loop = loop;
    c->connections = (long)(conf->fetch_most + conf->relay_per_host);
    for (enum client_kind k = 0; k < CLIENT_KINDS; k++)
        c->multi[k] = (struct client_multi){ .client = c, .timer.fn = on_timer };
    if ((c->direct = direct_open(loop, on_direct_done)) == NULL)
        e = refuse(cx, ERR_NO_MEMORY, "", "no memory for a client");
    else
        e = client_reload(cx, c, conf);
    if (e != ERR_OK) {
        client_close(c);
        return e;
    }
    *out = c;
    return ERR_OK;
}

void
client_close(struct client *c)
{
    struct client_host *h;

    if (c == NULL)
        return;
    close_multis(c);
    for (enum client_kind k = 0; k < CLIENT_KINDS; k++)
        loop_timer_clear(c->loop, &c->multi[k].timer);
    while (c->kept_count > 0)
        c->api.curl_easy_cleanup(c->kept[--c->kept_count]);
    while ((h = c->hosts) != NULL) {
        c->hosts = h->next;
        free(h);
    }
    direct_close(c->direct);
    drop_tuning(c);
    free(c);
}
