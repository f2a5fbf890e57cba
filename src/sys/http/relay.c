/*
 * relay.c - the gateway's way out: an answer that comes from an upstream.
 *
 *      upstream ─► on_body ─► [ filling ] ⇄ [ sending ] ─► client
 *                    └ PAUSE while `filling` is over HIGH_WATER ┘
 *
 * With `rewrite` the answer is held whole, rewritten, and sent as one: here when it is
 * small, since handing over costs more than that; else in the pool.
 *
 * Rule      RFC 9110 7.6.1: what belongs to one connection does not pass. The answer's
 *           framing is ours, never the upstream's. At most `body_max` bytes pass.
 * Trust     The upstream is configured, and may break, stall or flood all the same.
 * Lifetime  A relay is on the heap, as a flush of the loop may outlive its exchange. It
 *           ends with the answer's last byte, or with the client's connection; while a
 *           thread rewrites, with that thread's return.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/http/client.h"
#include "sys/http/http_int.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HIGH_WATER = 128 * 1024,
    PIECE_MAX = 64 * 1024,     /* CURLOPT_BUFFERSIZE: the most that comes at once */
    FRAME = 16,                /* the end of a chunk and the last chunk */
    REWRITE_HERE = 256 * 1024, /* bytes: a fraction of a millisecond */
    WARM = 1024 * 1024,        /* what parsing that many takes */
    RELAY_HEADERS = 64,
    ANSWER_MARGIN_MS = 100,
};

struct line {
    struct str name, value;
};

struct relay {
    struct transfer t;
    struct exchange *ex;
    const struct reply_relay *asked;
    struct loop_task task;           /* flush, at the end of the turn */
    struct pool_job job;             /* rewrite */
    struct line line[RELAY_HEADERS]; /* in the exchange's arena */
    unsigned lines;
    int status;
    int64_t length; /* as the upstream says; -1: it does not */
    uint64_t total;
    char *filling, *sending;
    size_t filling_room, sending_room;
    size_t filled;
    struct buf held;
    struct str rewritten;
    char size_line[24];
    bool head_sent, over, paused, queued, in_flight, last_sent, dead;
};

static void flush_later(struct relay *r);

/* --- ends ------------------------------------------------------------------ */

static void
free_buffers(struct relay *r)
{
    free(r->filling);
    free(r->sending);
    r->filling = r->sending = NULL;
}

/* A flush that is queued finds it dead, and frees it. */
static void
end(struct relay *r)
{
    if (!r->over)
        client_cancel(&r->t);
    r->over = r->dead = true;
    r->ex->relay = NULL;
    free_buffers(r);
    if (!r->queued)
        free(r);
}

/* Nothing went out yet: the client gets an answer of ours. */
static void
fail(struct relay *r, err_t e)
{
    struct exchange *ex = r->ex;

    COUNT_UP(ex->http, relays_broken);
    log_warn(&ex->rq.cx, "%s: the upstream failed: %.*s", ex->rq.route->op,
             STR(ex->rq.cx.reason));
    end(r);
    exchange_broken(ex);
    reply_reset(ex);
    reply_error(ex, e);
    conn_reply(ex->conn);
}

static void
break_off(struct relay *r)
{
    struct http_conn *c = r->ex->conn;

    COUNT_UP(c->http, relays_broken);
    log_warn(&r->ex->rq.cx, "%s: an answer broke off: %.*s", r->ex->rq.route->op,
             STR(r->ex->rq.cx.reason));
    end(r);
    conn_stream_end(c, false);
}

void
relay_cancel(struct exchange *ex)
{
    if (ex->conn->busy) /* being rewritten: back_on_loop ends it */
        return;
    COUNT_UP(ex->http, relays_broken);
    end(ex->relay);
}

/* --- the head -------------------------------------------------------------- */

