/* direct.c - HTTP/1.1 to an upstream, on the loop. EUPL-1.2. */
#include "sys/http/direct.h"
#include "sys/http/parser.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PIECE = 64 * 1024, /* one read, and so the most that is put aside for a pause */
    READS = 4,         /* of one connection before others have their turn */
    IDLE_MOST = 256,   /* kept connections, to all upstreams */
    IDLE_MS = 15000,   /* shorter than servers wait */
    CONNECT_MS = 10000,
};

struct direct_conn {
    struct loop_io io;
    struct loop_timer timer; /* the transfer's end, or the idle one's */
    struct loop_task task;   /* what must not happen within direct_go_on */
    struct direct *of;
    struct direct_conn *next; /* idle ones */
    struct direct_to to;
    struct transfer *t; /* NULL: idle */
    int64_t end_ms;
    struct bytes out[2]; /* head and body of the request */
    size_t out_at;
    llhttp_t parser;
    struct buf line; /* of the answer's head */
    uint8_t *aside;  /* came while the owner did not want it */
    size_t aside_n;
    err_t verdict; /* for the task */
    bool watched, connecting, reused, answered, head_done, whole, keep, paused;
    bool queued, dead;
};

struct direct {
    struct loop *loop;
    void (*done)(struct transfer *t, err_t e);
    struct direct_conn *idle;
    size_t idle_n;
    llhttp_settings_t settings;
    char scratch[PIECE];
};

/* --- URLs ------------------------------------------------------------------------ */

bool
direct_url_parse(struct str url, struct direct_url *out)
{
    struct str rest;
    size_t end = 0;

    *out = (struct direct_url){ 0 };
    if (!str_starts(url, S("http://")))
        return false;
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= ' ' || url.p[i] >= 0x7F || strchr("#@\\\"<>^`{|}", url.p[i]))
            return false;
    rest = str_sub(url, 7, url.n);
    while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
        end++;
    out->authority = str_sub(rest, 0, end);
    out->target = str_sub(rest, end, rest.n);
    return addr_split(out->authority, &out->host, &out->port) && out->host.n > 0 &&
           (out->target.n == 0 || out->target.p[0] == '/');
}

/* --- ends ------------------------------------------------------------------------ */

static void
unwatch(struct direct_conn *c)
{
    if (c->watched)
        loop_remove(c->of->loop, &c->io);
    c->watched = false;
}

static bool
watch(struct direct_conn *c, uint32_t events)
{
    if (!c->watched) {
        c->io.events = events;
        c->watched = loop_add(c->t->cx, c->of->loop, &c->io) == ERR_OK;
    } else if (c->io.events != events) {
        loop_change(c->of->loop, &c->io, events);
    }
    return c->watched;
}

static void
hang_up(struct direct_conn *c)
{
    loop_timer_clear(c->of->loop, &c->timer);
    unwatch(c);
    if (c->io.fd >= 0)
        close(c->io.fd);
    c->io.fd = -1;
}

/* One whose task is queued is freed by it. */
static void
bury(struct direct_conn *c)
{
    hang_up(c);
    free(c->aside);
    c->aside = NULL;
    c->dead = true;
    if (!c->queued)
        free(c);
}

static void
leave_idle(struct direct_conn *c)
{
    struct direct_conn **at = &c->of->idle;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->of->idle_n--;
}

static bool
unsent(const struct direct_conn *c)
{
    return c->out_at < c->out[0].n + c->out[1].n;
}

static void
become_idle(struct direct_conn *c)
{
    struct direct *d = c->of;

    if (!c->keep || unsent(c) || !c->watched || c->io.events != EPOLLIN ||
        d->idle_n >= IDLE_MOST ||
        !loop_timer_set(d->loop, &c->timer, loop_now(d->loop) + IDLE_MS)) {
        bury(c);
        return;
    }
    c->next = d->idle;
    d->idle = c;
    d->idle_n++;
}

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
        become_idle(c);
    else
        bury(c);
    d->done(t, e);
}

