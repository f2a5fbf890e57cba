/*
 * conn.c - a connection: bytes in, bytes out, and a clock on each.
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
#include "sys/http/http_int.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { READ_AT_LEAST = 8 * 1024, TLS_RECORD = 16 * 1024 };

static void go_on(struct http_conn *c);
static void flush(struct http_conn *c);

/* --- ending -------------------------------------------------------------------- */

static void
conn_later(struct loop_task *task)
{
    struct http_conn *c = container_of(task, struct http_conn, later);

    c->queued = false;
    if (c->ended)
        free(c);
    else if (c->state == CONN_WRITE)
        flush(c);
    else
        go_on(c);
}

static void
later(struct http_conn *c)
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
        if (c->ex->status != 0 || c->ex->audited)
            exchange_broken(c->ex);
        exchange_give(c->http, c->ex);
    }
    tls_free(c->tls);
    close(c->io.fd);
    free(c->in);
    c->in = NULL;
    c->ended = true;
    later(c);
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

static void
deadline(struct http_conn *c, int64_t ms)
{
    if (!loop_timer_set(c->http->loop, &c->timer, loop_now(c->http->loop) + ms))
        conn_close(c);
}

/*
 * RFC 9112 9.6: our half is closed, the peer's is read until it has seen that: bytes that
 * nobody reads make of a close a reset, which may overtake the answer.
 */
static void
linger(struct http_conn *c)
{
    c->state = CONN_LINGER;
    shutdown(c->io.fd, SHUT_WR);
    loop_change(c->http->loop, &c->io, EPOLLIN);
    deadline(c, LINGER_MS);
    if (c->state == CONN_LINGER)
        http_lingers(c->http, c);
}

/* --- writing --------------------------------------------------------------- */

static void
idle(struct http_conn *c)
{
    c->state = CONN_IDLE;
    c->ex = NULL;
    loop_change(c->http->loop, &c->io, EPOLLIN | EPOLLRDHUP);
    deadline(c, c->fresh ? c->http->limits.time_header : c->http->limits.time_idle);
    if (c->state == CONN_IDLE && !c->going)
        http_waits(c->http, c);
}