static bool
on_head(struct transfer *t, struct str line)
{
    struct relay *r = container_of(t, struct relay, t);
    struct str value = line, name = str_cut(&value, ':');
    struct arena *a = r->ex->rq.cx.arena;
    uint64_t n;

    if (str_starts(line, S("HTTP/"))) {
        r->lines = 0;
        r->length = -1;
        return true;
    }
    if (line.n == 0 || name.n == line.n)
        return true;
    value = str_trim(value);
    if (str_eq_case(name, S("content-length")))
        r->length = str_to_u64(value, &n) && n < INT64_MAX ? (int64_t)n : -1;
    if (r->lines == RELAY_HEADERS) {
        (void)!refuse(t->cx, ERR_UPSTREAM, "",
                      "the upstream's answer has too many headers");
        return false;
    }
    r->line[r->lines++] = (struct line){ arena_str(a, name), arena_str(a, value) };
    return !a->failed;
}

static bool
is_one_of(struct str name, const struct str *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq_case(name, list[i]))
            return true;
    }
    return false;
}

/* Of this connection, or ours to say. */
static const struct str never[] = {
    S_INIT("connection"),
    S_INIT("keep-alive"),
    S_INIT("proxy-connection"),
    S_INIT("te"),
    S_INIT("trailer"),
    S_INIT("transfer-encoding"),
    S_INIT("upgrade"),
    S_INIT("content-length"),
    S_INIT("date"),
    S_INIT("server"),
    S_INIT("set-cookie"),
    S_INIT("x-request-id"),
    S_INIT("content-type"),
    S_INIT("x-content-type-options"),
    S_INIT("proxy-authenticate"),
};
/* Names no place, and says nothing about who stands behind. */
static const struct str harmless[] = {
    S_INIT("etag"),          S_INIT("last-modified"),    S_INIT("expires"),
    S_INIT("vary"),          S_INIT("cache-control"),    S_INIT("content-language"),
    S_INIT("age"),           S_INIT("retry-after"),      S_INIT("content-range"),
    S_INIT("accept-ranges"), S_INIT("content-encoding"),
};

static struct str
line_of(const struct relay *r, struct str name)
{
    for (unsigned i = 0; i < r->lines; i++) {
        if (str_eq_case(r->line[i].name, name))
            return r->line[i].value;
    }
    return (struct str){ NULL, 0 };
}

static void
pass_line(struct relay *r, struct line l)
{
    struct req *rq = &r->ex->rq;
    char *name;

    if (is_one_of(l.name, never, COUNT(never)))
        return;
    if (r->asked->header != NULL ? !r->asked->header(rq, l.name, &l.value)
                                 : !is_one_of(l.name, harmless, COUNT(harmless)))
        return;
    if ((name = arena_z(rq->cx.arena, l.name)) != NULL)
        reply_header(rq, name, l.value);
}

static err_t
accept_head(struct relay *r)
{
    struct exchange *ex = r->ex;
    struct str type = { NULL, 0 };
    err_t e;

    if (r->asked->accept == NULL)
        return ERR_OK;
    if (ex->type != NULL && (e = media_type(&ex->rq.cx, str_of(ex->type), &type)) != ERR_OK)
        return e;
    return r->asked->accept(&ex->rq, r->status, type);
}

/* Judges the upstream's head, and makes it ours. */
static err_t
take_head(struct relay *r)
{
    struct exchange *ex = r->ex;
    struct ctx *cx = &ex->rq.cx;
    struct str type = line_of(r, S("content-type"));
    err_t e;

    ex->status = r->status;
    if (r->status < 200 || r->status > 599)
        return refuse(cx, ERR_UPSTREAM, "", "the upstream answers with status %d",
                      r->status);
    if (r->length >= 0 && (uint64_t)r->length > r->asked->body_max &&
        ex->rq.method != HTTP_HEAD)
        return refuse(cx, ERR_UPSTREAM, "", "the upstream's answer passes %zu bytes",
                      r->asked->body_max);
    if ((r->asked->accept != NULL || r->asked->rewrite != NULL) &&
        line_of(r, S("content-encoding")).p != NULL)
        return refuse(cx, ERR_UPSTREAM, "",
                      "the upstream's answer is encoded, though not asked");
    ex->type = type.p == NULL ? NULL : arena_z(cx->arena, type);
    if ((e = accept_head(r)) != ERR_OK)
        return e;
    for (unsigned i = 0; i < r->lines; i++)
        pass_line(r, r->line[i]);
    if (ex->broken_header || cx->arena->failed || ex->reply_headers.failed)
        return refuse(cx, ERR_UPSTREAM, "", "the upstream's head cannot be passed on");
    return ERR_OK;
}