static void
fail(struct direct_conn *c, const char *why)
{
    finish(c, refuse(c->t->cx, ERR_UPSTREAM, "", "%s", why));
}

/* --- the answer, from llhttp --------------------------------------------------------- */

static int
give_line(struct direct_conn *c, struct str line)
{
    struct transfer *t = c->t;

    t->head_bytes += line.n;
    t->stopped = t->head_bytes > CLIENT_HEAD_MAX || c->line.failed || !t->head(t, line);
    return t->stopped ? HPE_USER : 0;
}

static int
on_status_complete(llhttp_t *p)
{
    struct direct_conn *c = p->data;
    char line[32];
    int n = snprintf(line, sizeof(line), "HTTP/%d.%d %d", p->http_major, p->http_minor,
                     p->status_code);

    c->line.n = 0;
    return give_line(c, (struct str){ line, (size_t)n });
}

/* Trailers are read and forgotten, up to the head's limit. */
static int
on_part(llhttp_t *p, const char *at, size_t n)
{
    struct direct_conn *c = p->data;

    if (c->head_done) {
        c->t->head_bytes += n;
        c->t->stopped = c->t->head_bytes > CLIENT_HEAD_MAX;
        return c->t->stopped ? HPE_USER : 0;
    }
    if (c->line.n + n > CLIENT_HEAD_MAX) {
        c->t->stopped = true;
        return HPE_USER;
    }
    buf_add(&c->line, at, n);
    return 0;
}

static int
on_field_complete(llhttp_t *p)
{
    struct direct_conn *c = p->data;

    if (!c->head_done)
        buf_c(&c->line, ':');
    return 0;
}

static int
on_value_complete(llhttp_t *p)
{
    struct direct_conn *c = p->data;
    struct str line = { c->line.p, c->line.n };

    if (c->head_done)
        return 0;
    c->line.n = 0;
    return give_line(c, line);
}

static int
on_headers_complete(llhttp_t *p)
{
    struct direct_conn *c = p->data;

    if (p->status_code / 100 == 1) /* 101 was not asked for; others come before the answer */
        return p->status_code == 101 ? HPE_USER : 0;
    c->head_done = true;
    return c->t->method == HTTP_HEAD ? 1 : 0; /* 1: no body follows */
}

static int
put_aside(struct direct_conn *c, const char *at, size_t n)
{
    uint8_t *more = realloc(c->aside, c->aside_n + n);

    if (more == NULL) {
        c->t->stopped = true;
        return HPE_USER;
    }
    memcpy(more + c->aside_n, at, n);
    c->aside = more;
    c->aside_n += n;
    return 0;
}

static int
on_body(llhttp_t *p, const char *at, size_t n)
{
    struct direct_conn *c = p->data;

    if (c->paused)
        return put_aside(c, at, n);
    switch (c->t->body(c->t, (struct bytes){ (const uint8_t *)at, n })) {
    case CLIENT_TAKEN: return 0;
    case CLIENT_PAUSE: c->paused = true; return put_aside(c, at, n);
    case CLIENT_STOP: break;
    }
    c->t->stopped = true;
    return HPE_USER;
}

static int
on_message_complete(llhttp_t *p)
{
    struct direct_conn *c = p->data;

    if (!c->head_done) /* an interim answer: the one that was asked for follows */
        return 0;
    c->whole = true;
    c->keep = llhttp_should_keep_alive(p);
    return HPE_PAUSED;
}

static void
set_parser(struct direct_conn *c)
{
    llhttp_init(&c->parser, HTTP_RESPONSE, &c->of->settings);
    c->parser.data = c;
    c->head_done = c->whole = c->keep = c->paused = c->answered = false;
}

/* --- sending -------------------------------------------------------------------------- */

