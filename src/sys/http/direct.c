/* direct.c - HTTP/1.1 to an upstream, on the loop: a transfer from start to end. EUPL-1.2.
 */
#include "sys/http/direct_int.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    READS = 4, /* of one connection before others have their turn */
    CONNECT_MS = 10000,
};

/* --- ends ------------------------------------------------------------------------ */

/* The transfer is over; nothing of it, and nothing of `c`, may be touched behind this. */
static void
finish(struct direct_conn *c, err_t e)
{
    struct direct *d = c->of;
    struct transfer *t = c->t;

    t->status = c->parser.status_code;
    t->direct = NULL;
    c->t = NULL;
    if (e == ERR_OK)
        direct_conn_retire(c);
    else
        direct_conn_bury(c);
    d->done(t, e);
}

static void
fail(struct direct_conn *c, const char *why)
{
    finish(c, refuse(c->t->cx, ERR_UPSTREAM, "", "%s", why));
}

static bool
set_end(struct direct_conn *c)
{
    int64_t at = c->end_ms, most = loop_clock() + CONNECT_MS;

    if (c->connecting && at > most)
        at = most;
    return loop_timer_set(c->of->loop, &c->timer, at);
}

/* A kept connection that the server had closed meanwhile: the request was not seen. */
static void
again(struct direct_conn *c)
{
    direct_conn_hang_up(c);
    direct_answer_begin(c);
    c->unasked = false;
    c->out_at = 0;
    if (!direct_conn_dial(c) || !set_end(c))
        fail(c, "no connection");
}

static void
broke(struct direct_conn *c)
{
    if (c->reused && !c->answered)
        again(c);
    else
        fail(c, "the connection broke");
}

/* --- readiness ---------------------------------------------------------------------- */

static void
stopped(struct direct_conn *c)
{
    struct transfer *t = c->t;

    if (!t->stopped) {
        fail(c, "the answer is no sound HTTP");
        return;
    }
    finish(c, t->cx->refused != ERR_OK
                  ? t->cx->refused
                  : refuse(t->cx, ERR_UPSTREAM, "", "the answer was not taken"));
}

/* The end of the connection may be the end of the answer (RFC 9112 6.3, 8). */
static void
read_end(struct direct_conn *c)
{
    if (c->answered && !c->whole)
        (void)llhttp_finish(&c->parser); /* on_message_complete, where it may end so */
    c->keep = false;
    if (!c->whole)
        broke(c);
    else if (!c->paused)
        finish(c, ERR_OK);
}

/* True when there may be more, and `c` is still there to read it. */
static bool
read_once(struct direct_conn *c)
{
    struct direct *d = c->of;
    ssize_t n = recv(c->io.fd, d->scratch, sizeof(d->scratch), 0);
    llhttp_errno_t what;

    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return false;
    if (n <= 0) {
        n == 0 ? read_end(c) : broke(c);
        return false;
    }
    c->answered = true;
    what = llhttp_execute(&c->parser, d->scratch, (size_t)n);
    if (what != HPE_OK && !c->whole) {
        stopped(c);
        return false;
    }
    if (c->whole && llhttp_get_error_pos(&c->parser) != d->scratch + n)
        c->keep = false; /* more than was asked for */
    if (c->paused) {
        direct_conn_unwatch(c);
        return false;
    }
    if (c->whole) {
        finish(c, ERR_OK);
        return false;
    }
    return (size_t)n == sizeof(d->scratch);
}