static void
count_answer(struct http *h, const struct exchange *ex)
{
    int64_t ms = loop_clock() - ex->since_ms;
    unsigned i = 0;

    while (ms > http_bucket_ms[i])
        i++;
    atomic_fetch_add_explicit(&h->stats.latency[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->stats.latency_ms, (uint64_t)ms, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->stats.requests[ex->status / 100 % HTTP_CLASSES], 1,
                              memory_order_relaxed);
}

/* The whole answer went. */
static void
finish(struct http_conn *c)
{
    struct exchange *ex = c->ex;
    bool end = ex->close_after;
    bool more = c->linger || ex->keep_alive; /* the peer thinks that it may go on */

    count_answer(c->http, ex);
    exchange_give(c->http, ex);
    c->ex = NULL;
    if (!end) {
        idle(c);
        if (c->state == CONN_IDLE && !c->going && (c->in_n > 0 || c->tls != NULL))
            later(c);
        return;
    }
    if (c->tls != NULL)
        tls_bye(c->tls);
    if (more)
        linger(c);
    else
        conn_close(c);
}

static bool
write_plain(struct http_conn *c, size_t *n)
{
    struct bytes *out = c->ex->out;
    size_t skip = c->out_at;
    struct iovec v[2];
    struct msghdr m = { .msg_iov = v };
    ssize_t r;

    for (int i = 0; i < 2; i++) {
        if (skip >= out[i].n) {
            skip -= out[i].n;
            continue;
        }
        v[m.msg_iovlen++] =
            (struct iovec){ (void *)(uintptr_t)(out[i].p + skip), out[i].n - skip };
        skip = 0;
    }
    r = sendmsg(c->io.fd, &m, MSG_NOSIGNAL);
    *n = r > 0 ? (size_t)r : 0;
    return r >= 0 || errno == EAGAIN || errno == EINTR;
}

static bool
write_tls(struct http_conn *c, size_t *n)
{
    struct bytes *out = c->ex->out;
    bool head = c->out_at < out[0].n;
    size_t skip = head ? c->out_at : c->out_at - out[0].n;
    struct bytes b = head ? out[0] : out[1];
    enum tls_io r = tls_write(c->tls, b.p + skip, b.n - skip, n);

    return r == TLS_IO_OK || r == TLS_IO_READ || r == TLS_IO_WRITE;
}

static void
flush(struct http_conn *c)
{
    size_t all = c->ex->out[0].n + c->ex->out[1].n, n;

    while (c->out_at < all) {
        if (!(c->tls != NULL ? write_tls(c, &n) : write_plain(c, &n))) {
            conn_close(c);
            return;
        }
        if (n == 0) {
            loop_change(c->http->loop, &c->io, EPOLLOUT);
            return;
        }
        c->out_at += n;
    }
    if (c->drained != NULL) {
        void (*drained)(struct http_conn *) = c->drained;

        c->drained = NULL;
        c->state = CONN_RUN;
        if ((c->io.events & EPOLLRDHUP) == 0) /* it had to wait: see again who goes */
            loop_change(c->http->loop, &c->io, EPOLLRDHUP);
        drained(c);
    } else {
        finish(c);
    }
}

/* Head and body in one TLS record, where they fit. */
static void
join(struct exchange *ex)
{
    size_t n = ex->out[0].n + ex->out[1].n;
    uint8_t *p;

    if (ex->out[1].n == 0 || n > TLS_RECORD || (p = arena_alloc(&ex->arena, n)) == NULL)
        return;
    memcpy(p, ex->out[0].p, ex->out[0].n);
    memcpy(p + ex->out[0].n, ex->out[1].p, ex->out[1].n);
    ex->out[0] = (struct bytes){ p, n };
    ex->out[1] = (struct bytes){ NULL, 0 };
}

void
conn_reply(struct http_conn *c)
{
    struct exchange *ex = c->ex;

    if (ex->relay_asked != NULL) {
        relay_start(ex);
        return;
    }
    ex->close_after = ex->close_after || c->http->draining;
    if (!reply_build(ex)) {
        conn_close(c);
        return;
    }
    if (c->tls != NULL)
        join(ex);
    c->out_at = 0;
    c->drained = NULL;
    c->state = CONN_WRITE;
    later(c); /* the turn's answers one behind the other: the first wakes who listens */
}

void
conn_stream(struct http_conn *c, void (*drained)(struct http_conn *c))
{
    c->out_at = 0;
    c->drained = drained;
    c->state = CONN_WRITE;
    flush(c);
}

void
conn_stream_end(struct http_conn *c, bool whole)
{
    if (whole)
        finish(c);
    else
        conn_close(c); /* no last chunk, no close_notify: the peer can tell */
}

/* --- running ------------------------------------------------------------------- */

static void
back_on_loop(struct loop_task *task)
{
    struct exchange *ex = container_of(task, struct exchange, back);
    struct http_conn *c = ex->conn;

    c->http->in_pool--;
    c->busy = false;
    if (c->state == CONN_DEAD)
        conn_end(c);
    else
        conn_reply(c);
}

static void
run_in_pool(struct pool_job *job)
{
    struct exchange *ex = container_of(job, struct exchange, job);

    ex->result = exchange_run(ex);
    loop_post(ex->http->loop, &ex->back);
}

static void
pool_is_full(struct http_conn *c)
{
    struct exchange *ex = c->ex;

    COUNT_UP(c->http, pool_full);
    exchange_refused(ex, refuse(&ex->rq.cx, ERR_UNAVAILABLE, "http.pool.queue",
                                "all threads are busy, and the queue is full"));
    conn_reply(c);
}

static void
to_pool(struct http_conn *c)
{
    struct exchange *ex = c->ex;

    ex->rq.cx.may_not_block = false;
    ex->job.fn = run_in_pool;
    ex->back.fn = back_on_loop;
    c->busy = true;
    c->http->in_pool++;
    if (pool_put(c->http->pool, &ex->job))
        return;
    c->busy = false;
    c->http->in_pool--;
    pool_is_full(c);
}

static void worked(struct exchange *ex);

static void
run_here(struct http_conn *c)
{
    struct exchange *ex = c->ex;

    ex->rq.cx.may_not_block = true;
    if (exchange_run(ex) != ERR_WOULD_BLOCK) {
        conn_reply(c);
    } else if (ex->work != NULL) {
        work_later(ex, worked);
    } else {
        COUNT_UP(c->http, reruns);
        to_pool(c);
    }
}

static void
worked(struct exchange *ex)
{
    struct http_conn *c = ex->conn;

    if (c->state == CONN_DEAD)
        conn_end(c);
    else if (ex->worked == NULL)
        pool_is_full(c);
    else
        run_here(c);
}

static void
dispatch(struct http_conn *c)
{
    struct exchange *ex = c->ex;
    const struct http_route *row = ex->rq.route;
    int64_t most = c->http->limits.time_answer;

    c->state = CONN_RUN;
    c->fresh = false;
    ex->close_after = !ex->keep_alive;
    ex->since_ms = loop_now(c->http->loop);
    ex->rq.cx.deadline_ms = ex->since_ms + most;
    deadline(c, most);
    if (c->state == CONN_DEAD)
        return;
    if (row != NULL && row->run == HTTP_RUN_POOL && ex->result == ERR_OK) {
        to_pool(c);
        return;
    }
    run_here(c);
}

/* --- reading ------------------------------------------------------------------- */

static bool
is_reading(const struct http_conn *c)
{
    return c->state == CONN_IDLE || c->state == CONN_HEAD || c->state == CONN_BODY;
}

/* What the parser refused: say so, and hear no more on this connection. */
static void
refused(struct http_conn *c)
{
    struct exchange *ex = c->ex;

    ex->close_after = c->linger = ex->binding = true;
    ex->is_http10 = false;
    ex->audited = false;
    deadline(c, c->http->limits.time_answer);
    if (c->state == CONN_DEAD)
        return;
    exchange_refused(ex, ex->rq.cx.refused);
    conn_reply(c);
}

/* RFC 9110 10.1.1: only a body that will be taken is asked for. */
static void
say_continue(struct http_conn *c)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    size_t n = 0;

    c->ex->expects = false;
    if (c->tls != NULL) {
        if (tls_write(c->tls, text, sizeof(text) - 1, &n) != TLS_IO_OK)
            conn_close(c);
    } else if (send(c->io.fd, text, sizeof(text) - 1, MSG_NOSIGNAL) != sizeof(text) - 1) {
        conn_close(c);
    }
}