/* False when the connection broke. */
static bool
send_more(struct direct_conn *c)
{
    while (unsent(c)) {
        size_t at = c->out_at;
        struct iovec v[2] = { { NULL, 0 }, { NULL, 0 } };
        struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };
        ssize_t n;

        for (size_t i = 0; i < 2; i++) {
            size_t skip = at < c->out[i].n ? at : c->out[i].n;

            v[i].iov_base = (void *)(uintptr_t)(c->out[i].p + skip);
            v[i].iov_len = c->out[i].n - skip;
            at -= skip;
        }
        n = sendmsg(c->io.fd, &m, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return watch(c, EPOLLIN | EPOLLOUT);
        if (n < 0)
            return false;
        c->out_at += (size_t)n;
    }
    return watch(c, EPOLLIN);
}

/* ::ffff:a.b.c.d goes out as IPv4: there need be no IPv6 here. */
static socklen_t
sockaddr_of(const struct direct_to *to, struct sockaddr_storage *out)
{
    static const uint8_t mapped[12] = { [10] = 0xFF, [11] = 0xFF };
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(to->port) };
    struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(to->port) };

    memset(out, 0, sizeof(*out));
    if (memcmp(to->addr.ip, mapped, sizeof(mapped)) == 0) {
        memcpy(&four.sin_addr, to->addr.ip + 12, 4);
        memcpy(out, &four, sizeof(four));
        return sizeof(four);
    }
    memcpy(&six.sin6_addr, to->addr.ip, 16);
    memcpy(out, &six, sizeof(six));
    return sizeof(six);
}

static bool
dial(struct direct_conn *c)
{
    struct sockaddr_storage sa;
    socklen_t n = sockaddr_of(&c->to, &sa);
    int one = 1;

    c->io.fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->io.fd < 0)
        return false;
    setsockopt(c->io.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(c->io.fd, (const struct sockaddr *)(const void *)&sa, n) != 0 &&
        errno != EINPROGRESS)
        return false;
    c->connecting = true;
    c->reused = false;
    return watch(c, EPOLLOUT);
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
    hang_up(c);
    set_parser(c);
    c->out_at = 0;
    if (!dial(c) || !set_end(c))
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
        unwatch(c);
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
    if (!set_end(c) || !send_more(c))
        fail(c, "the connection broke");
}

static void
on_ready(struct loop_io *io, uint32_t ready)
{
    struct direct_conn *c = container_of(io, struct direct_conn, io);

    if (c->t == NULL) { /* nothing was asked: closed, or out of step */
        leave_idle(c);
        bury(c);
        return;
    }
    if (c->connecting) {
        on_connected(c);
        return;
    }
    if ((ready & EPOLLOUT) && !send_more(c)) {
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
        leave_idle(c);
        bury(c);
        return;
    }
    finish(c, refuse(c->t->cx, ERR_DEADLINE, "",
                     c->connecting ? "no connection in time" : "no whole answer in time"));
}

static void
on_task(struct loop_task *task)
{
    struct direct_conn *c = container_of(task, struct direct_conn, task);

    c->queued = false;
    if (c->dead)
        free(c);
    else if (c->verdict != ERR_OK)
        stopped(c);
    else if (!c->paused)
        finish(c, ERR_OK);
}

static void
later(struct direct_conn *c, err_t verdict)
{
    c->verdict = verdict;
    if (c->queued)
        return;
    c->queued = true;
    loop_after(c->of->loop, &c->task);
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
    if (!watch(c, unsent(c) ? EPOLLIN | EPOLLOUT : EPOLLIN))
        later(c, ERR_UPSTREAM);
    else if (c->whole)
        later(c, ERR_OK);
}

/* --- the request --------------------------------------------------------------------- */

static err_t
put_header(struct transfer *t, struct buf *b, struct str h)
{
    if (memchr(h.p, '\0', h.n) != NULL || memchr(h.p, '\r', h.n) != NULL ||
        memchr(h.p, '\n', h.n) != NULL || str_find(h, ':') == h.n)
        return refuse(t->cx, ERR_BAD_REQUEST, "RFC 9112 5", "a header is malformed");
    buf_str(b, h);
    buf_z(b, "\r\n");
    return ERR_OK;
}