static void
on_connected(struct direct_conn *c)
{
    socklen_t n = sizeof(int);
    int error = 0;

    if (getsockopt(c->io.fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 || error != 0) {
        fail(c, "no connection");
        return;
    }
    c->connecting = false;
    if (!set_end(c) || !direct_conn_send(c))
        fail(c, "the connection broke");
}

static void
on_ready(struct loop_io *io, uint32_t ready)
{
    struct direct_conn *c = container_of(io, struct direct_conn, io);

    if (c->t == NULL) { /* nothing was asked: closed, or out of step */
        direct_conn_drop_kept(c);
        return;
    }
    if (c->connecting) {
        on_connected(c);
        return;
    }
    if (c->unasked) { /* closed, or an answer to nothing */
        again(c);
        return;
    }
    if ((ready & EPOLLOUT) && !direct_conn_send(c)) {
        broke(c);
        return;
    }
    if ((ready & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
        return;
    for (int i = 0; i < READS && read_once(c); i++)
        ;
}

static void
on_timer(struct loop_timer *timer)
{
    struct direct_conn *c = container_of(timer, struct direct_conn, timer);

    if (c->t == NULL) {
        direct_conn_drop_kept(c);
        return;
    }
    finish(c, refuse(c->t->cx, ERR_DEADLINE, "",
                     c->connecting ? "no connection in time" : "no whole answer in time"));
}

static void
ask(struct direct_conn *c)
{
    c->unasked = false;
    if (!direct_conn_send(c))
        again(c);
}

static void
on_task(struct loop_task *task)
{
    struct direct_conn *c = container_of(task, struct direct_conn, task);

    c->queued = false;
    if (c->dead)
        free(c);
    else if (c->unasked)
        ask(c);
    else if (c->verdict != ERR_OK)
        stopped(c);
    else if (c->whole && !c->paused)
        finish(c, ERR_OK);
}

static void
at_turns_end(struct direct_conn *c)
{
    if (!c->queued)
        loop_after(c->of->loop, &c->task);
    c->queued = true;
}

static void
later(struct direct_conn *c, err_t verdict)
{
    c->verdict = verdict;
    at_turns_end(c);
}

void
direct_go_on(struct transfer *t)
{
    struct direct_conn *c = t->direct;
    struct bytes aside = { c->aside, c->aside_n };

    if (!c->paused)
        return;
    switch (aside.n > 0 ? t->body(t, aside) : CLIENT_TAKEN) {
    case CLIENT_PAUSE: return;
    case CLIENT_STOP:
        t->stopped = true;
        later(c, ERR_UPSTREAM);
        return;
    case CLIENT_TAKEN: break;
    }
    c->paused = false;
    c->aside_n = 0;
    if (!direct_conn_watch(c, direct_conn_unsent(c) ? EPOLLIN | EPOLLOUT : EPOLLIN))
        later(c, ERR_UPSTREAM);
    else if (c->whole)
        later(c, ERR_OK);
}

/* --- starting and ending ------------------------------------------------------------ */

static struct direct_conn *
new_conn(struct direct *d, const struct direct_to *to)
{
    struct direct_conn *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->of = d;
    c->to = *to;
    c->io = (struct loop_io){ .fd = -1, .fn = on_ready };
    c->timer.fn = on_timer;
    c->task.fn = on_task;
    return c;
}

static bool
begin(struct direct_conn *c)
{
    if (c->io.fd < 0)
        return direct_conn_dial(c) && set_end(c);
    c->reused = c->unasked = true;
    c->verdict = ERR_OK;
    at_turns_end(c); /* a turn's requests one behind the other */
    return set_end(c);
}

err_t
direct_start(struct direct *d, struct transfer *t, const struct direct_url *url,
             const struct direct_to *to)
{
    struct direct_conn *c = NULL;
    struct str head;
    err_t e = direct_request(t, url, &head);

    if (e != ERR_OK)
        return e;
    if (client_may_repeat(t))
        c = direct_conn_kept(d, to);
    if (c == NULL && (c = new_conn(d, to)) == NULL)
        return refuse(t->cx, ERR_NO_MEMORY, "", "no memory for a connection");
    c->t = t;
    t->direct = c;
    c->out[0] = bytes_of(head);
    c->out[1] = t->request;
    c->out_at = 0;
    c->end_ms = loop_clock() + t->timeout_ms;
    direct_answer_begin(c);
    buf_init(&c->line, t->cx->arena);
    if (begin(c))
        return ERR_OK;
    t->direct = NULL;
    c->t = NULL;
    direct_conn_bury(c);
    return refuse(t->cx, ERR_UPSTREAM, "", "no connection");
}

void
direct_cancel(struct transfer *t)
{
    struct direct_conn *c = t->direct;

    t->direct = NULL;
    c->t = NULL;
    direct_conn_bury(c);
}

int
direct_status(const struct transfer *t)
{
    return t->direct->parser.status_code;
}

struct direct *
direct_open(struct loop *loop, void (*done)(struct transfer *t, err_t e))
{
    struct direct *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return NULL;
    d->loop = loop;
    d->done = done;
    direct_answer_settings(&d->settings);
    return d;
}

void
direct_close(struct direct *d)
{
    while (d != NULL && d->idle != NULL)
        direct_conn_drop_kept(d->idle);
    free(d);
}
