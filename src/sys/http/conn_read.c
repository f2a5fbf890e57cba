/*
 * conn_read.c - a connection's bytes in: taken, given to the parser, kept for the next
 * turn.
 *
 * Trust     The peer's: any byte may be the last, or one of too many.
 * Lifetime  What is read lies in the loop's scratch until the turn ends; what was not
 *           worked off is copied into `in`, which a connection without such has not.
 * Source    Knoop. EUPL-1.2.
 */
#include "sys/http/conn_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { READ_AT_LEAST = 8 * 1024 };

static bool
is_reading(const struct http_conn *c)
{
    return c->state == CONN_IDLE || c->state == CONN_HEAD || c->state == CONN_BODY;
}

/* What the parser refused: say so, and hear no more on this connection. */
void
conn__refused(struct http_conn *c)
{
    struct exchange *ex = c->ex;

    ex->close_after = c->linger = ex->binding = true;
    ex->is_http10 = false;
    ex->audited = false;
    conn__deadline(c, c->http->limits.time_answer);
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
        conn__deadline(c, c->http->limits.time_body);
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
        conn__deadline(c, c->http->limits.time_header);
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
    case PARSE_WHOLE: conn__dispatch(c); return used;
    case PARSE_REFUSED: conn__refused(c); break;
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
            conn__later(c);
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

void
conn__read(struct http_conn *c)
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

void
conn__go_on(struct http_conn *c)
{
    if (c->state != CONN_IDLE)
        return;
    if (c->in_n > 0)
        go(c, c->in, 0, c->in_n);
    if (c->tls != NULL && is_reading(c))
        conn__read(c);
}

void
conn__swallow(struct http_conn *c)
{
    ssize_t n = recv(c->io.fd, c->http->scratch, SCRATCH, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    c->lingered += n > 0 ? (size_t)n : 0;
    if (n <= 0 || c->lingered > LINGER_BYTES)
        conn_close(c);
}
