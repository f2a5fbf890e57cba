/*
 * conn_answer.c - from a whole request to the last byte of its answer: run, and written.
 *
 *      dispatch ─┬─► here ──────────┬─► reply ─► (end of the turn) ─► flush ─► finish
 *                └─► pool ─► back ──┘     └─► relay ─► stream ─► … ─► stream_end
 *
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/http/conn_int.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { TLS_RECORD = 16 * 1024 };

/* --- running ------------------------------------------------------------------- */

static void
back_on_loop(struct loop_task *task)
{
    struct exchange *ex = container_of(task, struct exchange, back);
    struct http_conn *c = ex->conn;

    c->busy = false;
    if (c->state == CONN_DEAD)
        conn_back(c);
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
    c->busy = pool_put(c->http->pool, &ex->job);
    if (!c->busy)
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
        conn_back(c);
    else if (ex->worked == NULL)
        pool_is_full(c);
    else
        run_here(c);
}

void
conn__dispatch(struct http_conn *c)
{
    struct exchange *ex = c->ex;
    const struct http_route *row = ex->rq.route;
    int64_t most = c->http->limits.time_answer;

    c->state = CONN_RUN;
    c->fresh = false;
    ex->close_after = !ex->keep_alive;
    ex->since_ms = loop_now(c->http->loop);
    ex->rq.cx.deadline_ms = ex->since_ms + most;
    conn__deadline(c, most);
    if (c->state == CONN_DEAD)
        return;
    if (row != NULL && row->run == HTTP_RUN_POOL && ex->result == ERR_OK) {
        to_pool(c);
        return;
    }
    run_here(c);
}

/* --- writing --------------------------------------------------------------- */

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
    exchange_ended(ex, ex->status);
    exchange_give(c->http, ex);
    c->ex = NULL;
    if (!end) {
        conn__idle(c);
        if (c->state == CONN_IDLE && !c->going && (c->in_n > 0 || c->tls != NULL))
            conn__later(c);
        return;
    }
    if (c->tls != NULL)
        tls_bye(c->tls);
    if (more)
        conn__linger(c);
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

void
conn__flush(struct http_conn *c)
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
    /* The turn's answers one behind the other: the first wakes who listens. */
    conn__later(c);
}

void
conn_stream(struct http_conn *c, void (*drained)(struct http_conn *c))
{
    c->out_at = 0;
    c->drained = drained;
    c->state = CONN_WRITE;
    conn__flush(c);
}

void
conn_stream_end(struct http_conn *c, bool whole)
{
    if (whole)
        finish(c);
    else
        conn_close(c); /* no last chunk, no close_notify: the peer can tell */
}
