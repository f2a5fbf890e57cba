/*
 * server.c - the doors of a worker: accepting, caps, drain.
 *
 * Rule      The internal door stands on loopback unless operators must prove
 *           themselves: the sockets are looked at, not the option.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/http/http_int.h"
#include "sys/os/os.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ACCEPT_TURN = 64, ACCEPT_PAUSE_MS = 100, LOOK_FOR_IDLE = 16 };

struct listener {
    struct loop_io io;
    struct loop_timer pause;
    struct http *http;
    enum http_door door;
    bool on;
};

/* --- the list of connections, and who has how many ----------------------------- */

static void
unlink_conn(struct http *h, struct http_conn *c)
{
    *(c->prev ? &c->prev->next : &h->first) = c->next;
    *(c->next ? &c->next->prev : &h->last) = c->prev;
}

static void
link_first(struct http *h, struct http_conn *c)
{
    c->prev = NULL;
    c->next = h->first;
    *(h->first ? &h->first->prev : &h->last) = c;
    h->first = c;
}

void
http_waits(struct http *h, struct http_conn *c)
{
    if (h->draining) {
        conn_close(c);
        return;
    }
    if (h->first != c) {
        unlink_conn(h, c);
        link_first(h, c);
    }
}

/* One caller of IPv6 has a /64 at least. */
static void
peer_key(const struct addr *a, uint8_t key[16])
{
    static const uint8_t mapped[12] = { [10] = 0xFF, [11] = 0xFF };

    memcpy(key, a->ip, 16);
    if (memcmp(key, mapped, sizeof(mapped)) != 0)
        memset(key + 8, 0, 8);
}

static struct peer **
peer_slot(struct http *h, const uint8_t key[16])
{
    uint64_t a, b;

    memcpy(&a, key, 8);
    memcpy(&b, key + 8, 8);
    a = (a ^ h->id_prefix) * UINT64_C(0x9E3779B97F4A7C15) +
        b; /* not guessable: the prefix */
    a = (a ^ a >> 31) * UINT64_C(0xBF58476D1CE4E5B9);
    return &h->peers[(a >> 32) % COUNT(h->peers)];
}

static struct peer *
peer_take(struct http *h, const struct addr *address)
{
    uint8_t key[16];
    struct peer **slot, *p;

    peer_key(address, key);
    slot = peer_slot(h, key);
    for (p = *slot; p != NULL && memcmp(p->key, key, 16) != 0; p = p->next)
        ;
    if (p == NULL) {
        if ((p = calloc(1, sizeof(*p))) == NULL)
            return NULL;
        memcpy(p->key, key, 16);
        p->next = *slot;
        *slot = p;
    } else if (p->connections >= h->limits.per_peer) {
        return NULL;
    }
    p->connections++;
    return p;
}

static void
peer_give(struct http *h, struct peer *p)
{
    struct peer **at;

    if (p == NULL || --p->connections > 0)
        return;
    for (at = peer_slot(h, p->key); *at != p; at = &(*at)->next)
        ;
    *at = p->next;
    free(p);
}

/* Room for a newcomer: the one that has waited longest goes, or one that is done. */
static bool
end_an_idle_one(struct http *h)
{
    struct http_conn *c = h->last;

    for (int i = 0; i < LOOK_FOR_IDLE && c != NULL; i++, c = c->prev) {
        if ((c->state == CONN_IDLE && !c->fresh) || c->lingers) {
            conn_close(c);
            return true;
        }
    }
    return false;
}

bool
http_take_conn(struct http *h, struct http_conn *c)
{
    if (h->open >= h->limits.connections && !end_an_idle_one(h)) {
        COUNT_UP(h, refused_most);
        return false;
    }
    if (!c->proxy && (c->peer = peer_take(h, &c->address)) == NULL) {
        COUNT_UP(h, refused_peer);
        return false;
    }
    link_first(h, c);
    h->open++;
    COUNT_UP(h, connections);
    COUNT_UP(h, connections_now);
    return true;
}