static void
await_body(struct http_conn *c)
{
    if (c->state != CONN_BODY) {
        c->state = CONN_BODY;
        deadline(c, c->http->limits.time_body);
    }
    if (c->state == CONN_BODY && c->ex->expects && c->ex->body_n == 0)
        say_continue(c);
}

static bool
begin(struct http_conn *c)
{
    c->ex = exchange_take(c->http, c);
    if (c->ex == NULL) {
        conn_close(c);
        return false;
    }
    c->state = CONN_HEAD;
    if (!c->fresh)
        deadline(c, c->http->limits.time_header);
    return c->state == CONN_HEAD;
}

/* Keeps what was not worked off for the next turn. */
static void
keep(struct http_conn *c, const char *rest, size_t n)
{
    bool own = rest >= c->in && c->in != NULL && rest <= c->in + c->in_room;

    c->in_fed = c->state == CONN_HEAD ? n : 0;
    if (c->state == CONN_DEAD || c->state == CONN_LINGER || n == 0) {
        free(c->in);
        c->in = NULL;
        c->in_n = c->in_room = 0;
        return;
    }
    if (own) {
        memmove(c->in, rest, n);
    } else {
        free(c->in);
        if ((c->in = malloc(n + READ_AT_LEAST)) == NULL) {
            c->in_n = c->in_room = 0;
            conn_close(c);
            return;
        }
        c->in_room = n + READ_AT_LEAST;
        memcpy(c->in, rest, n);
    }
    c->in_n = n;
}