/* --- the body, inside libcurl -------------------------------------------------- */

static enum client_taken
hold(struct relay *r, struct bytes piece)
{
    struct ctx *cx = &r->ex->rq.cx;

    if (piece.n > r->asked->hold_max - r->held.n) {
        (void)!refuse(cx, ERR_UPSTREAM, "",
                      "the answer passes the %zu bytes that are rewritten",
                      r->asked->hold_max);
        return CLIENT_STOP;
    }
    if (r->held.p == NULL && r->length > 0 && (uint64_t)r->length <= r->asked->hold_max)
        buf_room(&r->held, (size_t)r->length); /* once, and never copied */
    buf_add(&r->held, piece.p, piece.n);
    if (!r->held.failed)
        return CLIENT_TAKEN;
    (void)!refuse_memory(cx);
    return CLIENT_STOP;
}

/* Room for all that may come before it is sent; most answers are small, and say so. */
static bool
make_room(struct relay *r, size_t n)
{
    uint64_t most = HIGH_WATER + PIECE_MAX;

    if (r->length >= 0 && (uint64_t)r->length < r->total + most)
        most = (uint64_t)r->length - r->total;
    if (r->filling == NULL) {
        r->filling_room = (size_t)most + FRAME;
        r->filling = malloc(r->filling_room);
    }
    return r->filling != NULL && r->filled + n + FRAME <= r->filling_room;
}

static enum client_taken
on_body(struct transfer *t, struct bytes piece)
{
    struct relay *r = container_of(t, struct relay, t);

    r->status = client_status(t);
    if (r->asked->rewrite != NULL)
        return hold(r, piece);
    if (r->filled + piece.n > HIGH_WATER + PIECE_MAX) {
        r->paused = true;
        return CLIENT_PAUSE;
    }
    if (r->total + piece.n > r->asked->body_max) {
        (void)!refuse(t->cx, ERR_UPSTREAM, "", "the upstream's answer passes %zu bytes",
                      r->asked->body_max);
        return CLIENT_STOP;
    }
    if (r->length >= 0 && r->total + piece.n > (uint64_t)r->length) {
        (void)!refuse(t->cx, ERR_UPSTREAM, "RFC 9112 6.3", "more than was announced");
        return CLIENT_STOP;
    }
    if (!make_room(r, piece.n)) {
        (void)!refuse(t->cx, ERR_NO_MEMORY, "", "no memory for an answer");
        return CLIENT_STOP;
    }
    memcpy(r->filling + r->filled, piece.p, piece.n);
    r->filled += piece.n;
    r->total += piece.n;
    flush_later(r);
    return CLIENT_TAKEN;
}

/* --- to the client ------------------------------------------------------------- */

static bool
is_chunked(const struct relay *r)
{
    return r->length < 0 && !r->ex->is_http10 && r->ex->rq.method != HTTP_HEAD &&
           r->status != 204 && r->status != 304;
}

/* The head, with the first chunk's size behind it; later sizes alone. */
static bool
put_front(struct relay *r, size_t n)
{
    struct exchange *ex = r->ex;
    int size = 0;
    struct str both;

    if (is_chunked(r) && n > 0)
        size = snprintf(r->size_line, sizeof(r->size_line), "%zx\r\n", n);
    if (r->head_sent) {
        ex->out[0] = (struct bytes){ (const uint8_t *)r->size_line, (size_t)size };
        return true;
    }
    r->head_sent = true;
    ex->close_after = ex->close_after || ex->http->draining;
    if (!reply_head_stream(ex, r->length))
        return false;
    both = arena_join(&ex->arena, str_of_bytes(ex->out[0]),
                      (struct str){ r->size_line, (size_t)size });
    ex->out[0] = bytes_of(both);
    return both.p != NULL;
}