static err_t
put_request(struct transfer *t, const struct direct_url *url, struct str *out)
{
    bool sized = t->request.n > 0 || t->method == HTTP_POST || t->method == HTTP_PUT;
    bool accepts = false;
    char trace[CLIENT_TRACE];
    struct buf b;
    err_t e;

    buf_init(&b, t->cx->arena);
    buf_z(&b, http_method_name(t->method));
    buf_c(&b, ' ');
    buf_str(&b, url->target.n > 0 ? url->target : S("/"));
    buf_z(&b, " HTTP/1.1\r\nHost: ");
    buf_str(&b, url->authority);
    buf_z(&b, "\r\nUser-Agent: knoop/" KNOOP_VERSION "\r\n");
    for (size_t i = 0; i < t->header_count; i++) {
        if ((e = put_header(t, &b, t->headers[i])) != ERR_OK)
            return e;
        accepts = accepts || str_eq_case(str_sub(t->headers[i], 0, 7), S("accept:"));
    }
    if (!accepts)
        buf_z(&b, "Accept: */*\r\n");
    if (client_trace(t, trace)) {
        buf_z(&b, trace);
        buf_z(&b, "\r\n");
    }
    if (sized)
        buf_printf(&b, "Content-Length: %zu\r\n", t->request.n);
    buf_z(&b, "\r\n");
    return buf_done(t->cx, &b, out);
}

/* --- starting and ending ------------------------------------------------------------- */

static struct direct_conn *
take_idle(struct direct *d, const struct direct_to *to)
{
    for (struct direct_conn *c = d->idle; c != NULL; c = c->next)
        if (c->to.port == to->port && memcmp(&c->to.addr, &to->addr, sizeof(to->addr)) == 0) {
            leave_idle(c);
            return c;
        }
    return NULL;
}

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
        return dial(c) && set_end(c);
    c->reused = true;
    if (!set_end(c))
        return false;
    if (send_more(c))
        return true;
    hang_up(c);
    c->out_at = 0;
    return dial(c) && set_end(c);
}

err_t
direct_start(struct direct *d, struct transfer *t, const struct direct_url *url,
             const struct direct_to *to)
{
    struct direct_conn *c;
    struct str head;
    err_t e = put_request(t, url, &head);

    if (e != ERR_OK)
        return e;
    if ((c = take_idle(d, to)) == NULL && (c = new_conn(d, to)) == NULL)
        return refuse(t->cx, ERR_NO_MEMORY, "", "no memory for a connection");
    c->t = t;
    t->direct = c;
    c->out[0] = bytes_of(head);
    c->out[1] = t->request;
    c->out_at = 0;
    c->end_ms = loop_clock() + t->timeout_ms;
    set_parser(c);
    buf_init(&c->line, t->cx->arena);
    if (begin(c))
        return ERR_OK;
    t->direct = NULL;
    c->t = NULL;
    bury(c);
    return refuse(t->cx, ERR_UPSTREAM, "", "no connection");
}

void
direct_cancel(struct transfer *t)
{
    struct direct_conn *c = t->direct;

    t->direct = NULL;
    c->t = NULL;
    bury(c);
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
    llhttp_settings_init(&d->settings);
    d->settings.on_status_complete = on_status_complete;
    d->settings.on_header_field = on_part;
    d->settings.on_header_field_complete = on_field_complete;
    d->settings.on_header_value = on_part;
    d->settings.on_header_value_complete = on_value_complete;
    d->settings.on_headers_complete = on_headers_complete;
    d->settings.on_body = on_body;
    d->settings.on_message_complete = on_message_complete;
    return d;
}

void
direct_close(struct direct *d)
{
    while (d != NULL && d->idle != NULL) {
        struct direct_conn *c = d->idle;

        leave_idle(c);
        bury(c);
    }
    free(d);
}