static void
tell_drained(struct http *h)
{
    void (*done)(void *) = h->drained;

    loop_timer_clear(h->loop, &h->drain_timer);
    h->drained = NULL;
    if (done != NULL)
        done(h->drained_arg);
}

void
http_lingers(struct http *h, struct http_conn *c)
{
    c->lingers = true;
    h->lingering++;
    if (h->draining && h->open == h->lingering)
        tell_drained(h);
}

void
http_gone(struct http *h, struct http_conn *c)
{
    unlink_conn(h, c);
    peer_give(h, c->peer);
    h->open--;
    h->lingering -= c->lingers;
    atomic_fetch_sub_explicit(&h->stats.connections_now, 1, memory_order_relaxed);
    if (h->draining && h->open == h->lingering)
        tell_drained(h);
}

/* --- accepting ------------------------------------------------------------- */

static void listener_on(struct listener *l);

static void
on_pause_over(struct loop_timer *timer)
{
    listener_on(container_of(timer, struct listener, pause));
}

static void
listener_off(struct listener *l)
{
    if (l->on)
        loop_remove(l->http->loop, &l->io);
    l->on = false;
}

/* Out of descriptors: trying at once again would only burn the processor. */
static void
pause_accepting(struct listener *l)
{
    struct loop *loop = l->http->loop;

    log_error(NULL, "cannot take connections: %s", strerror(errno));
    if (loop_timer_set(loop, &l->pause, loop_now(loop) + ACCEPT_PAUSE_MS))
        listener_off(l);
}

static void
on_knock(struct loop_io *io, uint32_t ready)
{
    struct listener *l = container_of(io, struct listener, io);

    (void)ready;
    for (int i = 0; i < ACCEPT_TURN && l->on; i++) {
        struct sockaddr_storage sa = { 0 };
        socklen_t n = sizeof(sa);
        struct addr from;
        int fd = accept4(io->fd, (struct sockaddr *)&sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_accepting(l);
            if (errno != ECONNABORTED && errno != EINTR)
                return;
            continue;
        }
        if (addr_of_sockaddr((const struct sockaddr *)&sa, &from))
            conn_open(l->http, fd, l->door, &from);
        else
            close(fd);
    }
}

static void
listener_on(struct listener *l)
{
    struct arena none = { 0 };
    struct ctx cx;

    ctx_init(&cx, &none, 0);
    l->io.events = EPOLLIN | EPOLLEXCLUSIVE; /* one worker wakes for one knock */
    l->on = loop_add(&cx, l->http->loop, &l->io) == ERR_OK;
    if (!l->on)
        log_error(NULL, "a door does not open: %.*s", STR(cx.reason));
}

/* --- small things that requests need ------------------------------------------- */