static void on_drained(struct http_conn *c);

static void
send_more(struct relay *r)
{
    struct exchange *ex = r->ex;
    char *swap = r->sending;
    size_t n = r->filled, all = n, swap_room = r->sending_room;

    if (!put_front(r, n)) {
        break_off(r);
        return;
    }
    r->sending = r->filling;
    r->sending_room = r->filling_room;
    r->filling = swap;
    r->filling_room = swap_room;
    r->filled = 0;
    ex->out[1] = (struct bytes){ (const uint8_t *)r->sending, n };
    if (is_chunked(r)) {
        if (n > 0) {
            memcpy(r->sending + n, "\r\n", 2);
            all += 2;
        }
        if (r->over && n > 0) {
            memcpy(r->sending + all, "0\r\n\r\n", 5);
            all += 5;
        }
        ex->out[1].n = all;
        if (r->over && n == 0)
            ex->out[1] = bytes_of(S("0\r\n\r\n"));
    }
    r->last_sent = r->over;
    r->in_flight = true;
    conn_stream(ex->conn, on_drained);
}

static void
on_drained(struct http_conn *c)
{
    struct relay *r = c->ex->relay;

    r->in_flight = false;
    if (r->last_sent) {
        end(r);
        conn_stream_end(c, true);
        return;
    }
    if (r->paused) {
        r->paused = false;
        client_go_on(&r->t); /* what was paused comes at once, into `filling` */
        if (c->ex == NULL || c->ex->relay != r)
            return;
    }
    if (r->filled > 0 || r->over)
        flush_later(r);
}

static void
flush(struct loop_task *task)
{
    struct relay *r = container_of(task, struct relay, task);
    err_t e;

    r->queued = false;
    if (r->dead) {
        free(r);
        return;
    }
    if (r->in_flight)
        return;
    if (!r->head_sent && (e = take_head(r)) != ERR_OK) {
        fail(r, e);
        return;
    }
    send_more(r);
}

static void
flush_later(struct relay *r)
{
    if (r->queued || r->in_flight)
        return;
    r->queued = true;
    loop_after(r->ex->http->loop, &r->task);
}

/* --- held and rewritten -------------------------------------------------------- */

static void
rewritten(struct relay *r)
{
    struct exchange *ex = r->ex;
    struct http_conn *c = ex->conn;

    if (ex->result != ERR_OK) {
        fail(r, ex->result);
        return;
    }
    ex->reply_body = bytes_of(r->rewritten);
    end(r);
    conn_reply(c);
}

static void
back_on_loop(struct loop_task *task)
{
    struct exchange *ex = container_of(task, struct exchange, back);
    struct relay *r = ex->relay;
    struct http_conn *c = ex->conn;

    c->busy = false;
    if (c->state == CONN_DEAD) {
        end(r);
        conn_back(c);
        return;
    }
    rewritten(r);
}

static err_t
rewrite(struct relay *r)
{
    struct exchange *ex = r->ex;
    struct ctx *cx = &ex->rq.cx;
    struct bytes held = { (const uint8_t *)r->held.p, r->held.n };
    err_t e = r->asked->rewrite(&ex->rq, held, &r->rewritten);

    return e == ERR_OK && cx->arena->failed ? refuse_memory(cx) : e;
}

/* With a scratch that all of the loop's share: memory of each exchange's own is cold. */
static err_t
rewrite_warm(struct relay *r)
{
    struct ctx *cx = &r->ex->rq.cx;
    struct arena *warm = &r->ex->http->rewriting;
    err_t e;

    warm->ceiling = cx->arena->ceiling;
    if (warm->block == NULL)
        (void)!arena_take(warm, WARM); /* one block from now on, where there is memory */
    arena_reset(warm);
    cx->scratch = warm;
    e = rewrite(r);
    cx->scratch = cx->arena;
    return e;
}