/* One step of the parser; how many bytes are done with. */
static size_t
step(struct http_conn *c, const char *p, size_t fed, size_t n)
{
    size_t used;

    switch (parse_feed(c->ex, p, fed, n, &used)) {
    case PARSE_MORE:
        if (!c->ex->head_done)
            return 0;
        await_body(c);
        return n;
    case PARSE_WHOLE: dispatch(c); return used;
    case PARSE_REFUSED: refused(c); break;
    }
    return n;
}

/* Works off bytes[0..n), of which the parser has seen `fed`. */
static void
go(struct http_conn *c, const char *bytes, size_t fed, size_t n)
{
    size_t at = 0;

    c->going = true;
    for (int turn = 0; at < n && is_reading(c); turn++) {
        size_t done;

        if (turn == PIPELINE_TURN && c->state == CONN_IDLE) {
            later(c);
            break;
        }
        if (c->state == CONN_IDLE) {
            while (at < n && (bytes[at] == '\r' || bytes[at] == '\n'))
                at++; /* RFC 9112 2.2: empty lines before a request */
            if (at == n || !begin(c))
                break;
            fed = 0;
        }
        done = step(c, bytes + at, fed, n - at);
        at += done;
        fed = 0;
        if (done == 0)
            break;
    }
    keep(c, bytes + at, n - at);
    c->going = false;
    if (c->state == CONN_IDLE && c->in_n == 0)
        http_waits(c->http, c);
}

static ssize_t
receive(struct http_conn *c, char *to, size_t room)
{
    size_t n;

    if (c->tls == NULL)
        return recv(c->io.fd, to, room, 0);
    switch (tls_read(c->tls, to, room, &n)) {
    case TLS_IO_OK: return (ssize_t)n;
    case TLS_IO_END: return 0;
    case TLS_IO_READ:
    case TLS_IO_WRITE: errno = EAGAIN; return -1;
    case TLS_IO_WAIT:
    case TLS_IO_FAILED: break;
    }
    errno = ECONNRESET;
    return -1;
}

/* Where to read to: our own buffer goes on; without one, the loop's. */
static char *
room_for_read(struct http_conn *c, size_t *room)
{
    char *p;

    if (c->in_n == 0) {
        *room = SCRATCH;
        return c->http->scratch;
    }
    if (c->in_room - c->in_n < READ_AT_LEAST) {
        if ((p = realloc(c->in, 2 * c->in_room)) == NULL)
            return NULL;
        c->in = p;
        c->in_room *= 2;
    }
    *room = c->in_room - c->in_n;
    return c->in + c->in_n;
}

static void
read_some(struct http_conn *c)
{
    do {
        size_t room, before = c->in_n;
        char *to = room_for_read(c, &room);
        ssize_t n = to == NULL ? 0 : receive(c, to, room);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) { /* gone, also in the middle of a request */
            conn_close(c);
            return;
        }
        go(c, to - before, c->in_fed, before + (size_t)n);
    } while (c->tls != NULL && is_reading(c));
}

static void
go_on(struct http_conn *c)
{
    if (c->state != CONN_IDLE)
        return;
    if (c->in_n > 0)
        go(c, c->in, 0, c->in_n);
    if (c->tls != NULL && is_reading(c))
        read_some(c);
}

static void
swallow(struct http_conn *c)
{
    ssize_t n = recv(c->io.fd, c->http->scratch, SCRATCH, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    c->lingered += n > 0 ? (size_t)n : 0;
    if (n <= 0 || c->lingered > LINGER_BYTES)
        conn_close(c);
}

/* --- events -------------------------------------------------------------------- */

static void
shake(struct http_conn *c)
{
    switch (tls_handshake(c->tls)) {
    case TLS_IO_OK:
        COUNT_UP(c->http, handshakes);
        idle(c);
        if (c->state == CONN_IDLE)
            read_some(c);
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
    case CONN_BODY: read_some(c); break;
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
            flush(c);
        break;
    case CONN_LINGER: swallow(c); break;
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
        refused(c);
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
                             .later.fn = conn_later,
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
        idle(c);
        return;
    }
    c->state = CONN_HANDSHAKE;
    if ((c->tls = tls_accept(h->tls[door], fd, c)) == NULL)
        conn_close(c);
    else
        deadline(c, h->limits.time_handshake);
}