struct str
http_date(struct http *h)
{
    time_t s = (time_t)(loop_wall(h->loop) / 1000);
    struct tm tm;

    if (s != h->date_s) {
        h->date_s = s;
        gmtime_r(&s, &tm);
        strftime(h->date, sizeof(h->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    }
    return str_of(h->date);
}

void
http_new_id(struct http *h, char id[33])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t half[2] = { h->id_prefix, ++h->id_next };

    for (int i = 0; i < 32; i++)
        id[i] = digits[half[i / 16] >> (60 - i % 16 * 4) & 15];
    id[32] = '\0';
}

const struct http_stats *
http_stats(const struct http *h)
{
    return &h->stats;
}

void
http_pool_use(const struct http *h, unsigned *waiting, unsigned *running)
{
    pool_use(h->pool, waiting, running);
}

/* --- opening ------------------------------------------------------------------- */

static err_t
prove_internal_fd(struct ctx *cx, int fd, bool proves_operators)
{
    struct sockaddr_storage sa = { 0 };
    socklen_t n = sizeof(sa);
    struct addr a;

    if (getsockname(fd, (struct sockaddr *)&sa, &n) != 0 ||
        !addr_of_sockaddr((const struct sockaddr *)&sa, &a))
        return refuse(cx, ERR_INTERNAL, "", "the internal door's socket is none");
    if (!addr_is_loopback(&a) && !proves_operators)
        return refuse(cx, ERR_FORBIDDEN, "http.internal.auth.type",
                      "the internal door does not open on another address than loopback "
                      "without authentication of operators");
    return ERR_OK;
}

static err_t
prove_setup(struct ctx *cx, const struct http_setup *s)
{
    bool token = !str_eq(s->conf->http_internal_auth_type, S("none"));
    err_t e = http_prove(cx, s->tables, s->table_count);

    for (size_t i = 0; e == ERR_OK && i < s->internal_count; i++)
        e = prove_internal_fd(cx, s->internal_fds[i], token);
    if (e != ERR_OK)
        return e;
    if (token && s->operator_check == NULL)
        return refuse(cx, ERR_UNSUPPORTED, "http.internal.auth.type",
                      "nothing here can prove an operator by token");
    for (size_t i = 0; s->audit_put == NULL && i < s->table_count; i++) {
        for (const struct http_route *r = s->tables[i]; r->op != NULL; r++) {
            if (r->audit != AUDIT_NOT_NEEDED)
                return refuse(cx, ERR_UNAVAILABLE, "NEN 7513",
                              "route %s leaves an audit event, and there is no auditor",
                              r->op);
        }
    }
    return ERR_OK;
}

static err_t
make_trees(struct ctx *cx, struct http *h)
{
    struct arena *usual = cx->arena;
    err_t e = ERR_OK;

    cx->arena = &h->room;
    for (enum http_door d = HTTP_DOOR_PUBLIC; e == ERR_OK && d <= HTTP_DOOR_INTERNAL; d++)
        e = route_tree(cx, h->setup.tables, h->setup.table_count, d, &h->tree[d]);
    cx->arena = usual;
    return e;
}

static void
add_listeners(struct http *h, const int *fds, size_t n, enum http_door door)
{
    for (size_t i = 0; i < n; i++)
        h->listeners[h->listener_count++] = (struct listener){
            .io = { fds[i], EPOLLIN, on_knock },
            .pause.fn = on_pause_over,
            .http = h,
            .door = door,
        };
}

static void
close_listeners(struct http *h)
{
    for (size_t i = 0; i < h->listener_count; i++) {
        listener_off(&h->listeners[i]);
        loop_timer_clear(h->loop, &h->listeners[i].pause);
        close(h->listeners[i].io.fd);
    }
    h->listener_count = 0;
}

static err_t
open_rest(struct ctx *cx, struct http *h)
{
    const struct conf *conf = h->conf;
    err_t e;

    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    if (getrandom(&h->id_prefix, sizeof(h->id_prefix), 0) != sizeof(h->id_prefix) ||
        getrandom(&h->id_next, sizeof(h->id_next) / 2, 0) != sizeof(h->id_next) / 2)
        return refuse(cx, ERR_INTERNAL, "", "no randomness");
    if ((e = prove_setup(cx, &h->setup)) != ERR_OK || (e = make_trees(cx, h)) != ERR_OK ||
        (e = limits_read(cx, conf, &h->tuning, &h->limits)) != ERR_OK ||
        (e = tls_doors_open(cx, h, conf, h->tls)) != ERR_OK)
        return e;
    return pool_open(cx, (unsigned)conf->http_pool_threads, (unsigned)conf->http_pool_queue,
                     &h->pool);
}

err_t
http_open(struct ctx *cx, const struct http_setup *setup, struct http **out)
{
    size_t doors = setup->public_count + setup->internal_count;
    struct http *h = calloc(1, sizeof(*h));
    err_t e;

    *out = NULL;
    if (h == NULL || (h->listeners = calloc(doors + 1, sizeof(*h->listeners))) == NULL) {
        free(h);
        return refuse(cx, ERR_NO_MEMORY, "", "no memory for the doors");
    }
    os_memory_keep();
    h->setup = *setup;
    h->loop = setup->loop;
    h->sys = setup->sys;
    h->conf = conf_take(setup->conf);
    arena_init(&h->room, 4 << 20);
    arena_init(&h->tuning, 4 << 20);
    arena_init(&h->rewriting, 0);
    add_listeners(h, setup->public_fds, setup->public_count, HTTP_DOOR_PUBLIC);
    add_listeners(h, setup->internal_fds, setup->internal_count, HTTP_DOOR_INTERNAL);
    if ((e = open_rest(cx, h)) != ERR_OK) {
        http_close(h);
        return e;
    }
    if (h->sys != NULL)
        h->sys->http = h;
    for (size_t i = 0; i < h->listener_count; i++)
        listener_on(&h->listeners[i]);
    *out = h;
    return ERR_OK;
}

/* Requests under way keep their conf and their limits' values; the next have the new. */
err_t
http_reload(struct ctx *cx, struct http *h, struct conf *conf)
{
    struct tls_server *tls[HTTP_DOOR_INTERNAL + 1] = { NULL };
    struct arena tuning;
    struct limits limits;
    err_t e;

    arena_init(&tuning, 4 << 20);
    if ((e = limits_read(cx, conf, &tuning, &limits)) != ERR_OK ||
        (e = tls_doors_open(cx, h, conf, tls)) != ERR_OK) {
        arena_fini(&tuning);
        return e;
    }
    limits.operator_token = h->limits.operator_token; /* START: the doors stand as proven */
    for (enum http_door d = HTTP_DOOR_PUBLIC; d <= HTTP_DOOR_INTERNAL; d++) {
        tls_server_close(h->tls[d]);
        h->tls[d] = tls[d];
    }
    arena_fini(&h->tuning);
    h->tuning = tuning;
    h->limits = limits;
    conf_take(conf);
    conf_give(h->conf);
    h->conf = conf;
    return ERR_OK;
}

/* --- closing ------------------------------------------------------------------- */

static void
close_all(struct http *h)
{
    struct http_conn *c, *next;

    for (c = h->first; c != NULL; c = next) {
        next = c->next;
        conn_close(c);
    }
}

static void
on_drain_over(struct loop_timer *timer)
{
    close_all(container_of(timer, struct http, drain_timer));
}

void
http_drain(struct http *h, void (*done)(void *arg), void *arg)
{
    struct http_conn *c, *next;

    h->draining = true;
    h->drained = done;
    h->drained_arg = arg;
    h->drain_timer.fn = on_drain_over;
    close_listeners(h);
    for (c = h->first; c != NULL; c = next) {
        next = c->next;
        if (c->state == CONN_IDLE && c->in_n == 0)
            conn_close(c);
    }
    if (h->open == h->lingering)
        tell_drained(h);
    else if (!loop_timer_set(h->loop, &h->drain_timer,
                             loop_now(h->loop) + h->limits.time_drain))
        close_all(h);
}

void
http_close(struct http *h)
{
    struct exchange *ex;

    if (h == NULL)
        return;
    h->draining = true;
    h->drained = NULL;
    close_listeners(h);
    close_all(h);
    while (h->open > 0) /* what threads hold comes back */
        loop_turn(h->loop, 10);
    loop_turn(h->loop, 0); /* the structs of the last */
    loop_timer_clear(h->loop, &h->drain_timer);
    pool_close(h->pool);
    while ((ex = h->kept) != NULL) {
        h->kept = ex->next;
        arena_fini(&ex->arena);
        free(ex);
    }
    for (enum http_door d = HTTP_DOOR_PUBLIC; d <= HTTP_DOOR_INTERNAL; d++)
        tls_server_close(h->tls[d]);
    if (h->sys != NULL && h->sys->http == h)
        h->sys->http = NULL;
    arena_fini(&h->room);
    arena_fini(&h->tuning);
    arena_fini(&h->rewriting);
    conf_give(h->conf);
    free(h->listeners);
    free(h);
}
