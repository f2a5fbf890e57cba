/*
 * conn.c - a connection's life: opened, shaken hands with, waited for, ended; its clock.
 *
 *      accept ─► HANDSHAKE ─► IDLE ─► HEAD ─► BODY ─► RUN ─► WRITE ─┬─► IDLE
 *                  (TLS)        └────────────────────►              └─► LINGER ─► DEAD
 *
 * Rule      Each state but RUN in the pool has an absolute deadline: a peer that
 *           drips bytes gains no time by it.
 * Trust     The peer wishes us ill: it may stop, drip, flood, or go at any byte.
 * Lifetime  conn_close ends all but the struct, which the end of the turn frees; with a
 *           thread still busy for it, the thread's return does both.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/http/conn_int.h"

#include "base/log.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- ending -------------------------------------------------------------------- */

static void
on_later(struct loop_task *task)
{
    struct http_conn *c = container_of(task, struct http_conn, later);

    c->queued = false;
    if (c->ended)
        free(c);
    else if (c->state == CONN_WRITE)
        conn__flush(c);
    else
        conn__go_on(c);
}

void
conn__later(struct http_conn *c)
{
    if (!c->queued)
        loop_after(c->http->loop, &c->later);
    c->queued = true;
}

static void
conn_end(struct http_conn *c)
{
    assert(c->state == CONN_DEAD && !c->busy && !c->ended);
    if (c->ex != NULL) {
        if (c->ex->status != 0 || c->ex->audited) {
            exchange_broken(c->ex);
            exchange_ended(c->ex, 0);
        }
        exchange_give(c->http, c->ex);
    }
    tls_free(c->tls);
    close(c->io.fd);
    free(c->in);
    c->in = NULL;
    c->ended = true;
    conn__later(c);
    http_gone(c->http, c);
}

void
conn_back(struct http_conn *c)
{
    conn_end(c);
}

void
conn_close(struct http_conn *c)
{
    if (c->state == CONN_DEAD)
        return;
    c->state = CONN_DEAD;
    loop_timer_clear(c->http->loop, &c->timer);
    loop_remove(c->http->loop, &c->io);
    shutdown(c->io.fd, SHUT_RDWR);
    if (c->ex != NULL && c->ex->relay != NULL)
        relay_cancel(c->ex);
    if (!c->busy)
        conn_end(c);
}

/* --- waiting ------------------------------------------------------------------ */

void
conn__deadline(struct http_conn *c, int64_t ms)
{
    if (!loop_timer_set(c->http->loop, &c->timer, loop_now(c->http->loop) + ms))
        conn_close(c);
}

void
conn__idle(struct http_conn *c)
{
    c->state = CONN_IDLE;
    c->ex = NULL;
    loop_change(c->http->loop, &c->io, EPOLLIN | EPOLLRDHUP);
    conn__deadline(c, c->fresh ? c->http->limits.time_header : c->http->limits.time_idle);
    if (c->state == CONN_IDLE && !c->going)
        http_waits(c->http, c);
}

/*
 * RFC 9112 9.6: our half is closed, the peer's is read until it has seen that: bytes that
 * nobody reads make of a close a reset, which may overtake the answer.
 */
void
conn__linger(struct http_conn *c)
{
    c->state = CONN_LINGER;
    shutdown(c->io.fd, SHUT_WR);
    loop_change(c->http->loop, &c->io, EPOLLIN);
    conn__deadline(c, LINGER_MS);
    if (c->state == CONN_LINGER)
        http_lingers(c->http, c);
}

/* --- events -------------------------------------------------------------------- */

static void
shake(struct http_conn *c)
{
    switch (tls_handshake(c->tls)) {
    case TLS_IO_OK:
        COUNT_UP(c->http, handshakes);
        conn__idle(c);
        if (c->state == CONN_IDLE)
            conn__read(c);
        return;
    case TLS_IO_READ: loop_change(c->http->loop, &c->io, EPOLLIN | EPOLLRDHUP); return;
    case TLS_IO_WRITE: loop_change(c->http->loop, &c->io, EPOLLOUT); return;
    case TLS_IO_WAIT: loop_change(c->http->loop, &c->io, 0); return; /* conn_tls_again */
    case TLS_IO_END:
    case TLS_IO_FAILED: break;
    }
    COUNT_UP(c->http, handshakes_failed);
    conn_close(c);
}

/* The signer has answered. OpenSSL's job must run to its end even for the dead. */
void
conn_tls_again(struct http_conn *c)
{
    c->busy = false;
    if (c->state != CONN_DEAD) {
        shake(c);
        return;
    }
    (void)tls_handshake(c->tls);
    if (!c->busy)
        conn_end(c);
}

static void
on_ready(struct loop_io *io, uint32_t ready)
{
    struct http_conn *c = container_of(io, struct http_conn, io);

    switch (c->state) {
    case CONN_HANDSHAKE:
        if (c->busy) /* the peer went while the signer works */
            conn_close(c);
        else
            shake(c);
        break;
    case CONN_IDLE:
    case CONN_HEAD:
    case CONN_BODY: conn__read(c); break;
    case CONN_RUN:
        if (ready & (EPOLLHUP | EPOLLERR) || (ready & EPOLLRDHUP && c->ex->relay != NULL))
            conn_close(c); /* gone: nobody is served by going on */
        else
            loop_change(c->http->loop, &c->io, 0);
        break;
    case CONN_WRITE:
        if (ready & (EPOLLHUP | EPOLLERR))
            conn_close(c);
        else
            conn__flush(c);
        break;
    case CONN_LINGER: conn__swallow(c); break;
    case CONN_DEAD: break;
    }
}

static void
on_time(struct loop_timer *timer)
{
    struct http_conn *c = container_of(timer, struct http_conn, timer);

    if (c->state != CONN_IDLE && c->state != CONN_LINGER)
        COUNT_UP(c->http, timeouts);
    if (c->state == CONN_HEAD || c->state == CONN_BODY) {
        (void)!refuse(&c->ex->rq.cx, ERR_REQUEST_TIME, "RFC 9110 15.5.9",
                      "the %s did not arrive in time",
                      c->state == CONN_HEAD ? "head" : "body");
        conn__refused(c);
        return;
    }
    conn_close(c);
}

void
conn_open(struct http *h, int fd, enum http_door door, const struct addr *from)
{
    struct http_conn *c = calloc(1, sizeof(*c));
    struct arena none = { 0 };
    struct ctx cx;
    int one = 1;

    if (c == NULL) {
        close(fd);
        return;
    }
    ctx_init(&cx, &none, loop_wall(h->loop));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    *c = (struct http_conn){ .io = { fd, EPOLLIN | EPOLLRDHUP, on_ready },
                             .timer.fn = on_time,
                             .later.fn = on_later,
                             .http = h,
                             .door = door,
                             .address = *from,
                             .proxy =
                                 addr_in(from, h->limits.proxies, h->limits.proxy_count),
                             .fresh = true };
    if (!http_take_conn(h, c)) {
        close(fd);
        free(c);
        return;
    }
    c->state = CONN_LINGER; /* until it is known what it is: nothing to end but the fd */
    if (loop_add(&cx, h->loop, &c->io) != ERR_OK) {
        log_warn(NULL, "a connection was turned away: %.*s", STR(cx.reason));
        conn_close(c);
        return;
    }
    if (h->tls[door] == NULL) {
        conn__idle(c);
        return;
    }
    c->state = CONN_HANDSHAKE;
    if ((c->tls = tls_accept(h->tls[door], fd, c)) == NULL)
        conn_close(c);
    else
        conn__deadline(c, h->limits.time_handshake);
}
