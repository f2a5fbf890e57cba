/*
 * client_curl.c - libcurl's multi interface: loaded once it is wanted, and its sockets
 * and timers on the loop. EUPL-1.2.
 */
#include "sys/http/client_int.h"

#include <stdlib.h>

struct socket_io {
    struct loop_io io;
    struct client_multi *of;
};

/* --- libcurl asks, the loop answers ---------------------------------------- */

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
    struct direct_to to;
    char *ip = NULL;
    long port = 0;

    c->api.curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &ip);
    c->api.curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_PORT, &port);
    if (ip == NULL || port <= 0 || port > 65535 || !addr_parse(str_of(ip), &to.addr))
        return;
    to.port = (uint16_t)port;
    client__learn(c, t->host->name, &to);
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
        client__done(t, e);
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

/* --- loaded, and closed ------------------------------------------------------- */

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

err_t
client__curl_hosts(struct ctx *cx, struct client *c)
{
    for (char **line = c->hosts_to; *line != NULL; line++) {
        struct curl_slist *more = c->api.curl_slist_append(c->connect_to, *line);

        if (more == NULL)
            return refuse(cx, ERR_NO_MEMORY, "", "no memory for options");
        c->connect_to = more;
    }
    return ERR_OK;
}

err_t
client__curl_wake(struct ctx *cx, struct client *c)
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
    if ((e = open_multis(cx, c)) == ERR_OK && (e = client__curl_hosts(cx, c)) == ERR_OK) {
        c->woken = true;
        return ERR_OK;
    }
    close_multis(c);
    if (c->connect_to != NULL)
        c->api.curl_slist_free_all(c->connect_to);
    c->connect_to = NULL;
    return e;
}

void
client__curl_init(struct client *c)
{
    for (enum client_kind k = 0; k < CLIENT_KINDS; k++)
        c->multi[k] = (struct client_multi){ .client = c, .timer.fn = on_timer };
}

void
client__curl_close(struct client *c)
{
    close_multis(c);
    for (enum client_kind k = 0; k < CLIENT_KINDS; k++)
        loop_timer_clear(c->loop, &c->multi[k].timer);
    while (c->kept_count > 0)
        c->api.curl_easy_cleanup(c->kept[--c->kept_count]);
}