static void
rewrite_in_pool(struct pool_job *job)
{
    struct relay *r = container_of(job, struct relay, job);

    r->ex->result = rewrite(r);
    loop_post(r->ex->http->loop, &r->ex->back);
}

static void
to_pool(struct relay *r)
{
    struct exchange *ex = r->ex;

    ex->rq.cx.may_not_block = false;
    r->job.fn = rewrite_in_pool;
    ex->back.fn = back_on_loop;
    ex->conn->busy = pool_put(ex->http->pool, &r->job);
    if (ex->conn->busy)
        return;
    COUNT_UP(ex->http, pool_full);
    fail(r, refuse(&ex->rq.cx, ERR_UNAVAILABLE, "http.pool.queue", "all threads are busy"));
}

static void
rewrite_held(struct relay *r)
{
    struct exchange *ex = r->ex;

    if ((ex->result = take_head(r)) != ERR_OK) {
        fail(r, ex->result);
        return;
    }
    if (r->held.n > REWRITE_HERE) {
        to_pool(r);
        return;
    }
    ex->rq.cx.may_not_block = true;
    ex->result = rewrite_warm(r);
    if (ex->result == ERR_WOULD_BLOCK) {
        refuse_clear(&ex->rq.cx);
        to_pool(r);
        return;
    }
    rewritten(r);
}

/* --- start and end ------------------------------------------------------------- */

static void
on_done(struct transfer *t, err_t e)
{
    struct relay *r = container_of(t, struct relay, t);

    r->over = true;
    r->status = t->status;
    if (e != ERR_OK && r->head_sent)
        break_off(r);
    else if (e != ERR_OK)
        fail(r, e);
    else if (r->asked->rewrite != NULL)
        rewrite_held(r);
    else
        flush_later(r);
}

static int64_t
timeout_of(const struct relay *r)
{
    const struct exchange *ex = r->ex;
    int64_t left = ex->rq.cx.deadline_ms - loop_now(ex->http->loop) - ANSWER_MARGIN_MS;

    if (r->asked->timeout_ms > 0 && r->asked->timeout_ms < left)
        return r->asked->timeout_ms;
    return left > 1 ? left : 1;
}

void
relay_start(struct exchange *ex)
{
    struct relay *r = malloc(sizeof(*r));
    const struct reply_relay *asked = ex->relay_asked;
    struct fetch *f = ex->rq.cx.sys == NULL ? NULL : ex->rq.cx.sys->fetch;
    err_t e;

    ex->relay_asked = NULL;
    COUNT_UP(ex->http, relays);
    if (r == NULL) {
        exchange_broken(ex);
        reply_error(ex, refuse(&ex->rq.cx, ERR_NO_MEMORY, "", "no memory for a relay"));
        conn_reply(ex->conn);
        return;
    }
    ex->relay = r;
    *r = (struct relay){ .ex = ex, .asked = asked, .task.fn = flush, .length = -1 };
    buf_init(&r->held, &ex->arena);
    r->t = (struct transfer){ .cx = &ex->rq.cx,
                              .trust = FETCH_CONFIGURED,
                              .use = CLIENT_RELAY,
                              .method = asked->method,
                              .url = asked->url,
                              .headers = asked->headers,
                              .header_count = asked->header_count,
                              .request = asked->body,
                              .timeout_ms = timeout_of(r),
                              .repeatable = asked->repeatable,
                              .head = on_head,
                              .body = on_body,
                              .done = on_done };
    if (f == NULL)
        e = refuse(&ex->rq.cx, ERR_UNAVAILABLE, "", "this role has no upstreams");
    else
        e = client_start(fetch_client(f), &r->t);
    if (e == ERR_OK)
        return;
    r->over = true;
    if (e == ERR_UNAVAILABLE)
        COUNT_UP(ex->http, relays_capped);
    fail(r, e);
}
